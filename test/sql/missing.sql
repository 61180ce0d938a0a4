-- Missing values and unseen categories where training had none: they go where most training rows went, in every learner of trees.
SET engage.progress = off;
SET client_min_messages = warning;

-- one row in twenty belongs to two rare words or has a small x; these, and only these, are worth a hundred
CREATE TABLE shop AS SELECT g AS id,
	CASE WHEN g % 20 = 7 THEN 'rare' || g % 3 ELSE 'word' || g % 11 END AS word,
	(g * 7919 % 1000)::float8 AS x,
	(g * 104729 % 17)::float8 AS noise,
	CASE WHEN g % 20 = 7 OR g * 7919 % 1000 < 50 THEN 100 ELSE 10 END + (g % 5) * 0.1 AS y,
	CASE WHEN g % 20 = 7 OR g * 7919 % 1000 < 50 THEN 1 ELSE 0.25 END AS w
	FROM generate_series(1, 4000) g;
CREATE TABLE asked(what text, word text, x float8, noise float8);
INSERT INTO asked VALUES ('unseen word', 'never seen', 500, 5), ('no word', NULL, 500, 5), ('no x', 'word3', NULL, 5),
	('not a number', 'word3', 'NaN', 5), ('nothing', NULL, NULL, NULL);

CREATE TABLE learner(name text, algorithm text, target text, task text, params jsonb, weight text);
INSERT INTO learner VALUES
	('boosting', 'xgboost', 'y', NULL, '{}', NULL),
	('leaf by leaf', 'xgboost', 'y', NULL, '{"grow_policy": "lossguide", "max_leaves": 8, "max_depth": 0}', NULL),
	('approx', 'xgboost', 'y', NULL, '{"tree_method": "approx"}', NULL),
	('one-hot splits', 'xgboost', 'y', NULL, '{"max_cat_to_onehot": 100}', NULL),
	('set splits', 'xgboost', 'y', NULL, '{"max_cat_to_onehot": 1}', NULL),
	('dart', 'xgboost', 'y', NULL, '{"booster": "dart", "rate_drop": 0.2, "n_estimators": 30}', NULL),
	('forest by the library', 'xgboost', 'y', NULL, '{"num_parallel_tree": 10, "n_estimators": 3, "learning_rate": 1, "subsample": 0.7}', NULL),
	('early stopping', 'xgboost', 'y', NULL, '{"early_stopping_rounds": 5}', NULL),
	('quantiles', 'xgboost', 'y', 'quantile', '{"quantiles": [0.4, 0.5, 0.6]}', NULL),
	('gamma', 'xgboost', 'y', NULL, '{"objective": "reg:gamma"}', NULL),
	('two classes', 'xgboost', 'y > 50', NULL, '{}', NULL),
	('three classes', 'xgboost', 'CASE WHEN y > 50 THEN ''high'' WHEN y > 10.2 THEN ''middle'' ELSE ''low'' END', NULL, '{}', NULL),
	('counts', 'xgboost', 'y::int', 'count', '{}', NULL),
	('boosting, weights', 'xgboost', 'y', NULL, '{}', 'w'),
	('tree', 'decision_tree', 'y', NULL, '{}', NULL),
	('tree, two classes', 'decision_tree', 'y > 50', NULL, '{}', NULL),
	('forest', 'random_forest', 'y', NULL, '{"n_estimators": 20}', NULL),
	('forest, two classes', 'random_forest', 'y > 50', NULL, '{"n_estimators": 20}', NULL),
	('forest, three classes', 'random_forest', 'CASE WHEN y > 50 THEN ''high'' WHEN y > 10.2 THEN ''middle'' ELSE ''low'' END', NULL, '{"n_estimators": 20}', NULL),
	('forest, weights', 'random_forest', 'y', NULL, '{"n_estimators": 20}', 'w'),
	('extra trees', 'extra_trees', 'y', NULL, '{"n_estimators": 20}', NULL),
	('leaf-wise', 'leafwise_boosting', 'y', NULL, '{}', NULL),
	('leaf-wise, two classes', 'leafwise_boosting', 'y > 50', NULL, '{}', NULL);

