-- autoencoder
SET engage.progress = off;
SET client_min_messages = warning;
\i test/data/wdbc.sql
CREATE TABLE w AS SELECT * FROM wdbc WHERE diagnosis = 'benign' OR id % 10 = 0;
SET client_min_messages = notice;

SELECT version, task, rows_train, rows_test, (metrics->>'threshold')::float8 AS threshold, (metrics->>'anomaly_share')::float8 BETWEEN 0.005 AND 0.2 AS share
FROM engage_train('auto', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'autoencoder');
-- scikit-learn's MLPRegressor as an autoencoder of the same layers: 0.921 to 0.934 (test/golden/autoencoder.py)
SELECT engage_auc(engage_predict('auto', w), diagnosis = 'malignant') > 0.91 AS as_good, min(engage_predict('auto', w)) >= 0 AS least,
	max(engage_predict('auto', w)) < 1 AS most FROM w;
SELECT engage_predict_class('auto', w) AS class, count(*) > 0 AS some FROM w GROUP BY 1 ORDER BY 1;

-- the fence: three quarters and three times the quartiles' distance are a score of one half
SELECT abs(s.q3 + 3 * (s.q3 - s.q1) - 1) < 0.1 AS far_fence
FROM (SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY e) AS q1, percentile_disc(0.75) WITHIN GROUP (ORDER BY e) AS q3
	FROM (SELECT engage_predict('auto', w) / (1 - engage_predict('auto', w)) AS e FROM w) x) s;

-- contributions add up, and name the column that was made strange
SELECT count(*), max(abs(base + total - prediction)) < 1e-9 AS adds_up, max(abs(prediction - score)) < 1e-12 AS same
FROM (SELECT e.prediction, e.base, sum(e.contribution) AS total, engage_predict('auto', w) AS score
	FROM w, engage_explain('auto', w) e WHERE w.id <= 60 GROUP BY w.*, e.prediction, e.base) s;
SELECT f.feature AS made_strange, (SELECT e.feature FROM engage_explain('auto', f.row) e ORDER BY contribution DESC LIMIT 1) AS found,
	round(engage_predict('auto', f.row)::numeric, 1) AS score
FROM (SELECT k AS feature, to_jsonb(w) || jsonb_build_object(k, 50 * (to_jsonb(w)->>k)::float8) AS row
	FROM w, unnest('{mean_radius,texture_error,mean_symmetry}'::text[]) k WHERE id = 20) f;
SELECT feature FROM engage_why_reasons('auto', (SELECT to_jsonb(w) || '{"mean_radius": 900}' FROM w WHERE id = 20), 1);

-- categories, missing values; what was not so before is strange
CREATE TABLE calls AS SELECT i AS id, (i * 7919 % 1009) / 100.0 AS a, 2 * (i * 7919 % 1009) / 100.0 + (i * 31 % 97) / 100.0 AS b, 'c' || i % 4 AS c,
	CASE WHEN i % 50 > 0 THEN i % 4 END AS d FROM generate_series(1, 3000) i;
SELECT version FROM engage_train('calls', 'calls', key => 'id', algorithm => 'autoencoder', params => '{"layers": [8, 3, 8], "contamination": 0.02, "epochs": 100}');
SELECT abs(count(*) FILTER (WHERE engage_predict_class('calls', calls) = 'anomaly') - 60) <= 3 AS contamination FROM calls;
-- b follows a, d follows c: each value is usual, the pair is not
SELECT engage_predict('calls', '{"a": 9, "b": 2, "c": "c1", "d": 1}'::jsonb) > 0.8 AS a_and_b,
	engage_predict('calls', '{"a": 5, "b": 10.4, "c": "c1", "d": 3}'::jsonb) > engage_predict('calls', '{"a": 5, "b": 10.4, "c": "c1", "d": 1}'::jsonb) AS c_and_d,
	engage_predict('calls', '{"a": 5, "b": 10.4, "c": "new", "d": 1}'::jsonb) BETWEEN 0 AND 1 AS new_word,
	engage_predict('calls', '{"a": "Infinity", "b": null, "c": null, "d": null}'::jsonb) BETWEEN 0 AND 1 AS missing,
	engage_predict('calls', '{"a": 1e38, "b": -1e38, "c": "c1", "d": 1}'::jsonb) BETWEEN 0.99 AND 1 AS far;

-- other layers, activations, no noise, no early stopping
SELECT p, rows_train FROM unnest('{"{\"layers\": [2]}","{\"activation\": \"gelu\", \"noise\": 0}","{\"early_stopping_rounds\": 0, \"epochs\": 2}","{\"activation\": \"relu\", \"batch_size\": 7}"}'::text[]) p,
	LATERAL engage_train('other', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'autoencoder', params => p::jsonb);

-- true labels measure
SELECT rows_test > 50 AS held_out, (metrics->>'auc')::float8 > 0.8 AS auc, metrics ? 'reconstruction_error' AS estimate
FROM engage_train('labelled', 'w', target => 'diagnosis', positive => 'malignant', key => 'id', algorithm => 'autoencoder');

-- bad input
\set VERBOSITY default
SELECT engage_train('bad', 'w', algorithm => 'autoencoder', params => '{"layers": [2.5]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'autoencoder', params => '{"layers": [0]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'autoencoder', params => '{"contamination": 0}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'autoencoder', params => '{"contamination": 1}'); \echo :SQLSTATE
-- duplicates only, one row, one column, a constant, large values: an answer
SELECT s AS source, rows_train FROM unnest('{"SELECT 1 AS x FROM generate_series(1, 100)","SELECT 1 AS x","SELECT i AS x FROM generate_series(1, 100) i","SELECT i * 1e36 AS x FROM generate_series(1, 100) i"}'::text[]) WITH ORDINALITY u(s, o),
	LATERAL engage_train('odd' || o, s, algorithm => 'autoencoder');
SELECT model, round(engage_predict(model, '{"x": 1}'::jsonb)::numeric, 2) AS usual, round(engage_predict(model, '{"x": 1e38}'::jsonb)::numeric, 2) AS far
FROM engage.models WHERE model LIKE 'odd%' ORDER BY 1;
