-- segments: how good, what they are like, names, stability, migration
SET engage.progress = off;
SET client_min_messages = warning;
\i test/data/telco.sql
\pset null '(null)'
SET client_min_messages = notice;

-- ---------------------------------------------------------------------------
-- Aggregates against scikit-learn (test/golden/validity.py)
-- ---------------------------------------------------------------------------
CREATE TABLE golden (name text PRIMARY KEY, value float8);
INSERT INTO golden VALUES
	('silhouette', 0.10061271371224041),
	('davies_bouldin', 3.9547076125762968),
	('calinski_harabasz', 805.212459728853),
	('adjusted_rand', 0.07177255012835372);
CREATE TABLE found AS
SELECT engage_silhouette(contract, x, 0) AS silhouette, engage_davies_bouldin(contract, x) AS davies_bouldin,
	engage_calinski_harabasz(contract, x) AS calinski_harabasz, engage_adjusted_rand(contract, internet_service) AS adjusted_rand
FROM (SELECT *, ARRAY[tenure, monthly_charges]::float8[] AS x FROM telco) t;
SELECT name, abs(f.value::float8 / g.value - 1) < 1e-6 AS equal
FROM found, jsonb_each_text(to_jsonb(found)) f(name, value) JOIN golden g USING (name) ORDER BY name;

-- a sample is near, whole numbers are names as good as texts, workers change nothing that matters
SELECT abs(engage_silhouette(contract, ARRAY[tenure, monthly_charges]::float8[], 2000) - 0.1006) < 0.02 AS sampled,
	abs(engage_silhouette(contract, ARRAY[tenure, monthly_charges]::float8[]) - 0.1006127) < 1e-6 AS by_default_all_of_these,
	abs(engage_davies_bouldin(length(contract), ARRAY[tenure, monthly_charges]::float8[])
		- engage_davies_bouldin(length(contract)::text, ARRAY[tenure, monthly_charges]::float8[])) < 1e-9 AS numbers_or_text
FROM telco;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT abs(engage_silhouette(contract, x, 0) / f.silhouette - 1) < 1e-9 AS silhouette,
	abs(engage_davies_bouldin(contract, x) / f.davies_bouldin - 1) < 1e-9 AS davies_bouldin,
	abs(engage_calinski_harabasz(contract, x) / f.calinski_harabasz - 1) < 1e-9 AS calinski_harabasz,
	abs(engage_adjusted_rand(contract, internet_service) / f.adjusted_rand - 1) < 1e-9 AS adjusted_rand
FROM (SELECT *, ARRAY[tenure, monthly_charges]::float8[] AS x FROM telco) t, found f
GROUP BY f.silhouette, f.davies_bouldin, f.calinski_harabasz, f.adjusted_rand;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- many groups, one group, no row, each row its own group
SELECT engage_adjusted_rand(i, i + 7) AS same, round(engage_adjusted_rand(i % 300, i / 300)::numeric, 3) AS chance FROM generate_series(1, 90000) i;
SELECT engage_silhouette(1, ARRAY[i]::float8[]) AS one, engage_silhouette(i, ARRAY[i]::float8[]) AS own,
	engage_calinski_harabasz(i, ARRAY[i]::float8[]) AS own_ch, engage_davies_bouldin(1, ARRAY[i]::float8[]) AS one_db FROM generate_series(1, 9) i;
SELECT engage_silhouette(1, ARRAY[i]::float8[]), engage_adjusted_rand(i, i) FROM generate_series(1, 0) i;

-- NULL, NaN and infinity are left out
SELECT engage_silhouette(s, x, 0) AS silhouette FROM (VALUES (1, '{0,0}'::float8[]), (1, '{0,1}'), (2, '{5,5}'), (2, '{5,6}'),
	(NULL, '{0,0}'), (1, NULL), (1, '{NULL,1}'), (1, '{NaN,1}'), (2, '{Infinity,1}'), (2, '{1e308,1}')) v(s, x);

