-- cross-conformal intervals and sets: no rows set apart, the promised coverage on rows that nobody has seen
SET engage.progress = off;
SET client_min_messages = warning;

-- exchangeable rows, as in intervals.sql: 20,000 train, 20,000 others are asked
CREATE FUNCTION h(bigint, int) RETURNS float8 IMMUTABLE
RETURN (hashint8extended($1, $2) & 1048575) / 1048576.0;
CREATE TABLE s AS
SELECT id, a, b, c, 3 * a + sin(6 * b) + (u1 + u2 + u3 - 1.5) * (0.2 + 2 * c) AS y, floor(4 * a * exp(u1))::int AS n,
	u2 < 1 / (1 + exp(2 - 4 * a)) AS two, 'w' || floor(8 * c * u1 * u1)::int AS word,
	CASE WHEN a + u1 < 0.6 THEN 'low' WHEN b + u2 > 1.3 THEN 'high' ELSE 'mid' END AS three
FROM (SELECT id, h(id, 1) AS a, h(id, 2) AS b, h(id, 3) AS c, h(id, 4) AS u1, h(id, 5) AS u2, h(id, 6) AS u3
	FROM generate_series(1, 40000) id) g;
CREATE FUNCTION learn(model text, target text, task text, level float8, params text DEFAULT '{"n_estimators": 30, "max_depth": 4}',
	calibrate text DEFAULT NULL, algorithm text DEFAULT 'xgboost', folds int DEFAULT 5, method text DEFAULT 'cross') RETURNS text
BEGIN ATOMIC
	SELECT e.version FROM engage_train(model, 'SELECT * FROM s WHERE id % 2 = 0', target => target, task => task, features => '{a,b,c}', algorithm => algorithm,
		key => 'id', test_size => 0.1, params => params::jsonb, intervals => level, calibrate => calibrate, interval_method => method, interval_folds => folds,
		deploy => 'always') e;
END;
SELECT learn('y90', 'y', NULL, 0.9), learn('y50', 'y', NULL, 0.5), learn('n80', 'n', 'count', 0.8), learn('line90', 'y', NULL, 0.9, '{}', NULL, 'linear_regression', 10),
	learn('q90', 'y', 'quantile', 0.9, '{"n_estimators": 30, "max_depth": 4, "quantiles": [0.05, 0.5, 0.95]}'),
	learn('early90', 'y', NULL, 0.9, '{"n_estimators": 200, "early_stopping_rounds": 5}'),
	learn('two90', 'two', NULL, 0.9), learn('three95', 'three', NULL, 0.95), learn('three90', 'three', NULL, 0.9, calibrate => 'isotonic'),
	learn('split90', 'y', NULL, 0.9, method => 'split');

-- coverage within 1.5 points of the promise
SELECT m, abs(avg((truth BETWEEN i[1] AND i[2])::int) - level) < 0.015 AS as_promised
FROM (SELECT m, level, CASE m WHEN 'n80' THEN n ELSE y END AS truth, engage_predict_interval(m, s) AS i
	FROM s, (VALUES ('y90', 0.9), ('y50', 0.5), ('n80', 0.8), ('q90', 0.9), ('early90', 0.9), ('line90', 0.9)) v(m, level) WHERE id % 2 = 1) r
GROUP BY m, level ORDER BY m;
SELECT m, abs(avg((truth = ANY (c))::int) - level) < 0.015 AS as_promised, avg(cardinality(c)) BETWEEN 1 AND 2.2 AS useful
FROM (SELECT m, level, CASE m WHEN 'two90' THEN two::text ELSE three END AS truth, engage_predict_set(m, s) AS c
	FROM s, (VALUES ('two90', 0.9), ('three95', 0.95), ('three90', 0.9)) v(m, level) WHERE id % 2 = 1) r
GROUP BY m, level ORDER BY m;

