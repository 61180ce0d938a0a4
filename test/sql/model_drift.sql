-- engage_drift: the aggregates over the training rows give the same PSI to 1e-9; shifts of every kind, few rows,
-- models of every shape, bad input
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

SELECT version, rows_train, rows_test FROM engage_train('churn', 'telco', 'churn', key => 'customer_id',
	algorithm => 'xgboost', params => '{"n_estimators": 30}', background => 400);

-- ---------------------------------------------------------------------------
-- The oracle: rows of the training and of the source together, in the aggregates
-- ---------------------------------------------------------------------------

-- one row a value; current customers pay by another method more often, or not at all
CREATE VIEW moved AS
SELECT customer_id, female, senior_citizen, partner, dependents, tenure + 6 AS tenure, phone_service, multiple_lines, internet_service,
	online_security, online_backup, device_protection, tech_support, streaming_tv, streaming_movies, contract, paperless_billing,
	CASE WHEN customer_id % 10 = 0 THEN 'Barter' WHEN customer_id % 11 = 0 THEN NULL ELSE payment_method END AS payment_method,
	monthly_charges, CASE WHEN customer_id % 7 > 0 THEN total_charges * 1.5 END AS total_charges
FROM telco WHERE customer_id % 3 > 0;

CREATE TEMP TABLE both_sides AS
SELECT false AS now, to_jsonb(t) AS r FROM telco AS t WHERE NOT engage_held_out('churn', t)
UNION ALL SELECT true, to_jsonb(m) FROM moved AS m;

CREATE FUNCTION as_number(v jsonb) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE jsonb_typeof(v) WHEN 'boolean' THEN (v::boolean)::int::float8 WHEN 'number' THEN v::text::float4::float8 END $$;

SELECT bins, count(*) AS features, bool_and(abs(d.psi - o.psi) <= 1e-9) AS psi, bool_and(abs(d.kl - o.kl) <= 1e-9) AS kl,
	bool_and(abs(d.js - o.js) <= 1e-9) AS js, bool_and(d.ks <= o.ks + 1e-9 AND d.ks >= o.ks - 0.06) AS ks
FROM (VALUES (2), (5), (10), (20)) AS b (bins),
	engage_baseline('churn', bins) AS e, engage_drift('churn', 'moved', bins, multivariate => false) AS d,
	LATERAL (SELECT engage_psi(as_number(r->e.feature), now, e.edges) AS psi, engage_kl(as_number(r->e.feature), now, e.edges) AS kl,
		engage_js(as_number(r->e.feature), now, e.edges) AS js, engage_ks(as_number(r->e.feature), now) AS ks FROM both_sides) AS o
WHERE e.kind = 'number' AND d.feature = e.feature GROUP BY bins ORDER BY bins;
SELECT count(*) AS features, bool_and(abs(d.psi - o.psi) <= 1e-9) AS psi, bool_and(abs(d.kl - o.kl) <= 1e-9) AS kl,
	bool_and(abs(d.js - o.js) <= 1e-9) AS js
FROM engage_drift('churn', 'moved', multivariate => false) AS d,
	LATERAL (SELECT engage_psi(r->>d.feature, now) AS psi, engage_kl(r->>d.feature, now) AS kl, engage_js(r->>d.feature, now) AS js
		FROM both_sides) AS o
WHERE d.kind = 'category';
SELECT abs(d.psi - o.psi) <= 1e-9 AS psi, abs(d.ks - o.ks) < 0.06 AND d.ks <= o.ks AS ks, abs(d.mean_then - o.mean_then) < 1e-9 AS mean_then,
	abs(d.mean_now - o.mean_now) < 1e-6 AS mean_now, d.rows_then = o.rows_then AS rows_then, d.rows_now = o.rows_now AS rows_now
FROM engage_drift('churn', 'moved', multivariate => false) AS d, engage_baseline('churn') AS e,
	LATERAL (SELECT engage_psi(score, now, e.edges) AS psi, engage_ks(score, now) AS ks, count(*) FILTER (WHERE NOT now) AS rows_then,
		count(*) FILTER (WHERE now) AS rows_now, avg(score) FILTER (WHERE NOT now) AS mean_then, avg(score) FILTER (WHERE now) AS mean_now
		FROM (SELECT engage_predict('churn', t)::float4::float8 AS score, false AS now FROM telco AS t WHERE engage_held_out('churn', t)
			UNION ALL SELECT engage_predict('churn', m)::float4::float8, true FROM moved AS m) AS s) AS o
WHERE d.kind = 'score' AND e.kind = 'score';

