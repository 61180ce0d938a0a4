# Who may do what: the registry is closed, models are their owners', training sees what its caller sees,
# and nobody's search_path, operators, functions or stored recipes run with another's rights.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE analysts;
CREATE ROLE alice LOGIN IN ROLE analysts;
CREATE ROLE bob LOGIN IN ROLE analysts;
CREATE ROLE reader LOGIN;
CREATE ROLE mallory LOGIN;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, CASE WHEN g % 2 = 0 THEN 'alice' ELSE 'bob' END AS tenant
FROM generate_series(1, 2000) g;
CREATE TABLE secret AS SELECT * FROM rows;
CREATE TABLE tenants AS SELECT * FROM rows;
CREATE TABLE some_columns AS SELECT * FROM rows;
GRANT SELECT ON rows, tenants TO PUBLIC;
GRANT SELECT (id, y, a) ON some_columns TO alice;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);
CREATE SCHEMA mallory AUTHORIZATION mallory;
CREATE SCHEMA alice AUTHORIZATION alice;
SQL
my $small = "key => 'id', params => '{\"n_estimators\":2}'";

# ---- the registry's tables are nobody's
foreach my $table (qw(model version artifact deployment privilege event))
{
	foreach my $sql ("SELECT * FROM engage.$table", "DELETE FROM engage.$table", "INSERT INTO engage.$table DEFAULT VALUES", "BEGIN; LOCK engage.$table")
	{
		like($pg->error($sql, user => 'mallory'), qr/42501: permission denied for table $table/, "mallory: $sql");
	}
}
foreach my $sql ("SELECT nextval('engage.model_id_seq')", "SELECT setval('engage.version_id_seq', 1)", "CREATE TABLE engage.trap (n int)",
	"CREATE FUNCTION engage.trap() RETURNS int LANGUAGE sql RETURN 1", "DROP EXTENSION engage", "ALTER TABLE engage.model DISABLE TRIGGER ALL")
{
	like($pg->error($sql, user => 'mallory'), qr/42501: (permission denied|must be owner)/, "mallory: $sql");
}
is($pg->query('SELECT count(*) FROM engage.models', user => 'mallory'), '0', 'the views show nothing yet');
is($pg->query("SELECT count(*) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' WHERE d.refobjid = (SELECT oid FROM pg_extension
	WHERE extname = 'engage') AND prosecdef"), '0', 'no function of the extension is SECURITY DEFINER');

# ---- a model is its owner's
$pg->query("SELECT engage_train('hers', 'rows', target => 'y', $small); SELECT engage_retrain('hers', deploy => 'always')", user => 'alice');
my $row = "'{\"a\":1,\"b\":2,\"tenant\":\"bob\"}'::jsonb";
my @uses = ("engage_predict('hers', $row)", "engage_predict('hers\@1.0.0', $row)", "engage_predict_class('hers', $row)", "engage_predict_proba('hers', $row)",
	"engage_model_version('hers')", "engage_describe('hers')");
my @changes = ("engage_retrain('hers')", "engage_verify('hers')", "engage_train('hers', 'rows', target => 'y')", "engage_deploy('hers', '1.0.0')",
	"engage_rollback('hers')", "engage_drop('hers')", "engage_drop('hers', '1.0.0')", "engage_rename('hers', 'mine')", "engage_grant('hers', 'mallory')",
	"engage_revoke('hers', 'reader')", "engage_set_owner('hers', 'mallory')", "engage_export('hers')", "engage_export('hers', 'engage')",
	"engage_import('hers', '{}')");
foreach my $call (@uses)
{
	like($pg->error("SELECT $call", user => 'mallory'), qr/42501: permission denied for model "hers"/, "mallory: $call");
}
foreach my $call (@changes)
{
	like($pg->error("SELECT $call", user => 'mallory'), qr/42501: must be owner of model "hers"/, "mallory: $call");
}
$pg->query("SELECT engage_grant('hers', 'reader')", user => 'alice');
foreach my $call (@uses)
{
	ok(length $pg->query("SELECT $call", user => 'reader'), "granted: $call");
}
foreach my $call (@changes)
{
	like($pg->error("SELECT $call", user => 'reader'), qr/42501: must be owner of model "hers"/, "granted, but no owner: $call");
}
is($pg->query('SELECT model, owner FROM engage.models', user => 'reader'), 'hers|alice', 'the grant shows the model');
is($pg->query('SELECT count(*) FROM engage.versions', user => 'reader'), '2', 'and its versions');
is($pg->query('SELECT count(*) FROM engage.models', user => 'mallory'), '0', 'to who was granted it alone');
is($pg->query('SELECT count(*) FROM engage.events', user => 'mallory'), '0', 'events likewise');
# a model that was lent can be a member of an ensemble, which then cannot be exported; without the grant there is none
my $ensemble = "engage_train('blend', 'rows', target => 'y', key => 'id', algorithm => 'ensemble', deploy => 'always', params => '{\"method\":\"average\",\"members\":[\"hers\"]}')";
like($pg->error("SELECT $ensemble", user => 'mallory'), qr/42501: permission denied for model "hers"/, 'no member without a grant');
$pg->query("SELECT $ensemble", user => 'reader');
is($pg->query("SELECT count(*) FROM rows r WHERE engage_predict('blend', r) <> engage_predict('hers', r)", user => 'reader'), '0', 'with a grant there is');
like($pg->error("SELECT engage_export('blend', 'engage')", user => 'reader'), qr/42501: version 1.0.0 of model "blend" contains models that were only lent/,
	'but what was lent is not exported');
$pg->query(
	"SELECT engage_train('outer', 'rows', target => 'y', key => 'id', algorithm => 'ensemble', params => '{\"method\":\"average\",\"members\":[\"blend\"]}')",
	user => 'reader');
like($pg->error("SELECT engage_export('outer', 'engage')", user => 'reader'), qr/42501: version 1.0.0 of model "outer" contains models that were only lent/,
	'nor from within another ensemble');
# a session that has the model compiled loses it with the grant
my $s = $pg->session(user => 'reader');
is($s->query("PREPARE q AS SELECT engage_predict('hers', $row) IS NOT NULL; EXECUTE q"), 't', 'a prepared statement scores');
$pg->query("SELECT engage_revoke('hers', 'reader')", user => 'alice');
$s->send('EXECUTE q');
like(($s->finish)[1], qr/42501: permission denied for model "hers"/, 'until the grant is revoked');
$s->close;
like($pg->error("SELECT engage_retrain('blend')", user => 'reader'), qr/42501: permission denied for model "hers"/, 'nor is it a member again');
is($pg->query("SELECT count(engage_predict('blend', r)) FROM rows r", user => 'reader'), '2000', 'but what was made of it stays');
$pg->query("SELECT engage_drop('blend'), engage_drop('outer')", user => 'reader');
# a role's members share its models
$pg->query("SELECT engage_set_owner('hers', 'analysts')", user => 'alice');
is($pg->query("SELECT engage_deploy('hers', '1.0.0')", user => 'bob'), '1.0.0', 'members of the owner manage the model');
like($pg->error("SELECT engage_set_owner('hers', 'reader')", user => 'bob'), qr/42501: /, 'but cannot give it to strangers');

# ---- training sees what its caller sees
like($pg->error("SELECT engage_train('n', 'secret', target => 'y')", user => 'mallory'), qr/42501: permission denied for table secret/, 'no table that the caller cannot read');
like($pg->error("SELECT engage_train('n', 'SELECT s.* FROM secret s', target => 'y')", user => 'mallory'), qr/42501: permission denied for table secret/, 'nor through a query');
like($pg->error("SELECT engage_create_view('mallory.v', 'hers', 'secret', 'id')", user => 'mallory'), qr/42501: permission denied/, 'nor through a view of scores');
is($pg->query("SELECT rows_train + rows_test FROM engage_train('columns', 'SELECT id, y, a FROM some_columns', target => 'y', $small)", user => 'alice'), '2000',
	'column privileges are enough');
like($pg->error("SELECT engage_train('columns2', 'some_columns', target => 'y', $small)", user => 'alice'), qr/42501: permission denied for table some_columns/,
	'and hold');
is($pg->query("SELECT rows_train + rows_test FROM engage_train('rls', 'tenants', target => 'y', $small)", user => 'alice'), '1000', 'row security holds for the caller');
is($pg->query("SELECT rows_train + rows_test FROM engage_train('rls all', 'tenants', target => 'y', $small)"), '2000', 'and not for who is above it');
is($pg->query("CREATE FUNCTION train_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
		\$\$ SELECT rows_train + rows_test FROM engage_train('definer', 'tenants', target => 'y', key => 'id', params => '{\"n_estimators\":2}') \$\$;
		SET ROLE mallory; SELECT train_as_owner()"), '2000', 'a SECURITY DEFINER function trains as its owner');
is($pg->query("SELECT owner FROM engage.models WHERE model = 'definer'"), 'postgres', 'who then owns the model');

# ---- segments: the owner names them; who may use the model sees and uses the names; the source is read as the caller
$pg->query("SELECT engage_train('parts', 'rows', algorithm => 'kmeans', key => 'id', features => '{a,b}', params => '{\"k\":3}'); SELECT engage_label_segment('parts', 1, 'first');
	SELECT engage_train('odd', 'rows', algorithm => 'isolation_forest', key => 'id', features => '{a,b}'); SELECT engage_grant('parts', 'reader')", user => 'alice');
my @segment_calls = ("engage_segment('parts', '{\"a\":1,\"b\":2}'::jsonb)", "engage_segments('parts', 'rows')", "engage_profile('parts', 'rows')",
	"engage_segment_stability('parts', 'rows', rounds => 2)", "engage_segment_migration('parts', 'rows', 'rows', 'id')");
foreach my $call (@segment_calls)
{
	like($pg->error("SELECT $call", user => 'mallory'), qr/42501: permission denied for model "parts"/, "mallory: $call");
	ok(length $pg->query("SELECT $call", user => 'reader'), "granted: $call");
	next unless $call =~ s/'rows'/'secret'/;
	like($pg->error("SELECT $call", user => 'reader'), qr/42501: permission denied for table secret/, "the source is the caller's: $call");
}
like($pg->error("SELECT engage_segment_migration('parts', 'rows', 'secret', 'id')", user => 'reader'), qr/42501: permission denied for table secret/, 'both sources are');
like($pg->error("SELECT engage_label_segment('parts', 1, 'mine')", user => $_), qr/42501: must be owner of model "parts"/, "$_ does not name segments") foreach qw(reader mallory);
is($pg->query('SELECT name FROM engage.segment_names', user => 'reader'), 'first', 'who was granted the model sees the names');
is($pg->query('SELECT count(*) FROM engage.segment_names', user => 'mallory'), '0', 'others do not');
like($pg->error("$_ engage.segment_name", user => 'alice'), qr/42501: permission denied for table segment_name/, "$_ engage.segment_name: the table is nobody's")
	foreach 'SELECT * FROM', 'DELETE FROM', 'TRUNCATE';

# ---- metrics and counters: one's own models, those granted, and for members of pg_read_all_stats all
$pg->query("SELECT count(engage_predict('parts', r)), count(engage_predict('odd', r)) FROM rows r", user => 'alice');
my $seen = "SELECT (SELECT string_agg(DISTINCT model, ' ' ORDER BY model) FROM engage.metrics), (SELECT string_agg(DISTINCT model, ' ' ORDER BY model) FROM engage_scoring()),
	(SELECT string_agg(DISTINCT m[1], ' ') FROM regexp_matches(engage_prometheus(), 'model=\"(parts|odd)\"', 'g') m)";
is($pg->query($seen, user => 'mallory'), '||', 'who has no model sees no metric of one');
is($pg->query($seen, user => 'reader'), 'parts|parts|parts', 'who was granted one sees that one');
$pg->query('CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher');
like($pg->query($seen, user => 'watcher'), qr/^.*\bodd parts\b.*\|.*\bodd parts\b.*\|odd parts$/, 'who may read all statistics sees all');
like($pg->error("SELECT engage_predict('odd', '{\"a\":1,\"b\":2}'::jsonb)", user => 'watcher'), qr/42501: permission denied for model "odd"/, 'and scores with none');

# ---- to erase is for who manages the model
$pg->query("SELECT engage_log_predictions('odd', 'SELECT * FROM rows WHERE id < 5', 'id')", user => 'alice');
like($pg->error("SELECT engage_erase('1', 'odd')", user => $_), qr/42501: must be owner of model "odd"/, "$_ does not erase") foreach qw(reader mallory);
is($pg->query("SELECT count(*) FROM engage_erase('1') WHERE logged > 0", user => 'mallory'), '0', 'without a model: only in those that one manages');
is($pg->query("SELECT sum(logged) FROM engage_erase('1')", user => 'alice'), '1', 'the owner does');
$pg->query("SELECT engage_drop('parts'), engage_drop('odd')", user => 'alice');

# ---- traps: operators and functions in mallory's schema, before pg_catalog in her path
my @operators = map { [ split ] } ('= text text', '= bigint bigint', '= integer integer', '= name name', '= name text', '= jsonb jsonb', '<> bigint bigint', '< integer integer',
	'>= integer integer', '- jsonb text[]', '-> jsonb text', '->> jsonb text', '@> jsonb jsonb', '<@ jsonb jsonb', '|| text text', '+ integer integer');
my $trap = "SET search_path = mallory, pg_catalog;
CREATE FUNCTION mallory.sprung(what text) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	IF current_user::text OPERATOR(pg_catalog.<>) 'mallory' THEN RAISE EXCEPTION 'trap % sprung as %', what, current_user; END IF;
END \$\$;\n";
my $n = 0;
foreach my $o (@operators)
{
	my ($name, $left, $right) = @$o;
	my $result = $name =~ /^(->>|\|\|)$/ ? 'text' : $name =~ /^-/ ? 'jsonb' : $name eq '+' ? 'integer' : 'boolean';
	$n++;
	$trap .= "CREATE FUNCTION mallory.op$n($left, $right) RETURNS $result LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.sprung('$name');
		RETURN \$1 OPERATOR(pg_catalog.$name) \$2; END \$\$;
		CREATE OPERATOR mallory.$name (LEFTARG = $left, RIGHTARG = $right, FUNCTION = mallory.op$n);\n";
}
foreach my $f ('concat_ws(text, integer, integer, integer)', 'to_char(timestamptz, text)', 'now()', 'clock_timestamp()', 'nextval(text)', 'count(anyelement)', 'left(text, integer)',
	'coalesce(jsonb, jsonb)')
{
	my ($name, $args) = $f =~ /^(\w+)\((.*)\)/;
	next if $name eq 'count' || $name eq 'coalesce';
	my $type = $name =~ /now|clock/ ? 'timestamptz' : $name eq 'nextval' ? 'bigint' : 'text';
	$trap .= "CREATE FUNCTION mallory.$name($args) RETURNS $type LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.sprung('$name'); RETURN NULL; END \$\$;\n";
}
$trap .= "CREATE TABLE mallory.model AS SELECT 1 AS id, 'stolen'::text AS name;";
$pg->query($trap, user => 'mallory');
my $path = "SET search_path = mallory, pg_catalog, public; SET client_min_messages = warning;";
my @calls = ("engage_train('trap', 'public.rows', target => 'y', $small)", "engage_train('trap', 'public.rows', target => 'y', key => 'id', deploy => 'always', params => '{\"n_estimators\":3}')",
	"engage_retrain('trap')", "engage_verify('trap')", "engage_predict('trap', '{\"a\":1}'::jsonb)", "engage_predict('trap\@1.0', '{\"a\":1}'::jsonb)",
	"engage_describe('trap')", "engage_model_version('trap')", "engage_rollback('trap')", "engage_deploy('trap', '1.1.0')", "engage_grant('trap', 'reader')",
	"engage_revoke('trap', 'reader')", "engage_export('trap', 'engage')", "engage_import('trap2', engage_export('trap'), categories => '{\"tenant\":[\"alice\",\"bob\"]}')", "engage_create_view('mallory.v', 'trap', 'public.rows', 'id')",
	"engage_train('trap parts', 'public.rows', algorithm => 'kmeans', key => 'id', features => '{a,b}')", "engage_label_segment('trap parts', 1, 'x')",
	"engage_segment('trap parts', '{\"a\":1,\"b\":2}'::jsonb)", "engage_segments('trap parts', 'public.rows')", "engage_profile('trap parts', 'public.rows')",
	"engage_segment_stability('trap parts', 'public.rows', rounds => 2)", "engage_segment_migration('trap parts', 'public.rows', 'public.rows', 'id')",
	"engage_retrain('trap parts', deploy => 'always')", "engage_prometheus()", "count(*) FROM engage.metrics", "count(*) FROM engage_scoring()", "engage_erase('1')",
	"engage_drop('trap parts')", "engage_drop('trap', '1.0.0')", "engage_rename('trap', 'trap3')", "engage_set_owner('trap3', 'mallory')", "engage_drop('trap3')");
foreach my $call (@calls)
{
	my ($status, $out, $err) = $pg->psql("$path SELECT $call", user => 'mallory');
	is($status, 0, "with traps: $call") or diag $err;
}
my ($status, $out, $err) = $pg->psql("$path SELECT count(*) FROM engage.models; SELECT count(*) FROM engage.versions; SELECT count(*) FROM engage.events", user => 'mallory');
unlike($err, qr/sprung/, 'the views do not spring them either');

# ---- a stored recipe is its author's code: repeated by another, it runs with the author's rights
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.evil(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_user::text <> 'mallory' THEN
		RAISE EXCEPTION 'evil ran as %', current_user;
	END IF;
	RETURN i;
END $$;
CREATE VIEW mallory.source AS SELECT id, y, mallory.evil(a) AS a FROM public.rows;
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
GRANT SELECT ON mallory.source TO PUBLIC;
SELECT engage_train('bait', 'mallory.source', target => 'y', key => 'id', params => '{"n_estimators":2}');
SQL
foreach my $call ("version FROM engage_retrain('bait')", "same_model FROM engage_verify('bait')")
{
	($status, $out, $err) = $pg->psql("SET client_min_messages = warning; SELECT $call");
	unlike($err, qr/evil ran/, "a superuser's $call does not run mallory's code as superuser") or diag $err;
	is($status, 0, 'but repeats the training') or diag $err;
}
# and so does what a superuser's retraining made
($status, $out, $err) = $pg->psql("SET client_min_messages = warning; SELECT version FROM engage_retrain('bait\@1.0.1')");
is($status, 0, 'also from a version that the superuser made') or diag $err;
# given to another, it is still the author's code
$pg->query("SELECT engage_set_owner('bait', 'alice')");
($status, $out, $err) = $pg->psql("SET client_min_messages = warning; SELECT version FROM engage_retrain('bait')", user => 'alice');
unlike($err, qr/evil ran/, 'given to alice, it does not run as alice') or diag $err;
$pg->query("SELECT engage_drop('bait')");
is($pg->query("SELECT current_user, (SELECT rows_train + rows_test FROM engage_train('after', 'rows', target => 'y', $small))"), 'postgres|2000', 'the session is who it was');

unlike($pg->log, qr/terminated by signal|PANIC|sprung/, 'no process crashed, no trap sprung');

done_testing;
