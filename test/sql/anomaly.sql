-- isolation_forest and local_outlier_factor; the mathematics is checked by test/check_isolation.sh
SET engage.progress = off;
SET client_min_messages = warning;
\i test/data/wdbc.sql
-- benign rows and each tenth malignant one, which are the anomalies
CREATE TABLE w AS SELECT * FROM wdbc WHERE diagnosis = 'benign' OR id % 10 = 0;
SELECT diagnosis, count(*) FROM w GROUP BY 1 ORDER BY 1;

-- without a target: all rows are learned from, and the metrics are those of their scores
SELECT version, rows_train, rows_test, (metrics->>'threshold')::float8 AS threshold, (metrics->>'rows_scored')::int AS scored,
	(metrics->>'anomaly_share')::float8 BETWEEN 0.02 AND 0.3 AS share, (metrics->>'score_max')::float8 BETWEEN 0.65 AND 0.9 AS largest
FROM engage_train('forest', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'isolation_forest');
SELECT engage_auc(engage_predict('forest', w), diagnosis = 'malignant') > 0.9 AS auc,
	min(engage_predict('forest', w)) > 0.3 AND max(engage_predict('forest', w)) < 1 AS within,
	count(*) FILTER (WHERE (engage_predict_class('forest', w) = 'anomaly') IS DISTINCT FROM engage_predict('forest', w) >= 0.5) AS odd_classes
FROM w;

-- contamination sets the threshold: ceil(share (n - 1)) rows are called anomalies
SELECT rows_train, ceil(0.05 * (rows_train - 1)) AS wanted, (metrics->>'threshold')::float8 > 0.5 AS above
FROM engage_train('shared', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'isolation_forest',
	params => '{"contamination": 0.05, "max_samples": "auto"}');
SELECT engage_predict_class('shared', w) AS class, count(*) FROM w GROUP BY 1 ORDER BY 1;
SELECT params FROM engage.versions WHERE model = 'shared';

-- true labels measure, on rows that are held out
SELECT a AS algorithm, rows_train + rows_test AS rows, rows_test > 50 AS held_out, (metrics->>'auc')::float8 > 0.85 AS auc,
	metrics ? 'average_precision' AS precision
FROM unnest('{isolation_forest,local_outlier_factor}'::text[]) a,
	LATERAL engage_train('labelled_' || a, 'w', target => 'diagnosis', positive => 'malignant', key => 'id', algorithm => a);
SELECT engage_predict_class('labelled_isolation_forest', w) AS class, count(*) > 0 AS some FROM w GROUP BY 1 ORDER BY 1;

-- why: exact contributions of trees add up to the score, those of hyperplanes are sampled
SELECT version FROM engage_train('planes', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'isolation_forest',
	params => '{"extension_level": 3, "contamination": 0.05}');
SELECT count(*), max(abs(base + total - prediction)) < 1e-12 AS adds_up, max(abs(prediction - score)) < 1e-12 AS same
FROM (SELECT e.prediction, e.base, sum(e.contribution) AS total, engage_predict('forest', w) AS score
	FROM w, engage_explain('forest', w) e WHERE w.id <= 60 GROUP BY w.*, e.prediction, e.base) s;
SELECT max(abs(base + total - prediction)) < 1e-9 AS adds_up, bool_and(error IS NOT NULL) AS sampled
FROM (SELECT e.prediction, e.base, sum(e.contribution) AS total, max(e.error) AS error
	FROM w, engage_explain('planes', w) e WHERE w.id IN (10, 20) GROUP BY w.id, e.prediction, e.base) s;
SELECT count(*) FROM w, engage_explain('planes', w, method => 'exact') WHERE id = 20;
SELECT count(*) FROM w, engage_explain('forest', w, method => 'interventional') WHERE id = 20;
SELECT count(*) > 0 AS pairs FROM w, engage_interactions('forest', w) WHERE id = 20;
SELECT count(*) FROM w, engage_interactions('planes', w) WHERE id = 20;

-- what makes the strangest row strange is what was put into it
CREATE TABLE bots AS SELECT i AS id, (i * 7919 % 1009) / 100.0 AS a, (i * 104729 % 2003) / 100.0 AS b, 'c' || i % 4 AS c,
	CASE WHEN i % 3 > 0 THEN (i * 31 % 97) / 10.0 END AS d FROM generate_series(1, 2000) i;
