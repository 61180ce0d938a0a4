-- ---------------------------------------------------------------------------
-- What a model relies on, and what a feature does to the score
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_importance(
	model text,
	source text DEFAULT NULL,
	method text DEFAULT NULL,
	metric text DEFAULT NULL,
	repeats integer DEFAULT 5,
	sample integer DEFAULT 5000,
	class text DEFAULT NULL,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	group_by text DEFAULT NULL,
	event text DEFAULT NULL,
	by_column boolean DEFAULT false,
	seed bigint DEFAULT 1,
	OUT rank integer,
	OUT feature text,
	OUT importance float8,
	OUT share float8,
	OUT deviation float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_importance'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION engage_importance(text, text, text, text, integer, integer, text, text, text, text, text, boolean, bigint)
IS 'features of a model by gain, cover, weight, mean contribution or permutation, most important first';

CREATE FUNCTION engage_dependence(
	model text,
	source text,
	feature text,
	kind text DEFAULT 'partial',
	grid integer DEFAULT 20,
	class text DEFAULT NULL,
	sample integer DEFAULT 1000,
	feature2 text DEFAULT NULL,
	key text DEFAULT NULL,
	seed bigint DEFAULT 1,
	OUT id text,
	OUT feature_value text,
	OUT x float8,
	OUT second text,
	OUT second_value text,
	OUT x2 float8,
	OUT value float8,
	OUT deviation float8,
	OUT lower float8,
	OUT upper float8,
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_dependence'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION engage_dependence(text, text, text, text, integer, text, integer, text, text, bigint)
IS 'how the score changes with a feature: partial dependence, curves of rows, accumulated effects, contributions';

CREATE FUNCTION engage_explain_groups(
	model text,
	source text,
	"by" text,
	class text DEFAULT NULL,
	OUT segment text,
	OUT rows bigint,
	OUT prediction float8,
	OUT base float8,
	OUT rank integer,
	OUT feature text,
	OUT contribution float8,
	OUT magnitude float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_explain_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION engage_explain_groups(text, text, text, text)
IS 'mean contributions of the features in each segment of a source';
