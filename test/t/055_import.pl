# 055_import.pl - models trained elsewhere: XGBoost's score the same bits, LightGBM's what its rules say
use strict;
use warnings;
use EngageGolden;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;

# ---------------------------------------------------------------------------
# LightGBM: a model written by hand, scores worked out by hand
# ---------------------------------------------------------------------------

# plan in {1, 3}: 0.5; else age <= 30.5 or missing: -0.25; else 1
my $tree0 = <<'EOT';
Tree=0
num_leaves=3
num_cat=1
split_feature=1 0
split_gain=10 5
threshold=0 30.5
decision_type=1 10
left_child=-1 -2
right_child=1 -3
leaf_value=0.5 -0.25 1
leaf_weight=1 1 1
leaf_count=10 20 30
internal_value=0 0
internal_weight=0 0
internal_count=60 50
cat_boundaries=0 1
cat_threshold=10
is_linear=0
shrinkage=1

EOT

# spend <= 0.1 in double precision: 0.125; else -0.5; missing counts as 0, which is below
my $tree1 = <<'EOT';
Tree=1
num_leaves=2
num_cat=0
split_feature=2
split_gain=3
threshold=0.1
decision_type=0
left_child=-1
right_child=-2
leaf_value=0.125 -0.5
leaf_count=40 20
internal_value=0
internal_count=60
is_linear=0
shrinkage=0.1

EOT

# spend: missing goes right; a tree that is one leaf
my $tree2 = <<'EOT';
Tree=2
num_leaves=2
num_cat=0
split_feature=2
split_gain=1
threshold=-1
decision_type=8
left_child=-1
right_child=-2
leaf_value=2 0.0625
leaf_count=40 20
internal_count=60
is_linear=0

EOT
my $tree3 = "Tree=3\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\ndecision_type=\n"
	. "left_child=\nright_child=\nleaf_value=0.25\nleaf_count=\ninternal_count=\nis_linear=0\n\n";

