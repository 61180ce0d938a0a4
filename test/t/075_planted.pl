# Functions, operators and types that others plant beside engage's, in the schema that it is installed in: nothing of engage
# calls them, and nothing of engage becomes ambiguous.
#
# A trap is planted for every function of the extension, found in the catalog, in every shape that the parser may prefer.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
my $quiet = 'SET engage.progress = off; SET client_min_messages = error;';

$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE boss LOGIN SUPERUSER;
CREATE ROLE mallory LOGIN;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, (ARRAY['x', 'y', 'z'])[1 + g % 3] AS c,
	round((sin(g) * 100)::numeric, 3)::float8 AS d, now() AS at
FROM generate_series(1, 1500) g;
ALTER TABLE rows DROP at, ADD PRIMARY KEY (id);
ALTER TABLE rows OWNER TO alice;
GRANT SELECT ON rows TO PUBLIC;
CREATE SCHEMA alice AUTHORIZATION alice;
SQL

my %models = (two => "target => 'y'", three => "target => 'c'", amount => "target => 'd', algorithm => 'linear_regression'",
	quarter => "target => 'd', task => 'quantile'", groups => "algorithm => 'kmeans', params => '{\"n_clusters\": 3}'",
	odd => "algorithm => 'isolation_forest', params => '{\"n_estimators\": 20}'");
