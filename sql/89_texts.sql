-- ---------------------------------------------------------------------------
-- 89_texts.sql: rows as text and json
--
-- Drivers send parameters without a type, as text, or as json.  Where all forms of a function
-- take other kinds of types, the server calls an untyped one "not unique"; where one
-- takes text, it takes that.  So each function of a jsonb row has these twins, which
-- the planner replaces by it where it can.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_counterfactual(model text, "row" text, target float8, features text[] DEFAULT NULL, frozen text[] DEFAULT NULL, limits jsonb DEFAULT NULL, n integer DEFAULT 3, class text DEFAULT NULL, max_changes integer DEFAULT 5, sparsity float8 DEFAULT 1, within float8 DEFAULT 1, plausible boolean DEFAULT true, max_evaluations integer DEFAULT 50000)
RETURNS TABLE(answer integer, feature text, from_value text, to_value text, score_before float8, score_after float8, cost float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 6
BEGIN ATOMIC
	SELECT * FROM engage_counterfactual(model, "row"::pg_catalog.jsonb, target, features, frozen, limits, n, class, max_changes, sparsity, within, plausible, max_evaluations);
END;
COMMENT ON FUNCTION engage_counterfactual(text, text, float8, text[], text[], jsonb, integer, text, integer, float8, float8, boolean, integer) IS 'engage_counterfactual of a JSON object in a text';

CREATE FUNCTION engage_counterfactual(model text, "row" json, target float8, features text[] DEFAULT NULL, frozen text[] DEFAULT NULL, limits jsonb DEFAULT NULL, n integer DEFAULT 3, class text DEFAULT NULL, max_changes integer DEFAULT 5, sparsity float8 DEFAULT 1, within float8 DEFAULT 1, plausible boolean DEFAULT true, max_evaluations integer DEFAULT 50000)
RETURNS TABLE(answer integer, feature text, from_value text, to_value text, score_before float8, score_after float8, cost float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 6
BEGIN ATOMIC
	SELECT * FROM engage_counterfactual(model, "row"::pg_catalog.jsonb, target, features, frozen, limits, n, class, max_changes, sparsity, within, plausible, max_evaluations);
END;
COMMENT ON FUNCTION engage_counterfactual(text, json, float8, text[], text[], jsonb, integer, text, integer, float8, float8, boolean, integer) IS 'engage_counterfactual of a JSON object in the type json';

CREATE FUNCTION engage_counterfactual(model text, "row" text, target text DEFAULT NULL, features text[] DEFAULT NULL, frozen text[] DEFAULT NULL, limits jsonb DEFAULT NULL, n integer DEFAULT 3, class text DEFAULT NULL, max_changes integer DEFAULT 5, sparsity float8 DEFAULT 1, within float8 DEFAULT 1, plausible boolean DEFAULT true, max_evaluations integer DEFAULT 50000)
RETURNS TABLE(answer integer, feature text, from_value text, to_value text, score_before float8, score_after float8, cost float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 6
BEGIN ATOMIC
	SELECT * FROM engage_counterfactual(model, "row"::pg_catalog.jsonb, target, features, frozen, limits, n, class, max_changes, sparsity, within, plausible, max_evaluations);
END;
COMMENT ON FUNCTION engage_counterfactual(text, text, text, text[], text[], jsonb, integer, text, integer, float8, float8, boolean, integer) IS 'engage_counterfactual of a JSON object in a text';

CREATE FUNCTION engage_counterfactual(model text, "row" json, target text DEFAULT NULL, features text[] DEFAULT NULL, frozen text[] DEFAULT NULL, limits jsonb DEFAULT NULL, n integer DEFAULT 3, class text DEFAULT NULL, max_changes integer DEFAULT 5, sparsity float8 DEFAULT 1, within float8 DEFAULT 1, plausible boolean DEFAULT true, max_evaluations integer DEFAULT 50000)
RETURNS TABLE(answer integer, feature text, from_value text, to_value text, score_before float8, score_after float8, cost float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 6
BEGIN ATOMIC
	SELECT * FROM engage_counterfactual(model, "row"::pg_catalog.jsonb, target, features, frozen, limits, n, class, max_changes, sparsity, within, plausible, max_evaluations);
END;
COMMENT ON FUNCTION engage_counterfactual(text, json, text, text[], text[], jsonb, integer, text, integer, float8, float8, boolean, integer) IS 'engage_counterfactual of a JSON object in the type json';

CREATE FUNCTION engage_decide(policy text, "row" text, OUT score integer, OUT action text, OUT band text, OUT reasons text[], OUT errors integer, OUT layers jsonb, OUT version integer)
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE COST 1000
BEGIN ATOMIC
	SELECT * FROM engage_decide(policy, "row"::pg_catalog.jsonb);
END;
COMMENT ON FUNCTION engage_decide(text, text) IS 'engage_decide of a JSON object in a text';

CREATE FUNCTION engage_decide(policy text, "row" json, OUT score integer, OUT action text, OUT band text, OUT reasons text[], OUT errors integer, OUT layers jsonb, OUT version integer)
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE COST 1000
BEGIN ATOMIC
	SELECT * FROM engage_decide(policy, "row"::pg_catalog.jsonb);
END;
COMMENT ON FUNCTION engage_decide(text, json) IS 'engage_decide of a JSON object in the type json';

CREATE FUNCTION engage_explain(model text, "row" text, class text DEFAULT NULL, space text DEFAULT 'output', method text DEFAULT 'auto', samples integer DEFAULT NULL, quantile float8 DEFAULT NULL, OUT feature text, OUT value text, OUT contribution float8, OUT base float8, OUT prediction float8, OUT error float8)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE COST 2000 ROWS 20
BEGIN ATOMIC
	SELECT * FROM engage_explain(model, "row"::pg_catalog.jsonb, class, space, method, samples, quantile);
END;
COMMENT ON FUNCTION engage_explain(text, text, text, text, text, integer, float8) IS 'engage_explain of a JSON object in a text';

CREATE FUNCTION engage_explain(model text, "row" json, class text DEFAULT NULL, space text DEFAULT 'output', method text DEFAULT 'auto', samples integer DEFAULT NULL, quantile float8 DEFAULT NULL, OUT feature text, OUT value text, OUT contribution float8, OUT base float8, OUT prediction float8, OUT error float8)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE COST 2000 ROWS 20
BEGIN ATOMIC
	SELECT * FROM engage_explain(model, "row"::pg_catalog.jsonb, class, space, method, samples, quantile);
END;
COMMENT ON FUNCTION engage_explain(text, json, text, text, text, integer, float8) IS 'engage_explain of a JSON object in the type json';

CREATE FUNCTION engage_explain_json(model text, "row" text, class text DEFAULT NULL, space text DEFAULT 'output', method text DEFAULT 'auto', samples integer DEFAULT NULL, quantile float8 DEFAULT NULL, n integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE COST 2000
RETURN engage_explain_json(model, "row"::pg_catalog.jsonb, class, space, method, samples, quantile, n);
COMMENT ON FUNCTION engage_explain_json(text, text, text, text, text, integer, float8, integer) IS 'engage_explain_json of a JSON object in a text';

CREATE FUNCTION engage_explain_json(model text, "row" json, class text DEFAULT NULL, space text DEFAULT 'output', method text DEFAULT 'auto', samples integer DEFAULT NULL, quantile float8 DEFAULT NULL, n integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE COST 2000
RETURN engage_explain_json(model, "row"::pg_catalog.jsonb, class, space, method, samples, quantile, n);
COMMENT ON FUNCTION engage_explain_json(text, json, text, text, text, integer, float8, integer) IS 'engage_explain_json of a JSON object in the type json';

CREATE FUNCTION engage_interactions(model text, "row" text, class text DEFAULT NULL, quantile float8 DEFAULT NULL, OUT feature_a text, OUT feature_b text, OUT interaction float8)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE COST 20000 ROWS 200
BEGIN ATOMIC
	SELECT * FROM engage_interactions(model, "row"::pg_catalog.jsonb, class, quantile);
END;
COMMENT ON FUNCTION engage_interactions(text, text, text, float8) IS 'engage_interactions of a JSON object in a text';

CREATE FUNCTION engage_interactions(model text, "row" json, class text DEFAULT NULL, quantile float8 DEFAULT NULL, OUT feature_a text, OUT feature_b text, OUT interaction float8)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE COST 20000 ROWS 200
BEGIN ATOMIC
	SELECT * FROM engage_interactions(model, "row"::pg_catalog.jsonb, class, quantile);
END;
COMMENT ON FUNCTION engage_interactions(text, json, text, float8) IS 'engage_interactions of a JSON object in the type json';

CREATE FUNCTION engage_plot_force(model text, "row" text, options jsonb DEFAULT '{}', class text DEFAULT NULL, space text DEFAULT 'output')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 3000
RETURN engage_plot_force(model, "row"::pg_catalog.jsonb, options, class, space);
COMMENT ON FUNCTION engage_plot_force(text, text, jsonb, text, text) IS 'engage_plot_force of a JSON object in a text';

CREATE FUNCTION engage_plot_force(model text, "row" json, options jsonb DEFAULT '{}', class text DEFAULT NULL, space text DEFAULT 'output')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 3000
RETURN engage_plot_force(model, "row"::pg_catalog.jsonb, options, class, space);
COMMENT ON FUNCTION engage_plot_force(text, json, jsonb, text, text) IS 'engage_plot_force of a JSON object in the type json';

CREATE FUNCTION engage_plot_waterfall(model text, "row" text, options jsonb DEFAULT '{}', class text DEFAULT NULL, space text DEFAULT 'output')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 3000
RETURN engage_plot_waterfall(model, "row"::pg_catalog.jsonb, options, class, space);
COMMENT ON FUNCTION engage_plot_waterfall(text, text, jsonb, text, text) IS 'engage_plot_waterfall of a JSON object in a text';

CREATE FUNCTION engage_plot_waterfall(model text, "row" json, options jsonb DEFAULT '{}', class text DEFAULT NULL, space text DEFAULT 'output')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 3000
RETURN engage_plot_waterfall(model, "row"::pg_catalog.jsonb, options, class, space);
COMMENT ON FUNCTION engage_plot_waterfall(text, json, jsonb, text, text) IS 'engage_plot_waterfall of a JSON object in the type json';

CREATE FUNCTION engage_predict(model bytea, "row" text)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict(bytea, text) IS 'engage_predict of a JSON object in a text';

CREATE FUNCTION engage_predict(model bytea, "row" json)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict(bytea, json) IS 'engage_predict of a JSON object in the type json';

CREATE FUNCTION engage_predict(model text, "row" text)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict(text, text) IS 'engage_predict of a JSON object in a text';

CREATE FUNCTION engage_predict(model text, "row" json)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict(text, json) IS 'engage_predict of a JSON object in the type json';

CREATE FUNCTION engage_predict_class(model bytea, "row" text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_class(bytea, text) IS 'engage_predict_class of a JSON object in a text';

CREATE FUNCTION engage_predict_class(model bytea, "row" json)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_class(bytea, json) IS 'engage_predict_class of a JSON object in the type json';

CREATE FUNCTION engage_predict_class(model text, "row" text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_class(text, text) IS 'engage_predict_class of a JSON object in a text';

CREATE FUNCTION engage_predict_class(model text, "row" json)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_class(text, json) IS 'engage_predict_class of a JSON object in the type json';

CREATE FUNCTION engage_predict_interval(model text, "row" text)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_interval(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_interval(text, text) IS 'engage_predict_interval of a JSON object in a text';

CREATE FUNCTION engage_predict_interval(model text, "row" json)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_interval(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_interval(text, json) IS 'engage_predict_interval of a JSON object in the type json';

CREATE FUNCTION engage_predict_logged(model text, "row" text, key text)
RETURNS float8
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE COST 1000
RETURN engage_predict_logged(model, "row"::pg_catalog.jsonb, key);
COMMENT ON FUNCTION engage_predict_logged(text, text, text) IS 'engage_predict_logged of a JSON object in a text';

CREATE FUNCTION engage_predict_logged(model text, "row" json, key text)
RETURNS float8
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE COST 1000
RETURN engage_predict_logged(model, "row"::pg_catalog.jsonb, key);
COMMENT ON FUNCTION engage_predict_logged(text, json, text) IS 'engage_predict_logged of a JSON object in the type json';

CREATE FUNCTION engage_predict_proba(model bytea, "row" text)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage_predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_proba(bytea, text) IS 'engage_predict_proba of a JSON object in a text';

CREATE FUNCTION engage_predict_proba(model bytea, "row" json)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage_predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_proba(bytea, json) IS 'engage_predict_proba of a JSON object in the type json';

CREATE FUNCTION engage_predict_proba(model text, "row" text)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage_predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_proba(text, text) IS 'engage_predict_proba of a JSON object in a text';

CREATE FUNCTION engage_predict_proba(model text, "row" json)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage_predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_proba(text, json) IS 'engage_predict_proba of a JSON object in the type json';

CREATE FUNCTION engage_predict_quantiles(model text, "row" text)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_quantiles(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_quantiles(text, text) IS 'engage_predict_quantiles of a JSON object in a text';

CREATE FUNCTION engage_predict_quantiles(model text, "row" json)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_quantiles(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_quantiles(text, json) IS 'engage_predict_quantiles of a JSON object in the type json';

CREATE FUNCTION engage_predict_set(model text, "row" text)
RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_set(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_set(text, text) IS 'engage_predict_set of a JSON object in a text';

CREATE FUNCTION engage_predict_set(model text, "row" json)
RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_predict_set(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_predict_set(text, json) IS 'engage_predict_set of a JSON object in the type json';

CREATE FUNCTION engage_segment(model text, "row" text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_segment(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_segment(text, text) IS 'engage_segment of a JSON object in a text';

CREATE FUNCTION engage_segment(model text, "row" json)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage_segment(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage_segment(text, json) IS 'engage_segment of a JSON object in the type json';

CREATE FUNCTION engage_what_if(model text, "row" text, changes jsonb, class text DEFAULT NULL)
RETURNS TABLE(feature text, from_value text, to_value text, effect float8, error float8, score_before float8, score_after float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 5000 ROWS 3
BEGIN ATOMIC
	SELECT * FROM engage_what_if(model, "row"::pg_catalog.jsonb, changes, class);
END;
COMMENT ON FUNCTION engage_what_if(text, text, jsonb, text) IS 'engage_what_if of a JSON object in a text';

CREATE FUNCTION engage_what_if(model text, "row" json, changes jsonb, class text DEFAULT NULL)
RETURNS TABLE(feature text, from_value text, to_value text, effect float8, error float8, score_before float8, score_after float8)
LANGUAGE sql STABLE PARALLEL SAFE COST 5000 ROWS 3
BEGIN ATOMIC
	SELECT * FROM engage_what_if(model, "row"::pg_catalog.jsonb, changes, class);
END;
COMMENT ON FUNCTION engage_what_if(text, json, jsonb, text) IS 'engage_what_if of a JSON object in the type json';

CREATE FUNCTION engage_why(model text, "row" text, n integer DEFAULT 3, class text DEFAULT NULL, direction text DEFAULT 'both')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 5000
RETURN engage_why(model, "row"::pg_catalog.jsonb, n, class, direction);
COMMENT ON FUNCTION engage_why(text, text, integer, text, text) IS 'engage_why of a JSON object in a text';

CREATE FUNCTION engage_why(model text, "row" json, n integer DEFAULT 3, class text DEFAULT NULL, direction text DEFAULT 'both')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 5000
RETURN engage_why(model, "row"::pg_catalog.jsonb, n, class, direction);
COMMENT ON FUNCTION engage_why(text, json, integer, text, text) IS 'engage_why of a JSON object in the type json';

CREATE FUNCTION engage_why_reasons(model text, "row" text, n integer DEFAULT 3, class text DEFAULT NULL, direction text DEFAULT 'both')
RETURNS TABLE(rank integer, feature text, value text, typical text, contribution float8, sentence text)
LANGUAGE sql STABLE PARALLEL SAFE COST 5000 ROWS 3
BEGIN ATOMIC
	SELECT * FROM engage_why_reasons(model, "row"::pg_catalog.jsonb, n, class, direction);
END;
COMMENT ON FUNCTION engage_why_reasons(text, text, integer, text, text) IS 'engage_why_reasons of a JSON object in a text';

CREATE FUNCTION engage_why_reasons(model text, "row" json, n integer DEFAULT 3, class text DEFAULT NULL, direction text DEFAULT 'both')
RETURNS TABLE(rank integer, feature text, value text, typical text, contribution float8, sentence text)
LANGUAGE sql STABLE PARALLEL SAFE COST 5000 ROWS 3
BEGIN ATOMIC
	SELECT * FROM engage_why_reasons(model, "row"::pg_catalog.jsonb, n, class, direction);
END;
COMMENT ON FUNCTION engage_why_reasons(text, json, integer, text, text) IS 'engage_why_reasons of a JSON object in the type json';

CREATE FUNCTION engage.predict(model text, "row" text)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict(text, text) IS 'engage.predict of a JSON object in a text';

CREATE FUNCTION engage.predict(model text, "row" json)
RETURNS float8
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict(text, json) IS 'engage.predict of a JSON object in the type json';

CREATE FUNCTION engage.predict_class(model text, "row" text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_class(text, text) IS 'engage.predict_class of a JSON object in a text';

CREATE FUNCTION engage.predict_class(model text, "row" json)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_class(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_class(text, json) IS 'engage.predict_class of a JSON object in the type json';

CREATE FUNCTION engage.predict_interval(model text, "row" text)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_interval(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_interval(text, text) IS 'engage.predict_interval of a JSON object in a text';

CREATE FUNCTION engage.predict_interval(model text, "row" json)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_interval(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_interval(text, json) IS 'engage.predict_interval of a JSON object in the type json';

CREATE FUNCTION engage.predict_proba(model text, "row" text)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage.predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_proba(text, text) IS 'engage.predict_proba of a JSON object in a text';

CREATE FUNCTION engage.predict_proba(model text, "row" json)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 300
RETURN engage.predict_proba(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_proba(text, json) IS 'engage.predict_proba of a JSON object in the type json';

CREATE FUNCTION engage.predict_quantiles(model text, "row" text)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_quantiles(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_quantiles(text, text) IS 'engage.predict_quantiles of a JSON object in a text';

CREATE FUNCTION engage.predict_quantiles(model text, "row" json)
RETURNS float8[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_quantiles(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_quantiles(text, json) IS 'engage.predict_quantiles of a JSON object in the type json';

CREATE FUNCTION engage.predict_set(model text, "row" text)
RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_set(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_set(text, text) IS 'engage.predict_set of a JSON object in a text';

CREATE FUNCTION engage.predict_set(model text, "row" json)
RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200
RETURN engage.predict_set(model, "row"::pg_catalog.jsonb);
COMMENT ON FUNCTION engage.predict_set(text, json) IS 'engage.predict_set of a JSON object in the type json';
