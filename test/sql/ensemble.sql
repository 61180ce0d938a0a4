-- several learners as one; the weights themselves are checked against scipy by test/check_blend.sh
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
CREATE FUNCTION members(method text) RETURNS jsonb RETURN jsonb_build_object('method', method, 'folds', 3, 'members',
	'[{"algorithm":"xgboost","params":{"n_estimators":20,"max_depth":3}},
	  {"algorithm":"xgboost","params":{"n_estimators":5,"max_depth":2}},
	  {"algorithm":"logistic_regression"}]'::jsonb);

-- the average is the mean of what the members say, each trained alone on the same rows
SELECT engage_train('average', 'telco', target => 'churn', key => 'customer_id', algorithm => 'ensemble', params => members('average')) IS NOT NULL AS trained;
SELECT bool_and(t IS NOT NULL) AS trained FROM (SELECT 1) s,
	LATERAL engage_train('m1', 'telco', target => 'churn', key => 'customer_id', params => members('average')->'members'->0->'params') t;
SELECT bool_and(t IS NOT NULL) AS trained FROM (SELECT 1) s,
	LATERAL engage_train('m2', 'telco', target => 'churn', key => 'customer_id', params => members('average')->'members'->1->'params') t;
SELECT bool_and(t IS NOT NULL) AS trained FROM (SELECT 1) s,
	LATERAL engage_train('m3', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression') t;
SELECT count(*) AS rows_that_differ FROM telco t
WHERE abs(engage_predict('average', t) - (engage_predict('m1', t) + engage_predict('m2', t) + engage_predict('m3', t)) / 3) > 1e-9;

-- weighted and stacked: as good as the best member, but for noise
SELECT engage_train('weighted', 'telco', target => 'churn', key => 'customer_id', algorithm => 'ensemble', params => members('weighted')) IS NOT NULL AS trained;
SELECT engage_train('stacked', 'telco', target => 'churn', key => 'customer_id', algorithm => 'ensemble', params => members('stacking')) IS NOT NULL AS trained;
SELECT model, (metrics->>'auc')::float8 > (SELECT max((m.metrics->>'auc')::float8) FROM engage.versions m WHERE m.model IN ('m1', 'm2', 'm3')) - 0.005 AS as_good_as_the_best
FROM engage.versions WHERE model IN ('weighted', 'stacked') ORDER BY 1;
SELECT count(*) AS not_probabilities FROM telco t WHERE NOT engage_predict('stacked', t) BETWEEN 0 AND 1;
SELECT version, same_model FROM engage_verify('stacked');

-- all tasks, all methods; several classes sum to one
SELECT t.task, bool_and(e.metrics <> '{}') AS measured
FROM (VALUES ('regression', 'monthly_charges'), ('multiclass', 'contract'), ('count', 'tenure')) t(task, target), unnest('{average,weighted,stacking}'::text[]) method,
	LATERAL engage_train('e_' || t.task || '_' || method, 'SELECT * FROM telco WHERE customer_id % 4 = 0', target => t.target, task => t.task, key => 'customer_id',
		algorithm => 'ensemble', params => jsonb_build_object('method', method, 'folds', 2, 'members',
			'[{"algorithm":"xgboost","params":{"n_estimators":10}},{"algorithm":"xgboost","params":{"n_estimators":3}}]'::jsonb)) e
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS sums_that_differ FROM telco t,
	LATERAL (SELECT sum(value::float8) AS sum FROM jsonb_each_text(engage_predict_proba('e_multiclass_stacking', t))) s WHERE abs(s.sum - 1) > 1e-9;
SELECT count(*) AS below_zero FROM telco t WHERE engage_predict('e_count_stacking', t) < 0;

-- stored and read back
SELECT engage_import('copy', engage_export('stacked', 'engage')) IS NOT NULL AS imported;
SELECT count(*) AS rows_that_differ FROM telco t WHERE engage_predict('copy', t) IS DISTINCT FROM engage_predict('stacked', t);
SELECT engage_describe('stacked') ~ 'out_of_fold_log_loss' AS described;

-- complaints
\set VERBOSITY terse
CREATE FUNCTION try(members text, method text DEFAULT 'average') RETURNS void LANGUAGE sql AS $$
	SELECT engage_train('x', 'telco', target => 'churn', algorithm => 'ensemble', params => jsonb_build_object('members', members::jsonb, 'method', method)) $$;
SELECT try('"x"');
SELECT try('[]');
SELECT try('[1]');
SELECT try('[{"params":{}}]');
SELECT try('[{"algorithm":"xgboost","weight":1}]');
SELECT try('[{"algorithm":"no_such"}]');
SELECT try('[{"algorithm":"ensemble"}]');
SELECT try('[{"algorithm":"xgboost","params":{"max_depth":100}}]');
SELECT try('[{"algorithm":"linear_regression"}]');
SELECT try('[{"algorithm":"xgboost"}]', 'majority');
SELECT engage_train('x', 'SELECT * FROM telco WHERE churn = ''No'' AND customer_id < 100 OR customer_id IN (SELECT min(customer_id) FROM telco WHERE churn = ''Yes'')',
	target => 'churn', test_size => 0, algorithm => 'ensemble');
