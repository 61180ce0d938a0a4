# What a session has kept: after each event its answers equal those of a session that begins afterwards.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query('CREATE ROLE other');

# Everything that engage keeps in a backend is made from this; which: two kinds of content under the same names and ids.
sub content
{
	my ($which) = @_;
	my ($target, $rule, $key, $seed) = @{ { a => [ 'y', 'a > 50', 'id', 1 ], b => [ 'z', 'b > 3 AND a > 90', 'id', 2 ] }->{$which} };

	return <<"SQL";
SELECT engage_train('m', 't', '$target', key => '$key', algorithm => 'logistic_regression', seed => $seed, exclude => '{y,z,c,d}');
SELECT engage_train('tree', 't', '$target', key => '$key', algorithm => 'decision_tree', seed => $seed, exclude => '{y,z,c,d}');
SELECT engage_train('parts', 't', '$target', key => '$key', algorithm => 'decision_tree', partition_by => 'e', seed => $seed, exclude => '{y,z,c,d}');
SELECT engage_train('seg', 't', algorithm => 'kmeans', key => 'id', params => '{"k": 3}', features => '{a,b}');
SELECT engage_label_segment('seg', 1, 'first $which');
SELECT engage_set_wording('m', '{"raises": "$which raises"}');
SELECT engage_train('ab', 't', '$target', key => '$key', algorithm => 'logistic_regression', seed => 5, features => '{a,b}');
SELECT engage_train('ab', 't', '$target', key => '$key', algorithm => 'decision_tree', seed => 6, features => '{a,b,e}', deploy => 'never');
SELECT engage_experiment_start('x', 'ab', ARRAY['1.0.0', '2.0.0'], key => 'e');
SELECT engage_policy('p', '{"layers": [{"name": "r", "rules": [{"name": "one $which", "when": "$rule", "score": 40}, {"name": "cast", "when": "a::dom > 90", "score": 50},
	{"name": "function", "when": "high(a)", "score": 60}, {"name": "composite", "when": "(c).x > 7", "score": 70}, {"name": "enum", "when": "e = ''green''", "score": 30}, {"name": "domain", "when": "d > 5", "score": 20}],
	"on_error": "skip"}, {"name": "m", "models": [{"model": "m"}]}]}', source => 't');
SELECT engage_velocity_track('v', 'ev', CASE '$which' WHEN 'a' THEN 'k' ELSE 'n' END, 'at', 'amt');
SQL
}

