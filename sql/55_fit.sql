-- ---------------------------------------------------------------------------
-- 55_fit.sql: training as an aggregate, and scoring with its value (src/api/api_fit.c)
--
-- The state is a bytea of packed rows: a value like any other between workers.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.fit_accum(state bytea, algorithm text, target "any", features "any")
RETURNS bytea
AS 'MODULE_PATHNAME', 'engage_fit_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.fit_accum(bytea, text, "any", "any") IS 'adds a row to the state of engage_fit';

CREATE FUNCTION engage.fit_accum(state bytea, algorithm text, target "any", features "any", params jsonb)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engage_fit_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.fit_accum(bytea, text, "any", "any", jsonb) IS 'adds a row to the state of engage_fit';

CREATE FUNCTION engage.fit_accum(state bytea, algorithm text, target "any", features "any", params jsonb, task text, names text[])
RETURNS bytea
AS 'MODULE_PATHNAME', 'engage_fit_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.fit_accum(bytea, text, "any", "any", jsonb, text, text[]) IS 'adds a row to the state of engage_fit';

CREATE FUNCTION engage.fit_combine(bytea, bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engage_fit_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.fit_combine(bytea, bytea) IS 'puts the rows of two states of engage_fit together';

CREATE FUNCTION engage.fit_final(bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engage_fit_final'
LANGUAGE C STABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION engage.fit_final(bytea) IS 'learns from the rows of a state of engage_fit';

CREATE AGGREGATE engage_fit(algorithm text, target "any", features "any") (
	SFUNC = engage.fit_accum, STYPE = bytea, SSPACE = 65536,
	COMBINEFUNC = engage.fit_combine, FINALFUNC = engage.fit_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_fit(text, "any", "any") IS
	'a model learned from the rows of a group: target, and features as a row or an array';

CREATE AGGREGATE engage_fit(algorithm text, target "any", features "any", params jsonb) (
	SFUNC = engage.fit_accum, STYPE = bytea, SSPACE = 65536,
	COMBINEFUNC = engage.fit_combine, FINALFUNC = engage.fit_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_fit(text, "any", "any", jsonb) IS
	'a model learned from the rows of a group, with hyper-parameters';

CREATE AGGREGATE engage_fit(algorithm text, target "any", features "any", params jsonb, task text, names text[]) (
	SFUNC = engage.fit_accum, STYPE = bytea, SSPACE = 65536,
	COMBINEFUNC = engage.fit_combine, FINALFUNC = engage.fit_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_fit(text, "any", "any", jsonb, text, text[]) IS
	'a model learned from the rows of a group, with hyper-parameters, a task, and names for an array of features';

CREATE FUNCTION engage_predict(model bytea, "row" record)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_value_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_predict(bytea, record) IS 'score of a row by a model that engage_fit made';

CREATE FUNCTION engage_predict(model bytea, "row" jsonb)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_value_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict(bytea, jsonb) IS 'score of a JSON object by a model that engage_fit made';

CREATE FUNCTION engage_predict(model bytea, features float8[])
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_value_array'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_predict(bytea, float8[]) IS 'score of an array of features by a model that engage_fit made';

CREATE FUNCTION engage_predict_class(model bytea, "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_value_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_predict_class(bytea, record) IS 'predicted class of a row by a model that engage_fit made';

CREATE FUNCTION engage_predict_class(model bytea, "row" jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_value_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_class(bytea, jsonb) IS 'predicted class of a JSON object by a model that engage_fit made';

CREATE FUNCTION engage_predict_class(model bytea, features float8[])
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_value_array'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_predict_class(bytea, float8[]) IS 'predicted class of an array of features by a model that engage_fit made';

CREATE FUNCTION engage_predict_proba(model bytea, "row" record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_value_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_proba(bytea, record) IS 'probability of each class of a row by a model that engage_fit made';

CREATE FUNCTION engage_predict_proba(model bytea, "row" jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_value_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION engage_predict_proba(bytea, jsonb) IS 'probability of each class of a JSON object by a model that engage_fit made';

CREATE FUNCTION engage_predict_proba(model bytea, features float8[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_value_array'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_proba(bytea, float8[]) IS 'probability of each class of an array of features by a model that engage_fit made';
