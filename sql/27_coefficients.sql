-- ---------------------------------------------------------------------------
-- 27_coefficients.sql: what linear models have learned (src/api/api_coefficients.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_coefficients(
	model text,
	level float8 DEFAULT 0.95,
	OUT part text,
	OUT class text,
	OUT term text,
	OUT feature text,
	OUT category text,
	OUT coefficient float8,
	OUT std_error float8,
	OUT statistic float8,
	OUT p_value float8,
	OUT lower float8,
	OUT upper float8,
	OUT odds_ratio float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_coefficients'
LANGUAGE C STABLE PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION engage_coefficients(text, float8)
IS 'coefficients of a linear model with standard errors, tests and intervals';

CREATE FUNCTION engage_coefficients(
	model bytea,
	level float8 DEFAULT 0.95,
	OUT part text,
	OUT class text,
	OUT term text,
	OUT feature text,
	OUT category text,
	OUT coefficient float8,
	OUT std_error float8,
	OUT statistic float8,
	OUT p_value float8,
	OUT lower float8,
	OUT upper float8,
	OUT odds_ratio float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_coefficients_value'
LANGUAGE C STABLE PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION engage_coefficients(bytea, float8)
IS 'coefficients of a linear model that engage_fit made';
