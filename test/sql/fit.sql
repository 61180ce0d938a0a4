-- training as an aggregate: a model is a value
SET engage.progress = off;
SET client_min_messages = warning;
CREATE FUNCTION h(bigint, int) RETURNS float8 IMMUTABLE
RETURN (hashint8extended($1, $2) & 1048575) / 1048576.0;
CREATE TABLE t AS
SELECT id, CASE id % 3 WHEN 0 THEN 'north' WHEN 1 THEN 'south' ELSE 'west' END AS region, a, b, date '2020-01-01' + (1000 * b)::int AS day,
	CASE WHEN h(id, 3) < 0.5 THEN 'red' ELSE 'blue' END AS c, CASE WHEN id % 7 > 0 THEN ARRAY[a, -b] END AS v,
	a * (id % 3) + h(id, 4) * 0.5 > 0.9 AS two, CASE WHEN a + h(id, 5) * 0.3 < 0.4 THEN 'low' WHEN b > 0.7 THEN 'high' ELSE 'mid' END AS three,
	3 * a - 2 * b * (id % 3) + 1 AS y
FROM (SELECT id, h(id, 1) AS a, h(id, 2) AS b FROM generate_series(1, 6000) id) g;

-- a model for each region, from an array of features; exact where the truth is linear
CREATE TABLE m AS SELECT region, engage_fit('linear_regression', y, ARRAY[a, b]) AS model FROM t GROUP BY region;
SELECT region, pg_typeof(model), round(engage_predict(model, ARRAY[0, 0])::numeric, 3) AS intercept,
	round((engage_predict(model, ARRAY[1, 0]) - engage_predict(model, ARRAY[0, 0]))::numeric, 3) AS a,
	round((engage_predict(model, ARRAY[0, 1]) - engage_predict(model, ARRAY[0, 0]))::numeric, 3) AS b
FROM m ORDER BY region;
SELECT count(*), max(abs(engage_predict(model, ARRAY[a, b]) - y)) < 1e-4 AS exact FROM t JOIN m USING (region);

-- names for the array's elements: then a row or a JSON object has them too
SELECT max(abs(engage_predict(model, t) - engage_predict(model, ARRAY[a, b]))) < 1e-9 AS row_as_array,
	max(abs(engage_predict(model, to_jsonb(t)) - engage_predict(model, ARRAY[a, b]))) < 1e-9 AS json_as_array
FROM t, (SELECT engage_fit('linear_regression', y, ARRAY[a, b], '{}', NULL, '{a,b}') AS model FROM t WHERE region = 'north') m;

-- a row of features has numbers, categories, dates, arrays; the classes come back as they were
CREATE TABLE whole AS
SELECT engage_fit('xgboost', three, f, '{"n_estimators": 20, "max_depth": 3}') AS model
FROM t, LATERAL (SELECT a, b, c, day, v) f;
SELECT engage_predict_class(model, t) AS class, avg((engage_predict_class(model, t) = three)::int) > 0.8 AS right
FROM t, whole GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM t, whole WHERE engage_predict_proba(model, t) <> engage_predict_proba(model, to_jsonb(t));
SELECT k FROM whole, t, jsonb_object_keys(engage_predict_proba(model, t)) k WHERE id = 1 ORDER BY k;

-- the same rows give the same model, in any order, by any number of workers
SELECT engage_fit('xgboost', three, f, '{"n_estimators": 20, "max_depth": 3}') = (SELECT model FROM whole) AS same
FROM (SELECT * FROM t ORDER BY md5(id::text)) t, LATERAL (SELECT a, b, c, day, v) f;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
ALTER TABLE t SET (parallel_workers = 3);
EXPLAIN (COSTS OFF) SELECT engage_fit('linear_regression', y, ARRAY[a, b]) FROM t;
SELECT count(*) FROM (SELECT region, engage_fit('linear_regression', y, ARRAY[a, b]) AS model FROM t GROUP BY region) p
JOIN m USING (region, model);
SELECT engage_fit('xgboost', three, ROW(t.*)::t, '{"n_estimators": 3}') IS NOT NULL AS parallel_rows FROM t;
SET max_parallel_workers_per_gather = 0;