-- what the histograms say is what the rows say
SELECT count(*) AS numbers, bool_and(e.rows = o.n AND e.missing = o.missing AND e.counts = o.counts) AS same
FROM engage_baseline('churn') AS e,
	LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE v IS NULL) AS missing,
		(SELECT array_agg(k::float8 ORDER BY bin) FROM (SELECT bin, count(v) FILTER (WHERE above = bin) AS k
			FROM generate_series(0, cardinality(e.edges)) AS bin, both_sides AS s,
				LATERAL (SELECT as_number(s.r->e.feature) AS v,
					(SELECT count(*) FROM unnest(e.edges) AS x WHERE x < as_number(s.r->e.feature)) AS above) AS w
			WHERE NOT s.now GROUP BY bin) AS c) AS counts
		FROM (SELECT as_number(r->e.feature) AS v FROM both_sides WHERE NOT now) AS s) AS o
WHERE e.kind = 'number';

-- ---------------------------------------------------------------------------
-- What a DBA sees
-- ---------------------------------------------------------------------------

-- nothing has moved
SELECT status, count(*), max(psi) < 0.02 AS small, bool_and(psi <= chance) AS chance, max(auc) < 0.6 AS alike, max(auc_error) < 0.03 AS error
FROM engage_drift('churn', 'telco') GROUP BY status;
SELECT feature, kind, typical_then, typical_now, missing_then, missing_now, unseen, examples, outside, rows_then, rows_now
FROM engage_drift('churn', 'telco', multivariate => false) WHERE feature IN ('contract', 'senior_citizen') ORDER BY feature;

-- scores first, then all features, then by PSI
SELECT row_number() OVER () AS place, feature, kind, status, CASE WHEN kind <> 'score' THEN round(psi::numeric, 3) END AS psi, auc > 0.7 AS auc, missing_now > missing_then + 0.01 AS more_missing,
	round(unseen::numeric, 3) AS unseen, examples, CASE WHEN kind <> 'score' THEN round(outside::numeric, 3) END AS outside
FROM engage_drift('churn', 'moved') LIMIT 6;

-- a column without a value, a flag that is always set, words of another language, NULL is no new word
SELECT feature, status, missing_now, round(unseen::numeric, 4) AS unseen, examples, typical_now, round(mean_now::numeric, 4) AS mean_now, ks IS NULL AS no_ks
FROM engage_drift('churn', $$SELECT t.*, NULL::float8 AS total_charges, true AS senior_citizen,
	CASE customer_id % 4 WHEN 0 THEN 'Zweijahresvertrag' WHEN 1 THEN 'Jahresvertrag' WHEN 2 THEN CASE WHEN customer_id % 8 = 2 THEN 'monatlich' END
		ELSE repeat('lang ', 100) END AS contract
	FROM (SELECT customer_id, female, partner, dependents, tenure, phone_service, multiple_lines, internet_service, online_security, online_backup,
		device_protection, tech_support, streaming_tv, streaming_movies, paperless_billing, payment_method, monthly_charges FROM telco) AS t$$,
	multivariate => false)
WHERE status <> 'stable' AND kind <> 'score' ORDER BY feature;

-- more unseen words than are remembered
SELECT status, unseen, cardinality(examples) AS examples FROM engage_drift('churn', $$SELECT t.*, 'word ' || customer_id AS contract FROM
	(SELECT customer_id, female, senior_citizen, partner, dependents, tenure, phone_service, multiple_lines, internet_service, online_security, online_backup,
		device_protection, tech_support, streaming_tv, streaming_movies, paperless_billing, payment_method, monthly_charges, total_charges FROM telco) AS t$$)
WHERE feature = 'contract';

-- means and medians, then and now: those of SQL; exact while the source has no more than 4,096 rows, and near beyond
CREATE FUNCTION centers(source text, exact boolean) RETURNS TABLE (feature text, mean boolean, median boolean) LANGUAGE plpgsql AS $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY '{tenure,monthly_charges,total_charges}'::text[] LOOP
		RETURN QUERY EXECUTE format('SELECT d.feature, abs(d.mean_now - s.mean) <= 1e-6 * abs(s.mean), CASE WHEN %L THEN d.median_now = s.median ELSE
				abs((SELECT avg((%I <= d.median_now)::int) FROM (%s) q WHERE %I IS NOT NULL) - 0.5) < 0.01 END
			FROM engage_drift(''churn'', %L, multivariate => false) d, (SELECT avg(%I::float4)::float8 AS mean, percentile_disc(0.5) WITHIN GROUP (ORDER BY %I::float4) AS median FROM (%s) q) s
			WHERE d.feature = %L', exact, f, source, f, source, f, f, source, f);
	END LOOP;
END $$;
SELECT * FROM centers('SELECT * FROM telco WHERE customer_id % 2 = 0', true);
SELECT * FROM centers('SELECT * FROM telco WHERE customer_id <= 4096', true);
SELECT * FROM centers('SELECT * FROM moved', false);
SELECT feature, abs(median_then / m - 1) < 0.05 AS then FROM engage_drift('churn', 'moved') d,
	(SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY tenure) AS tenure, percentile_disc(0.5) WITHIN GROUP (ORDER BY monthly_charges) AS charges FROM telco) s,
	LATERAL (VALUES ('tenure', tenure), ('monthly_charges', charges)) c (name, m) WHERE name = feature ORDER BY 1;
