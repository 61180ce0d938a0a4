# Watching never breaks what is deployed: retraining cancelled, timed out, terminated, killed; two at once;
# other roles; notifications; a standby.

use strict;
use warnings;
use EngageTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE reader LOGIN;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 20000) g;
GRANT ALL ON rows TO PUBLIC;
CREATE TABLE private AS SELECT * FROM rows;
CREATE SCHEMA mallory AUTHORIZATION mallory;
SQL
$pg->query("SELECT engage_train('m', 'SELECT * FROM rows', target => 'y', key => 'id', params => '{\"n_estimators\":20}')", user => 'alice');

# ---- whoever listens is told, at commit
my $listener = $pg->session(user => 'mallory');
$listener->query('LISTEN engage_alerts');
$pg->query("SELECT engage_monitor('m', 'rows', outcomes => 'rows', policy => 'retrain_and_deploy', cooldown => '0', thresholds => '{\"drift\": 0.2, \"rows\": 100}')", user => 'alice');
$pg->query("UPDATE rows SET a = a + 300");
$pg->query("BEGIN; SELECT engage_check('m'); ROLLBACK", user => 'alice');
unlike($listener->query('SELECT 1'), qr/Asynchronous/, 'nothing happened, nobody is told');
is($pg->query('SELECT count(*) FROM engage.alerts', user => 'alice'), '0', 'and nothing is written');

# ---- cancelled, timed out, terminated while it retrains: all of the check is undone, the version scores on
my $state = "SELECT (SELECT deployed FROM engage.models WHERE model = 'm'), (SELECT count(*) FROM engage.version), (SELECT count(*) FROM engage.alert),
	(SELECT count(*) FROM engage.check_result), (SELECT count(*) FROM engage.event), (SELECT count(*) FROM engage.artifact),
	(SELECT acted FROM engage.monitor), (SELECT sum(engage_predict('m', r)) FROM rows r)";
# a view makes training slow: it sleeps while a switch is on
$pg->query(<<'SQL');
CREATE TABLE switch (slow boolean);
INSERT INTO switch VALUES (false);
GRANT SELECT ON switch TO PUBLIC;
CREATE FUNCTION nap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN IF (SELECT slow FROM switch) THEN PERFORM pg_sleep(0.02); END IF; RETURN true; END';
CREATE VIEW training AS SELECT * FROM rows WHERE nap();
GRANT SELECT ON training TO PUBLIC;
SQL
$pg->query("SELECT engage_train('m', 'SELECT * FROM training', target => 'y', key => 'id', params => '{\"n_estimators\":20}', deploy => 'always');
	UPDATE rows SET a = a - 300, b = b + 100", user => 'alice');
$pg->query('UPDATE switch SET slow = true');
my $before = $pg->query($state);
foreach my $case ([ 'engage_check', "SELECT * FROM engage_check('m')" ], [ 'engage_retrain_if', "SELECT * FROM engage_retrain_if('m')" ])
{
	my ($what, $sql) = @$case;
	my $s = $pg->session(user => 'alice');
	my $in_training = "SELECT count(*) > 0 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = " . $s->pid . " AND c.relname = 'training'";

	$s->send($sql);
	ok($pg->wait_for($in_training), "$what retrains");

	# the second leaves at once and says so
	my $began = time;
	is($pg->query("SELECT status, action FROM engage_check('m')", user => 'alice'), 'busy|none: another session checks or retrains this model', "a second check during $what");
	is($pg->query("SELECT retrained, reason FROM engage_retrain_if('m')", user => 'alice'), 'f|another session checks or retrains this model', "a second retraining during $what");
	cmp_ok(time - $began, '<', 5, 'at once');
	is($pg->query("SELECT count(engage_predict('m', r)) FROM rows r", user => 'alice'), '20000', 'the deployed version scores meanwhile');

	$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
	my ($out, $err) = $s->finish;
	like($err, qr/57014: canceling statement due to user request/, "$what: the cancel is not swallowed");
	is($pg->query($state), $before, "$what: nothing is left of it");

	$s->send("SET statement_timeout = '1s'; $sql");
	($out, $err) = $s->finish;
	like($err, qr/57014: canceling statement due to statement timeout/, "$what: nor a timeout");
	is($pg->query($state), $before, "$what: nothing is left of it");
	$s->query('RESET statement_timeout');

	$s->send($sql);
	ok($pg->wait_for($in_training), "$what retrains");
	$pg->query('SELECT pg_terminate_backend(' . $s->pid . ')');
	($out, $err) = $s->finish;
	like($err, qr/57P01|terminating connection/, "$what: terminated");
	$s->close;
	is($pg->query($state), $before, "$what: nothing is left of it");

	my $t = $pg->session(user => 'alice');
	$t->send($sql);
	ok($pg->wait_for("SELECT count(*) > 0 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = " . $t->pid . " AND c.relname = 'training'"), "$what retrains");
	$pg->kill9;
	$t->kill;
	$pg->start;
	is($pg->query($state), $before, "$what: the registry is intact after kill -9 and recovery");
}
$pg->query('UPDATE switch SET slow = false');

# ---- then it goes through
$listener = $pg->session(user => 'mallory');
$listener->query('LISTEN engage_alerts');
is($pg->query("SELECT check_name, status, action FROM engage_check('m') WHERE status = 'alert'", user => 'alice'), 'drift|alert|retrained as 1.0.2: deployed',
	'the check finds the drift and retrains');
like($listener->query('SELECT 1') . $listener->query('SELECT 2'),
	qr/Asynchronous notification "engage_alerts" with payload "\{"event": "opened", "alert": \d+, "model": "m", "version": "1\.0\.1", "check": "drift", "value": [0-9.]+, "threshold": 0\.2\}"/,
	'a listener is told, in JSON');
$pg->query("SELECT engage_acknowledge(id, 'seen') FROM engage.alerts", user => 'alice');
like($listener->query('SELECT 1'), qr/"event": "acknowledged"/, 'that somebody looks after it');
$pg->query("SELECT engage_check('m')", user => 'alice');
like($listener->query('SELECT 1'), qr/"event": "resolved".*"check": "drift"/, 'that it is over');
$listener->close;

# ---- rights: the owner's alone
foreach my $call ("engage_monitor('m', 'rows')", "engage_check('m')", "engage_retrain_if('m')", "engage_unmonitor('m')", "engage_forget_checks('m', '0 s')")
{
	like($pg->error("SELECT $call", user => 'mallory'), qr/42501: must be owner of model "m"/, "mallory: $call");
}
like($pg->error("SELECT engage_acknowledge(1)", user => 'mallory'), qr/42704: alert 1 does not exist/, 'mallory sees no alerts');
is($pg->query('SELECT (SELECT count(*) FROM engage.monitors) + (SELECT count(*) FROM engage.check_results) + (SELECT count(*) FROM engage.alerts)', user => 'mallory'), '0',
	'nor monitors and results');
is($pg->query('SELECT count(*) FROM engage_check()', user => 'mallory'), '0', 'and has nothing to check');
foreach my $table (qw(monitor check_result alert))
{
	like($pg->error("SELECT * FROM engage.$table", user => 'mallory'), qr/42501: permission denied for table $table/, "engage.$table is nobody's");
}
$pg->query("SELECT engage_grant('m', 'reader')", user => 'alice');
is($pg->query('SELECT count(*) > 0 FROM engage.alerts', user => 'reader'), 't', 'who may use the model sees its alerts');
my $open = $pg->query('SELECT max(id) FROM engage.alerts', user => 'reader');
like($pg->error("SELECT engage_acknowledge($open)", user => 'reader'), qr/42501: must be owner of model "m"/, 'but does not acknowledge them');

# ---- a superuser's check runs nobody's code with its own rights
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.spy() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM private) > 0 THEN RAISE EXCEPTION 'the secret is out'; END IF;
	RETURN true;
