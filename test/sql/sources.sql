-- Every function that takes a source takes it in any spelling, whatever its columns are called.
SET engage.progress = off;
SET client_min_messages = error;
CREATE TABLE "Odd Table" AS SELECT g AS id, g % 17 AS c, (g * 7919) % 101 AS t, g % 5 AS x, g % 3 AS s, g % 7 AS o, 'w' || g % 4 AS "row", g % 11 AS value,
	g AS key, g % 13 AS score, g % 2 AS version, 'k' || g % 3 AS class, (g * 31 % 53)::float8 AS "Mixed Case", g % 9 AS source, g % 10 AS p,
	timestamp '2024-01-01' + g * interval '1 hour' AS at, (g * 7919) % 101 + g % 17 > 60 AS churned, (g * 7919) % 101 + g % 17 + 0.5 AS amount
	FROM generate_series(1, 400) g;
SELECT count(*) FROM engage_train('bin', '"Odd Table"', target => 'churned', key => 'id', exclude => '{amount}', params => '{"n_estimators": 3}');
SELECT count(*) FROM engage_train('num', '"Odd Table"', target => 'amount', key => 'id', exclude => '{churned}', params => '{"n_estimators": 3}');
SELECT count(*) FROM engage_train('seg', 'SELECT id, c, t, x, s, "row", "Mixed Case" FROM "Odd Table"', key => 'id', algorithm => 'kmeans', params => '{"k": 3}');
SELECT count(*) FROM engage_train('ano', 'SELECT id, c, t, x, s, "row", "Mixed Case" FROM "Odd Table"', key => 'id', algorithm => 'isolation_forest');
SELECT count(*) FROM engage_train('bay', '"Odd Table"', target => 'amount', key => 'id', exclude => '{churned}', algorithm => 'linear_regression');
SELECT count(*) FROM engage_train('bin', '"Odd Table"', target => 'churned', key => 'id', exclude => '{amount, t}', params => '{"n_estimators": 3}', deploy => 'never');
SELECT engage_experiment_start('ab', 'bin', ARRAY(SELECT version FROM engage.versions WHERE model = 'bin'), key => 'id');
SELECT engage_log_predictions('bin', '"Odd Table"', 'id', '2024-01-01') > 0 AS logged;