SELECT count(*) AS score FROM engage_drift('churn', 'SELECT * FROM telco WHERE customer_id <= 1000') d
WHERE kind = 'score' AND abs(median_now - (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY engage_predict('churn', t)) FROM telco t WHERE customer_id <= 1000)) < 1e-6;

-- few rows say little, one says nothing
SELECT count(*), bool_and(status = 'stable') AS stable, max(psi) > 1 AS large FROM engage_drift('churn', 'SELECT * FROM telco WHERE customer_id = 1', multivariate => false);
SELECT status, auc, rows_then, rows_now FROM engage_drift('churn', 'SELECT * FROM telco WHERE customer_id = 1') WHERE kind = 'multivariate';
SELECT count(*) FILTER (WHERE status <> 'stable') AS alarms, max(psi) > 0.1 AS large
FROM engage_drift('churn', 'SELECT * FROM telco WHERE customer_id % 140 = 3', multivariate => false);

-- the order of the rows does not matter
SELECT count(*) FROM (SELECT to_jsonb(d) FROM engage_drift('churn', 'SELECT * FROM moved ORDER BY customer_id') AS d
	UNION SELECT to_jsonb(d) FROM engage_drift('churn', 'SELECT * FROM moved ORDER BY customer_id DESC') AS d) AS rows
WHERE to_jsonb->>'kind' NOT IN ('number', 'score');

-- ---------------------------------------------------------------------------
-- Other columns and models
-- ---------------------------------------------------------------------------

CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE TABLE things AS
SELECT i AS id, (i * 7919 % 1009) / 10.0 AS a, (i * 7919 % 1009) / 10.0 + (i * 31 % 11) AS b, 7 AS constant, NULL::float8 AS nothing,
	(i % 100 = 0) AS rare, date '2024-01-01' + i % 366 AS day, make_interval(hours => i % 48) AS span, ARRAY[i % 5, i % 3]::float8[] AS pair,
	(ARRAY['red', 'green'])[1 + i % 2]::colour AS colour, (ARRAY['north', 'south', 'west'])[1 + i % 3] AS region,
	(i * 7919 % 1009) / 100.0 + i % 3 AS y
FROM generate_series(1, 3000) AS i;
SELECT version FROM engage_train('things', 'things', 'y', key => 'id', algorithm => 'decision_tree', background => 1000);
SELECT feature, kind, status, typical_then, typical_now FROM engage_drift('things', 'things') ORDER BY kind, feature;
CREATE VIEW other_things AS
SELECT id, a, b, constant + (id % 5 = 0)::int AS constant, CASE WHEN id % 2 = 0 THEN 1.0 END::float8 AS nothing, id % 10 = 0 AS rare,
	day + 400 AS day, span * 3 AS span, ARRAY[pair[1], NULL] AS pair, CASE WHEN id % 3 = 0 THEN 'blue' ELSE colour END AS colour, region FROM things;
SELECT feature, status, round(psi::numeric, 4) AS psi, unseen > 0 AS unseen, examples, round(outside::numeric, 2) AS outside, typical_then, typical_now,
	CASE kind WHEN 'date' THEN to_timestamp(mean_now) - to_timestamp(mean_then) BETWEEN '395 days' AND '405 days'
		AND to_timestamp(median_now) - to_timestamp(median_then) BETWEEN '395 days' AND '405 days' END AS days, feature IN ('nothing', 'pair[2]') AND (median_then IS NULL OR median_now IS NULL) AS none
FROM engage_drift('things', 'other_things', multivariate => false) WHERE status <> 'stable' AND kind <> 'score' ORDER BY feature;
SELECT feature, rows, missing, edges, words, counts FROM engage_baseline('things') WHERE feature IN ('constant', 'nothing', 'rare', 'colour');

