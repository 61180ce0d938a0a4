-- ---------------------------------------------------------------------------
-- 78_segments.sql: what segments are like, their names, their stability, who
-- moved (src/api/api_segments.c, api_segment_moves.c, api_segment_stability.c)
-- ---------------------------------------------------------------------------

-- names that a model's owner gave to segments (src/store/segments.c)
CREATE TABLE engage.segment_name (
	version_id bigint NOT NULL,
	segment integer NOT NULL,
	name text NOT NULL,
	strategy text,
	CONSTRAINT segment_name_pkey PRIMARY KEY (version_id, segment)
);
SELECT pg_catalog.pg_extension_config_dump('engage.segment_name', '');
COMMENT ON TABLE engage.segment_name IS 'names of segments, by version';

CREATE VIEW engage.segment_names WITH (security_barrier) AS
SELECT v.model, v.version, v.deployed, n.segment, n.name, n.strategy
FROM engage.segment_name n
JOIN engage.version w ON w.id = n.version_id
JOIN engage.model m ON m.id = w.model_id
JOIN engage.versions v ON v.model = m.name
	AND v.version = w.major || '.' || w.minor || '.' || w.patch;
COMMENT ON VIEW engage.segment_names IS 'names of segments of models that the current user may use';

CREATE FUNCTION engage_segments(
	model text,
	source text,
	key text DEFAULT NULL)
RETURNS TABLE (
	segment integer,
	name text,
	strategy text,
	rows bigint,
	share float8,
	suggestion text,
	description text,
	typical_key text,
	typical jsonb)
AS 'MODULE_PATHNAME', 'engage_segments'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_segments(text, text, text)
IS 'segments of a source: size, suggested name, what they are like, typical member';

CREATE FUNCTION engage_profile(
	model text,
	source text,
	top integer DEFAULT 5)
RETURNS TABLE (
	segment integer,
	name text,
	rows bigint,
	share float8,
	rank integer,
	feature text,
	value text,
	inside float8,
	outside float8,
	effect float8)
AS 'MODULE_PATHNAME', 'engage_profile'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION engage_profile(text, text, integer)
IS 'the features that set each segment apart, with effect sizes';

CREATE FUNCTION engage_label_segment(
	model text,
	segment integer,
	name text,
	strategy text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_label_segment'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_label_segment(text, integer, text, text)
IS 'name a segment; the name is kept when the model is trained again';

CREATE FUNCTION engage_segment(model text, "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_segment_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_segment(text, record) IS 'the segment of a row by name';

CREATE FUNCTION engage_segment(model text, "row" jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_segment_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_segment(text, jsonb) IS 'the segment of a JSON object by name';

CREATE FUNCTION engage_segment_stability(
	model text,
	source text,
	rounds integer DEFAULT 20,
	sample integer DEFAULT 10000,
	seed bigint DEFAULT 1)
RETURNS TABLE (
	segment integer,
	rounds integer,
	stability float8,
	lowest float8)
AS 'MODULE_PATHNAME', 'engage_segment_stability'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_segment_stability(text, text, integer, integer, bigint)
IS 'how often segments come back when the algorithm runs on bootstrap samples';

CREATE FUNCTION engage_segment_migration(
	model text,
	then_source text,
	now_source text,
	key text)
RETURNS TABLE (
	from_segment integer,
	from_name text,
	to_segment integer,
	to_name text,
	rows bigint,
	share float8)
AS 'MODULE_PATHNAME', 'engage_segment_migration'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION engage_segment_migration(text, text, text, text)
IS 'who moved from which segment to which between two sources';