-- all rows learn, all rows calibrate; only early stopping keeps some
SELECT model, (data->>'rows_train')::int + (data->>'rows_validation')::int AS learn, data->'interval'->'rows' = data->'rows_train' AS all_calibrate,
	data->'interval'->'method' AS method, data->'interval'->'folds' AS folds, data->'calibration' AS calibration
FROM engage.versions WHERE model <> 'split90' ORDER BY model;
SELECT (data->'interval') - '{coverage,mean_size}'::text[] AS interval, recipe->'interval_method' AS recipe FROM engage.versions WHERE model = 'split90';

-- the model is the one without intervals; calibrated probabilities come true
SELECT e.version FROM engage_train('plain', 'SELECT * FROM s WHERE id % 2 = 0', target => 'y', features => '{a,b,c}', key => 'id', test_size => 0.1,
	params => '{"n_estimators": 30, "max_depth": 4}') e;
SELECT count(*) AS differ FROM s WHERE engage_predict('plain', s) <> engage_predict('y90', s);
SELECT abs(avg((engage_predict_proba('three90', s)->>'mid')::float8) - avg((three = 'mid')::int)) < 0.02 AS calibrated FROM s WHERE id % 2 = 1;

-- the width is the quantile of the residuals out of fold that the definition says: with two rows in each key, and as many folds as keys,
-- the models of the folds can be made by hand
CREATE TABLE t AS SELECT id / 2 AS key, id, a, b, y FROM (SELECT id::int, a, b, y FROM s WHERE id BETWEEN 2 AND 25) x;
SELECT e.rows_train FROM engage_train('all', 't', target => 'y', features => '{a,b}', key => 'key', test_size => 0, algorithm => 'linear_regression', intervals => 0.8,
	interval_method => 'cross', interval_folds => 12) e;
SELECT count(e.version) FROM generate_series(1, 12) k, LATERAL engage_train('without' || k, 'SELECT * FROM t WHERE key <> ' || k, target => 'y', features => '{a,b}',
	key => 'key', test_size => 0, algorithm => 'linear_regression') e;
WITH r AS (SELECT abs(y - engage_predict('without' || key, t)) AS s FROM t), q AS (SELECT s AS q FROM r ORDER BY s OFFSET ceil(25 * 0.8)::int - 1 LIMIT 1)
SELECT count(*) AS same FROM t, q, engage_predict_interval('all', t) i WHERE abs((i[2] - i[1]) / 2 - q) < 1e-6 AND abs((i[1] + i[2]) / 2 - engage_predict('all', t)) < 1e-9;

-- steadier than with rows set apart: over 12 samples of 300 rows the width varies less
SELECT count(t.version) FROM generate_series(1, 12) k, unnest('{split,cross}'::text[]) m, LATERAL engage_train('width_' || m || k, 'SELECT * FROM s WHERE id % 100 = ' || k, target => 'y',
	features => '{a,b,c}', key => 'id', test_size => 0.25, params => '{"n_estimators": 30, "max_depth": 3}', intervals => 0.9, interval_method => m) t;
SELECT stddev(width) FILTER (WHERE model LIKE 'width_cross%') < 0.7 * stddev(width) FILTER (WHERE model LIKE 'width_split%') AS steadier
FROM (SELECT model, (data->'interval'->'mean_size')::float8 AS width FROM engage.versions WHERE model LIKE 'width%') v;

-- words that a fold does not have, weights, groups of equal keys, parts
SELECT e.version FROM engage_train('words', 'SELECT *, id / 3 AS key, 1 + id % 2 AS w FROM s WHERE id < 600', target => 'y', features => '{a,word}', key => 'key', weight => 'w',
	algorithm => 'linear_regression', intervals => 0.9, interval_method => 'cross') e;
SELECT e.version FROM engage_train('parts', 'SELECT *, CASE WHEN c < 0.5 THEN ''calm'' WHEN id % 40 = 0 THEN ''few'' ELSE ''wild'' END AS part FROM s WHERE id < 4000',
	target => 'y', features => '{a,b}', key => 'id', partition_by => 'part', intervals => 0.9, interval_method => 'cross', params => '{"n_estimators": 20}') e;