-- each column stays, but two of them have parted
SELECT kind, status, auc > 0.75 AS auc FROM engage_drift('things', $$SELECT t.id, t.a, o.b, t.constant, t.nothing, t.rare, t.day, t.span, t.pair, t.colour, t.region
	FROM things AS t JOIN things AS o ON o.id = (t.id * 1373) % 2999 + 1$$)
WHERE kind = 'multivariate' OR status <> 'stable';

-- parts: all rows against all rows; classes, quantiles
SELECT version FROM engage_train('parts', 'things', 'y', key => 'id', algorithm => 'decision_tree', partition_by => 'region');
SELECT count(*), bool_and(status = 'stable') AS stable, min(rows_then) FILTER (WHERE kind = 'score') AS held_out FROM engage_drift('parts', 'things');
SELECT feature, status FROM engage_drift('parts', 'SELECT * FROM things WHERE region = ''west''', multivariate => false) WHERE status <> 'stable';
SELECT version FROM engage_train('regions', 'things', 'region', key => 'id', exclude => ARRAY['y'], algorithm => 'naive_bayes', test_size => 0);
SELECT feature, status, rows_then FROM engage_drift('regions', 'things') WHERE kind = 'score' ORDER BY feature;
SELECT version FROM engage_train('range', 'things', 'y', key => 'id', task => 'quantile', algorithm => 'xgboost',
	params => '{"quantiles": [0.1, 0.9], "n_estimators": 10}', background => 0);
SELECT feature, kind, status, auc FROM engage_drift('range', 'things') WHERE kind IN ('score', 'multivariate') ORDER BY feature;

-- learning on: scores are those of the new version
SELECT version FROM engage_train('grows', 'SELECT id, a, b, y > 6 AS yes FROM things WHERE id <= 1500', 'yes', key => 'id', algorithm => 'logistic_regression');
SELECT engage_update('grows', 'SELECT id, a, b, y > 6 AS yes FROM things WHERE id > 1500') IS NOT NULL AS updated;
SELECT feature, rows_then, status FROM engage_drift('grows', 'things', multivariate => false) ORDER BY feature;

-- exported and imported, they are still there
SELECT engage_import('again', engage_export('churn', 'engage')) IS NOT NULL AS imported;
SELECT count(*) AS same FROM engage_drift('again', 'moved') AS a JOIN engage_drift('churn', 'moved') AS b ON to_jsonb(a) = to_jsonb(b);

-- ---------------------------------------------------------------------------
-- Rights and errors
-- ---------------------------------------------------------------------------

CREATE ROLE drift_watcher;
GRANT SELECT ON moved TO drift_watcher;
SET ROLE drift_watcher;
SELECT * FROM engage_drift('churn', 'moved');
SELECT * FROM engage_baseline('churn');
RESET ROLE;
SELECT engage_grant('churn', 'drift_watcher');
SET ROLE drift_watcher;
SELECT count(*) FROM engage_drift('churn', 'moved');
SELECT * FROM engage_drift('churn', 'telco');
RESET ROLE;

SELECT engage_import('hand', convert_to($$tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=0
objective=binary sigmoid:1
feature_names=tenure
tree_sizes=1

Tree=0
num_leaves=2
num_cat=0
split_feature=0
split_gain=3
threshold=6.5
decision_type=0
left_child=-1
right_child=-2
leaf_value=-0.5 1
leaf_count=1 1
internal_value=0
internal_count=4
is_linear=0
shrinkage=1

end of trees
$$, 'UTF8'), target => 'churn', labels => ARRAY['No', 'Yes']) IS NOT NULL AS imported;
SELECT * FROM engage_drift('hand', 'telco');
SELECT * FROM engage_baseline('hand');
SELECT * FROM engage_drift('churn', 'SELECT * FROM telco WHERE false');
SELECT * FROM engage_drift('churn', 'SELECT tenure, contract FROM telco');
SELECT * FROM engage_drift('things', 'SELECT id, a, b, constant, nothing, rare, day, span, pair, region, id AS colour FROM things');
SELECT * FROM engage_drift('churn', 'nowhere');
SELECT * FROM engage_drift('churn', 'DELETE FROM telco');
SELECT * FROM engage_drift('nobody', 'telco');
SELECT * FROM engage_drift(NULL, 'telco');
SELECT * FROM engage_drift('churn', NULL);
SELECT * FROM engage_drift('churn', 'telco', 1);
SELECT * FROM engage_drift('churn', 'telco', 21);
SELECT * FROM engage_baseline('churn', 0);
DROP OWNED BY drift_watcher;
DROP ROLE drift_watcher;
