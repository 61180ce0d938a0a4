-- What is odd but no mistake: targets of two numbers, rows without clusters, categories of any length.
SET engage.progress = off;

-- who asks for an algorithm that learns numbers alone asks for a regression
CREATE FUNCTION task_of(algorithm text, query text, task text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; hint text;
BEGIN
	PERFORM engage_train('two', query, target => 'y', key => 'id', algorithm => algorithm, task => task, deploy => 'always');
	SELECT m.task INTO answer FROM engage.models m WHERE model = 'two';
	PERFORM engage_drop('two');
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN sqlerrm || ' / ' || hint;
END $$;
SELECT a.algorithm, task_of(a.algorithm, 'SELECT g AS id, g % 7 AS b, g % 2 * 3 + 1 AS y FROM generate_series(1, 100) g') AS numbers,
	task_of(a.algorithm, 'SELECT g AS id, g % 7 AS b, g % 2 = 0 AS y FROM generate_series(1, 100) g') AS booleans
	FROM engage_algorithms() a WHERE a.tasks && '{regression, binary}' AND a.algorithm !~ 'ensemble' ORDER BY 1;

-- nothing to cluster: said, with a remedy
CREATE TABLE pile AS SELECT g AS id, 1.0 AS a, 1.0 AS b FROM generate_series(1, 500) g;
SELECT metrics FROM engage_train('pile', 'pile', algorithm => 'hdbscan', key => 'id', params => '{"min_cluster_size": 5}');
SELECT metrics->'clusters' FROM engage_train('pile1', 'pile', algorithm => 'hdbscan', key => 'id', params => '{"min_cluster_size": 5, "allow_single_cluster": true}');
SELECT count(*) FROM engage_train('pile2', 'pile', algorithm => 'kmeans', key => 'id');
SELECT count(*) FROM engage_train('pile3', 'pile', algorithm => 'kmeans', key => 'id', params => '{"k": 3}');
SELECT count(*) FROM engage_train('pile4', 'pile', algorithm => 'gaussian_mixture', key => 'id');

-- a category of 30,000 characters, some of two bytes, is cut in all that people read
SET client_min_messages = warning;
CREATE TABLE long AS SELECT g AS id, repeat(chr(220 + g % 5), 30000) AS t, g % 11 AS a, g % 5 > 2 AS y FROM generate_series(1, 300) g;
SELECT count(*) FROM engage_train('long', 'long', target => 'y', key => 'id', params => '{"n_estimators": 3}');
SELECT count(*) FROM engage_train('longs', 'SELECT id, t, a FROM long', algorithm => 'kmeans', key => 'id', params => '{"k": 2}');
SELECT count(*) FROM engage_train('longt', 'long', target => 'y', key => 'id', algorithm => 'decision_tree');
SELECT engage_why('long', l) ~ '(Ü|Ý|Þ|ß|à){40}\.\.\."' AS cut FROM long l WHERE id = 3;
SELECT what, length(said) < most AS short, said IS NOT NULL AS said FROM (VALUES
	('why', 1000, (SELECT engage_why('long', l) FROM long l WHERE id = 3)),
	('describe', 10000, engage_describe('long')),
	('describe segments', 10000, engage_describe('longs')),
	('report', 200000, engage_report('long', 'long')),
	('report of a tree', 200000, engage_report('longt', 'long')),
	('segments', 10000, (SELECT string_agg(concat(name, description, suggestion), '') FROM engage_segments('longs', 'long') s)),
	('waterfall', 30000, (SELECT engage_plot_waterfall('long', l) FROM long l WHERE id = 3)),
	('importance', 30000, engage_plot_importance('long', 'long'))) v(what, most, said);
-- the value itself stays whole where it is data
SELECT max(length(value)) FROM long l, LATERAL engage_explain('long', l) WHERE id = 3;

-- a model of three rounds that was stopped early, the first being the best: all are imported, and it is said
SET client_min_messages = notice;
CREATE FUNCTION three_rounds(attributes text) RETURNS bytea LANGUAGE sql AS $$
SELECT convert_to(format('{"version": [1, 7, 1], "learner": {"feature_names": ["a"], "feature_types": ["float"], "attributes": %s, "objective": {"name": "reg:squarederror"},
	"learner_model_param": {"base_score": "0", "num_class": "0", "num_feature": "1", "num_target": "1"}, "gradient_booster": {"name": "gbtree", "model": {
	"gbtree_model_param": {"num_trees": "3", "num_parallel_tree": "1"}, "tree_info": [0, 0, 0], "trees": [%2$s, %2$s, %2$s]}}}}', attributes,
	'{"tree_param": {"num_nodes": "1", "size_leaf_vector": "0"}, "left_children": [-1], "right_children": [-1], "split_indices": [0], "split_conditions": [2],
	"default_left": [0], "split_type": [0], "sum_hessian": [1], "loss_changes": [0]}'), 'UTF8') $$;
SELECT engage_import('stopped', three_rounds('{"best_iteration": "0"}'));
SELECT engage_predict('stopped', '{"a": 1}');
SELECT engage_import('whole', three_rounds('{"best_iteration": "2"}'));