UPDATE bots SET b = 400 WHERE id = 77;
SELECT version FROM engage_train('bots', 'bots', key => 'id', algorithm => 'isolation_forest', params => '{"max_samples": 1}');
SELECT id FROM bots ORDER BY engage_predict('bots', bots) DESC LIMIT 1;
SELECT feature FROM bots, engage_explain('bots', bots) WHERE id = 77 ORDER BY contribution DESC LIMIT 1;

-- the local outlier factor is scikit-learn's (test/golden/anomaly.py): rows half as large again, among all in the order of their numbers
SELECT version FROM engage_train('lof', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'local_outlier_factor');
SELECT version FROM engage_train('lof5', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'local_outlier_factor',
	params => '{"k": 5, "metric": "manhattan", "contamination": 0.02}');
CREATE TABLE oracle (place int, factor float8, factor5 float8);
INSERT INTO oracle VALUES
	(0, 3.668862986, 3.355738091),
	(50, 2.241016587, 2.015721858),
	(100, 2.738930822, 2.469751786),
	(200, 2.205191007, 2.311955768),
	(300, 1.812105568, 1.705543482);
CREATE TABLE larger AS SELECT row_number() OVER (ORDER BY id) - 1 AS place, * FROM w;
DO $$
DECLARE c text;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'larger'::regclass AND attnum > 2 AND attname <> 'diagnosis' LOOP
		EXECUTE format('UPDATE larger SET %1$I = %1$I * 1.5::real', c);
	END LOOP;
END $$;
SELECT place, abs(1.5 * s / (1 - s) / factor - 1) < 1e-6 AS of_20, abs(1.5 * t / (1 - t) / factor5 - 1) < 1e-6 AS of_5
FROM oracle JOIN larger USING (place), engage_predict('lof', larger) s, engage_predict('lof5', larger) t ORDER BY place;
SELECT count(*) > 0 AS explained FROM w, engage_explain('lof', w, samples => 4) WHERE id = 20;

-- a seed, a model; threads make no difference; an export is the model
SELECT m, version FROM unnest('{1,2,4}'::int[]) t, LATERAL (SELECT 'threads' || t AS m, set_config('engage.threads', t::text, false)) n,
	LATERAL engage_train(m, 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'isolation_forest', params => '{"extension_level": 2}', seed => 7) e;
RESET engage.threads;
SELECT count(DISTINCT md5(engage_export('threads' || t, 'engage'))) AS models FROM unnest('{1,2,4}'::int[]) t;
SELECT max(abs(engage_predict('threads1', w) - engage_predict('threads4', w))) AS apart FROM w;
SELECT m, engage_import('copy_' || m, engage_export(m, 'engage')) IS NOT NULL AS imported FROM unnest('{forest,planes,lof}'::text[]) m;
SELECT max(abs(engage_predict('copy_forest', w) - engage_predict('forest', w))) AS forest, max(abs(engage_predict('copy_planes', w) - engage_predict('planes', w))) AS planes,
	max(abs(engage_predict('copy_lof', w) - engage_predict('lof', w))) AS lof FROM w;

-- tables that are no good: one row, equal rows, constants, gaps, very large numbers
CREATE TABLE bad AS SELECT * FROM (VALUES
	('one row', 'SELECT 1 AS id, 2 AS a, 3 AS b'),
	('two rows', 'SELECT i AS id, i AS a, 3 AS b FROM generate_series(1, 2) i'),
	('duplicates', 'SELECT i AS id, 2 AS a, 3 AS b FROM generate_series(1, 100) i'),
	('nulls', 'SELECT i AS id, i % 10 AS a, NULL::int AS b FROM generate_series(1, 100) i'),
	('gaps', 'SELECT i AS id, CASE WHEN i % 2 = 0 THEN 7 END AS a, CASE WHEN i = 50 THEN 1 END AS b FROM generate_series(1, 100) i'),
	('large', 'SELECT i AS id, i * 1e36 AS a, -i * 3e36 AS b FROM generate_series(1, 100) i'),
	('not numbers', 'SELECT i AS id, CASE WHEN i % 3 = 0 THEN ''NaN''::float8 WHEN i % 3 = 1 THEN ''-Infinity'' ELSE i END AS a, i AS b FROM generate_series(1, 100) i'),
	('words', 'SELECT i AS id, ''w'' || i % 50 AS a, ''only'' AS b FROM generate_series(1, 100) i')) v(name, query);
