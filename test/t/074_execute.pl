# 073_execute.pl - REVOKE EXECUTE holds whatever way a function is reached: as it is written, as the planner makes it, by its
# twin in schema engage, through prepared statements, SET ROLE and SECURITY DEFINER; and takes nothing else away.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
my $quiet = 'SET engage.progress = off; SET client_min_messages = error;';

$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE readers;
CREATE ROLE bob LOGIN IN ROLE readers;
CREATE ROLE carol LOGIN;
GRANT carol TO bob;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, ((g * 31) % 97)::float8 AS d FROM generate_series(1, 1000) g;
ALTER TABLE rows OWNER TO alice;
GRANT SELECT ON rows TO PUBLIC;
CREATE VIEW few AS SELECT id, a, b, d, y FROM rows;
GRANT SELECT ON few TO PUBLIC;
CREATE SCHEMA alice AUTHORIZATION alice;
GRANT USAGE ON SCHEMA alice TO PUBLIC;
SQL
my $few = "key => 'id', params => '{\"n_estimators\": 3}'";
$pg->query("$quiet SELECT FROM engage_train('two', 'rows', target => 'y', exclude => '{d}', intervals => 0.9, $few)", user => 'alice');
$pg->query("$quiet SELECT FROM engage_train('amount', 'rows', target => 'd', exclude => '{y}', intervals => 0.9, $few);
	SELECT FROM engage_train('quarter', 'rows', target => 'd', exclude => '{y}', task => 'quantile', $few);
	SELECT engage_grant(model, 'public') FROM engage.models");

# every function over a row that the planner replaces, found in the catalog; and a model for each
my %model = (engage_predict => 'two', engage_predict_class => 'two', engage_predict_proba => 'two', engage_predict_set => 'two',
	engage_predict_interval => 'amount', engage_predict_quantiles => 'quarter');
my $rows = $pg->query("SELECT proname FROM pg_proc WHERE prosupport <> 0 AND pronamespace = 'public'::regnamespace AND prosupport = 'engage.predict_support'::regproc ORDER BY 1");
is($rows, join("\n", sort keys %model), 'this test knows all functions that the planner replaces');

my $count = 0;
foreach my $f (sort keys %model)
{
	my $m = $model{$f};
	my $twin = $f =~ s/^engage_/engage./r;
	my $denied = qr/42501: permission denied for function $f$/m;
	my @ways = ("SELECT $f('$m', r) FROM rows r WHERE id = 1", "SELECT $f('$m', r.*) FROM rows r WHERE id = 1", "SELECT $f('$m', s) FROM few s WHERE id = 1",
		"SELECT $f('$m', s) FROM (SELECT * FROM rows OFFSET 0) s WHERE id = 1", "SELECT $f('$m', s) FROM (SELECT id, a, b, d, y FROM rows) s WHERE id = 1",
		"SELECT x FROM rows r, LATERAL $f('$m', r) x WHERE id = 1", "SELECT count($f('$m', r)) FROM rows r", "SELECT id FROM rows r WHERE $f('$m', r) IS NOT NULL LIMIT 1",
		"SELECT $twin('$m', r) FROM rows r WHERE id = 1", "SELECT $twin('$m', s) FROM (SELECT * FROM rows OFFSET 0) s WHERE id = 1",
		"SELECT ${twin}_columns('$m', '{id,a,b,d,y}', 1::oid, id, a, b, d, y) FROM rows WHERE id = 1",
		"SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT $f('$m', r) FROM rows r WHERE id = 1; EXECUTE p; EXECUTE p",
		"DO \$\$ DECLARE r rows; BEGIN SELECT * INTO r FROM rows WHERE id = 1; FOR i IN 1..3 LOOP PERFORM $f('$m', r); END LOOP; END \$\$");
	my $s = $pg->session(user => 'bob');

	# what holds a plan from before
	$s->query("SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT count($f('$m', r)) FROM rows r; PREPARE t AS SELECT count($twin('$m', r)) FROM rows r");
	is($s->query('EXECUTE p; EXECUTE t'), "1000\n1000", "$f: allowed");
	$pg->query("CREATE OR REPLACE FUNCTION alice.definer() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(public.$f(''$m'', r)) FROM public.rows r); END'", user => 'alice');
	$pg->query("DROP VIEW IF EXISTS alice.v; CREATE VIEW alice.v AS SELECT id, $twin('$m', r.*) AS score FROM public.rows r; GRANT SELECT ON alice.v TO PUBLIC", user => 'alice');

	$pg->query("REVOKE EXECUTE ON FUNCTION $f(text, record) FROM PUBLIC; GRANT EXECUTE ON FUNCTION $f(text, record) TO alice");
	like($pg->error($_, user => 'bob'), $denied, "revoked: $_") foreach @ways;
	foreach my $held ('EXECUTE p', 'EXECUTE t')
	{
		$s->send($held);
		like(($s->finish)[1], qr/permission denied for function $f$/m, "revoked: $held of a statement that was prepared before");
	}
	$s->query('RESET ROLE');
	is($pg->query('SELECT alice.definer()', user => 'bob'), '1000', 'a SECURITY DEFINER function has its owner\'s right');
	like($pg->error('SELECT * FROM alice.v', user => 'bob'), $denied, 'a view has the right of its reader');
	is($pg->query('SELECT count(score) FROM alice.v', user => 'alice'), '1000', 'as the owner has');
	$pg->query("GRANT EXECUTE ON FUNCTION $f(text, record) TO carol");
	is($s->query("SET ROLE carol; EXECUTE p; EXECUTE t; SELECT count($f('$m', r)) FROM rows r"), "1000\n1000\n1000", 'SET ROLE to who may');
	$s->query('RESET ROLE');
	$pg->query("REVOKE EXECUTE ON FUNCTION $f(text, record) FROM carol; GRANT EXECUTE ON FUNCTION $f(text, record) TO readers");
	is($s->query('EXECUTE p; EXECUTE t'), "1000\n1000", 'a grant to a role that bob is a member of is noticed');
	$pg->query('REVOKE readers FROM bob');
	$s->send('EXECUTE p');
	like(($s->finish)[1], qr/permission denied for function $f$/m, 'and that he is one no longer');
	$pg->query("GRANT readers TO bob; GRANT EXECUTE ON FUNCTION $f(text, record) TO PUBLIC");

	# a SECURITY DEFINER caller without the right
	$pg->query("REVOKE EXECUTE ON FUNCTION $f(text, record) FROM PUBLIC, alice; GRANT EXECUTE ON FUNCTION $f(text, record) TO bob");
	like($pg->error('SELECT alice.definer()', user => 'bob'), $denied, 'nor has a SECURITY DEFINER function its caller\'s');
	$pg->query("GRANT EXECUTE ON FUNCTION $f(text, record) TO PUBLIC");

	# the other direction: what stands in the plan is nobody's business
	is($s->query('EXECUTE p'), '1000', 'before the form over columns is taken away');
	$pg->query("REVOKE EXECUTE ON FUNCTION ${twin}_columns(text, text[], oid, \"any\") FROM PUBLIC");
	foreach my $way (grep { !/_columns/ } @ways)
	{
		is($pg->error($way, user => 'bob'), undef, "without the form over columns: $way");
	}
	is($s->query('EXECUTE p; EXECUTE t'), "1000\n1000", 'prepared statements, too');
	like($pg->error($ways[10], user => 'bob'), qr/42501: permission denied for function predict\w*_columns/, 'but that form itself is denied');
	$pg->query("GRANT EXECUTE ON FUNCTION ${twin}_columns(text, text[], oid, \"any\") TO carol");
	is($s->query("SET ROLE carol; SELECT count($f('$m', r)) FROM rows r; EXECUTE p; RESET ROLE; EXECUTE p"), "1000\n1000\n1000", 'one plan for those who may and those who may not');
	$pg->query("GRANT EXECUTE ON FUNCTION ${twin}_columns(text, text[], oid, \"any\") TO PUBLIC");

	# a twin of its own
	$pg->query("REVOKE EXECUTE ON FUNCTION $twin(text, record) FROM PUBLIC");
	like($pg->error("SELECT count($twin('$m', r)) FROM rows r", user => 'bob'), qr/42501: permission denied for function predict/, 'REVOKE on the twin holds, though the planner would replace it');
	$s->send('EXECUTE t');
	like(($s->finish)[1], qr/permission denied for function predict/, 'in plans from before, too');
	is($pg->error($ways[0], user => 'bob'), undef, 'and does not touch what it stands for');
	$pg->query("GRANT EXECUTE ON FUNCTION $twin(text, record) TO PUBLIC");

	# what ALTER FUNCTION has made of it stays so
	if ($count++ == 0)
	{
		$pg->query("REVOKE SELECT ON rows FROM bob; SELECT engage_revoke('two', 'public'); ALTER FUNCTION $f(text, record) SECURITY DEFINER");
		is($pg->query("SELECT count($f('$m', r)) FROM rows r", user => 'bob'), '1000', 'SECURITY DEFINER on the function itself holds');
		is($s->query('EXECUTE p; EXECUTE t'), "1000\n1000", 'in plans from before');
		$pg->query("ALTER FUNCTION $f(text, record) SECURITY INVOKER");
		like($pg->error("SELECT count($f('$m', r)) FROM rows r", user => 'bob'), qr/42501: permission denied for model "two"/, 'and no longer');
		$pg->query("SELECT engage_grant('two', 'public')");
	}
	$s->close;
}

# ---- all twins, from the catalog: without EXECUTE on what they stand for they do nothing
my %call = (
	'engage.held_out(text,record)' => "SELECT engage.held_out('two', r) FROM rows r",
	'engage.model_version(text)' => "SELECT engage.model_version('two')",
	'engage.check()' => 'SELECT * FROM engage.check()', 'engage.check(text)' => "SELECT * FROM engage.check('two')",
	'engage.retrain(text,text,bigint)' => "SELECT * FROM engage.retrain('two')",
	'engage.retrain_if(text,double precision,interval,bigint,text,text)' => "SELECT * FROM engage.retrain_if('two', age => '1 day')",
	'engage.log_predictions(text,text,text,timestamp with time zone)' => "SELECT * FROM engage.log_predictions('two', 'rows', 'id')",
	map { ("engage.$_(text,record)" => "SELECT engage.$_('$model{\"engage_$_\"}', s) FROM (SELECT * FROM rows OFFSET 0) s",
		"engage.$_(text,jsonb)" => "SELECT engage.$_('$model{\"engage_$_\"}', pg_catalog.to_jsonb(s)) FROM (SELECT * FROM rows OFFSET 0) s") } map { s/^engage_//r } keys %model);
$pg->query("$quiet SELECT engage_monitor('two', 'rows', thresholds => '{\"age\": 100}')", user => 'alice');
foreach my $twin (split /\n/, $pg->query("SELECT replace(oid::regprocedure::text, '\"', '') FROM pg_proc WHERE prosrc = 'engage_twin' ORDER BY 1"))
{
	my $public = $twin =~ s/^engage\./engage_/r;
	my ($name) = $public =~ /^(\w+)/;

	ok($call{$twin}, "$twin is tested") or next;
	is($pg->error("$quiet $call{$twin}", user => 'alice'), undef, 'with EXECUTE it works');
	$pg->query("REVOKE EXECUTE ON FUNCTION $public FROM PUBLIC, alice");
	like($pg->error("$quiet $call{$twin}", user => 'alice'), qr/42501: permission denied for function $name$/m, 'without it is denied');
	$pg->query("GRANT EXECUTE ON FUNCTION $public TO PUBLIC");
}

# ---- what is made of other functions' answers needs the right to those, too
$pg->query('REVOKE EXECUTE ON FUNCTION engage_evaluate FROM PUBLIC');
like($pg->error("$quiet SELECT engage_report('two')", user => 'alice'), qr/42501: permission denied for function engage_evaluate/, 'a report needs engage_evaluate()');
$pg->query('GRANT EXECUTE ON FUNCTION engage_evaluate TO PUBLIC');
is($pg->error("$quiet SELECT engage_report('two')", user => 'alice'), undef, 'and has it again');
done_testing;
