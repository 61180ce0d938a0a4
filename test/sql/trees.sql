-- forests and trees of our own, against scikit-learn (numbers: test/golden/trees.py), and leaf-wise boosting
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

CREATE TABLE r AS
SELECT i AS id, (i * 7919 % 1009) / 1009.0::float8 AS x1, (i * 104729 % 2003) / 7.0::float8 AS x2, i * 31 % 97 AS x3, i % 4 = 0 AS held
FROM generate_series(1, 800) i;
ALTER TABLE r ADD y float8, ADD b boolean, ADD k text;
UPDATE r SET y = 10 * x1 + CASE WHEN x2 > 120 THEN 5 ELSE 0 END + x3 / 20.0 + id * 17 % 10 / 10.0;
UPDATE r SET b = y > 9, k = CASE WHEN y > 12 THEN 'c' WHEN y > 7 THEN 'b' ELSE 'a' END;

-- one tree is the same tree
CREATE TABLE oracle (id int, y float8, b float8, k1 float8, k2 float8, k3 float8);
INSERT INTO oracle VALUES
	(20, 15.106033, 1.000000, 0.000000, 0.000000, 1.000000),
	(100, 17.498171, 1.000000, 0.000000, 0.000000, 1.000000),
	(204, 2.330242, 0.000000, 0.986111, 0.013889, 0.000000),
	(408, 7.736714, 0.052632, 0.000000, 0.961538, 0.038462),
	(612, 5.679481, 0.000000, 0.986111, 0.013889, 0.000000),
	(800, 14.870434, 1.000000, 0.000000, 0.000000, 1.000000);
SELECT version FROM engage_train('tree_y', 'r', target => 'y', split => 'held', features => '{x1,x2,x3}', algorithm => 'decision_tree');
SELECT version FROM engage_train('tree_b', 'r', target => 'b', split => 'held', features => '{x1,x2,x3}', algorithm => 'decision_tree');
SELECT version FROM engage_train('tree_k', 'r', target => 'k', split => 'held', features => '{x1,x2,x3}', algorithm => 'decision_tree');
SELECT id, abs(engage_predict('tree_y', r) - o.y) < 1e-5 AS regression, abs(engage_predict('tree_b', r) - o.b) < 1e-5 AS "binary",
	abs((p->>'a')::float8 - k1) < 1e-5 AND abs((p->>'b')::float8 - k2) < 1e-5 AND abs((p->>'c')::float8 - k3) < 1e-5 AS multiclass
FROM oracle o JOIN r USING (id), engage_predict_proba('tree_k', r) p ORDER BY id;

-- forests are as good as scikit-learn's on real customers: 0.8515 and 0.8436
SELECT a AS algorithm, abs((t.metrics->>'auc')::float8 - auc) < 0.015 AS as_good
FROM (VALUES ('random_forest', 0.8515), ('extra_trees', 0.8436)) v(a, auc),
	engage_train(a, 'SELECT *, customer_id % 3 = 0 AS held FROM telco', target => 'churn', split => 'held', exclude => '{customer_id}',
		algorithm => a) t ORDER BY 1;

-- out of bag: scikit-learn's AUC on the rows that are not held out is 0.8373; the trees are those that grow without it
SELECT version, abs((metrics->'out_of_bag'->>'auc')::float8 - 0.8373) < 0.01 AS as_sklearn,
	(metrics->'out_of_bag'->>'rows')::int = rows_train AS all_rows, (metrics->'out_of_bag'->>'log_loss')::float8 BETWEEN 0.3 AND 0.5 AS log_loss
FROM engage_train('oob', 'SELECT *, customer_id % 3 = 0 AS held FROM telco', target => 'churn', split => 'held', exclude => '{customer_id}',
	algorithm => 'random_forest', params => '{"oob":true}');
