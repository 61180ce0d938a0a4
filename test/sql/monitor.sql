-- watching a model: thresholds, checks, alerts, policies, the story of a model that is kept alive
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices hold metrics

-- customers of today, and what is known of them: another table than the one to spoil
CREATE TABLE customers AS SELECT * FROM telco;
CREATE VIEW known AS SELECT * FROM customers WHERE customer_id % 3 = 0;
SELECT version FROM engage_train('churn', 'customers', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":30,"max_depth":3,"learning_rate":0.2}');

CREATE FUNCTION shown(model text) RETURNS TABLE (check_name text, value numeric, threshold numeric, status text, alert boolean, action text)
LANGUAGE sql AS $$
	SELECT c.check_name, CASE WHEN c.check_name ~ '^(rows|missing)' THEN round(c.value::numeric, 1) END,
		CASE WHEN c.check_name !~ '(down|up)$' THEN round(c.threshold::numeric, 2) END, c.status, c.alert_id IS NOT NULL, c.action
	FROM engage_check($1) c
$$;

-- thresholds: known names, bounds and values
SELECT engage_monitor('churn', 'customers', thresholds => '{"drfit": 0.2}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"rmse": 0.2}', outcomes => 'known');
SELECT engage_monitor('churn', 'customers', thresholds => '{"auc": 0.05}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"drift": {"min": 0.2}}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"drift": {}}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"missing": 2}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"rows": -1}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"rows": "many"}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"age": "soon"}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"drift": null}');
SELECT engage_monitor('churn', 'customers', thresholds => '{"auc": {"down": -0.1}}', outcomes => 'known');
SELECT engage_monitor('churn', 'customers', thresholds => '{}');
SELECT engage_monitor('churn', 'customers', thresholds => '[1]');
SELECT engage_monitor('churn', 'customers', policy => 'retain');
SELECT engage_monitor('churn', 'customers', policy => 'rollback');
SELECT engage_monitor('churn', 'customers', cooldown => '-1 day');
SELECT engage_monitor('churn', 'no_such_table');
SELECT engage_monitor('churn', 'SELECT customer_id FROM customers');
SELECT engage_monitor('churn', 'DELETE FROM customers');
SELECT engage_monitor('churn', 'customers', outcomes => 'SELECT customer_id, tenure FROM customers');
SELECT engage_monitor('churn', NULL);
SELECT engage_monitor('churned', 'customers');
SELECT engage_check('churn');
SELECT engage_check('churned');
SELECT engage_unmonitor('churn');
SELECT engage_acknowledge(99);
SELECT count(*) FROM engage.monitors;

-- without thresholds: drift, and with outcomes the metric that decides about deployment
SELECT engage_monitor('churn', 'customers', outcomes => 'known');
SELECT thresholds, policy, open_alerts FROM engage.monitors;

-- nothing to report: every kind of check
SELECT engage_monitor('churn', 'customers', outcomes => 'known', policy => 'retrain_and_deploy', cooldown => '0',
	thresholds => '{"drift": 0.2, "drifted_share": 0.1, "score_drift": 5, "missing": 0.1, "rows": {"min": 1000, "max": 100000},
		"prediction_mean": {"shift": 0.1, "min": 0.1, "max": 0.9}, "age": "30 days", "auc": {"down": 0.05, "min": 0.7}, "log_loss": 0.5}');
SELECT * FROM shown('churn');
SELECT count(*) FROM engage.alerts;

-- the same numbers as asked by hand
SELECT check_name, CASE check_name
	WHEN 'rows.min' THEN value = (SELECT count(*) FROM customers)
	WHEN 'prediction_mean.min' THEN abs(value - (SELECT avg(engage_predict('churn', c)) FROM customers c)) < 1e-9
	WHEN 'auc.min' THEN value = (engage_evaluate('churn', 'known')->>'auc')::float8
	WHEN 'auc.down' THEN abs(threshold - 0.95 * (SELECT (metrics->>'auc')::float8 FROM engage.versions)) < 1e-9
	WHEN 'log_loss.up' THEN abs(threshold - 1.5 * (SELECT (metrics->>'log_loss')::float8 FROM engage.versions)) < 1e-9
	WHEN 'drift' THEN abs(value - (SELECT max(CASE WHEN psi > chance THEN psi ELSE 0 END) FROM engage_drift('churn', 'customers') WHERE kind NOT IN ('score', 'multivariate'))) < 1e-9
	END AS same
FROM engage.check_results
WHERE check_name IN ('rows.min', 'prediction_mean.min', 'auc.min', 'auc.down', 'log_loss.up', 'drift') ORDER BY 1;

-- the population shifts: other contracts, other prices, and they churn for other reasons
CREATE TABLE before AS SELECT * FROM customers;
UPDATE customers SET tenure = tenure + 60, monthly_charges = monthly_charges * 2,
	churn = CASE WHEN (paperless_billing = 1) <> (customer_id % 10 = 0) THEN 'Yes' ELSE 'No' END;
SELECT * FROM shown('churn') WHERE check_name IN ('source', 'drift', 'auc.down', 'rows.min', 'missing', 'age');
SELECT version, deployed FROM engage.versions ORDER BY version;
SELECT check_name, state, times FROM engage.alerts ORDER BY id;
SELECT version, action, detail->>'check' AS "check", detail->>'from' AS "from", detail->'deployed' AS deployed,
	(detail->>'value')::float8 > (detail->>'threshold')::float8 AS beyond, detail->>'reason' LIKE 'drift of feature%above 0.2' AS reason,
	(detail->'comparison'->>'value')::float8 > (detail->'comparison'->>'champion_value')::float8 AS better
FROM engage.events WHERE action LIKE 'policy%';

-- the new version fits: what failed passes, and alerts are resolved by themselves
SELECT * FROM shown('churn') WHERE check_name IN ('source', 'drift', 'auc.down', 'prediction_mean.shift', 'missing');
SELECT check_name, state, resolved >= opened AS in_order FROM engage.alerts ORDER BY id;

-- somebody deploys a version that was taught nonsense; it is rolled back, for the one before is better
SELECT version, deployed FROM engage_train('churn', 'SELECT customer_id, tenure, CASE WHEN customer_id * 7919 % 1009 > 500 THEN ''Yes'' ELSE ''No'' END AS churn,
	total_charges FROM customers', target => 'churn', key => 'customer_id', deploy => 'always', params => '{"n_estimators":5}');
SELECT engage_monitor('churn', 'customers', outcomes => 'known', policy => 'rollback', cooldown => '0', thresholds => '{"auc": {"min": 0.7}}');
SELECT check_name, value < 0.7 AS below, threshold, status, action FROM engage_check('churn');
SELECT model, deployed FROM engage.models;
SELECT version, action, detail->>'from' AS "from", (detail->>'previous_value')::float8 > 0.8 AS better FROM engage.events WHERE action = 'policy rollback';
SELECT check_name, value > 0.7 AS above, status, action FROM engage_check('churn');

-- never to something worse: the version before that knows the old customers only
SELECT engage_monitor('churn', 'customers', outcomes => 'known', policy => 'rollback', cooldown => '0', thresholds => '{"auc": {"min": 1}}');
SELECT check_name, status, regexp_replace(action, '[0-9]\.[0-9]{2,}', '#', 'g') AS action FROM engage_check('churn');
SELECT model, deployed FROM engage.models;

-- one alert while it is open; acknowledged, it causes no more actions
SELECT check_name, status, left(action, 40) AS action FROM engage_check('churn') WHERE status = 'alert';
SELECT check_name, state, times, version FROM engage.alerts WHERE state <> 'resolved';
SELECT engage_acknowledge(id, 'known') FROM engage.alerts WHERE state = 'open';
SELECT check_name, status, action FROM engage_check('churn') WHERE status = 'alert';
SELECT check_name, state, times, note, acknowledged_by = current_user AS mine FROM engage.alerts WHERE state <> 'resolved';

-- a check that is no longer declared has no open alert
SELECT engage_monitor('churn', 'customers', thresholds => '{"rows": {"min": 10000}}');
SELECT count(*) FROM engage.alerts WHERE state <> 'resolved';
SELECT engage_acknowledge(min(id)) FROM engage.alerts;

-- retrain without deployment; then rest
SELECT engage_monitor('churn', 'SELECT * FROM before', policy => 'retrain', cooldown => '1 day');
SELECT check_name, status, action FROM engage_check('churn') WHERE status = 'alert';
SELECT check_name, status, left(action, 18) AS action FROM engage_check('churn') WHERE status = 'alert';
SELECT deployed FROM engage.models;

-- a broken feed: empty, constant, all NULL, too many NULLs, gone; no policy trains on it
SELECT engage_monitor('churn', 'SELECT * FROM customers WHERE tenure < 0', outcomes => 'SELECT * FROM known WHERE false', policy => 'retrain_and_deploy',
	cooldown => '0', thresholds => '{"drift": 0.2, "drifted_share": 0.5, "missing": 0.1, "rows": {"min": 1}, "prediction_mean": 0.1, "auc": 0.05}');
SELECT * FROM shown('churn');
CREATE VIEW feed AS SELECT customer_id, churn, female, senior_citizen, partner, dependents, tenure, phone_service, multiple_lines, internet_service,
	online_security, online_backup, device_protection, tech_support, streaming_tv, streaming_movies, contract, paperless_billing,
	payment_method, NULLIF(monthly_charges, monthly_charges) AS monthly_charges, total_charges FROM customers;
SELECT engage_monitor('churn', 'feed', policy => 'retrain_and_deploy', cooldown => '0', thresholds => '{"missing": 0.1, "rows": 1}');
SELECT * FROM shown('churn');
SELECT detail FROM engage.check_results WHERE check_name = 'missing' ORDER BY id DESC LIMIT 1;
ALTER VIEW feed RENAME COLUMN tenure TO months;
SELECT * FROM shown('churn');
SELECT message, state FROM engage.alerts WHERE check_name = 'source';
DROP VIEW feed;
SELECT * FROM shown('churn');
SELECT message, state, times FROM engage.alerts WHERE check_name = 'source';
ALTER TABLE before RENAME TO feed;
SELECT * FROM shown('churn');
SELECT state FROM engage.alerts WHERE check_name = 'source';
ALTER TABLE feed RENAME TO before;

-- a source cannot write, not even by a function
CREATE FUNCTION writes() RETURNS integer LANGUAGE sql AS 'INSERT INTO before SELECT * FROM before LIMIT 1; SELECT 1';
CREATE VIEW writing AS SELECT c.*, writes() AS w FROM customers c;
SELECT engage_monitor('churn', 'SELECT * FROM writing WHERE w = 1', thresholds => '{"rows": 1}');
SELECT * FROM shown('churn');
SELECT message FROM engage.alerts WHERE check_name = 'source' AND state = 'open';

-- retraining that fails: the version stays, an alert opens; when it succeeds again, it is resolved
SELECT engage_monitor('churn', 'before', policy => 'retrain_and_deploy', cooldown => '0');
ALTER TABLE customers RENAME TO lost;
SELECT check_name, status, action FROM engage_check('churn') WHERE status <> 'ok';
SELECT check_name, status, action FROM engage_check('churn') WHERE status <> 'ok';
SELECT check_name, state, times FROM engage.alerts WHERE check_name = 'retraining';
SELECT deployed FROM engage.models;
SELECT retrained, reason, version, deployed FROM engage_retrain_if('churn', age => '0 s', drift => NULL);
ALTER TABLE lost RENAME TO customers;
SELECT retrained, reason ~ '^version 1.0.1 was trained .* days ago, more than 0$' AS reason, version, deployed
FROM engage_retrain_if('churn', age => '0 s', drift => NULL);
SELECT state FROM engage.alerts WHERE check_name = 'retraining';

-- engage_retrain_if: each condition, and none
SELECT retrained, regexp_replace(reason, '[0-9]+\.[0-9]+ days|is [0-9.e-]+', '#', 'g') AS reason, version, deployed
FROM engage_retrain_if('churn', age => '30 days', rows => 100, source => 'customers');
INSERT INTO customers SELECT 100000 + customer_id, churn, female, senior_citizen, partner, dependents, tenure, phone_service, multiple_lines, internet_service,
	online_security, online_backup, device_protection, tech_support, streaming_tv, streaming_movies, contract, paperless_billing,
	payment_method, monthly_charges, total_charges FROM customers WHERE customer_id <= 100;
SELECT retrained, reason, deployed FROM engage_retrain_if('churn', rows => 100, deploy => 'never');
SELECT retrained, reason LIKE 'drift of feature "%" is %, above 0.2' AS reason, deployed FROM engage_retrain_if('churn', source => 'before', deploy => 'never');
SELECT retrained, reason FROM engage_retrain_if('churn', source => 'SELECT * FROM before WHERE false');
SELECT engage_retrain_if('churn', drift => NULL);
SELECT engage_retrain_if('churn', drift => -1);
SELECT engage_retrain_if('churn', rows => 0);
SELECT engage_retrain_if('churn', deploy => 'perhaps');
SELECT engage_retrain_if('churned');
SELECT engage_retrain_if('churn', source => 'nowhere');

-- a clock that has gone back: results and actions of the future hold nothing up
SELECT engage_monitor('churn', 'before', policy => 'retrain', cooldown => '1 day', thresholds => '{"drift": 0.2, "age": 1}');
UPDATE engage.monitor SET acted = now() + interval '1 year';
UPDATE engage.version SET created = now() + interval '1 year';
SELECT check_name, status, regexp_replace(action, '[0-9]+\.[0-9]+\.[0-9]+', '#') AS action FROM engage_check('churn');
SELECT value FROM engage.check_results WHERE check_name = 'age' ORDER BY id DESC LIMIT 1;
UPDATE engage.alert SET opened = now() + interval '1 year' WHERE resolved IS NULL;
SELECT engage_monitor('churn', 'customers');
SELECT * FROM shown('churn') WHERE check_name = 'drift';
SELECT state, resolved >= opened AS in_order FROM engage.alerts ORDER BY id DESC LIMIT 1;

-- a version without a measured metric; a model of numbers; one of three classes
SELECT version FROM engage_train('charges', 'SELECT customer_id, tenure, contract, monthly_charges FROM telco', target => 'monthly_charges',
	test_size => 0, params => '{"n_estimators":5}');
SELECT engage_monitor('charges', 'telco', outcomes => 'telco', thresholds => '{"rmse": 0.05, "mae": {"max": 1000}}');
SELECT check_name, status, value IS NULL AS unmeasured FROM engage_check('charges');
SELECT version FROM engage_train('contract', 'SELECT customer_id, tenure, contract, monthly_charges FROM telco', target => 'contract', key => 'customer_id',
	params => '{"n_estimators":5}');
SELECT engage_monitor('contract', 'telco', thresholds => '{"prediction_mean": 0.1}');

-- what a scheduler has to run; pg_cron itself is in test/t/100_cron.pl
SELECT engage_schedule_sql('churn'), engage_schedule_sql(NULL);
SELECT engage_schedule_sql('churn', 'retrain_if', '{"age": "30 days", "rows": 10, "drift": null}');
SELECT engage_schedule_sql('churn', 'log', '{"source": "telco", "key": "customer_id"}');
SELECT engage_schedule_sql('churn', 'chek');
SELECT engage_schedule_sql('churn', 'retrain', '[1]');
SELECT engage_schedule_sql(NULL, 'retrain');
SELECT engage_schedule_sql('churned');
SELECT engage_schedule_sql('churn', 'check', '{"days": 1}');
SELECT engage_schedule('churn', NULL);
SELECT engage_schedule('churn', '* * * * *', 'chek');
SELECT count(*) FROM engage.schedules;

-- the error rate is what accuracy leaves, and has no sense for numbers
SELECT engage_monitor('churn', 'customers', outcomes => 'known', thresholds => '{"error_rate": {"max": 0.0001, "up": 0.5, "min": 0}}');
SELECT c.check_name, c.status, abs(c.value - 1 + (engage_evaluate('churn', 'known')->>'accuracy')::float8) < 1e-9 AS same,
	CASE c.check_name WHEN 'error_rate.up' THEN abs(c.threshold - 1.5 * (1 - (v.metrics->>'accuracy')::float8)) < 1e-9 END AS up
FROM engage_check('churn') c, engage.versions v WHERE v.model = 'churn' AND v.deployed AND c.check_name ~ 'error' ORDER BY 1;
SELECT engage_monitor('charges', 'telco', outcomes => 'telco', thresholds => '{"error_rate": 0.1}');

-- all that I own; without a deployed version; dropped
SELECT engage_unmonitor('churn');
SELECT engage_monitor('contract', 'telco', thresholds => '{"rows": 1}');
SELECT DISTINCT model FROM engage_check() ORDER BY 1;
SELECT engage_rename('contract', 'agreement');
SELECT model, check_name, status FROM engage_check('agreement');
SELECT engage_forget_checks('agreement', '1 hour'), engage_forget_checks('agreement', '0 s') > 0 AS some;
SELECT engage_forget_checks('agreement', '-1 s');
SELECT engage_drop('agreement');
SELECT engage_drop('charges');
SELECT count(*) FROM engage.monitor;
SELECT * FROM engage_check();
SELECT action, count(*) > 0 AS some FROM engage.events WHERE action IN ('monitor', 'unmonitor', 'alert', 'resolve', 'acknowledge') GROUP BY 1 ORDER BY 1;
