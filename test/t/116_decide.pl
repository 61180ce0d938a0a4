# Whose rights a decision has: the author's, and neither the caller gains by it nor the author; a cancel is not
# swallowed; dump and restore; a standby decides.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE mallory LOGIN;
CREATE TABLE payments AS SELECT g AS id, (g * 7919) % 1000 AS amount, g % 400 AS days, (g * 7919) % 1000 > 700 AS fraud FROM generate_series(1, 2000) g;
CREATE TABLE secret AS SELECT 1 AS id, 'the secret' AS word;
CREATE TABLE hers (id int, word text);
INSERT INTO hers VALUES (1, 'known to alice');
GRANT SELECT ON payments TO PUBLIC;
CREATE SCHEMA alice AUTHORIZATION alice;
CREATE SCHEMA mallory AUTHORIZATION mallory;
ALTER TABLE hers OWNER TO alice;
CREATE TABLE log (who name);
GRANT ALL ON log TO PUBLIC;
SQL
$pg->query(<<'SQL', user => 'alice');
SELECT engage_train('fraud', 'payments', target => 'fraud', key => 'id', features => '{amount,days}', params => '{"n_estimators":5}');
CREATE FUNCTION alice.is_hers(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM hers WHERE id = i); END';
CREATE FUNCTION alice.nap(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_sleep(60); RETURN true; END';
SELECT engage_policy('p', '{"layers": [{"name": "r", "rules": [{"name": "hers", "when": "is_hers(id)", "score": 50}, {"name": "who", "when": "current_user = ''alice''", "score": 40}]},
	{"name": "m", "models": [{"model": "fraud"}]}]}', source => 'payments');
SELECT engage_policy('slow', '{"layers": [{"name": "r", "rules": [{"name": "nap", "when": "nap(id)"}]}]}', source => 'payments');
SELECT engage_policy_grant('slow', 'app');
SQL
my $decide = "SELECT score, reasons, errors FROM engage_decide('p', '{\"id\":1,\"amount\":900,\"days\":3}'::jsonb)";

# ---- the registry is closed
foreach my $table (qw(policy policy_version policy_deployment policy_privilege))
{
	like($pg->error("SELECT * FROM engage.$table", user => 'mallory'), qr/42501: permission denied for table $table/, "engage.$table is nobody's");
}
is($pg->query('SELECT (SELECT count(*) FROM engage.policies) + (SELECT count(*) FROM engage.policy_versions) + (SELECT count(*) FROM engage.policy_events)', user => 'mallory'), '0',
	'who may not decide sees nothing');
like($pg->error($decide, user => 'app'), qr/42501: permission denied for policy "p"/, 'no decision without a grant');

