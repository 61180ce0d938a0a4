# Code that cannot be read from a query: casts that are looked up while it runs, literals that are read while it is parsed, domains deep inside of values,
# partition keys, functions that run text, functions within functions; and what a text could leave behind.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
my $quiet = "SET client_min_messages = warning;";
$pg->query(<<'SQL');
CREATE ROLE anna LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE dba LOGIN SUPERUSER;
GRANT CREATE ON SCHEMA public TO anna, mallory;
CREATE SCHEMA anna AUTHORIZATION anna; CREATE SCHEMA mallory AUTHORIZATION mallory; GRANT USAGE ON SCHEMA mallory, anna TO PUBLIC;
CREATE TABLE plain AS SELECT g AS id, g % 7 AS a, g % 7 > 3 AS y FROM generate_series(1, 400) g; GRANT SELECT ON plain TO PUBLIC;
SQL
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.trap(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
	IF current_user <> 'mallory' THEN RAISE WARNING 'TRAP as %', current_user; END IF; RETURN true; END $$;
CREATE FUNCTION mallory.number(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.trap('number'); RETURN $1; END $$;
CREATE TYPE mallory.plan AS ENUM ('basic', 'pro');
CREATE DOMAIN mallory.dom AS text;
CREATE TYPE mallory.pair AS (x mallory.dom, n int);
CREATE TABLE mallory.w AS SELECT g AS id, g % 7 AS a, g % 7 > 3 AS y FROM generate_series(1, 400) g; GRANT SELECT ON mallory.w TO PUBLIC;
GRANT USAGE ON TYPE mallory.plan, mallory.dom, mallory.pair TO PUBLIC;
SQL
my $learn = "target => 'y', key => 'id', algorithm => 'logistic_regression', deploy => 'always'";
sub trapless
{
	my ($sql, $user, $what, $error) = @_;
	my ($status, $out, $err) = $pg->psql("$quiet $sql", user => $user);

	unlike($err, qr/TRAP/, "$what: nothing of the planter's has run") or diag($err);
	$error ? like($err, $error, "$what: refused") : is($status, 0, "$what: works") || diag($err);
	return $out;
}

my $s;

# ---- a cast to json, made after the training, on the type of a column
$pg->query("CREATE TABLE own AS SELECT id, a, y, CASE WHEN a > 3 THEN 'pro' ELSE 'basic' END::mallory.plan AS plan FROM plain; GRANT SELECT ON own TO PUBLIC;
	SELECT engage_train('cast', 'own', $learn); SELECT engage_train('says', 'SELECT id, a, y, length(to_jsonb(plan)::text) AS n FROM own k', $learn)", user => 'dba');
$pg->query("CREATE FUNCTION mallory.tojson(mallory.plan) RETURNS json LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.trap('json'); RETURN '1'; END \$\$;
	CREATE CAST (mallory.plan AS json) WITH FUNCTION mallory.tojson(mallory.plan)", user => 'mallory');
trapless("SELECT length(engage_report('cast')) > 1000", 'dba', 'report over a column with a cast to json');
trapless("SELECT length(engage_report('cast', 'own')) > 1000", 'dba', 'the same of a source that is given');
trapless("SELECT engage_retrain('says')", 'dba', 'a source that says to_jsonb', qr/55000: a name in the source of model "says" now means function mallory\.tojson/);

# ---- casts to text, which engage itself puts around keys and outcomes
$pg->query("CREATE FUNCTION mallory.totext(mallory.plan) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.trap('text'); RETURN 'cast'; END \$\$;
	CREATE CAST (mallory.plan AS text) WITH FUNCTION mallory.totext(mallory.plan)", user => 'mallory');
trapless("SELECT engage_log_predictions('cast', 'SELECT DISTINCT ON (plan) * FROM own ORDER BY plan, id', 'plan')", 'dba', 'the key of a log');
is($pg->query("SELECT string_agg(key, ',' ORDER BY key) FROM engage.predictions WHERE model = 'cast'"), 'basic,pro', 'is what the type writes');
trapless("SELECT * FROM engage_performance('cast', 'SELECT plan AS key, y AS outcome FROM own WHERE id < 8')", 'dba', 'the key of outcomes');
trapless("SELECT * FROM engage_performance('cast', 'SELECT id AS key, plan AS outcome FROM own WHERE id < 8')", 'dba', 'outcomes');

# ---- a literal of a type that another one has come before in the path
$pg->query("CREATE SCHEMA app; CREATE TYPE app.money2 AS (x text, n int); SET search_path = public, app; SELECT engage_train('literal', 'SELECT *, ((''(a,1)''::money2).n = 1)::int AS f FROM plain', $learn, exclude => '{f}')", user => 'dba');
$pg->query("CREATE TYPE public.money2 AS (x mallory.dom, n int); ALTER DOMAIN mallory.dom ADD CONSTRAINT c CHECK (mallory.trap(VALUE)) NOT VALID", user => 'mallory');
trapless("SELECT engage_retrain('literal')", 'dba', 'a literal read while the text is parsed', qr/55000: a name in the source of model "literal" now means function mallory\.trap/);
$pg->query('DROP TYPE public.money2; ALTER DOMAIN mallory.dom DROP CONSTRAINT c', user => 'mallory');
trapless("SELECT engage_retrain('literal')", 'dba', 'without it');

# ---- domains within values
$pg->query("SELECT engage_train('record', 'SELECT p.*, (jsonb_populate_record(NULL::mallory.pair, jsonb_build_object(''n'', a, ''x'', ''z''))).n AS n FROM plain p', $learn);
	SELECT engage_train('rowset', 'SELECT p.*, r.n FROM plain p, jsonb_to_record(jsonb_build_object(''n'', a, ''x'', ''z'')) AS r(n int, x mallory.dom)', $learn)", user => 'anna');
$pg->query("CREATE TABLE anna.tags (id int, tags mallory.dom[], p mallory.pair);
	SELECT engage_policy('p', '{\"layers\":[{\"name\":\"r\",\"rules\":[{\"name\":\"one\",\"when\":\"tags IS NOT NULL AND p IS NOT NULL\",\"score\":50}]}]}', source => 'anna.tags'); SELECT engage_policy_grant('p', 'mallory')", user => 'anna');
$pg->query('ALTER DOMAIN mallory.dom ADD CONSTRAINT c CHECK (mallory.trap(VALUE)) NOT VALID', user => 'mallory');
trapless("SELECT engage_retrain('$_')", 'dba', "a domain within: $_", qr/55000: a name in the source of model "$_" now means function mallory\.trap/) foreach qw(record rowset);
trapless("SELECT score FROM engage_decide('p', '{\"tags\":[\"x\"],\"p\":{\"x\":\"y\",\"n\":1}}'::jsonb)", 'mallory', 'a domain within a row of a policy', qr/now means function mallory\.trap|has failed|could not/);
$pg->query('ALTER DOMAIN mallory.dom DROP CONSTRAINT c', user => 'mallory');

# ---- partition keys
$pg->query("SELECT engage_train('w', 'mallory.w', $learn)", user => 'anna');
$pg->query('ALTER TABLE mallory.w RENAME TO kept; CREATE TABLE mallory.w (id int, a int, y bool) PARTITION BY RANGE ((id + mallory.number(1)));
	CREATE TABLE mallory.w1 PARTITION OF mallory.w FOR VALUES FROM (MINVALUE) TO (MAXVALUE); INSERT INTO mallory.w SELECT * FROM mallory.kept; GRANT SELECT ON mallory.w TO PUBLIC', user => 'mallory');
trapless("SELECT engage_retrain('w')", 'dba', 'a partition key', qr/55000: a name in the source of model "w" now means function mallory\.number/);

# ---- functions that run text, in a view that has taken the table's place
$pg->query("DROP TABLE mallory.w; CREATE VIEW mallory.w AS SELECT id, a, y FROM mallory.kept WHERE id > 0 OR query_to_xml('SELECT mallory.trap(''x'')', true, true, '') IS NOT NULL;
	CREATE OR REPLACE VIEW mallory.w AS SELECT id, a + (query_to_xml('SELECT mallory.number(1)', true, true, '') IS NULL)::int AS a, y FROM mallory.kept; GRANT SELECT ON mallory.w TO PUBLIC", user => 'mallory');
trapless("SELECT engage_retrain('w')", 'dba', 'a view that runs text', qr/55000: a name in the source of model "w" now means function mallory\.number/);

# ---- functions within functions: what had its part when the author trained is accepted, what comes later is not
$pg->query('CREATE FUNCTION mallory.helper(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1', user => 'mallory');
$pg->query("CREATE FUNCTION anna.outer(int) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN RETURN mallory.helper(\$1) + abs(\$1); END \$\$; SELECT engage_train('deep', 'SELECT id, anna.outer(a) AS a, y FROM public.plain', $learn)", user => 'anna');
trapless("SELECT engage_retrain('deep')", 'dba', 'a function within a function, as it was');
$pg->query('CREATE FUNCTION public.abs(int, int DEFAULT 1) RETURNS int LANGUAGE sql RETURN $1', user => 'mallory');
$pg->query("CREATE FUNCTION mallory.later(int) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.trap('later'); RETURN \$1; END \$\$; DROP FUNCTION public.abs(int, int)", user => 'mallory');
$pg->query('CREATE OR REPLACE FUNCTION anna.outer(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN mallory.later($1); END $$', user => 'anna');
trapless("SELECT engage_retrain('deep')", 'dba', 'another one', qr/55000: a name in the source of model "deep" now means function mallory\.later/);

# what a training ran that failed is not accepted with the next text
$s = $pg->session(user => 'anna');
$s->send("SELECT engage_train('failed', 'SELECT id, mallory.helper(a) AS a, 1 / (id - id) AS b, y FROM public.plain', $learn)");
like(($s->finish)[1], qr/division by zero/, 'a training fails');
$s->query("$quiet SELECT engage_train('next', 'public.plain', $learn); SELECT engage_monitor('next', 'public.plain')");
is($s->query("SELECT recipe->'names'->'functions' FROM engage.versions WHERE model = 'next'"), '{}', 'its functions are not accepted with the next text');
$s->close;
is($pg->query("SELECT names->'functions' FROM engage.monitor w JOIN engage.model m ON m.id = w.model_id WHERE m.name = 'next'"), '{}', 'nor with a monitor');

# ---- taking over: nothing of the old author's runs as the new one, not even while it is looked at
my %texts = (literal2 => "SELECT id, a, y, ((''(a,1)''::mallory.pair).n) AS n FROM public.plain", json2 => 'SELECT id, a, y, length(to_jsonb(plan)::text) AS n FROM public.own k', view2 => 'SELECT * FROM mallory.w');
foreach my $m (sort keys %texts)
{
	$pg->query("SELECT engage_train('$m', '$texts{$m}', $learn)", user => 'mallory');
}
$pg->query('ALTER DOMAIN mallory.dom ADD CONSTRAINT c CHECK (mallory.trap(VALUE)) NOT VALID', user => 'mallory');
foreach my $m (sort keys %texts)
{
	my ($status, $out, $err) = $pg->psql("$quiet SELECT engage_set_author('$m')", user => 'dba');
	unlike($err, qr/TRAP/, "$m: nothing runs while it is taken over") or diag($err);
	($status, $out, $err) = $pg->psql("$quiet SELECT engage_retrain('$m')", user => 'dba');
	unlike($err, qr/TRAP as dba/, "$m: nor as a superuser afterwards") or diag($err);
}
$pg->query('ALTER DOMAIN mallory.dom DROP CONSTRAINT c', user => 'mallory');

# ---- a cast that the caller's type brings along chooses no function of the author's
$pg->query("CREATE TABLE anna.secret AS SELECT 4242 AS v; CREATE TABLE anna.amounts (amount int); CREATE FUNCTION anna.peek(anyelement) RETURNS int LANGUAGE sql AS 'SELECT v FROM anna.secret'; REVOKE EXECUTE ON FUNCTION anna.peek FROM public;
	SELECT engage_policy('q', '{\"layers\":[{\"name\":\"r\",\"rules\":[{\"name\":\"one\",\"when\":\"amount = 4242\",\"score\":77}]}]}', source => 'anna.amounts'); SELECT engage_policy_grant('q', 'mallory')", user => 'anna');
$pg->query('CREATE TYPE mallory.ct AS (a int); CREATE CAST (mallory.ct AS int) WITH FUNCTION anna.peek(anyelement) AS ASSIGNMENT', user => 'mallory');
like($pg->error("SELECT score FROM engage_decide('q', (SELECT r FROM (SELECT ROW(1)::mallory.ct AS amount) r))", user => 'mallory'), qr/42501: column "amount" of the row would be cast by function anna\.peek/, 'a cast of the caller\'s type');

# ---- nothing is left behind
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.leaves(int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'leftover'; BEGIN
	IF NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'leftover') THEN OPEN c FOR SELECT mallory.trap('cursor'); END IF;
	SET CONSTRAINTS ALL DEFERRED; PERFORM pg_notify('leak', 'something'); RETURN $1; END $$;
SQL
$pg->query("SELECT engage_train('leaves', 'SELECT id, mallory.leaves(a) AS a, y FROM public.plain', $learn)", user => 'mallory');
$s = $pg->session(user => 'dba');
$s->query('CREATE TEMP TABLE u (n int UNIQUE DEFERRABLE INITIALLY IMMEDIATE); LISTEN leak');
is($s->query("BEGIN; $quiet SELECT count(*) FROM engage_retrain('leaves', deploy => 'always'); SELECT count(*) FROM pg_cursors WHERE name = 'leftover'"), "1\n0", 'no cursor');
$s->send('INSERT INTO u VALUES (1), (1)');
like(($s->finish)[1], qr/duplicate key/, 'constraints are not deferred');
$s->query('ROLLBACK');
unlike($s->query("SELECT count(*) FROM engage_retrain('leaves', deploy => 'always')"), qr/notification/i, 'no notification');
$s->close;
unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
