-- ---------------------------------------------------------------------------
-- 69_metrics.sql: what there is to know about models, for machines
-- (src/store/counters.c, src/api/api_metrics.c; docs/reference/metrics.md)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_scoring(
	OUT model text,
	OUT version text,
	OUT calls bigint,
	OUT "rows" bigint,
	OUT errors bigint,
	OUT logged bigint,
	OUT seconds float8,
	OUT last_scored timestamptz,
	OUT since timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_scoring'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION engage_scoring()
IS 'rows that each version has scored in this database since the server started';

-- Who may read the server's statistics sees the metrics of all models: a collector needs no
-- grant on each, which would let it score.
CREATE VIEW engage.metrics WITH (security_barrier) AS
WITH RECURSIVE shown AS (
	SELECT m.id, m.name, m.owner, m.deployed, m.deployment, m.experiment
	FROM engage.model m
	WHERE pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
		OR EXISTS (SELECT FROM engage.models s WHERE s.model = m.name)
), current AS (
	SELECT m.id, m.name, v.metrics,
		jsonb_build_object('version', v.major || '.' || v.minor || '.' || v.patch) AS label,
		jsonb_build_object('algorithm', v.algorithm, 'task', v.task, 'owner', m.owner) AS info,
		greatest(extract(epoch FROM statement_timestamp() - v.created), 0) AS age,
		greatest(extract(epoch FROM statement_timestamp() - d.at), 0) AS deployed,
		v.bytes, v.seconds, v.data, v.created
	FROM shown m
	JOIN engage.version v ON v.id = m.deployed
	LEFT JOIN engage.deployment d ON d.id = m.deployment
), names AS (
	-- the names of each model's checks, found by walking the index: there may be many results
	SELECT m.id, m.name,
		(SELECT min(r.check_name) FROM engage.check_result r WHERE r.model_id = m.id) AS check_name
	FROM shown m
	UNION ALL
	SELECT n.id, n.name,
		(SELECT min(r.check_name) FROM engage.check_result r
		 WHERE r.model_id = n.id AND r.check_name > n.check_name)
	FROM names n
	WHERE n.check_name IS NOT NULL
)
SELECT f.model, f.metric, f.value, f.labels, f.time
FROM (
	-- the model's facts
	SELECT m.name AS model, x.metric, x.value, '{}'::jsonb AS labels, statement_timestamp() AS time
	FROM shown m
	CROSS JOIN LATERAL (VALUES
		('model_versions', (SELECT count(*) FROM engage.version v WHERE v.model_id = m.id)::float8),
		('model_watched', (SELECT count(*) FROM engage.monitor w WHERE w.model_id = m.id)::float8)
	) AS x (metric, value)
	UNION ALL
	SELECT c.name, x.metric, x.value::float8, c.label || x.labels, x.time
	FROM current c
	CROSS JOIN LATERAL (VALUES
		('deployed_info', 1::float8, c.info, statement_timestamp()),
		('model_age_seconds', c.age::float8, '{}', statement_timestamp()),
		('model_deployed_seconds', c.deployed::float8, '{}', statement_timestamp()),
		('model_bytes', c.bytes::float8, '{}', c.created),
		('model_training_seconds', c.seconds, '{}', c.created),
		('model_training_rows', CASE WHEN jsonb_typeof(c.data->'rows') = 'number' THEN (c.data->>'rows')::float8 END,
			'{}', c.created)
	) AS x (metric, value, labels, time)
	UNION ALL
	SELECT c.name, 'training_metric', (e.value #>> '{}')::float8,
		c.label || jsonb_build_object('name', e.key), c.created
	FROM current c
	CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(c.metrics) = 'object' THEN c.metrics ELSE '{}' END) e
	WHERE jsonb_typeof(e.value) = 'number'
	UNION ALL
	-- use: the deployed version, and those that were used all the same
	SELECT u.name, x.metric, x.value, jsonb_build_object('version', u.version), statement_timestamp()
	FROM (SELECT m.name, k.version, s.*
		FROM shown m
		JOIN engage.version v ON v.model_id = m.id
		CROSS JOIN LATERAL (SELECT v.major || '.' || v.minor || '.' || v.patch) AS k (version)
		LEFT JOIN engage_scoring() AS s (model, used, calls, "rows", errors, logged, seconds, last, since)
			ON s.model = m.name AND s.used = k.version
		WHERE v.id = m.deployed OR s.used IS NOT NULL) u
	CROSS JOIN LATERAL (VALUES
		('scoring_rows_total', coalesce(u."rows", 0)::float8),
		('scoring_errors_total', coalesce(u.errors, 0)::float8),
		('scoring_calls_total', coalesce(u.calls, 0)::float8),
		('scoring_seconds_total', coalesce(u.seconds, 0)),
		('scoring_logged_rows_total', coalesce(u.logged, 0)::float8),
		('scoring_last_timestamp_seconds', extract(epoch FROM u.last)::float8)
	) AS x (metric, value)
	UNION ALL
	-- the latest result of each check
	SELECT n.name, x.metric, x.value, jsonb_build_object('check', n.check_name), r.at
	FROM names n
	CROSS JOIN LATERAL (
		SELECT k.value, k.threshold, k.status, k.at
		FROM engage.check_result k
		WHERE k.model_id = n.id AND k.check_name = n.check_name
		ORDER BY k.id DESC LIMIT 1) r
	CROSS JOIN LATERAL (VALUES
		('check_value', r.value),
		('check_threshold', r.threshold),
		('check_failed', (r.status IN ('alert', 'error'))::integer::float8),
		('check_timestamp_seconds', extract(epoch FROM r.at)::float8)
	) AS x (metric, value)
	WHERE n.check_name IS NOT NULL
	UNION ALL
	SELECT m.name, 'alerts_unresolved', count(a.id)::float8, jsonb_build_object('state', s.state), statement_timestamp()
	FROM shown m
	CROSS JOIN (VALUES ('open'), ('acknowledged')) AS s (state)
	LEFT JOIN engage.alert a ON a.model_id = m.id AND a.resolved IS NULL
		AND (a.acknowledged IS NOT NULL) = (s.state = 'acknowledged')
	GROUP BY m.name, s.state
	UNION ALL
	SELECT m.name, 'experiment_arm_weight', w.weight, jsonb_build_object('experiment', e.name,
		'arm', w.arm, 'version', e.versions[w.arm], 'shadow', e.shadow), e.started
	FROM shown m
	JOIN engage.experiment e ON e.id = m.experiment
	CROSS JOIN LATERAL unnest(e.weights) WITH ORDINALITY AS w (weight, arm)
	UNION ALL
	SELECT NULL, 'prediction_log_bytes', coalesce(sum(pg_total_relation_size(t.relid)), 0)::float8,
		'{}', statement_timestamp()
	FROM pg_partition_tree('engage.prediction') t
) f
WHERE f.value IS NOT NULL;
COMMENT ON VIEW engage.metrics IS
	'numbers about the models that the current user may use, or about all for members of pg_read_all_stats';

-- what each metric is, in the order in which it is shown
CREATE FUNCTION engage.metric_kinds(OUT metric text, OUT kind text, OUT help text)
RETURNS SETOF record
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES
	('model_versions', 'gauge', 'Versions of the model.'),
	('model_watched', 'gauge', 'Whether the model has a monitor.'),
	('model_age_seconds', 'gauge', 'Time since the deployed version was trained.'),
	('model_deployed_seconds', 'gauge', 'Time since it was deployed.'),
	('model_bytes', 'gauge', 'Stored size of the deployed version.'),
	('model_training_seconds', 'gauge', 'Time that the training of the deployed version took.'),
	('model_training_rows', 'gauge', 'Rows of its source then, the held-out ones included.'),
	('deployed_info', 'gauge', 'What the deployed version is: always 1.'),
	('training_metric', 'gauge', 'Metrics of the deployed version on the held-out rows of its training.'),
	('scoring_rows_total', 'counter', 'Rows scored since the server started.'),
	('scoring_errors_total', 'counter', 'Rows whose scoring ended with an error since the server started.'),
	('scoring_calls_total', 'counter', 'Statements that scored, each parallel process by itself, since the server started.'),
	('scoring_seconds_total', 'counter', 'Time spent scoring since the server started, estimated from one row of 32.'),
	('scoring_logged_rows_total', 'counter', 'Rows scored for the prediction log since the server started.'),
	('scoring_last_timestamp_seconds', 'gauge', 'When the version scored last.'),
	('check_value', 'gauge', 'Value of the latest check.'),
	('check_threshold', 'gauge', 'Threshold of the latest check.'),
	('check_failed', 'gauge', 'Whether the latest check found an alert or an error.'),
	('check_timestamp_seconds', 'gauge', 'When the latest check was made.'),
	('alerts_unresolved', 'gauge', 'Alerts that are not resolved.'),
	('experiment_arm_weight', 'gauge', 'Share of the keys that an arm of the running experiment answers.'),
	('prediction_log_bytes', 'gauge', 'Size of the prediction log with its indexes.');
END;
COMMENT ON FUNCTION engage.metric_kinds() IS 'what each metric of engage.metrics is';

CREATE FUNCTION engage_prometheus()
RETURNS text
LANGUAGE SQL STABLE PARALLEL RESTRICTED
SET extra_float_digits = 1
SET jit = off
BEGIN ATOMIC
	WITH line AS (
		SELECT m.metric,
			format('engage_%s{%s} %s', m.metric, l.text,
				CASE m.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE m.value::text END) AS text
		FROM engage.metrics m
		CROSS JOIN LATERAL (
			SELECT string_agg(format('%s="%s"', p.key, replace(replace(replace(p.value,
				'\', '\\'), '"', '\"'), chr(10), '\n')), ',' ORDER BY p.place, p.key)
			FROM (SELECT 1, 'database', current_database()::text
				UNION ALL SELECT 2, 'model', m.model WHERE m.model IS NOT NULL
				UNION ALL SELECT 3, e.key, e.value FROM jsonb_each_text(m.labels) e) AS p (place, key, value)
		) AS l (text)
	), family AS (
		SELECT metric, string_agg(text, chr(10) ORDER BY text COLLATE "C") AS text
		FROM line
		GROUP BY metric
	)
	SELECT coalesce(string_agg(format(E'# HELP engage_%1$s %2$s\n# TYPE engage_%1$s %3$s\n%4$s\n',
		f.metric, k.help, k.kind, f.text), '' ORDER BY k.place), '')
	FROM family f
	JOIN engage.metric_kinds() WITH ORDINALITY AS k (metric, kind, help, place) ON k.metric = f.metric;
END;
COMMENT ON FUNCTION engage_prometheus() IS 'engage.metrics in the text format that Prometheus reads';
