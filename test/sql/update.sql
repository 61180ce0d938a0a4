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
DROP OWNED BY engage_update_other;
DROP ROLE engage_update_other;
