-- ---------------------------------------------------------------------------
-- 74_counterfactual.sql: what would change the score, and what changes do to it
-- (src/api/api_counterfactual.c, src/api/api_what_if.c)
--
-- A target is a text ('<= 0.3', a class) or a number, so there are two of each.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_counterfactual(
	model text,
	"row" record,
	target text DEFAULT NULL,
	features text[] DEFAULT NULL,
	frozen text[] DEFAULT NULL,
	limits jsonb DEFAULT NULL,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	max_changes integer DEFAULT 5,
	sparsity float8 DEFAULT 1,
	within float8 DEFAULT 1,
	plausible boolean DEFAULT true,
	max_evaluations integer DEFAULT 50000)
RETURNS TABLE (
	answer integer,
	feature text,
	from_value text,
	to_value text,
	score_before float8,
	score_after float8,
	cost float8)
AS 'MODULE_PATHNAME', 'engage_counterfactual_row'
LANGUAGE C STABLE PARALLEL SAFE COST 1000000 ROWS 6;
COMMENT ON FUNCTION engage_counterfactual(text, record, text, text[], text[], jsonb, integer, text, integer, float8,
	float8, boolean, integer)
IS 'smallest plausible changes of a row that bring its score to a target: ''<= 0.3'', ''0.2..0.4'', a class';

CREATE FUNCTION engage_counterfactual(
	model text,
	"row" record,
	target float8,
	features text[] DEFAULT NULL,
	frozen text[] DEFAULT NULL,
	limits jsonb DEFAULT NULL,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	max_changes integer DEFAULT 5,
	sparsity float8 DEFAULT 1,
	within float8 DEFAULT 1,
	plausible boolean DEFAULT true,
	max_evaluations integer DEFAULT 50000)
RETURNS TABLE (
	answer integer,
	feature text,
	from_value text,
	to_value text,
	score_before float8,
	score_after float8,
	cost float8)
AS 'MODULE_PATHNAME', 'engage_counterfactual_number_row'
LANGUAGE C STABLE PARALLEL SAFE COST 1000000 ROWS 6;
COMMENT ON FUNCTION engage_counterfactual(text, record, float8, text[], text[], jsonb, integer, text, integer, float8,
	float8, boolean, integer)
IS 'smallest plausible changes of a row that bring its score to a number';

CREATE FUNCTION engage_counterfactual(
	model text,
	"row" jsonb,
	target text DEFAULT NULL,
	features text[] DEFAULT NULL,
	frozen text[] DEFAULT NULL,
	limits jsonb DEFAULT NULL,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	max_changes integer DEFAULT 5,
	sparsity float8 DEFAULT 1,
	within float8 DEFAULT 1,
	plausible boolean DEFAULT true,
	max_evaluations integer DEFAULT 50000)
RETURNS TABLE (
	answer integer,
	feature text,
	from_value text,
	to_value text,
	score_before float8,
	score_after float8,
	cost float8)
AS 'MODULE_PATHNAME', 'engage_counterfactual_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 1000000 ROWS 6;
COMMENT ON FUNCTION engage_counterfactual(text, jsonb, text, text[], text[], jsonb, integer, text, integer, float8,
	float8, boolean, integer)
IS 'smallest plausible changes of a JSON object that bring its score to a target: ''<= 0.3'', ''0.2..0.4'', a class';

CREATE FUNCTION engage_counterfactual(
	model text,
	"row" jsonb,
	target float8,
	features text[] DEFAULT NULL,
	frozen text[] DEFAULT NULL,
	limits jsonb DEFAULT NULL,
	n integer DEFAULT 3,
	class text DEFAULT NULL,
	max_changes integer DEFAULT 5,
	sparsity float8 DEFAULT 1,
	within float8 DEFAULT 1,
	plausible boolean DEFAULT true,
	max_evaluations integer DEFAULT 50000)
RETURNS TABLE (
	answer integer,
	feature text,
	from_value text,
	to_value text,
	score_before float8,
	score_after float8,
	cost float8)
AS 'MODULE_PATHNAME', 'engage_counterfactual_number_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 1000000 ROWS 6;
COMMENT ON FUNCTION engage_counterfactual(text, jsonb, float8, text[], text[], jsonb, integer, text, integer, float8,
	float8, boolean, integer)
IS 'smallest plausible changes of a JSON object that bring its score to a number';

CREATE FUNCTION engage_what_if(
	model text,
	"row" record,
	changes jsonb,
	class text DEFAULT NULL)
RETURNS TABLE (
	feature text,
	from_value text,
	to_value text,
	effect float8,
	error float8,
	score_before float8,
	score_after float8)
AS 'MODULE_PATHNAME', 'engage_what_if_row'
LANGUAGE C STABLE PARALLEL SAFE COST 5000 ROWS 3;
COMMENT ON FUNCTION engage_what_if(text, record, jsonb, text)
IS 'scores of a row before and after some changes, and what each change does; effects add up';

CREATE FUNCTION engage_what_if(
	model text,
	"row" jsonb,
	changes jsonb,
	class text DEFAULT NULL)
RETURNS TABLE (
	feature text,
	from_value text,
	to_value text,
	effect float8,
	error float8,
	score_before float8,
	score_after float8)
AS 'MODULE_PATHNAME', 'engage_what_if_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 5000 ROWS 3;
COMMENT ON FUNCTION engage_what_if(text, jsonb, jsonb, text)
IS 'scores of a JSON object before and after some changes, and what each change does; effects add up';
