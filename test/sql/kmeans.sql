-- k-means as an algorithm and as an aggregate; numbers of scikit-learn from test/golden/kmeans.py
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
CREATE TABLE credit (id integer, status text, seniority integer, home text, time integer, age integer, marital text,
	records text, job text, expenses integer, income integer, assets integer, debt integer, amount integer, price integer);
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy credit FROM '${ENGAGE_ROOT:-$PWD}/test/data/credit.csv' (FORMAT csv, HEADER)"`
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices say why a version is not deployed

CREATE TABLE blobs AS
SELECT i, g, (i * 7919 % 1009) / 1009.0::float8 + 3 * (g % 2) AS a, (i::bigint * 104729 % 2003) / 2003.0::float8 + 3 * (g / 2) AS b,
	(i * 31 % 97) / 97.0::float8 + g AS c
FROM (SELECT i, CASE WHEN i % 12 < 5 THEN 0 WHEN i % 12 < 9 THEN 1 WHEN i % 12 < 11 THEN 2 ELSE 3 END AS g FROM generate_series(1, 1200) i) s;

-- inertia within 1e-4, the others within 1e-6 (they are of all rows, for there are fewer than 2,000)
SELECT version, metrics->'k' AS k, abs((metrics->>'inertia')::float8 / 201.198356 - 1) < 1e-4 AS inertia,
	abs((metrics->>'silhouette')::float8 - 0.76134593) < 1e-6 AS silhouette,
	abs((metrics->>'davies_bouldin')::float8 - 0.35144428) < 1e-6 AS davies_bouldin,
	abs((metrics->>'calinski_harabasz')::float8 / 6734.592419 - 1) < 1e-6 AS calinski_harabasz, metrics->'converged' AS converged
FROM engage_train('blobs', 'SELECT a, b, c FROM blobs', algorithm => 'kmeans', params => '{"k": 4}');
SELECT g, engage_predict('blobs', r) AS cluster, engage_predict_class('blobs', r) AS name, count(*) FROM blobs r GROUP BY 1, 2, 3 ORDER BY 1;
SELECT abs((metrics->>'inertia')::float8 / 299.749838 - 1) < 1e-4 AS unscaled
FROM engage_train('plain', 'SELECT a, b, c FROM blobs', algorithm => 'kmeans', params => '{"k": 4, "scale": false, "init": "k-means||"}');
SELECT (metrics->>'inertia')::float8 / 70.206704 < 1.01 AS cosine
FROM engage_train('cosine', 'SELECT a, b, c FROM blobs', algorithm => 'kmeans', params => '{"k": 3, "scale": false, "metric": "cosine"}');

-- memberships: a row on a center belongs to it alone; elsewhere in proportion to 1 / squared distance
WITH centers AS (
	SELECT c, k, ARRAY[c[k][1], c[k][2], c[k][3]] AS center FROM (SELECT engage_kmeans(ARRAY[a, b, c]::float8[], 4) AS c FROM blobs) s, generate_series(1, 4) k
), shares AS (
	SELECT i, k, engage_predict_proba('plain', r) AS p, 1 / engage_distance(center, ARRAY[a, b, r.c]) ^ 2 AS w FROM blobs r, centers WHERE i <= 20
)
SELECT count(*), max(abs(w / total - (p->>k::text)::float8)) < 1e-5 AS as_the_formula
FROM (SELECT *, sum(w) OVER (PARTITION BY i) AS total FROM shares) s;
SELECT engage_train('line', 'SELECT i % 2 AS x FROM generate_series(1, 10) i', algorithm => 'kmeans', params => '{"k": 2, "scale": false}') IS NOT NULL AS trained;
SELECT x, engage_predict_proba('line', r) FROM (VALUES (0::float8), (1), (0.5), (2), (NULL)) r (x);

-- how many clusters
SELECT p, (SELECT metrics->>'k' FROM engage_train('auto', 'SELECT a, b, c FROM blobs', algorithm => 'kmeans', params => p::jsonb)) AS k
FROM unnest(ARRAY['{}', '{"k": "auto", "choose": "gap", "k_max": 6}', '{"choose": "bic", "k_max": 4}', '{"k_min": 5, "k_max": 5}']) p;
SELECT jsonb_path_query_array(metrics, '$.curve[*].k') AS tried
FROM engage_train('auto', 'SELECT a, b, c FROM blobs', algorithm => 'kmeans', params => '{"k_max": 6}');

