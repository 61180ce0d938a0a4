# pg_cron for real: a job that fires, checks, and retrains; who may schedule; what is said without pg_cron.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $share = `$config --sharedir`);
chomp(my $lib = `$config --pkglibdir`);
chomp(my $version = `$config --version`);
my ($major) = $version =~ /(\d+)/;

if (!-e "$share/extension/pg_cron.control" || !-e "$lib/pg_cron.so")
{
	my $pg = EngageTest->new;

	$pg->query("CREATE TABLE rows AS SELECT g AS id, g % 3 = 0 AS y, g % 17 AS a FROM generate_series(1, 500) g;
		SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')");
	like($pg->error("SELECT engage_schedule('m', '* * * * *')"),
		qr/42704: pg_cron is not installed.*DETAIL:  Another scheduler can run this: SELECT \* FROM public.engage_check\('m'\).*HINT:  Install it.*postgresql-$major-cron/s,
		'without pg_cron: how to install it, and what to run instead');
	is($pg->query('SELECT count(*) FROM engage.schedules'), '0', 'and no jobs');
	SKIP: { skip "pg_cron is not there: no package postgresql-$major-cron for $version in $lib", 1; }
	done_testing;
	exit 0;
}

# ---- there, but not loaded
my $other = EngageTest->new;
$other->query("CREATE TABLE rows AS SELECT g AS id, g % 3 = 0 AS y, g % 17 AS a FROM generate_series(1, 500) g;
	SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')");
like($other->error("SELECT engage_schedule('m', '* * * * *')"),
	qr/55000: pg_cron is not loaded.*Another scheduler can run this: SELECT \* FROM public.engage_check\('m'\).*shared_preload_libraries/s,
	'installed, but not loaded');
is($other->query('SELECT count(*) FROM engage.schedules'), '0', 'no jobs');

# ---- loaded
my $pg = EngageTest->new(shared_preload_libraries => 'pg_cron', 'cron.database_name' => 'postgres',
	'cron.use_background_workers' => 'on', max_worker_processes => 20);
$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 5000) g;
ALTER TABLE rows OWNER TO alice;
CREATE DATABASE shop;
SQL
$pg->query("SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":20}');
	SELECT engage_train('it''s \"mine\"', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')", user => 'alice');
like($pg->error("SELECT engage_schedule('m', '* * * * *')"), qr/42704: extension "pg_cron" is not created in this database.*CREATE EXTENSION pg_cron/s, 'not created');
$pg->query('CREATE EXTENSION pg_cron');
my ($cron) = $pg->query("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'") =~ /^(\d+\.\d+)/;

$pg->query('CREATE EXTENSION engage', database => 'shop');
$pg->query("CREATE TABLE rows AS SELECT g AS id, g % 3 = 0 AS y, g % 17 AS a FROM generate_series(1, 500) g;
	SELECT engage_train('s', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')", database => 'shop');
like($pg->error("SELECT engage_schedule('s', '* * * * *')", database => 'shop'),
	qr/55000: pg_cron is in database "postgres", not in "shop".*engage_schedule\(\.\.\., database => 'shop'\) in database "postgres"/s, 'in another database');

# ---- rights
like($pg->error("SELECT engage_schedule('m', '* * * * *')", user => 'alice'), qr/42501: permission denied for schema cron/, 'alice may not use pg_cron yet');
is($pg->query('SELECT count(*) FROM engage.schedules', user => 'alice'), '0', 'and sees no jobs');
$pg->query('GRANT USAGE ON SCHEMA cron TO alice, bob');
like($pg->error("SELECT engage_schedule('m', '* * * * *')", user => 'bob'), qr/42501: must be owner of model "m"/, "bob's job would be about alice's model");

# ---- what pg_cron says of bad schedules is passed on; arguments are tried
like($pg->error("SELECT engage_schedule('m', 'often')", user => 'alice'), qr/invalid schedule: often/, 'no schedule');
like($pg->error("SELECT engage_schedule('m', '* * * * *', 'check', '{\"days\": 1}')", user => 'alice'),
	qr/42883: function public.engage_check\(unknown, days => integer\) does not exist/, 'an argument that does not exist');
like($pg->error("SELECT engage_schedule('m', '* * * * *', database => 'shop')", user => 'alice'),
	qr/42501: permission denied for function schedule_in_database/, 'other databases are not for everyone');
if ($cron < 1.5)
{
	like($pg->error("SELECT engage_schedule('m', '10 seconds')", user => 'alice'), qr/0A000: pg_cron $cron has no schedules of seconds/, 'seconds');
}

# ---- one job for an action; changed, transactional, removed
my $job = $pg->query("SELECT engage_schedule('m', '0 3 * * *')", user => 'alice');
is($pg->query("SELECT engage_schedule('m', '0 4 * * *')", user => 'alice'), $job, 'the same job, at another time');
$pg->query("SELECT engage_schedule('it''s \"mine\"', '0 4 * * *', 'retrain_if', '{\"age\": \"30 days\"}')", user => 'alice');
is($pg->query('SELECT model, action, schedule, command, database, who, active FROM engage.schedules ORDER BY job', user => 'alice'),
	"m|check|0 4 * * *|SELECT * FROM public.engage_check('m')|postgres|alice|t\n"
	. "it's \"mine\"|retrain_if|0 4 * * *|SELECT * FROM public.engage_retrain_if('it''s \"mine\"', age => '30 days')|postgres|alice|t", 'the view shows them');
is($pg->query('SELECT count(*) FROM engage.schedules', user => 'bob'), '0', "not to bob");
$pg->query("BEGIN; SELECT engage_schedule('m', '0 5 * * *', 'retrain'); ROLLBACK", user => 'alice');
is($pg->query('SELECT count(*) FROM engage.schedules', user => 'alice'), '2', 'a job that was rolled back is none');
is($pg->query("SELECT engage_unschedule('m', 'retrain'), engage_unschedule('m', 'check'), engage_unschedule('m')", user => 'alice'), '0|1|0', 'removed');
is($pg->query("SELECT engage_unschedule('it''s \"mine\"')", user => 'alice'), '1', 'all jobs of a model');
my $long = 'm' x 100;
$pg->query("SELECT engage_rename('it''s \"mine\"', '$long'); SELECT engage_schedule('$long', '0 4 * * *')", user => 'alice');
is($pg->query("SELECT model = '$long' FROM engage.schedules", user => 'alice'), 't', 'a long name');
$pg->query("SELECT engage_drop('$long')", user => 'alice');
is($pg->query("SELECT engage_unschedule('$long')", user => 'alice'), '1', 'its job is removed though the model is gone');

# ---- it fires: the population has shifted, the check finds it and retrains
$pg->query("SELECT engage_monitor('m', 'rows', thresholds => '{\"drift\": 0.2, \"rows\": 100}', policy => 'retrain_and_deploy');
	UPDATE rows SET a = a + 200, y = b > 8", user => 'alice');
my $checks = $pg->query("SELECT engage_schedule('m', '* * * * *')", user => 'alice');
$pg->query("SELECT engage_schedule(NULL, '* * * * *')", user => 'bob');
$pg->query("SELECT engage_schedule('m', '* * * * *', 'log', '{\"source\": \"SELECT * FROM rows WHERE id <= 100\", \"key\": \"id\"}')", user => 'alice');
is($pg->query("SELECT command FROM engage.schedules WHERE action = 'log'", user => 'alice'),
	"SELECT * FROM public.engage_log_predictions('m', key => 'id', source => 'SELECT * FROM rows WHERE id <= 100')", 'the job that logs');
like($pg->error("SELECT engage_schedule('m', '* * * * *', 'log')", user => 'alice'), qr/42883: function public.engage_log_predictions\(unknown\) does not exist/,
	'a log needs a source and a key');
$pg->query("SELECT engage_schedule('s', '* * * * *', 'retrain', '{\"deploy\": \"never\"}', database => 'shop')");
$pg->query("SELECT engage_train('gone', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}', deploy => 'always');
	SELECT engage_schedule('gone', '* * * * *'); SELECT engage_drop('gone')", user => 'alice');
ok($pg->wait_for("SELECT count(*) > 0 FROM engage.schedules WHERE action = 'check' AND model = 'm' AND last_status = 'succeeded'", user => 'alice', timeout => 150), 'the job has run')
	or diag($pg->query('SELECT * FROM cron.job_run_details'));
is($pg->query("SELECT version, action, detail->>'check', detail->>'deployed', who FROM engage.events WHERE action = 'policy retrain'", user => 'alice'),
	'1.0.1|policy retrain|drift|true|alice', 'it found the drift and retrained');
is($pg->query("SELECT deployed FROM engage.models WHERE model = 'm'", user => 'alice'), '1.0.1', 'and deployed the better version');
ok($pg->wait_for("SELECT last_status = 'succeeded' FROM engage.schedules WHERE model IS NULL", user => 'bob', timeout => 150), "bob's check of all that is his, which is nothing");
ok($pg->wait_for("SELECT count(*) = 2 FROM engage.versions WHERE model = 's'", database => 'shop', timeout => 150), 'the job in the other database has retrained');

ok($pg->wait_for("SELECT count(*) > 0 FROM engage.schedules WHERE action = 'log' AND last_status = 'succeeded'", user => 'alice', timeout => 150), 'the job that logs has run')
	or diag($pg->query('SELECT * FROM cron.job_run_details'));
ok($pg->wait_for("SELECT last_status = 'failed' AND last_message LIKE '%model \"gone\" does not exist%' FROM engage.schedules WHERE model = 'gone'", user => 'alice', timeout => 150),
	'the job of a model that was dropped fails, and says why') or diag($pg->query("SELECT * FROM engage.schedules"));
is($pg->query("SELECT count(DISTINCT key), bool_and(score = engage_predict('m\@' || version, r)), min(scored_at) > now() - interval '10 minutes'
	FROM engage.predictions p JOIN rows r ON r.id = p.key::int", user => 'alice'), '100|t|t', 'and the log holds what the model says');

# ---- a minute later the alert is resolved by the same job
ok($pg->wait_for("SELECT state = 'resolved' FROM engage.alerts WHERE check_name = 'drift'", user => 'alice', timeout => 150), 'the next run resolves the alert');
$pg->query("SELECT engage_unschedule('m')", user => 'alice');
unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
