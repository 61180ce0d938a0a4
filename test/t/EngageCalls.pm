package EngageCalls;

# EngageCalls.pm - how to call each function of engage so that it does its work on the objects of EngageGate.pm
#
# The list of functions comes from the catalog, the calls from the tables below; a function without a line is a
# failure of the test (missing()).  A line is
#
#	name[~signature] [flags] | call
#
# where name is that of public.engage_NAME and of engage.NAME, which is the same function for SQL that engage
# itself writes; signature is a regular expression over the argument types, where overloads are called
# differently; F stands for the function's qualified name.  A call without F is a statement of its own.
# In braces, each that fits makes a call:
#
#	{any}		every model			{bin}		models of two classes, by every author
#	{line}		linear ones of these		{watched}	those with a monitor
#	{policy}	policies, by every author	{keyed}		outcomes of the caller's
#	{speed}		velocity trackers		{R}		the calling role
#	{src}		a source of the caller's	{input}		a row, as jsonb, json, text or record, as the signature says
#
# Flags: run (the answer is SQL, which is run, too), alone (in no transaction block), fails (may fail as superuser,
# too).

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT = qw(catalog missing expand);

my $customers = 'public.customers';
my $model = "(SELECT model FROM author.fitted)";
my %each = (
	any => [ map({ my $p = $_; map { "${p}_$_" } qw(query table view) } qw(a b c)),
		map { "a_$_" } qw(kmeans curve hdbscan anomaly spend quantile set remember ensemble tuned) ],
	bin => [qw(a_query a_view b_query c_query)],
	line => [qw(a_view b_view c_view)],
	watched => [qw(a_query a_view b_query b_view c_query c_view)],
	policy => [qw(a_policy b_policy c_policy)],
	speed => [qw(a_speed b_speed c_speed)]);

my $row = '{"id":1,"tenure":5,"spend":20,"plan":"pro","since":"2024-01-02","churned":true,"nick":"x","pair":{"a":"x","b":1}}';
my $record = "(SELECT r FROM (SELECT c.*, ROW('x')::{R}.label AS nick, 'x'::pg_catalog.text AS pair FROM $customers c WHERE c.id OPERATOR(pg_catalog.=) 1) r)";
my $quick = q(key => 'id', features => '{tenure,spend}', algorithm => 'logistic_regression');
my $search = q('churned', key => 'id', features => '{tenure,spend}', algorithms => '{logistic_regression}', trials => 1, folds => 2);
my $policy = q('{"layers": [{"name": "r", "rules": [{"name": "x", "when": "id > 0"}]}]}');

# Functions of their arguments alone, which are called with simple ones.
my %pure = (
	'states of aggregates: bytes and numbers' => [qw(adjusted_rand_accum adjusted_rand_final auc_final average_precision_final brier_accum
		calinski_harabasz_accum calinski_harabasz_final chi2_final chi2_final_text chi2_p_final chi2_p_final_text clustering_accum clustering_combine
		counts_accum davies_bouldin_final drift_accum drift_accum_edges drift_accum_text drift_combine drift_combine_text ece_accum ece_final equal_accum
		f1_final fit_accum fit_combine fit_final gini_final groups_combine hit_rate_at_final js_final js_final_text kl_final kl_final_text kmeans_accum
		kmeans_combine kmeans_final ks2_final ks2_p_final ks_final logloss_accum mae_accum map_at_final mape_accum mcc_final mean_final ndcg_at_final
		pinball_accum precision_at_final precision_final psi_final psi_final_text r2_accum r2_combine r2_final ranked_accum recall_at_final recall_final
		rmse_accum root_mean_final scores_accum scores_combine silhouette_accum silhouette_final sums_combine velocities_accum velocities_final
		velocity_accum velocity_combine velocity_final velocity_join wasserstein_final zscore_accum zscore_final)],
	'aggregates over values' => [qw(accuracy adjusted_rand auc average_precision brier calinski_harabasz chi2 chi2_p davies_bouldin ece f1 fit gini
		hit_rate_at js kl kmeans ks ks_p ks_separation logloss mae map_at mape mcc ndcg_at pinball precision precision_at psi r2 recall recall_at rmse
		silhouette velocities velocity wasserstein zscore)],
	'arithmetic, lists and pictures of what is given' => [qw(algorithms anomaly_band distance draw experiment_sample_size haversine impossible_travel
		metric_kinds nearest parameters plot_options sample_customers sample_events sample_random speed version)]);
