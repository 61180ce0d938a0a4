-- what a feature does to the score: beside it the same worked out in SQL from engage_predict() alone; scikit-learn's and numpy's
-- numbers are in test/t/090_importance.pl
SET engage.progress = off;
SET client_min_messages = warning;

CREATE TABLE r AS
SELECT i AS id, round((i * 7919 % 1009) / 100.0, 2)::float8 AS a, CASE WHEN i % 10 > 0 THEN i * 104729 % 41 END AS b, i % 7 = 0 AS flag, i % 3 = 0 AS held,
	CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'red' WHEN 2 THEN 'blue' ELSE 'green' END AS color, date '2024-01-01' + (i * 31 % 97) AS day,
	timestamptz '2024-01-01 12:00+00' + i * interval '7 hours' AS at, ARRAY[i % 11, i % 13]::float8[] AS v, make_interval(hours => i % 5) AS wait, 5 AS k,
	CASE i % 4 WHEN 0 THEN 'north' WHEN 1 THEN 'south' ELSE 'west' END AS region
FROM generate_series(1, 400) i;
ALTER TABLE r ADD y float8, ADD good text, ADD kind text;
UPDATE r SET y = 3 * a - coalesce(b, 7) + CASE WHEN flag THEN 9 ELSE 0 END + a * v[1] / 5 + CASE color WHEN 'red' THEN 4 WHEN 'blue' THEN -4 ELSE 0 END;
UPDATE r SET good = CASE WHEN y > 8 THEN 'yes' ELSE 'no' END, kind = CASE WHEN y > 15 THEN 'high' WHEN y > 5 THEN 'mid' ELSE 'low' END;
SELECT version FROM engage_train('tree', 'r', target => 'y', split => 'held', exclude => '{id,good,kind,region}', params => '{"n_estimators": 30, "max_depth": 4}');
SELECT version FROM engage_train('good', 'r', target => 'good', split => 'held', exclude => '{id,y,kind,region}', algorithm => 'random_forest', params => '{"n_estimators": 10}');
SELECT version FROM engage_train('kind', 'r', target => 'kind', split => 'held', exclude => '{id,y,good,region}', params => '{"n_estimators": 10}');
SELECT version FROM engage_train('line', 'r', target => 'y', split => 'held', features => '{a,b,k}', algorithm => 'linear_regression');
SELECT version FROM engage_train('parts', 'r', target => 'y', split => 'held', features => '{a,b,color}', partition_by => 'region', params => '{"n_estimators": 10}');

-- mean, deviation and quantiles of the scores of all rows with the value put in
CREATE FUNCTION moved(model text, feature text, word text, feature2 text DEFAULT NULL, word2 text DEFAULT NULL) RETURNS SETOF float8 LANGUAGE sql AS $$
	SELECT engage_predict(model, to_jsonb(r) || jsonb_build_object(feature, word) || CASE WHEN feature2 IS NULL THEN '{}'::jsonb ELSE jsonb_build_object(feature2, word2) END) FROM r
$$;

-- ---------------------------------------------------------------------------
-- partial dependence
-- ---------------------------------------------------------------------------

SELECT m.model, feature, count(*) AS points, count(*) FILTER (WHERE abs(d.value - o.mean) < 1e-6 AND abs(d.deviation - o.deviation) < 1e-6
	AND abs(d.lower - o.lower) < 1e-6 AND abs(d.upper - o.upper) < 1e-6) AS agree
FROM (VALUES ('tree'), ('good')) m(model), unnest('{a,b,flag,color,day,wait}'::text[]) feature, engage_dependence(m.model, 'r', feature, grid => 6) d,
	LATERAL (SELECT avg(s) AS mean, stddev_pop(s) AS deviation, percentile_cont(0.1) WITHIN GROUP (ORDER BY s) AS lower, percentile_cont(0.9) WITHIN GROUP (ORDER BY s) AS upper
		FROM moved(m.model, feature, d.feature_value) s) o
GROUP BY 1, 2 ORDER BY 1, 2;

-- values in words and to plot by; how many rows there are; the grid of whole numbers is whole, and dates are days
SELECT feature_value, x, count, second IS NULL AND second_value IS NULL AND x2 IS NULL AND id IS NULL AS alone FROM engage_dependence('tree', 'r', 'color');
SELECT feature_value, x, count FROM engage_dependence('tree', 'r', 'b', grid => 5);
SELECT feature_value, (to_timestamp(x) AT TIME ZONE 'UTC')::date = feature_value::date AS same, count FROM engage_dependence('tree', 'r', 'day', grid => 4);
SELECT feature_value, x, count FROM engage_dependence('tree', 'r', 'flag');
SELECT feature_value, x, count FROM engage_dependence('tree', 'r', 'v[2]', grid => 3);
SELECT feature_value, count FROM engage_dependence('tree', 'r', 'color', grid => 2);
SELECT feature_value, x FROM engage_dependence('tree', 'r', 'a', grid => 4);
-- a constant; nearly all the same
SELECT feature_value, count FROM engage_dependence('line', 'r', 'k');
SELECT feature_value, count FROM engage_dependence('line', 'SELECT a, b, CASE WHEN id < 396 THEN 0 ELSE id END AS k FROM r', 'k', grid => 4);

