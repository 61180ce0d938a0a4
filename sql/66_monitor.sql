-- ---------------------------------------------------------------------------
-- 66_monitor.sql: what is watched, what was found, alerts, and what was done
-- about them (src/api/api_monitor.c, src/api/api_check.c, src/store/monitor.c)
-- ---------------------------------------------------------------------------

CREATE SEQUENCE engage.check_result_id_seq;
CREATE SEQUENCE engage.alert_id_seq;

-- what to watch of a model
CREATE TABLE engage.monitor (
	model_id bigint NOT NULL,
	author name NOT NULL,					-- called engage_monitor; the sources run with its rights
	search_path text NOT NULL,				-- in force then
	names jsonb NOT NULL,					-- what the names in the sources meant then
	source text NOT NULL,					-- rows as they come in
	outcomes text,							-- rows whose truth is known
	thresholds jsonb NOT NULL,
	policy text NOT NULL,
	cooldown interval NOT NULL,				-- least time between two actions
	reference jsonb,						-- {"version": ..., "mean": ...}: the first predictions seen
	acted timestamptz,						-- last action by policy
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT monitor_pkey PRIMARY KEY (model_id),
	CONSTRAINT monitor_policy_check
		CHECK (policy IN ('alert', 'retrain', 'retrain_and_deploy', 'rollback'))
);

-- one line for each check that was made
CREATE TABLE engage.check_result (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.check_result_id_seq'),
	model_id bigint NOT NULL,
	version text,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	check_name text NOT NULL,
	value float8,
	threshold float8,
	status text NOT NULL,
	detail jsonb,
	alert_id bigint,
	action text,
	CONSTRAINT check_result_pkey PRIMARY KEY (id),
	CONSTRAINT check_result_status_check CHECK (status IN ('ok', 'alert', 'unknown', 'error'))
);
CREATE INDEX check_result_model_idx ON engage.check_result (model_id, check_name, id);

CREATE TABLE engage.alert (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.alert_id_seq'),
	model_id bigint NOT NULL,
	check_name text NOT NULL,
	version text,							-- deployed when it was opened
	value float8,							-- of the latest check that failed
	threshold float8,
	message text NOT NULL,
	opened timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	last_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	times bigint NOT NULL DEFAULT 1,		-- checks that failed since it was opened
	acknowledged timestamptz,
	acknowledged_by name,
	note text,
	resolved timestamptz,
	CONSTRAINT alert_pkey PRIMARY KEY (id)
);
-- while an alert is open there is no second one of the same kind
CREATE UNIQUE INDEX alert_open_key ON engage.alert (model_id, check_name) WHERE resolved IS NULL;