# Not called: the server calls them (predict on a table's row, an insert into a tracked table).
my %by_server = map { $_ => 1 } qw(predict_support velocity_feed);

my $lines = <<'END';
acknowledge | F((SELECT pg_catalog.min(id) FROM engage.alerts), 'seen')
admit_role | F('grantee')
anomaly_histogram | F('a_anomaly', {src})
baseline | F('{any}')
calibration | F('{bin}', {src})
check | F()
check~^text | F('{watched}')
cluster_curve | F('a_curve')
coefficients~^text | F('{line}')
coefficients~^text | F('a_spend')
coefficients~^bytea | F({model})
components | F('a_kmeans')
condensed_tree | F('a_hdbscan')
confusion | F('{bin}', {src})
contributions | F('{bin}', {src}, sample => 10)
counterfactual~^text, \w+, text, | F('{bin}', {input}, 'false', max_evaluations => 100)
counterfactual~^text, \w+, double | F('a_spend', {input}, 50::pg_catalog.float8, max_evaluations => 100)
create_view | F('{R}.made', '{bin}', {src}, 'id')
cross_validate | F({src}, 'churned', folds => 2, {quick})
decide | F('{policy}', {input})
dependence | F('{bin}', {src}, 'tenure', sample => 10, grid => 3)
deploy | F('{any}', '1.0.0')
describe | F('{any}')
drift | F('{any}', {src}, multivariate => false)
drift | F('a_query', {src})
drop~^text$ | F('{any}')
drop~^text, text | F('b_query', '1.0.1')
erase | F('1')
erase | F('1', 'a_query')
evaluate | F('{bin}', {src})
experiment_arm | F('a_trial', '1')
experiment_finish | F('a_trial')
experiment_results | F('a_trial', {keyed})
experiment_start | F('second', 'b_query', ARRAY['1.0.0', '1.0.1'], key => 'id')
explain | F('{bin}', {input})
explain_groups | F('{bin}', {src}, 'plan')
explain_json | F('{bin}', {input})
export | F('a_query')
export | F('{bin}', 'engage')
forget_checks | F('{watched}', '1 year')
forget_trials | F('a_tuned')
grant | F('{any}', 'stranger')
held_out | F('{any}', {input})
import | F('imported', (SELECT theirs FROM public.exported), categories => '{"plan": ["basic", "gold", "pro"]}')
import | F('imported', (SELECT ours FROM public.exported))
importance | F('{bin}')
importance fails | F('{any}')
importance | F('{bin}', {src}, repeats => 1)
interactions | F('a_query', {input})
jobs | F()
label_segment | F('a_kmeans', 1, 'named')
learning_curve | F('a_query')
lift | F('{bin}', {src})
loadings_text | F('a_kmeans', 1)
log_predictions | F('{bin}', {src}, 'id')
log_retention | F('1 year')
log_retention | F('0', 'a_query')
model_version | F('{any}')
monitor | F('{bin}', {src}, outcomes => {src})
performance | F('a_query', {keyed})
plot_anomaly | F('a_anomaly', {src})
plot_calibration | F('{bin}', {src})
plot_condensed_tree | F('a_hdbscan')
plot_confusion | F('{bin}', {src})
plot_dependence | F('{bin}', {src}, 'tenure', sample => 10, grid => 3)
plot_drift | F('{bin}', {src}, multivariate => false)
plot_elbow | F('a_curve')
plot_experiment | F('a_trial', {keyed})
plot_fit | F('a_spend', {src})
plot_force | F('{bin}', {input})
plot_importance | F('{bin}')
plot_importance fails | F('{any}')
plot_learning | F('a_query')
plot_lift | F('{bin}', {src})
plot_performance | F('a_query', {keyed})
plot_pr | F('{bin}', {src})
plot_roc | F('{bin}', {src})
plot_scores | F('{bin}', {src})
plot_segments | F('a_kmeans', {src}, sample => 50)
plot_shap | F('{bin}', {src}, sample => 10)
plot_silhouette | F('a_kmeans', {src}, sample => 50)
plot_tuning | F('a_tuned')
plot_waterfall | F('{bin}', {input})
plays | F('owner')
key_text | F(1.00::pg_catalog.numeric)
policy | F('{policy}', {policy_text})
policy | F('new', {policy_text}, source => {src})
policy_deploy | F('{policy}', 1)
policy_drop~^text$ | F('{policy}')
policy_drop~integer fails | F('a_policy', 1)
policy_grant | F('{policy}', 'stranger')
policy_revoke | F('{policy}', 'grantee')
policy_rollback fails | F('{policy}')
policy_set_owner | F('{policy}', 'grantee')
pr_curve | F('{bin}', {src})
predict~^text | F('{bin}', {input})
predict~^bytea | F({model}, {input})
predict~^text, record | SELECT F('{bin}', c) FROM public.customers c WHERE c.id OPERATOR(pg_catalog.<) 3
predict_class~^text | F('{bin}', {input})
predict_class~^bytea | F({model}, {input})
predict_class~^text, record | SELECT F('{bin}', c) FROM public.customers c WHERE c.id OPERATOR(pg_catalog.<) 3
predict_columns | F('{bin}', {columns})
predict_class_columns | F('{bin}', {columns})
predict_interval | F('a_spend', {input})
predict_interval_columns | F('a_spend', {columns})
predict_logged | F('a_query', {input}, 'id')
predict_proba~^text | F('{bin}', {input})
predict_proba~^bytea | F({model}, {input})
predict_proba_columns | F('{bin}', {columns})
predict_quantiles | F('a_quantile', {input})
predict_quantiles_columns | F('a_quantile', {columns})
predict_set | F('a_set', {input})
predict_set_columns | F('a_set', {columns})
profile | F('a_kmeans', {src})
projection | F('a_kmeans', {src}, sample => 50)
prometheus | F()
rename | F('{any}', 'renamed')
report | F('{any}')
report | F('{bin}', {src})
residuals | F('a_spend', {src})
retrain | F('{any}')
retrain | F('a_query@1.0.0', deploy => 'never')
retrain_if | F('{any}')
retrain_if | F('{any}', drift => NULL, age => '0')
retrain_if | F('{any}', drift => NULL, "rows" => 1)
retrain_if | F('{bin}', source => {src})
revoke | F('{any}', 'grantee')
roc | F('{bin}', {src})
role_missing | F('owner')
role_renamed | F('owner')
rollback fails | F('{any}')
schedule fails | F('{any}', '* * * * *')
schedule_sql run | F('{watched}')
schedule_sql run | F('{any}', 'retrain')
schedule_sql run | F('{any}', 'retrain_if', '{"age": "0 days"}')
schedule_sql run | F(NULL)
score_histogram | F('{bin}', {src})
scoring | F()
seen | F('recipe', '{"source": "x"}', false)
segment | F('a_kmeans', {input})
segment_migration | F('a_kmeans', {src}, {src}, 'id')
segment_stability | F('a_kmeans', {src}, rounds => 2)
segments | F('a_kmeans', {src}, 'id')
set_author fails | F('{any}')
set_owner | F('{any}', 'grantee')
set_threshold | F('a_anomaly', 0.6)
set_wording | F('{bin}', '{"none": "nothing"}')
silhouettes | F('a_kmeans', {src}, sample => 50)
threshold | F('{bin}', {src})
train | F('new', {src}, 'churned', {quick})
train | F('a_query', {src}, 'churned', {quick}, deploy => 'always')
tune | F('new', {src}, {search})
tune_commit alone | CALL F('new of {R}', {src}, {search})
unmonitor | F('{watched}')
unschedule fails | F('{any}')
update | F('a_view', {src})
velocity_feed | INSERT INTO author.events VALUES (1, '2024-01-01 01:00', 1)
velocity_feed | INSERT INTO owner.events VALUES (1, '2024-01-01 01:00', 1)
velocity_feed | INSERT INTO dba.events VALUES (1, '2024-01-01 01:00', 1)
velocity_state~^text, text | F('{speed}', '1'::pg_catalog.text)
velocity_state~anyelement | F('{speed}', 1)
velocity_track | F('new', '{R}.events', 'card', 'at', 'amount')
velocity_untrack | F('{speed}')
velocity_with~^text, text | F('{speed}', '1'::pg_catalog.text, '2024-01-01 02:00', 5)
velocity_with~anyelement | F('{speed}', 1, '2024-01-01 02:00', 5)
verify | F('{any}')
what_if | F('{bin}', {input}, '{"tenure": 5}')
why | F('{bin}', {input})
why_reasons | F('{bin}', {input})
wording | F('{any}')
END

