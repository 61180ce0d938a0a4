-- mixtures of normal distributions; numbers of scikit-learn from test/golden/kmeans.py
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices say why a version is not deployed
CREATE TABLE blobs AS
SELECT i, g, (i * 7919 % 1009) / 1009.0::float8 + 3 * (g % 2) AS a, (i::bigint * 104729 % 2003) / 2003.0::float8 + 3 * (g / 2) AS b,
	(i * 31 % 97) / 97.0::float8 + g AS c
FROM (SELECT i, CASE WHEN i % 12 < 5 THEN 0 WHEN i % 12 < 9 THEN 1 WHEN i % 12 < 11 THEN 2 ELSE 3 END AS g FROM generate_series(1, 1200) i) s;

-- log-likelihood a row within 1e-5, BIC and AIC within 0.1
SELECT kind, scale, abs((metrics->>'log_likelihood')::float8 - likelihood) < 1e-5 AS likelihood,
	abs((metrics->>'bic')::float8 - bic) < 0.1 AS bic, abs((metrics->>'aic')::float8 - aic) < 0.1 AS aic, metrics->'converged' AS converged
FROM (VALUES ('full', false, -1.76178134, 4504.7882, 4306.2752), ('diag', false, -1.76487294, 4427.1271, 4289.6950),
	('tied', false, -1.76445329, 4383.5795, 4276.6879), ('spherical', false, -1.76488758, 4370.4416, 4273.7302),
	('full', true, -1.07002391, 2844.5704, NULL), ('diag', true, -1.07311550, 2766.9093, NULL),
	('tied', true, -1.07269586, 2723.3617, NULL), ('spherical', true, -1.16689892, 2935.2689, NULL)) v (kind, scale, likelihood, bic, aic),
LATERAL engage_train('blobs', 'SELECT a, b, c FROM blobs', algorithm => 'gaussian_mixture', deploy => 'always',
	params => jsonb_build_object('k', 4, 'covariance', kind, 'scale', scale, 'tol', 1e-8, 'max_iter', 2000));
SELECT g, engage_predict('blobs', r) AS cluster, count(*) FROM blobs r GROUP BY 1, 2 ORDER BY 1;

-- not separated: at least as likely as the best of ten of scikit-learn, less 0.1 %
SELECT kind, (metrics->>'log_likelihood')::float8 > likelihood - 0.001 * abs(likelihood) AS as_good
FROM (VALUES ('full', -1.237989), ('diag', -2.861213), ('tied', -2.618110), ('spherical', -3.368172)) v (kind, likelihood),
LATERAL engage_train('telco', 'SELECT tenure, monthly_charges, coalesce(total_charges, (SELECT avg(total_charges) FROM telco)) AS total FROM telco',
	algorithm => 'gaussian_mixture', deploy => 'always',
	params => jsonb_build_object('k', 3, 'covariance', kind, 'tol', 1e-7, 'max_iter', 5000, 'n_init', 10));

-- probabilities
SELECT count(*), bool_and(abs(total - 1) < 1e-9) AS in_sum_one
FROM (SELECT sum(value::float8) AS total FROM telco t, jsonb_each_text(engage_predict_proba('telco', (SELECT x FROM (SELECT tenure, monthly_charges, total_charges AS total) x))) GROUP BY customer_id) s;

-- how many
SELECT metrics->>'k' AS k, jsonb_path_query_array(metrics, '$.curve[*].k') AS tried
FROM engage_train('auto', 'SELECT a, b, c FROM blobs', algorithm => 'gaussian_mixture', params => '{"covariance": "tied", "k_max": 5}');

-- weights count as rows
CREATE TABLE weighted AS SELECT a, b, c, 1 + i % 3 AS w FROM blobs;
SELECT abs((w.metrics->>'log_likelihood')::float8 - (r.metrics->>'log_likelihood')::float8) < 1e-6 AS as_rows
FROM engage_train('w', 'weighted', weight => 'w', algorithm => 'gaussian_mixture', params => '{"k": 4, "scale": false, "tol": 1e-10}') w,
	engage_train('r', 'SELECT a, b, c FROM weighted, generate_series(1, w)', algorithm => 'gaussian_mixture', params => '{"k": 4, "scale": false, "tol": 1e-10}') r;

-- few and odd rows
SELECT name, (SELECT metrics->>'k' FROM engage_train('odd', source, algorithm => 'gaussian_mixture', params => params::jsonb, deploy => 'always')) AS k
FROM (VALUES ('one row', 'SELECT 1 AS a, 2 AS b', '{"k": 3}'),
	('duplicates', 'SELECT 1 AS a, 2 AS b FROM generate_series(1, 50)', '{"k": 3}'),
	('two different', 'SELECT i % 2 AS a, 2 AS b FROM generate_series(1, 50) i', '{"k": 3}'),
	('two different, auto', 'SELECT i % 2 AS a, 2 AS b FROM generate_series(1, 50) i', '{}'),
	('nothing but NULL', 'SELECT NULL::float8 AS a FROM generate_series(1, 50) i', '{"k": 2}'),
	('a column of NaN', $$SELECT i AS a, 'NaN'::float8 AS b FROM generate_series(1, 50) i$$, '{"k": 2}'),
	('1e38', 'SELECT (i % 2 * 2 - 1) * 1e38::float4 AS a, i AS b FROM generate_series(1, 50) i', '{"k": 2}'),
	('columns that depend', 'SELECT i AS a, 2 * i AS b FROM generate_series(1, 50) i', '{"k": 2}'),
	('one component', 'SELECT i AS a FROM generate_series(1, 50) i', '{"k": 1}'),
	('as many as rows', 'SELECT i AS a FROM generate_series(1, 50) i', '{"k": 50}')) v (name, source, params);
SELECT engage_train('bad', 'SELECT i AS a, 2 * i AS b FROM generate_series(1, 50) i', algorithm => 'gaussian_mixture', params => '{"k": 2, "reg_covar": 0}');
SELECT engage_train('bad', 'blobs', algorithm => 'gaussian_mixture', params => '{"covariance": "round"}');
