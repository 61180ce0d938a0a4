-- why a row has its score: engage_explain, engage_explain_json, engage_interactions
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

SELECT version FROM engage_train('trees', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators":40,"max_depth":4}');
SELECT version FROM engage_train('logit', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT version FROM engage_train('bayes', 'telco', target => 'churn', key => 'customer_id', algorithm => 'naive_bayes');
SELECT version FROM engage_train('net', 'telco', target => 'churn', key => 'customer_id', algorithm => 'mlp', params => '{"epochs":3}');
SELECT version FROM engage_train('curve', 'telco', target => 'churn', key => 'customer_id', calibrate => 'isotonic',
	params => '{"n_estimators":40,"max_depth":4}');
SELECT version FROM engage_train('three', 'telco', target => 'contract', key => 'customer_id', params => '{"n_estimators":20,"max_depth":4}');
SELECT version FROM engage_train('three_curves', 'telco', target => 'contract', key => 'customer_id', calibrate => 'sigmoid',
	algorithm => 'logistic_regression');
SELECT version FROM engage_train('three_bayes', 'telco', target => 'contract', key => 'customer_id', algorithm => 'naive_bayes');
SELECT version FROM engage_train('parts', 'telco', target => 'churn', key => 'customer_id', partition_by => 'contract',
	params => '{"n_estimators":10,"max_depth":3}');
SELECT version FROM engage_train('charges', 'telco', target => 'monthly_charges', key => 'customer_id', exclude => '{total_charges}',
	task => 'quantile', params => '{"n_estimators":20,"max_depth":3,"quantiles":[0.1,0.5,0.9]}');
CREATE TABLE few AS SELECT * FROM telco WHERE customer_id <= 24;

-- ---------------------------------------------------------------------------
-- What it looks like
-- ---------------------------------------------------------------------------

SELECT feature, value, contribution <> 0 AS matters, round(base::numeric, 6) AS base, round(prediction::numeric, 6) AS prediction, error
FROM telco t, engage_explain('logit', t) WHERE customer_id = 1 ORDER BY feature;
SELECT count(*) AS features, bool_and(abs(contribution) <= before) AS largest_first FROM
	(SELECT *, lag(abs(contribution)) OVER (ROWS UNBOUNDED PRECEDING) AS before FROM telco t, engage_explain('trees', t) WHERE customer_id = 1) e;
SELECT jsonb_pretty(engage_explain_json('logit', t, n => 2) - '{base,rest,prediction}'::text[] #- '{contributions,0,contribution}'
	#- '{contributions,1,contribution}') FROM telco t WHERE customer_id = 1;

-- ---------------------------------------------------------------------------
-- Base and contributions add up to what engage_predict says
-- ---------------------------------------------------------------------------

CREATE FUNCTION off(model text, wanted text, arguments text DEFAULT '', source text DEFAULT 'few') RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	answer float8;
BEGIN
	EXECUTE format('SELECT max(greatest(abs(total - wanted), abs(prediction - wanted)) / greatest(1, abs(wanted))) FROM
		(SELECT min(base) + sum(contribution) AS total, min(prediction) AS prediction, min(wanted) AS wanted
		FROM (SELECT *, row_number() OVER () AS n, %s AS wanted FROM %s t) t, engage_explain(%L, t %s) GROUP BY n) s',
		wanted, source, model, arguments) INTO answer;
	RETURN answer;
END $$;

SELECT model, method, off(model, format('engage_predict(%L, t)', model), format(', method => %L', method)) < 1e-9 AS adds_up
FROM unnest('{trees,logit,bayes,curve,parts,charges}'::text[]) model, unnest('{auto,exact,interventional,sampled}'::text[]) method;
SELECT off('net', $$engage_predict('net', t)$$) < 1e-9 AS auto, off('net', $$engage_predict('net', t)$$, $$, method => 'sampled', samples => 5$$) < 1e-9 AS sampled;
SELECT model, method, off(model, format('(engage_predict_proba(%L, t)->>''One year'')::float8', model),
	format(', method => %L, class => ''One year''', method)) < 1e-9 AS adds_up
FROM unnest('{three,three_curves,three_bayes}'::text[]) model, unnest('{auto,interventional,sampled}'::text[]) method;

-- the predicted class is the default
SELECT model, off(model, format('(SELECT max(value::float8) FROM jsonb_each_text(engage_predict_proba(%L, t)))', model)) < 1e-9 AS adds_up
FROM unnest('{three,three_curves,three_bayes}'::text[]) model;
SELECT count(*) FROM few t WHERE engage_explain_json('three', t)->>'class' <> engage_predict_class('three', t);

-- contributions to all classes cancel, as probabilities add up to 1 (but for curves, which bend each class by itself)
SELECT model, max(abs(total)) < 1e-6 AS cancel FROM unnest('{three,three_bayes}'::text[]) model,
	LATERAL (SELECT sum(contribution) AS total FROM few t, unnest('{Month-to-month,One year,Two year}'::text[]) c,
		engage_explain(model, t, class => c) GROUP BY customer_id, feature) s GROUP BY model ORDER BY model;

-- the other one of two classes
SELECT max(abs(a.contribution + b.contribution)) < 1e-12 AS mirrored, max(abs(a.base + b.base - 1)) < 1e-12 AS base,
	max(abs(a.prediction + b.prediction - 1)) < 1e-12 AS prediction
FROM few t, engage_explain('trees', t, class => 'Yes') a JOIN LATERAL engage_explain('trees', t, class => 'No') b USING (feature);
SELECT off('curve', $$1 - engage_predict('curve', t)$$, $$, class => 'No'$$) < 1e-9 AS adds_up;
SELECT off('net', $$1 - engage_predict('net', t)$$, $$, class => 'No'$$) < 1e-9 AS adds_up;

-- margins: of the logistic function here; quantiles are where they land
SELECT model, off(model, format('(SELECT ln(p / (1 - p)) FROM engage_predict(%L, t) p)', model), ', space => ''margin''') < 1e-5 AS adds_up
FROM unnest('{trees,logit,bayes}'::text[]) model;
SELECT off('logit', $$(SELECT -ln(p / (1 - p)) FROM engage_predict('logit', t) p)$$, $$, space => 'margin', class => 'No', method => 'interventional'$$) < 1e-9 AS adds_up;
SELECT q, off('charges', format('(engage_predict_quantiles(''charges'', t))[%s]', i), format(', quantile => %s', q)) < 1e-9 AS adds_up
FROM unnest('{0.1,0.5,0.9}'::float8[]) WITH ORDINALITY x(q, i);

-- of one margin the output's difference is shared out in proportion
SELECT max(abs((o.contribution * (m.prediction - m.base)) - m.contribution * (o.prediction - o.base))) < 1e-6 AS in_proportion
FROM few t, engage_explain('trees', t) o JOIN LATERAL engage_explain('trees', t, space => 'margin') m USING (feature);

-- ---------------------------------------------------------------------------
-- Against independent numbers
-- ---------------------------------------------------------------------------

-- linear: coefficient times distance from the mean
CREATE TABLE line AS SELECT i AS id, i % 10 AS a, i * 7 % 13 AS b, 3 * (i % 10) - 2 * (i * 7 % 13) + 5 AS y FROM generate_series(1, 260) i;
SELECT version FROM engage_train('line', 'line', target => 'y', key => 'id', algorithm => 'linear_regression', test_size => 0);
SELECT feature, value, round(contribution::numeric, 6) AS contribution, round(base::numeric, 6) AS base, round(prediction::numeric, 6) AS prediction
FROM engage_explain('line', '{"a": 10, "b": 6}'::jsonb);
SELECT round(avg(3 * a), 6) AS three_a, round(avg(-2 * b), 6) AS minus_two_b, round(avg(y), 6) AS y FROM line;

-- naive Bayes: log of how much more frequent a value is in the one class; the base is the prior
SELECT feature, round(contribution::numeric, 6) AS contribution, round(base::numeric, 6) AS base
FROM few t, engage_explain('bayes', t, space => 'margin') WHERE customer_id = 1 AND feature IN ('contract', 'tech_support') ORDER BY 1;

-- the net against all subsets of its features and all background rows, here few enough: the rows of the table
CREATE TABLE tiny AS SELECT i AS id, i % 3 AS a, i * 7 % 5 AS b, CASE i % 4 WHEN 0 THEN 'x' WHEN 1 THEN 'y' ELSE 'z' END AS c,
	(i % 3) * (i * 7 % 5) + i % 4 AS y FROM generate_series(1, 30) i;
SELECT version FROM engage_train('tiny', 'tiny', target => 'y', key => 'id', algorithm => 'mlp', task => 'regression', test_size => 0,
	params => '{"epochs":30,"layers":[8]}', background => 1000);
CREATE TABLE subset AS
SELECT ua, ub, uc, avg(engage_predict('tiny', s)) AS v
FROM (SELECT ua, ub, uc, CASE WHEN ua THEN 2 ELSE a END AS a, CASE WHEN ub THEN 3 ELSE b END AS b, CASE WHEN uc THEN NULL ELSE c END AS c
	FROM tiny, unnest('{f,t}'::bool[]) ua, unnest('{f,t}'::bool[]) ub, unnest('{f,t}'::bool[]) uc) s
GROUP BY ua, ub, uc;
SELECT feature, value, abs(e.contribution - d.contribution) < 1e-5 AS equal, error,
	abs(base - (SELECT v FROM subset WHERE NOT (ua OR ub OR uc))) < 1e-5 AS base
FROM engage_explain('tiny', '{"a": 2, "b": 3, "c": null}'::jsonb) e JOIN
	(SELECT 'a' AS feature, sum(CASE WHEN w.ua THEN 1 ELSE -1 END * v * CASE ub::int + uc::int WHEN 1 THEN 1 / 6.0 ELSE 1 / 3.0 END) AS contribution FROM subset w
	UNION ALL SELECT 'b', sum(CASE WHEN w.ub THEN 1 ELSE -1 END * v * CASE ua::int + uc::int WHEN 1 THEN 1 / 6.0 ELSE 1 / 3.0 END) FROM subset w
	UNION ALL SELECT 'c', sum(CASE WHEN w.uc THEN 1 ELSE -1 END * v * CASE ua::int + ub::int WHEN 1 THEN 1 / 6.0 ELSE 1 / 3.0 END) FROM subset w) d
	USING (feature) ORDER BY feature;

-- more samples: the same within the errors, which become smaller
SELECT bool_and(abs(a.contribution - b.contribution) <= 5 * (a.error + b.error) + 1e-6) AS within, avg(b.error) < avg(a.error) / 2 AS smaller
FROM few t, engage_explain('net', t, samples => 256) a JOIN LATERAL engage_explain('net', t, samples => 4096) b USING (feature)
WHERE customer_id <= 3;

-- of a sum of terms, sampled and interventional contributions are the same
SELECT count(*), max(abs(a.contribution - b.contribution)) < 1e-5 AS equal, max(abs(a.base - b.base)) < 1e-5 AS base
FROM line l, engage_explain('line', l, method => 'sampled', samples => 128) a JOIN LATERAL engage_explain('line', l, method => 'interventional') b USING (feature);

-- the same again: nothing is left to chance
SELECT count(*) FROM few t WHERE engage_explain_json('net', t) <> engage_explain_json('net', t) AND customer_id <= 5;

-- ---------------------------------------------------------------------------
-- Rows of other shapes
-- ---------------------------------------------------------------------------

SELECT count(*) FROM few t WHERE engage_explain_json('trees', t) <> engage_explain_json('trees', to_jsonb(t));
SELECT count(*) FROM few t JOIN LATERAL engage_explain('trees', t) a ON true JOIN LATERAL engage_explain('trees', to_jsonb(t)) b USING (feature)
WHERE a.contribution <> b.contribution OR a.value IS DISTINCT FROM b.value;

-- missing values, words never seen, nothing at all
SELECT feature, value, contribution <> 0 AS matters FROM engage_explain('logit', '{"tenure": null, "contract": "Forever"}'::jsonb) e
WHERE feature IN ('tenure', 'contract') ORDER BY 1;
SELECT model, off(model, format('engage_predict(%L, t)', model), source => '(SELECT (r).* FROM (SELECT NULL::telco AS r) x)') < 1e-9 AS all_null
FROM unnest('{trees,logit,bayes,net,curve,parts,charges}'::text[]) model;
SELECT count(*) FROM engage_explain('trees', NULL::telco);
SELECT count(*) FROM engage_explain(NULL, '{}'::jsonb);
SELECT engage_explain_json('trees', NULL::jsonb) IS NULL AS nothing, engage_explain_json(NULL, '{}'::jsonb) IS NULL AS no_model;
SELECT count(*) FROM few a LEFT JOIN few b ON b.customer_id = a.customer_id + 20 LEFT JOIN LATERAL engage_explain('trees', b) e ON true;
SELECT count(*) FROM engage_interactions('trees', NULL::telco);

-- how values are told
CREATE TABLE kinds AS SELECT i AS id, i % 2 = 0 AS flag, date '2024-01-01' + i AS day, timestamp '2024-01-01 12:30' + i * interval '1 hour' AS at,
	i * interval '90 minutes' AS lasts, time '01:02:03' + i * interval '1 minute' AS clock, (i * 1234567.0)::float8 AS big, i / 8.0 AS part,
	ARRAY[i, i % 4]::float4[] AS v, 'word ' || i % 3 AS w, i % 5 + i % 2 AS y FROM generate_series(1, 200) i;
SELECT version FROM engage_train('kinds', 'kinds', target => 'y', key => 'id', algorithm => 'linear_regression', params => '{"penalty":"l2"}');
SELECT feature, value FROM kinds k, engage_explain('kinds', k) WHERE id = 10 ORDER BY 1;
SELECT jsonb_agg(c->'value' ORDER BY c->>'feature') FROM kinds k, jsonb_array_elements(engage_explain_json('kinds', k)->'contributions') c WHERE id = 10;

-- the n largest, and what the others add
SELECT jsonb_array_length(j->'contributions') AS n,
	abs((j->>'base')::float8 + (j->>'rest')::float8 - (j->>'prediction')::float8
		+ (SELECT sum((c->>'contribution')::float8) FROM jsonb_array_elements(j->'contributions') c)) < 1e-9 AS adds_up
FROM few t, engage_explain_json('trees', t, n => 3) j LIMIT 1;
SELECT engage_explain_json('trees', t, n => 0)->'contributions' AS none, engage_explain_json('trees', t, n => 1000) ? 'rest' AS rest FROM few t LIMIT 1;

-- ---------------------------------------------------------------------------
-- Interactions
-- ---------------------------------------------------------------------------

SELECT abs(p.total - m.base - m.total) < 1e-5 AS adds_up, p.n > 20 AS pairs, p.sorted
FROM few t, LATERAL (SELECT sum(interaction) AS total, count(*) AS n, bool_and(ok) AS sorted FROM
		(SELECT interaction, abs(interaction) <= lag(abs(interaction), 1, 'inf') OVER (ROWS UNBOUNDED PRECEDING) AS ok
		FROM engage_interactions('trees', t)) i) p,
	LATERAL (SELECT min(base) - min(base) AS base, sum(contribution) AS total FROM engage_explain('trees', t, space => 'margin')) m
WHERE customer_id = 1;
SELECT max(abs(e.contribution - i.total)) < 1e-5 AS halves_add_up
FROM few t, engage_explain('trees', t, space => 'margin') e JOIN LATERAL
	(SELECT feature, sum(part) AS total FROM engage_interactions('trees', t) p,
		LATERAL (VALUES (feature_a, CASE WHEN feature_a = feature_b THEN interaction ELSE interaction / 2 END),
			(CASE WHEN feature_a <> feature_b THEN feature_b END, interaction / 2)) h(feature, part) GROUP BY 1) i USING (feature)
WHERE customer_id <= 10;

-- ---------------------------------------------------------------------------
-- What is stored for it
-- ---------------------------------------------------------------------------

-- nothing, some, all; kept by training again
SELECT version FROM engage_train('bare', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators":5}', background => 0);
SELECT version FROM engage_train('bare_net', 'telco', target => 'churn', key => 'customer_id', algorithm => 'mlp', params => '{"epochs":1}', background => 0);
SELECT count(*) FROM telco t, engage_explain('bare', t) WHERE customer_id = 1;
SELECT count(*) FROM telco t, engage_explain('bare_net', t) WHERE customer_id = 1;
SELECT count(*) FROM telco t, engage_explain('bare', t, method => 'interventional') WHERE customer_id = 1;
SELECT version FROM engage_retrain('bare_net', deploy => 'always');
SELECT count(*) FROM telco t, engage_explain('bare_net', t) WHERE customer_id = 1;
SELECT length(engage_export('trees', 'engage')) - length(engage_export('bare', 'engage')) > 128 * 19 * 4 AS more;
SELECT version FROM engage_train('bad', 'telco', target => 'churn', background => -1);
SELECT version FROM engage_train('bad', 'telco', target => 'churn', background => 10001);

-- a model of somebody else's has none; its trees are explained all the same
SELECT version FROM engage_train('numbers', 'telco', target => 'churn', features => '{tenure,monthly_charges,senior_citizen}', params => '{"n_estimators":5}');
SELECT engage_import('theirs', engage_export('numbers', 'json'), target => 'churn');
SELECT count(*) FROM few t, engage_explain('theirs', t) a JOIN LATERAL engage_explain('numbers', t) b USING (feature) WHERE abs(a.contribution - b.contribution) > 1e-6;
SELECT engage_explain_json('theirs', t, class => '0')->>'class' AS class FROM few t LIMIT 1;
SELECT engage_explain_json('theirs', t, method => 'sampled') FROM few t LIMIT 1;

-- a value of engage_fit() holds it, too, and is as good as one that was trained when it is imported
SELECT engage_import('fitted', engage_fit('linear_regression', y, ROW(a, b))) FROM line;
SELECT feature, round(contribution::numeric, 6) AS contribution FROM engage_explain('fitted', '{"f1": 10, "f2": 6}'::jsonb, method => 'interventional') ORDER BY 1;

-- ---------------------------------------------------------------------------
-- Parallel, prepared, deployed anew
-- ---------------------------------------------------------------------------

CREATE FUNCTION reason(t telco) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT feature FROM engage_explain('trees', t) LIMIT 1);
CREATE TABLE alone AS SELECT customer_id, reason(t), engage_explain_json('trees', t) AS j FROM telco t;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) FROM (SELECT customer_id, engage_explain_json('trees', t) AS j FROM telco t) p JOIN alone a USING (customer_id) WHERE a.j <> p.j;
RESET ALL;
SET engage.progress = off;
SET client_min_messages = warning;
SELECT version, deployed FROM engage_train('trees', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression', deploy => 'always');
SELECT count(*) AS other_reasons FROM telco t JOIN alone a USING (customer_id) WHERE engage_explain_json('trees', t)->>'method' = a.j->>'method';
SELECT count(*) AS same FROM telco t JOIN alone a USING (customer_id) WHERE engage_explain_json('trees@1.0.0', t) = a.j;

-- ---------------------------------------------------------------------------
-- Bad input
-- ---------------------------------------------------------------------------

SELECT * FROM few t, engage_explain('trees@1.0.0', t, class => 'Maybe');
SELECT * FROM few t, engage_explain('three', t, class => '');
SELECT * FROM few t, engage_explain('charges', t, class => 'Yes');
SELECT * FROM few t, engage_explain('charges', t, quantile => 0.3);
SELECT * FROM few t, engage_explain('trees@1.0.0', t, quantile => 0.5);
SELECT * FROM few t, engage_explain('trees@1.0.0', t, class => 'Yes', quantile => 0.5);
SELECT * FROM few t, engage_explain('trees@1.0.0', t, space => 'log odds');
SELECT * FROM few t, engage_explain('trees@1.0.0', t, method => 'shap');
SELECT * FROM few t, engage_explain('trees@1.0.0', t, method => 'sampled', samples => 1);
SELECT * FROM few t, engage_explain('trees@1.0.0', t, method => 'sampled', space => 'margin');
SELECT * FROM few t, engage_explain('net', t, method => 'exact');
SELECT * FROM few t, engage_explain('net', t, method => 'interventional');
SELECT * FROM few t, engage_interactions('net', t);
SELECT * FROM few t, engage_interactions('logit', t);
SELECT * FROM few t, engage_explain('no_such_model', t);
SELECT * FROM engage_explain('trees@1.0.0', ROW(1, 2));
SELECT * FROM (SELECT customer_id FROM few) t, engage_explain('trees@1.0.0', t);
SELECT * FROM engage_explain('trees@1.0.0', '[1, 2]'::jsonb);
SELECT engage_explain_json('trees@1.0.0', t, n => -1) FROM few t;
CREATE ROLE engage_explain_stranger;
GRANT SELECT ON few TO engage_explain_stranger;
SET ROLE engage_explain_stranger;
SELECT count(*) FROM few t, engage_explain('logit', t);
RESET ROLE;
SELECT engage_grant('logit', 'engage_explain_stranger');
SET ROLE engage_explain_stranger;
SELECT count(*) FROM few t, engage_explain('logit', t);
RESET ROLE;
REVOKE SELECT ON few FROM engage_explain_stranger;
SELECT engage_revoke('logit', 'engage_explain_stranger');
DROP ROLE engage_explain_stranger;
