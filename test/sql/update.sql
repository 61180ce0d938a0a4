-- patch versions: a stored threshold, and models that learn on
SET engage.progress = off;
SET client_min_messages = warning;
CREATE FUNCTION h(bigint, int) RETURNS float8 IMMUTABLE
RETURN (hashint8extended($1, $2) & 1048575) / 1048576.0;
CREATE TABLE t AS
SELECT id, a, b, CASE WHEN h(id, 3) < 0.5 THEN 'red' ELSE 'blue' END AS c, a + h(id, 4) * 0.6 > 0.9 AS two,
	CASE WHEN a + h(id, 5) * 0.3 < 0.4 THEN 'low' WHEN b > 0.7 THEN 'high' ELSE 'mid' END AS three, 2 * a - b + h(id, 6) * 0.2 AS y
FROM (SELECT id, h(id, 1) AS a, h(id, 2) AS b FROM generate_series(1, 6000) id) g;

-- ---------------------------------------------------------------------------
-- the threshold
-- ---------------------------------------------------------------------------
SELECT version FROM engage_train('churn', 't', target => 'two', key => 'id', params => '{"n_estimators": 20, "max_depth": 3}');
SELECT engage_predict_class('churn', t) AS class, min(engage_predict('churn', t)) >= 0.5 AS above FROM t GROUP BY 1 ORDER BY 1;
SELECT engage_set_threshold('churn', 0.2);
SELECT engage_predict_class('churn', t) AS class, min(engage_predict('churn', t)) >= 0.2 AS above,
	max(engage_predict('churn', t)) < 0.2 AS below FROM t GROUP BY 1 ORDER BY 1;

-- the version before is as it was, and the scores are the same
SELECT count(*) FROM t WHERE engage_predict_class('churn@1.0.0', t) <> (engage_predict('churn', t) >= 0.5)::text
	OR engage_predict('churn@1.0.0', t) <> engage_predict('churn', t);
SELECT version, deployed, data->'threshold' AS threshold, data->'threshold_set_on' AS base FROM engage.versions ORDER BY version;
SELECT version, action, detail FROM engage.events ORDER BY id;
SELECT same_data, same_model FROM engage_verify('churn');
SELECT engage_export('churn', 'ubj') = engage_export('churn@1.0.0', 'ubj') AS same_library_bytes;

-- an older version gets a patch number of its own line, and stays undeployed
SELECT version FROM engage_train('churn', 't', target => 'two', key => 'id', features => '{a,b}', deploy => 'always', params => '{"n_estimators": 5}');
SELECT engage_set_threshold('churn@1.0.0', 0.9);
SELECT version, deployed, data->'threshold' AS threshold FROM engage.versions ORDER BY version;
SELECT engage_rollback('churn');
SELECT engage_set_threshold('churn', 0);
SELECT DISTINCT engage_predict_class('churn', t) FROM t;

-- complaints
SELECT version FROM engage_train('three', 't', target => 'three', key => 'id', params => '{"n_estimators": 1}');
SELECT engage_set_threshold('three', 0.5);
SELECT engage_set_threshold('churn', 1.5);
SELECT engage_set_threshold('churn', 'NaN');
SELECT engage_set_threshold('churn', NULL);
SELECT engage_set_threshold('nobody', 0.5);
CREATE ROLE engage_update_other;
GRANT SELECT ON t TO engage_update_other;
SELECT engage_grant('churn', 'engage_update_other');
SET ROLE engage_update_other;
SELECT engage_set_threshold('churn', 0.5);
SELECT engage_update('churn', 't');
RESET ROLE;

-- ---------------------------------------------------------------------------
-- learning on
-- ---------------------------------------------------------------------------
CREATE FUNCTION learn(model text, target text, params text DEFAULT '{}', calibrate text DEFAULT NULL, intervals float8 DEFAULT NULL) RETURNS text
BEGIN ATOMIC
	SELECT e.version FROM engage_train(model, 'SELECT * FROM t WHERE id <= 300', target => target, key => 'id', algorithm => 'mlp',
		features => '{a,b,c}', params => params::jsonb, calibrate => calibrate, intervals => intervals) e;
END;
SELECT learn('two', 'two', '{"layers": [16], "epochs": 5}'), learn('three_mlp', 'three', '{"layers": [16], "epochs": 5}', 'sigmoid'),
	learn('y', 'y', '{"layers": [16], "epochs": 5}', intervals => 0.9);

