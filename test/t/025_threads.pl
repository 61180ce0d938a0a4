# Threads of our own (base/parallel.c): they start, they end with whatever ends the statement, and the
# server never notices that they were there.

use strict;
use warnings;
use EngageTest;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'no /proc here' unless -e '/proc/self/task';

my $pg = EngageTest->new(restart_after_crash => 'on');
my $started = $pg->query('SELECT pg_postmaster_start_time()');

$pg->query(<<'SQL');
CREATE TABLE rows AS
SELECT g AS id, random() < 0.5 AS y, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e, g % 17 AS f
FROM generate_series(1, 60000) g;
SQL

my $set = 'SET engage.threads = 4';
my $long = "SELECT engage_train('m', 'rows', target => 'y', key => 'id', algorithm => 'random_forest',
	params => '{\"n_estimators\":20000,\"max_depth\":0}')";

sub threads_of
{
	my ($pid) = @_;
	my @tasks = glob "/proc/$pid/task/*";

	return scalar @tasks;
}

sub wait_growing
{
	my ($s) = @_;

	return $pg->wait_for("SELECT query ~ '^training m: .* \\d+ of 20000' FROM pg_stat_activity WHERE pid = " . $s->pid);
}

# ---- they are there while trees grow, and gone after a cancel
my $s = $pg->session;
$s->query($set);
is(threads_of($s->pid), 1, 'a backend has one thread');
$s->send($long);
ok(wait_growing($s), 'trees grow');
cmp_ok(threads_of($s->pid), '>', 1, 'on threads of their own, no more than there are cores');
my $masks = join ' ', map { open(my $in, '<', "$_/status") or die; map { /^SigBlk:\s*(\S+)/ ? $1 : () } <$in> }
	grep { !m{/${\ $s->pid}$} } glob '/proc/' . $s->pid . '/task/*';
my %blocked = map { $_ => 1 } split ' ', $masks;
is(scalar keys %blocked, 1, 'which all block the same signals');
# bits of HUP 1, INT 2, USR1 10, ALRM 14, TERM 15: what the server's handlers are for
my $all = (1 << 0) | (1 << 1) | (1 << 9) | (1 << 13) | (1 << 14);
is(hex(substr((keys %blocked)[0], -8)) & $all, $all, 'those of the server among them');

foreach my $round (1 .. 5)
{
	if ($round > 1)
	{
		$s->send($long);
		wait_growing($s);
	}
	my $began = time;
	$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
	my ($out, $err) = $s->finish;
	cmp_ok(time - $began, '<', 3, "cancelled at once ($round)");
	like($err, qr/57014: canceling statement due to user request/, "and it says so ($round)");
	is(threads_of($s->pid), 1, "no thread is left ($round)");
}

# ---- at all sorts of moments: while reading, binning, growing, at the end
my %ended;
foreach my $ms (map { 10 * $_ } 1 .. 40)
{
	$s->send("SET statement_timeout = '${ms}ms'; SELECT engage_train('m', 'rows', target => 'y', key => 'id', algorithm => 'random_forest',
		params => '{\"n_estimators\":20,\"max_depth\":8,\"oob\":true}', deploy => 'never')");
	my ($out, $err) = $s->finish;
	$s->query('RESET statement_timeout');
	$ended{ $err =~ /57014/ ? 'cancelled' : $err =~ /ERROR/ ? $err : 'done' }++;
	die "threads are left after ${ms} ms\n" if threads_of($s->pid) != 1;
}
note join ', ', map { "$ended{$_} $_" } sort keys %ended;
is(join(' ', grep { !/^(cancelled|done)$/ } keys %ended), '', 'a timeout at any moment is a timeout, or comes too late');

# ---- an error on the main thread while threads work: no memory is left for one more tree
my $error = $pg->error("$set; SET engage.max_memory = '5MB'; $long");
like($error, qr/54000: (growing trees|training with algorithm "random_forest"|reading|the source)/, 'out of allowed memory');
is($s->query('SELECT 1'), '1', 'the server lives');

