-- intervals and sets of classes: the promised coverage on rows that nobody has seen
SET engage.progress = off;
SET client_min_messages = warning;

-- exchangeable rows; the noise grows with c, so that quantiles can adapt and residuals cannot
CREATE FUNCTION h(bigint, int) RETURNS float8 IMMUTABLE
RETURN (hashint8extended($1, $2) & 1048575) / 1048576.0;
CREATE TABLE s AS
SELECT id, a, b, c, 3 * a + sin(6 * b) + (u1 + u2 + u3 - 1.5) * (0.2 + 2 * c) AS y, floor(4 * a * exp(u1))::int AS n,
	u2 < 1 / (1 + exp(2 - 4 * a)) AS two,
	CASE WHEN a + u1 < 0.6 THEN 'low' WHEN b + u2 > 1.3 THEN 'high' ELSE 'mid' END AS three
FROM (SELECT id, h(id, 1) AS a, h(id, 2) AS b, h(id, 3) AS c, h(id, 4) AS u1, h(id, 5) AS u2, h(id, 6) AS u3
	FROM generate_series(1, 40000) id) g;

-- 20,000 rows train, 20,000 others are asked
CREATE FUNCTION learn(model text, target text, task text, level float8, params text DEFAULT '{"n_estimators": 30, "max_depth": 4}',
	calibrate text DEFAULT NULL) RETURNS text
BEGIN ATOMIC
	SELECT e.version FROM engage_train(model, 'SELECT * FROM s WHERE id % 2 = 0', target => target, task => task, features => '{a,b,c}',
		key => 'id', test_size => 0.1, params => params::jsonb, intervals => level, calibrate => calibrate, deploy => 'always') e;
END;

SELECT learn('y90', 'y', NULL, 0.9), learn('y50', 'y', NULL, 0.5), learn('n80', 'n', 'count', 0.8),
	learn('q90', 'y', 'quantile', 0.9, '{"n_estimators": 30, "max_depth": 4, "quantiles": [0.05, 0.5, 0.95]}'),
	learn('early90', 'y', NULL, 0.9, '{"n_estimators": 200, "early_stopping_rounds": 5}'),
	learn('two90', 'two', NULL, 0.9), learn('three95', 'three', NULL, 0.95), learn('three90', 'three', NULL, 0.9, calibrate => 'isotonic');

-- coverage within 1.5 points of the promise
SELECT m, abs(avg((truth BETWEEN i[1] AND i[2])::int) - level) < 0.015 AS as_promised, bool_and(i[1] < i[2]) AS ordered
FROM (SELECT m, level, CASE m WHEN 'n80' THEN n ELSE y END AS truth, engage_predict_interval(m, s) AS i
	FROM s, (VALUES ('y90', 0.9), ('y50', 0.5), ('n80', 0.8), ('q90', 0.9), ('early90', 0.9)) v(m, level) WHERE id % 2 = 1) r
GROUP BY m, level ORDER BY m;
SELECT m, abs(avg((truth = ANY (c))::int) - level) < 0.015 AS as_promised, avg(cardinality(c)) BETWEEN 1 AND 2.2 AS useful
FROM (SELECT m, level, CASE m WHEN 'two90' THEN two::text ELSE three END AS truth, engage_predict_set(m, s) AS c
	FROM s, (VALUES ('two90', 0.9), ('three95', 0.95), ('three90', 0.9)) v(m, level) WHERE id % 2 = 1) r
GROUP BY m, level ORDER BY m;

-- the version says how it did on its own held-out rows
SELECT model, data->'interval'->'level' AS level, (data->'interval'->'rows')::int > 800 AS rows,
	abs((data->'interval'->'coverage')::float8 - (data->'interval'->'level')::float8) < 0.05 AS coverage,
	(data->'interval'->'mean_size')::float8 > 0 AS size
FROM engage.versions ORDER BY model;

-- residuals give every row the same width; quantiles widen where the noise is; counts stay above zero
SELECT m, count(DISTINCT round((i[2] - i[1])::numeric, 6)) = 1 AS one_width,
	avg(i[2] - i[1]) FILTER (WHERE c > 0.8) > 2 * avg(i[2] - i[1]) FILTER (WHERE c < 0.2) AS adapts
FROM (SELECT m, c, engage_predict_interval(m, s) AS i FROM s, unnest('{y90,q90}'::text[]) m WHERE id <= 2000) r GROUP BY m ORDER BY m;
SELECT min((engage_predict_interval('n80', s))[1]) FROM s;
SELECT bool_and(abs((i[1] + i[2]) / 2 - p) < 1e-9) AS centred
FROM (SELECT engage_predict_interval('y90', s) AS i, engage_predict('y90', s) AS p FROM s WHERE id <= 100) r;

-- the width is the quantile of the residuals that the definition says: time decides which rows calibrate
CREATE TABLE t AS SELECT id, date '2020-01-01' + id AS day, a, b, y FROM (SELECT id::int, a, b, y FROM s WHERE id <= 500) x;
SELECT e.rows_train FROM engage_train('cal', 't', target => 'y', features => '{a,b}', split => 'day', intervals => 0.9,
	params => '{"n_estimators": 10}') e;