-- many groups, each with few rows; FILTER; several algorithms at once; a window
SELECT count(*) AS models, count(DISTINCT model) > 90 AS differ FROM (SELECT engage_fit('linear_regression', y, ARRAY[a, b]) AS model FROM t GROUP BY id % 100) g;
SELECT engage_fit('linear_regression', y, ARRAY[a, b]) FILTER (WHERE region = 'west') = (SELECT model FROM m WHERE region = 'west') AS filtered FROM t;
SELECT algorithm, engage_predict(engage_fit(algorithm, two, ARRAY[a, (id % 3)]), ARRAY[1, 2]) > 0.8 AS likely
FROM t, (VALUES ('logistic_regression'), ('xgboost')) g(algorithm) GROUP BY algorithm ORDER BY algorithm;
SELECT count(DISTINCT model) FROM (SELECT engage_fit('linear_regression', y, ARRAY[a, b]) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS model
	FROM t WHERE id BETWEEN 100 AND 105) w;

-- a variable that changes
CREATE FUNCTION intercepts() RETURNS SETOF numeric LANGUAGE plpgsql AS $$
DECLARE
	r record;
	x float8;
BEGIN
	FOR r IN SELECT model FROM m ORDER BY region LOOP
		x := engage_predict(r.model, ARRAY[0, 1]);
		RETURN NEXT round(x::numeric, 3);
	END LOOP;
END $$;
SELECT * FROM intercepts();

-- NULL: a row without target or features is left out; no rows, no model; NULL elements are missing values
SELECT engage_fit('linear_regression', CASE WHEN region = 'west' THEN y END, CASE WHEN id > 0 THEN ARRAY[a, b] END)
	= (SELECT model FROM m WHERE region = 'west') AS skipped FROM t;
SELECT engage_fit('linear_regression', y, ARRAY[a, b]) IS NULL AS nothing FROM t WHERE false;
SELECT engage_predict(NULL::bytea, t) IS NULL AS no_model FROM t LIMIT 1;
SELECT engage_predict(model, ARRAY[NULL, 0.5]::float8[]) IS NOT NULL AS missing_value FROM m LIMIT 1;

-- numbers of two values are classes unless told otherwise
SELECT engage_predict_class(engage_fit('xgboost', (id % 2), ARRAY[id % 2], '{"n_estimators": 5}'), ARRAY[1]) AS class,
	round(engage_predict(engage_fit('xgboost', (id % 2), ARRAY[id % 2], '{"n_estimators": 5}', 'regression', NULL), ARRAY[1])::numeric, 1) AS number FROM t;

-- early stopping has its rows
SELECT engage_fit('xgboost', y, ARRAY[a, b, id % 3], '{"n_estimators": 50, "early_stopping_rounds": 3}') IS NOT NULL AS stopped FROM t;

-- a value can be stored and dumped as any other, and registered under a name
SELECT engage_import('north', model) FROM m WHERE region = 'north';
SELECT max(abs(engage_predict('north', jsonb_build_object('f1', a, 'f2', b)) - engage_predict(model, ARRAY[a, b]))) < 1e-12 AS same FROM t, m WHERE m.region = 'north';