my @views = qw(alerts check_results events experiments metrics models monitors policies policy_events policy_versions predictions schedules
	segment_names trials velocity_trackers versions orphan orphans role_use version_author);

# A value for each type, for functions of their arguments alone.
my %simple = ('double precision' => '0.5', integer => '1', bigint => '1', boolean => 'true', text => "'a'", bytea => "''", 'double precision[]' => "'{0.5,1}'",
	'interval' => "'1 day'", 'interval[]' => "'{1 day}'", 'timestamp with time zone' => "'2024-01-01'", jsonb => "'{}'", 'text[]' => "'{a}'", '"any"' => '1');

# ----------
# The catalog
# ----------

# Functions and views of the extension: {name, schema, signature, kind}, kind v for views.
sub catalog
{
	my ($pg, %o) = @_;
	my $rows = $pg->query(<<'SQL', %o);
SELECT n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes), p.prokind, p.prorettype::regtype
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'engage'
UNION ALL
SELECT n.nspname, c.relname, '', 'v', 'record'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'engage' AND c.relkind = 'v'
ORDER BY 4, 1, 2, 3
SQL

	return map { my %f; @f{qw(schema proname signature kind returns)} = split /\|/; $f{name} = $f{proname} =~ s/^engage_//r; \%f } split /\n/, $rows;
}