\set VERBOSITY default
SELECT engage_silhouette(1, x) FROM (VALUES ('{1,2}'::float8[]), ('{1}')) v(x); \echo :SQLSTATE
SELECT engage_silhouette(1, '{{1,2}}'); \echo :SQLSTATE
SELECT engage_silhouette(1, '{1}', -1); \echo :SQLSTATE
SELECT engage_silhouette(1, '{1}', i) FROM generate_series(2, 3) i; \echo :SQLSTATE
SELECT engage.silhouette_final('\x0102'); \echo :SQLSTATE
SELECT engage.groups_combine('\x00', '\x0102030405060708'); \echo :SQLSTATE

-- ---------------------------------------------------------------------------
-- What segments are like
-- ---------------------------------------------------------------------------
CREATE VIEW people AS SELECT customer_id, tenure, monthly_charges, contract, senior_citizen, nullif(internet_service, 'No') AS internet FROM telco;
SELECT version, task, rows_train, rows_test, metrics ? 'silhouette' AS silhouette, deployed
FROM engage_train('segments', 'people', algorithm => 'kmeans', key => 'customer_id', params => '{"k": 3}');
CREATE TABLE member AS SELECT p.*, engage_predict('segments', p)::int AS segment FROM people p;
SELECT segment, count(*) BETWEEN 100 AND 6000 AS rows FROM member GROUP BY 1 ORDER BY 1;

-- sizes, and numbers that SQL computes otherwise
SELECT count(*) AS segments, bool_and(s.rows = m.n) AS rows, abs(sum(s.share) - 1) < 1e-9 AS shares, bool_and(suggestion <> '') AS suggested,
	bool_and(typical ? 'tenure' AND (SELECT segment FROM member WHERE customer_id = typical_key::int) = s.segment) AS typical
FROM engage_segments('segments', 'people', key => 'customer_id') s JOIN (SELECT segment, count(*) AS n FROM member GROUP BY 1) m USING (segment);

WITH p AS (SELECT * FROM engage_profile('segments', 'people', top => 100)),
	s AS (SELECT DISTINCT segment FROM member),
	numbers AS (
		SELECT s.segment, f.name AS feature, avg(v) FILTER (WHERE inside) AS i, avg(v) FILTER (WHERE NOT inside) AS o,
			var_pop(v) FILTER (WHERE inside) * count(v) FILTER (WHERE inside) AS vi, var_pop(v) FILTER (WHERE NOT inside) * count(v) FILTER (WHERE NOT inside) AS vo,
			count(v) - 2 AS freedom
		FROM s, (SELECT member.*, to_jsonb(member) AS j FROM member) m, (VALUES ('tenure'), ('monthly_charges'), ('senior_citizen')) f(name),
			LATERAL (SELECT (j ->> f.name)::float8 AS v, m.segment = s.segment AS inside) x
		GROUP BY 1, 2),
	words AS (
		SELECT s.segment, w.feature, w.value, avg((w.word IS NOT DISTINCT FROM w.value)::int) FILTER (WHERE m.segment = s.segment) AS i,
			avg((w.word IS NOT DISTINCT FROM w.value)::int) FILTER (WHERE m.segment <> s.segment) AS o
		FROM s, (VALUES ('contract', 'Two year'), ('contract', 'One year'), ('internet', 'DSL'), ('internet', NULL)) k(feature, value),
			LATERAL (SELECT m.segment, k.feature, k.value, CASE k.feature WHEN 'contract' THEN m.contract ELSE m.internet END AS word FROM member m) w,
			LATERAL (SELECT w.segment) m
		GROUP BY 1, 2, 3)
SELECT 'numbers' AS kind, count(*), max(abs(p.inside - n.i)) < 1e-5 AS inside, max(abs(p.outside - n.o)) < 1e-5 AS outside,
	max(abs(p.effect - greatest(least((n.i - n.o) / nullif(sqrt((vi + vo) / freedom), 0), 10), -10))) < 1e-5 AS effect