CREATE TABLE spelling(n int GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO spelling(text) VALUES ('"Odd Table"'), ('public."Odd Table"'), ('SELECT * FROM "Odd Table" -- all of them'), ('SELECT * FROM "Odd Table" /* all */'),
	('SELECT * FROM "Odd Table";'), ('  SELECT * FROM "Odd Table" ; -- the end'), (E'-- the beginning\nSELECT * FROM "Odd Table"'), ('TABLE "Odd Table"'),
	('WITH c AS (SELECT * FROM "Odd Table") SELECT * FROM c'), ('(SELECT * FROM "Odd Table")'),
	('SELECT * FROM "Odd Table" WHERE id > 0 ORDER BY score LIMIT 1000 -- '';'),
	('SELECT * FROM "Odd Table" AS s UNION ALL SELECT * FROM "Odd Table" AS source WHERE false'),
	('SELECT source.* FROM "Odd Table" source CROSS JOIN (VALUES (1)) v(one) -- )');

-- %1$L is the source, %2$s a number of its own
CREATE TABLE call(name text, text text);
INSERT INTO call VALUES
	('engage_train', $$SELECT engage_train('new%2$s', %1$L, target => 'churned', key => 'id', exclude => '{amount}', algorithm => 'naive_bayes')$$),
	('engage_evaluate', $$SELECT engage_evaluate('bin', %1$L)$$),
	('engage_cross_validate', $$SELECT engage_cross_validate(%1$L, 'churned', 'naive_bayes', key => 'id', exclude => '{amount}')$$),
	('engage_tune', $$SELECT engage_tune('tuned%2$s', %1$L, 'churned', '{naive_bayes}', key => 'id', exclude => '{amount}', trials => 2)$$),
	('engage_drift', $$SELECT engage_drift('bin', %1$L)$$),
	('engage_create_view', $$SELECT engage_create_view('view_%2$s', 'bin', %1$L, 'id, version')$$),
	('engage_log_predictions', $$SELECT engage_log_predictions('bin', %1$L, 'id')$$),
	('log_predictions', $$SELECT engage.log_predictions('bin', %1$L, 'id', now())$$),
	('engage_monitor', $$SELECT engage_monitor('bin', %1$L); SELECT engage_check('bin')$$),
	('engage_retrain_if', $$SELECT engage_retrain_if('bin', source => %1$L, drift => 9)$$),
	('retrain_if', $$SELECT engage.retrain_if('bin', 9, NULL, NULL, %1$L, NULL)$$),
	('engage_update', $$SELECT engage_update('bay', %1$L)$$),
	('engage_report', $$SELECT engage_report('bin', %1$L)$$),
	('engage_policy', $$SELECT engage_policy('pol', '{"layers": [{"name": "a", "rules": [{"name": "r", "when": "score > 5", "score": 50}]}]}', %1$L)$$),
	('engage_importance', $$SELECT engage_importance('bin', %1$L, repeats => 1, sample => 50)$$),
	('engage_contributions', $$SELECT engage_contributions('bin', %1$L, 20)$$),
	('engage_dependence', $$SELECT engage_dependence('bin', %1$L, 'Mixed Case', sample => 50)$$),
	('engage_explain_groups', $$SELECT engage_explain_groups('bin', %1$L, 'class')$$),
	('engage_performance', $$SELECT engage_performance('bin', replace(%1$L, '"Odd Table"', '"Outcomes"'))$$),
	('engage_experiment_results', $$SELECT engage_experiment_results('ab', replace(%1$L, '"Odd Table"', '"Outcomes"'))$$),
	('engage_plot_performance', $$SELECT engage_plot_performance('bin', replace(%1$L, '"Odd Table"', '"Outcomes"'))$$),
	('engage_plot_experiment', $$SELECT engage_plot_experiment('ab', replace(%1$L, '"Odd Table"', '"Outcomes"'))$$),
	('engage_plot_fit', $$SELECT engage_plot_fit('num', %1$L)$$),
	('engage_residuals', $$SELECT engage_residuals('num', %1$L)$$),
	('engage_plot_dependence', $$SELECT engage_plot_dependence('bin', %1$L, 'c', sample => 50)$$),
	('engage_threshold', $$SELECT engage_threshold('bin', %1$L, 'precision >= 0.5')$$);
INSERT INTO call SELECT f, format('SELECT %s(''bin'', %%1$L)', f) FROM unnest('{engage_calibration, engage_confusion, engage_lift, engage_pr_curve, engage_roc,
	engage_score_histogram, engage_plot_calibration, engage_plot_confusion, engage_plot_drift, engage_plot_importance, engage_plot_lift, engage_plot_pr, engage_plot_roc,
	engage_plot_scores, engage_plot_shap}'::text[]) f;
INSERT INTO call SELECT f, format('SELECT %s(''seg'', %%1$L)', f) FROM unnest('{engage_profile, engage_segments, engage_projection, engage_silhouettes,
	engage_segment_stability, engage_plot_segments, engage_plot_silhouette}'::text[]) f;
INSERT INTO call SELECT f, format('SELECT %s(''ano'', %%1$L)', f) FROM unnest('{engage_anomaly_histogram, engage_plot_anomaly}'::text[]) f;
CREATE VIEW "Outcomes" AS SELECT id, id AS key, churned AS outcome, score, class, version, s, o, p, value FROM "Odd Table";

-- all functions with such an argument are above, but for one that commits and one that takes a table
SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'engage', LATERAL unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) a(name, type)
	WHERE a.name IN ('source', 'outcomes') AND a.type = 'text'::regtype AND p.proname <> 'engage_tune_commit' AND p.proname NOT IN (SELECT name FROM call) ORDER BY 1;

CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlerrm;
END $$;
SELECT count(*) > 600 AS many FROM call, spelling;
SELECT c.name, s.text, t.said FROM call c, spelling s, LATERAL try(format(c.text, s.text, s.n)) t(said) WHERE t.said IS NOT NULL ORDER BY 1, 2;
SELECT count(*) AS views, min((SELECT count(*) FROM view_11)) AS rows FROM pg_class WHERE relname ~ '^view_[0-9]+$';

-- the model's columns step aside for the key's
SET client_min_messages = notice;
SELECT engage_create_view('aside', 'bin', '"Odd Table"', 'score, version, class');
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'aside'::regclass AND attnum > 0;
