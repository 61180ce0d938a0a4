-- ---------------------------------------------------------------------------
-- 30_predict.sql: score rows and JSON objects (src/api/api_predict.c)
--
-- STABLE, not IMMUTABLE: a deployment changes the answer.  The cost is what a
-- call was measured to take, in units of cpu_operator_cost.
-- ---------------------------------------------------------------------------

-- Planner support: a whole row or ROW(...) becomes columns (src/api/api_columns.c).  The forms over
-- columns ask for the right to EXECUTE the function that was written.
CREATE FUNCTION engage.predict_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'engage_predict_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.predict_support(internal)
IS 'planner support: turns the whole row of engage_predict into columns';

CREATE FUNCTION engage.predict_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.predict_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict over a row; names are those of the columns';

CREATE FUNCTION engage.predict_class_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.predict_class_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict_class over a row; names are those of the columns';

CREATE FUNCTION engage.predict_proba_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict_proba_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict_proba over a row; names are those of the columns';

CREATE FUNCTION engage.predict_quantiles_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_quantiles_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.predict_quantiles_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict_quantiles over a row; names are those of the columns';

CREATE FUNCTION engage_predict(model text, "row" record)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict(text, record)
IS 'score of a row: probability of the positive class, expected value, or median';

CREATE FUNCTION engage_predict(model text, "row" jsonb)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict(text, jsonb)
IS 'score of a JSON object: probability of the positive class, expected value, or median';

CREATE FUNCTION engage_predict_class(model text, "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict_class(text, record) IS 'predicted class of a row';

CREATE FUNCTION engage_predict_class(model text, "row" jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_predict_class_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_class(text, jsonb) IS 'predicted class of a JSON object';

CREATE FUNCTION engage_predict_proba(model text, "row" record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict_proba(text, record)
IS 'probability of each class of a row, as {"class": probability}';

CREATE FUNCTION engage_predict_proba(model text, "row" jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_predict_proba_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION engage_predict_proba(text, jsonb)
IS 'probability of each class of a JSON object, as {"class": probability}';

CREATE FUNCTION engage_predict_quantiles(model text, "row" record)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_quantiles_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict_quantiles(text, record)
IS 'quantiles of a row in ascending order, as trained with task => ''quantile''';

CREATE FUNCTION engage_predict_quantiles(model text, "row" jsonb)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_quantiles_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_quantiles(text, jsonb)
IS 'quantiles of a JSON object in ascending order, as trained with task => ''quantile''';

CREATE FUNCTION engage.predict_interval_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_interval_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.predict_interval_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict_interval over a row; names are those of the columns';

CREATE FUNCTION engage_predict_interval(model text, "row" record)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_interval_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict_interval(text, record)
IS 'interval around the prediction of a row as {lower, upper}, as trained with intervals => 0.9';

CREATE FUNCTION engage_predict_interval(model text, "row" jsonb)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_predict_interval_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_interval(text, jsonb)
IS 'interval around the prediction of a JSON object as {lower, upper}, as trained with intervals => 0.9';

CREATE FUNCTION engage.predict_set_columns(model text, names text[], presence oid, VARIADIC columns "any")
RETURNS text[]
AS 'MODULE_PATHNAME', 'engage_predict_set_columns'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.predict_set_columns(text, text[], oid, "any")
IS 'what the planner makes of engage_predict_set over a row; names are those of the columns';

CREATE FUNCTION engage_predict_set(model text, "row" record)
RETURNS text[]
AS 'MODULE_PATHNAME', 'engage_predict_set_row'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage_predict_set(text, record)
IS 'classes that a row may have, the most probable first, as trained with intervals => 0.9';

CREATE FUNCTION engage_predict_set(model text, "row" jsonb)
RETURNS text[]
AS 'MODULE_PATHNAME', 'engage_predict_set_jsonb'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage_predict_set(text, jsonb)
IS 'classes that a JSON object may have, the most probable first, as trained with intervals => 0.9';

-- ---------------------------------------------------------------------------
-- Twins: the same under names that nobody can plant, for views and for SQL that engage makes
-- (src/api/api_twin.c).  Who calls one needs EXECUTE on the function it stands for.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.predict(model text, "row" record)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict(text, record) IS 'engage_predict in views: score of a row';

CREATE FUNCTION engage.predict_class(model text, "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict_class(text, record) IS 'engage_predict_class in views: predicted class of a row';

CREATE FUNCTION engage.predict_proba(model text, "row" record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict_proba(text, record) IS 'engage_predict_proba in views: probability of each class of a row';

CREATE FUNCTION engage.predict_quantiles(model text, "row" record)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict_quantiles(text, record) IS 'engage_predict_quantiles in views: quantiles of a row';

CREATE FUNCTION engage.predict_interval(model text, "row" record)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict_interval(text, record) IS 'engage_predict_interval in views: interval around the prediction of a row';

CREATE FUNCTION engage.predict_set(model text, "row" record)
RETURNS text[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
SUPPORT engage.predict_support;
COMMENT ON FUNCTION engage.predict_set(text, record) IS 'engage_predict_set in views: classes that a row may have';

CREATE FUNCTION engage.predict(model text, "row" jsonb)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict(text, jsonb) IS 'engage_predict of a JSON object, under a name that nobody else can give a function';

CREATE FUNCTION engage.predict_class(model text, "row" jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict_class(text, jsonb) IS 'engage_predict_class of a JSON object, under a name that nobody else can give a function';

CREATE FUNCTION engage.predict_proba(model text, "row" jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION engage.predict_proba(text, jsonb) IS 'engage_predict_proba of a JSON object, under a name that nobody else can give a function';

CREATE FUNCTION engage.predict_quantiles(model text, "row" jsonb)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict_quantiles(text, jsonb) IS 'engage_predict_quantiles of a JSON object, under a name that nobody else can give a function';

CREATE FUNCTION engage.predict_interval(model text, "row" jsonb)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict_interval(text, jsonb) IS 'engage_predict_interval of a JSON object, under a name that nobody else can give a function';

CREATE FUNCTION engage.predict_set(model text, "row" jsonb)
RETURNS text[]
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION engage.predict_set(text, jsonb) IS 'engage_predict_set of a JSON object, under a name that nobody else can give a function';
