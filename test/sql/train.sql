-- train, score, compare, retrain, roll back: the path through the house, on real data
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices hold metrics

-- the whole result of one training
SELECT model, version, algorithm, task, rows_train, rows_test, deployed, seconds > 0 AS timed,
	(metrics->>'auc')::numeric BETWEEN 0.82 AND 0.89 AS auc_as_expected,
	(metrics->>'n')::int = rows_test AS measured_on_all
FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":50,"max_depth":4,"learning_rate":0.1,"subsample":0.8,"colsample_bytree":0.8}');

-- labels come back as they were, and the scores are probabilities of the positive one
SELECT engage_predict_class('churn', t) AS class, count(*) > 0 AS found,
	min(engage_predict('churn', t)) >= 0.5 AS above, max(engage_predict('churn', t)) < 0.5 AS below
FROM telco t GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM telco t
WHERE abs((engage_predict_proba('churn', t)->>'Yes')::float8 - engage_predict('churn', t)) > 1e-12;

-- a JSON object, a subquery, another column order and a view score the same
CREATE VIEW other_order AS SELECT total_charges, contract, t2.* FROM telco, LATERAL (SELECT tenure, payment_method,
	monthly_charges, customer_id, female, senior_citizen, partner, dependents, phone_service, multiple_lines,
	internet_service, online_security, online_backup, device_protection, tech_support, streaming_tv,
	streaming_movies, paperless_billing) t2;
SELECT count(*) FROM telco t JOIN other_order o USING (customer_id)
WHERE engage_predict('churn', t) IS DISTINCT FROM engage_predict('churn', o)
	OR engage_predict('churn', t) IS DISTINCT FROM engage_predict('churn', to_jsonb(t));
SELECT count(*) FROM (SELECT *, 1 AS more FROM telco) s WHERE engage_predict('churn', s) IS NULL;

-- held-out rows are the same for champion and challenger: the same recipe gives the same metric
SELECT version, deployed FROM engage_retrain('churn');
SELECT data->'comparison'->'champion_value' = data->'comparison'->'value' AS same_metric
FROM engage.versions WHERE version = '1.0.1';

-- a worse version stays undeployed, a better one is deployed, by the same rows
SELECT version, deployed FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":1,"max_depth":1}');
SELECT version, deployed FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":1,"max_depth":1}', deploy => 'always');
SELECT version, deployed FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":50,"max_depth":4,"learning_rate":0.1}', min_improvement => 0.01);
SELECT engage_rollback('churn');
SELECT engage_rollback('churn');
SELECT deployed FROM engage.models;

-- the same training again gives the same bytes
SELECT version, same_data, same_model FROM engage_verify('churn');
SET engage.threads = 1;
SELECT version, same_data, same_model FROM engage_verify('churn');
RESET engage.threads;
BEGIN;
UPDATE telco SET tenure = tenure + 1 WHERE customer_id = 17;
SELECT same_data, same_model FROM engage_verify('churn');
ROLLBACK;

-- deployment is transactional
BEGIN;
SELECT engage_deploy('churn', '1.1.0');
SELECT deployed FROM engage.models;
ROLLBACK;
SELECT deployed FROM engage.models;

-- rows with NULL in a feature are used and scored; rows without target are counted, not used
CREATE TABLE gaps AS SELECT * FROM telco;
UPDATE gaps SET tenure = NULL, contract = NULL WHERE customer_id % 3 = 0;
UPDATE gaps SET churn = NULL WHERE customer_id % 100 = 0;
SET client_min_messages = notice;
SELECT rows_train + rows_test AS used FROM engage_train('gaps', 'gaps', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":5}');
SELECT data->'rows' AS rows, data->'rows_without_target' AS without, data->'labels' AS labels
FROM engage.versions WHERE model = 'gaps';
SELECT count(*), count(engage_predict('gaps', g)) FROM gaps g;

-- physical order and a fresh copy change nothing
CREATE TABLE shuffled AS SELECT * FROM telco ORDER BY md5(customer_id::text);
SELECT version FROM engage_train('shuffled', 'shuffled', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":50,"max_depth":4,"learning_rate":0.1,"subsample":0.8,"colsample_bytree":0.8}');
SELECT count(*) FROM telco t
WHERE engage_predict('shuffled', t) IS DISTINCT FROM engage_predict('churn@1.0.0', t);

-- without a key too
SELECT version FROM engage_train('keyless', 'SELECT * FROM telco ORDER BY customer_id', target => 'churn', exclude => '{customer_id}',
	params => '{"n_estimators":5}');
SELECT version FROM engage_train('keyless2', 'SELECT * FROM telco ORDER BY tenure, customer_id DESC', target => 'churn', exclude => '{customer_id}',
	params => '{"n_estimators":5}');
SELECT count(*) FROM telco t WHERE engage_predict('keyless', t) IS DISTINCT FROM engage_predict('keyless2', t);
