# Ways in which somebody tried to borrow another's rights through a model, told as they happen: a report that a
# superuser asks for, a monitor whose table is shadowed, a model that is given away, a planted function, a revoked one, a
# key with a check.  071_gate.pl and 077_planted_everywhere.pl do the same over every function.

use strict;
use warnings;
use EngageGate;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE dba LOGIN SUPERUSER;
CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE planter LOGIN;
GRANT CREATE ON SCHEMA public TO planter;
CREATE SCHEMA alice AUTHORIZATION alice; CREATE SCHEMA planter AUTHORIZATION planter;
GRANT USAGE ON SCHEMA alice, planter TO PUBLIC;
CREATE TABLE customers AS SELECT g AS id, (g * 7919) % 61 AS tenure, (g * 104729) % 1000 AS spend, (g * 7919) % 61 + g % 7 > 34 AS churned FROM generate_series(1, 300) g;
CREATE TABLE marks (n int);
CREATE SEQUENCE marks_seq;
CREATE TABLE secret AS SELECT 'the secret'::text AS word;
CREATE TABLE salaries AS SELECT g AS id, g % 40 AS age, 1000 + g % 97 AS salary FROM generate_series(1, 200) g;
CREATE TABLE tenants AS SELECT g AS id, g % 50 AS a, g % 50 > 20 AS y, CASE WHEN g % 2 = 0 THEN 'alice' ELSE 'bob' END AS tenant FROM generate_series(1, 400) g;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);
GRANT SELECT ON customers, tenants TO PUBLIC;
GRANT ALL ON marks, marks_seq TO PUBLIC;
SQL
$pg->query(probes_sql($_), user => $_) foreach qw(alice planter);
my $learn = "target => 'churned', key => 'id', features => '{tenure,spend}', algorithm => 'logistic_regression'";
my $source = quote("SELECT * FROM customers WHERE planter.row('the source', id)");
$pg->query("SELECT engage_train('hers', 'customers', $learn); SELECT engage_monitor('hers', 'customers', thresholds => '{\"age\": 0}', policy => 'retrain', cooldown => '0')", user => 'alice');
$pg->query("SELECT engage_train('trap', $source, $learn); SELECT engage_grant('trap', 'public')", user => 'planter');
my $superusers = $pg->query('SELECT string_agg(rolname, \' \' ORDER BY rolname) FROM pg_roles WHERE rolsuper');

# SQL as somebody: [output, errors, probes]; a probe is "place user restricted read-only what worked"
sub as
{
	my ($user, $sql) = @_;
	my (undef, $out, $err) = $pg->psql("SET engage.progress = off; SET client_min_messages = warning; $sql", user => $user, on_error_stop => 0);
	my @probes = map { my @p = split /\|/, $_, -1; "$p[0] $p[1] $p[3] $p[4] $p[6]" } $err =~ /WARNING:  01000: probe\|(.*)/g;

	is($pg->query('SELECT string_agg(rolname, \' \' ORDER BY rolname) FROM pg_roles WHERE rolsuper'), $superusers, "$user: nobody has become superuser");
	is($pg->query('SELECT count(*) FROM marks'), '0', "$user: nothing was written");
	return ($out, $err, join("\n", @{[ sort keys %{{ map { $_ => 1 } @probes }} ]}));
}
my $harmless = 'the source planter restricted on ';
my ($out, $err, $probes);

# ---- a report without a source reads the stored one, as its author
foreach my $call ("length(engage_report('trap')) > 1000", "same_data FROM engage_verify('trap')", "version = '1.0.1' FROM engage_retrain('trap', deploy => 'never')")
{
	($out, $err, $probes) = as('dba', "SELECT $call");
	is($probes, $harmless, "a superuser's $call runs the author's function as the author");
	is($out, 't', 'and does its work') or diag $err;
}
($out, $err, $probes) = as('bob', "SELECT engage_report('trap')");
is($probes, '', 'for a grantee the stored source is not read');
like($err, qr/ERROR:  42501: .*the source of model "trap".*HINT:  /s, 'he is told so, with a remedy');
is((as('bob', "SELECT length(engage_report('trap', 'customers')) > 1000"))[0], 't', 'with a source of his own he has the report');
# what reads no source is as it was
($out, $err, $probes) = as('dba', "SELECT count(*) > 0 FROM engage_importance('trap'); SELECT engage_plot_importance('trap') LIKE '<svg%'; SELECT length(engage_describe('trap')) > 100");
is("$out$probes", "t\nt\nt", 'importance and card read no source') or diag $err;

