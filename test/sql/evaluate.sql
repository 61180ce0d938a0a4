-- a model measured on a source: scikit-learn's numbers (test/golden/aggregates.py evaluate) for a model
-- written by hand, then trained models, other tasks, rights and errors
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

-- two small trees, in LightGBM's text
SELECT engage_import('hand', convert_to($$tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=tenure monthly_charges
feature_infos=[0:72] [18:119]
tree_sizes=1 2

Tree=0
num_leaves=4
num_cat=0
split_feature=0 1 0
split_gain=3 2 1
threshold=6.5 60.25 40.5
decision_type=0 0 0
left_child=1 -1 -3
right_child=2 -2 -4
leaf_value=-0.5 1 -0.75 -2
leaf_count=1 1 1 1
internal_value=0 0 0
internal_count=4 2 2
is_linear=0
shrinkage=1

Tree=1
num_leaves=3
num_cat=0
split_feature=1 0
split_gain=2 1
threshold=30.25 20.5
decision_type=0 0
left_child=-1 -2
right_child=1 -3
leaf_value=-0.75 0.5 0.25
leaf_count=1 1 1
internal_value=0 0
internal_count=3 2
is_linear=0
shrinkage=1

end of trees
$$, 'UTF8'), target => 'churn', labels => ARRAY['No', 'Yes']);

