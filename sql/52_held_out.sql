-- ---------------------------------------------------------------------------
-- 52_held_out.sql: which rows a model has not seen (src/api/api_held_out.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_held_out(model text, "row" record)
RETURNS boolean
AS 'MODULE_PATHNAME', 'engage_held_out'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage_held_out(text, record)
IS 'was this row held out when the model was trained?';

CREATE FUNCTION engage.held_out(model text, "row" record)
RETURNS boolean
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage.held_out(text, record)
IS 'engage_held_out under a name that nobody can plant';