-- more rows make it better, and that is what is deployed
SELECT m, u.version, algorithm, task, rows_train + rows_test AS rows, deployed, seconds > 0 AS timed
FROM unnest('{two,three_mlp,y}'::text[]) WITH ORDINALITY x(m, o), engage_update(m, 'SELECT * FROM t WHERE id > 300') u ORDER BY o;
SELECT model, version, deployed, data->'updated_from' AS base, data->'updates' AS updates,
	data->'comparison'->'value' <> data->'comparison'->'champion_value' AS compared
FROM engage.versions WHERE data ? 'updates' ORDER BY model, version;
SELECT abs((metrics->>'auc')::float8 - (data->'comparison'->>'value')::float8) < 1e-5 AS same
FROM engage.versions WHERE model = 'two' AND version = '1.0.1';

-- what is measured is what a query says; calibration and intervals are those of the new rows
CREATE TABLE marked AS SELECT *, id % 4 = 0 AS held FROM t;
SELECT version FROM engage_train('m', 'SELECT * FROM marked WHERE id <= 300', target => 'y', algorithm => 'mlp', split => 'held',
	features => '{a,b,c}', params => '{"layers": [16], "epochs": 5}');
SELECT rows_train, rows_test FROM engage_update('m', 'SELECT * FROM marked WHERE id > 300');
SELECT abs((metrics->>'rmse')::float8 - (SELECT sqrt(avg((engage_predict('m', k) - y) ^ 2)) FROM marked k
	WHERE id > 300 AND held)) < 1e-5 AS as_queried FROM engage.versions WHERE model = 'm' AND deployed AND version = '1.0.1';
SELECT data->'calibration'->'rows' IS NOT NULL AS calibrated, (data->'calibration'->>'rows')::int > 500 AS by_new_rows
FROM engage.versions WHERE model = 'three_mlp' AND deployed;
SELECT abs(avg((y BETWEEN i[1] AND i[2])::int) - 0.9) < 0.03 AS covered FROM t, engage_predict_interval('y', t) i WHERE id > 300;

-- the same update gives the same model; a threshold is kept; events tell
SELECT version FROM engage_update('two@1.0.0', 'SELECT * FROM t WHERE id > 300 ORDER BY md5(id::text)', deploy => 'never');
SELECT engage_export('two@1.0.2', 'engage') = engage_export('two@1.0.1', 'engage') AS same;
SELECT engage_set_threshold('two', 0.3);
SELECT version FROM engage_update('two', 'SELECT * FROM t WHERE id > 5000', deploy => 'always');
SELECT data->'threshold' AS threshold, data->'updates' AS updates FROM engage.versions WHERE model = 'two' AND deployed;
SELECT version, action FROM engage.events WHERE model = 'two' ORDER BY id;