-- two features
SELECT count(*) AS points, count(*) FILTER (WHERE abs(d.value - (SELECT avg(s) FROM moved('tree', 'a', d.feature_value, 'color', d.second_value) s)) < 1e-6) AS agree, sum(count) AS rows
FROM engage_dependence('tree', 'r', 'a', grid => 4, feature2 => 'color') d;

-- classes
SELECT count(*), bool_and(abs(y.value + n.value - 1) < 1e-9 AND abs(y.lower + n.upper - 1) < 1e-9) AS mirrored
FROM engage_dependence('good', 'r', 'a', class => 'yes') y JOIN engage_dependence('good', 'r', 'a', class => 'no') n USING (x);
SELECT x, abs(sum(value) - 1) < 1e-6 AS probabilities FROM unnest('{high,mid,low}'::text[]) c, engage_dependence('kind', 'r', 'a', grid => 3, class => c) GROUP BY 1 ORDER BY 1;

-- partitions: each row by its own part
SELECT count(*) AS points, count(*) FILTER (WHERE abs(d.value - (SELECT avg(s) FROM moved('parts', 'a', d.feature_value) s)) < 1e-6) AS agree
FROM engage_dependence('parts', 'r', 'a', grid => 5) d;

-- curves of rows
SELECT count(*), count(DISTINCT d.id), count(*) FILTER (WHERE abs(value - engage_predict('tree', to_jsonb(r) || jsonb_build_object('a', feature_value))) < 1e-6) AS agree
FROM engage_dependence('tree', 'r', 'a', 'ice', grid => 5, sample => 100, key => 'id') d JOIN r ON r.id = d.id::int;
SELECT count(DISTINCT id), min(id::int), max(id::int) FROM engage_dependence('tree', 'r', 'a', 'ice', grid => 2, sample => 7);

-- a sample depends on content and seed, not on the order of the rows
SELECT array_agg(value) = (SELECT array_agg(value) FROM engage_dependence('tree', 'SELECT * FROM r ORDER BY md5(id::text)', 'a', sample => 50)) AS any_order,
	array_agg(value) = (SELECT array_agg(value) FROM engage_dependence('tree', 'r', 'a', sample => 50, seed => 2)) AS any_seed
FROM engage_dependence('tree', 'r', 'a', sample => 50);

-- ---------------------------------------------------------------------------
-- accumulated local effects
-- ---------------------------------------------------------------------------

-- of a line: the slope, and 0 in the mean of the rows
SELECT count(*) AS points, bool_and(abs((value - first) - (x - x0) * slope) < 1e-4) AS straight, sum(count) AS rows, max(deviation) < 1e-4 AS everywhere
FROM (SELECT *, first_value(value) OVER (ORDER BY x) AS first, first_value(x) OVER (ORDER BY x) AS x0 FROM engage_dependence('line', 'r', 'a', 'ale')) d,
	(SELECT (engage_predict('line', '{"a": 9, "b": 1, "k": 5}'::jsonb) - engage_predict('line', '{"a": 1, "b": 1, "k": 5}'::jsonb)) / 8 AS slope) s;
SELECT abs(sum((value + before) / 2 * count) / sum(count)) < 1e-9 AS centred
FROM (SELECT *, lag(value) OVER (ORDER BY x) AS before FROM engage_dependence('tree', 'r', 'a', 'ale')) d;
-- of trees: differences in each bin
SELECT count(*) AS bins, count(*) FILTER (WHERE abs(value - before - o.delta) < 1e-5 AND count = o.n) AS agree
FROM (SELECT *, lag(value) OVER w AS before, lag(x) OVER w AS x0, row_number() OVER w AS k FROM engage_dependence('tree', 'r', 'a', 'ale', grid => 8) WINDOW w AS (ORDER BY x)) d,
	LATERAL (SELECT count(*) AS n, avg(engage_predict('tree', to_jsonb(r) || jsonb_build_object('a', d.x)) - engage_predict('tree', to_jsonb(r) || jsonb_build_object('a', d.x0))) AS delta
		FROM r WHERE r.a <= d.x AND (r.a > d.x0 OR d.k = 2 AND r.a = d.x0)) o
WHERE before IS NOT NULL;
SELECT abs(sum(value * count)) < 1e-9 AS centred, sum(count) AS rows, count(*) AS categories FROM engage_dependence('tree', 'r', 'color', 'ale');
SELECT feature_value, value FROM engage_dependence('line', 'r', 'k', 'ale');
-- together: nothing in a sum, something in a product
SELECT max(abs(value)) < 1e-4 AS nothing, count(*) AS points, sum(count) AS rows FROM engage_dependence('line', 'r', 'a', 'ale', feature2 => 'b', grid => 5);
SELECT max(abs(value)) > 1 AS something FROM engage_dependence('tree', 'r', 'a', 'ale', feature2 => 'v[1]', grid => 5);

