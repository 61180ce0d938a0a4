-- the search for parameters: strategies, pruning, resuming, fairness, the leaderboard
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

-- a search, its winner, and what it tried
SELECT model, version, algorithm, task, rows_train, rows_test, deployed, trials, metric,
	mean BETWEEN 0.80 AND 0.88 AS mean_as_expected, seconds > 0 AS timed
FROM engage_tune('churn', 'telco', target => 'churn', key => 'customer_id', trials => 12, folds => 3, prune => 'none',
	space => '{"max_depth":[2,6],"learning_rate":{"min":0.01,"max":0.3,"log":true},"grow_policy":["depthwise","lossguide"]}',
	params => '{"n_estimators":20}');
SELECT count(*) AS trials, count(DISTINCT params) AS different, bool_and(state = 'complete') AS complete,
	bool_and((params->>'max_depth')::int BETWEEN 2 AND 6 AND (params->>'learning_rate')::float8 BETWEEN 0.01 AND 0.3
		AND params->>'grow_policy' IN ('depthwise', 'lossguide') AND params->>'n_estimators' = '20') AS in_space,
	bool_and(jsonb_array_length(scores) = 3) AS all_folds,
	max(mean) = (SELECT mean FROM engage.trials WHERE rank = 1) AS best_first
FROM engage.trials;
SELECT params FROM engage.trials WHERE trial = 1;	-- the defaults, moved into the space
SELECT t.params <@ v.params AS winner_trained, v.recipe->'min_improvement' AS min_improvement
FROM engage.versions v, engage.trials t WHERE v.model = 'churn' AND t.model = 'churn' AND rank = 1;

-- a trial's score is that of engage_cross_validate on the rows that training does not hold out
SELECT abs(t.mean - (c.metrics->>'mean')::float8) < 1e-5 AS same
FROM engage_tune('no_test', 'telco', target => 'churn', key => 'customer_id', trials => 1, folds => 3, test_size => 0, params => '{"n_estimators":10}') r,
	engage_cross_validate('telco', target => 'churn', key => 'customer_id', folds => 3, params => r.params) c, LATERAL (SELECT r.mean) t
WHERE c.fold IS NULL;

-- the winner of a second search is deployed only when it is better by a share of the error
SELECT version, deployed FROM engage_tune('churn', 'telco', target => 'churn', key => 'customer_id', trials => 3, folds => 3, min_improvement => 0.5,
	params => '{"n_estimators":20}');
SELECT version, deployed FROM engage_tune('churn', 'telco', target => 'churn', key => 'customer_id', trials => 2, folds => 3, deploy => 'always',
	params => '{"n_estimators":20}');

-- the same seed, the same search; interrupted and resumed, still the same
SELECT trials FROM engage_tune('whole', 'telco', target => 'churn', key => 'customer_id', trials => 10, folds => 3, params => '{"n_estimators":10}');
CALL engage_tune_commit('parts', 'telco', target => 'churn', key => 'customer_id', trials => 4, folds => 3, params => '{"n_estimators":10}');
SELECT trials FROM engage_tune('parts', 'telco', target => 'churn', key => 'customer_id', trials => 10, folds => 3, params => '{"n_estimators":10}', resume => true);
SELECT count(*) AS same FROM engage.trials a JOIN engage.trials b USING (trial, params, scores, state) WHERE a.model = 'whole' AND b.model = 'parts';
SELECT count(DISTINCT tuning) AS searches FROM engage.trials WHERE model = 'parts';

-- cancelled, what was tried is kept
SET statement_timeout = '3s';
CALL engage_tune_commit('cancelled', 'telco', target => 'churn', key => 'customer_id', trials => 10000, folds => 2, params => '{"n_estimators":30}', prune => 'none');
RESET statement_timeout;
SELECT count(*) > 0 AS kept FROM engage.trials WHERE model = 'cancelled';
SELECT count(*) AS versions FROM engage.versions WHERE model = 'cancelled';
BEGIN;
CALL engage_tune_commit('block', 'telco', target => 'churn');
ROLLBACK;

-- a time limit ends normally, with one trial at least
SELECT trials BETWEEN 1 AND 9999 AS ended FROM engage_tune('limited', 'telco', target => 'churn', key => 'customer_id', trials => 10000, folds => 2,
	time_limit => '0.3 s');

