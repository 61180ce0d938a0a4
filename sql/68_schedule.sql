-- ---------------------------------------------------------------------------
-- 68_schedule.sql: checks and retrainings by the clock, on top of pg_cron
-- (src/api/api_schedule.c, src/store/schedule.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_schedule_sql(model text, action text DEFAULT 'check', arguments jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_schedule_sql'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_schedule_sql(text, text, jsonb)
IS 'the statement that a scheduler has to run for a model';

CREATE FUNCTION engage_schedule(
	model text,
	schedule text,
	action text DEFAULT 'check',
	arguments jsonb DEFAULT '{}',
	database text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_schedule'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_schedule(text, text, text, jsonb, text)
IS 'let pg_cron check or retrain a model at certain times; returns the job';

CREATE FUNCTION engage_unschedule(model text, action text DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'engage_unschedule'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_unschedule(text, text)
IS 'remove the caller''s jobs of a model, all or those of one action; returns how many';

CREATE FUNCTION engage_jobs(
	OUT job bigint,
	OUT model text,
	OUT action text,
	OUT schedule text,
	OUT command text,
	OUT database text,
	OUT who text,
	OUT active boolean,
	OUT last_run timestamptz,
	OUT last_status text,
	OUT last_message text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_jobs'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_jobs() IS 'jobs that engage_schedule made and the current user may see; none without pg_cron';

CREATE VIEW engage.schedules AS SELECT * FROM engage_jobs();
COMMENT ON VIEW engage.schedules IS 'jobs that engage_schedule made, with their last run; none without pg_cron';
