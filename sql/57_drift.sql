-- ---------------------------------------------------------------------------
-- 57_drift.sql: how far a distribution has moved (src/api/api_drift*.c)
--
-- States are bytea with a combine function, so that every aggregate runs in
-- parallel and on Citus; they are not strict, since NULL is a value of its own.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.drift_accum(bytea, float8, boolean) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum(bytea, float8, boolean) IS
	'adds a number to one side of a drift aggregate';

CREATE FUNCTION engage.drift_accum(bytea, float8, boolean, integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum(bytea, float8, boolean, integer) IS
	'adds a number to one side of a drift aggregate of so many bins';

CREATE FUNCTION engage.drift_accum_edges(bytea, float8, boolean, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum_edges' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum_edges(bytea, float8, boolean, float8[]) IS
	'counts a number in its bin on one side of a drift aggregate';

CREATE FUNCTION engage.drift_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_combine(bytea, bytea) IS
	'joins two states of drift aggregates over numbers';

CREATE FUNCTION engage.drift_accum_text(bytea, text, boolean) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum_text(bytea, text, boolean) IS
	'counts a word on one side of a drift aggregate';

CREATE FUNCTION engage.drift_combine_text(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_combine_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_combine_text(bytea, bytea) IS
	'joins two states of drift aggregates over texts';

CREATE FUNCTION engage.psi_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_psi_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.psi_final(bytea) IS
	'population stability index of the numbers';

CREATE FUNCTION engage.psi_final_text(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_psi_final_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.psi_final_text(bytea) IS
	'population stability index of the texts';

CREATE FUNCTION engage.kl_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_kl_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.kl_final(bytea) IS
	'Kullback-Leibler divergence of the current side from the reference of the numbers';

CREATE FUNCTION engage.kl_final_text(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_kl_final_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.kl_final_text(bytea) IS
	'Kullback-Leibler divergence of the current side from the reference of the texts';

CREATE FUNCTION engage.js_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_js_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.js_final(bytea) IS
	'Jensen-Shannon divergence of the numbers';

CREATE FUNCTION engage.js_final_text(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_js_final_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.js_final_text(bytea) IS
	'Jensen-Shannon divergence of the texts';

CREATE FUNCTION engage.chi2_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.chi2_final(bytea) IS
	'chi-squared of both sides of the numbers';

CREATE FUNCTION engage.chi2_final_text(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_final_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.chi2_final_text(bytea) IS
	'chi-squared of both sides of the texts';

CREATE FUNCTION engage.chi2_p_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_p_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.chi2_p_final(bytea) IS
	'p-value of the chi-squared test of the numbers';

CREATE FUNCTION engage.chi2_p_final_text(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_p_final_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.chi2_p_final_text(bytea) IS
	'p-value of the chi-squared test of the texts';

CREATE FUNCTION engage.ks2_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_ks_final2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ks2_final(bytea) IS
	'largest distance of the two distribution functions';

CREATE FUNCTION engage.ks2_p_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_ks_p_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ks2_p_final(bytea) IS
	'p-value of the two-sample Kolmogorov-Smirnov test';

CREATE FUNCTION engage.wasserstein_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_wasserstein_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.wasserstein_final(bytea) IS
	'area between the two distribution functions';

CREATE AGGREGATE engage_psi(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi(float8, boolean) IS
	'population stability index, ten bins of equal weight of the reference';

CREATE AGGREGATE engage_psi(value float8, is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi(float8, boolean, integer) IS
	'population stability index, so many bins of equal weight of the reference';

CREATE AGGREGATE engage_psi(value float8, is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi(float8, boolean, float8[]) IS
	'population stability index, bins with these upper edges';

CREATE AGGREGATE engage_psi(value text, is_current boolean) (
	SFUNC = engage.drift_accum_text, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine_text, FINALFUNC = engage.psi_final_text, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi(text, boolean) IS
	'population stability index, a bin for each text';

CREATE FUNCTION engage_psi(reference float8[], current float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_psi_histograms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_psi(float8[], float8[]) IS
	'population stability index of two histograms over the same bins';

CREATE AGGREGATE engage_kl(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl(float8, boolean) IS
	'Kullback-Leibler divergence of the current side from the reference, ten bins of equal weight of the reference';

CREATE AGGREGATE engage_kl(value float8, is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl(float8, boolean, integer) IS
	'Kullback-Leibler divergence of the current side from the reference, so many bins of equal weight of the reference';

CREATE AGGREGATE engage_kl(value float8, is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl(float8, boolean, float8[]) IS
	'Kullback-Leibler divergence of the current side from the reference, bins with these upper edges';

CREATE AGGREGATE engage_kl(value text, is_current boolean) (
	SFUNC = engage.drift_accum_text, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine_text, FINALFUNC = engage.kl_final_text, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl(text, boolean) IS
	'Kullback-Leibler divergence of the current side from the reference, a bin for each text';

CREATE FUNCTION engage_kl(reference float8[], current float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_kl_histograms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_kl(float8[], float8[]) IS
	'Kullback-Leibler divergence of the current side from the reference of two histograms over the same bins';

CREATE AGGREGATE engage_js(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js(float8, boolean) IS
	'Jensen-Shannon divergence, ten bins of equal weight of the reference';

CREATE AGGREGATE engage_js(value float8, is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js(float8, boolean, integer) IS
	'Jensen-Shannon divergence, so many bins of equal weight of the reference';

CREATE AGGREGATE engage_js(value float8, is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js(float8, boolean, float8[]) IS
	'Jensen-Shannon divergence, bins with these upper edges';

CREATE AGGREGATE engage_js(value text, is_current boolean) (
	SFUNC = engage.drift_accum_text, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine_text, FINALFUNC = engage.js_final_text, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js(text, boolean) IS
	'Jensen-Shannon divergence, a bin for each text';

CREATE FUNCTION engage_js(reference float8[], current float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_js_histograms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_js(float8[], float8[]) IS
	'Jensen-Shannon divergence of two histograms over the same bins';

CREATE AGGREGATE engage_chi2(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2(float8, boolean) IS
	'chi-squared of both sides, ten bins of equal weight of the reference';

CREATE AGGREGATE engage_chi2(value float8, is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2(float8, boolean, integer) IS
	'chi-squared of both sides, so many bins of equal weight of the reference';

CREATE AGGREGATE engage_chi2(value float8, is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2(float8, boolean, float8[]) IS
	'chi-squared of both sides, bins with these upper edges';

CREATE AGGREGATE engage_chi2(value text, is_current boolean) (
	SFUNC = engage.drift_accum_text, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine_text, FINALFUNC = engage.chi2_final_text, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2(text, boolean) IS
	'chi-squared of both sides, a bin for each text';

CREATE FUNCTION engage_chi2(reference float8[], current float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_histograms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_chi2(float8[], float8[]) IS
	'chi-squared of both sides of two histograms over the same bins';

CREATE AGGREGATE engage_chi2_p(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p(float8, boolean) IS
	'p-value of the chi-squared test, ten bins of equal weight of the reference';

CREATE AGGREGATE engage_chi2_p(value float8, is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p(float8, boolean, integer) IS
	'p-value of the chi-squared test, so many bins of equal weight of the reference';

CREATE AGGREGATE engage_chi2_p(value float8, is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p(float8, boolean, float8[]) IS
	'p-value of the chi-squared test, bins with these upper edges';

CREATE AGGREGATE engage_chi2_p(value text, is_current boolean) (
	SFUNC = engage.drift_accum_text, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine_text, FINALFUNC = engage.chi2_p_final_text, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p(text, boolean) IS
	'p-value of the chi-squared test, a bin for each text';

CREATE FUNCTION engage_chi2_p(reference float8[], current float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_chi2_p_histograms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_chi2_p(float8[], float8[]) IS
	'p-value of the chi-squared test of two histograms over the same bins';

CREATE AGGREGATE engage_ks(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.ks2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks(float8, boolean) IS
	'largest distance of the two distribution functions (Kolmogorov-Smirnov)';

CREATE AGGREGATE engage_ks_p(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.ks2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_p(float8, boolean) IS
	'p-value of the two-sample Kolmogorov-Smirnov test';

CREATE AGGREGATE engage_wasserstein(value float8, is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.wasserstein_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_wasserstein(float8, boolean) IS
	'area between the two distribution functions, in the values unit';