sub model
{
	my (%o) = @_;
	my $trees = $o{trees} // "$tree0$tree1$tree2$tree3";

	return "tree\nversion=v4\nnum_class=" . ($o{classes} // 1) . "\nnum_tree_per_iteration=" . ($o{classes} // 1)
		. "\nlabel_index=0\nmax_feature_idx=2\nobjective=" . ($o{objective} // 'regression') . "\n"
		. ($o{more} // '')
		. "feature_names=age plan spend\nfeature_infos=[18:90] 0:1:2:3 [0:1]\ntree_sizes=1 2 3\n\n"
		. "${trees}end of trees\n\nfeature_importances:\nplan=1\n\nparameters:\n[boosting: gbdt]\nend of parameters\n\n"
		. "pandas_categorical:null\n";
}

sub import_text
{
	my ($name, $text, $more) = @_;
	my $hex = unpack('H*', $text);

	return "SELECT engage_import('$name', '\\x$hex'" . ($more // '') . ')';
}

my $plans = ', categories => \'{"plan": ["basic", "free", "gold", "team"]}\'';

is($pg->query(import_text('reg', model(), $plans)), '1.0.0', 'LightGBM: a model is imported');
is($pg->query("SELECT task, algorithm FROM engage.models WHERE model = 'reg'"), 'regression|xgboost', 'it has a task');

# age, plan, spend, sum of the trees; 0.25 is the last tree's
my @rows = (
	[ 20, 'free', 0.05, 0.5 + 0.125 + 0.0625 + 0.25, 'in the set' ],
	[ 20, 'team', 5, 0.5 - 0.5 + 0.0625 + 0.25, 'in the set, above a threshold' ],
	[ 30.5, 'basic', 0, -0.25 + 0.125 + 0.0625 + 0.25, 'on a threshold: left' ],
	[ 30.51, 'gold', 0, 1 + 0.125 + 0.0625 + 0.25, 'beyond it: right' ],
	[ 'NULL', 'gold', 0, -0.25 + 0.125 + 0.0625 + 0.25, 'a missing number goes its own way' ],
	[ 99, 'NULL', 0, 1 + 0.125 + 0.0625 + 0.25, 'a missing category is in no set' ],
	[ 99, 'silver', 0, 1 + 0.125 + 0.0625 + 0.25, 'nor is one never seen' ],
	[ 20, 'free', 'NULL', 0.5 + 0.125 + 0.0625 + 0.25, 'missing where none was missing: as 0' ],
	[ 20, 'free', -1, 0.5 + 0.125 + 2 + 0.25, 'a negative threshold' ],
);
foreach my $r (@rows)
{
	my ($age, $plan, $spend, $sum, $what) = @$r;
	my $quoted = $plan eq 'NULL' ? 'NULL' : "'$plan'";
	my $row = "(SELECT r FROM (SELECT $spend\::float8 AS spend, $quoted\::text AS plan, $age\::numeric AS age) r)";

	is($pg->query("SELECT engage_predict('reg', $row)"), $sum, "LightGBM: $what");
}

# single precision next to 0.1: the float below it is left, the float above it right
is($pg->query("SELECT engage_predict('reg', r) FROM (SELECT 20 AS age, 'free' AS plan, x AS spend"
		. " FROM unnest('{0.0999999940,0.1}'::float4[]) x) r"), "0.9375\n0.3125", 'LightGBM: a threshold between two floats');

# the same trees by other objectives
my $row = "(SELECT r FROM (SELECT 20 AS age, 'team' AS plan, 5 AS spend) r)";
my $sum = 0.5 - 0.5 + 0.0625 + 0.25;
sub close_to
{
	my ($name, $expected, $what) = @_;

	is($pg->query("SELECT abs(engage_predict('$name', $row) - $expected) < 1e-7"), 't', $what);
}
$pg->query(import_text('bin', model(objective => 'binary sigmoid:1'), "$plans, labels => '{no,yes}'"));
close_to('bin', 1 / (1 + exp(-$sum)), 'LightGBM: binary');
is($pg->query("SELECT engage_predict_class('bin', $row)"), 'yes', 'LightGBM: its class');
$pg->query(import_text('bin2', model(objective => 'binary sigmoid:2'), $plans));
close_to('bin2', 1 / (1 + exp(-2 * $sum)), 'LightGBM: sigmoid:2');
$pg->query(import_text('poi', model(objective => 'poisson'), $plans));
close_to('poi', exp($sum), 'LightGBM: poisson');
$pg->query(import_text('avg', model(more => "average_output\n"), $plans));
close_to('avg', $sum / 4, 'LightGBM: a random forest is an average');
$pg->query(import_text('rank', model(objective => 'lambdarank'), $plans));
is($pg->query("SELECT task, engage_predict('rank', $row) FROM engage.models WHERE model = 'rank'"), 'ranking|0.3125',
	'LightGBM: ranking');
$pg->query(import_text('codes', model()));
is($pg->query("SELECT engage_predict('codes', r) FROM (SELECT 20 AS age, 3 AS plan, 5 AS spend) r"), '0.3125',
	'LightGBM: category codes in a column of numbers');
my $multi = model(objective => 'multiclass num_class:2', classes => 2);
$pg->query(import_text('multi', $multi, "$plans, labels => '{a,b}'"));
my ($a, $b) = (0.5 + 0.0625, -0.5 + 0.25);
is($pg->query("SELECT abs((engage_predict_proba('multi', $row)->>'a')::float8 - "
		. exp($a) / (exp($a) + exp($b)) . ') < 1e-7'), 't', 'LightGBM: several classes, trees by turns');
my $ova = model(objective => 'multiclassova num_class:2 sigmoid:1', classes => 2);
$pg->query(import_text('ova', $ova, $plans));
is($pg->query("SELECT abs((engage_predict_proba('ova', $row)->>'1')::float8 - " . 1 / (1 + exp(-$b)) . ') < 1e-7'),
	't', 'LightGBM: one class against the rest');
is($pg->query(import_text('reg', model() =~ s/\n/\r\n/gr, $plans)), '1.0.1', 'LightGBM: lines that end as on Windows');

# what is wrong, and what is not supported
sub refused
{
	my ($text, $state, $message, $what) = @_;

	like($pg->error(import_text('no', $text, $plans)), qr/ERROR:\s+$state: .*$message/, "refused: $what");
}
refused(model(objective => 'custom_one'), '0A000', '"custom_one" is not supported', 'unknown objective');
refused(model() =~ s/is_linear=0/is_linear=1/r, '0A000', 'linear trees', 'linear trees');
refused(model() =~ s/decision_type=8/decision_type=4/r, '0A000', 'zero_as_missing', 'zeros as missing');
refused(model(trees => $tree0) =~ s/end of trees.*//sr, 'XX001', '1 of 3 trees, and no line "end of trees"', 'no end');

# files of version 2 have no such line: the header's list of sizes says whether they are whole
sub version2
{
	my ($sizes, @trees) = @_;
	my $text = model(trees => join('', @trees)) =~ s/end of trees\n//r;

	return $text =~ s/version=v4/version=v2/r =~ s/tree_sizes=1 2 3/tree_sizes=$sizes/r =~ s/feature_importances/feature importances/r;
}
my $sizes = join(' ', map { length } $tree0, $tree1, $tree2, $tree3);
is($pg->query(import_text('old', version2($sizes, $tree0, $tree1, $tree2, $tree3), $plans)), '1.0.0', 'LightGBM: a file of version 2 is read');
is($pg->query("SELECT engage_predict('old', r) FROM (SELECT 20 AS age, 'team' AS plan, 5 AS spend) r"), 0.5 - 0.5 + 0.0625 + 0.25,
	'LightGBM: and scored');
refused(version2($sizes, $tree0, $tree1, $tree2), 'XX001', '3 of 4 trees', 'a file of version 2 without its last tree');
refused(version2($sizes, $tree0, $tree1, $tree2, $tree3) =~ s/is_linear=0\n\n\nfeature imp.*//sr, 'XX001', '4 of 4 trees|missing',
	'a file of version 2 that ends in its last tree');
refused(version2('12 x', $tree0, $tree1), 'XX001', 'no list of sizes', 'sizes that are none');
refused(version2($sizes, $tree0, $tree1, $tree2, $tree3) =~ s/tree_sizes=[^\n]*\n//r, 'XX001', '"end of trees" is missing', 'neither sizes nor an end');
like($pg->error(import_text('few', model(), ', categories => \'{"plan": ["basic", "free", "gold"]}\'')),
	qr/column "plan" of the imported model has 3 categories, but its splits know 4 codes/, 'fewer categories than the splits know');
refused(model() =~ s/left_child=-1 -2/left_child=-1 -1/r, 'XX001', 'LightGBM model', 'a leaf twice');
refused(model() =~ s/left_child=-1 -2/left_child=0 -2/r, 'XX001', 'LightGBM model', 'a cycle');
refused(model() =~ s/right_child=1 -3/right_child=7 -3/r, 'XX001', 'children', 'a child that is not there');
refused(model() =~ s/split_feature=1 0/split_feature=1 3/r, 'XX001', 'feature 3 of 3', 'a feature that is not there');
refused(model() =~ s/threshold=0 30.5/threshold=1 30.5/r, 'XX001', 'category set 1 of 1', 'a set that is not there');
refused(model() =~ s/cat_boundaries=0 1/cat_boundaries=0 9/r, 'XX001', 'cat_threshold', 'sets beyond the words');
refused(model() =~ s/num_leaves=3/num_leaves=300000000/r, 'XX001', 'leaf_value', 'more leaves than bytes');
refused(model() =~ s/leaf_value=2 /leaf_value=inf /r, 'XX001', 'finite', 'an infinite leaf');
refused(model() =~ s/leaf_value=2 /leaf_value=zwei /r, 'XX001', 'leaf_value', 'a leaf that is no number');
refused(model() =~ s/max_feature_idx=2/max_feature_idx=3/r, 'XX001', 'feature_names', 'too few names');
refused(model() =~ s/feature_names=age/feature_names=\xff\xfe/r, 'XX001', 'UTF-8', 'names in no encoding');
refused(model() =~ s/num_tree_per_iteration=1/num_tree_per_iteration=0/r, 'XX001', 'num_tree_per_iteration', 'no outputs');
refused(model() . "\0", 'XX001', 'no text', 'a zero byte');
like($pg->error(import_text('no', model(), ', categories => \'{"plan": ["b", "a"]}\'')), qr/0A000: .*ascending/,
	'refused: categories out of order');
like($pg->error(import_text('no', model(), ', categories => \'{"plans": ["a"]}\'')), qr/42703/, 'refused: categories of no column');
like($pg->error(import_text('no', model(), ", features => '{a,b}'")), qr/22023: features has 2 names.*3 features/,
	'refused: too few names');
like($pg->error(import_text('no', model(), ", features => '{a,b,a}'")), qr/42701: /, 'refused: a name twice');
like($pg->error(import_text('bin', model(objective => 'binary'), "$plans, labels => '{a,b,c}'")), qr/22023: labels has 3 elements/,
	'refused: too many labels');
is($pg->query("SELECT count(*) FROM engage.models WHERE model = 'no'"), '0', 'and nothing of them is left');

# ---------------------------------------------------------------------------
# XGBoost
# ---------------------------------------------------------------------------

SKIP:
{
	skip 'python3-xgboost is not installed' if system("$EngageGolden::python -c 'import numpy, xgboost' 2>/dev/null") != 0;
	EngageGolden::run($pg, 'xgboost_import.py');
}
done_testing;