-- ---------------------------------------------------------------------------
-- contributions
-- ---------------------------------------------------------------------------

SELECT count(*), count(*) FILTER (WHERE abs(value - (SELECT (engage_predict('line', '{"a": 9, "b": 1, "k": 5}'::jsonb) - engage_predict('line', '{"a": 1, "b": 1, "k": 5}'::jsonb)) / 8)
	* (r.a - (SELECT avg(a) FROM r WHERE NOT held))) < 1e-4 AND d.x = r.a) AS agree
FROM engage_dependence('line', 'r', 'a', 'shap', key => 'id') d JOIN r ON r.id = d.id::int;
-- what interacts with a is known; another can be asked for
SELECT DISTINCT second FROM engage_dependence('tree', 'r', 'a', 'shap');
SELECT second, count(*), count(*) FILTER (WHERE second_value IS NOT DISTINCT FROM color) AS agree FROM engage_dependence('tree', 'r', 'a', 'shap', feature2 => 'color', key => 'id') d
JOIN r ON r.id = d.id::int GROUP BY 1;
SELECT bool_and(abs(y.value + n.value) < 1e-9) AS mirrored FROM engage_dependence('good', 'r', 'a', 'shap', class => 'yes', key => 'id', sample => 50) y
JOIN engage_dependence('good', 'r', 'a', 'shap', class => 'no', key => 'id', sample => 50) n USING (id);

-- ---------------------------------------------------------------------------
-- bad input
-- ---------------------------------------------------------------------------

\set VERBOSITY default
SELECT engage_dependence(NULL, 'r', 'a');
SELECT engage_dependence('tree', 'r', NULL);
SELECT engage_dependence('tree', 'r', 'colour');
SELECT engage_dependence('tree', 'r', 'a', feature2 => 'z');
SELECT engage_dependence('tree', 'r', 'a', feature2 => 'a');
SELECT engage_dependence('tree', 'r', 'a', 'ice', feature2 => 'b');
SELECT engage_dependence('tree', 'r', 'a', 'pdp');
SELECT engage_dependence('tree', 'r', 'a', grid => 1);
SELECT engage_dependence('tree', 'r', 'a', grid => 101, feature2 => 'b');
SELECT engage_dependence('tree', 'r', 'a', sample => 0);
SELECT engage_dependence('tree', 'r', 'a', 'ale', feature2 => 'color');
SELECT engage_dependence('tree', 'r', 'a', class => 'yes');
SELECT engage_dependence('kind', 'r', 'a');
SELECT engage_dependence('kind', 'r', 'a', class => 'yes');
SELECT engage_dependence('tree', 'r', 'a', 'ice', key => 'nr');
SELECT engage_dependence('line', 'SELECT * FROM r WHERE false', 'a');
SELECT engage_dependence('line', 'SELECT a, k FROM r', 'a');
SELECT engage_dependence('line', 'SELECT a, k, color AS b FROM r', 'a');
SELECT engage_dependence('line', 'SELECT a, k, NULL::int AS b FROM r', 'b');
SELECT engage_dependence('line', 'SELECT a, k, NULL::int AS b FROM r', 'b', 'ale');
SELECT engage_dependence('line', 'SELECT a, k, NULL::int AS b FROM r', 'b', 'shap');
SELECT engage_dependence('line', 'SELECT a, k, NULL::int AS b FROM r', 'a', 'ale', feature2 => 'b');
-- one row
SELECT kind, count(*), count(value) FROM unnest('{partial,ice,ale,shap}'::text[]) kind, engage_dependence('line', 'SELECT * FROM r LIMIT 1', 'a', kind) GROUP BY 1 ORDER BY 1;

-- equal rows are in a sample or not one by one: 100 copies of a table are like the table
SELECT count(DISTINCT id) BETWEEN 120 AND 200 AS different, count(*) FROM engage_dependence('line', 'SELECT r.* FROM r, generate_series(1, 100)', 'a', 'ice', grid => 2, sample => 200, key => 'id')
WHERE x = (SELECT min(x) FROM engage_dependence('line', 'SELECT r.* FROM r, generate_series(1, 100)', 'a', 'ice', grid => 2, sample => 200, key => 'id'));
SELECT array_agg(value) = (SELECT array_agg(value) FROM engage_dependence('line', 'SELECT r.* FROM generate_series(1, 100), r ORDER BY md5(id::text)', 'a', sample => 200)) AS any_order
FROM engage_dependence('line', 'SELECT r.* FROM r, generate_series(1, 100)', 'a', sample => 200);
