# What the planner makes of a whole row answers as the function itself does: each of the family over every kind of row in every kind of query,
# against the same call inside a PL/pgSQL function, which the planner does not look into.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
SET client_min_messages = error;
CREATE TABLE cust AS SELECT g AS id, g % 17 AS visits, ((g * 7919) % 101)::numeric(6, 2) AS spend, (ARRAY['free', 'basic', 'gold'])[1 + g % 3] AS plan,
	(g * 7919) % 101 + g % 17 > 60 AS churned, (g * 7919) % 101 + 0.5 * (g % 17) AS amount FROM generate_series(1, 800) g;
SELECT engage_train('bit', 'SELECT visits, spend, plan, churned FROM cust', target => 'churned', params => '{"n_estimators": 5}', intervals => 0.9);
SELECT engage_train('sum', 'SELECT visits, spend, plan, amount FROM cust', target => 'amount', params => '{"n_estimators": 5}', intervals => 0.9);
SELECT engage_train('band', 'SELECT visits, spend, plan, amount FROM cust', target => 'amount', task => 'quantile',
	params => '{"n_estimators": 5, "quantiles": [0.1, 0.5, 0.9]}');
DELETE FROM cust WHERE id > 40;
UPDATE cust SET spend = NULL WHERE id % 7 = 0;
UPDATE cust SET visits = NULL, spend = NULL, plan = NULL WHERE id = 11;
CREATE TABLE keyed (gone text, id int PRIMARY KEY, visits int, also_gone int, spend numeric, plan text, twice numeric GENERATED ALWAYS AS (spend * 2) STORED, last text);
ALTER TABLE keyed DROP COLUMN gone, DROP COLUMN also_gone, DROP COLUMN last;
INSERT INTO keyed SELECT id, visits, spend, plan FROM cust;
CREATE TABLE parts (plan text, spend numeric, id int, visits int) PARTITION BY LIST (plan);
CREATE TABLE part_free (visits int, dropped int, id int, spend numeric, plan text);
ALTER TABLE part_free DROP COLUMN dropped;
ALTER TABLE parts ATTACH PARTITION part_free FOR VALUES IN ('free');
CREATE TABLE part_other PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT plan, spend, id, visits FROM cust;
CREATE TABLE parent (id int, visits int, spend numeric, plan text);
CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent SELECT id, visits, spend, plan FROM cust WHERE id < 20;
INSERT INTO child SELECT id, visits, spend, plan, 'x' FROM cust WHERE id >= 20;
CREATE VIEW plain_view AS SELECT id, visits, spend * 1 AS spend, plan FROM cust;
CREATE VIEW barrier WITH (security_barrier) AS SELECT id, visits, spend, plan FROM cust WHERE id % 2 = 0;
CREATE VIEW joined AS SELECT c.id, k.visits, c.spend, c.plan FROM cust c LEFT JOIN keyed k ON k.id = c.id AND k.id < 20;
CREATE MATERIALIZED VIEW kept AS SELECT id, visits, spend, plan FROM cust;
CREATE TABLE guarded AS SELECT id, visits, spend, plan FROM cust;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY odd ON guarded USING (id % 2 = 1);
CREATE FUNCTION some_cust() RETURNS SETOF cust STABLE LANGUAGE sql AS 'SELECT * FROM cust WHERE id > 5';
CREATE TABLE ids AS SELECT g AS id FROM generate_series(30, 50) g;
ANALYZE;
CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT USAGE ON SCHEMA public TO reader;
SQL

# the function as it is: a parameter is no row that the planner could take apart
my %family = (predict => [ 'bit', 'float8' ], predict_class => [ 'bit', 'text' ], predict_proba => [ 'bit', 'jsonb' ], predict_quantiles => [ 'band', 'float8[]' ],
	predict_interval => [ 'sum', 'float8[]' ], predict_set => [ 'bit', 'text[]' ]);
foreach my $f (sort keys %family)
{
	$pg->query("CREATE FUNCTION by_itself_$f(model text, r record) RETURNS $family{$f}[1] STABLE LANGUAGE plpgsql AS 'BEGIN RETURN engage_$f(model, r); END'");
}

