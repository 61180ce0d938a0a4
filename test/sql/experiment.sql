-- A/B tests: routing, shadow, results against scipy (test/golden/experiment.py), sample sizes against statsmodels, bad input
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'never');
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'never',
	params => '{"max_depth": 2}');

SELECT engage_experiment_start('first', 'churn', '{1.0.0,1.1.0}', '{3,1}', key => 'customer_id');
SELECT experiment, model, versions, weights, key, shadow, planned, running, ended, winner FROM engage.experiments;

-- the arm of the key answers: from the plan's columns, from a whole row, from JSON, as a class, in parallel workers
CREATE FUNCTION arm_score(t telco) RETURNS float8 LANGUAGE sql STABLE AS
$$ SELECT CASE engage_experiment_arm('first', t.customer_id::text) WHEN 1 THEN engage_predict('churn@1.0.0', t) ELSE engage_predict('churn@1.1.0', t) END $$;
SELECT bool_and(engage_predict('churn', t) = arm_score(t)) AS columns,
	bool_and(engage_predict('churn', x.r) = arm_score(t)) AS whole,
	bool_and(engage_predict('churn', to_jsonb(t)) = arm_score(t)) AS json,
	bool_and(abs((engage_predict_proba('churn', t)->>'Yes')::float8 - arm_score(t)) < 1e-12) AS proba,
	abs(avg((engage_experiment_arm('first', t.customer_id::text) = 1)::int) - 0.75) < 0.02 AS shares
FROM telco t, LATERAL (SELECT (SELECT t) AS r OFFSET 0) x;
SELECT bool_and(engage_predict('churn', v) = arm_score(t)) AS other_columns
FROM telco t JOIN (SELECT *, 1 AS extra FROM telco) v USING (customer_id);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT round(sum(engage_predict('churn', t))::numeric, 6) = (SELECT round(sum(arm_score(t))::numeric, 6) FROM telco t) AS parallel FROM telco t;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT bool_and(engage_predict('churn@1.0.0', t) = engage_predict('churn@1.0.0', to_jsonb(t))) AS named_is_never_routed FROM telco t;
-- the same customer whatever the type of the key; these arms never change
SELECT engage_experiment_arm('first', k::text) AS arm, count(*) FROM generate_series(1, 1000) k GROUP BY 1 ORDER BY 1;
SELECT bool_and(engage_predict('churn', j) = engage_predict('churn', j || jsonb_build_object('customer_id', c::text))) AS text,
	bool_and(engage_predict('churn', j) = engage_predict('churn', j || jsonb_build_object('customer_id', c::numeric(12, 2)))) AS numeric
FROM (SELECT to_jsonb(t) AS j, customer_id AS c FROM telco t LIMIT 200) x;
-- a customer without a key gets the first arm
SELECT bool_and(engage_predict('churn', j) = engage_predict('churn@1.0.0', j)) AS first
FROM (SELECT to_jsonb(t) || '{"customer_id": null}' AS j FROM telco t LIMIT 100) x;
-- one call site follows start and finish within a function
CREATE FUNCTION follows() RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
	score float8; answers boolean[];
BEGIN
	FOR i IN 1..3 LOOP
		SELECT sum(engage_predict('churn', t)) INTO score FROM telco t;
		answers := answers || (abs(score - (SELECT sum(engage_predict('churn@1.0.0', t)) FROM telco t)) < 1e-6);
		IF i = 1 THEN PERFORM engage_experiment_finish('first');
		ELSIF i = 2 THEN PERFORM engage_experiment_start('second', 'churn', '{1.1,1.2}', key => 'customer_id'); END IF;
	END LOOP;
	RETURN answers;
END $$;
SELECT follows();

-- the log holds arms; outcomes by arm
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => '2024-01-10') AS logged;
SELECT experiment, arm, version, count(*), bool_and(arm = engage_experiment_arm('second', key)) AS routed FROM engage.predictions GROUP BY 1, 2, 3 ORDER BY 2;
SELECT bool_and(engage_predict_logged('churn', t, 'customer_id') = engage_predict('churn', t)) AS same FROM (SELECT * FROM telco LIMIT 20) t;
-- 1,000 keys of each arm with 100 and 150 successes, then 4,000 with 400 and 480
CREATE TABLE success AS
SELECT key, arm, row_number() OVER (PARTITION BY arm ORDER BY key) AS i FROM engage.predictions WHERE scored_at < '2024-02-01';
SELECT arm, version, measure, n, round(value::numeric, 4) AS value, round(difference::numeric, 4) AS difference, round(lower::numeric, 6) AS lower,
	round(upper::numeric, 6) AS upper, round(lift::numeric, 4) AS lift, round(p_value::numeric, 6) AS p, verdict
FROM engage_experiment_results('second', 'SELECT key, i <= 100 + 50 * (arm - 1) AS outcome FROM success WHERE i <= 1000');
SELECT round(lower::numeric, 6) AS lower, round(upper::numeric, 6) AS upper, verdict
FROM engage_experiment_results('second', 'SELECT key, (i <= 100 + 200 * (arm - 1))::int AS outcome FROM success WHERE i <= 1000') WHERE arm = 2;
SELECT verdict FROM engage_experiment_results('second', 'SELECT key, i <= 100 + 200 * (arm - 1) AS outcome FROM success WHERE i <= 1000',
	larger_is_better => false) WHERE arm = 2;