# ---- a temporary view or table in place of the table that a superuser meant
$pg->query("SELECT engage_grant('hers', 'dba')", user => 'alice');
$pg->query("SELECT engage_monitor('hers', 'customers', thresholds => '{\"drift\": 0.2}'); SELECT engage_train('given', 'customers', $learn); SELECT engage_set_owner('given', 'alice')", user => 'dba');
my $shadow = "CREATE TEMP VIEW customers AS SELECT id, tenure, spend, churned FROM public.customers WHERE alice.row('the shadow', id) LIMIT 1; GRANT SELECT ON customers TO PUBLIC;";
foreach my $call ("engage_check('hers')", "engage_check()", "engage_retrain('given')", "engage_verify('given')", "engage_retrain_if('given', rows => 1)", "engage_report('given')")
{
	($out, $err, $probes) = as('alice', "$shadow SELECT * FROM $call");
	is($probes, '', "alice's temporary view is not read by $call");
}
# not for who may run the text either
foreach my $call ("engage_check('hers')", "engage_retrain('given', deploy => 'never')", "engage_verify('given')", "engage_report('given')")
{
	($out, $err, $probes) = as('dba', "CREATE TEMP TABLE customers AS SELECT id, tenure, 1000000 AS spend, churned FROM public.customers; GRANT SELECT ON customers TO PUBLIC; SELECT $call");
	unlike($err, qr/ERROR/, "$call is not in the way of a temporary table") or diag $err;
	unlike($out, qr/alert/, 'and finds no drift in it') if $call =~ /check/;
}

