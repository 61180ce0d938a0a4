-- demo_story.sql - the life of a model that is watched; part of demo.sql, and runs after it
--
-- A shop's customers come week by week.  Nothing here waits: pg_cron would call engage_check() each
-- night (engage_schedule), the demo calls it when a week is over.
\echo
\echo '== Watch: a shop trains on 20,000 customers, and scores 3,000 new ones each week'
CREATE TABLE shop AS
SELECT w AS week, c.* FROM generate_series(0, 6) AS w,
	LATERAL engage_sample_customers(CASE WHEN w = 0 THEN 20000 ELSE 3000 END, 100 + w) AS c;
UPDATE shop SET customer_id = customer_id + 100000 * week;
-- from week 3 on prices are up, and those leave who have to pay them by hand
UPDATE shop SET monthly_fee = monthly_fee * 1.6 + 4,
	churn_30_day = engage_sample_random(customer_id, 1, 7) < CASE WHEN autopay OR friends > 5 THEN 0.08 ELSE 0.6 END
WHERE week >= 3;
CREATE TABLE calendar AS SELECT 0 AS week;
CREATE VIEW this_week AS SELECT s.* FROM shop AS s, calendar AS c WHERE s.week = c.week;
-- what became of them is known a while later; here, for all weeks that are over
CREATE VIEW known AS
SELECT customer_id AS key, churn_30_day AS outcome FROM shop AS s, calendar AS c WHERE s.week <= c.week;
SELECT model, version, rows_train, deployed, round((metrics ->> 'auc')::numeric, 3) AS auc
FROM engage_train('leavers', 'this_week', target => 'churn_30_day', key => 'customer_id',
	exclude => '{week, ltv_12_month, engagement_score}',
	params => '{"n_estimators": 80, "max_depth": 4, "learning_rate": 0.1}');

\echo
\echo '== What to watch, and what to do about it: retrain, and deploy what is better'
SELECT engage_monitor('leavers', 'this_week', outcomes => 'this_week',
	thresholds => '{"drift": 0.2, "auc": {"down": 0.1, "min": 0.7}}', policy => 'retrain_and_deploy') \g /dev/null
SELECT policy, thresholds FROM engage.monitors WHERE model = 'leavers';
\echo '   Each night: SELECT engage_schedule(''leavers'', ''0 3 * * *'')   -- pg_cron then calls engage_check'

-- a week: its customers are scored and logged
CREATE PROCEDURE next_week() LANGUAGE sql AS $$
	UPDATE calendar SET week = week + 1;
	SELECT engage_log_predictions('leavers', 'this_week', 'customer_id',
		at => date_trunc('week', now()) - interval '7 weeks' + (SELECT week FROM calendar) * interval '1 week')
$$;
CALL next_week();
CALL next_week();
\echo
\echo '== Two weeks later: nothing happened, so nothing is done'
SELECT check_name, round(value::numeric, 3) AS value, round(threshold::numeric, 3) AS threshold, status, action
FROM engage_check('leavers');

CALL next_week();
\echo
\echo '== Week 3: prices went up. The check finds it, opens alerts, retrains, and deploys the better version'
SELECT check_name, round(value::numeric, 3) AS value, round(threshold::numeric, 3) AS threshold, status, action
FROM engage_check('leavers');
SELECT check_name, state, message FROM engage.alerts WHERE model = 'leavers' ORDER BY id;
CALL next_week();
SELECT v.version, v.deployed, round((engage_evaluate('leavers@' || v.version, 'this_week') ->> 'auc')::numeric, 3)
	AS "auc in week 4" FROM engage.versions AS v WHERE v.model = 'leavers' ORDER BY 1;
SELECT check_name, status FROM engage_check('leavers');

\echo
\echo '== Sabotage: somebody trains on shuffled labels, and deploys by force. Watched with another policy: roll back'
-- each customer gets the label of another
CREATE TABLE shuffled AS
SELECT *, lag(churn_30_day, 1, false) OVER (ORDER BY engage_sample_random(customer_id, 2, 7)) AS another FROM this_week;
UPDATE shuffled SET churn_30_day = another;
ALTER TABLE shuffled DROP COLUMN another;
SELECT version, deployed FROM engage_train('leavers', 'shuffled', target => 'churn_30_day', key => 'customer_id',
	exclude => '{week, ltv_12_month, engagement_score}', deploy => 'always',
	params => '{"n_estimators": 80, "max_depth": 4, "learning_rate": 0.1}');
CALL next_week();
SELECT engage_monitor('leavers', 'this_week', outcomes => 'this_week', thresholds => '{"auc": {"min": 0.7}}',
	policy => 'rollback') \g /dev/null
SELECT check_name, round(value::numeric, 3) AS value, threshold, status, action FROM engage_check('leavers');
CALL next_week();
SELECT check_name, round(value::numeric, 3) AS value, threshold, status, action FROM engage_check('leavers');

\echo
\echo '== What was said, and was it right? By week, from the log'
SELECT period::date AS week, version, n, round(value::numeric, 3) AS auc, round(lower::numeric, 3) AS lower,
	round(upper::numeric, 3) AS upper, round(at_training::numeric, 3) AS at_training
FROM engage_performance('leavers', 'known', 'week', metric => 'auc');
\echo '== Who did what, and why'
SELECT action, version, detail ->> 'reason' AS reason FROM engage.events WHERE model = 'leavers' ORDER BY id;

\if :{?watched}
\echo
\echo '== Report: the same in pictures'
\pset tuples_only on
\pset format unaligned
SELECT engage_report('leavers', 'this_week', '{"outcomes": "known", "examples": 0}') \g :watched
\pset format aligned
\pset tuples_only off
\endif
