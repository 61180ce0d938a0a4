-- cross-validation: folds, groups, ordered time, metrics against XGBoost's own (test/golden/tune.py)
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

-- a row for each fold, and one with the means
SELECT repeat, fold, rows_train, rows_test, seconds > 0 AS timed,
	(metrics->>'auc')::numeric BETWEEN 0.82 AND 0.88 AS auc_as_expected
FROM engage_cross_validate('telco', target => 'churn', key => 'customer_id', folds => 3, repeats => 2,
	params => '{"n_estimators":20,"max_depth":3}');

-- scikit-learn's mean over 50 folds on these four columns is 0.8241, with 0.0108 between folds
CREATE TABLE folds AS
SELECT * FROM engage_cross_validate('telco', target => 'churn', key => 'customer_id', repeats => 3,
	features => '{tenure,monthly_charges,total_charges,paperless_billing}', params => '{"n_estimators":20,"max_depth":3}');
SELECT abs((metrics->>'mean')::float8 - 0.8241) < 0.003 AS same_mean, abs((metrics->>'deviation')::float8 - 0.0108) < 0.005 AS same_deviation,
	metrics->'metric' AS metric, metrics->'folds' AS folds, metrics->'mean' = metrics->'auc' AS mean_of_auc,
	round((metrics->>'stability')::numeric, 1) AS stability,
	abs((metrics->>'stability')::float8 - (1 - (metrics->>'deviation')::float8 / (metrics->>'mean')::float8)) < 1e-5 AS as_defined
FROM folds WHERE fold IS NULL;
SELECT abs(avg((metrics->>'auc')::float8) - (SELECT (metrics->>'mean')::float8 FROM folds WHERE fold IS NULL)) < 1e-5 AS mean,
	abs(stddev_samp((metrics->>'auc')::float8) - (SELECT (metrics->>'deviation')::float8 FROM folds WHERE fold IS NULL)) < 1e-5 AS deviation
FROM folds WHERE fold IS NOT NULL;

-- stratified: each fold has the classes in the same shares
SELECT max(positive) - min(positive) <= 1 AS even
FROM (SELECT (metrics->'confusion_matrix'->1->>0)::int + (metrics->'confusion_matrix'->1->>1)::int AS positive
	FROM folds WHERE fold IS NOT NULL) f;

-- the same folds whatever the order of the rows; another seed gives others
CREATE TABLE shuffled AS SELECT * FROM telco ORDER BY md5(customer_id::text);
CREATE FUNCTION auc(source text, seed bigint) RETURNS text RETURN (SELECT string_agg(metrics->>'auc', ' ' ORDER BY fold)
	FROM engage_cross_validate(source, target => 'churn', key => 'customer_id', folds => 3, seed => seed, params => '{"n_estimators":3}'));
SELECT auc('telco', 1) = auc('shuffled', 1) AS same, auc('telco', 1) <> auc('telco', 2) AS differs;

-- ordered folds: what XGBoost gets on the same rows
CREATE TABLE dated AS SELECT t.*, date '2020-01-01' + (customer_id * 7919 % 7043) AS day FROM telco t;
CREATE TABLE expected (fold int, rows_train int, rows_test int, auc float8);
INSERT INTO expected VALUES (1, 1174, 1174, 0.8299), (2, 2348, 1174, 0.8267), (3, 3522, 1174, 0.8229), (4, 4696, 1174, 0.8392), (5, 5870, 1173, 0.8097);
SELECT fold, e.rows_train = c.rows_train AS rows_train, e.rows_test = c.rows_test AS rows_test,
	abs((metrics->>'auc')::float8 - auc) < 0.003 AS same_auc
FROM engage_cross_validate('dated', target => 'churn', key => 'customer_id', time_column => 'day',
	features => '{tenure,monthly_charges,total_charges,paperless_billing}', params => '{"n_estimators":20,"max_depth":3}') c
JOIN expected e USING (fold);