# ---- to own a model is not to read what it was made of
$pg->query("SELECT engage_train('sal', 'salaries', 'salary', key => 'id', algorithm => 'linear_regression', deploy => 'always'); SELECT engage_set_owner('sal', 'alice');
	UPDATE salaries SET salary = salary + 100000", user => 'dba');
foreach my $call ("engage_retrain('sal', deploy => 'always')", "engage_retrain_if('sal', rows => 1)", "engage_verify('sal')", "engage_report('sal')", "engage_set_author('sal')")
{
	my $before = $pg->query("SELECT count(*), max(version) FROM engage.versions WHERE model = 'sal'");

	($out, $err) = as('alice', "SELECT * FROM $call");
	like("$out$err", qr/permission denied/, "alice, who may not read the table: $call");
	is($pg->query("SELECT count(*), max(version) FROM engage.versions WHERE model = 'sal'"), $before, 'no version comes of it');
}
# row security: rows of the author, for members of the author only
my $tenant = "key => 'id', exclude => '{tenant}', algorithm => 'logistic_regression'";
is($pg->query("SELECT rows_train + rows_test FROM engage_train('rls', 'tenants', 'y', $tenant)", user => 'alice'), '200', 'alice trains on her rows');
is($pg->query("SELECT rows_train + rows_test FROM engage_retrain('rls', deploy => 'always')", user => 'dba'), '200', 'a superuser who retrains has her rows read, too');
is($pg->query("SELECT engage_evaluate('rls', 'tenants')->>'n'", user => 'dba'), '400', 'what a superuser gives is read by him');
$pg->query("SELECT engage_set_owner('rls', 'bob')", user => 'dba');
like((as('bob', "SELECT engage_retrain('rls')"))[1], qr/42501: .*HINT:.*engage_set_author/s, 'bob, to whom it was given, does not read with her eyes');
$pg->query("SELECT engage_set_author('rls')", user => 'bob');
is($pg->query("SELECT rows_train + rows_test FROM engage_retrain('rls', deploy => 'always')", user => 'bob'), '200', 'he takes the source over, and reads rows');
is($pg->query("SELECT (engage_evaluate('rls', 'tenants')->>'n') || ' ' || (SELECT string_agg(DISTINCT tenant, ' ') FROM tenants)", user => 'bob'), '200 bob', 'which are his own');
# a function of alice's that trains with her rights is hers to offer
$pg->query("CREATE FUNCTION alice.offers() RETURNS text LANGUAGE sql SECURITY DEFINER AS \$\$ SELECT version FROM public.engage_train('offered', 'public.tenants', 'y', $tenant) \$\$", user => 'alice');
is((as('planter', 'SELECT alice.offers()'))[0], '1.0.0', 'a SECURITY DEFINER function trains');
is($pg->query("SELECT owner, (SELECT data->>'rows' FROM engage.versions v WHERE v.model = m.model) FROM engage.models m WHERE model = 'offered'"), 'alice|200', 'as its owner, whose the model is');

# ---- the registry made anew in one session
$pg->query('CREATE DATABASE anew');
my $rules = sub { return "SELECT engage_policy('p', '{\"layers\": [{\"name\": \"r\", \"rules\": [{\"name\": \"$_[0]\", \"when\": \"$_[1]\", \"score\": 80}]}]}', source => 't');" };
is($pg->query("SET client_min_messages = error; CREATE EXTENSION engage; CREATE TABLE t AS SELECT g AS id, g % 100 AS a, (g % 7)::float8 AS b, g % 100 > 50 AS y FROM generate_series(1, 300) g;
	\\o /dev/null\n" . $rules->('one', 'a > 10') . "SELECT engage_train('m', 't', 'y', key => 'id', algorithm => 'logistic_regression');\n\\o\n
	SELECT reasons FROM engage_decide('p', '{\"a\": 50, \"b\": 50}'::jsonb);
	\\o /dev/null\nSELECT engage_predict('m', t) FROM t WHERE id = 1; DROP EXTENSION engage CASCADE; CREATE EXTENSION engage;" . $rules->('two', 'b > 1000')
		. "SELECT engage_train('m', 't', 'b', key => 'id', algorithm => 'linear_regression', exclude => '{y}');\n\\o\n
	SELECT score, reasons FROM engage_decide('p', '{\"a\": 50, \"b\": 50}'::jsonb);
	SELECT score, reasons FROM engage_decide('p', '{\"a\": 50, \"b\": 5000}'::jsonb);
	SELECT engage_predict('m', '{\"id\": 1, \"a\": 50}'::jsonb) BETWEEN 1 AND 5", database => 'anew'),
	"{\"rule \\\"one\\\" fired: 80\"}\n0|{}\n80|{\"rule \\\"two\\\" fired: 80\"}\nt", 'nothing is kept of the policy and the model that had the same ids');

# ---- planted beside engage's functions
$pg->query(<<'SQL', user => 'planter');
CREATE FUNCTION public.engage_retrain_if(model text, age text) RETURNS TABLE (x text) LANGUAGE plpgsql AS $$ BEGIN PERFORM planter.probe('planted'); RETURN QUERY SELECT 'x'::text; END $$;
CREATE FUNCTION public.engage_retrain(text, text, OUT version text, OUT deployed bool) LANGUAGE plpgsql AS $$ BEGIN PERFORM planter.probe('planted'); version := '9.9.9'; deployed := false; END $$;
SQL
like($pg->error("CREATE FUNCTION public.engage_check() RETURNS TABLE (x text) LANGUAGE plpgsql AS 'BEGIN RETURN; END'", user => 'planter') // 'planted', qr/already exists/, 'engage_check() without arguments cannot be planted');
($out, $err, $probes) = as('dba', "SELECT engage_schedule_sql('hers', 'retrain_if', '{\"age\": \"30 days\"}') \\gexec\n");
is("$probes$err", '', 'the command of a schedule is not caught') or diag $err;
like($out, qr/hers\|f\|/, 'and runs');
$pg->query("SELECT engage_monitor('hers', 'customers', thresholds => '{\"age\": 0}', policy => 'retrain', cooldown => '0')", user => 'alice');
($out, $err, $probes) = as('dba', "SELECT action FROM engage_check('hers') WHERE check_name = 'age'; SELECT * FROM engage_check()");
is($probes, '', 'nor is what a check does');
like($out, qr/^retrained as 1\.0\./, 'it retrains') or diag $err;

# ---- a right that was taken away
$pg->query("SELECT engage_grant('hers', 'public'); REVOKE EXECUTE ON FUNCTION engage_predict(text, record), engage_predict_class(text, record) FROM PUBLIC");
foreach my $row ('c', 'c.*', 'ROW(c.*)', 's')
{
	foreach my $f ('engage_predict', 'engage_predict_class')
	{
		like((as('bob', "SELECT $f('hers', $row) FROM customers c, (SELECT * FROM customers OFFSET 0) s WHERE c.id = 1 AND s.id = 1"))[1], qr/42501: permission denied for function $f/,
			"without EXECUTE there is no $f of $row");
	}
}
$pg->query('GRANT EXECUTE ON FUNCTION engage_predict(text, record) TO PUBLIC');
$pg->query("DO \$\$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE proname ~ 'predict_columns\$' LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP; END \$\$");
like((as('bob', "SELECT engage_predict('hers', c) FROM customers c WHERE c.id = 1"))[0], qr/^0\.\d+/, 'with it there is, whatever the planner calls instead');

# ---- a key with a check, tracked by a superuser
$pg->query(<<'SQL', user => 'planter');
CREATE DOMAIN planter.card AS text CHECK (planter.probe('the key'));
CREATE TABLE planter.events (card planter.card, at timestamptz, amount float8);
GRANT ALL ON planter.events TO dba;
SQL
($out, $err, $probes) = as('dba', "SELECT engage_velocity_track('speed', 'planter.events', 'card', 'at', 'amount')");
is($probes, '', 'to track it runs no check');
($out, $err, $probes) = as('planter', "BEGIN; INSERT INTO planter.events VALUES ('a', now(), 5); ROLLBACK");
like($probes, qr/\A(the key planter [^\n]*)?\z/, 'an insert runs the check as who inserts, and as nobody else');
is($pg->query("SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid WHERE c.relname = 'speed_velocity' AND t.typtype = 'd'"), '0',
	'the rollup has no domain');

unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