CREATE TABLE golden (name text, expected float8);
INSERT INTO golden VALUES
	('roc_1_threshold', 0.81757447619364365),
	('roc_1_fpr', 0.038848086586780052),
	('roc_1_tpr', 0.25414660246120918),
	('roc_2_threshold', 0.5),
	('roc_2_fpr', 0.075376884422110546),
	('roc_2_tpr', 0.35741037988229002),
	('roc_3_threshold', 0.43782349911420193),
	('roc_3_fpr', 0.19095477386934673),
	('roc_3_tpr', 0.58962011771000533),
	('roc_4_threshold', 0.37754066879814541),
	('roc_4_fpr', 0.34286818708929262),
	('roc_4_tpr', 0.75387907972177637),
	('roc_5_threshold', 0.22270013882530884),
	('roc_5_fpr', 0.40220332431387706),
	('roc_5_tpr', 0.81594435527019793),
	('roc_6_threshold', 0.18242552380635632),
	('roc_6_fpr', 0.52570545032856586),
	('roc_6_tpr', 0.8378812199036918),
	('roc_7_threshold', 0.14804719803168948),
	('roc_7_fpr', 0.89292616930807889),
	('roc_7_tpr', 0.99625468164794007),
	('roc_8_threshold', 0.060086650174007619),
	('roc_8_fpr', 1),
	('roc_8_tpr', 1),
	('pr_1_threshold', 0.81757447619364365),
	('pr_1_precision', 0.7026627218934911),
	('pr_1_recall', 0.25414660246120918),
	('pr_2_threshold', 0.5),
	('pr_2_precision', 0.63137996219281667),
	('pr_2_recall', 0.35741037988229002),
	('pr_3_threshold', 0.43782349911420193),
	('pr_3_precision', 0.52727272727272723),
	('pr_3_recall', 0.58962011771000533),
	('pr_4_threshold', 0.37754066879814541),
	('pr_4_precision', 0.44266415331448317),
	('pr_4_recall', 0.75387907972177637),
	('pr_5_threshold', 0.22270013882530884),
	('pr_5_precision', 0.42290626733222408),
	('pr_5_recall', 0.81594435527019793),
	('pr_6_threshold', 0.18242552380635632),
	('pr_6_precision', 0.36537564162389174),
	('pr_6_recall', 0.8378812199036918),
	('pr_7_threshold', 0.14804719803168948),
	('pr_7_precision', 0.28725701943844495),
	('pr_7_recall', 0.99625468164794007),
	('pr_8_threshold', 0.060086650174007619),
	('pr_8_precision', 0.26536987079369589),
	('pr_8_recall', 1),
	('auc', 0.76521994464233745),
	('log_loss', 0.48997107853816002),
	('roc_w_1_threshold', 0.81757447619364365),
	('roc_w_1_fpr', 0.048966396754428265),
	('roc_w_1_tpr', 0.27502886671072557),
	('roc_w_2_threshold', 0.5),
	('roc_w_2_fpr', 0.077940254412067533),
	('roc_w_2_tpr', 0.34027068762966672),
	('roc_w_3_threshold', 0.43782349911420193),
	('roc_w_3_fpr', 0.20721830555474541),
	('roc_w_3_tpr', 0.59125456359966122),
	('roc_w_4_threshold', 0.37754066879814541),
	('roc_w_4_fpr', 0.39143699677351479),
	('roc_w_4_tpr', 0.77754466389014365),
	('roc_w_5_threshold', 0.22270013882530884),
	('roc_w_5_fpr', 0.41183507460508956),
	('roc_w_5_tpr', 0.79590112473258023),
	('roc_w_6_threshold', 0.18242552380635632),
	('roc_w_6_fpr', 0.45457343114004317),
	('roc_w_6_tpr', 0.8026598701869494),
	('roc_w_7_threshold', 0.14804719803168948),
	('roc_w_7_fpr', 0.96145031756159394),
	('roc_w_7_tpr', 0.99892367508715718),
	('roc_w_8_threshold', 0.060086650174007619),
	('roc_w_8_fpr', 1),
	('roc_w_8_tpr', 1),
	('pr_w_1_threshold', 0.81757447619364365),
	('pr_w_1_precision', 0.71142188628590919),
	('pr_w_1_recall', 0.27502886671072557),
	('pr_w_2_threshold', 0.5),
	('pr_w_2_precision', 0.65709088789294945),
	('pr_w_2_recall', 0.34027068762966672),
	('pr_w_3_threshold', 0.43782349911420193),
	('pr_w_3_precision', 0.55602175103246398),
	('pr_w_3_recall', 0.59125456359966122),
	('pr_w_4_threshold', 0.37754066879814541),
	('pr_w_4_precision', 0.46577225390122473),
	('pr_w_4_recall', 0.77754466389014365),
	('pr_w_5_threshold', 0.22270013882530884),
	('pr_w_5_precision', 0.45894514781048151),
	('pr_w_5_recall', 0.79590112473258023),
	('pr_w_6_threshold', 0.18242552380635632),
	('pr_w_6_precision', 0.43662509840459002),
	('pr_w_6_recall', 0.8026598701869494),
	('pr_w_7_threshold', 0.14804719803168948),
	('pr_w_7_precision', 0.31319885660110752),
	('pr_w_7_recall', 0.99892367508715718),
	('pr_w_8_threshold', 0.060086650174007619),
	('pr_w_8_precision', 0.30503351555282171),
	('pr_w_8_recall', 1),
	('auc_w', 0.74726650798149574),
	('log_loss_w', 0.52842570475752082),
	('calibration_1_mean', 0.060086650174007328),
	('calibration_1_rate', 0.012477718360071301),
	('calibration_2_mean', 0.1561755921647803),
	('calibration_2_rate', 0.11717663421418636),
	('calibration_3_mean', 0.22270013882530751),
	('calibration_3_rate', 0.27423167848699764),
	('calibration_4_mean', 0.3775406687981373),
	('calibration_4_rate', 0.28087831655992679),
	('calibration_5_mean', 0.45462082820781119),
	('calibration_5_rate', 0.44342291371994341),
	('calibration_6_mean', 0.81757447619365264),
	('calibration_6_rate', 0.7026627218934911),
	('confusion_0_0', 4784),
	('confusion_0_1', 390),
	('confusion_1_0', 1201),
	('confusion_1_1', 668),
	('threshold_f1', 0.37754066879814541),
	('threshold_youden', 0.22270013882530884),
	('threshold_recall', 0.22270013882530884),
	('threshold_precision', 0.43782349911420193),
	('threshold_cost', 0.43782349911420193),
	('threshold_cost_value', 14144),
	('lift_1', 2.6179677235915837),
	('gain_1', 0.26179677235915838),
	('lift_2', 1.7450191574250851),
	('gain_2', 0.43629868810166689),
	('lift_3', 1.5676290282889609),
	('gain_3', 0.59306159093056299),
	('lift_4', 1.0584408686632238),
	('gain_4', 0.69890567779688539),
	('lift_5', 1.0464029500560192),
	('gain_5', 0.8035459728024873),
	('lift_6', 0.32393189379239312),
	('gain_6', 0.83593916218172659),
	('lift_7', 0.48393946023181206),
	('gain_7', 0.88433310820490785),
	('lift_8', 0.50793455877264992),
	('gain_8', 0.93512656408217287),
	('lift_9', 0.50793455877264992),
	('gain_9', 0.98592001995943779),
	('lift_10', 0.14079980040562179),
	('gain_10', 1);
CREATE VIEW weighted AS SELECT *, monthly_charges / 10 AS w FROM telco;

