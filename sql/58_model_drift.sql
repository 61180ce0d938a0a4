-- ---------------------------------------------------------------------------
-- 58_model_drift.sql: has what a model scores moved? (src/api/api_model_drift.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_drift(
	model text,
	source text,
	bins integer DEFAULT 10,
	multivariate boolean DEFAULT true,
	OUT feature text,
	OUT kind text,
	OUT status text,
	OUT psi float8,
	OUT chance float8,
	OUT kl float8,
	OUT js float8,
	OUT ks float8,
	OUT auc float8,
	OUT auc_error float8,
	OUT missing_then float8,
	OUT missing_now float8,
	OUT unseen float8,
	OUT examples text[],
	OUT outside float8,
	OUT typical_then text,
	OUT typical_now text,
	OUT mean_then float8,
	OUT mean_now float8,
	OUT median_then float8,
	OUT median_now float8,
	OUT rows_then bigint,
	OUT rows_now bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION engage_drift(text, text, integer, boolean)
IS 'how far a model''s scores and features have moved since its training, scores first, then by PSI';

CREATE FUNCTION engage_baseline(
	model text,
	bins integer DEFAULT 10,
	OUT feature text,
	OUT kind text,
	OUT "rows" bigint,
	OUT missing bigint,
	OUT edges float8[],
	OUT words text[],
	OUT counts float8[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_baseline'
LANGUAGE C STABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION engage_baseline(text, integer)
IS 'how a model''s scores and features were distributed in its training';