CREATE FUNCTION try(source text, algorithm text, params jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE low float8; high float8; called int;
BEGIN
	PERFORM engage_train('try', source, key => 'id', algorithm => algorithm, params => params, deploy => 'always');
	EXECUTE format('SELECT min(engage_predict(''try'', r)), max(engage_predict(''try'', r)), count(*) FILTER (WHERE engage_predict_class(''try'', r) = ''anomaly'') FROM (%s) r', source)
		INTO low, high, called;
	PERFORM engage_drop('try');
	RETURN CASE WHEN low >= 0 AND high <= 1 THEN CASE WHEN low = high THEN 'all ' || round(low::numeric, 3) ELSE 'ok' END ELSE low || ' to ' || high END;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlerrm;
END $$;
SELECT name, try(query, 'isolation_forest', '{"contamination": 0.1}') AS forest, try(query, 'isolation_forest', '{"extension_level": 1}') AS planes,
	try(query, 'local_outlier_factor', '{"contamination": 0.1}') AS lof FROM bad;
SELECT version FROM engage_train('lof_bots', 'bots', key => 'id', algorithm => 'local_outlier_factor');
-- a row of nothing but missing values is no more strange than the rows are on average
SELECT engage_predict('bots', r) BETWEEN 0.5 AND 1 AS strange, engage_predict('lof_bots', r) BETWEEN 0.4 AND 1 AS lonely,
	abs(engage_predict('bots', r) - (SELECT avg(engage_predict('bots', bots)) FROM bots)) < 0.1 AS average FROM
	(VALUES (1e38::float8, -1e38::float8, 'never seen', NULL::float8), ('NaN', 'Infinity', NULL, NULL)) r(a, b, c, d);
-- parameters that are no good
CREATE FUNCTION complain(params jsonb, algorithm text DEFAULT 'isolation_forest') RETURNS text LANGUAGE plpgsql AS $$
DECLARE h text;
BEGIN
	PERFORM engage_train('try', 'bots', key => 'id', algorithm => algorithm, params => params);
	PERFORM engage_drop('try');
	RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN sqlerrm || coalesce(nullif(' HINT: ' || h, ' HINT: '), '');
END $$;
SELECT p, complain(p) FROM unnest(ARRAY['{"contamination": 0}', '{"contamination": 1}', '{"contamination": 0.7}', '{"contamination": 0.5}', '{"contamination": "auto"}',
	'{"contamination": "some"}', '{"max_samples": 0}', '{"max_samples": 2.5}', '{"max_samples": 1}', '{"max_samples": 100000}', '{"max_features": 0}',
	'{"n_estimators": 0}', '{"extension_level": -1}', '{"extension_level": 100}', '{"max_depth": 3}']::jsonb[]) p;
SELECT p, complain(p, 'local_outlier_factor') FROM unnest(ARRAY['{"n_neighbors": 0}', '{"contamination": 1}', '{"metric": "cosine"}', '{"k": 1000}']::jsonb[]) p;
SELECT * FROM engage_train('try', 'bots', target => 'c', key => 'id', algorithm => 'isolation_forest');
SELECT name, default_value, "range" FROM engage_parameters('isolation_forest') WHERE name IN ('contamination', 'max_samples');
SELECT engage_predict_proba('forest', w) FROM w LIMIT 1;
SELECT engage_importance('forest', method => 'gain');

-- bands
SELECT s, engage_anomaly_band(s) AS band, engage_anomaly_band(s, '{0.1,0.1,0.8}') AS other
FROM unnest('{-1,0,0.1,0.4999,0.5,0.6999,0.7,0.8,0.9,1,NULL,Infinity}'::float8[]) s;
SELECT engage_anomaly_band(0.5, '{0.5,0.7}');
SELECT engage_anomaly_band(0.5, '{0.5,NULL,0.9}');
SELECT engage_anomaly_band(0.5, '{{0.5,0.7,0.9}}');
SELECT engage_anomaly_band(0.5, '{0.9,0.7,0.5}');
SELECT engage_anomaly_band('NaN');
SELECT engage_anomaly_band(engage_predict('bots', bots)) AS band, count(*) > 0 AS some FROM bots WHERE id = 77 GROUP BY 1;