SELECT n, value, p_value, verdict FROM engage_experiment_results('second', 'SELECT key, true AS outcome FROM success WHERE i <= 10') WHERE arm = 2;
SELECT n, value, lower, p_value, verdict FROM engage_experiment_results('second', 'SELECT key, true AS outcome FROM success') WHERE arm = 2;
-- outcomes of a key add up; those from before it was scored are not the arm's doing
SELECT n, value FROM engage_experiment_results('second', 'SELECT key, 2.5 AS outcome, d AS at FROM success,
	unnest(ARRAY[date ''2024-01-05'', date ''2024-01-15'', date ''2024-01-16'']) d WHERE i <= 100');
SELECT arm, measure, abs(value - (SELECT avg((engage_predict(format('churn@%s', r.version), t) - (churn = 'Yes')::int) ^ 2)
		FROM telco t WHERE engage_experiment_arm('second', customer_id::text) = r.arm)) < 1e-9 AS value
FROM engage_experiment_results('second', 'SELECT customer_id AS key, churn AS outcome FROM telco', 'loss') r;
-- an arm that lost its failures on the way
SET client_min_messages = warning;
SELECT count(*) FROM engage_experiment_results('second', 'SELECT key, i % 7 = 0 AS outcome FROM success WHERE arm = 1 OR i % 3 = 0');

-- a version in a running experiment cannot be dropped
SELECT engage_drop('churn', '1.2.0');
SELECT engage_experiment_finish('second', '1.1.0');
SELECT deployed FROM engage.models;
SELECT experiment, running, ended IS NOT NULL AS ended, winner FROM engage.experiments ORDER BY started;

-- shadow: the first arm answers, all are logged
SELECT engage_experiment_start('shade', 'churn', '{1.0.0,1.1.0,1.2.0}', key => 'customer_id', shadow => true);
SELECT bool_and(engage_predict('churn', t) = engage_predict('churn@1.0.0', t)) AS first FROM telco t;
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => '2024-03-10') = 3 * count(*) AS logged FROM telco;
SELECT arm, version, shadow, count(*) FROM engage.predictions WHERE experiment = 'shade' GROUP BY 1, 2, 3 ORDER BY 1;
SELECT arm, n, abs(value - (SELECT avg((engage_predict(format('churn@%s', r.version), t) - (churn = 'Yes')::int) ^ 2) FROM telco t)) < 1e-9 AS value,
	difference BETWEEN lower AND upper AS inside, verdict
FROM engage_experiment_results('shade', 'SELECT customer_id AS key, churn AS outcome FROM telco') r;
SELECT version, n FROM engage_performance('churn', 'SELECT customer_id AS key, churn AS outcome FROM telco', since => '2024-03-01', until => '2024-04-01',
	metric => 'brier');
SELECT engage_experiment_finish('shade');
SELECT version, action, detail FROM engage.events WHERE action ~ 'experiment' ORDER BY id;

-- sample sizes: statsmodels' numbers
SELECT engage_experiment_sample_size(baseline, lift, power, alpha) = keys AS same
FROM (VALUES (0.1, 0.1, 0.8, 0.05, 14745), (0.02, 0.25, 0.9, 0.01, 26101), (0.5, -0.05, 0.8, 0.05, 6274), (0.27, 0.05, 0.95, 0.1, 23769))
	g (baseline, lift, power, alpha, keys);

-- bad input
SELECT engage_experiment_start('x', 'churn', '{1.0.0,9.9.9}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.0}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', '{1,-1}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', '{1,NULL}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', '{1}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', key => '');
SELECT engage_experiment_start('x', 'churn', NULL, key => 'customer_id');
SELECT engage_experiment_start('', 'churn', '{1.0.0,1.1.0}', key => 'customer_id');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', key => 'customer_id', planned => 0);
SELECT engage_experiment_start('first', 'churn', '{1.0.0,1.1.0}', key => 'customer_id');
SELECT engage_experiment_start('x', 'unknown', '{1.0.0,1.1.0}', key => 'customer_id');
SELECT engage_experiment_finish('first');
SELECT engage_experiment_finish('unknown');
SELECT * FROM engage_experiment_results('unknown', 'telco');
SELECT engage_experiment_start('x', 'churn', '{1.0.0,1.1.0}', key => 'total_charges');
SELECT engage_experiment_start('y', 'churn', '{1.0.0,1.1.0}', key => 'customer_id');
SELECT engage_experiment_finish('x', '1.2.0');
SELECT engage_predict('churn', t) FROM (SELECT 1 AS tenure) t;
SELECT engage_predict('churn', '{"tenure": 1}'::jsonb);
SELECT engage_predict('churn', t) FROM (SELECT customer_id, female, 1.5::float8 AS total_charges FROM telco LIMIT 1) t;
SELECT * FROM engage_experiment_results('x', 'SELECT 1 AS key, ''Yes'' AS outcome');
SELECT * FROM engage_experiment_results('x', 'SELECT 1 AS key, 1 AS outcome', 'profit');
SELECT * FROM engage_experiment_results('shade', 'SELECT 1 AS key, 1 AS outcome', 'outcome');
SELECT * FROM engage_experiment_results('x', 'SELECT 1 AS key, 1 AS outcome', alpha => 2);
SELECT engage_experiment_sample_size(0.1, 10);
SELECT engage_experiment_sample_size(0, 0.1);
CREATE ROLE regress_experiment_user;
SET ROLE regress_experiment_user;
SELECT count(*) FROM engage.experiments;
SELECT engage_experiment_start('z', 'churn', '{1.0.0,1.1.0}', key => 'customer_id');
SELECT engage_experiment_finish('x');
SELECT engage_experiment_arm('x', '1');
RESET ROLE;
DROP ROLE regress_experiment_user;
SELECT engage_drop('churn');
SELECT count(*) FROM engage.experiment;