-- several algorithms: conditional parameters
SELECT trials FROM engage_tune('several', 'telco', target => 'churn', key => 'customer_id', trials => 10, folds => 2,
	algorithms => '{xgboost,logistic_regression}', space => '{"xgboost":{"max_depth":[2,4]},"C":{"min":0.01,"max":10,"log":true}}', params => '{"n_estimators":10}');
SELECT algorithm, count(DISTINCT trial) >= 3 AS tried, array_agg(DISTINCT k ORDER BY k) AS keys
FROM engage.trials, jsonb_object_keys(params) k WHERE model = 'several' GROUP BY 1 ORDER BY 1;

-- grid, random, both ways to give up early
SELECT trials FROM engage_tune('grid', 'telco', target => 'churn', key => 'customer_id', folds => 2, strategy => 'grid', prune => 'none',
	space => '{"max_depth":{"choices":[2,4]},"learning_rate":{"min":0.1,"max":0.4,"points":3}}', params => '{"n_estimators":5}');
SELECT params FROM engage.trials WHERE model = 'grid' ORDER BY trial;
SELECT trials FROM engage_tune('random', 'telco', target => 'churn', key => 'customer_id', folds => 4, strategy => 'random', trials => 20, params => '{"n_estimators":5}');
SELECT trials FROM engage_tune('halving', 'telco', target => 'churn', key => 'customer_id', folds => 4, strategy => 'random', trials => 20, prune => 'halving', params => '{"n_estimators":5}');
SELECT model, count(*) FILTER (WHERE state = 'pruned') > 0 AS pruned, bool_and(jsonb_array_length(scores) < 4) FILTER (WHERE state = 'pruned') AS early,
	bool_and(rank IS NULL) FILTER (WHERE state = 'pruned') AS unranked
FROM engage.trials WHERE model IN ('random', 'halving') GROUP BY 1 ORDER BY 1;
SELECT count(*) > 0 AS used_up FROM engage_tune('small', 'telco', target => 'churn', key => 'customer_id', folds => 2, space => '{"max_depth":[2,3]}', params => '{"n_estimators":5}') WHERE trials = 2;

-- fairness: the penalised search prefers less difference between the groups
SELECT r.trials FROM engage_tune('fair', 'telco', target => 'churn', key => 'customer_id', folds => 2, trials => 6, fairness_column => 'contract', fairness_weight => 1,
	space => '{"max_depth":[1,6]}', params => '{"n_estimators":20}', prune => 'none') r;
SELECT bool_and(gap BETWEEN 0 AND 1) AS gaps, bool_and(abs(loss - (gap - mean)) < 1e-9) AS penalised FROM engage.trials WHERE model = 'fair';
SELECT 'contract' = ANY (ARRAY(SELECT jsonb_array_elements_text(data->'features'))) AS is_feature FROM engage.versions WHERE model = 'fair';
SELECT count(*) FROM engage_tune('equal', 'telco', target => 'monthly_charges', key => 'customer_id', folds => 2, trials => 2, fairness_column => 'contract',
	fairness => 'metric', params => '{"n_estimators":5}');

-- groups and time: training holds out as the search did
CREATE TABLE grouped AS SELECT i AS id, i % 40 AS grp, i * 7919 % 1009 AS x, (i * 7919 % 1009 + i % 5 * 100) > 700 AS y, timestamptz '2024-01-01' + i * interval '1 h' AS at
FROM generate_series(1, 2000) i;
SELECT rows_train, rows_test FROM engage_tune('by_group', 'SELECT id, grp, x, y FROM grouped', target => 'y', key => 'id', group_by => 'grp', folds => 4, trials => 2, params => '{"n_estimators":5}');
SELECT rows_train, rows_test FROM engage_tune('by_time', 'SELECT id, x, y, at FROM grouped', target => 'y', key => 'id', time_column => 'at', folds => 4, trials => 2, params => '{"n_estimators":5}');
SELECT model, data->'features' AS features, recipe->'split' AS split, recipe->'key' AS key FROM engage.versions WHERE model LIKE 'by%' ORDER BY 1;