-- at most 1 % above the best of ten of scikit-learn, on tables of numbers and categories with missing values
SELECT name, k, (SELECT (metrics->>'inertia')::float8 / best < 1.01 AND (metrics->>'inertia')::float8 / best > 0.9999
	FROM engage_train(name, source, algorithm => 'kmeans', params => jsonb_build_object('k', k))) AS as_good
FROM (VALUES ('telco', 4, 9947.916692), ('telco', 8, 4823.187842), ('credit', 4, 31228.209048), ('credit', 8, 24322.889240)) v (name, k, best),
LATERAL (SELECT CASE name WHEN 'telco' THEN 'SELECT tenure, monthly_charges, total_charges, contract, internet_service FROM telco'
	ELSE 'SELECT seniority, time, age, expenses, income, assets, debt, amount, price, home FROM credit' END AS source) s;

-- the same bits with all bounds; a batch is nearly as good
SELECT count(DISTINCT metrics->>'inertia') AS results
FROM unnest(ARRAY['lloyd', 'hamerly', 'elkan', 'auto']) w,
LATERAL engage_train('bounds', 'SELECT tenure, monthly_charges, total_charges FROM telco', algorithm => 'kmeans',
	params => jsonb_build_object('k', 6, 'algorithm', w));
SELECT (b.metrics->>'inertia')::float8 / (f.metrics->>'inertia')::float8 < 1.05 AS batches
FROM engage_train('batch', 'SELECT tenure, monthly_charges, total_charges FROM telco', algorithm => 'kmeans', params => '{"k": 4, "batch_size": 500}') b,
	engage_train('batch', 'SELECT tenure, monthly_charges, total_charges FROM telco', algorithm => 'kmeans', params => '{"k": 4}') f;

-- weights count as rows
CREATE TABLE weighted AS SELECT a, b, c, 1 + i % 3 AS w FROM blobs;
SELECT abs((w.metrics->>'inertia')::float8 / (r.metrics->>'inertia')::float8 - 1) < 1e-6 AS as_rows
FROM engage_train('w', 'weighted', weight => 'w', algorithm => 'kmeans', params => '{"k": 4, "scale": false}') w,
	engage_train('r', 'SELECT a, b, c FROM weighted, generate_series(1, w)', algorithm => 'kmeans', params => '{"k": 4, "scale": false}') r;

-- few and odd rows
SELECT name, (SELECT metrics->>'k' FROM engage_train('odd', source, algorithm => 'kmeans', params => params::jsonb)) AS k
FROM (VALUES ('one row', 'SELECT 1 AS a, 2 AS b', '{"k": 3}'),
	('duplicates', 'SELECT 1 AS a, 2 AS b FROM generate_series(1, 50)', '{"k": 3}'),
	('two different', 'SELECT i % 2 AS a, 2 AS b FROM generate_series(1, 50) i', '{"k": 3}'),
	('two different, auto', 'SELECT i % 2 AS a, 2 AS b FROM generate_series(1, 50) i', '{}'),
	('nothing but NULL', 'SELECT NULL::float8 AS a FROM generate_series(1, 50) i', '{"k": 2}'),
	('a column of NaN', $$SELECT i AS a, 'NaN'::float8 AS b FROM generate_series(1, 50) i$$, '{"k": 2}'),
	('one column', 'SELECT i AS a FROM generate_series(1, 50) i', '{"k": 2}'),
	('1e38', 'SELECT (i % 2 * 2 - 1) * 1e38::float4 AS a, i AS b FROM generate_series(1, 50) i', '{"k": 2}'),
	('1e38, not scaled', 'SELECT (i % 2 * 2 - 1) * 1e38::float4 AS a, i AS b FROM generate_series(1, 50) i', '{"k": 2, "scale": false}'),
	('one cluster', 'SELECT i AS a FROM generate_series(1, 50) i', '{"k": 1}'),
	('as many as rows', 'SELECT i AS a FROM generate_series(1, 50) i', '{"k": 50}')) v (name, source, params);