-- groups stay together: what tells a group by heart is worth nothing in another
CREATE TABLE grouped AS SELECT i AS id, i % 40 AS grp, (i % 40)::float8 AS leak, hashint4(i % 40) % 2 = 0 AS y FROM generate_series(1, 2000) i;
SELECT (metrics->>'auc')::numeric > 0.99 AS leaky
FROM engage_cross_validate('grouped', target => 'y', key => 'id', exclude => '{grp}', params => '{"n_estimators":10}') WHERE fold IS NULL;
SELECT (metrics->>'auc')::numeric < 0.7 AS apart
FROM engage_cross_validate('grouped', target => 'y', key => 'id', group_by => 'grp', params => '{"n_estimators":10}') WHERE fold IS NULL;
SELECT fold, rows_train, rows_test
FROM engage_cross_validate('grouped', target => 'y', key => 'id', group_by => 'grp', params => '{"n_estimators":2}');

-- a category that a fold has not learned is missing there: as if it were NULL
CREATE TABLE block AS SELECT i AS id, date '2024-01-01' + i AS day, CASE WHEN i > 400 THEN 'new' ELSE 'old' || i % 3 END AS c,
	CASE WHEN i <= 400 THEN 'old' || i % 3 END AS c_or_null, i * 7919 % 1009 AS x, (i * 7919 % 1009) + i % 3 * 300 > 700 AS y FROM generate_series(1, 600) i;
SELECT a.fold, a.metrics = b.metrics AS same
FROM engage_cross_validate('SELECT id, day, c, x, y FROM block', target => 'y', key => 'id', time_column => 'day', folds => 2, params => '{"n_estimators":5}') a
JOIN engage_cross_validate('SELECT id, day, c_or_null AS c, x, y FROM block', target => 'y', key => 'id', time_column => 'day', folds => 2, params => '{"n_estimators":5}') b USING (fold)
ORDER BY 1;

-- other tasks, weights, early stopping
SELECT metrics->'metric' AS metric, (metrics->>'mean')::float8 > 0 AS measured FROM engage_cross_validate('telco', target => 'tenure', task => 'quantile',
	key => 'customer_id', folds => 2, params => '{"n_estimators":5}') WHERE fold IS NULL;
SELECT metrics->'metric' AS metric, (metrics->>'mean')::float8 > 0 AS measured FROM engage_cross_validate('SELECT *, customer_id / 20 AS q, tenure / 12 AS years FROM telco',
	target => 'years', task => 'ranking', group_by => 'q', exclude => '{customer_id, tenure}', folds => 2, params => '{"n_estimators":5}') WHERE fold IS NULL;
SELECT metrics->'metric' AS metric, (metrics->>'mean')::float8 > 0.5 AS measured FROM engage_cross_validate('telco', target => 'contract', key => 'customer_id',
	folds => 2, weight => 'tenure', class_weight => 'balanced', metric => 'accuracy', params => '{"n_estimators":5,"early_stopping_rounds":3}') WHERE fold IS NULL;

-- a fold without a positive row has no AUC
SELECT fold, metrics->'auc' <> 'null' AS has_auc, metrics->'folds_without_value' AS without
FROM engage_cross_validate('SELECT *, customer_id IN (5, 6, 7) AS rare FROM telco', target => 'rare', exclude => '{churn}', key => 'customer_id',
	params => '{"n_estimators":2}');