-- curves, intervals and a model for each contract: measured so in the folds, and the winner has them
SELECT abs(r.mean - (c.metrics->>'mean')::float8) < 1e-5 AS as_cross_validated
FROM engage_tune('with_all', 'telco', target => 'churn', key => 'customer_id', trials => 1, folds => 3, test_size => 0, metric => 'log_loss', params => '{"n_estimators":10}',
	partition_by => 'contract', calibrate => 'sigmoid', intervals => 0.9) r,
	engage_cross_validate('telco', target => 'churn', key => 'customer_id', folds => 3, params => r.params, metric => 'log_loss',
	partition_by => 'contract', calibrate => 'sigmoid', intervals => 0.9) c
WHERE c.fold IS NULL;
SELECT recipe->'partition_by' AS partition_by, recipe->'calibrate' AS calibrate, recipe->'intervals' AS intervals, (SELECT count(*) FROM jsonb_object_keys(data->'parts')) AS parts
FROM engage.versions WHERE model = 'with_all';
SELECT count(DISTINCT engage_predict_set('with_all', t)) > 1 AS sets FROM telco t WHERE customer_id < 100;

-- a learner that fails for some parameters fails alone
SELECT trials FROM engage_tune('failing', 'telco', target => 'churn', key => 'customer_id', folds => 2, trials => 4, strategy => 'grid', prune => 'none',
	space => '{"max_depth":{"choices":[0,3]},"n_estimators":{"choices":[3,5]}}');
SELECT params, state, message FROM engage.trials WHERE model = 'failing' ORDER BY trial;

-- who sees what
CREATE ROLE regress_tune_other;
SET ROLE regress_tune_other;
SELECT count(*) FROM engage.trials;
SELECT * FROM engage.trial;
SELECT engage_tune('churn', 'telco', target => 'churn');
SELECT engage_forget_trials('churn');
RESET ROLE;
SELECT engage_grant('grid', 'regress_tune_other');
SET ROLE regress_tune_other;
SELECT DISTINCT model FROM engage.trials;
RESET ROLE;
SELECT engage_forget_trials('grid');
SELECT count(*) FROM engage.trials WHERE model = 'grid';
SELECT engage_revoke('grid', 'regress_tune_other');
DROP ROLE regress_tune_other;

-- complaints
\set VERBOSITY terse
SELECT engage_tune(NULL, 'telco');
SELECT engage_tune('e', 'telco');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '[1]');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_dept":[3,4]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":[30,100]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":[2.5,4]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":[5,3]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":7}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":{"from":7}}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":[]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"gamma":{"min":0,"max":3,"log":true}}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"grow_policy":["depthwise","sideways"]}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"grow_policy":{"min":1,"max":2}}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":[3,4]}', params => '{"max_depth":4}');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"eta":[0.1,0.2],"learning_rate":[0.1,0.2]}');
SELECT engage_tune('e', 'telco', target => 'churn', metric => 'auk');
SELECT engage_tune('e', 'telco', target => 'churn', metric => 'positive_rate');
SELECT engage_tune('e', 'telco', target => 'churn', strategy => 'bayes');
SELECT engage_tune('e', 'telco', target => 'churn', prune => 'hard');
SELECT engage_tune('e', 'telco', target => 'churn', strategy => 'grid');
SELECT engage_tune('e', 'telco', target => 'churn', algorithms => '{}');
SELECT engage_tune('e', 'telco', target => 'churn', algorithms => '{xgboost,xgboost}');
SELECT engage_tune('e', 'telco', target => 'churn', algorithms => '{no_such}');
SELECT engage_tune('e', 'telco', target => 'churn', folds => 1);
SELECT engage_tune('e', 'telco', target => 'churn', partition_by => 'contract', fairness_column => 'contract');
SELECT engage_tune('e', 'telco', target => 'churn', intervals => 2);
SELECT engage_tune('e', 'telco', target => 'churn', trials => 0);
SELECT engage_tune('e', 'telco', target => 'churn', time_limit => '0 s');
SELECT engage_tune('e', 'telco', target => 'churn', min_improvement => 1);
SELECT engage_tune('e', 'telco', target => 'churn', fairness_column => 'nope');
SELECT engage_tune('e', 'telco', target => 'churn', fairness_column => 'contract', fairness_weight => -1);
SELECT engage_tune('e', 'telco', target => 'monthly_charges', fairness_column => 'contract');
SELECT engage_tune('e', 'telco', target => 'churn', split => 'churn', time_column => 'churn');
SELECT engage_tune('e', 'telco', target => 'churn', space => '{"max_depth":{"choices":[0]}}', trials => 2);
SELECT engage_tune('a@b', 'telco', target => 'churn');