SELECT e.rows_train FROM engage_train('fit', 'SELECT * FROM t WHERE id <= 320', target => 'y', features => '{a,b}', split => 'day',
	test_size => 0, params => '{"n_estimators": 10}') e;
WITH r AS (SELECT abs(y - engage_predict('fit', t)) AS s FROM t WHERE id BETWEEN 321 AND 400),
q AS (SELECT s AS q FROM r ORDER BY s OFFSET ceil(81 * 0.9)::int - 1 LIMIT 1)
SELECT count(*) AS same FROM t, q, engage_predict_interval('cal', t) i
WHERE abs((i[2] - i[1]) / 2 - q) < 1e-6 AND abs((i[1] + i[2]) / 2 - engage_predict('fit', t)) < 1e-6;

-- the most probable class comes first; sets are what the threshold says
SELECT count(*) FROM s WHERE id <= 2000 AND cardinality(engage_predict_set('three95', s)) > 0
	AND (engage_predict_set('three95', s))[1] <> engage_predict_class('three95', s);
SELECT bool_and(min_in > max_out) AS by_threshold
FROM (SELECT min(v::float8) FILTER (WHERE k = ANY (engage_predict_set('three95', s))) OVER () AS min_in,
		max(v::float8) FILTER (WHERE k <> ALL (engage_predict_set('three95', s))) OVER () AS max_out
	FROM s, jsonb_each_text(engage_predict_proba('three95', s)) e(k, v) WHERE id <= 500) r;

-- a row, its columns, a JSON object: the same; the planner turns rows into columns
SELECT count(*) FROM s WHERE id <= 200 AND (engage_predict_interval('q90', s) <> engage_predict_interval('q90', to_jsonb(s))
	OR engage_predict_set('two90', s) <> engage_predict_set('two90', to_jsonb(s)));
SELECT count(*) FROM (SELECT * FROM s WHERE id <= 200 OFFSET 0) r JOIN s USING (id)
WHERE engage_predict_interval('q90', r) <> engage_predict_interval('q90', s) OR engage_predict_set('two90', r) <> engage_predict_set('two90', s);
EXPLAIN (VERBOSE, COSTS OFF) SELECT engage_predict_interval('q90', t), engage_predict_set('q90', t) FROM t;
SELECT engage_predict_interval('y90', NULL::s) IS NULL AS null_row, engage_predict_set('two90', NULL::s) IS NULL AS null_set;

-- again, copied, deployed or not: the same
SELECT m, same_data, same_model FROM unnest('{y90,q90,three90}'::text[]) m, engage_verify(m);
SELECT version FROM engage_retrain('y90', deploy => 'never');
SELECT count(*) FROM s WHERE id <= 200 AND engage_predict_interval('y90', s) <> engage_predict_interval('y90@1.0.1', s);
SELECT engage_import('copy', engage_export('q90', 'engage'));
SELECT count(*) FROM s WHERE id <= 200 AND engage_predict_interval('copy', s) <> engage_predict_interval('q90', s);

-- each part has a width of its own; a value with too few rows has none
SELECT e.version FROM engage_train('parts', 'SELECT *, CASE WHEN c < 0.5 THEN ''calm'' WHEN id % 40 = 0 THEN ''few'' ELSE ''wild'' END AS part FROM s WHERE id < 4000',
	target => 'y', features => '{a,b}', key => 'id', partition_by => 'part', intervals => 0.9, params => '{"n_estimators": 20}') e;
SELECT part, count(DISTINCT round((i[2] - i[1])::numeric, 6)) AS widths, avg(i[2] - i[1]) > 3 AS wide
FROM (SELECT part, engage_predict_interval('parts', x) AS i
	FROM (SELECT *, CASE WHEN c < 0.5 THEN 'calm' WHEN id % 40 = 0 THEN 'few' ELSE 'wild' END AS part FROM s WHERE id < 4000) x) r
GROUP BY part ORDER BY part;
SELECT jsonb_object_keys(data->'parts') AS part, data->'values_without_part' AS without FROM engage.versions WHERE model = 'parts';

-- complaints
SELECT version FROM engage_train('plain', 't', target => 'y', features => '{a,b}', split => 'day', params => '{"n_estimators": 1}');
SELECT engage_predict_interval('plain', t) FROM t;
SELECT engage_predict_interval('two90', s) FROM s;
SELECT engage_predict_set('y90', s) FROM s;
SELECT engage_train('bad', 't', target => 'y', intervals => 1);
SELECT engage_train('bad', 't', target => 'y', intervals => 'NaN');
SELECT engage_train('bad', 't', target => 'y', exclude => '{day}', intervals => 0.999);
SELECT engage_train('bad', 't', target => 'y', exclude => '{day}', task => 'quantile', params => '{"quantiles": [0.5]}', intervals => 0.9);
SELECT engage_train('bad', 'SELECT *, id % 9 AS g, id % 4 AS r FROM t', target => 'r', group_by => 'g', exclude => '{day}', intervals => 0.9);
