-- metrics for machines: what is counted, what is shown to whom, and the text format, strictly read
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

-- nothing yet: only what belongs to no model
SELECT model, metric, value, labels FROM engage.metrics;
SELECT engage_prometheus() = E'# HELP engage_prediction_log_bytes Size of the prediction log with its indexes.\n# TYPE engage_prediction_log_bytes gauge\n'
	|| format(E'engage_prediction_log_bytes{database="%s"} 0\n', current_database()) AS text;
SELECT count(*) FROM engage_scoring();

SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'never');

-- before the first score: zeros for the deployed version, nothing for the other; training scores do not count
SELECT metric, value, labels FROM engage.metrics WHERE model = 'churn' AND metric ~ '^scoring' ORDER BY metric;

-- every way to score counts its rows
CREATE VIEW counted AS SELECT version, calls, rows, errors, logged FROM engage_scoring() WHERE model = 'churn' ORDER BY version;
SELECT count(engage_predict('churn', t)) FROM telco t;
SELECT * FROM counted;
SELECT count(engage_predict_class('churn', to_jsonb(t))), count(engage_predict_proba('churn', t)) FROM telco t WHERE customer_id <= 1500;
SELECT count(*) FROM (SELECT engage_predict('churn@1.1.0', x.r) FROM telco t, LATERAL (SELECT (SELECT t) AS r OFFSET 0) x LIMIT 100) x;
SELECT * FROM counted;
SELECT seconds > 0 AND seconds < 60 AS seconds, last_scored BETWEEN now() - interval '1 hour' AND now() AS last, since <= now() AS since
FROM engage_scoring() WHERE version = '1.0.0';
-- in parallel workers, each row once
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT count(engage_predict('churn', t)) FROM telco t;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT version, rows FROM counted;
-- what does not answer anybody's question does not count
SELECT count(*) > 0 AS explained FROM engage_explain('churn', (SELECT t FROM telco t LIMIT 1));
SELECT count(*) > 0 AS evaluated FROM engage_evaluate('churn', 'telco');
SELECT version, rows FROM counted;
-- errors: of rows that reached a version
SELECT engage_predict('churn', '{"tenure": "many"}'::jsonb);
SELECT engage_predict('nobody', '{}'::jsonb);
SELECT engage_predict_interval('churn@1.1.0', t) FROM telco t;
SELECT version, rows, errors FROM counted;
-- caught ones, too, and the same call goes on
CREATE FUNCTION tries() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	failed integer := 0;
	x float8;
BEGIN
	FOR i IN 1..10 LOOP
		BEGIN
			x := engage_predict('churn', CASE WHEN i % 5 = 0 THEN '[]' ELSE (SELECT to_jsonb(t) FROM telco t WHERE customer_id = i) END);
		EXCEPTION WHEN OTHERS THEN
			failed := failed + 1;
		END;
	END LOOP;
	RETURN failed;
END $$;
SELECT tries();
SELECT version, rows, errors FROM counted;
-- rolled back is scored all the same; during a statement every 1024 rows
BEGIN;
SELECT count(engage_predict('churn', t)) FROM telco t WHERE customer_id <= 100;
DECLARE c CURSOR FOR SELECT engage_predict('churn', t) FROM telco t;
MOVE 1500 FROM c;
SELECT version, rows FROM counted;
ROLLBACK;
SELECT version, rows FROM counted;
-- switched off; only who administers may
SET engage.track_scoring = off;
SELECT count(engage_predict('churn', t)) FROM telco t;
RESET engage.track_scoring;
SELECT version, rows FROM counted;
CREATE ROLE engage_metrics_reader;
SET ROLE engage_metrics_reader;
SET engage.track_scoring = off;
RESET ROLE;

-- the log, and an experiment: by the version that answered
SELECT engage_log_predictions('churn', 'SELECT * FROM telco WHERE customer_id <= 50', 'customer_id');
SELECT count(engage_predict_logged('churn', t, 'customer_id')) FROM telco t WHERE customer_id <= 7;
SELECT engage_experiment_start('half', 'churn', '{1.0.0,1.1.0}', '{3,1}', key => 'customer_id');
SELECT version, rows, logged FROM counted;
SELECT count(engage_predict('churn', t)) FROM telco t WHERE customer_id <= 1000;
SELECT count(*) FILTER (WHERE engage_experiment_arm('half', customer_id::text) = 1) AS first,
	count(*) FILTER (WHERE engage_experiment_arm('half', customer_id::text) = 2) AS second
