-- what a model relies on: numbers worked out in SQL beside ours; XGBoost's and scikit-learn's are in test/t/090_importance.pl
SET engage.progress = off;
SET client_min_messages = warning;

-- y is 3 a - 2 b, and knows nothing of c; k never changes
CREATE TABLE r AS
SELECT i AS id, (i * 7919 % 1009) / 100.0::float8 AS a, (i * 104729 % 2003) / 400.0::float8 AS b, i * 31 % 97 AS c, 5 AS k, i % 3 = 0 AS held,
	CASE i % 4 WHEN 0 THEN 'north' WHEN 1 THEN 'south' WHEN 2 THEN 'west' END AS region
FROM generate_series(1, 600) i;
ALTER TABLE r ADD y float8, ADD good text, ADD pair float8[];
UPDATE r SET y = 3 * a - 2 * b, good = CASE WHEN 3 * a - 2 * b > 10 THEN 'yes' ELSE 'no' END, pair = ARRAY[a, b];
SELECT version FROM engage_train('line', 'r', target => 'y', features => '{a,b,c,k}', split => 'held', algorithm => 'linear_regression');

-- ---------------------------------------------------------------------------
-- importance
-- ---------------------------------------------------------------------------

-- contributions of a linear model are coefficient times distance from the mean of the training rows
SELECT i.feature, rank, abs(importance - o.mean) < 1e-4 * (1 + o.mean) AS mean, abs(i.deviation - o.deviation) < 1e-4 * (1 + o.deviation) AS deviation
FROM engage_importance('line', 'r', 'shap') i JOIN (
	SELECT 'a' AS feature, avg(v) AS mean, stddev_pop(v) AS deviation FROM (SELECT abs(3 * (a - (SELECT avg(a) FROM r WHERE NOT held))) AS v FROM r) v
	UNION ALL
	SELECT 'b', avg(v), stddev_pop(v) FROM (SELECT abs(2 * (b - (SELECT avg(b) FROM r WHERE NOT held))) AS v FROM r) v
	UNION ALL VALUES ('c', 0, 0), ('k', 0, 0)) o USING (feature) ORDER BY rank;

-- shuffling a moves the prediction of a perfect model by twice the variance of 3 a, on average; the lost R2 is that by the variance of y
SELECT i.feature, abs(importance / o.expected - 1) < 0.05 AS as_expected, deviation > 0 AND deviation < importance / 5 AS spread, round(share::numeric, 1) AS share
FROM engage_importance('line', 'r', metric => 'r2', repeats => 40) i JOIN (
	SELECT 'a' AS feature, 2 * 9 * var_pop(a) / var_pop(y) AS expected FROM r UNION ALL SELECT 'b', 2 * 4 * var_pop(b) / var_pop(y) FROM r) o USING (feature)
ORDER BY rank;

-- what says nothing loses nothing; less of the error is better, and positive is still important; shares add up to one
SELECT feature, importance = 0 AND deviation = 0 AS nothing FROM engage_importance('line', 'r') WHERE feature = 'k';
SELECT metric, bool_and(importance > 0.1) FILTER (WHERE feature IN ('a', 'b')) AS positive, abs(sum(share) - 1) < 1e-9 AS shares, array_agg(rank ORDER BY rank) AS ranks
FROM unnest('{rmse,mae,r2,median_absolute_error}'::text[]) metric, engage_importance('line', 'r', metric => metric) GROUP BY 1 ORDER BY 1;

