-- ---------------------------------------------------------------------------
-- 76_why.sql: the reasons for a score as sentences (src/api/api_why.c)
-- ---------------------------------------------------------------------------

-- what a model's owner put in place of the default words (src/store/wording.c)
CREATE TABLE engage.wording (
	model_id bigint NOT NULL,
	wording jsonb NOT NULL,
	CONSTRAINT wording_pkey PRIMARY KEY (model_id)
);
SELECT pg_catalog.pg_extension_config_dump('engage.wording', '');
COMMENT ON TABLE engage.wording IS 'words of engage_why that a model''s owner has set';

CREATE FUNCTION engage_why(
	model text,
	"row" record,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	direction text DEFAULT 'both')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_why_row'
LANGUAGE C STABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION engage_why(text, record, integer, text, text)
IS 'the n strongest reasons for the score of a row, a sentence on each line';

CREATE FUNCTION engage_why(
	model text,
	"row" jsonb,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	direction text DEFAULT 'both')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_why_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION engage_why(text, jsonb, integer, text, text)
IS 'the n strongest reasons for the score of a JSON object, a sentence on each line';

CREATE FUNCTION engage_why_reasons(
	model text,
	"row" record,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	direction text DEFAULT 'both')
RETURNS TABLE (
	rank integer,
	feature text,
	value text,
	typical text,
	contribution float8,
	sentence text)
AS 'MODULE_PATHNAME', 'engage_why_reasons_row'
LANGUAGE C STABLE PARALLEL SAFE COST 5000 ROWS 3;
COMMENT ON FUNCTION engage_why_reasons(text, record, integer, text, text)
IS 'the n strongest reasons for the score of a row: feature, values, contribution, sentence';

CREATE FUNCTION engage_why_reasons(
	model text,
	"row" jsonb,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	direction text DEFAULT 'both')
RETURNS TABLE (
	rank integer,
	feature text,
	value text,
	typical text,
	contribution float8,
	sentence text)
AS 'MODULE_PATHNAME', 'engage_why_reasons_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 5000 ROWS 3;
COMMENT ON FUNCTION engage_why_reasons(text, jsonb, integer, text, text)
IS 'the n strongest reasons for the score of a JSON object: feature, values, contribution, sentence';

CREATE FUNCTION engage_set_wording(model text, wording jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_set_wording'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_set_wording(text, jsonb)
IS 'put words of your own in place of those of engage_why; NULL takes them away';

CREATE FUNCTION engage_wording(model text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_wording'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_wording(text)
IS 'the words of engage_why for a model: its owner''s, and the defaults';