# kinds of rows: FROM, and its condition
my @rows = (
	[ 'a table', 'cust c' ],
	[ 'dropped and generated columns', 'keyed c' ],
	[ 'partitions', 'parts c' ],
	[ 'inheritance', 'parent c' ],
	[ 'a view', 'plain_view c' ],
	[ 'a security barrier', 'barrier c' ],
	[ 'a view with an outer join', 'joined c' ],
	[ 'a materialized view', 'kept c' ],
	[ 'policies', 'guarded c' ],
	[ 'a subquery', '(SELECT id, visits, spend + 0 AS spend, plan FROM cust) c' ],
	[ 'a subquery with LIMIT', '(SELECT * FROM cust ORDER BY id LIMIT 25) c' ],
	[ 'UNION ALL', '(SELECT id, visits, spend, plan FROM cust UNION ALL SELECT id, visits, spend, plan FROM keyed) c' ],
	[ 'VALUES', "(VALUES (1, 2, 3.5, 'gold'), (2, NULL, NULL, NULL), (3, 4, 50, 'free')) c (id, visits, spend, plan)" ],
	[ 'a function', 'some_cust() c' ],
	[ 'the side of a left join that may lack', 'ids LEFT JOIN cust c ON c.id = ids.id' ],
	[ 'partitions that may lack', 'ids LEFT JOIN parts c ON c.id = ids.id' ],
	[ 'inheritance that may lack', 'ids LEFT JOIN parent c USING (id)' ],
	[ 'a subquery that may lack', 'ids LEFT JOIN (SELECT id, visits, 1 + spend AS spend, plan FROM cust) c ON c.id = ids.id' ],
	[ 'a view that may lack', 'ids LEFT JOIN joined c ON c.id = ids.id' ],
	[ 'a right join', 'cust c RIGHT JOIN ids ON c.id = ids.id' ],
	[ 'a full join', 'ids FULL JOIN keyed c ON c.id = ids.id' ],
	[ 'outer joins in each other', 'ids LEFT JOIN (keyed k LEFT JOIN cust c ON c.id = k.id AND c.id < 35) ON k.id = ids.id' ],
	[ 'the alias of a join', '(ids JOIN cust USING (id)) AS c' ],
	[ 'the alias of a left join', '(ids LEFT JOIN cust USING (id)) AS c' ],
	[ 'LATERAL', 'ids, LATERAL (SELECT * FROM cust WHERE cust.id = ids.id) c' ],
	[ 'LATERAL that may lack', 'ids LEFT JOIN LATERAL (SELECT cust.*, ids.id AS other FROM cust WHERE cust.id < ids.id - 10 ORDER BY cust.id LIMIT 1) c ON true' ],
	[ 'a table beside another', 'ids, keyed c WHERE c.id = ids.id' ],
	[ 'TABLESAMPLE', 'cust c TABLESAMPLE system (100)' ]);

