-- pictures.sql: draws the pictures of docs/reference/plot.md from the data of the tutorial
--
--   psql -qAtX -v ON_ERROR_STOP=1 -f docs/pictures/pictures.sql
--
-- in the directory of engage, in a database with the extension and with the table customers of the
-- tutorial.  Each picture is what the function returned; nothing is done by hand.
SET engage.progress = off;
SET client_min_messages = warning;
\o /dev/null
SELECT engage_train('churn', 'customers', target => 'churn', key => 'customer_id',
	params => '{"n_estimators": 400, "early_stopping_rounds": 20}');
SELECT engage_train('forest', 'customers', target => 'churn', key => 'customer_id', algorithm => 'random_forest');
SELECT engage_train('spend', 'customers', target => 'total_charges', key => 'customer_id', exclude => '{churn,tenure}');
SELECT engage_tune('tuned', 'customers', target => 'churn', key => 'customer_id', trials => 40,
	algorithms => ARRAY['xgboost', 'random_forest', 'logistic_regression'], seed => 3);

-- rows that the model has not learned from
CREATE VIEW unseen AS SELECT c.* FROM customers c WHERE engage_held_out('churn', c);

\o docs/pictures/roc.svg
SELECT engage_plot_roc('churn', 'unseen', '{"theme": "auto"}');
\o docs/pictures/roc_two.svg
SELECT engage_draw('roc', jsonb_agg(r), '{"theme": "auto", "title": "Two models on the same customers"}')
FROM (SELECT 'boosting' AS series, fpr, tpr FROM engage_roc('churn', 'unseen')
	UNION ALL SELECT 'forest', fpr, tpr FROM engage_roc('forest', 'unseen')) r;
\o docs/pictures/pr.svg
SELECT engage_plot_pr('churn', 'unseen', '{"theme": "auto"}');
\o docs/pictures/calibration.svg
SELECT engage_plot_calibration('churn', 'unseen', '{"theme": "auto"}');
\o docs/pictures/lift.svg
SELECT engage_plot_lift('churn', 'unseen', '{"theme": "auto"}');
\o docs/pictures/confusion.svg
SELECT engage_plot_confusion('churn', 'unseen', '{"theme": "auto"}');
\o docs/pictures/scores.svg
SELECT engage_plot_scores('churn', 'unseen', '{"theme": "auto"}', threshold => 0.5);
\o docs/pictures/fit.svg
SELECT engage_plot_fit('spend', 'customers', '{"theme": "auto"}');
\o docs/pictures/importance.svg
SELECT engage_plot_importance('churn', 'unseen', '{"theme": "auto", "limit": 12}');
\o docs/pictures/shap.svg
SELECT engage_plot_shap('churn', 'customers', '{"theme": "auto", "limit": 12}');
\o docs/pictures/waterfall.svg
SELECT engage_plot_waterfall('churn', c, '{"theme": "auto", "limit": 10}') FROM unseen c
WHERE tenure BETWEEN 10 AND 20 ORDER BY abs(engage_predict('churn', c) - 0.6), customer_id LIMIT 1;
\o docs/pictures/force.svg
SELECT engage_plot_force('churn', c, '{"theme": "auto", "format": "percent"}') FROM unseen c
WHERE tenure BETWEEN 10 AND 20 ORDER BY abs(engage_predict('churn', c) - 0.6), customer_id LIMIT 1;
\o docs/pictures/dependence_partial.svg
SELECT engage_plot_dependence('churn', 'customers', 'tenure', '{"theme": "auto"}');
\o docs/pictures/dependence_words.svg
SELECT engage_plot_dependence('churn', 'customers', 'contract', '{"theme": "auto"}');
\o docs/pictures/dependence_ice.svg
SELECT engage_plot_dependence('churn', 'customers', 'monthly_charges', '{"theme": "auto"}', 'ice');
\o docs/pictures/dependence_ale.svg
SELECT engage_plot_dependence('churn', 'customers', 'monthly_charges', '{"theme": "auto"}', 'ale');
\o docs/pictures/dependence_shap.svg
SELECT engage_plot_dependence('churn', 'customers', 'tenure', '{"theme": "auto"}', 'shap');
\o docs/pictures/dependence_surface.svg
SELECT engage_plot_dependence('churn', 'customers', 'tenure', '{"theme": "auto"}', feature2 => 'monthly_charges');
\o docs/pictures/learning.svg
SELECT engage_plot_learning('churn', '{"theme": "auto"}');
\o docs/pictures/tuning.svg
SELECT engage_plot_tuning('tuned', '{"theme": "auto"}');
\o docs/pictures/bars.svg
SELECT engage_draw('bars', jsonb_build_object('unit', 'customers who left', 'rows', jsonb_agg(r)),
	'{"theme": "auto", "title": "Who leaves?", "format": "percent"}')
FROM (SELECT contract AS label, CASE WHEN internet_service = 'No' THEN 'no internet' ELSE 'internet' END AS series,
	avg((churn = 'Yes')::int) AS value FROM customers GROUP BY 1, 2 ORDER BY 1, 2 DESC) r;
\o docs/pictures/lines.svg
SELECT engage_draw('lines', jsonb_build_object('x_name', 'months with us', 'y_name', 'customers who left', 'rows', jsonb_agg(r)),
	'{"theme": "auto", "title": "Churn by tenure", "format": "percent"}')
FROM (SELECT tenure / 6 * 6 AS x, contract AS series, avg((churn = 'Yes')::int) AS y,
		greatest(avg((churn = 'Yes')::int) - sqrt(avg((churn = 'Yes')::int) * (1 - avg((churn = 'Yes')::int)) / count(*)), 0) AS low,
		least(avg((churn = 'Yes')::int) + sqrt(avg((churn = 'Yes')::int) * (1 - avg((churn = 'Yes')::int)) / count(*)), 1) AS high
	FROM customers GROUP BY 1, 2 HAVING count(*) >= 20 ORDER BY 1) r;
\o docs/pictures/scatter.svg
SELECT engage_draw('scatter', jsonb_build_object('x_name', 'tenure, months', 'y_name', 'monthly charges', 'colour_name', 'risk',
	'rows', jsonb_agg(r)), '{"theme": "auto", "title": "Customers, by their risk"}')
FROM (SELECT tenure AS x, monthly_charges AS y, engage_predict('churn', c) AS colour FROM customers c WHERE customer_id % 3 = 0) r;
\o

-- segments and anomalies
\o /dev/null
SELECT engage_train('segments', 'SELECT customer_id, tenure, monthly_charges, contract, internet_service FROM customers',
	algorithm => 'kmeans', key => 'customer_id', params => '{"k": "auto"}');
SELECT engage_train('dense', 'SELECT customer_id, tenure, monthly_charges FROM customers', algorithm => 'hdbscan', key => 'customer_id');
SELECT engage_train('strange', 'SELECT customer_id, tenure, monthly_charges, contract FROM customers', key => 'customer_id',
	algorithm => 'isolation_forest', params => '{"contamination": 0.01}');
\o docs/pictures/segments.svg
SELECT engage_plot_segments('segments', 'customers', '{"theme": "auto"}');
\o docs/pictures/silhouette.svg
SELECT engage_plot_silhouette('segments', 'customers', '{"theme": "auto"}');
\o docs/pictures/elbow.svg
SELECT engage_plot_elbow('segments', '{"theme": "auto"}');
\o docs/pictures/condensed_tree.svg
SELECT engage_plot_condensed_tree('dense', '{"theme": "auto"}');
\o docs/pictures/anomaly.svg
SELECT engage_plot_anomaly('strange', 'customers', '{"theme": "auto"}');