-- all learners that grow trees are above, but for the isolation forest below
SELECT algorithm FROM engage_algorithms() WHERE algorithm ~ 'tree|forest|boost' AND algorithm <> 'isolation_forest' AND algorithm NOT IN (SELECT algorithm FROM learner);

CREATE FUNCTION ask(name text, algorithm text, target text, task text, params jsonb, weight text) RETURNS TABLE (what text, low boolean)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM engage_train('m', format('SELECT id, word, x, noise, w, %s AS target FROM shop', target), target => 'target', key => 'id', algorithm => algorithm,
		task => task, params => params, weight => weight, exclude => CASE WHEN weight IS NULL THEN ARRAY['w'] END, deploy => 'always');
	RETURN QUERY SELECT a.what, CASE
		WHEN target LIKE 'CASE%' THEN (engage_predict_proba('m', a)->>'high')::float8 < 0.3
		WHEN target LIKE '%>%' THEN engage_predict('m', a) < 0.3
		WHEN task = 'quantile' THEN (engage_predict_quantiles('m', a))[2] < 30
		ELSE engage_predict('m', a) < 30 END FROM asked a;
	PERFORM engage_drop('m');
END $$;
SELECT l.name, string_agg(a.what, ', ' ORDER BY a.what) FILTER (WHERE a.low IS NOT TRUE) AS lost FROM learner l,
	ask(l.name, l.algorithm, l.target, l.task, l.params, l.weight) a GROUP BY 1 ORDER BY 1;

-- where training saw missing values they keep the side that it learned; rows without weight teach nothing
CREATE TABLE gaps AS SELECT g AS id, CASE WHEN g % 10 < 2 THEN NULL ELSE (g % 100)::float8 END AS x, (g * 31 % 7)::float8 AS z,
	CASE WHEN g % 10 < 2 THEN 50 WHEN g % 100 < 10 THEN 50 ELSE 5 END + g % 3 * 0.1 AS y, 1.0 AS w FROM generate_series(1, 3000) g;
SELECT version FROM engage_train('learned', 'gaps', target => 'y', key => 'id', weight => 'w', params => '{"n_estimators": 20, "max_depth": 2, "learning_rate": 0.5}');
SELECT round(engage_predict('learned', ROW(1, NULL::float8, 3, 0, 1)::gaps)) AS learned;
UPDATE gaps SET w = 0, y = 5 WHERE x IS NULL;
SELECT version FROM engage_train('unlearned', 'gaps', target => 'y', key => 'id', weight => 'w', params => '{"n_estimators": 20, "max_depth": 2, "learning_rate": 0.5}');
SELECT round(engage_predict('unlearned', ROW(1, NULL::float8, 3, 0, 1)::gaps)) AS with_the_crowd;

-- isolation: a column that was never missing is missing in all rows; about one row in twenty stays among the strangest twentieth
CREATE TABLE calm AS SELECT g AS id, (hashint4(g) % 1000)::float8 AS a, (hashint4(g + 10000) % 1000)::float8 AS b, (hashint4(g + 20000) % 1000)::float8 AS c
	FROM generate_series(1, 4000) g;
SELECT version FROM engage_train('calm', 'calm', key => 'id', algorithm => 'isolation_forest');
WITH s AS (SELECT engage_predict('calm', calm) AS whole, engage_predict('calm', r) AS holes FROM calm, LATERAL (SELECT id, NULL::float8 AS a, b, c) r),
	q AS (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY whole) AS bound FROM s)
SELECT count(*) FILTER (WHERE holes > bound)::float8 / count(*) BETWEEN 0.005 AND 0.15 AS as_many FROM s, q;
