-- pictures: facts about the texts, errors, and the numbers behind them
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

-- how often a pattern is in a text
CREATE FUNCTION found(svg text, pattern text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM regexp_matches(svg, pattern, ''g'')';
-- what is written in a picture, without the words for the pointer
CREATE FUNCTION words(svg text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT m[1] FROM regexp_matches(svg, '<text[^>]*>(?:<title>[^<]*</title>)?([^<]*)</text>', 'g') m $$;

-- ---------------------------------------------------------------------------
-- engage_draw: bars, counted
-- ---------------------------------------------------------------------------
SELECT found(svg, '<rect') - 1 AS bars, words FROM engage_draw('bars', '[{"label": "a", "value": 1200}, {"label": "b", "value": 340.5},
	{"label": "c", "value": -60}, {"label": "d", "value": null}, {"label": "e", "value": "NaN"}]') svg, LATERAL (SELECT string_agg(w, ' | ') AS words FROM words(svg) w) w;
SELECT string_agg(w, ' | ') FROM words(engage_draw('bars', '{"unit": "customers", "rows": [{"label": "<a> & \"b\"", "series": "x''y", "value": 0.301}]}',
	'{"format": "percent", "title": "<T>"}')) w;
-- the scale of numbers
SELECT n, string_agg(w, ' ') FILTER (WHERE w ~ '^-?[0-9.]') FROM unnest(ARRAY['0.0001', '0.3', '7', '12', '950', '12345', '6.02e23', '1e-9']::float8[]) n,
	words(engage_draw('lines', jsonb_build_array(jsonb_build_object('x', 0, 'y', 0), jsonb_build_object('x', n, 'y', n)))) w GROUP BY n ORDER BY n;
-- dates
SELECT string_agg(w, ' ') FROM words(engage_draw('lines', '[{"x": "2024-01-30", "y": 1}, {"x": "2024-11-02", "y": 2}]')) w;
SELECT string_agg(w, ' ') FROM words(engage_draw('lines', '[{"x": "2024-02-28T22:00:00+01:00", "y": 1}, {"x": "2024-02-29 04:30", "y": 2}]')) w;
SELECT string_agg(w, ' ') FROM words(engage_draw('lines', '[{"x": "low", "y": 1}, {"x": 7, "y": 2}, {"x": "high", "y": 3}]')) w;

-- drift: scores first, then by PSI; words say what colours say, and chance excuses
SELECT string_agg(w, ' | ') FROM words(engage_draw('drift', '{"auc": 0.9, "auc_error": 0.01, "rows": [{"feature": "a", "psi": 0.15, "status": "moderate", "chance": 0.01},
	{"feature": "b", "psi": 3}, {"feature": "c", "psi": 0.25, "status": "stable", "chance": 0.3}, {"feature": "score", "psi": 0.001, "kind": "score"}]}')) w;
SELECT found(engage_draw('drift', '[{"feature": "a", "psi": 0.9}]'), 'goes? on beyond') AS whole, found(engage_draw('drift', '[{"feature": "a", "psi": 1.1}]'), 'go on beyond a PSI of 1') > 0 AS cut;
SELECT w FROM words(engage_draw('drift', (SELECT jsonb_agg(jsonb_build_object('feature', 'f' || i, 'psi', i / 10.0)) FROM generate_series(1, 5) i), '{"limit": 2}')) w WHERE w ~ '^f[0-9]|not shown';
-- performance: a shape for each version, whiskers, and the value at training
SELECT string_agg(w, ' | ') AS words, found(svg, '<circle') AS circles, found(svg, 'stroke-dasharray') > 0 AS dashed, substring(svg from '<desc[^>]*>([^<]*)') AS said
FROM engage_draw('performance', '{"metric": "auc", "rows": [{"period": "2026-01-05", "version": "1.0.0", "value": 0.8, "lower": 0.75, "upper": 0.85, "at_training": 0.82},
	{"period": "2026-01-12", "version": "1.0.0", "value": 0.7, "lower": 0.65, "upper": 0.75, "at_training": 0.82}, {"period": "2026-01-19", "version": "1.0.1", "value": 0.85}]}') svg, words(svg) w GROUP BY svg;
-- experiment: relative to the first arm; without a value of that, differences
SELECT string_agg(w, ' | ') FROM words(engage_draw('experiment', '{"measure": "orders", "rows": [{"version": "1.0.0", "value": 0.1, "n": 1200, "verdict": "baseline"},
	{"version": "1.1.0", "value": 0.13, "n": 1210, "difference": 0.03, "lower": 0.01, "upper": 0.05, "verdict": "better"}, {"version": "1.2.0", "value": 0.09, "n": 30, "verdict": "too few"}]}')) w;
SELECT string_agg(w, ' | ') FROM words(engage_draw('experiment', '[{"version": "a", "value": 0, "verdict": "baseline"}, {"version": "b", "value": 2, "difference": 2, "lower": null, "upper": 5, "verdict": "undecided"}]')) w;

-- ROC: the area is the AUC, ends are added
SELECT substring(engage_draw('roc', '[{"fpr": 0, "tpr": 0}, {"fpr": 0.5, "tpr": 0.75}, {"fpr": 1, "tpr": 1}]') from 'AUC [0-9.]+');
SELECT substring(engage_draw('roc', '[{"fpr": 0.5, "tpr": 0.75}]') from 'AUC [0-9.]+');
SELECT substring(engage_draw('roc', '{"auc": 0.9, "rows": [{"fpr": 0.5, "tpr": 0.75}]}') from 'AUC [0-9.]+');
SELECT substring(engage_draw('pr', '[{"recall": 0, "precision": 1}, {"recall": 0.5, "precision": 1}, {"recall": 1, "precision": 0.5}]') from 'precision [0-9.]+');

-- a waterfall says when it does not add up
SELECT string_agg(w, ' | ') FROM words(engage_draw('waterfall', '{"base": 0.27, "rows": [{"feature": "tenure", "value": 2, "contribution": 0.2},
	{"feature": "contract", "value": "One year", "contribution": -0.11}, {"feature": "age", "contribution": 0.001}]}')) w;
SELECT w FROM words(engage_draw('force', '{"base": 0.27, "prediction": 0.9, "contributions": [{"feature": "tenure", "contribution": 0.2}], "rest": 0.1}')) w WHERE w ~ 'add up';
SELECT string_agg(w, ' | ') FROM words(engage_draw('waterfall', '{"base": 1, "rows": [{"feature": "a", "contribution": 3}, {"feature": "b", "contribution": 2},
	{"feature": "c", "contribution": 1}, {"feature": "d", "contribution": 1}]}', '{"limit": 2}')) w WHERE w ~ 'other|^[+-]';

-- empty, themes, ids
SELECT kind, found(engage_draw(kind, NULL), 'There are no rows to draw') > 0 AND engage_draw(kind, '[]') = engage_draw(kind, 'null') AS empty
FROM unnest('{importance,bars,shap,waterfall,force,dependence,roc,pr,calibration,lift,confusion,scores,learning,tuning,drift,performance,experiment,lines,scatter}'::text[]) kind;
SELECT theme, found(svg, '#ffffff') AS white, found(svg, '#14181d') AS black, found(svg, 'prefers-color-scheme') AS asks, found(svg, '<rect') AS paper
FROM (VALUES ('light', true), ('dark', true), ('auto', true), ('auto', false)) v(theme, paper),
	engage_draw('lines', '[{"x": 1, "y": 1}]', jsonb_build_object('theme', theme, 'background', paper)) svg;
SELECT string_agg(DISTINCT m[1], ' ') FROM regexp_matches(engage_draw('lines', '[]', '{"id": "my-7_x"}'), '(?:id|labelledby)="([^"]*)"', 'g') m;
SELECT count(DISTINCT substring(engage_draw('lines', jsonb_build_array(jsonb_build_object('x', 1, 'y', i))) from 'id="([^"]*)"')) FROM generate_series(1, 1000) i;
-- hostile text
SELECT substring(svg from '<title id="[^"]*">([^\n]*)</title>') AS title, found(svg, '[\x01-\x09\x0b-\x1f]') AS control
FROM engage_draw('lines', '[]', jsonb_build_object('id', 'a', 'title', E'</title><script>"\x01''&amp;')) svg;
SELECT octet_length(engage_draw('lines', '[]', jsonb_build_object('title', repeat('ab ', 100000)))) < 5000;

-- many points are few bytes
SELECT octet_length(engage_draw('scatter', jsonb_agg(jsonb_build_object('x', i, 'y', hashint4(i), 'series', i % 3)))) < 200000 FROM generate_series(1, 10000) i;
SELECT octet_length(engage_draw('lines', jsonb_agg(jsonb_build_object('x', i, 'y', hashint4(i))))) < 200000 FROM generate_series(1, 10000) i;
SELECT octet_length(engage_draw('shap', jsonb_agg(jsonb_build_object('feature', i % 10, 'contribution', hashint4(i), 'value', i)))) < 200000 FROM generate_series(1, 10000) i;

-- ---------------------------------------------------------------------------
-- what is wrong is said
-- ---------------------------------------------------------------------------
\pset format aligned
\pset tuples_only off
SELECT engage_draw('pie', '[]');
SELECT engage_draw(NULL, '[]');
SELECT engage_draw('roc', '7');
SELECT engage_draw('roc', '[7]');
SELECT engage_draw('roc', '[{"fpr": 1}]');
SELECT engage_draw('roc', '[{"fpr": 0, "tpr": 0}, {"fpr": "high", "tpr": 1}]');
SELECT engage_draw('roc', '[{"fpr": {"a": 1}, "tpr": 1}]');
SELECT engage_draw('roc', '{"rows": [], "area": 1}');
SELECT engage_draw('roc', '{"rows": [], "auc": "large"}');
SELECT engage_draw('roc', '{"rows": 3}');
SELECT engage_draw('scores', '[{"class": "a"}]');
SELECT engage_draw('dependence', '{"kind": "pdp", "rows": [{"value": 1}]}');
SELECT engage_draw('confusion', '[{"actual": 1, "predicted": 1, "count": -1}]');
SELECT engage_draw('confusion', jsonb_agg(jsonb_build_object('actual', i, 'predicted', i, 'count', 1))) FROM generate_series(1, 41) i;
SELECT engage_draw('dependence', jsonb_agg(jsonb_build_object('x', i, 'x2', 1, 'value', 1))) FROM generate_series(1, 101) i;
SELECT engage_draw('lift', jsonb_agg(jsonb_build_object('decile', i, 'lift', i, 'cumulative_gain', 1))) FROM generate_series(1, 101) i;
SELECT engage_draw('experiment', jsonb_agg(jsonb_build_object('version', i, 'value', i))) FROM generate_series(1, 101) i;
SELECT engage_draw('performance', '[{"period": true, "value": "good"}]');
SELECT engage_draw('drift', '[{"feature": "a"}]');
SELECT engage_draw('lines', '[]', '[]');
SELECT engage_draw('lines', '[]', '"dark"');
SELECT engage_draw('lines', '[]', '{"colour": "red"}');
SELECT engage_draw('lines', '[]', '{"width": 5}');
SELECT engage_draw('lines', '[]', '{"width": 600.5}');
SELECT engage_draw('lines', '[]', '{"width": "600"}');
SELECT engage_draw('lines', '[]', '{"height": 1e9}');
SELECT engage_draw('lines', '[]', '{"theme": "blue"}');
SELECT engage_draw('lines', '[]', '{"format": 3}');
SELECT engage_draw('lines', '[]', '{"limit": 0}');
SELECT engage_draw('lines', '[]', '{"background": "no"}');
SELECT engage_draw('lines', '[]', '{"title": {"text": "a"}}');
SELECT engage_draw('lines', '[]', '{"id": "7 a"}');
SELECT engage_draw('lines', '[]', '{"id": "a\"onload=\"x"}');
SELECT length(engage_draw('lines', '[]', '{"width": null, "theme": null}')) > 0 AS null_is_default;

-- ---------------------------------------------------------------------------
-- of a model
-- ---------------------------------------------------------------------------
\pset format unaligned
\pset tuples_only on
\o /dev/null
SELECT engage_train('churn', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators": 300, "early_stopping_rounds": 10, "max_depth": 3}');
SELECT engage_train('spend', 'SELECT * FROM telco WHERE total_charges IS NOT NULL', target => 'total_charges', key => 'customer_id', exclude => '{churn}');
SELECT engage_train('plan', 'telco', target => 'contract', key => 'customer_id', exclude => '{churn}', params => '{"n_estimators": 20}');
SELECT engage_train('line', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT engage_train('net', 'telco', target => 'churn', key => 'customer_id', algorithm => 'mlp', params => '{"epochs": 3, "layers": [4]}');
SELECT engage_tune('tuned', 'telco', target => 'churn', key => 'customer_id', trials => 4, folds => 3, algorithms => '{logistic_regression}', prune => 'none');
\o
CREATE TABLE pictures AS
	SELECT 'roc' AS name, engage_plot_roc('churn', 'telco') AS svg
	UNION ALL SELECT 'pr', engage_plot_pr('churn', 'telco', '{"width": 700}')
	UNION ALL SELECT 'pr class', engage_plot_pr('plan', 'telco', class => 'One year')
	UNION ALL SELECT 'calibration', engage_plot_calibration('churn', 'telco', bins => 5)
	UNION ALL SELECT 'lift', engage_plot_lift('churn', 'telco', '{"theme": "dark"}')
	UNION ALL SELECT 'confusion', engage_plot_confusion('plan', 'telco')
	UNION ALL SELECT 'scores', engage_plot_scores('churn', 'telco', threshold => 0.4)
	UNION ALL SELECT 'scores of numbers', engage_plot_scores('spend', 'telco')
	UNION ALL SELECT 'fit', engage_plot_fit('spend', 'telco')
	UNION ALL SELECT 'importance', engage_plot_importance('churn')
	UNION ALL SELECT 'importance of', engage_plot_importance('churn', 'SELECT * FROM telco LIMIT 500', method => 'shap')
	UNION ALL SELECT 'shap', engage_plot_shap('churn', 'telco', sample => 200)
	UNION ALL SELECT 'shap class', engage_plot_shap('plan', 'telco', sample => 50, class => 'Two year')
	UNION ALL SELECT 'waterfall', engage_plot_waterfall('churn', t) FROM telco t WHERE customer_id = 1
	UNION ALL SELECT 'waterfall jsonb', engage_plot_waterfall('churn', to_jsonb(t)) FROM telco t WHERE customer_id = 1
	UNION ALL SELECT 'waterfall margin', engage_plot_waterfall('churn', t, space => 'margin') FROM telco t WHERE customer_id = 1
	UNION ALL SELECT 'force', engage_plot_force('plan', t, class => 'One year') FROM telco t WHERE customer_id = 1
	UNION ALL SELECT 'partial', engage_plot_dependence('churn', 'telco', 'tenure', sample => 100)
	UNION ALL SELECT 'partial words', engage_plot_dependence('churn', 'telco', 'contract', sample => 100)
	UNION ALL SELECT 'ice', engage_plot_dependence('churn', 'telco', 'tenure', kind => 'ice', sample => 100)
	UNION ALL SELECT 'ale', engage_plot_dependence('churn', 'telco', 'tenure', kind => 'ale', sample => 100)
	UNION ALL SELECT 'shap of', engage_plot_dependence('churn', 'telco', 'tenure', kind => 'shap', sample => 100)
	UNION ALL SELECT 'surface', engage_plot_dependence('churn', 'telco', 'tenure', feature2 => 'contract', sample => 100)
	UNION ALL SELECT 'learning', engage_plot_learning('churn')
	UNION ALL SELECT 'learning net', engage_plot_learning('net')
	UNION ALL SELECT 'tuning', engage_plot_tuning('tuned');
-- watching: drift, performance of the log, an experiment
CREATE TABLE new_customers AS SELECT * FROM telco WHERE engage_held_out('churn', telco);
\o /dev/null
SELECT engage_log_predictions('churn', 'new_customers', 'customer_id', at => '2026-01-07');
UPDATE new_customers SET contract = 'Month-to-month', monthly_charges = monthly_charges + 30;
SELECT engage_log_predictions('churn', 'new_customers', 'customer_id', at => '2026-01-14');
SELECT engage_train('churn', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators": 3}', deploy => 'never');
SELECT engage_experiment_start('small', 'churn', versions => ARRAY['1.0.0', (SELECT max(version) FROM engage.versions WHERE model = 'churn')], key => 'customer_id');
SELECT engage_log_predictions('churn', 'telco', 'customer_id', at => '2026-01-21');
\o
INSERT INTO pictures
	SELECT 'drift', engage_plot_drift('churn@1.0.0', 'new_customers', multivariate => false)
	UNION ALL SELECT 'performance', engage_plot_performance('churn', 'SELECT customer_id AS key, churn AS outcome FROM telco')
	UNION ALL SELECT 'log loss', engage_plot_performance('churn', 'SELECT customer_id AS key, churn AS outcome, date ''2026-01-10'' AS at FROM telco', metric => 'log_loss', period => 'month')
	UNION ALL SELECT 'experiment', engage_plot_experiment('small', 'SELECT customer_id AS key, churn = ''Yes'' AS outcome FROM telco', larger_is_better => false)
	UNION ALL SELECT 'experiment loss', engage_plot_experiment('small', 'SELECT customer_id AS key, churn AS outcome FROM telco', measure => 'loss');
SELECT engage_experiment_finish('small');
SELECT name, octet_length(svg) BETWEEN 1500 AND 60000 AS small, found(svg, 'There are no rows') = 0 AS drawn,
	(SELECT w FROM words(svg) WITH ORDINALITY AS s(w, n) ORDER BY n LIMIT 1) AS title FROM pictures;
-- the numbers drawn are those of the functions behind them
SELECT count(*) AS significant FROM pictures, words(svg) w WHERE name = 'drift' AND w ~ '^[0-9.]+ significant$'
UNION ALL SELECT count(*) FROM engage_drift('churn@1.0.0', 'new_customers', multivariate => false) WHERE status = 'significant';
SELECT p.name, count(*) AS periods, bool_and(svg LIKE format('%%>2026-%%: %s%%', ltrim(to_char(f.value, 'FM0.000'), ' ')) OR svg LIKE '%' || to_char(f.value, 'FM0.00') || '%') AS drawn
FROM pictures p, engage_performance('churn', 'SELECT customer_id AS key, churn AS outcome FROM telco', 'week', metric => 'auc') f WHERE p.name = 'performance' GROUP BY 1;
SELECT string_agg(regexp_replace(w, '[+-][0-9.]+ % (worse|undecided)$', 'N % worse or undecided'), ' ') FILTER (WHERE w ~ 'better|worse|undecided|baseline|few') FROM pictures, words(svg) w WHERE name = 'experiment loss';
-- the row explained twice is the same picture, and options are heard
SELECT count(DISTINCT svg) FROM pictures WHERE name IN ('waterfall', 'waterfall jsonb');
SELECT substring(svg from 'width="\d+"') FROM pictures WHERE name = 'pr';
SELECT count(*) FROM words(engage_plot_waterfall('churn', '{"tenure": 1}'::jsonb)) w WHERE w IN ('tenure = 1', 'contract missing');
SELECT engage_plot_waterfall('churn', NULL::telco) IS NULL, engage_plot_force(NULL, to_jsonb(t)) IS NULL FROM telco t LIMIT 1;
-- the AUC of the picture is that of the metric
SELECT substring(svg from 'AUC ([0-9.]+)')::numeric = round((engage_evaluate('churn', 'telco')->>'auc')::numeric, 3) FROM pictures WHERE name = 'roc';

-- the numbers behind them
SELECT class, sum(count), count(*) FROM engage_score_histogram('churn', 'telco', 10) GROUP BY 1 ORDER BY 1;
SELECT h.count = (SELECT count(*) FROM telco t WHERE churn = 'Yes' AND engage_predict('churn', t) >= 0.2 AND engage_predict('churn', t) < 0.3)
FROM engage_score_histogram('churn', 'telco', 10) h WHERE class = 'Yes' AND lower BETWEEN 0.19 AND 0.21;
SELECT class, sum(count), min(lower) <= 18.8 AS from_the_least, max(upper) >= 8684.8 AS to_the_largest FROM engage_score_histogram('spend', 'telco', 7) GROUP BY 1 ORDER BY 1;
SELECT class, sum(count) FROM engage_score_histogram('plan', 'telco', class => 'One year') GROUP BY 1 ORDER BY 1;
SELECT count(*), abs(avg(abs(residual)) - (engage_evaluate('spend', 'telco')->>'mae')::float8) < 1e-3 * avg(abs(residual)) AS mae,
	bool_and(abs(actual - predicted - residual) < 1e-9) AS residual FROM engage_residuals('spend', 'telco', points => 100000);
SELECT count(*), min(actual) < 50, max(actual) > 8000 FROM engage_residuals('spend', 'telco', points => 100);
-- contributions are those of engage_explain, and add up
SELECT count(DISTINCT id), count(DISTINCT feature), bool_and(x IS NULL = (value !~ '^[-0-9.]+$' OR value IS NULL)) AS numbers FROM engage_contributions('churn', 'telco', 100);
SELECT count(*) FROM (SELECT feature, contribution FROM engage_explain('churn', (SELECT t FROM telco t WHERE customer_id = 5))
	EXCEPT SELECT feature, contribution FROM engage_contributions('churn', 'SELECT * FROM telco WHERE customer_id = 5')) d;
-- learning curves: rounds ascend, the best is the least of validation
SELECT series, min(round) AS first, count(*) > 10 AS many, bool_and(value > 0 AND value < 1) AS sane, max(metric) AS metric FROM engage_learning_curve('churn') GROUP BY 1 ORDER BY 1;
SELECT min(best_round) = (SELECT round FROM engage_learning_curve('churn') WHERE series = 'validation' ORDER BY value, round LIMIT 1) AS best,
	min(best_round) + 10 = max(round) AS stopped FROM engage_learning_curve('churn');
SELECT series, array_agg(round ORDER BY round), max(metric) FROM engage_learning_curve('net') GROUP BY 1 ORDER BY 1;
SELECT count(*) > 0 FROM engage_learning_curve('churn@1.0.0') WHERE series = 'training';
-- long trainings keep some of their rounds, and the last
\o /dev/null
SELECT engage_train('long', 'SELECT * FROM telco WHERE customer_id <= 300', target => 'churn', key => 'customer_id',
	params => '{"n_estimators": 999, "max_depth": 1, "learning_rate": 0.01, "early_stopping_rounds": 999}');
\o
SELECT series, count(*) < 260 AS few, min(round), max(round), bool_and(round IN (1, 999) OR series = 'training' OR round % 4 = 0) AS every_fourth
FROM engage_learning_curve('long') GROUP BY 1 ORDER BY 1;

-- errors
\pset format aligned
\pset tuples_only off
SELECT engage_plot_roc('nobody', 'telco');
SELECT engage_plot_roc('spend', 'telco');
SELECT engage_plot_roc('plan', 'telco');
SELECT engage_plot_roc('churn', 'telco', '[]');
SELECT engage_plot_roc('churn', 'telco', '{"hue": 1}');
SELECT engage_plot_fit('churn', 'telco');
SELECT engage_plot_scores('churn', 'telco', bins => 0);
SELECT engage_plot_scores('spend', 'telco', class => 'a');
SELECT engage_plot_shap('plan', 'telco');
SELECT engage_plot_shap('churn', 'telco', sample => 0);
SELECT engage_plot_learning('line');
SELECT engage_plot_learning('churn@9.9.9');
SELECT engage_residuals('churn', 'telco');
SELECT engage_plot_dependence('churn', 'telco', 'tenur');
SELECT engage_plot_drift('nobody', 'telco');
SELECT engage_plot_performance('churn', 'SELECT customer_id, churn FROM telco');
SELECT engage_plot_performance('churn', 'SELECT customer_id AS key, churn AS outcome FROM telco', metric => 'rmse');
SELECT engage_plot_performance('churn', 'SELECT customer_id AS key, churn AS outcome FROM telco', period => 'hour');
SELECT engage_plot_experiment('nothing', 'telco');