# ---- the memory goes back
SKIP:
{
	open(my $in, '<', '/proc/' . $s->pid . '/statm') or skip 'no statm', 1;
	my $resident = (split ' ', <$in>)[1] * 4096 / 1048576;
	cmp_ok($resident, '<', 150, "resident memory after 30 trainings: $resident MB");
}

# ---- a terminated session; FATAL does not unwind the stack
foreach my $round (1 .. 5)
{
	my $t = $pg->session;
	my $pid = $t->pid;

	$t->query($set);
	$t->send($long);
	wait_growing($t);
	$pg->query("SELECT pg_terminate_backend($pid)");
	ok($pg->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", timeout => 5), "terminated at once ($round)");
	my ($out, $err) = $t->finish;
	like($err, qr/57P01: terminating connection due to administrator command/, "and told so ($round)");
}
# ---- learners without a target: terminated while their threads work
my %free = (kmeans => '{"k":300,"n_init":500}', hdbscan => '{}', isolation_forest => '{"n_estimators":9000,"max_samples":20000,"extension_level":3}',
	local_outlier_factor => '{"n_neighbors":100}');
$free{gaussian_mixture} = '{"k":50,"n_init":100}' if $pg->query("SELECT count(*) FROM engage_algorithms() WHERE algorithm = 'gaussian_mixture'");
foreach my $algorithm (sort keys %free)
{
	my $t = $pg->session;
	my $pid = $t->pid;
	my $most = 1;
	my $end = time + 10;

	$t->send("$set; SELECT engage_train('m', 'rows', task => (SELECT tasks[1] FROM engage_algorithms() WHERE algorithm = '$algorithm'), algorithm => '$algorithm',
		key => 'id', exclude => '{y}', params => '$free{$algorithm}')");
	while ($most == 1 && time < $end)
	{
		$most = threads_of($pid);
		sleep 0.002;
	}
	cmp_ok($most, '>', 1, "$algorithm works on several threads");
	sleep 0.1;
	$pg->query("SELECT pg_terminate_backend($pid)");
	ok($pg->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", timeout => 5), "$algorithm: terminated at once");
	my ($out, $err) = $t->finish;
	like($err, qr/57P01: terminating connection due to administrator command/, "$algorithm: and told so");
}
is($pg->query('SELECT pg_postmaster_start_time()'), $started, 'the server was never restarted');
unlike($pg->log, qr/terminated by signal|PANIC/, 'and no process crashed');

# ---- a shutdown in the middle of it
my $t = $pg->session;
$t->query($set);
$t->send($long);
wait_growing($t);
my $began = time;
$pg->restart;
cmp_ok(time - $began, '<', 20, 'a fast shutdown does not wait for the trees');
unlike($pg->log, qr/terminated by signal|PANIC/, 'and is a clean one');
$t->kill;

# ---- killed: the server recovers as from any crash
$t = $pg->session;
$t->query($set);
$t->send($long);
wait_growing($t);
my $stored = $pg->query('SELECT count(*) FROM engage.version');
kill 'KILL', $t->pid;
sleep 0.2;
ok($pg->wait_for("SELECT count(*) = $stored FROM engage.version", timeout => 60), 'recovered, and nothing more is stored');
$t->kill;

# ---- the trees are the same
my @md5 = map {
	my $n = $_;
	$pg->query("SET engage.threads = $n; SELECT engage_train('t$n', 'rows', target => 'y', key => 'id', algorithm => 'random_forest',
		params => '{\"n_estimators\":9,\"max_depth\":0,\"oob\":true}'); SELECT md5(a.data) FROM engage.artifact a JOIN engage.version v ON v.id = a.version_id
		JOIN engage.model m ON m.id = v.model_id WHERE m.name = 't$n' AND section = 'model'")
} 1, 2, 3, 8;
s/.*\n//s foreach @md5;
is(scalar(keys %{ { map { $_ => 1 } @md5 } }), 1, 'one, two, three or eight threads grow the same trees');
done_testing;
