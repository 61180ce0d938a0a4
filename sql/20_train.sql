-- ---------------------------------------------------------------------------
-- 20_train.sql: learn from a table, a view or a query (src/api/api_train.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_train(
	model text,
	source text,
	target text DEFAULT NULL,
	algorithm text DEFAULT 'xgboost',
	params jsonb DEFAULT '{}',
	task text DEFAULT NULL,
	key text DEFAULT NULL,
	features text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	weight text DEFAULT NULL,
	class_weight text DEFAULT NULL,
	test_size float8 DEFAULT 0.2,
	split text DEFAULT NULL,
	seed bigint DEFAULT 1,
	deploy text DEFAULT 'better',
	min_improvement float8 DEFAULT 0,
	positive text DEFAULT NULL,
	group_by text DEFAULT NULL,
	event text DEFAULT NULL,
	partition_by text DEFAULT NULL,
	intervals float8 DEFAULT NULL,
	calibrate text DEFAULT NULL,
	background int DEFAULT 128,
	interval_method text DEFAULT 'split',
	interval_folds int DEFAULT 5,
	remember text DEFAULT NULL,
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
AS 'MODULE_PATHNAME', 'engage_train'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_train(text, text, text, text, jsonb, text, text, text[], text[], text, text,
	float8, text, bigint, text, float8, text, text, text, text, float8, text, int, text, int, text)
IS 'train a model on a table, a view or a query, store it as a new version, deploy it when it is better';

CREATE FUNCTION engage_retrain(
	model text,
	deploy text DEFAULT NULL,
	seed bigint DEFAULT NULL,
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
AS 'MODULE_PATHNAME', 'engage_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_retrain(text, text, bigint)
IS 'train again with the stored recipe on the data of today';

CREATE FUNCTION engage.retrain(
	model text,
	deploy text DEFAULT NULL,
	seed bigint DEFAULT NULL,
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
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage.retrain(text, text, bigint) IS 'engage_retrain in jobs';

CREATE FUNCTION engage_verify(
	model text,
	OUT model text,
	OUT version text,
	OUT same_data boolean,
	OUT same_model boolean,
	OUT fingerprint_then text,
	OUT fingerprint_now text)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_verify'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_verify(text)
IS 'repeat the training of a version and say whether data and model are the same, byte by byte';

CREATE FUNCTION engage_algorithms(
	OUT algorithm text,
	OUT summary text,
	OUT tasks text[],
	OUT missing_values boolean,
	OUT categories boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_algorithms'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION engage_algorithms() IS 'algorithms that engage_train knows';

-- Without arguments: a form of its own, not a default, whose place somebody else could take.
CREATE FUNCTION engage_parameters(
	OUT name text,
	OUT type text,
	OUT default_value text,
	OUT range text,
	OUT alias text,
	OUT help text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_parameters'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 40;
COMMENT ON FUNCTION engage_parameters() IS 'hyper-parameters of xgboost: type, default, range, help';

CREATE FUNCTION engage_parameters(
	algorithm text,
	OUT name text,
	OUT type text,
	OUT default_value text,
	OUT range text,
	OUT alias text,
	OUT help text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_parameters'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 40;
COMMENT ON FUNCTION engage_parameters(text) IS 'hyper-parameters of an algorithm: type, default, range, help';

CREATE FUNCTION engage_version()
RETURNS text
AS 'MODULE_PATHNAME', 'engage_version'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_version() IS 'version of the loaded library';
