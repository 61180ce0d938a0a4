-- algorithm hdbscan against the papers' definitions, computed anew, and R (numbers: test/golden/hdbscan.py)
SET engage.progress = off;
SET client_min_messages = warning;

CREATE TABLE credit (id integer PRIMARY KEY, status text, seniority integer, home text, "time" integer, age integer,
	marital text, records text, job text, expenses integer, income integer, assets integer, debt integer, amount integer,
	price integer);
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy credit FROM '${ENGAGE_ROOT:-$PWD}/test/data/credit.csv' (FORMAT csv, HEADER)"`

-- clusters of four columns: as many rows in each, as much strength, as in hdbscan.py
CREATE TABLE told (name text PRIMARY KEY, params jsonb);
INSERT INTO told VALUES
	('eom', '{"min_cluster_size": 15, "min_samples": 15}'),
	('leaf', '{"min_cluster_size": 15, "min_samples": 15, "cluster_selection_method": "leaf"}'),
	('leaf_epsilon', '{"min_cluster_size": 15, "min_samples": 15, "cluster_selection_method": "leaf", "cluster_selection_epsilon": 0.3}');
CREATE VIEW features AS SELECT age, income, amount, price FROM credit;
SELECT name, metrics->>'clusters' AS clusters, round((metrics->>'noise_share')::numeric * 4454) AS noise
FROM told, engage_train(name, 'features', algorithm => 'hdbscan', params => params) ORDER BY name;
SELECT name, engage_predict(name, f) AS cluster, count(*),
	round(sum((SELECT max(value::numeric) FROM jsonb_each_text(engage_predict_proba(name, f)))), 3) AS strength
FROM told, features f GROUP BY 1, 2 ORDER BY 1, 2;

-- the words: noise is one
SELECT engage_predict_class('eom', f) AS class, count(*) FROM features f GROUP BY 1 ORDER BY 1;

-- outlier scores of the same rows
SELECT metrics->>'rows_scored' AS rows, metrics->>'threshold' AS threshold
FROM engage_train('strange', 'features', algorithm => 'hdbscan', task => 'anomaly',
	params => '{"min_cluster_size": 15, "min_samples": 15}');
SELECT round(sum(engage_predict('strange', f))::numeric, 3) AS scores, min(engage_predict('strange', f)) >= 0 AND
	max(engage_predict('strange', f)) <= 1 AS in_range FROM features f;
SELECT round((metrics->>'anomaly_share')::numeric, 2) AS share
FROM engage_train('strange', 'features', algorithm => 'hdbscan', task => 'anomaly',
	params => '{"min_cluster_size": 15, "min_samples": 15, "contamination": 0.05}', deploy => 'always');
SELECT round(count(*) FILTER (WHERE engage_predict_class('strange', f) = 'anomaly') / count(*)::numeric, 2) AS share FROM features f;

-- a new row is where the row is that it reaches; far from all rows it is noise, and as strange as can be
SELECT engage_predict('eom', ROW(1000, 90000, 100000, 300000)::features) AS far,
	engage_predict('eom', ROW(NULL, NULL, NULL, NULL)::features) AS unknown,
	round(engage_predict('strange', ROW(1000, 90000, 100000, 300000)::features)::numeric, 2) AS strange;
SELECT count(*) FILTER (WHERE n.near = n.own) * 1.0 / count(*) > 0.97 AS near_is_own
FROM (SELECT engage_predict('eom', f) AS own, engage_predict('eom', ROW(age, income, amount + 1, price - 1)::features) AS near
	FROM features f) n;

-- the largest parts of the hierarchy are in the model card
SELECT line FROM regexp_split_to_table(engage_describe('eom'), E'\n') line WHERE line ~ 'min_samples|condensed_clusters|sizes';

-- rows that say little
CREATE FUNCTION clusters(source text, params jsonb DEFAULT '{"min_cluster_size": 5}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m jsonb;
	state text;
	message text;
BEGIN
	SELECT metrics INTO m FROM engage_train('odd', source, algorithm => 'hdbscan', params => params, deploy => 'always');
	PERFORM engage_drop('odd');
	RETURN format('%s clusters, noise %s', m->>'clusters', round((m->>'noise_share')::numeric, 3));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ' ' || message;
END $$;
SELECT clusters('SELECT 1 AS a, 2 AS b FROM generate_series(1, 500)') AS duplicates;
SELECT clusters('SELECT i % 3 AS a, i % 3 AS b FROM generate_series(1, 500) i') AS three_duplicates;
SELECT clusters('SELECT i % 3 AS a, ''NaN''::float8 AS b FROM generate_series(1, 60) i') AS nan_column;
SELECT clusters('SELECT CASE WHEN i % 2 = 0 THEN ''NaN'' ELSE ''inf'' END::float8 AS a, i / 50 AS b FROM generate_series(1, 99) i') AS no_numbers;
SELECT clusters('SELECT 1 AS a, 2 AS b', '{}') AS one_row;
SELECT clusters('SELECT 1 AS a, 2 AS b WHERE false', '{}') AS no_row;
SELECT clusters('SELECT (i / 50) * 100 + (i * 7 % 50) / 50.0 AS a FROM generate_series(0, 199) i') AS one_column;
SELECT clusters('SELECT 7 AS same FROM generate_series(1, 50)') AS constant;
SELECT clusters('SELECT CASE WHEN i % 2 = 0 THEN 1e38 ELSE -1e38 END * (1 + (i * 7 % 100) / 1e4) AS a, i * 13 % 100 / 100.0 AS b
	FROM generate_series(1, 100) i', '{"min_cluster_size": 20}') AS huge;
SELECT clusters('SELECT i AS a FROM generate_series(1, 10) i', '{"min_cluster_size": 11}') AS too_large;
SELECT clusters('SELECT i AS a FROM generate_series(1, 10) i', '{"min_cluster_size": 10}') AS all_rows;
SELECT clusters('SELECT i AS a FROM generate_series(1, 10) i', '{"min_cluster_size": 2, "min_samples": 11}') AS too_many;
SELECT clusters('SELECT i AS a FROM generate_series(1, 10) i', '{"min_cluster_size": 1}') AS too_small;
SELECT clusters('SELECT i AS a FROM generate_series(1, 50) i', '{"min_cluster_size": 5, "allow_single_cluster": true}') AS single;
SELECT clusters('SELECT i / 2 AS a FROM generate_series(1, 5000) i', '{"min_cluster_size": 2, "min_samples": 1}') AS too_many_clusters;
SELECT clusters('SELECT i AS a FROM generate_series(1, 50) i', '{"cluster_selection_method": "best"}') AS method;
SELECT engage_train('odd', 'credit', target => 'status', algorithm => 'hdbscan', task => 'clustering');
