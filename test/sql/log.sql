-- the prediction log: what is written, partitions, retention, performance against engage_evaluate, bad input
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT version FROM engage_train('contract', 'telco', target => 'contract', key => 'customer_id', algorithm => 'decision_tree');
SELECT version FROM engage_train('spend', 'telco', target => 'monthly_charges', key => 'customer_id', algorithm => 'linear_regression',
	exclude => '{total_charges}');

-- every row once, with the score of engage_predict
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => '2024-01-15 12:00+00') AS logged;
SELECT count(*), bool_and(p.score = engage_predict('churn', t)) AS score, bool_and(p.class = engage_predict_class('churn', t)) AS class,
	min(version) AS version, min(scored_at) = max(scored_at) AS one_time
FROM engage.predictions p JOIN telco t ON t.customer_id::text = p.key WHERE model = 'churn';
SELECT engage_log_predictions('contract', 'SELECT * FROM telco WHERE customer_id % 2 = 0', 'customer_id', at => '2024-01-20') > 0 AS some;
SELECT bool_and(class = engage_predict_class('contract', t)) AS class, bool_and(cardinality(outputs) = 3) AS outputs,
	bool_and(score = (SELECT max(o) FROM unnest(outputs) o)) AS score
FROM engage.predictions p JOIN telco t ON t.customer_id::text = p.key WHERE model = 'contract';
SELECT engage_log_predictions('spend', 'telco', 'customer_id', at => '2024-02-10') > 0 AS some;

-- one row; JSON as well
SELECT engage_predict_logged('churn', t, 'customer_id') = engage_predict('churn', t) AS same FROM telco t ORDER BY customer_id LIMIT 3;
SELECT engage_predict_logged('churn', to_jsonb(t), 'customer_id') = engage_predict('churn', t) AS same FROM telco t ORDER BY customer_id LIMIT 1;
SELECT count(*) FROM engage.predictions WHERE scored_at > now() - interval '1 hour';

-- performance is engage_evaluate once the outcomes are there
CREATE TABLE outcomes AS SELECT customer_id AS key, churn AS outcome, timestamptz '2024-03-01' AS at FROM telco WHERE customer_id % 3 > 0;
CREATE FUNCTION same_metrics(name text, outcomes text, source text) RETURNS TABLE (metrics bigint, same boolean, bounded boolean, trained boolean)
LANGUAGE sql AS $$
SELECT count(*), bool_and(abs(p.value - (e.m->>p.metric)::float8) <= 1e-5 * greatest(abs(p.value), 1)),
	bool_and(p.value BETWEEN p.lower AND p.upper) FILTER (WHERE p.metric IN ('auc', 'rmse', 'accuracy', 'log_loss')),
	bool_and(p.at_training = (v.metrics->>p.metric)::float8 AND
		abs(p.change - (p.value - p.at_training) / abs(p.at_training)) < 1e-9)
FROM engage_performance(name, outcomes, until => '2025-01-01') p, engage_evaluate(name, source) e (m), engage.versions v
WHERE v.model = name AND v.deployed $$;
SELECT metrics > 10 AS many, same, bounded, trained FROM same_metrics('churn', 'outcomes', 'SELECT * FROM telco WHERE customer_id % 3 > 0');
SELECT metrics > 5 AS many, same, bounded, trained FROM same_metrics('contract', 'SELECT customer_id AS key, contract AS outcome FROM telco',
	'SELECT * FROM telco WHERE customer_id % 2 = 0');
SELECT metrics > 3 AS many, same, bounded, trained FROM same_metrics('spend', 'SELECT customer_id AS key, monthly_charges AS outcome FROM telco', 'telco');

-- of several predictions of a key the last before the outcome counts; periods; bounds of time; later outcomes do not exist yet
SELECT engage_log_predictions('churn', 'SELECT * FROM telco WHERE customer_id % 4 = 0', 'customer_id', at => '2024-02-28') > 0 AS some;
SELECT period AT TIME ZONE 'UTC' AS period, version, n = CASE WHEN period < '2024-02-01'
		THEN (SELECT count(*) FROM outcomes WHERE key % 4 <> 0) ELSE (SELECT count(*) FROM outcomes WHERE key % 4 = 0) END AS rows
FROM engage_performance('churn', 'outcomes', metric => 'auc');
SELECT period AT TIME ZONE 'UTC' AS period FROM engage_performance('churn', 'outcomes', 'day', since => '2024-02-01', metric => 'auc');
SELECT period AT TIME ZONE 'UTC' AS period FROM engage_performance('churn', 'outcomes', 'week', until => '2024-02-01', metric => 'auc');
SELECT count(*) FROM engage_performance('churn', 'SELECT key, outcome, date ''2023-12-31'' AS at FROM outcomes');
SET client_min_messages = notice;
SELECT count(*) FROM engage_performance('churn', 'SELECT key, ''perhaps'' AS outcome FROM outcomes LIMIT 5');
SET client_min_messages = warning;

-- partitions are months in UTC
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) LIKE '%2024-02-01%' AS february FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'engage.prediction'::regclass AND c.relname < 'prediction_2025' ORDER BY 1;
SET timezone = 'America/New_York';
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 1', 'customer_id', at => '2023-12-31 20:00:00');
SELECT count(*) FROM pg_class WHERE relname = 'prediction_2023_12';
RESET timezone;