-- worse is not deployed
SELECT version, deployed FROM engage_update('y', 'SELECT id, a, b, c, -5 * a AS y FROM t WHERE id % 9 = 0 UNION ALL
	SELECT id, a, b, c, y FROM t WHERE id % 2 = 1', min_improvement => 0.5);
SET client_min_messages = notice;
SELECT version, deployed FROM engage_update('y@1.0.0', 'SELECT * FROM t WHERE id > 300');
SET client_min_messages = warning;

-- unseen categories are missing; unseen classes and missing columns are errors
SELECT version FROM engage_update('two', 'SELECT id, a, b, ''green'' AS c, two FROM t WHERE id > 300', deploy => 'never');
SELECT engage_update('three_mlp', 'SELECT id, a, b, c, ''new'' AS three FROM t');
SELECT engage_update('two', 'SELECT id, a, b, c, ''yes'' AS two FROM t');
SELECT engage_update('two', 'SELECT id, a, c, two FROM t');
SELECT engage_update('two', 'SELECT * FROM t WHERE false');
\set VERBOSITY terse
SELECT engage_update('churn', 't');
\set VERBOSITY default
SELECT engage_update('two', 't', deploy => 'perhaps');
SELECT engage_update('two', NULL);
SELECT engage_verify('two');
SELECT version FROM engage_train('parts', 't', target => 'two', key => 'id', algorithm => 'mlp', partition_by => 'c', params => '{"layers": [4], "epochs": 1}');
SELECT engage_update('parts', 't');

-- ---------------------------------------------------------------------------
-- linear models: batches of the Telco data against one training on all of it
-- (test/golden/update.py)
-- ---------------------------------------------------------------------------
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
CREATE TABLE oracle (trial text, class text, term text, coefficient float8, std_error float8);
INSERT INTO oracle VALUES
	('all', 'Yes', 'tenure', -0.0336729108, 0.002083655686),
	('all', 'Yes', 'senior_citizen', 0.3939188726, 0.08091595645),
	('all', 'Yes', 'female', 0.0163201095, 0.06353032432),
	('all', 'Yes', 'monthly_charges', 0.005735245064, 0.002992924639),
	('all', 'Yes', 'contract=One year', -0.8248028627, 0.1034214391),
	('all', 'Yes', 'contract=Two year', -1.627895603, 0.1698043463),
	('all', 'Yes', 'internet_service=DSL', -0.9392857853, 0.1271549886),
	('all', 'Yes', 'internet_service=No', -1.767645666, 0.2284840322),
	('all', 'Yes', 'auc', 0.8344362054, NULL),
	('spend', NULL, '(intercept)', 83.61597727, 0.3123593094),
	('spend', NULL, 'tenure', 0.1891355094, 0.007530017222),
	('spend', NULL, 'senior_citizen', -0.7153225066, 0.3635291371),
	('spend', NULL, 'female', 0.361541859, 0.2566542794),
	('spend', NULL, 'contract=One year', 4.596452752, 0.3890390536),
	('spend', NULL, 'contract=Two year', 6.268644557, 0.4619171879),
	('spend', NULL, 'internet_service=DSL', -34.53067234, 0.3050264465),
	('spend', NULL, 'internet_service=No', -72.18418225, 0.3774855849);

CREATE FUNCTION batches(model text, target text, algorithm text, features text[], params jsonb DEFAULT '{}', task text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM engage_train(model, 'SELECT * FROM telco WHERE customer_id % 5 = 0', target => target, key => 'customer_id', algorithm => algorithm,
		features => features, params => params, test_size => 0, task => task);
	FOR i IN 1..4 LOOP
		PERFORM engage_update(model, format('SELECT * FROM telco WHERE customer_id %% 5 = %s', i), deploy => 'always');
	END LOOP;
	RETURN (SELECT version FROM engage.versions v WHERE v.model = batches.model AND deployed);
END $$;

-- least squares: the same as all rows at once, standard errors included
SELECT batches('spend', 'monthly_charges', 'linear_regression', '{tenure,senior_citizen,female,contract,internet_service}');
SELECT count(*), max(abs(c.coefficient / o.coefficient - 1)) < 1e-8 AS same_coefficients, max(abs(c.std_error / o.std_error - 1)) < 1e-8 AS same_errors
FROM oracle o LEFT JOIN engage_coefficients('spend') c USING (term) WHERE trial = 'spend';

-- ridge, lasso, no intercept, weights: the same as one training with the first one's preparation (here the numbers as they come)
CREATE TABLE kinds (n int, params jsonb, tolerance float8);
INSERT INTO kinds VALUES (1, '{"penalty": "l2", "alpha": 50, "standardize": false}', 1e-10), (2, '{"penalty": "l1", "alpha": 0.5, "standardize": false, "tolerance": 1e-12}', 1e-5),
	(3, '{"penalty": "elasticnet", "alpha": 0.2, "standardize": false, "tolerance": 1e-12}', 1e-5), (4, '{"fit_intercept": false}', 1e-10);
SELECT n, batches('kind' || n, 'monthly_charges', 'linear_regression', '{tenure,senior_citizen,female,contract,internet_service}', params) FROM kinds ORDER BY n;
SELECT n, (engage_train('whole' || n, 'telco', target => 'monthly_charges', key => 'customer_id', algorithm => 'linear_regression',
	features => '{tenure,senior_citizen,female,contract,internet_service}', params => params, test_size => 0)).rows_train FROM kinds ORDER BY n;
SELECT n, (SELECT max(abs(engage_predict('kind' || n, t) - engage_predict('whole' || n, t))) <= tolerance * 100 FROM telco t) AS same_predictions,
	(SELECT bool_and(abs(a.std_error / b.std_error - 1) < 1e-8) FROM engage_coefficients('kind' || n) a JOIN engage_coefficients('whole' || n) b USING (term)) AS same_errors
FROM kinds ORDER BY n;
SELECT a.l = b.l AS same_quality, a.l FROM unnest(string_to_array(engage_describe('kind4'), E'\n')) a(l) JOIN unnest(string_to_array(engage_describe('whole4'), E'\n')) b(l)
	ON a.l ~ '^  (r2|adjusted_r2|sigma|rank) ' AND b.l ~ '^  (r2|adjusted_r2|sigma|rank) ' AND split_part(a.l, ' ', 3) = split_part(b.l, ' ', 3);

-- logistic regression: within a quarter of a standard error of scikit-learn's full fit, the same ranking
SELECT batches('leave', 'churn', 'logistic_regression', '{tenure,senior_citizen,female,monthly_charges,contract,internet_service}');
SELECT count(*), max(abs(c.coefficient - o.coefficient) / o.std_error) < 0.25 AS near, max(abs(c.std_error / o.std_error - 1)) < 0.1 AS errors_near
FROM oracle o LEFT JOIN engage_coefficients('leave') c USING (class, term) WHERE trial = 'all' AND o.std_error IS NOT NULL;
SELECT max(abs(c.coefficient - o.coefficient) / o.std_error) > 0.5 AS first_batch_was_not
FROM oracle o LEFT JOIN engage_coefficients('leave@1.0.0') c USING (class, term) WHERE trial = 'all' AND o.std_error IS NOT NULL;
SELECT abs(engage_auc(engage_predict('leave', t), churn = 'Yes') - (SELECT coefficient FROM oracle WHERE term = 'auc')) < 0.002 AS same_auc FROM telco t;
SELECT batches('nets', 'internet_service', 'logistic_regression', '{senior_citizen,female,contract,churn}'), batches('stay', 'tenure', 'glm', '{senior_citizen,female,contract,churn}', task => 'count');
SELECT (engage_train('all ' || model, 'telco', target => target, key => 'customer_id', algorithm => algorithm, features => '{senior_citizen,female,contract,churn}',
	task => task, test_size => 0)).rows_train FROM (VALUES ('nets', 'logistic_regression', 'internet_service', NULL), ('stay', 'glm', 'tenure', 'count')) x(model, algorithm, target, task);
SELECT m AS model, count(*), max(abs(a.coefficient - b.coefficient) / b.std_error) < 0.25 AS near, max(abs(a.std_error / b.std_error - 1)) < 0.1 AS errors_near
FROM unnest('{nets,stay}'::text[]) m, engage_coefficients(m) a, engage_coefficients('all ' || m) b WHERE (a.class, a.term) IS NOT DISTINCT FROM (b.class, b.term) GROUP BY 1 ORDER BY 1;
SELECT abs(a::float8 / b::float8 - 1) < 0.02 AS quality_near, name FROM (SELECT (regexp_match(engage_describe('stay'), name || ' +([0-9.]+)'))[1] AS a,
	(regexp_match(engage_describe('all stay'), name || ' +([0-9.]+)'))[1] AS b, name FROM unnest('{  deviance,null_deviance,dispersion}'::text[]) name) x;
SELECT abs(a::float8 / b::float8 - 1) < 0.001 AS quality_near, name FROM (SELECT (regexp_match(engage_describe('nets'), name || ' +([-0-9.]+)'))[1] AS a,
	(regexp_match(engage_describe('all nets'), name || ' +([-0-9.]+)'))[1] AS b, name FROM unnest('{log_likelihood,pseudo_r2}'::text[]) name) x;

-- penalties count once: many small updates do not shrink more than a few large ones
SELECT (engage_train('once', 'SELECT * FROM telco WHERE customer_id <= 3000', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression',
	features => '{tenure,contract}', params => '{"C": 0.01}', test_size => 0)).rows_train;
DO $$ BEGIN FOR i IN 30..69 LOOP PERFORM engage_update('once', format('SELECT * FROM telco WHERE customer_id > %s AND customer_id <= %s', i * 100, i * 100 + 100), deploy => 'always'); END LOOP; END $$;
SELECT (engage_train('at_once', 'SELECT * FROM telco WHERE customer_id <= 7000', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression',
	features => '{tenure,contract}', params => '{"C": 0.01}', test_size => 0)).rows_train;
SELECT max(abs(a.coefficient - b.coefficient) / b.std_error) < 0.2 AS near FROM engage_coefficients('once') a JOIN engage_coefficients('at_once') b USING (term);

-- new rows that the columns separate perfectly, one class alone, collinear columns, missing values, categories never seen
SELECT version, rows_train FROM engage_update('leave', 'SELECT customer_id + 10000 AS customer_id, CASE WHEN tenure > 30 THEN ''No'' ELSE ''Yes'' END AS churn, tenure, senior_citizen,
	female, monthly_charges, contract, internet_service FROM telco WHERE customer_id <= 500', deploy => 'always');
SELECT version, rows_train FROM engage_update('leave', 'SELECT * FROM telco WHERE churn = ''No'' AND customer_id % 7 = 0', deploy => 'always');
SELECT version, rows_train FROM engage_update('leave', 'SELECT customer_id, churn, NULL::int AS tenure, senior_citizen, female, monthly_charges, ''new'' AS contract, internet_service
	FROM telco WHERE customer_id % 9 = 0', deploy => 'always');
SELECT bool_and(abs(coefficient) < 10 AND std_error > 0) AS finite FROM engage_coefficients('leave');
SELECT (engage_train('apart', 'SELECT * FROM t WHERE id <= 300', target => 'two', key => 'id', algorithm => 'logistic_regression', features => '{a,b,c}',
	params => '{"penalty": "none"}', test_size => 0)).rows_train;
SELECT (engage_train('apart2', 'SELECT id, a, a > 0.5 AS two FROM t WHERE id <= 300', target => 'two', key => 'id', algorithm => 'logistic_regression', params => '{"penalty": "none"}', test_size => 0)).rows_train;
SELECT version FROM engage_update('apart2', 'SELECT id, a, a > 0.5 AS two FROM t WHERE id > 300', deploy => 'always');
SELECT version FROM engage_update('apart2', 'SELECT id, a, two FROM t', deploy => 'always');
SELECT bool_and(abs(coefficient) < 1e6) AS finite FROM engage_coefficients('apart2');
SELECT (engage_train('twins', 'SELECT id, a, 2 * a AS a2, b, y FROM t WHERE id <= 300', target => 'y', key => 'id', algorithm => 'linear_regression', test_size => 0)).rows_train;
SELECT string_agg(term, ', ') AS terms FROM engage_coefficients('twins');
SELECT version FROM engage_update('twins', 'SELECT id, a, a + b * b AS a2, b, y FROM t WHERE id > 300', deploy => 'always');
SELECT string_agg(term, ', ') AS terms FROM engage_coefficients('twins');
SELECT (engage_train('exact', 'SELECT id, a, b, 3 * a - 2 * b + 1 AS y FROM t WHERE id <= 300', target => 'y', key => 'id', algorithm => 'linear_regression', test_size => 0)).rows_train;
SELECT version FROM engage_update('exact', 'SELECT id, a, b, 3 * a - 2 * b + 1 AS y FROM t WHERE id > 300', deploy => 'always');
SELECT term, round(coefficient::numeric, 6) AS coefficient, std_error < 1e-6 AS sure FROM engage_coefficients('exact');

-- what cannot be
SELECT engage_update('spend', 'SELECT customer_id, tenure, monthly_charges FROM telco');
SELECT engage_update('spend', 'SELECT * FROM telco WHERE false');
SELECT engage_update('spend', 'SELECT customer_id, tenure, senior_citizen, female, contract, internet_service, NULL::numeric AS monthly_charges FROM telco');
SELECT engage_update('leave', 'SELECT customer_id, tenure, senior_citizen, female, monthly_charges, contract, internet_service, ''Maybe'' AS churn FROM telco');
SELECT engage_update('stay', 'SELECT customer_id, senior_citizen, female, contract, churn, -1 AS tenure FROM telco');
SELECT (engage_train('fixed', 't', target => 'y', key => 'id', algorithm => 'linear_regression', features => '{a,b}', params => '{"updatable": false}', test_size => 0)).rows_train;
SELECT engage_update('fixed', 't');
SELECT length(engage_export('fixed', 'engage')) < length(engage_export('exact', 'engage')) AS smaller;
CREATE TABLE wide AS SELECT i AS id, ARRAY(SELECT h(i, j) FROM generate_series(1, 1001) j) AS v, h(i, 0) AS y FROM generate_series(1, 20) i;
SELECT (engage_train('wide', 'wide', target => 'y', key => 'id', algorithm => 'linear_regression', test_size => 0)).rows_train;
SELECT engage_update('wide', 'wide');
DROP OWNED BY engage_update_other;
DROP ROLE engage_update_other;