my @places = qw(any bin line watched policy speed policy_text input model quick search columns src keyed R);
my @parsed;
my %reason;

sub parse
{
	return if @parsed;
	foreach my $line (split /\n/, $lines)
	{
		my ($name, $signature, $flags, $call) = $line =~ /^(\w+)(?:~(.*?))?((?: (?:run|alone|fails))*) \| (.*)$/ or die "unreadable line of calls: $line\n";
		push @parsed, { name => $name, signature => defined $signature ? qr/$signature/ : qr/^/, call => $call, map { $_ => 1 } split(' ', $flags) };
	}
	foreach my $why (keys %pure)
	{
		$reason{$_} = $why foreach @{ $pure{$why} };
	}
}

sub lines_of
{
	my ($f) = @_;

	parse();
	return grep { $_->{name} eq $f->{name} && $f->{signature} =~ $_->{signature} } @parsed;
}

sub is_pure
{
	my ($f) = @_;

	# engage_velocity and its like are names of aggregates and of nothing else
	return defined $reason{ $f->{name} } && $f->{kind} ne 'v';
}

# What is wrong with the tables: functions and views without a line, lines without a function.
sub missing
{
	my (@catalog) = @_;
	my @wrong;

	parse();
	foreach my $f (@catalog)
	{
		next if $f->{kind} eq 'v' ? grep { $_ eq $f->{name} } @views : is_pure($f) || $by_server{ $f->{name} } || lines_of($f);
		push @wrong, $f->{kind} eq 'v' ? "view $f->{schema}.$f->{proname} has no line: add it to the views of EngageCalls.pm" :
			"function $f->{schema}.$f->{proname}($f->{signature}) has no line: add to EngageCalls.pm how it is called on the objects of EngageGate.pm";
	}
	my %there = map { $_->{name} => 1 } @catalog;
	push @wrong, map { "there is no function $_ any more: take its line out of EngageCalls.pm" }
		sort grep { !$there{$_} } keys %{ { map { $_ => 1 } keys %reason, map { $_->{name} } @parsed } };
	foreach my $line (@parsed)
	{
		push @wrong, "no function $line->{name} has the signature of \"$line->{call}\""
			if $there{ $line->{name} } && !grep { $_->{name} eq $line->{name} && $_->{signature} =~ $line->{signature} } @catalog;
	}
	return @wrong;
}