foreach my $model (sort keys %models)
{
	my $params = $models{$model} =~ /algorithm/ ? '' : ", params => '{\"n_estimators\": 5}'";

	$pg->query("$quiet SELECT FROM engage_train('$model', 'rows', key => 'id', $models{$model}$params)", user => 'alice');
}
$pg->query("$quiet SELECT engage_grant(model, 'public') FROM engage.models", user => 'alice');
$pg->query("$quiet SELECT engage_log_predictions('two', 'rows', 'id');
	SELECT engage_monitor('two', 'rows', outcomes => 'rows', thresholds => '{\"age\": 0, \"drift\": 0.2, \"prediction_mean\": 0.5, \"auc\": 0.5}', policy => 'retrain')", user => 'alice');

$pg->query("CREATE TABLE alice.events AS SELECT id % 50 AS id, timestamptz '2026-01-01' + id * interval '1 minute' AS at FROM rows; ALTER TABLE alice.events OWNER TO alice");

$pg->query("$quiet SELECT FROM engage_train('pair', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\": 5}');
	SELECT FROM engage_train('pair', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\": 8}', deploy => 'never');
	SELECT FROM engage_train('sums', 'rows', target => 'd', key => 'id', params => '{\"n_estimators\": 5}');
	SELECT FROM engage_train('sums', 'rows', target => 'd', key => 'id', params => '{\"n_estimators\": 8}', deploy => 'never');
	SELECT engage_experiment_start(m || ' test', m, ARRAY['1.0.0', '1.1.0'], key => 'id') FROM unnest('{pair,sums}'::text[]) m;
	SELECT engage_log_predictions(m, 'rows', 'id') FROM unnest('{pair,sums}'::text[]) m", user => 'alice');

# ---- what users call, bound while nobody had planted anything: their own calls are their own affair
$pg->query(<<'SQL');
CREATE SCHEMA bound;
GRANT USAGE ON SCHEMA bound TO PUBLIC;
CREATE FUNCTION bound.report(m text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT engage_report(m || '@1.0.0', options => '{"examples": 2}'); END;
CREATE FUNCTION bound.report_of(m text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT engage_report(m || '@1.0.0', 'public.rows', options => '{"examples": 2}'); END;
CREATE FUNCTION bound.check_all() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT concat_ws('|', model, check_name, status, action) FROM engage_check(); END;
CREATE FUNCTION bound.check_one(m text) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT concat_ws('|', check_name, status) FROM engage_check(m); END;
CREATE FUNCTION bound.command(m text, action text, arguments jsonb) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT engage_schedule_sql(m, action, arguments); END;
CREATE FUNCTION bound.tune(m text, OUT answer text) LANGUAGE sql BEGIN ATOMIC
	SELECT concat_ws('|', t.model, t.version, t.algorithm) FROM engage_tune(m, 'public.rows', target => 'y', key => 'id', trials => 2, folds => 2, algorithms => '{decision_tree}') t;
END;
CREATE FUNCTION bound.view_of(m text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT engage_create_view('view_of_' || m, m, 'public.rows'); END;
CREATE FUNCTION bound.retrain_if(m text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT retrained || ' ' || reason FROM engage_retrain_if(m, rows => 1000000); END;
CREATE FUNCTION bound.performance(m text) RETURNS text LANGUAGE sql BEGIN ATOMIC
	SELECT string_agg(p::text, ' ') FROM engage_performance(m, 'SELECT id AS key, y AS outcome, 1 AS weight FROM public.rows', intervals => NULL) p;
END;
CREATE FUNCTION bound.arms(n text, outcome text, measures text[]) RETURNS text LANGUAGE sql BEGIN ATOMIC
	SELECT string_agg(r::text, ' ' ORDER BY v.measure, r.arm) FROM unnest(measures) v (measure), LATERAL engage_experiment_results(n, format('SELECT id AS key, %s AS outcome FROM public.rows', outcome), measure => v.measure) r;
END;
CREATE FUNCTION bound.track(n text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT engage_velocity_track(n, 'alice.events', 'id', 'at'); END;
SQL

sub reports
{
	my %pages;

	foreach my $user (qw(boss alice))
	{
		foreach my $model (sort keys %models)
		{
			$pages{"$user, $model"} = $pg->query("$quiet SELECT bound.report('$model'), bound.report_of('$model')", user => $user);
		}
		$pages{"$user, outcomes"} = $pg->query("SELECT bound.performance('pair'), bound.arms('pair test', 'y', '{outcome,loss}'), bound.arms('sums test', 'd', '{outcome,loss}')",
			user => $user);
	}
	return \%pages;
}
my $before = reports();

# ---- traps
# A trap says who ran it, unless that is mallory, whose own it is.
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION public.trap_of_mallory(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'mallory' THEN RAISE EXCEPTION 'TRAP % as %', what, current_user; END IF;
	RETURN NULL;
END $$;

DO $$
DECLARE
	f record;
	arguments text;
	n int := 0;
	first int;
	types text[];
BEGIN
	FOR f IN SELECT p.oid, p.proname, p.pronargs, p.pronargdefaults,
			ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u (t, i) ORDER BY i) AS types
		FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		WHERE p.prokind IN ('f', 'p') AND p.pronamespace = 'public'::regnamespace
		ORDER BY p.oid
	LOOP
		types := f.types;
		first := f.pronargs - f.pronargdefaults;
		FOREACH arguments IN ARRAY ARRAY[
			'model text, age text DEFAULT NULL, deploy text DEFAULT NULL',
			-- what it has, and one more that nobody need give
			array_to_string(types || 'integer DEFAULT 0'::text, ', '),
			-- without the arguments that have defaults
			array_to_string(types[1:first], ', '),
			-- each number of texts, which untyped literals fit
			array_to_string(array_fill('text'::text, ARRAY[greatest(f.pronargs, 1)]), ', '),
			'text', 'text, text', 'text, text, text',
			-- a row of the very type
			array_to_string(array_replace(types, 'record', 'public.rows'), ', '),
			array_to_string(array_replace(types[1:first], 'record', 'public.rows'), ', '),
			'text, public.rows', 'text, anyelement', 'anyelement',
			'VARIADIC text[]', 'text, VARIADIC text[]',
			'', 'integer DEFAULT 1']
		LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS text LANGUAGE plpgsql AS %L', f.proname, arguments,
					format('BEGIN RETURN public.trap_of_mallory(%L); END', f.proname || '(' || arguments || ')'));
				n := n + 1;
			EXCEPTION WHEN duplicate_function OR invalid_function_definition OR feature_not_supported THEN NULL;
			END;
		END LOOP;
	END LOOP;
	RAISE NOTICE '% traps', n;
END $$;

-- operators that fit better than those of pg_catalog, and the same
DO $$
DECLARE
	o text[];
	n int := 0;
BEGIN
	FOREACH o SLICE 1 IN ARRAY ARRAY[['*', 'int4', 'float8'], ['>', 'float8', 'int4'], ['<=', 'int4', 'int8'], ['||', 'text', 'text'],
		['=', 'text', 'text'], ['->', 'jsonb', 'text'], ['<', 'interval', 'interval'], ['-', 'timestamptz', 'timestamptz'],
		['<=', 'float8', 'float8'], ['>', 'float8', 'float8'], ['=', 'int4', 'int4'], ['*', 'float8', 'float8']]
	LOOP
		n := n + 1;
		EXECUTE format('CREATE FUNCTION public.trap_operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', n, o[2], o[3],
			CASE WHEN o[1] IN ('*', '||', '->', '-') THEN 'text' ELSE 'boolean' END,
			format('BEGIN PERFORM public.trap_of_mallory(%L); RETURN NULL; END', array_to_string(o, ' ')));
		EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.trap_operator_%s)', o[1], o[2], o[3], n);
	END LOOP;
END $$;
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.trap_of_mallory('domain text') IS NULL);
CREATE DOMAIN public.jsonb AS pg_catalog.jsonb CHECK (public.trap_of_mallory('domain jsonb') IS NULL);
SQL
my $traps = $pg->query("SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%trap_of_mallory%'");
cmp_ok($traps, '>', 500, "$traps traps");
like($pg->error("SELECT engage_retrain_if('two', age => '30 days')"), qr/TRAP|42725/, 'the traps work: they catch who calls by name');
like($pg->error('SELECT * FROM engage_check()'), qr/TRAP|42725|42703/, 'without arguments, too');

# ---- the same pages, whatever stands beside the functions that they are made of
my $after = reports();
is_deeply([ grep { $before->{$_} ne $after->{$_} } sort keys %$before ], [], 'reports of all tasks, performance and experiments are the same as before, as superuser and as owner');

foreach my $user (qw(boss alice))
{
	foreach my $path ('"$user", public', 'public, pg_catalog')
	{
		my $as = "as $user under $path";
		my $sql = "$quiet SET search_path = $path;";

		like($pg->query("$sql SELECT bound.report('two')", user => $user), qr/<html/, "report $as");
		$pg->query('UPDATE engage.monitor SET acted = NULL');	# it need not rest
		like($pg->query("$sql SELECT * FROM bound.check_all()", user => $user), qr/^two\|age\|alert\|retrained as 1\.0\.\d+: not deployed$/m, "check with the policy retrain $as");
		like($pg->query("$sql SELECT * FROM bound.check_one('two')", user => $user), qr/^auc\.down\|ok$/m, "check of one model $as");
		like($pg->query("$sql SELECT bound.retrain_if('two')", user => $user), qr/^false the source has/, "retrain_if $as");
		like($pg->query("$sql SELECT bound.tune('tuned by $user' OPERATOR(pg_catalog.||) pg_catalog.length('$path')::pg_catalog.text)", user => $user), qr/\|1\.0\.0\|decision_tree/, "tune $as");
	}
}
foreach my $model (sort keys %models)
{
	my $view = $pg->query("SELECT bound.view_of('$model')", user => 'boss');

	is($pg->query("$quiet SELECT count(*), count(version) FROM public.view_of_$model"), '1500|1500', "view of $model");
	unlike($pg->query("SELECT pg_get_viewdef('view_of_$model'::regclass)"), qr/engage_/, 'calls twins only');
}

# ---- commands for a scheduler: made, and run, as they stand
my @actions = ([ 'two', 'check', '{}' ], [ undef, 'check', '{}' ], [ 'two', 'retrain', '{"deploy": "never", "seed": 3}' ],
	[ 'two', 'retrain_if', '{"age": "30 days"}' ], [ 'two', 'retrain_if', '{"age": "30 days", "rows": 100000, "drift": 1e6, "source": "public.rows", "deploy": "never"}' ],
	[ 'two', 'log', '{"source": "public.rows", "key": "id", "at": "2026-01-01"}' ]);
foreach my $a (@actions)
{
	my ($model, $action, $arguments) = @$a;
	my $command = $pg->query('SELECT bound.command(' . (defined $model ? "'$model'" : 'NULL') . ", '$action', '$arguments')", user => 'alice');

	like($command, qr/^SELECT \* FROM engage\.\w+\(/, "command: $command");
	foreach my $user (qw(boss alice))
	{
		is($pg->error("$quiet $command", user => $user), undef, "runs as $user");
	}
}
like($pg->error("SELECT bound.command('two', 'retrain_if', '{\"days\": 30}')", user => 'alice'),
	qr/22023: action "retrain_if" has no argument "days".*HINT:  Its arguments are: drift, age, rows, source, deploy\./s, 'an argument that the action does not have');
like($pg->error("SELECT bound.command('two', 'check', '{\"model\": \"two\"}')", user => 'alice'), qr/22023: action "check" has no argument "model"/, 'nor the model twice');
like($pg->error("SELECT bound.command('two', 'log', '{\"source\": \"rows\"}')", user => 'alice'),
	qr/22023: action "log" needs the argument "key".*HINT:  Its arguments are: source, key, at\./s, 'one that it needs');
is($pg->query("SELECT bound.track('t')", user => 'alice'), '50', 'a rollup is made');
is($pg->query("INSERT INTO alice.events VALUES (1, '2026-03-01'); SELECT tgfoid::regprocedure FROM pg_trigger WHERE tgname = 'engage_velocity_t'", user => 'alice'),
	'engage.velocity_feed()', 'and fed');

# ---- nobody can plant in schema engage
like($pg->error('CREATE FUNCTION engage.check(a int) RETURNS int LANGUAGE sql RETURN 1', user => 'mallory'), qr/42501/, 'schema engage is closed');

# ---- the catalog: twins are like what they stand for, and no name is left open
my $members = "pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'engage')";
is($pg->query("SELECT p.oid::regprocedure FROM $members WHERE p.prosrc = 'engage_twin' AND NOT EXISTS (SELECT FROM pg_proc q WHERE q.proname = 'engage_' || p.proname
	AND q.pronamespace = 'public'::regnamespace AND q.proargtypes = p.proargtypes AND q.prorettype = p.prorettype AND q.proretset = p.proretset
	AND q.provolatile = p.provolatile AND q.proisstrict = p.proisstrict AND q.proparallel = p.proparallel AND q.procost = p.procost AND q.prorows = p.prorows
	AND q.proargnames IS NOT DISTINCT FROM p.proargnames AND q.proargmodes IS NOT DISTINCT FROM p.proargmodes
	AND pg_get_function_arguments(q.oid) = pg_get_function_arguments(p.oid))"), '', 'twins are declared like their functions');
is($pg->query("SELECT p.oid::regprocedure FROM $members WHERE p.pronamespace = 'public'::regnamespace AND p.pronargs > 0 AND p.pronargs = p.pronargdefaults"), '',
	'what can be called without arguments has a form without arguments');
is($pg->query("SELECT p.oid::regprocedure FROM $members WHERE p.pronamespace = 'public'::regnamespace AND (p.proname ~ '_columns\$' OR p.prorettype IN ('internal'::regtype, 'trigger'::regtype))"), '',
	'internals are in schema engage');
is($pg->query("SELECT p.proname FROM $members WHERE p.pronamespace = 'engage'::regnamespace AND p.prosrc = 'engage_twin' GROUP BY 1 HAVING count(*) > 1"), join("\n", qw(check predict predict_class predict_interval predict_proba predict_quantiles predict_set)),
	'and a twin has one form, but for that without arguments and those over rows and JSON objects');
done_testing;
