# Rollups of velocity hold no code of others: planted types, triggers, rules, policies, expressions, views.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;

# boom() notes who runs it and tries to rise; nothing below may make it run as anybody but mallory
$pg->query(<<'SQL');
CREATE ROLE dba LOGIN SUPERUSER; CREATE ROLE mallory LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE teller LOGIN;
CREATE SCHEMA mallory AUTHORIZATION mallory; CREATE SCHEMA bank AUTHORIZATION dba;
GRANT USAGE ON SCHEMA mallory TO PUBLIC; GRANT USAGE ON SCHEMA bank TO PUBLIC;
SQL
$pg->query(<<'SQL', user => 'mallory');
CREATE TABLE mallory.seen (who name, what text);
GRANT INSERT ON mallory.seen TO PUBLIC;
CREATE FUNCTION mallory.boom(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
	BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
	IF current_user <> 'mallory' THEN RAISE EXCEPTION 'boom % runs as %', what, current_user; END IF;
	INSERT INTO mallory.seen VALUES (current_user, what);
	RETURN true; END $$;
CREATE FUNCTION mallory.quiet(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN mallory.boom(what); EXCEPTION WHEN raise_exception THEN RAISE; WHEN OTHERS THEN RETURN true; END $$;
SQL

sub harmless
{
	my ($what) = @_;
	is($pg->query("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'") . $pg->query("SELECT count(*) FROM mallory.seen WHERE who <> 'mallory'"), 'f0', $what);
}

# ---- types: the key is kept without a domain; where code is left in the type it is refused
$pg->query(<<'SQL', user => 'mallory');
CREATE DOMAIN mallory.dom AS text CHECK (mallory.boom('domain ' || value));
CREATE DOMAIN mallory.twice AS mallory.dom CHECK (mallory.boom('twice'));
CREATE DOMAIN mallory.short AS varchar(8) COLLATE "POSIX" CHECK (mallory.boom('short'));
CREATE DOMAIN mallory.doms AS mallory.dom[];
CREATE TYPE mallory.pair AS (a int, b mallory.dom);
CREATE TYPE mallory.nested AS (p mallory.pair, n int);
CREATE DOMAIN mallory.dpair AS mallory.pair;
CREATE TYPE mallory.plain AS (a int, b text);
CREATE TYPE mallory.colour AS ENUM ('red', 'green');
CREATE TYPE mallory.range AS RANGE (subtype = mallory.dom, multirange_type_name = mallory.multi);
CREATE FUNCTION mallory.diff(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.boom('subtype_diff'); RETURN 1; END $$;
CREATE TYPE mallory.diffed AS RANGE (subtype = int, subtype_diff = mallory.diff, multirange_type_name = mallory.diffeds);
SQL
my %refused = map { $_ => 1 } qw(mallory.dom[] mallory.doms mallory.pair mallory.nested mallory.dpair mallory.range mallory.multi mallory.diffed mallory.diffeds mallory.diffed[]);
my %kept = ('mallory.dom' => 'text', 'mallory.twice' => 'text', 'mallory.short' => 'character varying(8)', 'mallory.plain' => 'mallory.plain', 'mallory.colour' => 'mallory.colour',
	'int4range' => 'int4range', 'int8multirange' => 'int8multirange', 'text[]' => 'text[]', 'numeric(8,2)' => 'numeric(8,2)', 'uuid' => 'uuid', 'char(5)' => 'character(5)');
my %value = ('mallory.dom' => 'a', 'mallory.twice' => 'a', 'mallory.short' => 'a', 'mallory.plain' => '(1,a)', 'mallory.colour' => 'red', 'int4range' => '[1,2)', 'int8multirange' => '{[1,2)}',
	'text[]' => '{a}', 'numeric(8,2)' => '1.50', 'uuid' => '00000000-0000-0000-0000-000000000001', 'char(5)' => 'a');
my $n = 0;
foreach my $type (sort(keys %refused), sort(keys %kept))
{
	my $table = 'mallory.ev' . ++$n;
	$pg->query("CREATE TABLE $table (k $type, at timestamptz, amt float8)", user => 'mallory');
	if ($refused{$type})
	{
		like($pg->error("SELECT engage_velocity_track('t$n', '$table', 'k', 'at', 'amt')", user => 'dba'), qr/0A000: column "k" of type .* cannot be the key of a velocity tracker.*DETAIL.*HINT/s, "$type: refused");
		next;
	}
	$pg->query("SELECT engage_velocity_track('t$n', '$table', 'k', 'at', 'amt')", user => 'dba');
	is($pg->query("SELECT relowner::regrole || ' ' || format_type(atttypid, atttypmod) FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'key' WHERE c.oid = 'mallory.t${n}_velocity'::regclass"),
		"mallory $kept{$type}", "$type: a rollup of the source's owner, without domains");
	$pg->query("INSERT INTO $table VALUES ('$value{$type}', '2024-01-01', 5), ('$value{$type}', '2024-01-01', 6)", user => 'mallory');
	is($pg->query("SELECT count_1m FROM engage_velocity_state('t$n', '$value{$type}', '2024-01-01')", user => $_), '2', "$type: read by $_") foreach 'mallory', 'dba';
}
harmless('types: no code but that of the inserting role');
cmp_ok($pg->query('SELECT count(*) FROM mallory.seen'), '>', 0, 'which has run');
is($pg->query("SELECT a.attcollation::regcollation FROM pg_attribute a JOIN engage.velocity_trackers t ON a.attrelid = t.rollup::oid WHERE a.attname = 'key' AND format_type(a.atttypid, NULL) = 'character varying'"), '"POSIX"', 'the collation stays');

# a type gets code later
$pg->query("CREATE TYPE mallory.inner AS (a int); CREATE TABLE mallory.late (k mallory.inner[], at timestamptz); SELECT engage_velocity_track('late', 'mallory.late', 'k', 'at')", user => 'mallory');
my $s = $pg->session(user => 'dba');
$s->query("SELECT count_1m FROM engage_velocity_state('late', '{\"(1)\"}', '2024-01-01')");
$pg->query("ALTER TYPE mallory.inner ADD ATTRIBUTE b mallory.dom", user => 'mallory');
$s->send("SELECT count_1m FROM engage_velocity_state('late', '{\"(1,a)\"}', '2024-01-01')");
like(($s->finish)[1], qr/column "key" of type mallory\."inner"\[\] cannot be the key/, 'a type that gets code later is refused from then on');
like($pg->error("INSERT INTO mallory.late VALUES (NULL, '2024-01-01')", user => 'dba'), qr/0A000/, 'by the trigger, too');

# ---- what is put on a rollup of somebody else, whose owner was careless
$pg->query(<<'SQL', user => 'dba');
CREATE TABLE bank.pay (card int, at timestamptz, amt float8);
GRANT INSERT ON bank.pay TO PUBLIC;
SELECT engage_velocity_track('cards', 'bank.pay', 'card', 'at', 'amt');
GRANT ALL ON bank.cards_velocity TO mallory, bob;
SQL
my $insert = "INSERT INTO bank.pay VALUES (1, '2024-01-01', 5), (2, '2024-01-01', 5)";
$pg->query($insert, user => 'teller');
foreach my $when ('BEFORE INSERT ON %s FOR EACH ROW', 'AFTER UPDATE ON %s FOR EACH STATEMENT')
{
	$pg->query("CREATE OR REPLACE FUNCTION mallory.trigger() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.boom('trigger'); RETURN NEW; END \$\$;
		CREATE TRIGGER t " . sprintf($when, 'bank.cards_velocity') . " EXECUTE FUNCTION mallory.trigger()", user => 'mallory');
	like($pg->error($insert, user => $_), qr/42809: table bank\.cards_velocity cannot be the rollup of velocity tracker "cards".*Its trigger "t"/s, "$when: not fired by $_") foreach 'teller', 'dba';
	like($pg->error("SELECT engage_velocity_state('cards', 1)", user => 'bob'), qr/42809/, 'nor read');
	$pg->query('DROP TRIGGER t ON bank.cards_velocity', user => 'dba');
}
$pg->query($insert, user => 'teller');
is($pg->query("SELECT count_1m FROM engage_velocity_state('cards', 1, '2024-01-01')", user => 'bob'), '2', 'and it goes on without');
harmless('triggers: nothing ran as the owner of the rollup');

# ---- what the owner of a rollup puts on it, and others read
$pg->query(<<'SQL', user => 'mallory');
CREATE TABLE mallory.ev (k int, at timestamptz, amt float8);
SELECT engage_velocity_track('own', 'mallory.ev', 'k', 'at', 'amt');
INSERT INTO mallory.ev VALUES (1, '2024-01-01', 5);
GRANT SELECT ON mallory.own_velocity TO PUBLIC; GRANT INSERT ON mallory.ev TO PUBLIC;
SQL
my $read = "SELECT count_1m FROM engage_velocity_state('own', 1, '2024-01-01')";
my %planted = (
	'an expression of an index' => ["CREATE INDEX i ON mallory.own_velocity ((mallory.quiet('index')))", 'DROP INDEX mallory.i', undef],
	'a predicate of an index' => ["CREATE INDEX i ON mallory.own_velocity (key) WHERE mallory.quiet('predicate')", 'DROP INDEX mallory.i', undef],
	'a CHECK' => ["ALTER TABLE mallory.own_velocity ADD CONSTRAINT c CHECK (mallory.quiet('check'))", 'ALTER TABLE mallory.own_velocity DROP CONSTRAINT c', undef],
	'a policy' => ["CREATE POLICY p ON mallory.own_velocity USING (mallory.boom('policy')); ALTER TABLE mallory.own_velocity ENABLE ROW LEVEL SECURITY", 'DROP POLICY p ON mallory.own_velocity; ALTER TABLE mallory.own_velocity DISABLE ROW LEVEL SECURITY', qr/0A000: row-level security is enabled/],
	'a rule' => ["CREATE RULE r AS ON UPDATE TO mallory.own_velocity DO ALSO SELECT mallory.boom('rule')", 'DROP RULE r ON mallory.own_velocity', qr/42809.*It has rules/s]);
foreach my $what (sort keys %planted)
{
	my ($make, $undo, $error) = @{ $planted{$what} };

	$pg->query($make, user => 'mallory');
	if ($error)
	{
		like($pg->error($read, user => 'bob'), $error, "$what: refused");
	}
	else
	{
		like($pg->query($read, user => $_), qr/^\d$/, "$what: $_ reads past it") foreach 'bob', 'dba';
		$pg->query("INSERT INTO mallory.ev VALUES (2, '2024-01-01', 5)", user => $_) foreach 'bob', 'dba';
	}
	$pg->psql($read, user => 'dba');
	$pg->query($undo, user => 'mallory');
}
harmless('planted on a rollup: nothing ran as who reads or inserts');

# in its place, in a session that knows it
$s->query($read);
$pg->query("ALTER TABLE mallory.own_velocity RENAME TO old; CREATE VIEW mallory.own_velocity AS SELECT key, state FROM mallory.old WHERE mallory.boom('view'); GRANT SELECT ON mallory.own_velocity TO PUBLIC", user => 'mallory');
my ($out) = $s->query($read);
is($out, '1', 'a renamed rollup is read under its name, not what took its place');
$pg->query("INSERT INTO mallory.ev VALUES (1, '2024-01-01', 5)", user => 'dba');
is(($s->query($read))[0], '2', 'and written');
$pg->query("DROP VIEW mallory.own_velocity; DROP TABLE mallory.old; CREATE VIEW mallory.own_velocity AS SELECT 1 AS key, ''::bytea AS state WHERE mallory.boom('view')", user => 'mallory');
like($pg->error($read, user => 'dba'), qr/42P01: the rollup table of velocity tracker "own" does not exist/, 'a view is no rollup');
like($pg->error("INSERT INTO mallory.ev VALUES (1, '2024-01-01', 5)", user => 'dba'), qr/42P01/, 'and not written to');
$pg->query("SELECT engage_velocity_untrack('own')", user => 'mallory');
harmless('a view in its place');
$s->close;

# ---- a policy of the DBA's over somebody else's tracker
$pg->query(<<'SQL', user => 'mallory');
CREATE TABLE mallory.pol (k mallory.dom, at timestamptz, amt float8);
SELECT engage_velocity_track('pol', 'mallory.pol', 'k', 'at', 'amt');
GRANT SELECT ON mallory.pol, mallory.pol_velocity TO PUBLIC;
SQL
$pg->query(q{SELECT engage_policy('limits', '{"layers": [{"name": "v", "velocity": "pol", "key": "k", "limits": {"count_24h": {"max": 1, "score": 90}}}]}', source => 'mallory.pol'); SELECT engage_policy_grant('limits', 'bob')}, user => 'dba');
$pg->query("INSERT INTO mallory.pol VALUES ('a', now(), 1), ('a', now(), 1)", user => 'mallory');
foreach my $user ('dba', 'bob')
{
	is($pg->query(q{SELECT score FROM engage_decide('limits', '{"k": "a"}'::jsonb)}, user => $user), '90', "a decision of $user");
	$pg->query(q{SELECT score FROM mallory.pol p, LATERAL engage_decide('limits', p) LIMIT 1}, user => $user);
}
$pg->query("CREATE INDEX i ON mallory.pol_velocity ((mallory.quiet('index')))", user => 'mallory');
is($pg->query(q{SELECT score FROM engage_decide('limits', '{"k": "a"}'::jsonb)}, user => 'dba'), '90', 'with an expression on the rollup');
harmless('a policy that reads a rollup');
done_testing;
