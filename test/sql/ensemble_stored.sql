-- stored models as members of an ensemble: each sees its own columns, words, dates and classes
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

CREATE FUNCTION blend(model text, members text, source text, target text, key text DEFAULT 'id', method text DEFAULT 'average', task text DEFAULT NULL,
	features text[] DEFAULT NULL, exclude text[] DEFAULT NULL, more jsonb DEFAULT '{}', test_size float8 DEFAULT 0.2, split text DEFAULT NULL, positive text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
	SELECT version FROM engage_train(model, source, target => target, key => key, algorithm => 'ensemble', task => task, features => features, exclude => exclude,
		test_size => test_size, split => split, positive => positive, deploy => 'always',
		params => jsonb_build_object('members', members::jsonb, 'method', method) || more) $$;

-- words, days, arrays and numbers with gaps; "rare" is in few rows, and each member sees some of the words
CREATE TABLE v AS
SELECT id, 3 * a + b + CASE w WHEN 'red' THEN 2 WHEN 'blue' THEN -1 ELSE 0 END + (d - date '2024-06-01') / 50.0 AS y, (a + b > 1) AS yes,
	CASE WHEN a < 0.3 THEN 'low' WHEN a < 0.6 THEN 'mid' ELSE 'high' END AS three, floor(5 * a)::int AS n,
	CASE WHEN id % 9 > 0 THEN a END AS a, b, w, d, d + (id % 86400) * interval '1 second' AS t, arr, 'only' || id % 5 AS other
FROM (SELECT id, (hashint4(id) & 65535) / 65536.0::float8 AS a, (hashint4(id + 7000) & 65535) / 65536.0::float8 AS b,
		CASE WHEN id % 13 = 0 THEN NULL WHEN id % 97 = 0 THEN 'rare' || id ELSE ('{red,blue,green,""}'::text[])[1 + id % 4] END AS w,
		date '2024-01-01' + (id * 7) % 300 AS d, ARRAY[id % 3, id % 5, id % 7]::float4[] AS arr
	FROM generate_series(1, 2000) id) g;
SELECT version FROM engage_train('early', 'SELECT id, w, b, d, y FROM v WHERE d < ''2024-05-01'' AND w IS DISTINCT FROM ''blue''', target => 'y', key => 'id', params => '{"n_estimators":20}');
SELECT version FROM engage_train('late', 'SELECT y, arr, a, t, d, w, id FROM v WHERE id > 500', target => 'y', key => 'id', params => '{"n_estimators":20}');
SELECT version FROM engage_train('line', 'SELECT * FROM v WHERE id % 2 = 0', target => 'y', key => 'id', features => '{d,w,a,other}', algorithm => 'linear_regression');

-- the average is that of what the members say alone, row by row; new words, old days and NULL included
SELECT blend('three', '["early","late@1.0.0","line"]', 'v', 'y');
SELECT count(*) AS rows, count(*) FILTER (WHERE abs(engage_predict('three', v) - (engage_predict('early', v) + engage_predict('late', v) + engage_predict('line', v)) / 3) > 1e-12) AS differ
FROM v;
CREATE TABLE new_rows AS
SELECT g AS id, (ARRAY['red','purple',NULL,'rare97'])[1 + g % 4] AS w, CASE WHEN g % 3 > 0 THEN 0.5 + g END AS a, 0.25 AS b, date '2000-01-01' + g * 400 AS d,
	timestamp '2010-01-01' + g * interval '1 day' AS t, CASE WHEN g % 5 > 0 THEN ARRAY[1, NULL, g]::float4[] END AS arr, 'only1' AS other
FROM generate_series(1, 30) g;
SELECT count(*) FILTER (WHERE abs(engage_predict('three', v) - (engage_predict('early', v) + engage_predict('late', v) + engage_predict('line', v)) / 3) > 1e-12) AS differ,
	count(*) FILTER (WHERE engage_predict('three', v) IS DISTINCT FROM engage_predict('three', to_jsonb(v))) AS json_differs
FROM new_rows v;

-- timestamps that members count from different days are shifted in single precision: near, not equal
SELECT version FROM engage_train('t1', 'SELECT id, t, y FROM v WHERE d < ''2024-05-01''', target => 'y', key => 'id', params => '{"n_estimators":20}');
SELECT version FROM engage_train('t2', 'SELECT id, t, y FROM v', target => 'y', key => 'id', params => '{"n_estimators":20}');
SELECT blend('times', '["t1","t2"]', 'v', 'y');
SELECT count(*) FILTER (WHERE abs(engage_predict('times', v) - (engage_predict('t1', v) + engage_predict('t2', v)) / 2) > 1e-12) < 40 AS few_differ,
	max(abs(engage_predict('times', v) - (engage_predict('t1', v) + engage_predict('t2', v)) / 2)) < 1 AS near FROM v;

-- only the columns that the members need are features; with a recipe beside them, all are
SELECT blend('narrow', '["line"]', 'SELECT *, now() - now() AS span FROM v', 'y');
SELECT blend('wide', '["line", {"algorithm": "xgboost", "params": {"n_estimators": 3}}]', 'v', 'y', exclude => '{yes,three,n}');
SELECT model, data->'features' FROM engage.versions WHERE model IN ('narrow', 'wide') ORDER BY 1;
SELECT count(*) FILTER (WHERE engage_predict('narrow', v) <> engage_predict('line', v)) AS differ FROM v;

-- a recipe beside stored models is what it is without them: words of theirs are missing to it
SELECT blend('alone', '[{"algorithm": "xgboost", "params": {"n_estimators": 3}}]', 'SELECT * FROM v WHERE w IN (''red'', ''green'')', 'y', exclude => '{yes,three,n}', test_size => 0);
SELECT blend('beside', '["line", {"algorithm": "xgboost", "params": {"n_estimators": 3}}]', 'SELECT * FROM v WHERE w IN (''red'', ''green'')', 'y', exclude => '{yes,three,n}', test_size => 0);
SELECT count(*) FILTER (WHERE abs(2 * engage_predict('beside', v) - engage_predict('line', v) - engage_predict('alone', v)) > 1e-6) AS differ FROM v;

-- classes: calibrated, in another order, several, imported
SELECT version FROM engage_train('yes', 'v', target => 'yes', key => 'id', features => '{a,w}', params => '{"n_estimators":9}', calibrate => 'sigmoid');
SELECT version FROM engage_train('no', 'v', target => 'yes', key => 'id', features => '{b,d}', params => '{"n_estimators":9}', positive => 'false');
SELECT blend('both', '["yes","no"]', 'v', 'yes');
SELECT count(*) FILTER (WHERE abs(engage_predict('both', v) - (engage_predict('yes', v) + 1 - engage_predict('no', v)) / 2) > 1e-12) AS differ FROM v;
SELECT version FROM engage_train('a3', 'v', target => 'three', key => 'id', features => '{a,w}', params => '{"n_estimators":5}', calibrate => 'isotonic');
SELECT version FROM engage_train('b3', 'v', target => 'three', key => 'id', features => '{a,b,t}', algorithm => 'random_forest');
SELECT blend('ab3', '["a3","b3"]', 'v', 'three');
SELECT count(*) AS differ FROM v, jsonb_each_text(engage_predict_proba('ab3', v)) p
WHERE abs(p.value::float8 - ((engage_predict_proba('a3', v)->>p.key)::float8 + (engage_predict_proba('b3', v)->>p.key)::float8) / 2) > 1e-12;
SELECT version FROM engage_train('count', 'v', target => 'n', task => 'count', key => 'id', features => '{a,w}', params => '{"n_estimators":5}');
SELECT blend('counts', '["count"]', 'v', 'n', task => 'count');
SELECT count(*) FILTER (WHERE abs(engage_predict('counts', v) - engage_predict('count', v)) > 1e-12) AS differ FROM v;
SELECT version FROM engage_train('plain', 'v', target => 'yes', key => 'id', features => '{a,b}', params => '{"n_estimators":9}');
SELECT engage_import('foreign', engage_export('plain', 'json'), features => '{a,b}', labels => '{false,true}');
SELECT blend('imported', '["foreign","yes"]', 'v', 'yes');
SELECT count(*) FILTER (WHERE abs(engage_predict('imported', v) - (engage_predict('plain', v) + engage_predict('yes', v)) / 2) > 1e-7) AS differ FROM v;

-- weights come from rows that no member has learned: after its cut and before the ensemble's
CREATE TABLE days AS SELECT id, date '2020-01-01' + id AS day, a, b, 2 * a + b + (hashint4(id + 100) & 255) / 500.0 AS y
FROM (SELECT id, (hashint4(id) & 1023) / 1024.0::float8 AS a, (hashint4(id + 5000) & 1023) / 1024.0::float8 AS b FROM generate_series(1, 1000) id) g;
SELECT rows_test FROM engage_train('old', 'days', target => 'y', features => '{a}', split => 'day', test_size => 0.4, params => '{"n_estimators":5}');
SELECT blend('stacked', '["old"]', 'days', 'y', key => NULL, method => 'stacking', split => 'day');
SELECT count(*) FILTER (WHERE abs(engage_predict('stacked', d) - (f.b + f.s * engage_predict('old', d))) > 1e-6) AS differ
FROM days d, (SELECT regr_intercept(y, p) AS b, regr_slope(y, p) AS s FROM (SELECT y, engage_predict('old', d) AS p FROM days d WHERE id BETWEEN 601 AND 800) r) f;
SELECT data->'rows_test_seen' AS seen FROM engage.versions WHERE model = 'stacked';

-- hash splits are nested: a new ensemble takes over its member's, and finds a fifth of all rows unseen
SELECT rows_test FROM engage_train('tree', 'telco', target => 'churn', key => 'customer_id', test_size => 0.4, seed => 5, params => '{"n_estimators":30,"max_depth":3,"learning_rate":0.2}');
SELECT rows_test FROM engage_train('log', 'SELECT customer_id, tenure, contract, churn FROM telco', target => 'churn', key => 'customer_id', test_size => 0.4, seed => 5, algorithm => 'logistic_regression');
SELECT blend('churn', '["tree","log",{"algorithm":"random_forest","params":{"n_estimators":20}}]', 'telco', 'churn', 'customer_id', 'stacking');
SELECT blend('churn_w', '["tree","log"]', 'telco', 'churn', 'customer_id', 'weighted');
SELECT model, data->'rows_test' AS held_out, data->'rows_test_seen' AS seen, metrics->>'auc' > '0.83' AS good FROM engage.versions WHERE model IN ('churn', 'churn_w') ORDER BY 1;
SELECT count(*) AS same_split FROM engage.versions a, engage.versions b WHERE a.model = 'tree' AND b.model = 'churn' AND a.data->'split'->'seed' = b.data->'split'->'seed';
SELECT jsonb_array_length(params->'members') AS members, params->'members'->>0 AS first, recipe->'params'->'members'->>0 AS written FROM engage.versions WHERE model = 'churn';
SELECT engage_describe('churn') ~ '"model": "tree@1.0.0"' AS described;

-- intervals see only rows that no member has learned
SELECT rows_train FROM engage_train('band', 'days', target => 'y', split => 'day', algorithm => 'ensemble', params => '{"method":"average","members":["old"]}', intervals => 0.9);
SELECT rows_train FROM engage_train('band2', 'days', target => 'y', split => 'day', algorithm => 'ensemble', params => '{"method":"average","members":["old"]}', intervals => 0.9, interval_method => 'cross');
SELECT model, data->'interval'->'rows' AS rows FROM engage.versions WHERE model IN ('band', 'band2') ORDER BY 1;
SELECT count(*) AS same FROM days d, (SELECT r FROM (SELECT abs(y - engage_predict('old', d)) AS r FROM days d WHERE id BETWEEN 601 AND 800) x ORDER BY r OFFSET ceil(201 * 0.9)::int - 1 LIMIT 1) q,
	engage_predict_interval('band2', d) i WHERE abs((i[2] - i[1]) / 2 - q.r) < 1e-9;

-- again: a name means what is deployed then, an exact name and engage_verify what it was
SELECT version, same_model FROM engage_verify('churn');
SELECT version FROM engage_retrain('tree', deploy => 'always');
SELECT version FROM engage_retrain('churn', deploy => 'always');
SELECT params->'members'->0 AS now FROM engage.versions WHERE model = 'churn' AND deployed;
SELECT version, same_model FROM engage_verify('churn@1.0.0');

-- each part of a partitioned ensemble has its copy
SELECT t.version FROM engage_train('parts', 'v', target => 'y', key => 'id', partition_by => 'three', algorithm => 'ensemble', params => '{"method":"average","members":["early","line"]}') t;
SELECT count(*) FILTER (WHERE abs(engage_predict('parts', v) - (engage_predict('early', v) + engage_predict('line', v)) / 2) > 1e-12) AS differ FROM v;

-- ensembles of ensembles, three levels; then the members go, and nothing changes
SELECT blend('level2', '["churn","log"]', 'telco', 'churn', 'customer_id'), blend('level3', '["level2","tree"]', 'telco', 'churn', 'customer_id');
CREATE TABLE before AS SELECT id, engage_predict('three', v) AS p FROM v UNION ALL SELECT customer_id, engage_predict('level3', t) FROM telco t;
SELECT max(abs(engage_predict('level3', t) - (engage_predict('churn', t) / 2 + engage_predict('log', t) / 2 + engage_predict('tree', t)) / 2)) < 1e-12 AS as_nested FROM telco t;
SELECT engage_import('copy', engage_export('level3', 'engage'));
SELECT count(engage_drop(m)) AS dropped FROM unnest('{early,late,line,tree,log,churn,level2}'::text[]) m;
SELECT count(*) FROM ((SELECT id, engage_predict('three', v) FROM v UNION ALL SELECT customer_id, engage_predict('level3', t) FROM telco t) EXCEPT ALL SELECT * FROM before) d;
SELECT count(*) FILTER (WHERE engage_predict('copy', t) <> engage_predict('level3', t)) AS differ FROM telco t;

-- complaints
\set VERBOSITY default
SELECT blend('bad', '["level3","level3"]', 'telco', 'churn', 'customer_id');
SELECT blend('bad', '["no_such"]', 'v', 'y');
SELECT blend('bad', '["yes@7.0.0"]', 'v', 'yes');
SELECT blend('bad', '["yes@seven"]', 'v', 'yes');
SELECT blend('bad', '[""]', 'v', 'y');
SELECT blend('bad', '["yes"]', 'v', 'y');
SELECT blend('bad', '["yes"]', 'SELECT id, a, w, three AS yes FROM v WHERE three <> ''mid''', 'yes');
SELECT blend('bad', '["a3"]', 'SELECT * FROM v WHERE three <> ''mid''', 'three', task => 'multiclass');
SELECT blend('bad', '["yes"]', 'SELECT id, a, yes FROM v', 'yes');
SELECT blend('bad', '["yes"]', 'v', 'yes', features => '{b,w}');
SELECT blend('bad', '["yes"]', 'v', 'yes', exclude => '{a}');
SELECT blend('bad', '["count"]', 'v', 'a');
SELECT blend('bad', '["yes"]', 'SELECT id, a::text AS a, w, yes FROM v', 'yes');
SELECT version FROM engage_train('arrays', 'v', target => 'yes', key => 'id', features => '{arr}', params => '{"n_estimators":2}');
SELECT blend('bad', '["arrays"]', 'SELECT id, yes, arr || 1::float4 AS arr FROM v', 'yes');
SELECT blend('bad', '["parts"]', 'v', 'y');
SELECT blend('bad', '["foreign","yes"]', 'SELECT a, b, w, id, CASE WHEN yes THEN ''t'' ELSE ''f'' END AS yes FROM v', 'yes');
SELECT blend('bad', '["yes","no"]', 'v', 'yes', method => 'stacking');
SELECT blend('trusted', '["yes","no"]', 'v', 'yes', method => 'stacking', more => '{"trust": true}');
SELECT engage_train('bad', 'v', target => 'yes', key => 'id', algorithm => 'ensemble', params => '{"members":["yes","no"],"method":"average"}', intervals => 0.9);
SELECT fold FROM engage_cross_validate('v', target => 'yes', key => 'id', algorithm => 'ensemble', params => '{"members":["yes"],"method":"average"}');
SELECT engage_fit('ensemble', yes, ROW(a, b), '{"members":["yes"],"method":"average"}') IS NULL FROM v;
SELECT engage_verify('three');
SET client_min_messages = notice;
SELECT blend('seen', '["yes"]', 'SELECT *, id AS key FROM v', 'yes', key => 'key');
SELECT version FROM engage_retrain('seen');
SELECT data->'rows_test_seen' = data->'rows_test' AS all_seen FROM engage.versions WHERE model = 'seen' AND deployed;
