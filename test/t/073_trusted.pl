# The extension is trusted: the owner of a database installs it without being superuser, gains no right by that, and cannot smuggle
# anything of his own into what is installed.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(extension => 0);
$pg->query('CREATE ROLE dbo LOGIN; CREATE ROLE guest LOGIN; CREATE DATABASE managed OWNER dbo');
my %dbo = (user => 'dbo', database => 'managed');
$pg->query('CREATE EXTENSION engage', %dbo);
is($pg->query('SELECT rolname FROM pg_extension JOIN pg_roles r ON r.oid = extowner WHERE extname = \'engage\'', %dbo), 'dbo', 'the owner of a database installs engage');
is($pg->query("SELECT count(*) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' JOIN pg_roles r ON r.oid = p.proowner
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'engage') AND NOT r.rolsuper", %dbo), '0', 'its functions are the superuser\'s');
$pg->query("CREATE TABLE t AS SELECT g AS id, g % 7 AS a, g % 7 > 3 AS y FROM generate_series(1, 500) g", %dbo);
is($pg->query("SELECT version FROM engage_train('m', 't', target => 'y', key => 'id', params => '{\"n_estimators\":2}')", %dbo), '1.0.0', 'and trains');
is($pg->query("SELECT count(engage_predict('m', t)) FROM t", %dbo), '500', 'and scores');
foreach my $sql ('SELECT * FROM engage.artifact', 'DELETE FROM engage.model', "UPDATE engage.version SET recipe = '{}'", 'CREATE TABLE engage.trap (n int)',
	'ALTER TABLE engage.model OWNER TO dbo', 'ALTER SCHEMA engage OWNER TO dbo', 'DROP FUNCTION engage_version()', "SELECT engage_import('x', engage_export('m', 'engage'))")
{
	like($pg->error($sql, %dbo), qr/(42501|2BP01): /, "who installed it: $sql");
}

# what he adds to the extension is not taken for engage's own
$pg->query(<<'SQL', %dbo);
CREATE FUNCTION spy(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	IF current_user <> 'dbo' THEN RAISE WARNING 'spy % as %', $1, current_user; END IF; END $$;
CREATE FUNCTION engage_evaluate(model text, source text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spy('evaluate'); RETURN '{}'; END $$;
CREATE FUNCTION engage_drift(model text, source text, multivariate boolean) RETURNS TABLE (feature text) LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spy('drift'); END $$;
CREATE FUNCTION engage_retrain(model text, deploy text) RETURNS TABLE (version text, deployed boolean) LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spy('retrain'); END $$;
CREATE FUNCTION engage_predict(model text, r t) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spy('predict'); RETURN 0; END $$;
CREATE FUNCTION engage_held_out(model text, r t) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spy('held_out'); RETURN true; END $$;
ALTER EXTENSION engage ADD FUNCTION engage_evaluate(text, text);
ALTER EXTENSION engage ADD FUNCTION engage_drift(text, text, boolean);
ALTER EXTENSION engage ADD FUNCTION engage_retrain(text, text);
ALTER EXTENSION engage ADD FUNCTION engage_predict(text, t);
ALTER EXTENSION engage ADD FUNCTION engage_held_out(text, t);
SQL
my ($status, $out, $err) = $pg->psql(<<'SQL', database => 'managed');
SELECT engage_monitor('m', 't', outcomes => 't', thresholds => '{"drift": 0, "auc": 2, "age": 0}', policy => 'retrain');
SELECT count(*) > 2 AND bool_and(status <> 'error') FROM engage_check('m');
SELECT length(engage_report('m')) > 1000;
SQL
is($status, 0, 'a superuser checks and reports') or diag($err);
is($out, "\nt\nt", 'without errors');
unlike($err, qr/spy/, 'and runs nothing of the installer\'s');

# what stands in the schema beforehand does not get into views and defaults
$pg->query('CREATE DATABASE planted OWNER dbo');
my %planted = (user => 'dbo', database => 'planted');
$pg->query(<<'SQL', %planted);
CREATE FUNCTION public.join(integer, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'planted as %', current_user; RETURN $1::text; END $$;
CREATE OPERATOR public.|| (LEFTARG = integer, RIGHTARG = text, FUNCTION = public.join);
SQL
like($pg->error('CREATE EXTENSION engage', %planted), qr/55000: operator public\.\|\|\(integer,text\) stands in the way of engage/, 'a planted operator is found');
$pg->query('CREATE SCHEMA ml; CREATE EXTENSION engage SCHEMA ml', %planted);
is($pg->query("SELECT ml.engage_version() <> ''", %planted), 't', 'and engage goes into a schema of its own');

# other roles install nothing
like($pg->error('CREATE EXTENSION engage', user => 'guest', database => 'template1'), qr/42501: /, 'others do not install it');

done_testing;