# ----------
# Calls
# ----------

sub quote
{
	my ($s) = @_;

	return "'" . ($s =~ s/'/''/gr) . "'";
}

# The calls of a role for the functions of the catalog: {function, sql, and the flags}; source is what it gives.
sub expand
{
	my ($role, $source, @catalog) = @_;
	my @calls;

	foreach my $f (@catalog)
	{
		my $function = "$f->{schema}.$f->{proname}";

		if ($f->{kind} eq 'v')
		{
			push @calls, { function => $f, sql => "SELECT q::pg_catalog.text FROM $function q", query => "SELECT q::pg_catalog.text FROM $function q" };
			next;
		}
		if (is_pure($f))
		{
			my $call = "$function(" . join(', ', map { "$simple{$_}::" . ($_ eq '"any"' ? 'pg_catalog.int4' : 'pg_catalog.' . type_name($_)) } split /, /, $f->{signature}) . ')';
			push @calls, { function => $f, sql => "SELECT $call", query => "SELECT $call", fails => 1, pure => 1 };
			next;
		}
		my $input = $f->{signature} =~ /^(text|bytea), (text|json)\b(?!\[)/ ? quote($row) . "::pg_catalog.$2" : $f->{signature} =~ /jsonb/ && $f->{signature} !~ /record/ ? quote($row) . '::pg_catalog.jsonb' :
			$f->{signature} =~ /record/ ? $record : "'{1,2}'::pg_catalog.float8[]";
		foreach my $line (lines_of($f))
		{
			my %all = (F => [$function], R => [$role], src => [ quote($source) ],
				keyed => [ quote($source =~ s/\*/id::pg_catalog.text AS key, churned AS outcome/r) ], input => [$input], model => [$model], quick => [$quick], search => [$search],
				policy_text => [$policy], columns => [ "'{id,tenure,spend,plan}'::pg_catalog.text[], 1::pg_catalog.oid, 1, 5, 20.5::pg_catalog.float8, 'pro'::pg_catalog.text" ], %each);
			my @sql = ($line->{call});

			# arguments may hold others in turn
			foreach my $what (@places)
			{
				my $place = qr/\{$what\}/;

				@sql = map { my $sql = $_; $sql =~ $place ? map { $sql =~ s/$place/$_/gr } @{ $all{$what} } : $sql } @sql;
			}
			foreach my $sql (@sql)
			{
				my $bare = $sql =~ /^(SELECT|INSERT|CALL) / ? $sql : "SELECT $sql";

				push @calls, { %$line, function => $f, sql => $bare =~ s/\bF\(/$function(/gr };
				$calls[-1]{query} = $calls[-1]{sql} if $bare =~ /^SELECT /;
			}
		}
	}
	return @calls;
}

sub type_name
{
	my ($type) = @_;
	my %short = ('double precision' => 'float8', 'integer' => 'int4', 'bigint' => 'int8', 'boolean' => 'bool', 'timestamp with time zone' => 'timestamptz');
	my ($base, $array) = $type =~ /^(.*?)(\[\])?$/;

	return ($short{$base} // $base) . ($array // '');
}

1;
