# What a role sees of another's models: columns, metrics, features and parameters; no SQL, no literal of it, no search_path,
# no text of an error.  And what a role leaves that is dropped, renamed, or whose name another role has.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE owners;
CREATE ROLE owner LOGIN IN ROLE owners;
CREATE ROLE colleague LOGIN IN ROLE owners;
CREATE ROLE author LOGIN;
CREATE ROLE grantee LOGIN;
CREATE ROLE readers;
CREATE ROLE member LOGIN IN ROLE readers;
CREATE ROLE stranger LOGIN;
CREATE ROLE dba LOGIN SUPERUSER;
CREATE SCHEMA hidden_schema;
GRANT USAGE ON SCHEMA hidden_schema TO author;
CREATE TABLE rows AS SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 600) g;
GRANT SELECT ON rows TO PUBLIC;
CREATE SCHEMA open;
GRANT ALL ON SCHEMA open TO PUBLIC;
SQL

# Every text that engage stores holds the word: sources, outcomes, rules, errors, notes, names of schemas.
$pg->query(<<'SQL', user => 'author');
SET search_path = public, hidden_schema;
SET client_min_messages = error;
SELECT engage_train('m', 'SELECT id, y, a, b FROM rows WHERE ''hidden'' <> a::text', target => 'y', key => 'id', exclude => '{}',
	params => '{"n_estimators":2}');
SELECT engage_retrain('m', deploy => 'always');
SELECT engage_monitor('m', 'SELECT *, ''hidden'' AS c FROM rows WHERE (''hidden'' || a)::integer > 0', 'SELECT * FROM rows WHERE ''hidden'' <> b::text AND 1 / (a - a) > 0',
	thresholds => '{"rows": 10, "auc": 0.05}', policy => 'retrain', cooldown => '0');
SELECT engage_check('m');
SELECT engage_acknowledge(id, 'hidden: ask me') FROM engage.alerts WHERE check_name = 'source';
SELECT engage_monitor('m', 'SELECT * FROM rows WHERE ''hidden'' <> b::text LIMIT 3', thresholds => '{"rows": 10}');
SELECT engage_check('m');
SELECT engage_policy('p', '{"layers": [
	{"name": "first", "rules": [{"name": "sum", "when": "(''hidden'' || a)::integer > 0", "score": 9}, {"name": "fine", "when": "''hidden'' <> a::text", "score": 8}]},
	{"name": "second", "models": [{"model": "m"}, {"model": "m@1.0.0"}]}]}', 'SELECT id, a, b FROM rows WHERE ''hidden'' <> a::text');
