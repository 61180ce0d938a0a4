# Metrics and drift over columns of every type: whatever the catalog has an aggregate for takes booleans and numbers of all types, drift dates, too;
# the answer is that of the plainest form.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE DOMAIN flag AS bigint; CREATE DOMAIN sure_flag AS flag CHECK (VALUE IN (0, 1));
CREATE TABLE t AS SELECT g AS id, (g * 7919 % 1000) / 1000.0::float8 AS s, g % 3 = 0 AS truth, g * 7919 % 5 < 2 AS p, (g % 4)::float8 / 4 AS w, g > 250 AS cur,
	CASE WHEN g % 11 > 0 THEN g * 7919 % 97 + CASE WHEN g > 250 THEN g % 13 ELSE 0 END END AS v FROM generate_series(1, 500) g;
SQL
my @numbers = qw(boolean smallint integer bigint real float8 numeric flag sure_flag);

sub cast
{
	my ($column, $type) = @_;

	return $type eq 'boolean' ? $column : "($column)::int::$type";
}

# ---- metrics: every aggregate of the catalog with a truth, in every form of its arguments
my @metrics = split /\n/, $pg->query(<<'SQL');
SELECT DISTINCT p.proname, array_to_string(p.proargnames, ','), p.proargnames[1] = 'predicted' FROM pg_proc p
WHERE p.prokind = 'a' AND p.proname ~ '^engage_' AND p.proargnames[2] = 'truth' AND p.proargtypes[1] = 'boolean'::regtype ORDER BY 1, 2
SQL
cmp_ok(scalar(@metrics), '>=', 25, 'metrics of a truth: ' . @metrics);
my %rest = (weight => 'w', bins => '7');
foreach my $m (@metrics)
{
	my ($f, $names, $classes) = split /\|/, $m;
	my @names = split /,/, $names;
	my $rest = join '', map { ", $rest{$_}" } @names[2 .. $#names];
	my $want = $pg->query("SELECT $f(" . ($classes eq 't' ? 'p' : 's') . ", truth$rest) FROM t");
	my @pairs = map { my $a = $_; map { [ $a, $_ ] } @numbers } $classes eq 't' ? @numbers : qw(real float8 numeric);
	my $sql = join ', ', map { my ($a, $b) = @$_;
		"abs($f(" . ($classes eq 't' ? cast('p', $a) : "s::$a") . ', ' . cast('truth', $b) . "$rest) - $want) < " . ($a eq 'real' ? '1e-5' : '1e-12') } @pairs;
	my @got = split /\|/, $pg->query("SELECT $sql FROM t");

	is(join(', ', map { "$pairs[$_][0], $pairs[$_][1]" } grep { ($got[$_] // '') ne 't' } 0 .. $#pairs), '', "$f($names) of " . @pairs . ' pairs of types');
}
my ($classes) = $pg->query("SELECT engage_accuracy(id::bigint % 7, id::numeric % 5), avg((id % 7 = id % 5)::int)::float8 FROM t");

is($classes =~ s/\|.*//r, $classes =~ s/.*\|//r, 'classes that are no flags');

# ---- drift: every aggregate of a value and a side
my @drift = split /\n/, $pg->query(<<'SQL');
SELECT DISTINCT p.proname, coalesce(p.proargnames[3], '') FROM pg_proc p
WHERE p.prokind = 'a' AND p.proname ~ '^engage_' AND p.proargnames[2] = 'is_current' AND p.proargtypes[0] = 'float8'::regtype ORDER BY 1, 2
SQL
cmp_ok(scalar(@drift), '>=', 18, 'drift of a value: ' . @drift);
$pg->configure(timezone => 'America/New_York');
my $day = "date '2026-03-01' + v::int";
my %value = (smallint => 'v::smallint', integer => 'v::int', bigint => 'v::bigint', real => 'v::real', numeric => 'v::numeric', flag => 'v::bigint::flag');
my %second = (date => [ $day, 'v * 86400.0::float8', 0 ], timestamp => [ "timestamp '1970-01-01' + v * interval '1 second'", 'v::float8', 1 ],
	timestamptz => [ "to_timestamp(v)", 'v::float8', 1 ], boolean => [ 'v > 40', '(v > 40)::int::float8', 1 ]);
foreach my $d (@drift)
{
	my ($f, $third) = split /\|/, $d, -1;
	my $rest = $third eq 'bins' ? ', 7' : '';
	my @wrong;
	my $ask = sub {
		my ($what, $value, $plain, $edges, $shift) = @_;
		my @rest = $third eq 'edges' ? map { ", ARRAY[$_]::float8[]" } @$edges : ($rest, $rest);

		return if $third eq 'edges' && $shift;
		push @wrong, $what if $pg->query("SELECT abs($f($value, cur$rest[0]) - $f($plain, cur$rest[1])) < 1e-7 FROM t") ne 't';
	};

	$ask->($_, $value{$_}, 'v::float8', [ '20, 50', '20, 50' ]) foreach sort keys %value;
	$ask->($_, $second{$_}[0], $second{$_}[1], [ '0.5, 50', '0.5, 50' ], !$second{$_}[2]) foreach sort keys %second;
	is(join(', ', @wrong), '', "$f(" . join(', ', 'value', 'is_current', $third || ()) . '): ten types');
}
is($pg->query("SELECT engage_psi($day, cur, ARRAY[extract(epoch FROM date '2026-03-31')::float8]) = engage_psi(v::float8, cur, ARRAY[30.0::float8]) FROM t"), 't',
	'edges of dates are seconds since 1970');
is($pg->query("SELECT engage_ks(x, cur) FROM (SELECT CASE WHEN cur THEN 'infinity' ELSE '-infinity' END::date AS x, cur FROM t) q"), '1', 'dates at infinity');
is($pg->query("SELECT engage_psi(CASE WHEN cur THEN NULL ELSE truth END, cur) > 5 FROM t"), 't', 'NULL is a bin of flags');

# ---- segments are whole numbers of any size, or texts
foreach my $type (qw(smallint integer bigint flag text))
{
	is($pg->query("SELECT engage_silhouette((id % 3)::$type, ARRAY[s, v]) = engage_silhouette((id % 3)::text, ARRAY[s, v]),
		engage_davies_bouldin((id % 3)::$type, ARRAY[s]) = engage_davies_bouldin((id % 3)::text, ARRAY[s]),
		engage_adjusted_rand((id % 3)::$type, (id % 5)::$type) = engage_adjusted_rand((id % 3)::text, (id % 5)::text) FROM t WHERE v IS NOT NULL"), 't|t|t', "segments of type $type");
}

# in parallel, too
is($pg->query("SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SELECT engage_auc(s, truth::int::bigint) = engage_auc(s, truth), engage_psi(truth, cur) = engage_psi(truth::int, cur) FROM t"), 't|t', 'parallel plans');

# ---- what is no number
like($pg->error("SELECT engage_auc(s, 0.5::numeric) FROM t"), qr/a truth that is a number must be 0 or 1, not 0\.5/, 'a truth between');
like($pg->error("SELECT engage_auc(s, 'NaN'::float8) FROM t"), qr/must be 0 or 1, not (nan|NaN)/, 'a truth that is NaN');
like($pg->error("SELECT engage_f1(truth, 2) FROM t"), qr/must be 0 or 1, not 2/, 'a truth that is a class');
like($pg->error("SELECT engage_psi(point(1, 2), cur) FROM t"), qr/a value of type point is no number and no date.*Cast it to text/s, 'drift of points');
like($pg->error("SELECT engage_accuracy(9007199254740993, 9007199254740994)"), qr/must lie between -2\^53 and 2\^53.*Cast both to text/s, 'numbers that a double cannot tell apart');
like($pg->error("SELECT engage_accuracy(s, truth) FROM t"), qr/must be 0 or 1, not 0\.\d+/, 'a score beside a flag is no class');
like($pg->error("SELECT engage_accuracy(s, truth::int) FROM t"), qr/a class that is a number must be whole, not 0\.\d+.*score >= 0\.5/s, 'a score is no class');
is($pg->query("SELECT engage_ks('Infinity', cur), engage_ks(NULL, cur) FROM t"), '0|', 'literals without a type');
done_testing();
