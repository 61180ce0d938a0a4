-- anomaly_ensemble
SET engage.progress = off;
SET client_min_messages = warning;
\i test/data/wdbc.sql
CREATE TABLE w AS SELECT * FROM wdbc WHERE diagnosis = 'benign' OR id % 10 = 0;
SET client_min_messages = notice;
SELECT version, task, rows_train, (metrics->>'anomaly_share')::float8 BETWEEN 0.01 AND 0.2 AS share
FROM engage_train('both', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'anomaly_ensemble', params => '{"contamination": 0.05}');
SELECT abs(count(*) FILTER (WHERE engage_predict_class('both', w) = 'anomaly') - 19) <= 1 AS contamination,
	min(engage_predict('both', w)) >= 0 AND max(engage_predict('both', w)) <= 1 AS range FROM w;

-- the formula, from the members trained alone by the same seed and rows
SELECT version FROM engage_train('forest', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'isolation_forest');
SELECT version FROM engage_train('lof', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'local_outlier_factor');
SELECT p, engage_train('pair', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'anomaly_ensemble',
	params => ('{"members": [{"algorithm": "isolation_forest"}, {"algorithm": "local_outlier_factor"}]}'::jsonb || p::jsonb)) IS NOT NULL AS trained
FROM unnest('{"{\"contamination\": 0.1}","{\"combine\": \"rank\"}","{\"combine\": \"rank\", \"method\": \"max\"}","{}"}'::text[]) p;
CREATE TABLE scored AS SELECT id, engage_predict('forest', w) AS f, engage_predict('lof', w) AS l, engage_predict('pair@1.0.0', w) AS tenth,
	engage_predict('pair@1.1.0', w) AS rank, engage_predict('pair@1.2.0', w) AS most, engage_predict('pair@1.3.0', w) AS fence FROM w;
WITH q AS (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f) AS fm, percentile_disc(0.5) WITHIN GROUP (ORDER BY l) AS lm,
		(array_agg(f ORDER BY f))[count(*) - floor((count(*) - 1) * 0.1)] AS ft, (array_agg(l ORDER BY l))[count(*) - floor((count(*) - 1) * 0.1)] AS lt,
		(array_agg(f ORDER BY f))[1 + (count(*) - 1) / 4] AS f1, (array_agg(f ORDER BY f))[1 + (count(*) - 1) * 3 / 4] AS f3,
		(array_agg(l ORDER BY l))[1 + (count(*) - 1) / 4] AS l1, (array_agg(l ORDER BY l))[1 + (count(*) - 1) * 3 / 4] AS l3 FROM scored),
	r AS (SELECT *, (rank() OVER (ORDER BY f) - 1 + (count(*) OVER (PARTITION BY f) - 1) / 2.0) / (count(*) OVER () - 1) AS fr,
		(rank() OVER (ORDER BY l) - 1 + (count(*) OVER (PARTITION BY l) - 1) / 2.0) / (count(*) OVER () - 1) AS lr FROM scored)
SELECT max(abs(tenth - (1 / (1 + 99 ^ -((f - ft) / (ft - fm))) + 1 / (1 + 99 ^ -((l - lt) / (lt - lm)))) / 2)) < 1e-9 AS tenth,
	max(abs(fence - (1 / (1 + 99 ^ -((f - f3 - 1.5 * (f3 - f1)) / (f3 + 1.5 * (f3 - f1) - fm))) + 1 / (1 + 99 ^ -((l - l3 - 1.5 * (l3 - l1)) / (l3 + 1.5 * (l3 - l1) - lm)))) / 2)) < 1e-9 AS fence,
	max(abs(rank - (fr + lr) / 2)) < 0.003 AS rank, max(abs(most - greatest(fr, lr))) < 0.003 AS most
FROM r, q;
SELECT engage_auc(tenth, diagnosis = 'malignant') > least(engage_auc(f, diagnosis = 'malignant'), engage_auc(l, diagnosis = 'malignant')) AS not_the_worst
FROM scored JOIN w USING (id);
SELECT version, metrics->>'threshold' AS threshold FROM engage.versions WHERE model = 'pair' AND version IN ('1.1.0', '1.3.0') ORDER BY 1;

-- why: exact where all members have contributions, else sampled; as much as the members say, scaled
SELECT model, bool_and(error IS NOT NULL) AS sampled, max(abs(base + total - prediction)) < 1e-9 AS adds_up
FROM (SELECT m AS model, e.prediction, e.base, sum(e.contribution) AS total, max(e.error) AS error
	FROM w, unnest('{both,pair@1.3.0}'::text[]) m, engage_explain(m, w) e WHERE w.id IN (10, 20) GROUP BY w.id, m, e.prediction, e.base) s GROUP BY 1 ORDER BY 1;
SELECT version FROM engage_train('alone', 'w', key => 'id', exclude => '{diagnosis}', algorithm => 'anomaly_ensemble',
	params => '{"members": [{"algorithm": "isolation_forest"}], "contamination": 0.1}');
SELECT max(abs(a.contribution / nullif(a.prediction - a.base, 0) - f.contribution / nullif(f.prediction - f.base, 0))) < 1e-6 AS in_proportion
FROM w, engage_explain('alone', w) a JOIN engage_explain('forest', w) f USING (feature) WHERE w.id IN (10, 20, 30);
SELECT max(abs(base + total - prediction)) < 1e-9 AS adds_up FROM (SELECT e.prediction, e.base, sum(e.contribution) AS total
	FROM w, engage_explain('both', w) e WHERE w.id IN (10, 20) GROUP BY w.id, e.prediction, e.base) s;
SELECT feature FROM engage_explain('both', (SELECT to_jsonb(w) || '{"mean_radius": 900}' FROM w WHERE id = 20)) ORDER BY contribution DESC LIMIT 1;
SELECT engage_describe('both') ~ 'anomaly_ensemble' AS card;

-- bad input
\set VERBOSITY default
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": []}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": {}}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": ["forest"]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": [{"algorithm": "xgboost"}]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": [{"algorithm": "anomaly_ensemble"}]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": [{"algorithm": "autoencoder", "params": {"depth": 3}}]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": [{"name": "autoencoder"}]}'); \echo :SQLSTATE
SELECT engage_train('bad', 'w', algorithm => 'anomaly_ensemble', params => '{"members": [{}]}'); \echo :SQLSTATE