CREATE TABLE measured AS
WITH roc AS (
	SELECT '' AS s, row_number() OVER (ORDER BY threshold DESC) - 1 AS i, * FROM engage_roc('hand', 'telco')
	UNION ALL SELECT '_w', row_number() OVER (ORDER BY threshold DESC) - 1, * FROM engage_roc('hand', 'weighted', weight => 'w')
), pr AS (
	SELECT '' AS s, row_number() OVER (ORDER BY threshold DESC) - 1 AS i, * FROM engage_pr_curve('hand', 'telco')
	UNION ALL SELECT '_w', row_number() OVER (ORDER BY threshold DESC) - 1, * FROM engage_pr_curve('hand', 'weighted', weight => 'w')
), calibration AS (
	SELECT row_number() OVER (ORDER BY bin) AS i, * FROM engage_calibration('hand', 'telco')
)
SELECT format('roc%s_%s_%s', s, i, what) AS name, value
FROM roc, LATERAL (VALUES ('threshold', threshold), ('fpr', fpr), ('tpr', tpr)) AS v(what, value) WHERE i > 0
UNION ALL
SELECT format('pr%s_%s_%s', s, i, what), value
FROM pr, LATERAL (VALUES ('threshold', threshold), ('precision', "precision"), ('recall', recall)) AS v(what, value) WHERE i > 0
UNION ALL
SELECT format('calibration_%s_%s', i, what), value
FROM calibration, LATERAL (VALUES ('mean', mean_predicted), ('rate', observed_rate)) AS v(what, value)
UNION ALL
SELECT format('confusion_%s_%s', (actual = 'Yes')::int, (predicted = 'Yes')::int), count FROM engage_confusion('hand', 'telco')
UNION ALL
SELECT 'threshold_' || name, threshold FROM (VALUES ('f1', 'f1'), ('youden', 'youden'), ('recall', 'recall >= 0.8'),
	('precision', 'precision >= 0.5'), ('cost', '{"fp": 5, "fn": 12}')) AS g(name, goal), engage_threshold('hand', 'telco', goal)
UNION ALL
SELECT 'threshold_cost_value', value FROM engage_threshold('hand', 'telco', '{"fp": 5, "fn": 12}')
UNION ALL
SELECT what || '_' || decile, value FROM engage_lift('hand', 'telco'), LATERAL (VALUES ('lift', lift), ('gain', cumulative_gain)) AS v(what, value);

-- those that differ or are missing on either side (none), and how many were compared; a score is in single precision
SELECT name, value, expected FROM measured FULL JOIN golden USING (name)
WHERE abs(value - expected) <= (CASE WHEN name ~ '(threshold|mean)' THEN 1e-7 ELSE 1e-9 END) * greatest(1, abs(expected)) IS NOT TRUE
	AND name !~ '^(auc|log_loss)';
SELECT count(*) FROM measured;
SELECT bool_and(abs(value - expected) < 1e-6) AS six_digits, count(*) FROM golden, (
	SELECT '' AS s, engage_evaluate('hand', 'telco') AS m
	UNION ALL SELECT '_w', engage_evaluate('hand', 'weighted', weight => 'w')) AS e, LATERAL (
	VALUES ('auc' || s, (m->>'auc')::float8), ('log_loss' || s, (m->>'log_loss')::float8)) AS v(metric, value) WHERE metric = name;

-- every curve begins above all scores and ends with all rows
SELECT threshold = 'Infinity' AS above, fpr, tpr FROM engage_roc('hand', 'telco') WHERE threshold = 'Infinity' OR fpr = 1;
SELECT "precision", recall FROM engage_pr_curve('hand', 'telco') WHERE threshold = 'Infinity';
SELECT count(*), round(sum(rows)::numeric, 6) AS rows, round(sum(positives)::numeric, 6) AS positives, max(cumulative_gain) AS gain FROM engage_lift('hand', 'telco');
SELECT sum(count) FROM engage_calibration('hand', 'telco', 25);
SELECT * FROM engage_confusion('hand', 'telco', threshold => 2);

-- the other class is the mirror image; a source is any SELECT; the target may be boolean, 0/1 or of another name
SELECT abs((SELECT sum(tpr - fpr) FROM engage_roc('hand', 'telco', class => 'No'))
	- (SELECT sum(tpr - fpr) FROM engage_roc('hand', 'telco'))) < 1e-9 AS mirrored;
SELECT (m->>'n')::int AS n, m->'labels' AS labels, m->>'model' AS model, m->>'version' AS version, m->>'task' AS task
FROM engage_evaluate('hand', 'SELECT * FROM telco WHERE tenure < 12') AS m;
SELECT count(DISTINCT m) AS one FROM (VALUES
	(engage_evaluate('hand', 'SELECT tenure, monthly_charges, churn AS gone FROM telco', target => 'gone')),
	(engage_evaluate('hand', 'telco'))) AS v(m);
