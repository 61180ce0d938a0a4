# The prediction log and experiments through dump and restore, on a standby, with two sessions at once, cancelled and killed
# half way, with a clock that goes back, at DROP EXTENSION.

use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 3000) g;
SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{"n_estimators":5}');
SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{"n_estimators":9}', deploy => 'never');
SELECT engage_train('k', 'rows', target => 'y', key => 'id', params => '{"n_estimators":2}', remember => 'id');
SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-01-10');
SET engage.log_partition = day;
SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-04-10');
RESET engage.log_partition;
SELECT engage_experiment_start('trees', 'm', '{1.0.0,1.1.0}', '{1,2}', key => 'id');
SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-02-10');
SQL
my @queries = ("SELECT * FROM engage.predictions ORDER BY id", "SELECT * FROM engage.experiments", "SELECT sum(engage_predict('m', r)) FROM rows r",
	"SELECT sum(engage_experiment_arm('trees', id::text)) FROM rows", "SELECT last_value FROM engage.prediction_id_seq",
	"SELECT * FROM engage_performance('m', 'SELECT id AS key, y AS outcome FROM rows')",
	"SELECT * FROM engage_experiment_results('trees', 'SELECT id AS key, y AS outcome FROM rows')",
	"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'engage.prediction'::regclass ORDER BY 1",
	"BEGIN; SELECT * FROM engage_erase('17'); ROLLBACK", "BEGIN; SELECT training FROM engage_erase('5000', 'k'); ROLLBACK");
my @before = map { $pg->query($_) } @queries;

# ---- dump and restore
my $dir = tempdir(CLEANUP => 1);
my %dump = (plain => ['-Fp'], custom => ['-Fc'], root => [ '-Fp', '--load-via-partition-root' ]);
foreach my $kind (sort keys %dump)
{
	my $file = "$dir/$kind";
	my $db = "restored_$kind";

	$pg->dump(options => [ @{ $dump{$kind} }, '-f', $file ]);
	$pg->query("CREATE DATABASE $db");
	if ($kind eq 'custom')
	{
		my %env = $pg->env;
		local @ENV{ keys %env } = values %env;
		my $err = '';
		ok(IPC::Run::run([ EngageTest::bindir() . '/pg_restore', '--exit-on-error', '-d', $db, $file ], '2>', \$err), 'pg_restore') or diag $err;
	}
	else
	{
		my ($status, $out, $err) = $pg->psql("\\set ON_ERROR_STOP on\n\\i $file", database => $db);
		is($status, 0, "psql reads the $kind dump") or diag $err;
	}
	is($pg->query($queries[$_], database => $db), $before[$_], "$kind: $queries[$_]") foreach 0 .. $#queries;
	is($pg->query("SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-02-20')", database => $db), '3000', "$kind: the log goes on");
	is($pg->query("SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-03-20')", database => $db), '3000', "$kind: in a new month, too");
	is($pg->query("SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-04-20')", database => $db), '3000', "$kind: in a month of days");
	is($pg->query("SELECT partitions FROM engage_log_retention(now() - timestamptz '2024-04-15')", database => $db), '4', "$kind: retention");
	my ($status, $out, $err) = $pg->psql('DROP EXTENSION engage', database => $db);
	is($status, 0, "$kind: the extension can be dropped, without CASCADE") or diag $err;
	is($pg->query("SELECT count(*) FROM pg_class WHERE relname ~ '^prediction'", database => $db), '0', "$kind: and its log is gone");
}

# ---- two sessions that miss the same month
my ($first, $second) = ($pg->session, $pg->session);
$first->query("BEGIN; SELECT engage_log_predictions('m', 'SELECT * FROM rows WHERE id <= 10', 'id', at => '2024-07-01')");
$second->send("SELECT engage_log_predictions('m', 'SELECT * FROM rows WHERE id > 10', 'id', at => '2024-07-02')");
$pg->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
$first->query('COMMIT');
my ($out, $err) = $second->finish;
like($out, qr/2990/, 'the second waits, then writes') or diag $err;
is($pg->query("SELECT count(*) FROM engage.predictions WHERE scored_at >= '2024-07-01'"), '3000', 'all rows are there');

