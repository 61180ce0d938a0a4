-- ---------------------------------------------------------------------------
-- 70_explain.sql: what each feature adds to the score of a row (src/api/api_explain.c)
--
-- Not STRICT: arguments that are left out are NULL.  A NULL model or row gives
-- no rows, or NULL.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_explain(
	model text,
	"row" record,
	class text DEFAULT NULL,
	space text DEFAULT 'output',
	method text DEFAULT 'auto',
	samples int DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	OUT feature text,
	OUT value text,
	OUT contribution float8,
	OUT base float8,
	OUT prediction float8,
	OUT error float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_explain_row'
LANGUAGE C STABLE PARALLEL SAFE COST 2000 ROWS 20;
COMMENT ON FUNCTION engage_explain(text, record, text, text, text, int, float8)
IS 'what each feature of a row adds to its score; base and contributions add up to the prediction';

CREATE FUNCTION engage_explain(
	model text,
	"row" jsonb,
	class text DEFAULT NULL,
	space text DEFAULT 'output',
	method text DEFAULT 'auto',
	samples int DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	OUT feature text,
	OUT value text,
	OUT contribution float8,
	OUT base float8,
	OUT prediction float8,
	OUT error float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_explain_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 2000 ROWS 20;
COMMENT ON FUNCTION engage_explain(text, jsonb, text, text, text, int, float8)
IS 'what each feature of a JSON object adds to its score';

CREATE FUNCTION engage_explain_json(
	model text,
	"row" record,
	class text DEFAULT NULL,
	space text DEFAULT 'output',
	method text DEFAULT 'auto',
	samples int DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	n int DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_explain_json_row'
LANGUAGE C STABLE PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION engage_explain_json(text, record, text, text, text, int, float8, int)
IS 'what the n features of a row that matter most add to its score, as one value';

CREATE FUNCTION engage_explain_json(
	model text,
	"row" jsonb,
	class text DEFAULT NULL,
	space text DEFAULT 'output',
	method text DEFAULT 'auto',
	samples int DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	n int DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_explain_json_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION engage_explain_json(text, jsonb, text, text, text, int, float8, int)
IS 'what the n features of a JSON object that matter most add to its score, as one value';

CREATE FUNCTION engage_interactions(
	model text,
	"row" record,
	class text DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	OUT feature_a text,
	OUT feature_b text,
	OUT interaction float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_interactions_row'
LANGUAGE C STABLE PARALLEL SAFE COST 20000 ROWS 200;
COMMENT ON FUNCTION engage_interactions(text, record, text, float8)
IS 'what single features and pairs of features of a row add to its margin';

CREATE FUNCTION engage_interactions(
	model text,
	"row" jsonb,
	class text DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	OUT feature_a text,
	OUT feature_b text,
	OUT interaction float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_interactions_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 20000 ROWS 200;
COMMENT ON FUNCTION engage_interactions(text, jsonb, text, float8)
IS 'what single features and pairs of features of a JSON object add to its margin';