my $tables = <<'SQL';
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN dom AS int CHECK (VALUE < 1000);
CREATE TYPE pair AS (x int, y int);
CREATE FUNCTION high(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 80';
CREATE TABLE t (id int, a int, b float8, e colour, d dom, c pair, y boolean, z boolean);
INSERT INTO t SELECT g, g % 100, g % 7, (enum_range(NULL::colour))[1 + g % 3], g % 10, ROW(g % 9, g % 5)::pair, g % 100 > 50, g % 7 > 3 FROM generate_series(1, 1200) g;
CREATE TABLE ev (k text, n int, at timestamptz, amt float8);
INSERT INTO ev SELECT 'k' || g % 3, g % 5, timestamptz '2024-01-01' + g * interval '1 s', g FROM generate_series(1, 50) g;
SQL

# one call for each thing that is kept
my %probe = (
	columns => "SELECT string_agg(round(engage_predict('m', t)::numeric, 6)::text, ' ' ORDER BY id) FROM t WHERE id % 100 = 7",
	row => "SELECT string_agg(round(engage_predict('m', r)::numeric, 6)::text, ' ') FROM (SELECT (SELECT t FROM t WHERE id = g) AS r FROM generate_series(5, 40, 7) g) q",
	tree => "SELECT string_agg(engage_predict_class('tree', t), ' ' ORDER BY id) FROM t WHERE id BETWEEN 60 AND 70",
	jsonb => "SELECT round(engage_predict('m', to_jsonb(t))::numeric, 6) FROM t WHERE id = 77",
	parts => "SELECT string_agg(round(engage_predict('parts', t)::numeric, 6)::text, ' ' ORDER BY id) FROM t WHERE id < 12",
	held_out => "SELECT count(*) FILTER (WHERE engage_held_out('m', t)) FROM t",
	segment => "SELECT string_agg(engage_segment('seg', t), ' ' ORDER BY id) FROM t WHERE id < 9",
	why => "SELECT string_agg(engage_why('m', t), ' ' ORDER BY id) FROM t WHERE id IN (3, 77)",
	explain => "SELECT string_agg(feature || round(contribution::numeric, 5), ' ' ORDER BY feature) FROM t, LATERAL engage_explain('tree', t) WHERE id = 77",
	experiment => "SELECT string_agg(round(engage_predict('ab', t)::numeric, 6)::text, ' ' ORDER BY id) FROM t WHERE id < 8",
	decide_row => "SELECT string_agg(score || ' ' || reasons::text, ' ' ORDER BY id) FROM t, LATERAL engage_decide('p', t) WHERE id IN (4, 55, 97, 99)",
	decide_json => "SELECT score || ' ' || reasons::text FROM t, LATERAL engage_decide('p', to_jsonb(t)) WHERE id = 97",
	velocity => "SELECT count_24h || ' ' || sum_24h FROM engage_velocity_state('v', '1', '2024-01-01 00:01')",
	velocity_key => "SELECT count_24h || ' ' || sum_24h FROM engage_velocity_with('v', 'k1', '2024-01-01 00:01', 5)",
	fit => "SELECT round(engage_predict(m, t)::numeric, 4) FROM (SELECT engage_fit('linear_regression', a, ROW(b, e)) AS m FROM t) q, (SELECT b AS f1, e AS f2 FROM t WHERE id = 5) t",
	log => "SELECT round(engage_predict_logged('m', t, 'id')::numeric, 6) FROM t WHERE id = 9");

my @events = (
	[ 'a label is renamed', "ALTER TYPE colour RENAME VALUE 'green' TO 'verde'; ALTER TYPE colour RENAME VALUE 'red' TO 'green'" ],
	[ 'a label is added', "ALTER TYPE colour ADD VALUE 'pink' BEFORE 'red'", "UPDATE t SET e = 'pink' WHERE id % 5 = 0" ],
	[ 'a function is replaced', "CREATE OR REPLACE FUNCTION high(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT \$1 < 10'" ],
	[ 'a domain gets a constraint', 'ALTER DOMAIN dom ADD CONSTRAINT small CHECK (VALUE < 95 AND VALUE <> 3) NOT VALID' ],
	[ 'a composite gets an attribute', 'ALTER TYPE pair ADD ATTRIBUTE w int' ],
	[ 'attributes of a composite are swapped', 'ALTER TYPE pair RENAME ATTRIBUTE x TO q; ALTER TYPE pair RENAME ATTRIBUTE y TO x' ],
	[ 'types are made again under their names', 'ALTER TABLE t DROP c, DROP d; DROP TYPE pair; DROP DOMAIN dom; CREATE TYPE pair AS (y int, x int); CREATE DOMAIN dom AS int; ALTER TABLE t ADD d dom DEFAULT 8, ADD c pair DEFAULT ROW(1, 20)' ],
	[ 'an enum is made again with its labels in another order', "ALTER TABLE t ALTER e TYPE text; DROP TYPE colour; CREATE TYPE colour AS ENUM ('blue', 'green', 'red'); ALTER TABLE t ALTER e TYPE colour USING e::colour" ],
	[ 'a column gets another type', 'ALTER TABLE t ALTER a TYPE numeric, ALTER b TYPE int' ],
	[ 'a column is dropped', 'ALTER TABLE t DROP b' ],
	[ 'a column comes back', 'ALTER TABLE t ADD b float8 DEFAULT 3', 'UPDATE t SET b = id % 7 WHERE id % 2 = 0' ],
	[ 'columns are added', 'ALTER TABLE t ADD extra int DEFAULT 5, ADD more text' ],
	[ 'the table is made again', 'CREATE TABLE u AS SELECT y, z, e, id, a, c, d, b + 1 AS b FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t' ],
	[ 'a tracker is made again', "SELECT engage_velocity_untrack('v'); SELECT engage_velocity_track('v', 'ev', 'n', 'at', 'amt')" ],
	[ 'the key of a rollup gets another type', 'ALTER TABLE v_velocity ALTER key TYPE varchar(20)' ],
	[ 'a rollup is renamed', 'ALTER TABLE v_velocity RENAME TO w; CREATE SCHEMA s; ALTER TABLE w SET SCHEMA s' ],
	[ 'a schema is renamed', 'ALTER SCHEMA s RENAME TO s2' ],
	[ 'wording, names and experiments change', "SELECT engage_set_wording('m', '{\"raises\": \"lifts\"}'); SELECT engage_label_segment('seg', 2, 'two'); SELECT engage_experiment_finish('x', NULL)" ],
	[ 'a version is deployed', "SELECT engage_deploy('ab', '2.0.0')" ],
	[ 'the registry is made again', 'DROP EXTENSION engage CASCADE; DROP TABLE IF EXISTS v_velocity; CREATE EXTENSION engage', content('b') ],
	[ 'the registry and the types are made again', "DROP EXTENSION engage CASCADE; DROP TABLE t, ev; DROP TABLE IF EXISTS v_velocity; DROP TYPE colour, pair; DROP DOMAIN dom; DROP FUNCTION high; CREATE EXTENSION engage", $tables, content('a') ]);

sub answer
{
	my ($s, $sql) = @_;

	$s->send($sql);
	my ($out, $err) = $s->finish;
	($err) = $err =~ /(ERROR:.*)/;
	return $out . ($err // '');
}

# the session that keeps, with the probes as they stand, prepared, and in functions
sub keeper
{
	my $s = $pg->session(database => 'same');

	foreach my $name (sort keys %probe)
	{
		answer($s, "PREPARE $name AS $probe{$name}");
		answer($s, "CREATE OR REPLACE FUNCTION f_$name() RETURNS text LANGUAGE plpgsql AS \$\$ DECLARE result_ text; BEGIN $probe{$name} INTO result_; RETURN result_; END \$\$");
	}
	return $s;
}

my %form = (plain => sub { $probe{ $_[0] } }, prepared => sub { "EXECUTE $_[0]" }, function => sub { "SELECT f_$_[0]()" });
sub warm
{
	my ($s) = @_;

	foreach my $form (sort keys %form) { answer($s, $form{$form}->($_)) foreach sort keys %probe, sort keys %probe; }
}

# each event in a database of its own, or the rest of one
foreach my $by ('itself', 'another session')
{
	$pg->query('DROP DATABASE IF EXISTS same');
	$pg->query('CREATE DATABASE same');
	$pg->query("$_", database => 'same') foreach 'CREATE EXTENSION engage', $tables, content('a');
	my $s = keeper();
	warm($s);
	my %first = map { $_ => answer($s, $probe{$_}) } sort keys %probe;
	is(join(' ', map { "$_ $first{$_}" } grep { $first{$_} =~ /ERROR|^$/ } sort keys %probe), '', "$by: everything is kept");
	foreach my $event (@events)
	{
		my ($what, @sql) = @$event;

		# undone first: what was seen meanwhile is gone
		if ($by eq 'itself')
		{
			answer($s, 'BEGIN');
			answer($s, 'SAVEPOINT a');
			answer($s, $_) foreach @sql;
			foreach my $name (sort keys %probe) { answer($s, 'SAVEPOINT b'); answer($s, $probe{$name}) =~ /ERROR/ and answer($s, 'ROLLBACK TO b'); }
			answer($s, 'ROLLBACK');
		}
		$s->send("DECLARE c CURSOR WITH HOLD FOR SELECT id, engage_predict('m', t) FROM t");
		$s->finish;
		$by eq 'itself' ? answer($s, $_) : $pg->psql($_, database => 'same') foreach @sql;
		answer($s, 'CLOSE c');
		my @wrong;
		foreach my $name (sort keys %probe)
		{
			my $fresh = $pg->session(database => 'same');
			my $wanted = answer($fresh, $probe{$name});

			$fresh->close;
			foreach my $form (sort keys %form)
			{
				my $got = answer($s, $form{$form}->($name));
				my $got2 = answer($s, $form{$form}->($name));

				push @wrong, "$name ($form): $got\nnot $wanted" if $got ne $wanted || $got2 ne $wanted;
			}
		}
		is(join("\n", @wrong), '', "$by: $what");
	}
	$s->close;
}

# within one statement and one transaction: the call site of a PL/pgSQL expression stays while the catalog changes
$pg->query('CREATE DATABASE one');
$pg->query($_, database => 'one') foreach 'CREATE EXTENSION engage', $tables, content('a');
is($pg->query(<<'SQL', database => 'one'), "1|1|1|1|1", 'in one block');
CREATE TABLE heard (n int, x float8, fresh float8);
DO $$ DECLARE r t; x float8; BEGIN
	SELECT * INTO r FROM t WHERE id = 4;
	FOR i IN 1..5 LOOP
		x := engage_predict('parts', r);
		INSERT INTO heard SELECT i, x, engage_predict('parts', to_jsonb(r));
		CASE i WHEN 1 THEN ALTER TYPE colour RENAME VALUE 'green' TO 'verde'; ALTER TYPE colour RENAME VALUE 'red' TO 'green';
			WHEN 2 THEN ALTER TYPE colour RENAME VALUE 'verde' TO 'red';
			WHEN 3 THEN PERFORM engage_retrain('parts', deploy => 'always');
			WHEN 4 THEN ALTER TYPE colour RENAME VALUE 'red' TO 'nothing';
			ELSE NULL; END CASE;
	END LOOP;
END $$;
SELECT string_agg((x = fresh)::int::text, '|' ORDER BY n) FROM heard;
SQL

# a cursor that was opened before goes on with what it had
my $s = $pg->session(database => 'one');
$s->query('BEGIN');
$s->query("DECLARE c CURSOR FOR SELECT engage_predict('m', t) IS NOT NULL FROM t");
is($s->query('FETCH 2 FROM c'), "t\nt", 'a cursor');
answer($s, 'DROP EXTENSION engage CASCADE');
answer($s, 'CREATE EXTENSION engage');
like(answer($s, 'FETCH 2 FROM c'), qr/^(t\nt|.*ERROR)/s, 'survives the extension or fails');
$s->query('ROLLBACK');
is($s->query('SELECT 1'), '1', 'and so does the session');
$s->close;
done_testing;
