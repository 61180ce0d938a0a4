-- which rows were held out: the rule of every kind of split gives the rows and the metrics of the training
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
CREATE VIEW customers AS SELECT *, churn = 'Yes' AS gone, date '2024-01-01' + customer_id % 400 AS joined,
	customer_id % 3 = 0 AS third, customer_id % 100 AS city, tenure / 3 AS grade FROM telco;

-- same: as many rows, and the same metrics, to the six digits of the JSON
CREATE FUNCTION check_model(name text, metric text) RETURNS TABLE (rows boolean, same boolean) LANGUAGE sql AS $$
SELECT (v.data->>'rows_test')::int = (SELECT count(*) FROM customers c WHERE engage_held_out(name, c)),
	abs((m->>metric)::float8 - (v.metrics->>metric)::float8) <= 1e-6 * abs((m->>metric)::float8)
FROM engage.versions v,
	engage_evaluate(name, format('SELECT * FROM customers c WHERE engage_held_out(%L, c)', name)) AS m
WHERE v.model = name AND v.deployed $$;

SELECT rows_test > 0 AS some FROM engage_train('text_label', 'customers', target => 'churn', key => 'customer_id',
	exclude => '{gone,third,joined,city,grade}', algorithm => 'decision_tree');
SELECT * FROM check_model('text_label', 'auc');
SELECT rows_test > 0 AS some FROM engage_train('bool_label', 'customers', target => 'gone', key => 'customer_id',
	exclude => '{churn,third,joined,city,grade}', algorithm => 'decision_tree', test_size => 0.35);
SELECT * FROM check_model('bool_label', 'log_loss');
SELECT rows_test > 0 AS some FROM engage_train('number', 'customers', target => 'monthly_charges', key => 'customer_id, churn',
	exclude => '{gone,third,joined,city,grade}', algorithm => 'linear_regression');
SELECT * FROM check_model('number', 'rmse');
SELECT rows_test > 0 AS some FROM engage_train('numbers_as_classes', 'customers', target => 'senior_citizen', task => 'binary',
	key => 'customer_id', exclude => '{churn,gone,third,joined,city,grade}', algorithm => 'decision_tree');
SELECT * FROM check_model('numbers_as_classes', 'auc');
SELECT rows_test > 0 AS some FROM engage_train('column_split', 'customers', target => 'churn', split => 'third',
	exclude => '{gone,joined,city,grade}', algorithm => 'decision_tree');
SELECT * FROM check_model('column_split', 'auc');
SELECT rows_test > 0 AS some FROM engage_train('time_split', 'customers', target => 'churn', split => 'joined',
	exclude => '{gone,third,city,grade}', algorithm => 'decision_tree');
SELECT * FROM check_model('time_split', 'auc');
SELECT rows_test > 0 AS some FROM engage_train('grouped', 'customers', target => 'grade', task => 'ranking', group_by => 'city',
	exclude => '{gone,third,joined,tenure}', algorithm => 'xgboost', params => '{"n_estimators": 5}');
SELECT * FROM check_model('grouped', 'ndcg');
SELECT version FROM engage_train('nothing', 'customers', target => 'churn', test_size => 0, algorithm => 'decision_tree',
	exclude => '{gone,third,joined,city,grade}');
SELECT count(*) FILTER (WHERE engage_held_out('nothing', c)) AS held_out, count(*) > 0 AS all FROM customers c;

-- a later version holds out the same rows; a row without a target is not held out; NULL is NULL
SELECT version FROM engage_train('text_label', 'customers', target => 'churn', key => 'customer_id',
	exclude => '{gone,third,joined,city,grade}', algorithm => 'decision_tree', params => '{"max_depth": 3}', seed => 7);
SELECT bool_and(engage_held_out('text_label@1.0.0', c) = engage_held_out('text_label@1.1.0', c)) AS same FROM customers c;
SELECT engage_held_out('text_label', c) FROM (SELECT 1 AS customer_id, NULL::text AS churn) AS c;
SELECT engage_held_out('text_label', NULL);

-- bad input
SELECT version FROM engage_train('no_key', 'customers', target => 'churn', algorithm => 'decision_tree',
	exclude => '{gone,third,joined,city,grade}');
SELECT engage_held_out('no_key', c) FROM customers c LIMIT 1;
SELECT engage_held_out('text_label', c) FROM (SELECT 1 AS customer) AS c;
SELECT engage_held_out('text_label', c) FROM (SELECT NULL::int AS customer_id, 'Yes' AS churn) AS c;
SELECT engage_held_out('unknown', c) FROM customers c LIMIT 1;
CREATE ROLE regress_held_out_user;
SET ROLE regress_held_out_user;
SELECT engage_held_out('text_label', c) FROM (SELECT 1 AS customer_id, 'Yes' AS churn) AS c;
RESET ROLE;
DROP ROLE regress_held_out_user;
