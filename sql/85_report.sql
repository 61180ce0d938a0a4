-- ---------------------------------------------------------------------------
-- 85_report.sql: a model on one page of HTML (src/api/api_report*.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_report(model text, source text DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_report'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION engage_report(text, text, jsonb)
IS 'one HTML page about a model: metrics with intervals, pictures, drivers, examples, versions';