-- or days, where the setting says so; a month that has begun in days goes on in days, others are not touched
SET engage.log_partition = day;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 10', 'customer_id', at => t::timestamptz) FROM unnest('{2023-10-31 23:59:59+00,2023-11-01,2024-02-29}'::text[]) t;
RESET engage.log_partition;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 10', 'customer_id', at => t::timestamptz) FROM unnest('{2023-10-01,2023-10-31,2023-09-30}'::text[]) t;
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds, obj_description(c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'engage.prediction'::regclass AND c.relname < 'prediction_2024' ORDER BY 1;
SELECT scored_at::date, count(*) FROM engage.predictions WHERE scored_at < '2024-01-01' GROUP BY 1 ORDER BY 1;
SELECT partitions FROM engage_log_retention(now() - timestamptz '2023-10-31 12:00+00');
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'engage.prediction'::regclass AND c.relname < 'prediction_2024' ORDER BY 1;
SELECT partitions FROM engage_log_retention(now() - timestamptz '2023-11-05');

-- a partition that is missing is made again; one that was detached is in the way, and said to be
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 1', 'customer_id', at => '2023-12-01 20:00:00+00');
DROP TABLE engage.prediction_2023_12;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 1', 'customer_id', at => '2023-12-31 20:00:00+00');
ALTER TABLE engage.prediction DETACH PARTITION engage.prediction_2023_12;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 1', 'customer_id', at => '2023-12-31 20:00:00+00');
ALTER TABLE engage.prediction_2023_12 RENAME TO archive;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 1', 'customer_id', at => '2023-12-31 20:00:00+00');
DROP TABLE engage.archive;
SET engage.log_partition = year;

-- all or nothing
BEGIN;
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => '2020-05-05') > 0 AS some;
ROLLBACK;
SELECT engage_log_predictions('churn', 'SELECT *, 1 / (customer_id - 7000) AS x FROM telco ORDER BY customer_id', 'customer_id', at => '2020-05-05');
SELECT count(*) FROM engage.predictions WHERE scored_at < '2021-01-01';

-- retention
SELECT * FROM engage_log_retention(now() - timestamptz '2024-02-01', 'contract');
SELECT rows > 0 AS some FROM engage_log_retention(now() - timestamptz '2024-02-01', 'churn');
SELECT count(*) FROM engage.predictions WHERE scored_at < '2024-02-01';
SELECT partitions FROM engage_log_retention('1 year');
SELECT count(*) > 0 AS todays FROM engage.predictions;

-- who may see and do what
CREATE ROLE regress_log_user;
GRANT SELECT ON telco TO regress_log_user;
SET ROLE regress_log_user;
SELECT count(*) FROM engage.predictions;
SELECT engage_log_predictions('churn', 'telco', 'customer_id');
SELECT count(*) FROM engage.prediction;
SELECT * FROM engage_log_retention('1 year');
SELECT * FROM engage_log_retention('1 year', 'churn');
SELECT * FROM engage_performance('churn', 'telco');
SET engage.log_partition = day;
RESET ROLE;
SELECT engage_grant('churn', 'regress_log_user');
SET ROLE regress_log_user;
SELECT count(*) FROM engage.predictions;
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 10', 'customer_id');
SELECT * FROM engage_log_retention('1 year', 'churn');
RESET ROLE;
SELECT engage_revoke('churn', 'regress_log_user');
REVOKE ALL ON telco FROM regress_log_user;
DROP ROLE regress_log_user;

-- bad input
SELECT engage_log_predictions('unknown', 'telco', 'customer_id');
SELECT engage_log_predictions('churn', 'telco', 'customer');
SELECT engage_log_predictions('churn', 'telco', NULL);
SELECT engage_log_predictions('churn', 'SELECT *, NULL::int AS k FROM telco', 'k');
SELECT engage_log_predictions('churn', 'SELECT *, repeat(''x'', 2000) AS k FROM telco', 'k');
SELECT engage_log_predictions('churn', 'SELECT 1 AS customer_id', 'customer_id');
SELECT engage_log_predictions('churn', 'DELETE FROM telco', 'customer_id');
SELECT engage_log_predictions('churn', 'SELECT t.*, engage_drop(''churn'') FROM telco t', 'customer_id');
SELECT engage_log_predictions('churn', 'SELECT * FROM telco WHERE false', 'customer_id');
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => 'infinity');
SELECT engage_predict_logged('churn', t, 'nobody') FROM telco t LIMIT 1;
SELECT engage_predict_logged('churn', '{"customer_id": null}'::jsonb, 'customer_id');
SELECT * FROM engage_log_retention(NULL);
SELECT * FROM engage_log_retention('-1 day');
SELECT * FROM engage_performance('churn', 'outcomes', 'hour');
SELECT * FROM engage_performance('churn', 'telco');
SELECT * FROM engage_performance('churn', 'SELECT customer_id AS key FROM telco');
SELECT * FROM engage_performance('churn', 'SELECT 1 AS key, 1 AS outcome, 2 AS at');
SELECT engage_log_predictions('churn', 'SELECT * FROM telco LIMIT 100', 'customer_id', at => '2024-01-15') AS logged;
SELECT * FROM engage_performance('churn', 'outcomes', metric => 'rmse');
SELECT * FROM engage_performance('churn', 'outcomes', intervals => 95);
SELECT * FROM engage_performance('unknown', 'outcomes');
SELECT engage_drop('churn');
SELECT count(*) FROM engage.prediction p WHERE NOT EXISTS (SELECT FROM engage.model m WHERE m.id = p.model_id);