SELECT m->'n' AS n, m->'rows_without_target' AS without, m->'rows_of_other_classes' AS others, m->'confusion_matrix' AS matrix
FROM engage_evaluate('hand', 'SELECT tenure, monthly_charges, CASE WHEN customer_id % 10 = 0 THEN NULL
	WHEN customer_id % 10 = 1 THEN ''Perhaps'' ELSE churn END AS churn FROM telco') AS m;

-- a trained model: the held-out rows again give the metrics of training
CREATE TABLE parts AS SELECT *, customer_id % 5 = 0 AS later, senior_citizen + 1.5 AS weight,
	CASE WHEN contract = 'One year' THEN NULL ELSE contract END AS region FROM telco;
CREATE TABLE trained AS SELECT metrics FROM engage_train('churn', 'parts', target => 'churn', split => 'later', weight => 'weight',
	partition_by => 'region', exclude => ARRAY['customer_id'], params => '{"n_estimators": 20, "max_depth": 3}');
SELECT metrics = m - '{model,version,task}'::text[] AS same FROM trained, engage_evaluate('churn', 'SELECT * FROM parts WHERE later') AS m;
SELECT metrics = m - '{model,version,task}'::text[] AS same
FROM trained, engage_evaluate('churn', 'SELECT * FROM parts WHERE later', weight => '') AS m;
SELECT abs(engage_auc(engage_predict('churn', p), churn = 'Yes', weight) - (m->>'auc')::float8) < 1e-5 AS same
FROM parts AS p, (SELECT engage_evaluate('churn', 'parts') AS m) AS e GROUP BY m;
SELECT bool_and(c.count = (SELECT count(*) FROM parts AS p WHERE p.churn = actual AND engage_predict_class('churn', p) = predicted)) AS same
FROM engage_confusion('churn', 'parts') AS c;

-- the threshold keeps its promise where it is used
WITH t AS MATERIALIZED (SELECT * FROM engage_threshold('churn', 'parts', 'recall >= 0.8', weight => '')),
	s AS (SELECT engage_predict('churn', p) >= threshold AS said, p.churn = 'Yes' AS truth FROM parts AS p, t)
SELECT min(t.recall) >= 0.8 AS reached, abs(min(t.recall) - engage_recall(said, truth)) < 1e-9 AS recall,
	abs(min(t."precision") - engage_precision(said, truth)) < 1e-9 AS precision, abs(min(f1) - engage_f1(said, truth)) < 1e-9 AS f1,
	abs(min(accuracy) - engage_accuracy(said, truth)) < 1e-9 AS accuracy, min(tp) = count(*) FILTER (WHERE said AND truth) AS tp
FROM s, t;
SELECT threshold, value, tp, fp, fn + tn AS nobody FROM engage_threshold('churn', 'parts', '{"fp": 1e6}', weight => '');

-- other tasks: many classes, numbers, quantiles, counts
CREATE TABLE tasks AS SELECT metrics, 'many' AS model FROM engage_train('many', 'parts', target => 'internet_service', key => 'customer_id',
	features => ARRAY['tenure', 'contract', 'phone_service', 'paperless_billing'], params => '{"n_estimators": 5}');
INSERT INTO tasks SELECT metrics, 'number' FROM engage_train('number', 'parts', target => 'total_charges', key => 'customer_id',
	features => ARRAY['tenure', 'contract'], params => '{"n_estimators": 5}');
INSERT INTO tasks SELECT metrics, 'quantile' FROM engage_train('quantile', 'parts', target => 'total_charges', key => 'customer_id',
	task => 'quantile', features => ARRAY['tenure', 'contract'], params => '{"n_estimators": 5}');
INSERT INTO tasks SELECT metrics, 'rank' FROM engage_train('rank', 'parts', target => 'senior_citizen', key => 'customer_id', task => 'ranking',
	group_by => 'tenure', features => ARRAY['monthly_charges', 'contract'], params => '{"n_estimators": 5}');
INSERT INTO tasks SELECT metrics, 'time' FROM engage_train('time', 'SELECT *, churn = ''Yes'' AS gone FROM parts WHERE tenure > 0', target => 'tenure',
	event => 'gone', key => 'customer_id', features => ARRAY['monthly_charges', 'contract'],
	params => '{"n_estimators": 5, "objective": "survival:aft"}');
SELECT model, m->>'task' AS task, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(metrics) AS k)
	<@ (SELECT array_agg(k) FROM jsonb_object_keys(m) AS k) AS same_names, (m->>'n')::int > (metrics->>'n')::int AS more_rows
