# Cancel, timeout and termination while engage reads and while it trains: answered at once, nothing
# left behind, the backend as good as new; and what others see of a training meanwhile.

use strict;
use warnings;
use EngageTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $pg = EngageTest->new;
my $started = $pg->query('SELECT pg_postmaster_start_time()');

$pg->query(<<'SQL');
CREATE TABLE rows AS
SELECT g AS id, random() < 0.5 AS y, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e,
	random() AS f, random() AS h, random() AS i, random() AS j, random() AS k, random() AS l, random() AS m
FROM generate_series(1, 100000) g;
CREATE VIEW slow AS SELECT *, CASE WHEN pg_sleep(0.1) IS NULL THEN 1 ELSE 2 END AS z FROM rows;
CREATE VIEW endless AS SELECT a % 7 AS a, b, b % 3 = 0 AS y FROM generate_series(1, 100000) a, generate_series(1, 100000) b;
SQL

my $long = "SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":20000,\"max_depth\":8}')";
my $reading_slow = "SELECT engage_train('m', 'slow', target => 'y', key => 'id')";
my $reading_fast = "SELECT engage_train('m', 'endless', target => 'y')";

# Nothing of a failed call is left.
sub clean
{
	my ($what) = @_;

	is($pg->query('SELECT (SELECT count(*) FROM engage.model) + (SELECT count(*) FROM engage.version)
			+ (SELECT count(*) FROM engage.artifact) + (SELECT count(*) FROM engage.event)'),
		'0', "$what: no rows in the registry");
	is($pg->query("SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 't') + (SELECT count(*) FROM pg_ls_tmpdir())"),
		'0', "$what: no temporary table or file");
	is($pg->query("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname IN ('rows', 'model')"),
		'0', "$what: no lock");
}

# Is the session in the middle of it?  The reader has the table open; the trainer shows its rounds.
sub wait_reading
{
	my ($s, $seconds) = @_;

	$pg->wait_for("SELECT state = 'active' AND query LIKE '%engage_train%' FROM pg_stat_activity WHERE pid = " . $s->pid) or return 0;
	sleep $seconds;
	return 1;
}

sub wait_training
{
	my ($s) = @_;

	return $pg->wait_for("SELECT query ~ '^training m: \\[[#.]{20}\\] round \\d+ of 20000' FROM pg_stat_activity WHERE pid = " . $s->pid);
}

my $s = $pg->session;

# ---- a training shows where it is
$s->send($long);
ok(wait_training($s), 'another session sees the round in pg_stat_activity');
like($pg->query('SELECT query FROM pg_stat_activity WHERE pid = ' . $s->pid),
	qr/^training m: .* left -- SELECT engage_train/, 'with the time left and the call itself');
my $began = time;
$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
my ($out, $err) = $s->finish;
my $slowest = time - $began;
like($err, qr/ERROR:  57014: canceling statement due to user request/, 'cancelled while training');
like($err, qr/CONTEXT:  while training model "m"/, 'and the message says what was cancelled');
like($err, qr/NOTICE:  00000: training m: \[[#.]{20}\] round \d+ of 20000, .* left/, 'the session itself saw notices');
cmp_ok($slowest, '<', 5, 'at once');
is($s->query('SELECT 1'), '1', 'the backend is usable');
unlike($pg->query('SELECT query FROM pg_stat_activity WHERE pid = ' . $s->pid), qr/training/, 'its line is gone');
clean('cancelled while training');

# ---- the notices can be turned off
$s->send("SET engage.progress = off; SET statement_timeout = '3s'; $long");
ok(wait_training($s), 'without notices others see it too');
($out, $err) = $s->finish;
like($err, qr/57014: canceling statement due to statement timeout/, 'statement_timeout while training');
unlike($err, qr/NOTICE/, 'without notices');
$s->query('RESET statement_timeout');
clean('timed out while training');

# ---- cancelled while reading: rows that come slowly, rows that come fast
foreach my $case ([ 'slow rows', $reading_slow ], [ 'fast rows', $reading_fast ])
{
	my ($what, $sql) = @$case;

	$s->send($sql);
	ok(wait_reading($s, 0.5), "reading $what");
	$began = time;
	$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
	($out, $err) = $s->finish;
	cmp_ok(time - $began, '<', 5, "cancelled at once while reading $what");
	like($err, qr/57014: canceling statement due to user request/, "cancelled while reading $what");
	clean("cancelled while reading $what");

	($out, $err) = do { $s->send("SET statement_timeout = '300ms'; $sql"); $s->finish };
	like($err, qr/57014: canceling statement due to statement timeout/, "statement_timeout while reading $what");
	$s->query('RESET statement_timeout');
	is($s->query('CREATE TABLE writable (n int); DROP TABLE writable; SELECT 1'), '1',
		'the read-only guard of the source is gone');
	clean("timed out while reading $what");
}

# ---- without a target, and what looks at segments: each at several moments, within a second
$s->query("SET engage.threads = 2; SET engage.progress = off;
	SELECT engage_train('seg', 'SELECT * FROM rows LIMIT 2000', algorithm => 'kmeans', key => 'id', exclude => '{y}', params => '{\"k\":20}')");
sub free
{
	my ($algorithm, $params, $task) = @_;

	return "SELECT engage_train('m', 'rows', algorithm => '$algorithm', key => 'id', exclude => '{y}', params => '$params'" . ($task ? ", task => '$task'" : '') . ')';
}
my $array = 'ARRAY[a,b,c,d,e,f,h,i,j,k,l,m]::float8[]';
my %slow = (
	'kmeans' => free('kmeans', '{"k":300,"n_init":500}'), 'kmeans that chooses k' => free('kmeans', '{}'), 'hdbscan' => free('hdbscan', '{}', 'clustering'),
	'isolation_forest' => free('isolation_forest', '{"n_estimators":9000,"max_samples":20000,"extension_level":5}'),
	'local_outlier_factor' => free('local_outlier_factor', '{"n_neighbors":100}'),
	'autoencoder' => free('autoencoder', '{"epochs":1000,"layers":[500,5]}'),
	'anomaly_ensemble' => free('anomaly_ensemble', '{"members":[{"algorithm":"local_outlier_factor","params":{"n_neighbors":100}},{"algorithm":"autoencoder"}]}'),
	'engage_segment_stability' => "SELECT engage_segment_stability('seg', 'rows', rounds => 500, sample => 100000)",
	'engage_silhouette' => "SELECT engage_silhouette((id % 5)::int, $array, 0) FROM rows",
	'engage_kmeans' => "SELECT engage_kmeans($array, 9000) FROM rows");
$slow{gaussian_mixture} = free('gaussian_mixture', '{"k":50,"n_init":100}')
	if $s->query("SELECT count(*) FROM engage_algorithms() WHERE algorithm = 'gaussian_mixture'");
foreach my $what (sort keys %slow)
{
	my $worst = 0;
	my %said;

	foreach my $ms (400, 1100)
	{
		$began = time;
		$s->send("SET statement_timeout = ${ms}; $slow{$what}");
		($out, $err) = $s->finish;
		my $late = time - $began - $ms / 1000;
		$worst = $late if $late > $worst;
		$said{ $err =~ /57014: canceling statement due to statement timeout/ ? 'timeout' : $err || 'done' }++;
		$s->query('RESET statement_timeout');
	}
	is(join(' ', keys %said), 'timeout', "$what: a timeout is a timeout");
	cmp_ok($worst, '<', 1, "$what: within a second");
}
$s->query("RESET engage.threads; RESET engage.progress; SELECT engage_drop('seg')");
$pg->query('DELETE FROM engage.event');
clean('segments and anomalies cancelled');

# ---- in a subtransaction: the transaction goes on, and trains
$s->query("BEGIN; SAVEPOINT before; SET LOCAL statement_timeout = '500ms'");
$s->send($long);
($out, $err) = $s->finish;
like($err, qr/57014/, 'timed out in a subtransaction');
is($s->query("ROLLBACK TO before; SET LOCAL statement_timeout = 0;
		SELECT version FROM engage_train('after', 'SELECT * FROM rows LIMIT 1000', target => 'y', params => '{\"n_estimators\":2}')"),
	'1.0.0', 'the same transaction can train');
$s->query('ROLLBACK');
clean('rolled back');

# ---- many times over: no memory is lost, neither the server's nor the library's
sub resident_mb
{
	open(my $in, '<', '/proc/' . $s->pid . '/statm') or return 0;
	return (split ' ', <$in>)[1] * 4096 / 1048576;
}

SKIP:
{
	my (@resident, @contexts);

	skip 'no /proc here', 2 unless -e '/proc/self/statm';
	foreach my $i (1 .. 12)
	{
		$s->send("SET statement_timeout = '600ms'; $long");
		($out, $err) = $s->finish;
		like($err, qr/57014/, "timed out once more ($i)");
		push @resident, resident_mb();
		push @contexts, $s->query('SET statement_timeout = 0; SELECT sum(total_bytes) / 1048576.0 FROM pg_backend_memory_contexts');
	}
	note('resident MB: ' . join(' ', map { sprintf '%.1f', $_ } @resident));
	note('context MB: ' . join(' ', map { sprintf '%.1f', $_ } @contexts));
	# the matrix alone has 5 MB, 8 of them would be 40; the allocator keeps some
	cmp_ok($resident[11] - $resident[3], '<', 25, 'the process does not grow by what is read');
	cmp_ok($contexts[11] - $contexts[3], '<', 1, 'its memory contexts do not grow');
}

# ---- terminated: the session goes, the server stays
foreach my $case ([ 'training', $long, \&wait_training ],
	[ 'reading', $reading_fast, sub { wait_reading($_[0], 0.5) } ],
	[ 'reading slowly', $reading_slow, sub { wait_reading($_[0], 0.5) } ])
{
	my ($what, $sql, $wait) = @$case;
	my $t = $pg->session;
	my $pid = $t->pid;

	$t->send($sql);
	ok($wait->($t), "in the middle of $what");
	$began = time;
	$pg->query("SELECT pg_terminate_backend($pid)");
	ok($pg->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", timeout => 5), "terminated at once while $what");
	($out, $err) = $t->finish;
	like($err, qr/57P01: terminating connection due to administrator command/, "told so while $what");
	clean("terminated while $what");
}

# ---- the client goes away while its backend trains
my $gone = $pg->session;
my $pid = $gone->pid;
$gone->query("SET client_connection_check_interval = '200ms'");
$gone->send($long);
ok(wait_training($gone), 'a training whose client dies');
$gone->kill;
ok($pg->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", timeout => 10), 'ends with its client');
clean('client gone');

# ---- cancelled while scoring
$s->query("SELECT engage_train('scorer', 'SELECT * FROM rows LIMIT 5000', target => 'y', key => 'id', params => '{\"n_estimators\":50}')");
$s->send("SELECT sum(engage_predict('scorer', r)) FROM rows r, generate_series(1, 10000)");
sleep 0.5;
$began = time;
$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
($out, $err) = $s->finish;
cmp_ok(time - $began, '<', 5, 'scoring is cancelled at once');
like($err, qr/57014/, 'scoring was cancelled');
is($s->query("SELECT count(engage_predict('scorer', r)) FROM rows r WHERE id <= 100"), '100', 'and works again');
$s->close;

is($pg->query('SELECT pg_postmaster_start_time()'), $started, 'the server was never restarted');
unlike($pg->log, qr/terminated by signal|PANIC|server process/, 'and no process crashed');

done_testing;