FROM numbers n JOIN p USING (segment, feature) WHERE p.value IS NULL AND vi + vo > 0
UNION ALL
SELECT 'shares', count(*), max(abs(p.inside - w.i)) < 1e-9, max(abs(p.outside - w.o)) < 1e-9,
	max(abs(p.effect - (2 * asin(sqrt(w.i)) - 2 * asin(sqrt(w.o))))) < 1e-9
FROM words w JOIN p ON p.segment = w.segment AND p.feature = w.feature AND p.value = coalesce(w.value, 'unknown');
SELECT bool_and(abs(effect) <= before) AS strongest_first FROM (SELECT effect, lag(abs(effect), 1, 99) OVER (PARTITION BY segment ORDER BY rank) AS before
	FROM engage_profile('segments', 'people')) p;

-- what it says
SELECT segment, suggestion FROM engage_segments('segments', 'people');
SELECT description FROM engage_segments('segments', 'people') WHERE segment = 1;

-- ---------------------------------------------------------------------------
-- Names
-- ---------------------------------------------------------------------------
SELECT engage_label_segment('segments', 1, 'Largest', 'call them');
SELECT engage_label_segment('segments', 2, 'Second');
SELECT engage_segment('segments', m) AS name, segment, count(*) > 0 AS rows FROM member m GROUP BY 1, 2 ORDER BY 2;
SELECT engage_segment('segments', to_jsonb(m)) = engage_segment('segments', m) AS jsonb FROM member m LIMIT 1;
SELECT model, version, deployed, segment, name, strategy FROM engage.segment_names ORDER BY segment;
SELECT segment, name, strategy FROM engage_segments('segments', 'people');

-- retrained on most of the rows with more columns and other k: the same segments have the same names
SELECT version, deployed FROM engage_train('segments', 'SELECT * FROM people WHERE customer_id % 10 > 0', algorithm => 'kmeans',
	key => 'customer_id', params => '{"k": 3}', seed => 5);
SELECT count(*) AS kept, bool_and(n > 0.9) AS same_people FROM (
	SELECT o.name, avg((engage_segment('segments', m) = o.name)::int) AS n
	FROM member m JOIN engage.segment_names o ON o.segment = m.segment AND o.version = '1.0.0' GROUP BY 1) x;
SELECT engage_label_segment('segments', segment, 'Nobody') FROM engage.segment_names WHERE deployed AND name = 'Second';
-- other columns: what was learned is another thing
SELECT version FROM engage_train('segments', 'SELECT customer_id, tenure FROM people', algorithm => 'kmeans', key => 'customer_id', params => '{"k": 3}');
SELECT engage_rollback('segments');
SELECT engage_label_segment('segments', segment, NULL) FROM engage.segment_names WHERE deployed AND name = 'Nobody';
SELECT count(*) FROM engage.segment_names WHERE deployed;
-- a name within the same statement block is seen at once
DO $$
BEGIN
	FOR i IN 1..2 LOOP
		PERFORM engage_label_segment('segments', 3, 'third ' || i);
		RAISE NOTICE '%', (SELECT count(*) > 0 FROM member m WHERE engage_segment('segments', m) = 'third ' || i);
	END LOOP;
END $$;
SELECT action, detail ->> 'name' AS name FROM engage.events WHERE action = 'label_segment' ORDER BY id LIMIT 2;

-- bad names
SELECT engage_label_segment('segments', 4, 'x'); \echo :SQLSTATE
SELECT engage_label_segment('segments', 0, 'x'); \echo :SQLSTATE
SELECT engage_label_segment('segments', 1, ' '); \echo :SQLSTATE
SELECT engage_label_segment('segments', 2, 'Largest'), engage_label_segment('segments', 1, 'Largest'); \echo :SQLSTATE
SELECT engage_label_segment('segments', 1, repeat('x', 201)); \echo :SQLSTATE
SELECT engage_label_segment('segments', 1, 'noise'); \echo :SQLSTATE
SELECT engage_label_segment('segments', 1, '2'); \echo :SQLSTATE
SELECT engage_label_segment('segments', NULL, 'x'); \echo :SQLSTATE
SELECT engage_label_segment('nobody', 1, 'x'); \echo :SQLSTATE