FROM telco WHERE customer_id <= 1000;
SELECT version, rows, logged FROM counted;
SELECT value, labels FROM engage.metrics WHERE metric = 'experiment_arm_weight' ORDER BY labels->>'arm';
SELECT engage_experiment_finish('half');
SELECT engage_experiment_start('shadow', 'churn', '{1.0.0,1.1.0}', key => 'customer_id', shadow => true);
SELECT engage_log_predictions('churn', 'SELECT * FROM telco WHERE customer_id <= 10', 'customer_id');
SELECT version, rows, logged FROM counted;
SELECT engage_experiment_finish('shadow');
SELECT value > 0 AS log FROM engage.metrics WHERE metric = 'prediction_log_bytes';

-- checks and alerts: the latest result of each name
CREATE TABLE other AS SELECT * FROM telco;
UPDATE other SET tenure = tenure + 100;
SELECT engage_monitor('churn', 'telco', thresholds => '{"drift": 0.2, "rows": 100}');
SELECT check_name, status FROM engage_check('churn');
SELECT metric, labels, value FROM engage.metrics WHERE metric ~ '^(check_(failed|threshold)|alerts|model_watched)' ORDER BY 1, 2;
SELECT engage_monitor('churn', 'other', thresholds => '{"drift": 0.2, "rows": 100}');
SELECT check_name, status FROM engage_check('churn');
SELECT metric, labels, value FROM engage.metrics WHERE metric ~ '^(check_failed|alerts)' ORDER BY 1, 2;
SELECT bool_and(m.value = r.value) AS same, bool_and(m.time = r.at) AS time, count(*)
FROM engage.metrics m JOIN (SELECT DISTINCT ON (check_name) * FROM engage.check_results ORDER BY check_name, id DESC) r
	ON r.model = m.model AND r.check_name = m.labels->>'check' WHERE m.metric = 'check_value';
SELECT engage_acknowledge(max(id)) FROM engage.alerts;
SELECT labels, value FROM engage.metrics WHERE metric = 'alerts_unresolved' ORDER BY 1;

-- facts of the deployed version
SELECT metric, value = 2 AS versions FROM engage.metrics WHERE metric = 'model_versions';
SELECT m.metric, m.value = v.bytes AS bytes, m.time = v.created AS time FROM engage.metrics m JOIN engage.versions v
	ON v.model = m.model AND v.version = m.labels->>'version' WHERE metric = 'model_bytes';
SELECT count(*) > 5 AS many, bool_and(m.value = (v.metrics->>(m.labels->>'name'))::float8) AS same
FROM engage.metrics m JOIN engage.versions v ON v.model = m.model AND v.version = m.labels->>'version' WHERE metric = 'training_metric';
SELECT metric, value BETWEEN 0 AND 3600 AS plausible FROM engage.metrics WHERE metric IN ('model_age_seconds', 'model_deployed_seconds', 'model_training_seconds') ORDER BY 1;
SELECT labels FROM engage.metrics WHERE metric = 'deployed_info';
SELECT DISTINCT metric FROM engage.metrics EXCEPT SELECT metric FROM engage.metric_kinds();
SELECT metric FROM engage.metric_kinds() EXCEPT SELECT metric FROM engage.metrics ORDER BY 1;