-- the same rows in another order, and the same seed: the same numbers; another seed: others
CREATE FUNCTION imp(source text, more text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SELECT string_agg(i::text, '' '' ORDER BY rank) FROM engage_importance(''line'', %L%s) i', source, more) INTO answer;
	RETURN answer;
END $$;
SELECT imp('r', ', sample => 100') = imp('SELECT * FROM r ORDER BY md5(id::text)', ', sample => 100') AS any_order,
	imp('r', ', seed => 2') <> imp('r') AS by_seed, imp('r', ', sample => 100') <> imp('r') AS by_sample;

-- features of an array, and the array
SELECT version FROM engage_train('arrays', 'r', target => 'y', features => '{pair,c}', split => 'held', algorithm => 'linear_regression');
SELECT feature FROM engage_importance('arrays', 'r');
SELECT feature, deviation IS NULL AS alone FROM engage_importance('arrays', by_column => true);
SELECT a.feature, a.importance > p.importance AS more FROM engage_importance('arrays', 'r', by_column => true) a, engage_importance('arrays', 'r') p
WHERE a.rank = 1 AND p.rank = 1;

-- trees: counted by hand in the text of a model (gains are LightGBM's)
SELECT engage_import('hand', convert_to($$tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=a b c
feature_infos=[0:11] [0:6] [0:97]
tree_sizes=1 2

Tree=0
num_leaves=4
num_cat=0
split_feature=0 1 0
split_gain=3 2 1
threshold=6.5 3.25 9.5
decision_type=0 0 0
left_child=1 -1 -3
right_child=2 -2 -4
leaf_value=-0.5 1 -0.75 -2
leaf_count=10 20 30 40
internal_value=0 0 0
internal_count=100 30 70
is_linear=0
shrinkage=1

Tree=1
num_leaves=3
num_cat=0
split_feature=1 0
split_gain=2 1
threshold=3.25 2.5
decision_type=0 0
left_child=-1 -2
right_child=1 -3
leaf_value=-0.75 0.5 0.25
leaf_count=30 40 30
internal_value=0 0
internal_count=100 70
is_linear=0
shrinkage=1

end of trees
$$, 'UTF8'), target => 'good', labels => ARRAY['no', 'yes']);
SELECT method, string_agg(format('%s: %s', feature, round(importance::numeric, 4)), ', ' ORDER BY rank) AS importance
FROM unnest('{weight,gain,total_gain,cover,total_cover}'::text[]) method, engage_importance('hand', method => method) GROUP BY 1 ORDER BY 1;
-- a feature that no split uses, with weights
SELECT feature, importance FROM engage_importance('hand', 'SELECT *, 1 AS w FROM r WHERE id <= 60', metric => 'accuracy', weight => 'w') WHERE feature = 'c';

-- every task, its own metric and another; partitions; weights
CREATE TABLE tasks (task text, target text, more text, metric text);
INSERT INTO tasks VALUES ('binary', 'good', '', 'log_loss'), ('multiclass', 'region', '', 'f1_macro'), ('quantile', 'y', '', 'pinball_loss'),
	('count', 'c', '', 'poisson_deviance'), ('ranking', 'c', ', group_by => ''g''', 'ndcg@5'), ('survival', 'k', ', event => ''held''', 'concordance');
CREATE FUNCTION of_task(t tasks) RETURNS TABLE (name text, method text, first text, finite boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT engage_train(%L, %L, target => %L, task => %L, key => ''id'', features => ''{a,b}'', params => ''{"n_estimators": 10}''%s)', t.task,
		CASE t.task WHEN 'survival' THEN 'SELECT *, greatest(1, 100 - 9 * a) AS k FROM (SELECT id, a, b, held FROM r) r'
			WHEN 'multiclass' THEN 'SELECT id, a, b, CASE WHEN a < 3 THEN ''low'' WHEN a < 7 THEN ''mid'' ELSE ''high'' END AS region FROM r'
			WHEN 'count' THEN 'SELECT id, a, b, round(a)::int AS c FROM r'
			WHEN 'ranking' THEN 'SELECT id, a, b, round(a)::int / 3 AS c, id / 10 AS g FROM r'
			ELSE 'r' END, t.target, t.task, t.more);
	name := t.task;
	FOR method, first, finite IN EXECUTE format('SELECT m.method, max(feature) FILTER (WHERE rank = 1), bool_and(importance < 1e6 AND deviation < 1e6)
		FROM (VALUES (''permutation'', NULL), (''permutation'', %L), (''shap'', NULL)) m(method, metric), engage_importance(%L, %L, m.method, m.metric) i GROUP BY m.method ORDER BY 1',
		t.metric, t.task, (SELECT v.recipe->>'source' FROM engage.version v JOIN engage.model m ON v.model_id = m.id WHERE m.name = t.task))
	LOOP
		RETURN NEXT;
	END LOOP;
END $$;
SELECT o.* FROM tasks t, of_task(t) o;
SELECT version FROM engage_train('parts', 'r', target => 'y', features => '{a,b}', partition_by => 'region', split => 'held', algorithm => 'linear_regression');
SELECT method, string_agg(feature, ', ' ORDER BY rank) FROM unnest('{permutation,shap}'::text[]) method, engage_importance('parts', 'r', method) GROUP BY 1 ORDER BY 1;
SELECT feature FROM engage_importance('parts');

-- every algorithm answers for two classes
CREATE FUNCTION trial(algorithm text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wrong text;
BEGIN
	PERFORM engage_train('trial_' || algorithm, 'SELECT id, a, b, c, region, good FROM r WHERE id <= 200', target => 'good', key => 'id', algorithm => algorithm);
	SELECT string_agg(i::text, ' ') INTO wrong FROM engage_importance('trial_' || algorithm, 'r', sample => 100, repeats => 2) i
		WHERE feature IS NULL OR NOT importance BETWEEN -1 AND 1 OR deviation < 0;
	IF wrong IS NOT NULL OR (SELECT feature FROM engage_importance('trial_' || algorithm, 'r', sample => 100, repeats => 2) WHERE rank = 1) <> 'a' THEN
		RETURN format('%s: permutation: %s', algorithm, wrong);
	END IF;
	IF (SELECT count(*) <> 4 OR max(feature) FILTER (WHERE rank = 1) <> 'a' FROM engage_importance('trial_' || algorithm, 'r', 'shap', sample => 10)) THEN
		RETURN format('%s: shap', algorithm);
	END IF;
	RETURN NULL;
END $$;
SELECT count(*) >= 10 AS many, string_agg(trial(algorithm), '; ' ORDER BY algorithm) AS wrong FROM engage_algorithms() WHERE 'binary' = ANY (tasks);

-- without a source: the rows stored with the model
SELECT feature, importance > 0 AS positive FROM engage_importance('line', method => 'shap', sample => 50) WHERE rank <= 2;

-- ---------------------------------------------------------------------------
-- segments
-- ---------------------------------------------------------------------------

SELECT version FROM engage_train('good', 'r', target => 'good', features => '{a,b,c}', split => 'held', algorithm => 'logistic_regression');
CREATE TABLE g AS SELECT * FROM engage_explain_groups('good', 'r', by => 'region');
SELECT segment, max(rows) AS rows, count(*) AS features, min(rank) || '-' || max(rank) AS ranks, max(feature) FILTER (WHERE rank = 1) AS first,
	abs(max(base) + sum(contribution) - max(prediction)) < 1e-9 AS adds_up, bool_and(magnitude >= abs(contribution)) AS larger
FROM g GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM g JOIN (SELECT region, avg(engage_predict('good', r)) AS mean, count(*) AS n FROM r GROUP BY 1) o ON g.segment IS NOT DISTINCT FROM o.region
WHERE abs(prediction - mean) < 1e-9 AND rows = n;
-- contributions of a linear model by segment
SELECT segment, abs(contribution - (SELECT avg(3 * (a - (SELECT avg(a) FROM r WHERE NOT held))) FROM r WHERE region IS NOT DISTINCT FROM segment)) < 1e-4 AS as_expected
FROM engage_explain_groups('line', 'r', 'region') WHERE feature = 'a' ORDER BY 1;
-- the other class is the mirror image; another order of rows changes nothing but the last digits
SELECT bool_and(abs(n.contribution + y.contribution) < 1e-12 AND abs(n.prediction + y.prediction - 1) < 1e-12 AND n.magnitude = y.magnitude) AS mirrored
FROM engage_explain_groups('good', 'r', 'region', class => 'no') n JOIN g y ON n.segment IS NOT DISTINCT FROM y.segment AND n.feature = y.feature;
SELECT bool_and(abs(o.contribution - g.contribution) < 1e-12) AS any_order
FROM engage_explain_groups('good', 'SELECT * FROM r ORDER BY md5(id::text)', 'region') o JOIN g ON o.segment IS NOT DISTINCT FROM g.segment AND o.feature = g.feature;
-- by columns of other types; partitions
SELECT segment, max(rows) FROM engage_explain_groups('good', 'SELECT *, date ''2024-01-01'' + id / 300 AS day FROM r', 'day') GROUP BY 1 ORDER BY 1;
SELECT segment, max(rows) FROM engage_explain_groups('good', 'r', 'held') GROUP BY 1 ORDER BY 1;
SELECT segment, abs(max(base) + sum(contribution) - max(prediction)) < 1e-9 AS adds_up FROM engage_explain_groups('parts', 'r', 'region') GROUP BY 1 ORDER BY 1;

-- ---------------------------------------------------------------------------
-- bad input, rights
-- ---------------------------------------------------------------------------

\set VERBOSITY default
SELECT engage_importance(NULL);
SELECT engage_importance('no such model');
SELECT engage_importance('line', method => 'gian');
SELECT engage_importance('line', method => 'gain');
SELECT engage_importance('trial_knn');
SELECT engage_importance('line', method => 'permutation');
SELECT engage_importance('line', 'r', metric => 'auc');
SELECT engage_importance('line', 'r', metric => 'bias');
SELECT engage_importance('line', 'r', sample => 0);
SELECT engage_importance('line', 'r', repeats => 0);
SELECT engage_importance('line', 'SELECT a, b, c, k FROM r');
SELECT engage_importance('line', 'SELECT * FROM r WHERE false');
SELECT engage_importance('line', 'SELECT a, b, c, k, NULL::float8 AS y FROM r');
SELECT engage_importance('line', 'SELECT a, b, y FROM r');
SELECT engage_importance('good', 'SELECT * FROM r WHERE good = ''no''', metric => 'auc');
SELECT engage_importance('multiclass', 'SELECT 1 AS a, 2 AS b, 3 AS id', 'shap', class => 'huge');
SELECT engage_importance('hand', method => 'shap');
SELECT engage_explain_groups('good', 'r', NULL);
SELECT engage_explain_groups('good', 'r', 'regoin');
SELECT engage_explain_groups('multiclass', 'r', 'region');
SELECT engage_explain_groups('good', 'SELECT * FROM r LIMIT 0', 'region');
-- one row
SELECT feature, importance FROM engage_importance('line', 'SELECT * FROM r LIMIT 1', metric => 'rmse') ORDER BY 1;
SELECT count(*), max(rows) FROM engage_explain_groups('good', 'SELECT * FROM r LIMIT 1', 'region');

-- one may use neither another's model nor read what one may not
CREATE ROLE importance_reader;
GRANT SELECT ON r TO importance_reader;
SET ROLE importance_reader;
SELECT engage_importance('line');
SELECT engage_importance('line', 'r', 'shap');
SELECT engage_explain_groups('line', 'r', 'region');
RESET ROLE;
SELECT engage_grant('line', 'importance_reader');
SET ROLE importance_reader;
SELECT count(*) FROM engage_importance('line', 'r');
SELECT engage_importance('line', 'SELECT r.* FROM r, tasks');
RESET ROLE;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM r; RETURN 1; END $$;
SELECT engage_importance('line', 'SELECT r.*, writes() AS c FROM (SELECT a, b, k, y FROM r) r');
SELECT engage_revoke('line', 'importance_reader');
REVOKE SELECT ON r FROM importance_reader;
DROP ROLE importance_reader;