# kinds of queries; F is the call over c
my @queries = (
	[ 'the list', 'SELECT F::text AS x FROM _R_' ],
	[ 'row and score', 'SELECT c::text, F::text FROM _R_' ],
	[ 'a condition', "SELECT c.id::text FROM _R_ _W_ F::text > '0.4'" ],
	[ 'IS NULL', 'SELECT count(*)::text FROM _R_ _W_ F IS NULL' ],
	[ 'ROLLUP of the row', 'SELECT c.plan, c::text AS whole, F::text, count(*) FROM _R_ GROUP BY ROLLUP (c.plan, c)' ],
	[ 'ROLLUP, row alone', 'SELECT F::text FROM _R_ GROUP BY ROLLUP (c)' ],
	[ 'CUBE', 'SELECT c.plan, F::text, grouping(c) FROM _R_ GROUP BY CUBE (c, c.plan)' ],
	[ 'GROUPING SETS', 'SELECT F::text, c.id FROM _R_ GROUP BY GROUPING SETS ((c), (c.id), (), (c, c.id))' ],
	[ 'HAVING over sets', "SELECT c.plan, count(*) FROM _R_ GROUP BY ROLLUP (c.plan, c) HAVING F IS NULL OR F::text > '0.4'" ],
	[ 'sets of the score', 'SELECT F::text, count(*), c.plan FROM _R_ GROUP BY CUBE (F, c.plan)' ],
	[ 'an aggregate below ROLLUP', 'SELECT c.plan, min(F::text), count(F), count(*) FROM _R_ GROUP BY ROLLUP (c.plan)' ],
	[ 'an aggregate beside the row', 'SELECT c.plan, max(F::text), F::text FROM _R_ GROUP BY ROLLUP (c.plan, c)' ],
	[ 'FILTER', "SELECT c.plan, count(*) FILTER (WHERE F::text > '0.4') FROM _R_ GROUP BY CUBE (c.plan)" ],
	[ 'ORDER BY in an aggregate', "SELECT c.plan, md5(string_agg(c.id::text, ',' ORDER BY F::text, c.id)) FROM _R_ GROUP BY ROLLUP (c.plan)" ],
	[ 'an aggregate in order', "SELECT c.plan, percentile_disc(0.5) WITHIN GROUP (ORDER BY F::text) FROM _R_ GROUP BY ROLLUP (c.plan)" ],
	[ 'a window over sets', "SELECT c.plan, F::text, count(*) OVER (PARTITION BY F::text) FROM _R_ GROUP BY ROLLUP (c.plan, c)" ],
	[ 'GROUP BY the row', 'SELECT F::text, count(*) FROM _R_ GROUP BY c' ],
	[ 'HAVING', "SELECT c.id, count(*) FROM _R_ GROUP BY c, c.id HAVING F::text > '0.4'" ],
	[ 'DISTINCT', 'SELECT DISTINCT F::text FROM _R_' ],
	[ 'ORDER BY and LIMIT', 'SELECT c.id, F::text FROM _R_ ORDER BY F::text, c.id LIMIT 7' ],
	[ 'a window', 'SELECT c.id, rank() OVER (PARTITION BY c.plan ORDER BY F::text) FROM _R_' ],
	[ 'CASE', "SELECT CASE WHEN c.id % 2 = 0 THEN F::text ELSE 'odd' END FROM _R_" ],
	[ 'a subquery in the list', 'SELECT (SELECT F::text) FROM _R_' ],
	[ 'a subquery in the list over sets', 'SELECT c.plan, (SELECT F::text) FROM _R_ GROUP BY ROLLUP (c.plan, c)' ],
	[ 'a subquery around', 'SELECT s.x::text, count(*) FROM (SELECT F AS x, c.plan FROM _R_) s GROUP BY ROLLUP (s.x)' ],
	[ 'sets of a score of a subquery', 'SELECT s.x::text, s.plan FROM (SELECT F AS x, c.plan FROM _R_ OFFSET 0) s GROUP BY CUBE (s.x, s.plan)' ],
	[ 'a side that may lack', 'SELECT i.id, s.x::text FROM ids i LEFT JOIN (SELECT c.id, F AS x FROM _R_) s ON s.id = i.id' ],
	[ 'a joined condition', "SELECT i.id FROM ids i JOIN (SELECT c.id, F AS x FROM _R_) s ON s.id = i.id AND s.x::text > '0.3'" ],
	[ 'EXISTS under OR', "SELECT i.id FROM ids i WHERE i.id > 48 OR EXISTS (SELECT 1 FROM ids a, ids b, _R_ _W_ c.id = i.id AND a.id = 30 AND b.id = 31 AND F::text > '0.2')" ],
	[ 'IN', "SELECT i.id FROM ids i WHERE (i.id, 't') IN (SELECT c.id, (F::text > '0.3')::text::varchar(1) FROM _R_)" ],
	[ 'WITH', 'WITH w AS MATERIALIZED (SELECT c.id, F::text AS x FROM _R_) SELECT * FROM w' ],
	[ 'UNION ALL around', 'SELECT F::text, c.plan FROM _R_ UNION ALL SELECT c.plan, F::text FROM _R_' ],
	[ 'LATERAL around', 'SELECT c.id, s.x FROM _R_ LATERAL_ (SELECT F::text AS x) s _ON_' ]);