SELECT part, count(DISTINCT round((i[2] - i[1])::numeric, 6)) AS widths, avg(i[2] - i[1]) BETWEEN 2.8 AND 3.2 AS wide
FROM (SELECT part, engage_predict_interval('parts', x) AS i
	FROM (SELECT *, CASE WHEN c < 0.5 THEN 'calm' WHEN id % 40 = 0 THEN 'few' ELSE 'wild' END AS part FROM s WHERE id < 4000) x) r
GROUP BY part ORDER BY part;

-- an ensemble within, a network that learns on
SELECT e.version FROM engage_train('blend', 'SELECT * FROM s WHERE id < 2000', target => 'y', features => '{a,b,c}', key => 'id', algorithm => 'ensemble', intervals => 0.9,
	interval_method => 'cross', params => '{"folds": 2, "members": [{"algorithm": "linear_regression"}, {"algorithm": "xgboost", "params": {"n_estimators": 9}}]}') e;
SELECT e.version FROM engage_train('net', 'SELECT * FROM s WHERE id % 2 = 0 AND id < 4000', target => 'three', features => '{a,b,c}', key => 'id', algorithm => 'mlp', intervals => 0.9,
	interval_method => 'cross', calibrate => 'sigmoid', params => '{"layers": [16], "epochs": 20}') e;
SELECT e.version FROM engage_update('net', 'SELECT * FROM s WHERE id % 2 = 0 AND id BETWEEN 4000 AND 20000', deploy => 'always') e;
SELECT version, (data->'interval'->'rows')::int = (data->'rows_train')::int AS all_calibrate, data->'interval'->'method' AS method FROM engage.versions WHERE model = 'net' ORDER BY 1;
SELECT abs(avg((three = ANY (engage_predict_set('net', s)))::int) - 0.9) < 0.03 AS as_promised FROM s WHERE id % 2 = 1;

-- again, copied: the same
SELECT m, same_data, same_model FROM unnest('{y90,q90,three90,early90,words,blend}'::text[]) m, engage_verify(m) ORDER BY 1;
SELECT version FROM engage_retrain('y90', deploy => 'never');
SELECT count(*) FROM s WHERE id <= 200 AND engage_predict_interval('y90', s) <> engage_predict_interval('y90@1.0.1', s);
SELECT engage_import('copy', engage_export('q90', 'engage'));
SELECT count(*) FROM s WHERE id <= 200 AND engage_predict_interval('copy', s) <> engage_predict_interval('q90', s);
SELECT recipe->'interval_method' AS method, recipe->'interval_folds' AS folds FROM engage.versions WHERE model = 'line90';

-- complaints
SELECT engage_train('bad', 't', target => 'y', intervals => 0.9, interval_method => 'loo');
SELECT engage_train('bad', 't', target => 'y', interval_method => 'cross');
SELECT engage_train('bad', 't', target => 'y', intervals => 0.9, interval_method => 'cross', interval_folds => 1);
SELECT engage_train('bad', 't', target => 'y', intervals => 0.9, interval_method => 'cross', interval_folds => 51);
SELECT engage_train('bad', 't', target => 'y', intervals => 0.99, interval_method => 'cross');
SELECT engage_train('bad', 'SELECT *, id % 9 AS g, id % 4 AS r FROM t', target => 'r', group_by => 'g', intervals => 0.9, interval_method => 'cross');
SELECT engage_train('bad', 'SELECT *, CASE WHEN key = 5 THEN ''x'' ELSE ''z'' || id % 2 END AS k FROM t', target => 'k', key => 'key', features => '{a,b}', test_size => 0, intervals => 0.8, interval_method => 'cross');
SELECT engage_train('bad', 'SELECT * FROM t LIMIT 1', target => 'y', key => 'key', features => '{a,b}', test_size => 0, intervals => 0.5, interval_method => 'cross');