-- curves, intervals and partitions are fitted in each fold, as training does
SELECT bool_and((a.metrics->>'log_loss')::float8 > (b.metrics->>'log_loss')::float8) AS curves_help, count(*)
FROM engage_cross_validate('telco', target => 'churn', key => 'customer_id', algorithm => 'naive_bayes') a
JOIN engage_cross_validate('telco', target => 'churn', key => 'customer_id', algorithm => 'naive_bayes', calibrate => 'isotonic') b USING (repeat, fold, rows_train, rows_test)
WHERE fold IS NOT NULL;
SELECT abs((metrics->>'coverage')::float8 - 0.9) < 0.02 AS coverage, (metrics->>'interval_size')::float8 > 0 AS size
FROM engage_cross_validate('telco', target => 'monthly_charges', key => 'customer_id', algorithm => 'linear_regression', intervals => 0.9) WHERE fold IS NULL;
SELECT abs((metrics->>'coverage')::float8 - 0.9) < 0.02 AS coverage, (metrics->>'interval_size')::float8 BETWEEN 1 AND 2 AS size, metrics->'parts' AS parts
FROM engage_cross_validate('telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression', intervals => 0.9, calibrate => 'sigmoid',
	partition_by => 'contract', folds => 3) WHERE fold IS NULL;
SELECT abs((c.metrics->>'auc')::float8 - (t.metrics->>'auc')::float8) < 0.001 AS as_trained, c.metrics->'parts' AS parts
FROM engage_cross_validate('dated', target => 'churn', key => 'customer_id', time_column => 'day', partition_by => 'contract',
	exclude => '{total_charges}', params => '{"n_estimators":20,"max_depth":3}') c,
	engage_train('parts', 'SELECT *, day >= date ''2020-01-01'' + 5870 AS held FROM dated', target => 'churn', key => 'customer_id', split => 'held', partition_by => 'contract',
	exclude => '{total_charges,day}', params => '{"n_estimators":20,"max_depth":3}') t
WHERE c.fold = 5;

-- every learner on the same folds, in one statement
SELECT count(*) = (SELECT count(*) FROM engage_algorithms() WHERE 'binary' = ANY (tasks) AND algorithm NOT IN ('mlp', 'ensemble')) AS all_of_them,
	bool_and((c.metrics->>'auc')::float8 > 0.7) AS sensible
FROM engage_algorithms() a, LATERAL engage_cross_validate('SELECT * FROM telco WHERE customer_id % 4 = 0', target => 'churn', algorithm => a.algorithm,
	key => 'customer_id', folds => 2) c
WHERE 'binary' = ANY (a.tasks) AND a.algorithm NOT IN ('mlp', 'ensemble') AND c.fold IS NULL;

-- complaints
\set VERBOSITY terse
SELECT engage_cross_validate(NULL);
SELECT engage_cross_validate('telco');
SELECT engage_cross_validate('telco', target => 'churn', folds => 1);
SELECT engage_cross_validate('telco', target => 'churn', repeats => 0);
SELECT engage_cross_validate('telco', target => 'churn', calibrate => 'magic');
SELECT engage_cross_validate('telco', target => 'churn', intervals => 90);
SELECT engage_cross_validate('telco', target => 'tenure', calibrate => 'isotonic');
SELECT engage_cross_validate('telco', target => 'churn', partition_by => 'no_such');
SELECT engage_cross_validate('telco', target => 'churn', metric => 'auk');
SELECT engage_cross_validate('telco', target => 'churn', metric => 'positive_rate');
SELECT engage_cross_validate('telco', target => 'churn', params => '{"max_dept":3}');
SELECT engage_cross_validate('telco', target => 'churn', group_by => 'contract');
SELECT engage_cross_validate('SELECT * FROM telco LIMIT 3', target => 'churn');
SELECT engage_cross_validate('SELECT *, CASE WHEN customer_id = 5 THEN ''x'' ELSE churn END AS c FROM telco', target => 'c', exclude => '{churn}');
SELECT engage_cross_validate('dated', target => 'churn', time_column => 'day', repeats => 2);
SELECT engage_cross_validate('dated', target => 'churn', time_column => 'day', group_by => 'contract');
SELECT engage_cross_validate('SELECT *, churn = ''Yes'' AS b FROM telco', target => 'churn', time_column => 'b');
SELECT engage_cross_validate('SELECT *, date ''2024-01-01'' AS d FROM telco', target => 'churn', time_column => 'd');
SET engage.max_memory = '1MB';
SELECT engage_cross_validate('telco', target => 'churn');
