-- ---------------------------------------------------------------------------
-- 25_update.sql: patch versions of a version (src/api/api_update.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_update(
	model text,
	source text,
	deploy text DEFAULT 'better',
	min_improvement float8 DEFAULT 0,
	OUT model text,
	OUT version text,
	OUT algorithm text,
	OUT task text,
	OUT rows_train bigint,
	OUT rows_test bigint,
	OUT metrics jsonb,
	OUT deployed boolean,
	OUT seconds float8)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_update(text, text, text, float8)
IS 'learn on from new rows, store a patch version, deploy it when it is better on their held-out rows';

CREATE FUNCTION engage_set_threshold(model text, threshold float8)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_set_threshold'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_set_threshold(text, float8)
IS 'probability from which engage_predict_class says the positive class, stored as a patch version';