END $$;
SET search_path = mallory, public;
CREATE VIEW mallory.mine AS SELECT * FROM public.rows;
SELECT engage_train('trap', 'mine', target => 'y', key => 'id', params => '{"n_estimators":2}');
SELECT engage_monitor('trap', 'SELECT * FROM mine WHERE spy()', outcomes => 'SELECT * FROM mine WHERE spy()', thresholds => '{"rows": 1, "auc": 0.5}');
SQL
$pg->query('SELECT engage_check()');
is($pg->query("SELECT check_name, detail->>'error' FROM engage.check_results WHERE model = 'trap' AND status = 'error' ORDER BY id"),
	"source|permission denied for table private\noutcomes|permission denied for table private", "the superuser's check read the trap as mallory");
is($pg->query("SELECT check_name, status FROM engage_check('trap') ORDER BY 1", user => 'mallory'), "auc.down|unknown\noutcomes|error\nrows.min|unknown\nsource|error", 'as mallory herself does');
$pg->query("REASSIGN OWNED BY mallory TO postgres; DROP OWNED BY mallory");
$pg->query("ALTER ROLE mallory RENAME TO gone");
is($pg->query("SELECT check_name, status FROM engage_check('trap') WHERE status = 'error' ORDER BY 1"), "outcomes|error\nroles|error\nsource|error", 'an author that is gone');
like($pg->query("SELECT message FROM engage.alerts WHERE model = 'trap' AND check_name = 'source'"), qr/role "mallory" does not exist/, 'is named');

# ---- a dump carries what is watched and what was found
my $dump = $pg->dump;
$pg->query('CREATE DATABASE copy');
$pg->query($dump, database => 'copy');
is($pg->query("SELECT (SELECT count(*) FROM engage.monitor), (SELECT count(*) FROM engage.check_result), (SELECT count(*) FROM engage.alert)", database => 'copy'),
	$pg->query("SELECT (SELECT count(*) FROM engage.monitor), (SELECT count(*) FROM engage.check_result), (SELECT count(*) FROM engage.alert)"), 'dump and restore');
is($pg->query("SELECT check_name, status FROM engage_check('m') WHERE check_name = 'drift'", database => 'copy'), 'drift|ok', 'and it is watched on');

# ---- a standby shows, and refuses the rest
my $standby = $pg->standby;
$standby->catch_up;
is($standby->query('SELECT count(*) > 0 FROM engage.alerts'), 't', 'a standby shows alerts');
foreach my $call ("engage_monitor('m', 'rows')", "engage_check('m')", "engage_check()", "engage_retrain_if('m')", "engage_unmonitor('m')",
	"engage_acknowledge(1)", "engage_forget_checks('m', '0 s')", "engage_schedule('m', '* * * * *')", "engage_unschedule('m')")
{
	my ($function) = $call =~ /^(\w+)/;

	like($standby->error("SELECT $call"), qr/25006: cannot execute $function\(\) (in a read-only transaction|during recovery)/, "$call on a standby");
}
unlike($pg->log, qr/PANIC/, 'no panic');

done_testing;