SELECT pg_catalog.pg_extension_config_dump('engage.monitor', '');
SELECT pg_catalog.pg_extension_config_dump('engage.check_result', '');
SELECT pg_catalog.pg_extension_config_dump('engage.alert', '');
SELECT pg_catalog.pg_extension_config_dump('engage.check_result_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('engage.alert_id_seq', '');

COMMENT ON TABLE engage.monitor IS 'what to watch of a model, and what to do about it';
COMMENT ON TABLE engage.check_result IS 'what checks found: a row for each check of each engage_check()';
COMMENT ON TABLE engage.alert IS 'checks that failed: opened, acknowledged, resolved';

CREATE VIEW engage.monitors WITH (security_barrier) AS
SELECT m.name AS model,
	w.policy,
	w.thresholds,
	CASE WHEN engage.plays(m.owner, w.author) THEN w.source END AS source,
	CASE WHEN engage.plays(m.owner, w.author) THEN w.outcomes END AS outcomes,
	w.cooldown,
	w.acted,
	(SELECT max(r.at) FROM engage.check_result r WHERE r.model_id = m.id) AS checked,
	(SELECT count(*) FROM engage.alert a WHERE a.model_id = m.id AND a.resolved IS NULL) AS open_alerts,
	w.author,
	w.created
FROM engage.monitor w
JOIN engage.model m ON m.id = w.model_id
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.monitors IS 'what is watched of the models that the current user may use';

CREATE VIEW engage.check_results WITH (security_barrier) AS
SELECT r.id,
	m.name AS model,
	r.version,
	r.at,
	r.check_name,
	r.value,
	r.threshold,
	r.status,
	engage.seen('check', r.detail, s.everything) AS detail,
	r.alert_id,
	-- what follows the colon may be the text of an error
	CASE WHEN s.everything THEN r.action ELSE pg_catalog.split_part(r.action, ':', 1) END AS action
FROM engage.check_result r
JOIN engage.model m ON m.id = r.model_id
LEFT JOIN engage.monitor w ON w.model_id = m.id
CROSS JOIN LATERAL engage.plays(m.owner, w.author) AS s (everything)
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.check_results IS 'what checks found of the models that the current user may use';

CREATE VIEW engage.alerts WITH (security_barrier) AS
SELECT a.id,
	m.name AS model,
	a.check_name,
	CASE WHEN a.resolved IS NOT NULL THEN 'resolved'
		WHEN a.acknowledged IS NOT NULL THEN 'acknowledged'
		ELSE 'open' END AS state,
	-- a check that gave no number has failed with an error
	CASE WHEN s.everything OR (a.value IS NOT NULL AND a.threshold IS NOT NULL) THEN a.message END AS message,
	a.version,
	a.value,
	a.threshold,
	a.times,
	a.opened,
	a.last_seen,
	a.acknowledged,
	a.acknowledged_by,
	CASE WHEN s.everything THEN a.note END AS note,
	a.resolved
FROM engage.alert a
JOIN engage.model m ON m.id = a.model_id
LEFT JOIN engage.monitor w ON w.model_id = m.id
CROSS JOIN LATERAL engage.plays(m.owner, w.author) AS s (everything)
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.alerts IS 'alerts of the models that the current user may use';

CREATE FUNCTION engage_monitor(
	model text,
	source text,
	outcomes text DEFAULT NULL,
	thresholds jsonb DEFAULT NULL,
	policy text DEFAULT 'alert',
	cooldown interval DEFAULT '1 day')
RETURNS void
AS 'MODULE_PATHNAME', 'engage_monitor'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_monitor(text, text, text, jsonb, text, interval)
IS 'declare what engage_check watches of a model, and what it does when a check fails';

CREATE FUNCTION engage_unmonitor(model text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'engage_unmonitor'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_unmonitor(text) IS 'stop watching a model; false when it was not watched';

CREATE FUNCTION engage_check(
	model text DEFAULT NULL,
	OUT model text,
	OUT check_name text,
	OUT value float8,
	OUT threshold float8,
	OUT status text,
	OUT alert_id bigint,
	OUT action text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_check'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_check(text)
IS 'check a model, or all that the caller owns: write results, open and resolve alerts, act by policy';

CREATE FUNCTION engage_acknowledge(alert bigint, note text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_acknowledge'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_acknowledge(bigint, text)
IS 'say that somebody looks after an alert: it stays open, but causes no more actions';

CREATE FUNCTION engage_forget_checks(model text, older_than interval)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_forget_checks'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_forget_checks(text, interval)
IS 'remove old results of checks and resolved alerts of a model; returns how many rows';

CREATE FUNCTION engage_retrain_if(
	model text,
	drift float8 DEFAULT 0.2,
	age interval DEFAULT NULL,
	rows bigint DEFAULT NULL,
	source text DEFAULT NULL,
	deploy text DEFAULT NULL,
	OUT model text,
	OUT retrained boolean,
	OUT reason text,
	OUT version text,
	OUT deployed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_retrain_if'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_retrain_if(text, float8, interval, bigint, text, text)
IS 'retrain a model when its data have drifted, when it is old, or when there are new rows';
