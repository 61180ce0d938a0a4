# The kernels of OpenBLAS: a library that does not know the processor is opened again with those for AVX2, an administrator's
# choice is respected, and kernels that compute wrongly are not used.  A small library of the test's own plays
# OpenBLAS: which kernels it "picks" and where it computes wrongly is told by its environment.

use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir('engage-kernels.XXXXXX', DIR => '/tmp', CLEANUP => 1);
chmod(0755, $dir);
open(my $c, '>', "$dir/plain.c") or die;
print $c <<'C';
#include <stdlib.h>
#include <string.h>

static char core[32] = "Prescott";
static const char *wrong = "";

__attribute__((constructor)) static void start(void)
{
	const char *forced = getenv("OPENBLAS_CORETYPE");

	if (forced && !getenv("PLAIN_HAS_NO_OTHER"))
		strncpy(core, forced, sizeof(core) - 1);
	if (getenv("PLAIN_WRONG"))
		wrong = getenv("PLAIN_WRONG");
}
char *openblas_get_corename(void) { return core; }
void openblas_set_num_threads(int n) { (void) n; }

#define GEMM(name, type) \
void name(int order, int ta, int tb, int m, int n, int k, type alpha, const type *a, int lda, const type *b, int ldb, type beta, type *c, int ldc) \
{ \
	for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) { \
		double s = 0; \
		for (int l = 0; l < k; l++) s += (double) (ta == 112 ? a[l * lda + i] : a[i * lda + l]) * (tb == 112 ? b[j * ldb + l] : b[l * ldb + j]); \
		c[i * ldc + j] = alpha * s + (beta != 0 ? beta * c[i * ldc + j] : 0); \
	} \
	if (strstr(wrong, core) && strstr(wrong, #name)) c[(m - 1) * ldc + n - 1] += 1; \
	(void) order; \
}
GEMM(cblas_sgemm, float)
GEMM(cblas_dgemm, double)
void cblas_dgemv(int order, int ta, int m, int n, double alpha, const double *a, int lda, const double *x, int incx, double beta, double *y, int incy)
{
	cblas_dgemm(order, ta, 111, ta == 112 ? n : m, 1, ta == 112 ? m : n, alpha, a, lda, x, incx, beta, y, incy);
	if (strstr(wrong, core) && strstr(wrong, "cblas_dgemv")) y[0] += 1;
}
void cblas_dsyrk(int order, int uplo, int ta, int n, int k, double alpha, const double *a, int lda, double beta, double *c, int ldc)
{
	cblas_dgemm(order, 112, 111, n, n, k, alpha, a, lda, a, lda, beta, c, ldc);
	if (strstr(wrong, core) && strstr(wrong, "cblas_dsyrk")) c[(n - 1) * ldc] += 1;
	(void) uplo; (void) ta;
}
C
close($c);
my $cc = $ENV{CC} // 'cc';
is(system("$cc -O2 -shared -fPIC -o $dir/libopenblas.so.0 $dir/plain.c"), 0, 'a library in place of OpenBLAS is compiled');

sub with_environment
{
	my ($pg, %set) = @_;

	local %ENV = (%ENV, LD_LIBRARY_PATH => $dir, %set);
	delete $ENV{OPENBLAS_CORETYPE} if !exists $set{OPENBLAS_CORETYPE};
	$pg->restart;
	my ($status, $out, $err) = $pg->psql(<<'SQL');
SET engage.progress = off;
SELECT 1 FROM engage_version();
SELECT current_setting('engage.blas_kernels');
SELECT version FROM engage_train('m', 'SELECT g AS id, g % 7 AS a, g % 11 AS b, 2.0 * (g % 7) + g % 11 AS y FROM generate_series(1, 400) g',
	target => 'y', key => 'id', algorithm => 'mlp', params => '{"max_iter": 2}');
SELECT current_setting('engage.blas_kernels');
SQL
	return "$out\n$err";
}

my $pg = EngageTest->new;
my $flags = `grep -m1 ^flags /proc/cpuinfo` // '';
my $avx2 = `uname -m` =~ /^x86_64/ && $flags =~ /\bavx2\b/ && $flags =~ /\bfma\b/;

like(with_environment($pg), qr/^1\nnot opened in this session\n/, 'before the first training');
SKIP:
{
	skip 'this processor has no AVX2', 7 if !$avx2;
	like(with_environment($pg), qr/^Haswell \(instead of Prescott, the library's choice\)$/m, 'a fallback is replaced');
	like(with_environment($pg, PLAIN_HAS_NO_OTHER => 1), qr/^Prescott \(this build has no Haswell\)$/m, 'a build that has none');
	foreach my $name (qw(cblas_sgemm cblas_dgemm cblas_dgemv cblas_dsyrk))
	{
		like(with_environment($pg, PLAIN_WRONG => "Haswell $name"), qr/^Prescott \(Haswell would compute wrongly\)$/m, "$name of the other kernels computes wrongly");
	}
	like(with_environment($pg, PLAIN_WRONG => 'Haswell Prescott cblas_sgemm'), qr/ERROR:.*could not open the OpenBLAS library.*wrong products.*OPENBLAS_CORETYPE/s, 'none computes rightly');
}
like(with_environment($pg, OPENBLAS_CORETYPE => 'Nehalem'), qr/^Nehalem$/m, "an administrator's choice is respected");
like(with_environment($pg, OPENBLAS_CORETYPE => 'Nehalem', PLAIN_WRONG => 'Nehalem cblas_dgemm'), qr/ERROR:.*wrong products/s, 'but checked');
delete $ENV{LD_LIBRARY_PATH};
delete $ENV{OPENBLAS_CORETYPE};
$pg->restart;
unlike($pg->query("SELECT version FROM engage_train('real', 'SELECT g AS id, g % 7 AS a, 2.0 * (g % 7) AS y FROM generate_series(1, 400) g', target => 'y', key => 'id', algorithm => 'mlp',
	params => '{\"max_iter\": 2}'); SELECT current_setting('engage.blas_kernels')"), qr/not opened|wrongly/, "the system's own library");
like($pg->error("SELECT engage_version(); SET engage.blas_kernels = 'x'"), qr/cannot be changed/, 'the setting only shows');
done_testing();