SET client_min_messages = notice;
SELECT engage_train('few', 'SELECT i % 2 AS a FROM generate_series(1, 50) i', algorithm => 'kmeans', params => '{"k": 3}') IS NOT NULL AS trained;
SELECT engage_train('bad', 'blobs', algorithm => 'kmeans', params => '{"k": 0}');
SELECT engage_train('bad', 'blobs', algorithm => 'kmeans', params => '{"k": "many"}');
SELECT engage_train('bad', 'blobs', algorithm => 'kmeans', params => '{"k_min": 5, "k_max": 4}');
SELECT engage_train('bad', 'blobs', target => 'g', algorithm => 'kmeans');

-- the aggregate: rows in any order, in parallel, by group
CREATE TABLE points AS SELECT i, ARRAY[a, b, c]::float8[] AS f, g FROM blobs;
CREATE TABLE shuffled AS SELECT * FROM points ORDER BY i * 7919 % 1201;
SELECT round(sum(engage_distance(ARRAY[c[k][1], c[k][2], c[k][3]], f) ^ 2)::numeric, 3) AS inertia, array_dims(c) AS dims
FROM (SELECT engage_kmeans(f, 4) AS c FROM points) s, points, engage_nearest(c, f) k GROUP BY c;
SELECT (SELECT engage_kmeans(f, 4) FROM points) = (SELECT engage_kmeans(f, 4) FROM shuffled) AS any_order,
	(SELECT engage_kmeans(f, 4, 9) FROM points) IS NOT NULL AS with_seed;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT engage_kmeans(f, 4) FROM points;
CREATE TEMP TABLE parallel AS SELECT engage_kmeans(f, 4) AS c FROM points;
COMMIT;
SELECT c = (SELECT engage_kmeans(f, 4) FROM shuffled) AS in_parallel FROM parallel;
SELECT g, array_dims(engage_kmeans(f, 2)) FROM points GROUP BY g ORDER BY g;
SELECT engage_nearest(c, f) AS cluster, g, count(*) FROM points, parallel GROUP BY 1, 2 ORDER BY 1, 2;

-- beyond what a state holds: a uniform sample, whose centers are near the real ones
SELECT max(least(engage_distance(ARRAY[c[k]], '{0.25}'), engage_distance(ARRAY[c[k]], '{0.75}'))) < 0.001 AS near
FROM (SELECT engage_kmeans(ARRAY[(i::bigint * 7919 % 1000003) / 1000003.0]::float8[], 2) AS c1 FROM generate_series(1, 2500000) i) s,
LATERAL (SELECT ARRAY[c1[1][1], c1[2][1]] AS c) t, generate_series(1, 2) k;

SELECT engage_kmeans('{1,2}'::float8[], 5) FROM generate_series(1, 3);
SELECT engage_kmeans(NULL::float8[], 5), engage_kmeans(f, 2) FROM points WHERE false;
SELECT engage_kmeans(ARRAY[i, 1e99 * i]::float8[], 2) IS NOT NULL AS large FROM generate_series(1, 5) i;
SELECT engage_kmeans(ARRAY[1, NULL]::float8[], 5);
SELECT engage_kmeans(ARRAY[1, 'NaN']::float8[], 5);
SELECT engage_kmeans('{}'::float8[], 5);
SELECT engage_kmeans('{1}'::float8[], 0);
SELECT engage_kmeans(f, 5) FROM (VALUES ('{1}'::float8[]), ('{1,2}')) v (f);
SELECT engage_kmeans('{1}'::float8[], i) FROM generate_series(1, 2) i;
SELECT engage.kmeans_final('\x0011223344556677'::bytea);
SELECT engage_nearest('{{1,2},{3,4}}', '{3,3}'), engage_nearest('{1,2}', '{3,3}'), engage_nearest('{1,2}', '{3,NULL}'),
	engage_nearest('{{1,2}}', '{NaN,1}'), engage_distance('{0,0}', '{3,4}');
SELECT engage_nearest('{1,2,3}', '{3,3}');
SELECT engage_nearest('{}', '{}');
SELECT engage_distance('{1}', '{1,2}');