-- ---------------------------------------------------------------------------
-- Stability and migration
-- ---------------------------------------------------------------------------
SELECT segment, rounds, stability > 0.6 AS stable, lowest <= stability AS ordered
FROM engage_segment_stability('segments@1.0.0', 'people', rounds => 5, sample => 2000) ORDER BY segment NULLS FIRST;
-- segments of noise are not
SELECT version FROM engage_train('noise', 'SELECT i AS id, hashint4(i) / 1e9 AS a, hashint4(i + 70000) / 1e9 AS b FROM generate_series(1, 2000) i',
	algorithm => 'kmeans', key => 'id', params => '{"k": 9}');
SELECT (SELECT min(stability) FROM engage_segment_stability('noise', 'SELECT hashint4(i) / 1e9 AS a, hashint4(i + 70000) / 1e9 AS b FROM generate_series(1, 2000) i',
		rounds => 5) WHERE segment IS NOT NULL)
	< (SELECT min(stability) FROM engage_segment_stability('segments@1.0.0', 'people', rounds => 5, sample => 2000) WHERE segment IS NOT NULL) AS less_stable;

CREATE TABLE later AS SELECT customer_id, least(tenure + 24, 72) AS tenure, monthly_charges, contract, senior_citizen, internet FROM people WHERE customer_id % 50 <> 1
	UNION ALL SELECT 100000, 1, 20, 'Two year', 0, NULL;
WITH m AS (SELECT * FROM engage_segment_migration('segments@1.0.0', 'people', 'later', 'customer_id')),
	direct AS (SELECT a.segment AS from_segment, engage_predict('segments@1.0.0', l)::int AS to_segment, count(*) AS n
		FROM member a FULL JOIN later l USING (customer_id) GROUP BY 1, 2)
SELECT count(*) > 5 AS cells, bool_and(m.rows = d.n) AS rows, count(*) FILTER (WHERE m.from_segment IS NULL) AS new, sum(m.rows) = 7044 AS everyone,
	count(*) FILTER (WHERE m.to_segment IS NULL) AS left_from, bool_and(from_name = 'Largest') FILTER (WHERE m.from_segment = 1) AS named
FROM m FULL JOIN direct d ON coalesce(m.from_segment, -1) = coalesce(d.from_segment, -1) AND coalesce(m.to_segment, -1) = coalesce(d.to_segment, -1);
SELECT bool_and(abs(s - 1) < 1e-9) AS shares FROM (SELECT sum(share) AS s FROM engage_segment_migration('segments', 'people', 'later', 'customer_id') GROUP BY from_segment) x;

SELECT * FROM engage_segment_migration('segments', 'people', 'SELECT * FROM people UNION ALL SELECT * FROM people WHERE customer_id = 3', 'customer_id'); \echo :SQLSTATE
SELECT * FROM engage_segment_migration('segments', 'people', 'people', 'nothing'); \echo :SQLSTATE
SELECT * FROM engage_segment_stability('segments', 'SELECT * FROM people LIMIT 5'); \echo :SQLSTATE
SELECT * FROM engage_segment_stability('segments', 'people', rounds => 0); \echo :SQLSTATE
SELECT * FROM engage_profile('segments', 'people', top => 0); \echo :SQLSTATE

-- not for other models
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators": 2}');
SELECT * FROM engage_segments('churn', 'telco'); \echo :SQLSTATE
SELECT engage_segment('churn', t) FROM telco t LIMIT 1; \echo :SQLSTATE
SELECT engage_label_segment('churn', 1, 'x'); \echo :SQLSTATE
SELECT * FROM engage_segments('segments', 'SELECT * FROM people WHERE false'); \echo :SQLSTATE
SELECT engage_drop('segments');
SELECT count(*) FROM engage.segment_name n WHERE NOT EXISTS (SELECT FROM engage.version v WHERE v.id = n.version_id);