# functions of the primary key: the row is not grouped, a column of it is
my @keyed = (
	[ 'the key and ROLLUP of a column', 'SELECT c.id, c.plan, F::text, c.spend FROM keyed c GROUP BY c.id, ROLLUP (c.plan)' ],
	[ 'the key and sets of columns', 'SELECT c.id, F::text FROM keyed c GROUP BY c.id, CUBE (c.visits, c.spend)' ],
	[ 'the key and HAVING', "SELECT c.id, c.plan FROM keyed c GROUP BY c.id, ROLLUP (c.plan, c.spend) HAVING F::text > '0.4'" ],
	[ 'the key', 'SELECT c.id, F::text, count(*) FROM keyed c, ids GROUP BY c.id' ],
	[ 'the key and DISTINCT sets', 'SELECT c.id, count(F), F::text FROM keyed c GROUP BY c.id, ROLLUP (c.plan), ROLLUP (c.plan)' ]);

my @pairs;
my $n = 0;
my $add = sub {
	my ($what, $sql) = @_;
	my @f = ('predict', (grep { $_ ne 'predict' } sort keys %family)[ $n++ % 5 ]);

	foreach my $f (@f)
	{
		my ($ours, $plain) = map { my $call = $_; (my $q = $sql) =~ s/\bF\b/$call('$family{$f}[0]', c)/g; $q } "engage_$f", "by_itself_$f";

		push @pairs, { what => "$what, $f", ours => $ours, plain => $plain };
	}
};
foreach my $r (@rows)
{
	foreach my $q (@queries)
	{
		my ($from, $sql) = ($r->[1], $q->[1]);
		my $and = $from =~ /^[^(]*WHERE/ ? 'AND' : 'WHERE';

		# the place of more joins is before WHERE
		if ($sql =~ /LATERAL_/)
		{
			my ($join, $where) = $and eq 'AND' ? split(/ (?=WHERE)/, $from) : ($from, '');

			$sql = "SELECT c.id, s.x FROM $join CROSS JOIN LATERAL (SELECT F::text AS x) s $where";
		}
		$sql =~ s/_R_/$from/g;
		$sql =~ s/_W_/$and/g;
		$sql =~ s/(FROM ids a, ids b, )(.*?) WHERE c.id = (ids.id) WHERE/$1$2 WHERE c.id = $3 AND/;
		$add->("$r->[0]: $q->[0]", $sql);
	}
}
$add->("keyed: $_->[0]", $_->[1]) foreach @keyed;

# one session asks all; an answer is a digest of sorted rows
my $settings = "SET client_min_messages = error; SET ROLE reader;\n";
my $script = "\\set ON_ERROR_STOP off\n$settings";
foreach my $i (0 .. $#pairs)
{
	my $p = $pairs[$i];

	$script .= "SELECT $i, " . join(', ', map { "(SELECT md5(coalesce(string_agg(q::text, E'\\n' ORDER BY q::text COLLATE \"C\"), '')) FROM ($p->{$_}) q)" } qw(ours plain)) .
		", (SELECT count(*) FROM ($p->{ours}) q), (SELECT count(*) FROM ($p->{plain}) q WHERE q IS NULL OR q::text ~ '[(,][,)]');\n";
}
$pg->query("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reader; SELECT engage_grant(m, 'reader') FROM unnest('{bit,sum,band}'::text[]) m");
my ($status, $out, $err) = $pg->psql($script);
my %answer = map { /^(\d+)\|(.*)/ ? ($1 => $2) : () } split /\n/, $out;

# what the server refuses of the plain function, too, is no question
my @refused = grep { !exists $answer{$_} } 0 .. $#pairs;
my @ours_only = grep { ($pg->psql($settings . $pairs[$_]{plain}))[0] == 0 } @refused;
is(join("\n", map { "$pairs[$_]{what}: $pairs[$_]{ours}" } @ours_only), '', 'nothing is refused that runs with the plain function');
cmp_ok(scalar(@refused), '<', 0.05 * @pairs, 'and little that does not');
@pairs = map { { %{ $pairs[$_] }, answer => $answer{$_} } } grep { exists $answer{$_} } 0 .. $#pairs;
my (@differ, $rows, $nulls);
foreach my $i (0 .. $#pairs)
{
	my @a = split /\|/, $pairs[$i]{answer};

	push @differ, "$pairs[$i]{what}: $pairs[$i]{ours}" if $a[0] ne $a[1];
	$rows++ if $a[2] > 0;
	$nulls++ if $a[3] > 0;
}
is(join("\n", @differ), '', scalar(@pairs) . ' queries answer as the function itself');
cmp_ok($rows, '>', 0.95 * @pairs, 'and have rows');
cmp_ok($nulls, '>', 0.3 * @pairs, 'NULLs among them');

# the rewrite is at work where it may be, and not above grouping sets
my $plan = sub { return $pg->query("EXPLAIN (VERBOSE, COSTS off) $_[0]") =~ /predict_columns/ ? 'columns' : 'row' };
is($plan->("SELECT engage_predict('bit', c) FROM cust c"), 'columns', 'a table: columns');
is($plan->("SELECT engage_predict('bit', c) FROM ids LEFT JOIN cust c USING (id)"), 'columns', 'a side that may lack: columns');
is($plan->("SELECT plan, avg(engage_predict('bit', c)) FROM cust c GROUP BY ROLLUP (plan)"), 'columns', 'below ROLLUP: columns');
is($plan->("SELECT plan FROM cust c WHERE engage_predict('bit', c) > 0.5 GROUP BY ROLLUP (plan)"), 'columns', 'a condition below ROLLUP: columns');
is($plan->("SELECT plan, avg(engage_predict('bit', c)) FROM (ids JOIN cust USING (id)) AS c GROUP BY ROLLUP (plan)"), 'columns', 'a join below ROLLUP: columns');
is($plan->("SELECT engage_predict('bit', c) FROM cust c GROUP BY ROLLUP (c)"), 'row', 'above ROLLUP: the row');
is($plan->("SELECT engage_predict('bit', c) FROM keyed c GROUP BY id, ROLLUP (plan)"), 'row', 'above ROLLUP by the key: the row');

# prepared, with parameters, in plans of both kinds; what is returned of changed rows
my $prepared = join '', map { "PREPARE p$_->[0] AS SELECT plan, $_->[1](\$1, c)::text FROM keyed c WHERE id > \$2 GROUP BY ROLLUP (plan, c) ORDER BY 1, 2; " }
	[ 1, 'engage_predict' ], [ 2, 'by_itself_predict' ];
foreach my $mode (qw(force_generic_plan force_custom_plan))
{
	my @got = map { $pg->query("SET plan_cache_mode = $mode; $prepared EXECUTE p$_('bit', 10)") } 1, 2;

	is($got[0], $got[1], "prepared, $mode");
	like($got[0], qr/^\|$/m, 'a total has no score');
}
foreach my $change ('UPDATE keyed c SET visits = visits + 1', 'DELETE FROM keyed c', 'UPDATE parts c SET plan = NULL', 'DELETE FROM parent c',
	"INSERT INTO keyed AS c (id, visits, spend, plan) SELECT id, 3, 7, 'gold' FROM ids ON CONFLICT (id) DO UPDATE SET visits = 99")
{
	my @got = map { $pg->query("BEGIN; WITH r AS ($change RETURNING c.id, $_('bit', c)::text AS x) SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM r; ROLLBACK") }
		'engage_predict', 'by_itself_predict';

	is($got[0], $got[1], "RETURNING: $change");
}
is($pg->query("BEGIN; INSERT INTO keyed AS c (id, visits, spend, plan) VALUES (1, 2, 90, 'gold') ON CONFLICT (id) DO UPDATE
	SET spend = 1000 * engage_predict('bit', excluded) + engage_predict('bit', c) RETURNING 1e-9 > (SELECT abs(c.spend - 1000 * by_itself_predict('bit', x) - by_itself_predict('bit', k))
	FROM (SELECT 1 AS id, 2 AS visits, 90::numeric AS spend, 'gold' AS plan) x, keyed k WHERE k.id = 1); ROLLBACK"), 't', 'EXCLUDED');
done_testing();