# ---- a grant lets decide, with the author's rights, and nothing else
$pg->query("SELECT engage_policy_grant('p', 'app')", user => 'alice');
like($pg->query($decide, user => 'app'), qr/^\d+\|\{"rule \\"hers\\" fired: 50","rule \\"who\\" fired: 40","model \\"fraud\\" says \d+.*\}\|0$/, 'rules, functions and models with the rights of alice');
is($pg->query($decide, user => 'app'), $pg->query($decide, user => 'alice'), 'the same as for alice');
like($pg->error("SELECT engage_predict('fraud', '{\"amount\":900,\"days\":3}'::jsonb)", user => 'app'), qr/42501/, 'but the model itself is not the app\'s');
like($pg->error('SELECT * FROM hers', user => 'app'), qr/42501/, 'nor is the table');
is($pg->query("SELECT policy FROM engage.policies ORDER BY 1", user => 'app'), "p\nslow", 'it sees what it may use');
is($pg->query("SELECT count(*) FROM engage.policy_events WHERE policy = 'p'", user => 'app'), '4', 'with its history');
foreach my $call ("engage_policy('p', '{\"layers\": [{\"name\": \"r\", \"rules\": [{\"name\": \"x\", \"when\": \"true\"}]}]}', source => 'payments')",
	"engage_policy_deploy('p', 1)", "engage_policy_rollback('p')", "engage_policy_drop('p')", "engage_policy_drop('p', 1)", "engage_policy_grant('p', 'mallory')",
	"engage_policy_revoke('p', 'app')", "engage_policy_set_owner('p', 'app')")
{
	like($pg->error("SELECT $call", user => 'app'), qr/42501: must be owner of policy "p"/, "app: $call");
}

# ---- the caller's search_path, temporary objects, types and casts do not reach into the author's rules
$pg->query("SELECT engage_policy_grant('p', 'mallory')", user => 'alice');
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.spy(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF current_user = 'alice' THEN RAISE EXCEPTION 'mallory runs as alice: %', $1; END IF; END $$;
CREATE FUNCTION mallory.is_hers(i int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.spy('function'); RETURN true; END $$;
CREATE TABLE mallory.hers AS SELECT 1 AS id;
CREATE TYPE mallory.evil AS (x int);
CREATE FUNCTION mallory.to_int(mallory.evil) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.spy('cast'); RETURN ($1).x; END $$;
CREATE CAST (mallory.evil AS int) WITH FUNCTION mallory.to_int(mallory.evil) AS IMPLICIT;
CREATE FUNCTION mallory.eq(mallory.evil, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.spy('operator'); RETURN true; END $$;
CREATE OPERATOR mallory.> (LEFTARG = mallory.evil, RIGHTARG = int, FUNCTION = mallory.eq);
SQL
my $before = $pg->query($decide, user => 'mallory');
is($pg->query("SET search_path = mallory, public; $decide", user => 'mallory'), $before, 'the search_path of the caller does not matter');
is($pg->query("CREATE TEMP TABLE hers (id int); SET search_path = pg_temp, mallory; SELECT score, reasons, errors FROM public.engage_decide('p', '{\"id\":1,\"amount\":900,\"days\":3}'::jsonb)",
	user => 'mallory'), $before, 'nor its temporary tables');
my $evil = "SELECT d.score, d.reasons, d.errors FROM (SELECT ROW(1)::mallory.evil AS id, 900 AS amount, 3 AS days) r, LATERAL engage_decide('p', r) d";
is($pg->query($evil, user => 'mallory'), $before, 'its cast runs, as mallory, and to the type that the rule was written for');
is($pg->query("$decide; SELECT current_user, current_setting('transaction_read_only'), current_setting('search_path')", user => 'mallory'),
	"$before\nmallory|off|\"\$user\", public", 'nothing of the author is left behind');

# ---- and an author does not run code with a caller's rights, the superuser's for one; nor write
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.read_secret(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM public.secret); END';
CREATE FUNCTION mallory.inner_write() RETURNS void LANGUAGE plpgsql VOLATILE AS 'BEGIN INSERT INTO public.log VALUES (current_user); END';
CREATE FUNCTION mallory.write(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM mallory.inner_write(); RETURN true; END';
CREATE FUNCTION mallory.become(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('role', 'none', false); RETURN true; END $$;
CREATE FUNCTION mallory.path(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('search_path', 'mallory', false); RETURN false; END $$;
SELECT engage_policy('trap', '{"layers": [{"name": "r", "rules": [{"name": "secret", "when": "mallory.read_secret(id)"}, {"name": "write", "when": "mallory.write(id)"},
	{"name": "become", "when": "mallory.become(id)"}, {"name": "path", "when": "mallory.path(id)"}]}]}', source => 'payments');
SQL
my $trap = $pg->query("SELECT reasons FROM engage_decide('trap', '{\"id\":1}'::jsonb)");
like($trap, qr/rule \\"secret\\" failed: permission denied for table secret/, 'a superuser\'s decision reads nothing as superuser');
like($trap, qr/rule \\"write\\" failed: cannot execute INSERT in a read-only transaction/, 'nor does a rule write');
like($trap, qr/rule \\"become\\" failed: cannot set parameter \\"role\\" within security-restricted operation/, 'nor change the role');
is($pg->query("SELECT engage_decide('trap', '{\"id\":1}'::jsonb) IS NOT NULL; SELECT current_setting('search_path'), (SELECT count(*) FROM log)"), "t\n\"\$user\", public|0", 'settings are put back');

# ---- an author that loses its rights
$pg->query("CREATE TABLE other AS SELECT * FROM payments; SELECT engage_train('lent', 'other', target => 'fraud', key => 'id', features => '{amount}', params => '{\"n_estimators\":2}'); SELECT engage_grant('lent', 'alice')");
$pg->query("SELECT engage_policy('lent', '{\"layers\": [{\"name\": \"m\", \"models\": [{\"model\": \"lent\"}]}]}'); SELECT engage_policy_grant('lent', 'app')", user => 'alice');
is($pg->query("SELECT errors FROM engage_decide('lent', '{\"amount\":1}'::jsonb)", user => 'app'), '0', 'a model that was lent to the author');
$pg->query("SELECT engage_revoke('lent', 'alice')");
is($pg->query("SELECT errors, reasons FROM engage_decide('lent', '{\"amount\":1}'::jsonb)", user => 'app'), '1|{"model \"lent\" failed"}', 'and was taken back');
is($pg->query("SELECT errors, reasons FROM engage_decide('lent', '{\"amount\":1}'::jsonb)", user => 'alice'), '1|{"model \"lent\" failed: permission denied for model \"lent\""}',
	'the author is told why');
like($pg->error("SELECT engage_policy('lent', '{\"layers\": [{\"name\": \"m\", \"models\": [{\"model\": \"lent\"}]}]}')", user => 'alice'), qr/42501: permission denied for model "lent"/, 'is refused in a new version');

# ---- a cancel and a timeout are not failures of a rule
my $s = $pg->session(user => 'app');
$s->send("SELECT engage_decide('slow', '{\"id\":1}'::jsonb)");
ok($pg->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $s->pid), 'the rule sleeps');
$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
my ($out, $err) = $s->finish;
like($err, qr/57014: canceling statement due to user request/, 'a cancel goes through');
is($s->query('SELECT current_user'), 'app', 'and the session is its own again');
$s->query('SET statement_timeout = 100');
$s->send("SELECT engage_decide('slow', '{\"id\":1}'::jsonb)");
($out, $err) = $s->finish;
like($err, qr/57014: canceling statement due to statement timeout/, 'so does a timeout');
$s->close;

# ---- dump and restore: the same answers, and new ids do not collide
my $dump = $pg->dump;
$pg->query('CREATE DATABASE copy');
$pg->query($dump, database => 'copy');
is($pg->query($decide, database => 'copy', user => 'app'), $before, 'a restored copy decides alike');
is($pg->query('SELECT policy, deployed, versions FROM engage.policies ORDER BY 1', database => 'copy'), $pg->query('SELECT policy, deployed, versions FROM engage.policies ORDER BY 1'), 'with all versions');
is($pg->query("SELECT engage_policy('p', '{\"layers\": [{\"name\": \"r\", \"rules\": [{\"name\": \"x\", \"when\": \"id > 0\", \"score\": 7}]}]}')", database => 'copy', user => 'alice'), '2', 'and takes new ones');
is($pg->query("SELECT engage_policy_rollback('p')", database => 'copy', user => 'alice'), '1', 'and rolls back');

# ---- a standby decides, and refuses the rest
my $standby = $pg->standby;
$standby->catch_up;
is($standby->query($decide, user => 'app'), $before, 'a standby answers');
foreach my $call ("engage_policy('p', '{}')", "engage_policy_deploy('p', 1)", "engage_policy_rollback('p')", "engage_policy_drop('p')", "engage_policy_grant('p', 'app')")
{
	like($standby->error("SELECT $call"), qr/25006: cannot execute engage_policy\w*\(\)/, "$call on a standby");
}

# ---- an author that is gone
$pg->query('ALTER ROLE mallory RENAME TO gone');
like($pg->error("SELECT engage_decide('trap', '{\"id\":1}'::jsonb)"), qr/42704: role "mallory" does not exist/, 'an author that is gone is named');

done_testing;
