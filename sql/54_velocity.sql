-- ---------------------------------------------------------------------------
-- 54_velocity.sql: how often, how much, how far (src/api/api_velocity*.c,
-- src/api/api_geo.c)
--
-- States of aggregates are bytea with a combine function.
-- ---------------------------------------------------------------------------

CREATE TYPE engage.velocity AS (
	at timestamptz,							-- the windows end here
	count_1m bigint, sum_1m float8, mean_1m float8, max_1m float8,
	count_5m bigint, sum_5m float8, mean_5m float8, max_5m float8,
	count_15m bigint, sum_15m float8, mean_15m float8, max_15m float8,
	count_1h bigint, sum_1h float8, mean_1h float8, max_1h float8,
	count_24h bigint, sum_24h float8, mean_24h float8, max_24h float8,
	baseline_n bigint,						-- the 30 days before the latest event
	baseline_mean float8,
	baseline_stddev float8,
	zscore float8,							-- of the latest event's amount
	km float8,								-- from the place before to the latest event's
	kmh float8
);
COMMENT ON TYPE engage.velocity IS 'counts, sums, means and maxima of the events of a key over windows of time';

CREATE FUNCTION engage.velocity_accum(bytea, timestamptz, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_accum(bytea, timestamptz, float8) IS
	'adds an event to a state of engage_velocity';

CREATE FUNCTION engage.velocity_accum(bytea, timestamptz, float8, float8, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_accum(bytea, timestamptz, float8, float8, float8) IS
	'adds an event with a place to a state of engage_velocity';

CREATE FUNCTION engage.velocity_accum(bytea, timestamptz, float8, timestamptz) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_accum_as_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_accum(bytea, timestamptz, float8, timestamptz) IS
	'adds an event to a state of engage_velocity as of a time';

CREATE FUNCTION engage.velocity_accum(bytea, timestamptz, float8, float8, float8, timestamptz) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_accum_as_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_accum(bytea, timestamptz, float8, float8, float8, timestamptz) IS
	'adds an event with a place to a state of engage_velocity as of a time';

CREATE FUNCTION engage.velocities_accum(bytea, timestamptz, float8, interval[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocities_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocities_accum(bytea, timestamptz, float8, interval[]) IS
	'adds an event to a state of engage_velocities';

CREATE FUNCTION engage.zscore_accum(bytea, timestamptz, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_zscore_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.zscore_accum(bytea, timestamptz, float8) IS
	'adds a value to a state of engage_zscore';

CREATE FUNCTION engage.zscore_accum(bytea, timestamptz, float8, interval) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_zscore_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.zscore_accum(bytea, timestamptz, float8, interval) IS
	'adds a value to a state of engage_zscore with a baseline of this length';

CREATE FUNCTION engage.velocity_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_combine(bytea, bytea) IS
	'joins two states of engage_velocity and its kin';

CREATE FUNCTION engage.velocity_final(bytea) RETURNS engage.velocity
	AS 'MODULE_PATHNAME', 'engage_velocity_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_final(bytea) IS
	'what a state of engage_velocity says';

CREATE FUNCTION engage.velocities_final(bytea) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_velocities_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocities_final(bytea) IS
	'what a state of engage_velocities says';

CREATE FUNCTION engage.zscore_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_zscore_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.zscore_final(bytea) IS
	'what a state of engage_zscore says';

CREATE AGGREGATE engage_velocity(at timestamptz, amount float8) (
	SFUNC = engage.velocity_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.velocity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_velocity(timestamptz, float8) IS
	'events and amounts over windows of 1m to 24h up to the current row, or up to the latest of a group';

CREATE AGGREGATE engage_velocity(at timestamptz, amount float8, lat float8, lon float8) (
	SFUNC = engage.velocity_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.velocity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_velocity(timestamptz, float8, float8, float8) IS
	'engage_velocity with distance and speed from the place before';

CREATE AGGREGATE engage_velocity(at timestamptz, amount float8, as_of timestamptz) (
	SFUNC = engage.velocity_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.velocity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_velocity(timestamptz, float8, timestamptz) IS
	'events and amounts over windows of 1m to 24h up to a given time';

CREATE AGGREGATE engage_velocity(at timestamptz, amount float8, lat float8, lon float8, as_of timestamptz) (
	SFUNC = engage.velocity_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.velocity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_velocity(timestamptz, float8, float8, float8, timestamptz) IS
	'engage_velocity with distance and speed up to a given time';

CREATE AGGREGATE engage_velocities(at timestamptz, amount float8, windows interval[]) (
	SFUNC = engage.velocities_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.velocities_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_velocities(timestamptz, float8, interval[]) IS
	'count, sum, mean and max over the windows that are given, a row of the array for each';

CREATE AGGREGATE engage_zscore(at timestamptz, value float8) (
	SFUNC = engage.zscore_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.zscore_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_zscore(timestamptz, float8) IS
	'deviation of the latest value from the 30 days before it, in standard deviations';

CREATE AGGREGATE engage_zscore(at timestamptz, value float8, baseline interval) (
	SFUNC = engage.zscore_accum, STYPE = bytea, INITCOND = '', COMBINEFUNC = engage.velocity_combine,
	FINALFUNC = engage.zscore_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_zscore(timestamptz, float8, interval) IS
	'deviation of the latest value from the time before it, in standard deviations';

-- ---------------------------------------------------------------------------
-- Geography
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_haversine(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_haversine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_haversine(float8, float8, float8, float8) IS
	'km between two places on a sphere with the mean radius of the Earth';

CREATE FUNCTION engage_speed(lat1 float8, lon1 float8, at1 timestamptz, lat2 float8, lon2 float8, at2 timestamptz) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_speed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_speed(float8, float8, timestamptz, float8, float8, timestamptz) IS
	'km/h between two events; infinite at the same time in two places';

CREATE FUNCTION engage_impossible_travel(
	lat1 float8, lon1 float8, at1 timestamptz,
	lat2 float8, lon2 float8, at2 timestamptz,
	max_kmh float8 DEFAULT 500,
	min_km float8 DEFAULT 10) RETURNS boolean
	AS 'MODULE_PATHNAME', 'engage_impossible_travel' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_impossible_travel(float8, float8, timestamptz, float8, float8, timestamptz, float8, float8) IS
	'are two events more than min_km apart and faster than max_kmh?';

-- ---------------------------------------------------------------------------
-- Rollups
-- ---------------------------------------------------------------------------

-- Rows never change.  A regclass is dumped as a name and follows a renamed table.
CREATE TABLE engage.velocity_tracker (
	name text NOT NULL,
	source regclass NOT NULL,
	rollup regclass NOT NULL,
	key name NOT NULL,
	at name NOT NULL,
	amount name,
	lat name,
	lon name,
	created timestamptz NOT NULL DEFAULT pg_catalog.now(),
	created_by name NOT NULL,
	CONSTRAINT velocity_tracker_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE engage.velocity_tracker IS 'tables of events whose velocity is kept by key';
SELECT pg_catalog.pg_extension_config_dump('engage.velocity_tracker', '');

CREATE VIEW engage.velocity_trackers WITH (security_barrier) AS
SELECT t.name AS tracker, t.source, t.rollup, t.key, t.at, t.amount, t.lat, t.lon, t.created, t.created_by
FROM engage.velocity_tracker t
WHERE coalesce(pg_catalog.has_table_privilege(t.rollup::oid, 'SELECT'), t.created_by = current_user);
COMMENT ON VIEW engage.velocity_trackers IS 'velocity trackers whose rollup table the current user may read';

CREATE FUNCTION engage.velocity_join(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_velocity_join' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.velocity_join(bytea, bytea) IS
	'joins newer events to the stored state of a key';

CREATE FUNCTION engage.velocity_feed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'engage_velocity_feed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage.velocity_feed() IS
	'adds inserted events to the rollup of a velocity tracker';

CREATE FUNCTION engage_velocity_track(
	name text,
	source regclass,
	key text,
	at text,
	amount text DEFAULT NULL,
	lat text DEFAULT NULL,
	lon text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'engage_velocity_track' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_velocity_track(text, regclass, text, text, text, text, text) IS
	'keep the velocity of each key of a table of events in a rollup table; returns the keys found';

CREATE FUNCTION engage_velocity_untrack(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'engage_velocity_untrack' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_velocity_untrack(text) IS
	'stop tracking: drop the trigger and the rollup table';

CREATE FUNCTION engage_velocity_state(name text, key text, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS engage.velocity
	AS 'MODULE_PATHNAME', 'engage_velocity_state' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 100;
COMMENT ON FUNCTION engage_velocity_state(text, text, timestamptz) IS
	'velocity of a key from its rollup, by one index probe';

CREATE FUNCTION engage_velocity_state(name text, key anyelement, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS engage.velocity
	AS 'MODULE_PATHNAME', 'engage_velocity_state' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 100;
COMMENT ON FUNCTION engage_velocity_state(text, anyelement, timestamptz) IS
	'velocity of a key from its rollup, by one index probe';

CREATE FUNCTION engage_velocity_with(
	name text, key text, at timestamptz,
	amount float8 DEFAULT NULL, lat float8 DEFAULT NULL, lon float8 DEFAULT NULL) RETURNS engage.velocity
	AS 'MODULE_PATHNAME', 'engage_velocity_with' LANGUAGE C STABLE PARALLEL SAFE
	COST 100;
COMMENT ON FUNCTION engage_velocity_with(text, text, timestamptz, float8, float8, float8) IS
	'velocity of a key as if an event had just happened';

CREATE FUNCTION engage_velocity_with(
	name text, key anyelement, at timestamptz,
	amount float8 DEFAULT NULL, lat float8 DEFAULT NULL, lon float8 DEFAULT NULL) RETURNS engage.velocity
	AS 'MODULE_PATHNAME', 'engage_velocity_with' LANGUAGE C STABLE PARALLEL SAFE
	COST 100;
COMMENT ON FUNCTION engage_velocity_with(text, anyelement, timestamptz, float8, float8, float8) IS
	'velocity of a key as if an event had just happened';