-- the text, read by its grammar: families with HELP and TYPE, no series twice, escaped labels, one value
CREATE FUNCTION exposition(text) RETURNS TABLE (family text, kind text, series text, value text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	help text;
	seen text[] := '{}';
	m text[];
	label constant text := '[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*"';
BEGIN
	IF $1 !~ '\n$' THEN RAISE EXCEPTION 'no newline at the end'; END IF;
	FOREACH line IN ARRAY string_to_array(rtrim($1, E'\n'), E'\n') LOOP
		IF line ~ '^# HELP ' THEN
			m := regexp_match(line, '^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ([^\\]+)$');
			IF m IS NULL OR m[1] = ANY (seen) THEN RAISE EXCEPTION 'bad help: %', line; END IF;
			help := m[1]; seen := seen || help; kind := NULL; CONTINUE;
		END IF;
		IF line ~ '^# TYPE ' THEN
			m := regexp_match(line, '^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$');
			IF m IS NULL OR m[1] IS DISTINCT FROM help OR kind IS NOT NULL THEN RAISE EXCEPTION 'bad type: %', line; END IF;
			kind := m[2]; family := m[1];
			IF (kind = 'counter') <> (family ~ '_total$') THEN RAISE EXCEPTION 'bad name: %', line; END IF;
			CONTINUE;
		END IF;
		m := regexp_match(line, '^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{' || label || '(?:,' || label || ')*\}) ([-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|NaN|[-+]Inf)$');
		IF m IS NULL OR m[1] IS DISTINCT FROM family THEN RAISE EXCEPTION 'bad line: %', line; END IF;
		series := m[1] || m[2]; value := m[array_upper(m, 1)];
		RETURN NEXT;
	END LOOP;
END $$;
SELECT engage_rename('churn', E'a "b"\\c {d="e"}');
SELECT count(*) = (SELECT count(*) FROM engage.metrics) AS all_of_them, count(DISTINCT series) = count(*) AS once,
	count(*) FILTER (WHERE series LIKE E'%model="a \\\\"b\\\\"\\\\\\\\c {d=\\\\"e\\\\"}"%') = count(*) - 1 AS escaped
FROM exposition(engage_prometheus());
SET extra_float_digits = -15;
SELECT family, kind, regexp_replace(series, 'database="[^"]*",', '') AS series, value FROM exposition(engage_prometheus())
WHERE family IN ('engage_scoring_rows_total', 'engage_alerts_unresolved', 'engage_check_failed') ORDER BY 1, 3;
RESET extra_float_digits;
SELECT engage_rename(E'a "b"\\c {d="e"}', 'churn');
-- numbers that are none: a metric of an imported or odd version
SELECT engage_prometheus() !~ '(Infinity|null)' AS clean;

-- who sees what: nobody; who has a grant; who may read statistics; nobody of them more than numbers
SET ROLE engage_metrics_reader;
SELECT count(*) FROM engage.metrics WHERE model IS NOT NULL;
SELECT count(*) FROM engage_scoring();
RESET ROLE;
SELECT engage_grant('churn', 'engage_metrics_reader');
SET ROLE engage_metrics_reader;
SELECT count(DISTINCT model) AS models, count(DISTINCT labels->>'version') AS versions FROM engage.metrics;
SELECT count(*) FROM engage_scoring();
RESET ROLE;
SELECT engage_revoke('churn', 'engage_metrics_reader');
GRANT pg_monitor TO engage_metrics_reader;
SET ROLE engage_metrics_reader;
SELECT count(DISTINCT model) AS models FROM engage.metrics;
SELECT count(*) FROM engage_scoring();
SELECT count(*) FROM engage.models;
SELECT engage_prometheus() LIKE '%model="churn"%' AS prometheus;
SELECT engage_predict('churn', t) FROM (SELECT 1 AS x) t;
RESET ROLE;

-- dropped models and versions are gone; the same name begins anew
SELECT engage_drop('churn', '1.1.0');
SELECT version FROM counted;
SELECT engage_drop('churn');
SELECT count(*) FROM engage.metrics WHERE model IS NOT NULL;
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT metric, value FROM engage.metrics WHERE metric = 'scoring_rows_total';
SELECT count(engage_predict('churn', t)) FROM telco t WHERE customer_id <= 10;
SELECT * FROM counted;
-- the extension dropped and created again: ids begin anew, counters with them
DROP VIEW counted;
DROP EXTENSION engage;
CREATE EXTENSION engage;
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT count(*) FROM engage_scoring();
SELECT count(engage_predict('churn', t)) FROM telco t WHERE customer_id <= 20;
SELECT version, calls, rows FROM engage_scoring();
-- a version without metrics, a model without a version
SELECT engage_import('bare', engage_export('churn', 'engage'));
SELECT engage_prometheus() LIKE '%model="bare"%' AS bare FROM exposition(engage_prometheus()) LIMIT 1;
DROP ROLE engage_metrics_reader;