-- other users: what this server made is accepted, anything else is not
CREATE ROLE engage_fit_user;
GRANT SELECT ON m, t TO engage_fit_user;
CREATE TABLE unsealed AS SELECT engage_export('north', 'engage') AS model;
GRANT SELECT ON unsealed TO engage_fit_user;
SELECT count(engage_predict(model, ARRAY[0, 0])) FROM unsealed;
SET ROLE engage_fit_user;
SELECT count(engage_predict(model, ARRAY[0, 0])) FROM m;
SELECT engage_predict(engage_fit('linear_regression', y, ARRAY[a]), ARRAY[0.5]) BETWEEN -5 AND 5 AS own FROM t;
SELECT engage_predict(model, ARRAY[0, 0]) FROM unsealed;
SELECT engage_predict(set_byte(model, 100, get_byte(model, 100) # 1), ARRAY[0, 0]) FROM m;
RESET ROLE;
SELECT engage_predict(set_byte(model, 100, get_byte(model, 100) # 1), ARRAY[0, 0]) FROM m;
SELECT engage_predict('\x4547'::bytea, ARRAY[0, 0]);

-- complaints
\set VERBOSITY terse
SELECT engage_fit('linear_regresion', y, ARRAY[a, b]) FROM t;
SELECT engage_fit('xgboost', y, ARRAY[a, b], '{"max_dept": 3}') FROM t;
\set VERBOSITY default
SELECT engage_fit('linear_regression', y, CASE WHEN id = 9 THEN ARRAY[a] ELSE ARRAY[a, b] END) FROM t;
SELECT engage_fit('linear_regression', y, ARRAY[ARRAY[a, b]]) FROM t;
SELECT engage_fit('linear_regression', y, ARRAY[a, b], NULL, NULL, '{a}') FROM t;
SELECT engage_fit('linear_regression', y, ARRAY[a, b], NULL, NULL, '{a,a}') FROM t;
SELECT engage_fit('linear_regression', y, t, NULL, NULL, '{a}') FROM t;
SELECT engage_fit('linear_regression', y, a) FROM t;
SELECT engage_fit('linear_regression', day, ARRAY[a]) FROM t;
SELECT engage_fit('linear_regression', CASE WHEN id = 3 THEN 'NaN' ELSE y END, ARRAY[a]) FROM t;
SELECT engage_fit('linear_regression', 1, ARRAY[a]) FROM t;
SELECT engage_fit('linear_regression', y, j) FROM t, LATERAL (SELECT a, '{}'::jsonb AS j) j;
SELECT engage_fit(NULL, y, ARRAY[a]) FROM t;
SELECT engage_fit('xgboost', y, ARRAY[a], NULL, 'ranking', NULL) FROM t;
SELECT engage_predict(model, ARRAY[1, 2, 3]) FROM m;
SELECT engage_predict(model, ARRAY[1, 2, 3]) FROM whole;
SELECT engage.fit_final('\x00');
CREATE AGGREGATE wicked(bytea) (SFUNC = engage.fit_combine, STYPE = bytea, FINALFUNC = engage.fit_final);
SELECT wicked(b) FROM (VALUES ('\x00'::bytea), ('\x0000')) v(b);
SELECT wicked(b) FROM (VALUES ('\x140000000000000000000000000000000000000000'::bytea)) v(b);
SELECT wicked(b) FROM (VALUES ('\x150000000100000000000000000000000000000002'::bytea)) v(b);
SELECT wicked(b) FROM (VALUES ('\x1800000000000000000000000000000000000000ffffffff'::bytea)) v(b);
SELECT wicked(b) FROM (VALUES ('\x1400000000000000000000000800000000000000'::bytea)) v(b);

-- ---------------------------------------------------------------------------
-- more than a megabyte of rows: sums take their place where the algorithm learns from sums
-- ---------------------------------------------------------------------------
CREATE TYPE row_type AS (a float8, b float8, c text, day date, v float8[], at timestamp, same int, none float8[]);
CREATE TABLE large AS
SELECT id, 1e6 + a AS a, CASE WHEN id % 11 > 0 THEN b END AS b, CASE WHEN id % 13 > 0 THEN CASE WHEN id > 39000 THEN 'late' ELSE chr(97 + id % 5) END END AS c,
	date '2020-01-01' + id % 700 AS day, CASE WHEN id > 26000 THEN ARRAY[b, h(id, 7)] END AS v, timestamp '2024-01-01' + id * interval '1 minute' AS at, 3 AS same, NULL::float8[] AS none,
	2 * a - b + (id % 5) * 0.3 + (id % 700) * 0.001 + h(id, 8) * 0.1 AS y
FROM (SELECT id, h(id, 1) AS a, h(id, 2) AS b FROM generate_series(1, 40000) id) g;
CREATE VIEW row_large AS SELECT id, y, a, b, c, day, v, at, same, none FROM large;
CREATE AGGREGATE raw_fit(text, "any", "any") (SFUNC = engage.fit_accum, STYPE = bytea);
SELECT length(raw_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type)) < 2500000 AS small,
	length(raw_fit('logistic_regression', y > 1, ROW(a, b, c, day, v, at, same, none)::row_type)) > 2500000 AS rows_kept FROM large;
CREATE TABLE sums (n int, params jsonb, model bytea);
INSERT INTO sums SELECT n, params::jsonb, engage_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type, params::jsonb)
FROM large, (VALUES (1, '{}'), (2, '{"fit_intercept": false}'), (3, '{"penalty": "l2", "alpha": 3}'), (4, '{"penalty": "elasticnet", "alpha": 0.01, "tolerance": 1e-12}')) p(n, params) GROUP BY 1, 2;

-- the same as from the rows, in another order, in parallel, put together from parts
SELECT n, (engage_train('large' || n, 'row_large', target => 'y', key => 'id', algorithm => 'linear_regression', params => params, test_size => 0)).rows_train FROM sums ORDER BY n;
SELECT n, (SELECT max(abs(engage_predict(model, l) - engage_predict('large' || n, l))) FROM large l) < 1e-7 AS same FROM sums ORDER BY n;
SELECT n, count(*), max(abs(a.coefficient - b.coefficient) / b.std_error) < 1e-6 AS same_coefficients, max(abs(a.std_error / b.std_error - 1)) < 1e-6 AS same_errors
FROM sums, LATERAL (SELECT * FROM engage_coefficients(model)) a JOIN LATERAL (SELECT * FROM engage_coefficients('large' || n)) b USING (term) WHERE n < 3 GROUP BY n ORDER BY n;
SET max_parallel_workers_per_gather = 3;
ALTER TABLE large SET (parallel_workers = 3);
EXPLAIN (COSTS OFF) SELECT engage_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type) FROM large;
SELECT engage_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type) AS parallel FROM large \gset
SET max_parallel_workers_per_gather = 0;
SELECT engage_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type) AS shuffled FROM (SELECT * FROM large ORDER BY md5(id::text)) large \gset
CREATE AGGREGATE put_together(bytea) (SFUNC = engage.fit_combine, STYPE = bytea, FINALFUNC = engage.fit_final);
SELECT put_together(state ORDER BY part DESC) AS parts FROM (SELECT id / 13000 AS part, raw_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type) AS state FROM large GROUP BY 1) p \gset
SELECT what, (SELECT max(abs(engage_predict(x.model, l) - engage_predict('large1', l))) FROM large l) < 1e-7 AS same FROM (VALUES ('parallel', :'parallel'::bytea), ('parts', :'parts'), ('shuffled', :'shuffled')) x(what, model) ORDER BY 1;

-- the same complaints as with rows
SELECT engage_fit('linear_regression', 7, ARRAY[a, b, a, b, a, b, a, b]) FROM large;
SELECT engage_fit('linear_regression', id % 2 = 0, ARRAY[a, b, a, b, a, b, a, b]) FROM large;
SELECT engage_fit('linear_regression', id % 2, ARRAY[a, b, a, b, a, b, a, b], NULL, 'regression', NULL) IS NOT NULL AS learned FROM large;
SELECT engage_fit('linear_regression', y, CASE WHEN id = 39999 THEN ARRAY[a] ELSE ARRAY[a, b, a, b, a, b, a, b] END) FROM large;
SELECT engage_fit('linear_regression', y, ROW(CASE WHEN id = 39999 THEN ARRAY[a] ELSE ARRAY[a, b, a, b, a, b, a, b] END)) FROM large;
SET engage.max_categories = 5;
SELECT engage_fit('linear_regression', y, ROW(a, b, c, day, v, at, same, none)::row_type) FROM large;
RESET engage.max_categories;
DROP OWNED BY engage_fit_user;
DROP ROLE engage_fit_user;