SELECT engage_policy('strict', '{"layers": [{"name": "first", "on_error": "fail", "rules": [{"name": "sum", "when": "(''hidden'' || a)::integer > 0", "score": 9}]}]}', 'rows');
SELECT engage_policy_grant(p, r) FROM unnest('{p,strict}'::text[]) p, unnest('{grantee,readers}'::text[]) r;
SELECT engage_tune('tuned', 'SELECT *, ''hidden'' AS c FROM rows', target => 'y', key => 'id', exclude => '{c}', trials => 2, folds => 2, params => '{"n_estimators":1}');
SELECT engage_grant(m, r) FROM unnest('{m,tuned}'::text[]) m, unnest('{grantee,readers}'::text[]) r;
SQL
$pg->query("SELECT engage_set_owner('m', 'owners'), engage_set_owner('tuned', 'owners'), engage_policy_set_owner('p', 'owners'), engage_policy_set_owner('strict', 'owners');
	SELECT engage_grant('m', 'author'), engage_grant('tuned', 'author'), engage_policy_grant('p', 'author'), engage_policy_grant('strict', 'author')");
# a version of the owner's own, which the author of the others did not write
$pg->query("SELECT engage_train('m', 'SELECT id, y, a, b FROM rows WHERE ''private'' <> a::text', target => 'y', key => 'id', params => '{\"n_estimators\":3}', deploy => 'never')", user => 'owner');

# ---- everything that can be read: all views of the schema, and the functions that describe
my @views = split /\n/, $pg->query("SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'engage'::regnamespace AND c.relkind = 'v'
	AND has_table_privilege('stranger', c.oid, 'SELECT') ORDER BY 1");
cmp_ok(scalar @views, '>=', 17, 'views that everybody may read: ' . join(' ', @views));
my @reads = ((map { "SELECT coalesce(json_agg(x)::text, '') FROM $_ x" } @views),
	"SELECT engage_describe('m')", "SELECT engage_describe('m\@1.0.0')", "SELECT engage_describe('tuned')", "SELECT engage_report('m', 'SELECT * FROM rows WHERE id < 200')",
	"SELECT engage_prometheus()", "SELECT engage_wording('m')", "SELECT engage_why('m', r) FROM rows r LIMIT 1", "SELECT json_agg(x) FROM engage_jobs() x",
	"SELECT json_agg(d) FROM (SELECT * FROM rows LIMIT 2) r, engage_decide('p', r) d", "SELECT json_agg(x) FROM engage_scoring() x");
sub seen
{
	my ($user, $word) = @_;
	my @found;

	foreach my $sql (@reads)
	{
		my ($status, $out, $err) = $pg->psql("\\set VERBOSITY verbose\n$sql", user => $user);
		push @found, $sql if "$out $err" =~ /$word/i;
	}
	return join("\n", @found);
}
is(seen($_, 'hidden'), '', "$_ sees no word of a stored text") foreach qw(grantee member stranger);
is(seen($_, 'private'), '', "$_ sees none of the owner's") foreach qw(grantee member stranger author);
foreach my $user (qw(owner colleague author postgres dba))
{
	my $found = seen($user, 'hidden');
	foreach my $place ('engage.versions', 'engage.events', 'engage.monitors', 'engage.check_results', 'engage.alerts', 'engage.policy_versions', 'engage_describe', 'engage_decide')
	{
		like($found, qr/\Q$place\E/, "$user sees it in $place");
	}
}
like(seen($_, 'private'), qr/engage\.versions/, "$_ sees the version of the owner's own") foreach qw(owner colleague postgres);

# ---- what a grantee sees
my $g = sub { return $pg->query($_[0], user => 'grantee'); };
is($g->("SELECT count(*), count(metrics), count(params), bool_and(recipe ?& '{target,key,params,algorithm,author}'), bool_or(recipe ?| '{source,search_path,names,exclude}'),
	bool_and(data ?& '{rows,features,columns,target,fingerprint}'), bool_or(data ? 'query') FROM engage.versions WHERE model = 'm'"), '3|3|3|t|f|t|f',
	'versions: metrics, parameters, columns');
is($g->("SELECT source IS NULL, outcomes IS NULL, thresholds, policy, author FROM engage.monitors"), 't|t|{"rows": 10}|alert|author', 'monitors: thresholds');
is($g->("SELECT count(*) FILTER (WHERE status = 'error'), count(detail) FILTER (WHERE status = 'error'), count(*) FILTER (WHERE action LIKE '%:%') FROM engage.check_results"), '2|0|0',
	'checks that failed, not why');
is($g->("SELECT message FROM engage.alerts WHERE check_name LIKE 'rows%' AND state = 'open'"), 'rows.min is 3, below 10', 'alerts that are about numbers, in words');
is($g->("SELECT count(*), count(message), count(note) FROM engage.alerts WHERE check_name IN ('source', 'outcomes')"), '2|0|0', 'the others without');
is($g->("SELECT bool_and(definition IS NULL), bool_and(columns IS NOT NULL) FROM engage.policy_versions"), 't|t', 'policies: the columns of rows');
like($g->("SELECT reasons FROM (SELECT * FROM rows LIMIT 1) r, engage_decide('p', r)"), qr/rule \\"sum\\" failed"/, 'decisions: which rule failed');
like($pg->query("SELECT reasons FROM (SELECT * FROM rows LIMIT 1) r, engage_decide('p', r)", user => 'author'), qr/rule \\"sum\\" failed: invalid input syntax/, 'the author: why');
my (undef, undef, $err) = $pg->psql("\\set VERBOSITY verbose\nSELECT engage_decide('strict', r) FROM rows r LIMIT 1", user => 'grantee');
like($err, qr/22P02: layer "first" of policy "strict" failed/, 'a rule that ends the call: its SQLSTATE');
unlike($err, qr/hidden/i, 'and nothing of its text or context');
like($pg->error("SELECT engage_decide('strict', r) FROM rows r LIMIT 1", user => 'colleague'), qr/22P02: invalid input syntax for type integer: "hidden/, 'the owner: all of it');
like($pg->log, qr/DETAIL:  .*\n?.*invalid input syntax for type integer: "hidden|invalid input syntax for type integer: "hidden/, 'the log of the server too');
like($g->("SELECT engage_describe('m')"), qr/not shown: names, search_path, source|not shown: search_path, source|not shown: exclude, source|not shown: .*source/, 'the card says what it does not show');
like($g->("SELECT engage_describe('m')"), qr/for the owner, the author and superusers/, 'and for whom it is');
unlike($pg->query("SELECT engage_describe('m')", user => 'owner'), qr/not shown/, 'the owner\'s card shows all');
unlike($pg->query("SELECT engage_describe('m\@1.0.0')", user => 'author'), qr/not shown/, 'so does that of the author');
like($pg->query("SELECT engage_describe('m\@1.1.0')", user => 'author'), qr/not shown: .*query/, 'but of his own version alone');
is($pg->query("SELECT string_agg(v.version, ' ' ORDER BY version) FROM engage.versions v WHERE model = 'm' AND recipe ? 'source'", user => 'author'), '1.0.0 1.0.1', 'likewise the view');
is($pg->query("SELECT string_agg(v.version, ' ' ORDER BY version) FROM engage.versions v WHERE model = 'm' AND recipe ? 'source'", user => 'colleague'), '1.0.0 1.0.1 1.1.0', 'the owner: of all');
is($g->("SELECT count(*), count(detail) FROM engage.events WHERE action = 'monitor' AND NOT detail ?| '{source,outcomes}'"), '2|2', 'events: without what is hidden');
is($pg->query("SELECT count(*) FROM $_", user => 'stranger'), '0', "a stranger sees no row of $_") foreach grep { !/engage\.(metrics|schedules|orphans)/ } @views;

# a member that a later version of engage adds is hidden until it is listed
$pg->query("UPDATE engage.version SET recipe = recipe || '{\"later\": \"hidden\"}', data = data || '{\"later\": \"hidden\"}';
	UPDATE engage.event SET detail = coalesce(detail, '{}') || '{\"later\": \"hidden\"}'; UPDATE engage.check_result SET detail = coalesce(detail, '{}') || '{\"later\": \"hidden\"}'");
is(seen($_, 'hidden'), '', "$_ does not see members that nobody listed") foreach qw(grantee member);
$pg->query("UPDATE engage.version SET recipe = recipe - 'later', data = data - 'later'; UPDATE engage.event SET detail = detail - 'later'; UPDATE engage.check_result SET detail = detail - 'later'");

# ---- a function that tells what it is given sees no more than the view shows
$pg->query(<<'SQL', user => 'grantee');
CREATE FUNCTION open.tell(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE WARNING 'told %', $1; RETURN true; END $$;
CREATE OPERATOR open.~~> (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = jsonb_eq);
SQL
foreach my $view (@views)
{
	my ($status, undef, $told) = $pg->psql("SELECT count(*) FROM $view x WHERE open.tell(x)", user => 'grantee');
	is($status, 0, "a leaky condition on $view");
	unlike($told, qr/hidden|private/i, 'is told nothing that is not shown');
}
foreach my $column (qw(recipe data params metrics))
{
	my (undef, undef, $told) = $pg->psql("SELECT count(*) FROM engage.versions WHERE open.tell($column)", user => 'grantee');
	unlike($told, qr/hidden|private/i, "nor by engage.versions.$column");
}
like($pg->error("SELECT * FROM $_", user => 'grantee'), qr/42501: permission denied/, "$_ is not for reading") foreach qw(engage.version_author engage.role_use engage.orphan engage.role engage.event);

# ---- the helpers give nothing away that was not given to them
is($g->("SELECT engage.plays('owner'), engage.plays('grantee'), engage.plays('nobody'), engage.plays('owner', 'grantee'), engage.plays(NULL, NULL)"), 'f|t|f|t|f', 'engage.plays');
is($pg->query("SELECT engage.plays('nobody'), engage.plays(NULL, NULL)"), 't|t', 'a superuser plays every role');
is($g->("SELECT engage.seen('recipe', '{\"source\": 1, \"target\": 2}', false), engage.seen('recipe', '{\"source\": 1}', true), engage.seen('data', '{\"query\": 1}', false) IS NULL"),
	'{"target": 2}|{"source": 1}|t', 'engage.seen');

# ---- roles that go
is($pg->query('SELECT count(*) FROM engage.orphans'), '0', 'nothing is an orphan');
$pg->query("CREATE ROLE leaver LOGIN; CREATE ROLE renamed LOGIN; CREATE ROLE borrower LOGIN");
foreach my $user (qw(leaver renamed))
{
	$pg->query("SET client_min_messages = error; SELECT engage_train('$user m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":1}'); SELECT engage_monitor('$user m', 'rows', thresholds => '{\"rows\": 1}');
		SELECT engage_policy('$user p', '{\"layers\": [{\"name\": \"r\", \"rules\": [{\"name\": \"n\", \"when\": \"a > 3\", \"score\": 9}]}]}', 'rows'); SELECT engage_grant('$user m', 'borrower')", user => $user);
}
$pg->query("SELECT engage_grant('m', 'leaver'), engage_policy_grant('p', 'leaver')", user => 'owner');
$pg->query("DROP OWNED BY leaver; DROP ROLE leaver; ALTER ROLE renamed RENAME TO new_name");
my $orphans = "SELECT string_agg(concat_ws(' / ', object, name, missing, remedy), E'\n' ORDER BY object COLLATE \"C\", name COLLATE \"C\") FROM engage.orphans WHERE role =";
is($pg->query("$orphans 'leaver'"), <<'END' =~ s/\n\z//r, 'what a dropped role has left, with the remedies');
grant on model / m / does not exist / engage_revoke('m', 'leaver')
grant on policy / p / does not exist / engage_policy_revoke('p', 'leaver')
model / leaver m / does not exist / engage_set_owner('leaver m', 'a role')
monitor / leaver m / does not exist / engage_monitor('leaver m', ...), as a role that may read its sources, or engage_unmonitor('leaver m')
policy / leaver p / does not exist / engage_policy_set_owner('leaver p', 'a role')
source of version / leaver m@1.0.0 / does not exist / engage_set_author('leaver m@1.0.0'), as a role that may read it
version of policy / leaver p@1 / does not exist / engage_policy('leaver p', ...), as a role that its rules may run as; then engage_policy_drop('leaver p', 1)
END
is($pg->query("$orphans 'renamed'"), <<'END' =~ s/\n\z//r, 'a renamed one');
model / renamed m / has been renamed to "new_name" / engage_set_owner('renamed m', 'new_name')
monitor / renamed m / has been renamed to "new_name" / engage_monitor('renamed m', ...), as new_name
policy / renamed p / has been renamed to "new_name" / engage_policy_set_owner('renamed p', 'new_name')
source of version / renamed m@1.0.0 / has been renamed to "new_name" / engage_set_author('renamed m@1.0.0'), as new_name
version of policy / renamed p@1 / has been renamed to "new_name" / engage_policy('renamed p', ...), as new_name; then engage_policy_drop('renamed p', 1)
END
is($pg->query("SELECT string_agg(object, ',' ORDER BY object) FROM engage.orphans", user => 'owner'), 'grant on model,grant on policy', 'an owner sees what concerns his');
is($pg->query("SELECT count(*) FROM engage.orphans", user => $_), '0', "$_ sees none") foreach qw(grantee stranger new_name);
$pg->query("CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher");
is($pg->query("SELECT count(*) FROM engage.orphans", user => 'watcher'), '12', 'who may read all statistics sees all');
# checks of others go on, and those of orphans say what it is
like($pg->query("SET client_min_messages = error; SELECT string_agg(model || ' ' || check_name || ' ' || status, ', ' ORDER BY model, check_name) FROM engage_check() WHERE check_name = 'roles' OR check_name LIKE 'rows%'"),
	qr/^leaver m roles error, leaver m rows.min \w+, m roles error, m rows.min alert, renamed m roles error, renamed m rows.min \w+$/, 'engage_check() goes through all models');
like($pg->query("SELECT message FROM engage.alerts WHERE model = 'leaver m' AND check_name = 'roles'"), qr/^roles: role "leaver" does not exist \(model, monitor, source of version\)$/, 'and alerts');

# ---- another role with an old name
$pg->query("CREATE ROLE leaver LOGIN; CREATE ROLE renamed LOGIN");
foreach my $user (qw(leaver renamed))
{
	is($pg->query("SELECT (SELECT count(*) FROM engage.models) || ' ' || (SELECT count(*) FROM engage.policies) || ' ' || (SELECT count(*) FROM engage.events WHERE detail IS NOT NULL)", user => $user),
		'0 0 0', "the new $user has nothing of the old one");
	like($pg->error("SELECT $_", user => $user), qr/42501: permission denied for model|42501: must be owner of/, "$user: $_")
		foreach "engage_predict('$user m', '{\"a\":1,\"b\":2}'::jsonb)", "engage_drop('$user m')", "engage_policy_drop('$user p')";
	like($pg->error("SELECT engage_train('other', 'rows', target => 'y', key => 'id')", user => $user),
		qr/42501: role "$user" is not the role that engage knows by this name/, 'nor can it make models under that name');
}
like($pg->error("SELECT engage_predict('m', '{\"a\":1,\"b\":2}'::jsonb)", user => 'leaver'), qr/42501: permission denied for model "m"/, 'a grant of the old one is not its');
like($pg->error("SELECT engage_grant('m', 'leaver')", user => 'owner'), qr/42501: role "leaver" is not the role/, 'nor is it given one before the old one is cleared');
like($pg->query("SELECT string_agg(DISTINCT missing, ', ') FROM engage.orphans WHERE role = 'leaver'"), qr/^was dropped, and another role has its name$/, 'engage.orphans says so');
like($pg->query("SELECT string_agg(DISTINCT missing, ', ') FROM engage.orphans WHERE role = 'renamed'"), qr/^has been renamed to "new_name"$/, 'also of the renamed one');
like($pg->error("SELECT engage_admit_role('leaver')", user => 'leaver'), qr/42501: must be superuser/, 'a superuser admits a role');
is($pg->query("SELECT engage_admit_role('leaver')"), '7', 'to what the earlier one has left');
is($pg->query("SELECT string_agg(model, ',' ORDER BY model) FROM engage.models", user => 'leaver'), 'leaver m,m', 'then it is its');
is($pg->query("SELECT count(*) FROM engage.orphans WHERE role = 'leaver'"), '0', 'and no orphan any more');
is($pg->query("SELECT who, action, detail FROM engage.events WHERE action = 'admit role'"), 'postgres|admit role|{"role": "leaver"}', 'which is recorded');
# given away, the name is free
$pg->query("SELECT engage_set_owner('renamed m', 'new_name'), engage_policy_set_owner('renamed p', 'new_name'), engage_drop('renamed m'), engage_policy_drop('renamed p')");
like($pg->query("SELECT version FROM engage_train('other', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":1}')", user => 'renamed'), qr/^1\.0\.0$/, 'what is cleared stands in nobody\'s way');

# ---- restored in another cluster, where roles have other oids, names count; and are taken down anew
my $dump = $pg->dir . '/dump.sql';
system('sh', '-c', sprintf("%s/pg_dumpall -h %s -p 5432 -U postgres > %s 2>/dev/null", $pg->bindir, $pg->dir, $dump)) == 0 or die 'pg_dumpall failed';
my $other = EngageTest->new;
$other->query('DROP EXTENSION engage; CREATE ROLE shift_oids_1; CREATE ROLE shift_oids_2');
system('sh', '-c', sprintf("%s/psql -qX -h %s -p 5432 -U postgres -f %s >/dev/null 2>&1", $other->bindir, $other->dir, $dump));
is($other->query("SELECT (SELECT oid::bigint FROM pg_roles WHERE rolname = 'leaver') = role::bigint FROM engage.role WHERE name = 'leaver'"), 'f', 'restored: other oids');
is($other->query("SELECT string_agg(model, ',' ORDER BY model) FROM engage.models", user => 'leaver'), 'leaver m,m', 'roles have what they had');
is($other->query("SELECT count(*) FROM engage.orphans"), '0', 'none is an orphan');
$other->query("SELECT engage_revoke('m', 'grantee')", user => 'owner');
$other->query('ALTER ROLE leaver RENAME TO gone; CREATE ROLE leaver LOGIN');
is($other->query("SELECT count(*) FROM engage.models", user => 'leaver'), '0', 'after the first change a new role of an old name is known as such');

unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');
done_testing;