FROM tasks, LATERAL engage_evaluate(model, CASE model WHEN 'time' THEN 'SELECT *, churn = ''Yes'' AS gone FROM parts WHERE tenure > 0' ELSE 'parts' END) AS m
ORDER BY model;
SELECT abs(sqrt(avg((engage_predict('number', p) - total_charges) ^ 2)) / (engage_evaluate('number', 'parts')->>'rmse')::float8 - 1) < 1e-4 AS same
FROM parts AS p WHERE total_charges IS NOT NULL;
SELECT abs(avg(n) - (engage_evaluate('rank', 'parts')->>'ndcg@10')::float8) < 1e-4 AS same
FROM (SELECT engage_ndcg_at(engage_predict('rank', p), senior_citizen = 1, 10) AS n FROM parts AS p GROUP BY tenure) AS l;
SELECT (engage_evaluate('time', 'SELECT *, churn = ''Yes'' AS gone FROM parts WHERE tenure > 0')->>'concordance')::float8 > 0.6 AS right_way_round;
SELECT count(*) AS cells, sum(count) AS rows FROM engage_confusion('many', 'parts');
SELECT abs(engage_auc((engage_predict_proba('many', p)->>'DSL')::float8, internet_service = 'DSL')
	- (SELECT (c->>'auc')::float8 FROM jsonb_array_elements(engage_evaluate('many', 'parts')->'per_class') AS c WHERE c->>'class' = 'DSL')) < 1e-5 AS same
FROM parts AS p;
SELECT count(*) > 3 AS points FROM engage_roc('many', 'parts', class => 'DSL');

-- rights: the model must be granted, the source is read as the caller
CREATE ROLE regress_engage_reader;
SET ROLE regress_engage_reader;
SELECT engage_evaluate('churn', 'SELECT 1 AS churn');
RESET ROLE;
SELECT engage_grant('churn', 'regress_engage_reader');
SET ROLE regress_engage_reader;
SELECT engage_evaluate('churn', 'parts');
SELECT engage_auc(1, true);
RESET ROLE;
GRANT SELECT ON parts TO regress_engage_reader;
SET ROLE regress_engage_reader;
SELECT (engage_evaluate('churn', 'parts')->>'n')::int AS n;
RESET ROLE;
REVOKE SELECT ON parts FROM regress_engage_reader;
SELECT engage_revoke('churn', 'regress_engage_reader');
DROP ROLE regress_engage_reader;

-- errors
SELECT engage_evaluate(NULL, 'telco');
SELECT engage_evaluate('hand', NULL);
SELECT engage_evaluate('nobody', 'telco');
SELECT engage_evaluate('hand', 'nowhere');
SELECT engage_evaluate('hand', 'SELECT tenure, monthly_charges FROM telco');
SELECT engage_evaluate('hand', 'SELECT tenure, churn FROM telco');
SELECT engage_evaluate('hand', 'SELECT * FROM telco WHERE false');
SELECT engage_evaluate('hand', 'telco', target => 'contract');
SELECT engage_evaluate('number', 'telco', target => 'contract');
SELECT engage_evaluate('hand', 'SELECT *, -1 AS w FROM telco', weight => 'w');
SELECT engage_evaluate('hand', 'DELETE FROM telco');
SELECT * FROM engage_confusion('number', 'parts');
SELECT * FROM engage_roc('many', 'parts');
SELECT * FROM engage_roc('many', 'parts', class => 'Cable');
SELECT * FROM engage_calibration('hand', 'telco', 0);
SELECT * FROM engage_threshold('many', 'parts');
SELECT * FROM engage_threshold('hand', 'telco', 'precision >= 0.99');
SELECT * FROM engage_threshold('hand', 'telco', 'recall');
SELECT * FROM engage_threshold('hand', 'telco', 'recall >= 80');
SELECT * FROM engage_threshold('hand', 'telco', 'f1 >= 0.5');
SELECT * FROM engage_threshold('hand', 'telco', 'happiness');
SELECT * FROM engage_threshold('hand', 'telco', '{"fp": 5, "cost": 1}');
SELECT * FROM engage_threshold('hand', 'telco', '{"fp": "much"}');
SELECT * FROM engage_threshold('hand', 'telco', '{}');
SELECT * FROM engage_threshold('hand', 'SELECT * FROM telco WHERE churn = ''No''', 'youden');
SELECT round(fpr::numeric, 9) AS fpr, tpr FROM engage_roc('hand', 'SELECT * FROM telco WHERE churn = ''No''') LIMIT 2;

SELECT engage_drop(model) FROM (VALUES ('hand'), ('churn'), ('many'), ('number'), ('quantile'), ('rank'), ('time')) AS v(model);