SELECT engage_describe('oob') LIKE '%out_of_bag%auc%log_loss%' AS described;
SELECT count(*) FROM telco c WHERE engage_predict('oob', c) IS DISTINCT FROM engage_predict('random_forest', c);
SELECT algorithm, metrics->'out_of_bag' ? 'accuracy' AS accuracy, (metrics->'out_of_bag'->>'accuracy')::float8 > 0.5 AS sensible
FROM engage_train('oob_k', 'r', target => 'k', split => 'held', features => '{x1,x2,x3}', algorithm => 'extra_trees', params => '{"oob_score":true,"max_samples":0.7}');
SELECT abs((metrics->'out_of_bag'->>'r2')::float8 - (metrics->>'r2')::float8) < 0.05 AS as_held_out, metrics->'out_of_bag' ? 'rmse' AS rmse
FROM engage_train('oob_y', 'r', target => 'y', split => 'held', features => '{x1,x2,x3}', algorithm => 'random_forest', params => '{"oob":true,"n_estimators":200}');
SELECT metrics->'out_of_bag'->>'rows' AS rows_without_test FROM engage_train('oob_y', 'r', target => 'y', key => 'id', test_size => 0, features => '{x1,x2,x3}',
	algorithm => 'random_forest', params => '{"oob":true}', deploy => 'always');
SELECT engage_train('oob_none', 'r', target => 'y', key => 'id', algorithm => 'extra_trees', params => '{"oob":true}');

-- leaf by leaf is the boosting learner with these parameters: the same scores
SELECT version FROM engage_train('leafwise', 'telco', target => 'churn', key => 'customer_id', algorithm => 'leafwise_boosting',
	params => '{"n_estimators": 20}');
SELECT version FROM engage_train('same', 'telco', target => 'churn', key => 'customer_id', params => '{"n_estimators": 20,
	"learning_rate": 0.1, "grow_policy": "lossguide", "max_leaves": 31, "max_depth": 0, "min_child_weight": 5, "reg_lambda": 0, "max_bin": 255}');
SELECT count(*) FROM telco t WHERE engage_predict('leafwise', t) IS DISTINCT FROM engage_predict('same', t);

-- rules that can be read
SELECT version FROM engage_train('rules', 'SELECT *, customer_id % 3 = 0 AS held FROM telco', target => 'churn', split => 'held',
	exclude => '{customer_id}', algorithm => 'decision_tree', params => '{"max_depth": 2}');
SELECT engage_describe('rules') LIKE
	'%if contract <> Month-to-month and internet_service <> Fiber optic then 0.03631 (1487 rows)%' AS readable;

-- a column that is only sometimes there can tell by that alone
CREATE TABLE absent AS SELECT id, CASE WHEN id % 3 > 0 THEN id * 7 % 11 END AS x, CASE WHEN id % 3 = 0 THEN 10 ELSE 1 END AS y
FROM generate_series(1, 200) id;
SELECT version FROM engage_train('absent', 'absent', target => 'y', key => 'id', algorithm => 'decision_tree', task => 'regression');
SELECT x IS NULL AS missing, min(engage_predict('absent', a)), max(engage_predict('absent', a)) FROM absent a GROUP BY 1 ORDER BY 1;

-- weights count like copies of rows, where no leaf is held back by the number of its rows
SELECT version FROM engage_train('copies', 'SELECT r.* FROM r, generate_series(1, 1 + id % 3)', target => 'y', split => 'held',
	features => '{x1,x2,x3}', algorithm => 'decision_tree', params => '{"min_samples_leaf": 1}');
SELECT version FROM engage_train('weighed', 'SELECT *, 1 + id % 3 AS w FROM r', target => 'y', split => 'held', weight => 'w',
	features => '{x1,x2,x3}', algorithm => 'decision_tree', params => '{"min_samples_leaf": 1}');
SELECT count(*) FROM r WHERE abs(engage_predict('copies', r) - engage_predict('weighed', r)) > 1e-5;

-- trees stop growing at the memory that is allowed, and at a cancellation
SET engage.max_memory = '1MB';
SELECT engage_train('big', 'SELECT i AS id, hashint4(i) AS x, i % 7 AS y FROM generate_series(1, 2000) i', target => 'y', key => 'id',
	algorithm => 'random_forest', task => 'regression');
RESET engage.max_memory;
SET statement_timeout = '300ms';
SELECT engage_train('long', 'telco', target => 'churn', key => 'customer_id', algorithm => 'extra_trees', params => '{"n_estimators": 100000}');
RESET statement_timeout;