# ---- cancelled, timed out, terminated and killed half way: nothing is left, not even a partition; then it goes through
$pg->query(<<'SQL');
CREATE FUNCTION nap(i bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN IF i % 100 = 0 AND i > 2500 THEN PERFORM pg_sleep(0.5); END IF; RETURN true; END';
CREATE VIEW slow AS SELECT * FROM rows WHERE nap(id);
SQL
my $state = "SELECT (SELECT count(*) FROM engage.prediction), (SELECT count(*) FROM pg_inherits WHERE inhparent = 'engage.prediction'::regclass),
	(SELECT count(*) FROM pg_class WHERE relname ~ '^prediction_'), (SELECT sum(engage_predict('m', r)) FROM rows r)";
my $log = "SELECT engage_log_predictions('m', 'slow', 'id', at => '2024-08-01')";
my $written = $pg->query($state);
foreach my $how ('cancel', 'timeout', 'terminate', 'kill')
{
	my $s = $pg->session;
	my $pid = $s->pid;

	$s->query("SET statement_timeout = '1s'") if $how eq 'timeout';
	$s->send($log);
	# 2000 rows are written, the month's partition is made, more are being read
	ok($pg->wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'PgSleep'"), "$how: it is half way");
	is($pg->query('SELECT count(*) FROM rows'), '3000', "$how: others go on");
	$pg->query("SELECT pg_cancel_backend($pid)") if $how eq 'cancel';
	$pg->query("SELECT pg_terminate_backend($pid)") if $how eq 'terminate';
	if ($how eq 'kill')
	{
		$pg->kill9;
		$s->kill;
		$pg->start;
	}
	else
	{
		($out, $err) = $s->finish;
		like($err, { cancel => qr/57014: canceling statement due to user request/, timeout => qr/57014: canceling statement due to statement timeout/,
			terminate => qr/57P01|terminating connection/ }->{$how}, "$how: the error says so");
		$s->close;
	}
	is($pg->query($state), $written, "$how: nothing is left of it");
}
is($pg->query("SELECT engage_log_predictions('m', 'rows', 'id', at => '2024-08-01')"), '3000', 'then it goes through');

# ---- a clock that has gone back: the log has rows of the future, and goes on
$pg->query("SELECT engage_log_predictions('m', 'rows', 'id', at => now() + interval '2 months')");
is($pg->query("SELECT engage_log_predictions('m', 'rows', 'id')"), '3000', 'scores of now beside scores of the future');
is($pg->query("SELECT count(*), sum(n) FROM engage_performance('m', 'SELECT id AS key, y AS outcome, now() + interval ''1 minute'' AS at FROM rows',
	since => now() - interval '1 hour', metric => 'accuracy')"), '2|3000', 'outcomes of now are compared with the scores before them');

# ---- standby
my $standby = $pg->standby;
$standby->catch_up;
is($standby->query($queries[2]), $before[2], 'a standby routes like its primary');
is($standby->query($queries[6]), $pg->query($queries[6]), 'and has the results of the experiment');
foreach my $call ("engage_log_predictions('m', 'rows', 'id')", "engage_predict_logged('m', r, 'id') FROM rows r", "engage_log_retention('1 year')",
	"engage_erase('17')",
	"engage_experiment_start('x', 'm', '{1.0.0,1.1.0}', key => 'id')", "engage_experiment_finish('trees')")
{
	my ($name) = $call =~ /^(\w+)/;
	like($standby->error("SELECT $call"), qr/25006: cannot execute $name\(\) in a read-only transaction|25006: cannot execute $name\(\) during recovery/,
		"standby: $name says that it cannot");
}
done_testing;
