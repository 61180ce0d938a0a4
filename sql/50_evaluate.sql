-- ---------------------------------------------------------------------------
-- 50_evaluate.sql: metrics as aggregates, and models measured on a source
-- (src/api/api_aggregates.c, api_aggregates_rank.c, api_evaluate.c,
-- api_evaluate_curves.c; docs/reference/evaluate.md)
--
-- Every aggregate has a state that is a plain value and a combine function, so
-- that parallel workers and other servers can compute parts of it.  The parts
-- live in schema engage: they are nothing that one calls.  They are strict;
-- rows with a NULL are skipped.
-- ---------------------------------------------------------------------------

-- transition functions: sums

CREATE FUNCTION engage.rmse_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_rmse_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.rmse_accum(float8[], float8, float8) IS
	'adds a row: squared error';

CREATE FUNCTION engage.rmse_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_rmse_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.rmse_accum(float8[], float8, float8, float8) IS
	'adds a row: squared error, weighted';

CREATE FUNCTION engage.mae_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_mae_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mae_accum(float8[], float8, float8) IS
	'adds a row: absolute error';

CREATE FUNCTION engage.mae_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_mae_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mae_accum(float8[], float8, float8, float8) IS
	'adds a row: absolute error, weighted';

CREATE FUNCTION engage.mape_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_mape_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mape_accum(float8[], float8, float8) IS
	'adds a row: error as a share of the truth';

CREATE FUNCTION engage.mape_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_mape_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mape_accum(float8[], float8, float8, float8) IS
	'adds a row: error as a share of the truth, weighted';

CREATE FUNCTION engage.r2_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_r2_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.r2_accum(float8[], float8, float8) IS
	'adds a row: errors and deviations';

CREATE FUNCTION engage.r2_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_r2_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.r2_accum(float8[], float8, float8, float8) IS
	'adds a row: errors and deviations, weighted';

CREATE FUNCTION engage.pinball_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_pinball_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.pinball_accum(float8[], float8, float8, float8) IS
	'adds a row: pinball loss';

CREATE FUNCTION engage.pinball_accum(float8[], float8, float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_pinball_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.pinball_accum(float8[], float8, float8, float8, float8) IS
	'adds a row: pinball loss, weighted';

CREATE FUNCTION engage.logloss_accum(float8[], float8, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, boolean) IS
	'adds a row: logarithmic loss';

CREATE FUNCTION engage.logloss_accum(float8[], float8, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, boolean, float8) IS
	'adds a row: logarithmic loss, weighted';

CREATE FUNCTION engage.logloss_accum(float8[], float8, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, integer) IS
	'adds a row: logarithmic loss';

CREATE FUNCTION engage.logloss_accum(float8[], float8, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, integer, float8) IS
	'adds a row: logarithmic loss, weighted';

CREATE FUNCTION engage.brier_accum(float8[], float8, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, boolean) IS
	'adds a row: squared error of a probability';

CREATE FUNCTION engage.brier_accum(float8[], float8, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, boolean, float8) IS
	'adds a row: squared error of a probability, weighted';

CREATE FUNCTION engage.brier_accum(float8[], float8, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, integer) IS
	'adds a row: squared error of a probability';

CREATE FUNCTION engage.brier_accum(float8[], float8, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, integer, float8) IS
	'adds a row: squared error of a probability, weighted';

CREATE FUNCTION engage.ece_accum(float8[], float8, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, boolean) IS
	'adds a row to its bin of ten';

CREATE FUNCTION engage.ece_accum(float8[], float8, boolean, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, boolean, integer) IS
	'adds a row to its bin';

CREATE FUNCTION engage.ece_accum(float8[], float8, boolean, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, boolean, integer, float8) IS
	'adds a row to its bin, weighted';

CREATE FUNCTION engage.ece_accum(float8[], float8, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, integer) IS
	'adds a row to its bin of ten';

CREATE FUNCTION engage.ece_accum(float8[], float8, integer, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, integer, integer) IS
	'adds a row to its bin';

CREATE FUNCTION engage.ece_accum(float8[], float8, integer, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, integer, integer, float8) IS
	'adds a row to its bin, weighted';

CREATE FUNCTION engage.equal_accum(float8[], boolean, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_bool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], boolean, boolean) IS
	'adds a row: are prediction and truth equal';

CREATE FUNCTION engage.equal_accum(float8[], boolean, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_bool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], boolean, boolean, float8) IS
	'adds a row: are prediction and truth equal, weighted';

CREATE FUNCTION engage.equal_accum(float8[], integer, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], integer, integer) IS
	'adds a row: are prediction and truth equal';

CREATE FUNCTION engage.equal_accum(float8[], integer, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], integer, integer, float8) IS
	'adds a row: are prediction and truth equal, weighted';

CREATE FUNCTION engage.equal_accum(float8[], text, text) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], text, text) IS
	'adds a row: are prediction and truth equal';

CREATE FUNCTION engage.equal_accum(float8[], text, text, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], text, text, float8) IS
	'adds a row: are prediction and truth equal, weighted';

CREATE FUNCTION engage.counts_accum(float8[], boolean, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], boolean, boolean) IS
	'adds a row to the confusion matrix';

CREATE FUNCTION engage.counts_accum(float8[], boolean, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], boolean, boolean, float8) IS
	'adds a row to the confusion matrix, weighted';

CREATE FUNCTION engage.counts_accum(float8[], integer, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], integer, integer) IS
	'adds a row to the confusion matrix';

CREATE FUNCTION engage.counts_accum(float8[], integer, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], integer, integer, float8) IS
	'adds a row to the confusion matrix, weighted';

CREATE FUNCTION engage.counts_accum(float8[], text, text, text) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], text, text, text) IS
	'adds a row to the confusion matrix';

CREATE FUNCTION engage.counts_accum(float8[], text, text, text, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], text, text, text, float8) IS
	'adds a row to the confusion matrix, weighted';

-- transition functions: scores in their order

CREATE FUNCTION engage.scores_accum(bytea, float8, boolean) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, boolean) IS
	'keeps a score';

CREATE FUNCTION engage.scores_accum(bytea, float8, boolean, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, boolean, float8) IS
	'keeps a score, weighted';

CREATE FUNCTION engage.scores_accum(bytea, float8, integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, integer) IS
	'keeps a score';

CREATE FUNCTION engage.scores_accum(bytea, float8, integer, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, integer, float8) IS
	'keeps a score, weighted';

CREATE FUNCTION engage.ranked_accum(bytea, float8, boolean, integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_ranked_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ranked_accum(bytea, float8, boolean, integer) IS
	'keeps a row of a ranked list';

CREATE FUNCTION engage.ranked_accum(bytea, float8, float8, integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_ranked_accum_gain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ranked_accum(bytea, float8, float8, integer) IS
	'keeps a row of a ranked list';

-- combine and final functions

CREATE FUNCTION engage.sums_combine(float8[], float8[]) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_sums_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.sums_combine(float8[], float8[]) IS
	'adds two states, number by number';

CREATE FUNCTION engage.r2_combine(float8[], float8[]) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_r2_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.r2_combine(float8[], float8[]) IS
	'adds two states of engage_r2';

CREATE FUNCTION engage.scores_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_combine(bytea, bytea) IS
	'puts the scores of two states together';

CREATE FUNCTION engage.mean_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_mean_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mean_final(float8[]) IS
	'sum by weight';

CREATE FUNCTION engage.root_mean_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_root_mean_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.root_mean_final(float8[]) IS
	'root of sum by weight';

CREATE FUNCTION engage.r2_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_r2_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.r2_final(float8[]) IS
	'coefficient of determination';

CREATE FUNCTION engage.ece_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_ece_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_final(float8[]) IS
	'calibration error of the bins';

CREATE FUNCTION engage.precision_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_precision_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.precision_final(float8[]) IS
	'precision of the confusion matrix';

CREATE FUNCTION engage.recall_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_recall_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.recall_final(float8[]) IS
	'recall of the confusion matrix';

CREATE FUNCTION engage.f1_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_f1_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.f1_final(float8[]) IS
	'F1 of the confusion matrix';

CREATE FUNCTION engage.mcc_final(float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_mcc_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.mcc_final(float8[]) IS
	'correlation of the confusion matrix';

CREATE FUNCTION engage.auc_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_auc_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.auc_final(bytea) IS
	'area under the ROC curve of the scores';

CREATE FUNCTION engage.average_precision_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_average_precision_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.average_precision_final(bytea) IS
	'average precision of the scores';

CREATE FUNCTION engage.ks_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_ks_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ks_final(bytea) IS
	'largest distance of the two distributions';

CREATE FUNCTION engage.gini_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_gini_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.gini_final(bytea) IS
	'2 AUC - 1';

CREATE FUNCTION engage.ndcg_at_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_ndcg_at_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ndcg_at_final(bytea) IS
	'NDCG of the list';

CREATE FUNCTION engage.map_at_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_map_at_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.map_at_final(bytea) IS
	'average precision of the list';

CREATE FUNCTION engage.precision_at_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_precision_at_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.precision_at_final(bytea) IS
	'precision of the list';

CREATE FUNCTION engage.recall_at_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_recall_at_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.recall_at_final(bytea) IS
	'recall of the list';

CREATE FUNCTION engage.hit_rate_at_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_hit_rate_at_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.hit_rate_at_final(bytea) IS
	'chance of a hit in the list';

-- ---------------------------------------------------------------------------
-- numbers
-- ---------------------------------------------------------------------------

CREATE AGGREGATE engage_rmse(predicted float8, actual float8) (
	SFUNC = engage.rmse_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.root_mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_rmse(float8, float8) IS
	'root of the mean squared error';

CREATE AGGREGATE engage_rmse(predicted float8, actual float8, weight float8) (
	SFUNC = engage.rmse_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.root_mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_rmse(float8, float8, float8) IS
	'root of the mean squared error, weighted';

CREATE AGGREGATE engage_mae(predicted float8, actual float8) (
	SFUNC = engage.mae_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mae(float8, float8) IS
	'mean absolute error';

CREATE AGGREGATE engage_mae(predicted float8, actual float8, weight float8) (
	SFUNC = engage.mae_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mae(float8, float8, float8) IS
	'mean absolute error, weighted';

CREATE AGGREGATE engage_mape(predicted float8, actual float8) (
	SFUNC = engage.mape_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mape(float8, float8) IS
	'mean absolute error as a share of the actual value, where that is not 0';

CREATE AGGREGATE engage_mape(predicted float8, actual float8, weight float8) (
	SFUNC = engage.mape_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mape(float8, float8, float8) IS
	'mean absolute error as a share of the actual value, where that is not 0, weighted';

CREATE AGGREGATE engage_r2(predicted float8, actual float8) (
	SFUNC = engage.r2_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.r2_combine, FINALFUNC = engage.r2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_r2(float8, float8) IS
	'coefficient of determination';

CREATE AGGREGATE engage_r2(predicted float8, actual float8, weight float8) (
	SFUNC = engage.r2_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.r2_combine, FINALFUNC = engage.r2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_r2(float8, float8, float8) IS
	'coefficient of determination, weighted';

CREATE AGGREGATE engage_pinball(predicted float8, actual float8, quantile float8) (
	SFUNC = engage.pinball_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_pinball(float8, float8, float8) IS
	'pinball loss of a quantile';

CREATE AGGREGATE engage_pinball(predicted float8, actual float8, quantile float8, weight float8) (
	SFUNC = engage.pinball_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_pinball(float8, float8, float8, float8) IS
	'pinball loss of a quantile, weighted';

-- ---------------------------------------------------------------------------
-- probabilities
-- ---------------------------------------------------------------------------

CREATE AGGREGATE engage_logloss(score float8, truth boolean) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, boolean) IS
	'logarithmic loss of a probability';

CREATE AGGREGATE engage_logloss(score float8, truth boolean, weight float8) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, boolean, float8) IS
	'logarithmic loss of a probability, weighted';

CREATE AGGREGATE engage_brier(score float8, truth boolean) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, boolean) IS
	'Brier score: mean squared error of a probability';

CREATE AGGREGATE engage_brier(score float8, truth boolean, weight float8) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, boolean, float8) IS
	'Brier score: mean squared error of a probability, weighted';

CREATE AGGREGATE engage_ece(score float8, truth boolean) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, boolean) IS
	'expected calibration error over ten bins';

CREATE AGGREGATE engage_ece(score float8, truth boolean, bins integer) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, boolean, integer) IS
	'expected calibration error over bins of equal width';

CREATE AGGREGATE engage_ece(score float8, truth boolean, bins integer, weight float8) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, boolean, integer, float8) IS
	'expected calibration error over bins of equal width, weighted';

CREATE AGGREGATE engage_logloss(score float8, truth integer) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, integer) IS
	'logarithmic loss of a probability';

CREATE AGGREGATE engage_logloss(score float8, truth integer, weight float8) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, integer, float8) IS
	'logarithmic loss of a probability, weighted';

CREATE AGGREGATE engage_brier(score float8, truth integer) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, integer) IS
	'Brier score: mean squared error of a probability';

CREATE AGGREGATE engage_brier(score float8, truth integer, weight float8) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, integer, float8) IS
	'Brier score: mean squared error of a probability, weighted';

CREATE AGGREGATE engage_ece(score float8, truth integer) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, integer) IS
	'expected calibration error over ten bins';

CREATE AGGREGATE engage_ece(score float8, truth integer, bins integer) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, integer, integer) IS
	'expected calibration error over bins of equal width';

CREATE AGGREGATE engage_ece(score float8, truth integer, bins integer, weight float8) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, integer, integer, float8) IS
	'expected calibration error over bins of equal width, weighted';

-- ---------------------------------------------------------------------------
-- the order of scores
-- ---------------------------------------------------------------------------

CREATE AGGREGATE engage_auc(score float8, truth boolean) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, boolean) IS
	'area under the ROC curve';

CREATE AGGREGATE engage_auc(score float8, truth boolean, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, boolean, float8) IS
	'area under the ROC curve, weighted';

CREATE AGGREGATE engage_auc(score float8, truth integer) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, integer) IS
	'area under the ROC curve';

CREATE AGGREGATE engage_auc(score float8, truth integer, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, integer, float8) IS
	'area under the ROC curve, weighted';

CREATE AGGREGATE engage_average_precision(score float8, truth boolean) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, boolean) IS
	'average precision: area under the precision-recall curve by steps';

CREATE AGGREGATE engage_average_precision(score float8, truth boolean, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, boolean, float8) IS
	'average precision: area under the precision-recall curve by steps, weighted';

CREATE AGGREGATE engage_average_precision(score float8, truth integer) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, integer) IS
	'average precision: area under the precision-recall curve by steps';

CREATE AGGREGATE engage_average_precision(score float8, truth integer, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, integer, float8) IS
	'average precision: area under the precision-recall curve by steps, weighted';

CREATE AGGREGATE engage_ks_separation(score float8, truth boolean) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, boolean) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions';

CREATE AGGREGATE engage_ks_separation(score float8, truth boolean, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, boolean, float8) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions, weighted';

CREATE AGGREGATE engage_ks_separation(score float8, truth integer) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, integer) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions';

CREATE AGGREGATE engage_ks_separation(score float8, truth integer, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, integer, float8) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions, weighted';

CREATE AGGREGATE engage_gini(score float8, truth boolean) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, boolean) IS
	'Gini coefficient of the scores: 2 AUC - 1';

CREATE AGGREGATE engage_gini(score float8, truth boolean, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, boolean, float8) IS
	'Gini coefficient of the scores: 2 AUC - 1, weighted';

CREATE AGGREGATE engage_gini(score float8, truth integer) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, integer) IS
	'Gini coefficient of the scores: 2 AUC - 1';

CREATE AGGREGATE engage_gini(score float8, truth integer, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, integer, float8) IS
	'Gini coefficient of the scores: 2 AUC - 1, weighted';

-- ---------------------------------------------------------------------------
-- classes
-- ---------------------------------------------------------------------------

CREATE AGGREGATE engage_accuracy(predicted boolean, truth boolean) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(boolean, boolean) IS
	'share of rows whose class is predicted';

CREATE AGGREGATE engage_accuracy(predicted boolean, truth boolean, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(boolean, boolean, float8) IS
	'share of rows whose class is predicted, weighted';

CREATE AGGREGATE engage_accuracy(predicted integer, truth integer) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(integer, integer) IS
	'share of rows whose class is predicted';

CREATE AGGREGATE engage_accuracy(predicted integer, truth integer, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(integer, integer, float8) IS
	'share of rows whose class is predicted, weighted';

CREATE AGGREGATE engage_accuracy(predicted text, truth text) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(text, text) IS
	'share of rows whose class is predicted';

CREATE AGGREGATE engage_accuracy(predicted text, truth text, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(text, text, float8) IS
	'share of rows whose class is predicted, weighted';

CREATE AGGREGATE engage_precision(predicted boolean, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(boolean, boolean) IS
	'share of true ones among those predicted';

CREATE AGGREGATE engage_precision(predicted boolean, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(boolean, boolean, float8) IS
	'share of true ones among those predicted, weighted';

CREATE AGGREGATE engage_precision(predicted integer, truth integer) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(integer, integer) IS
	'share of true ones among those predicted';

CREATE AGGREGATE engage_precision(predicted integer, truth integer, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(integer, integer, float8) IS
	'share of true ones among those predicted, weighted';

CREATE AGGREGATE engage_precision(predicted text, truth text, positive text) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(text, text, text) IS
	'share of true ones among those predicted, of one class';

CREATE AGGREGATE engage_precision(predicted text, truth text, positive text, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(text, text, text, float8) IS
	'share of true ones among those predicted, of one class, weighted';

CREATE AGGREGATE engage_recall(predicted boolean, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(boolean, boolean) IS
	'share of the true ones that is predicted';

CREATE AGGREGATE engage_recall(predicted boolean, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(boolean, boolean, float8) IS
	'share of the true ones that is predicted, weighted';

CREATE AGGREGATE engage_recall(predicted integer, truth integer) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(integer, integer) IS
	'share of the true ones that is predicted';

CREATE AGGREGATE engage_recall(predicted integer, truth integer, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(integer, integer, float8) IS
	'share of the true ones that is predicted, weighted';

CREATE AGGREGATE engage_recall(predicted text, truth text, positive text) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(text, text, text) IS
	'share of the true ones that is predicted, of one class';

CREATE AGGREGATE engage_recall(predicted text, truth text, positive text, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(text, text, text, float8) IS
	'share of the true ones that is predicted, of one class, weighted';

CREATE AGGREGATE engage_f1(predicted boolean, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(boolean, boolean) IS
	'harmonic mean of precision and recall';

CREATE AGGREGATE engage_f1(predicted boolean, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(boolean, boolean, float8) IS
	'harmonic mean of precision and recall, weighted';

CREATE AGGREGATE engage_f1(predicted integer, truth integer) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(integer, integer) IS
	'harmonic mean of precision and recall';

CREATE AGGREGATE engage_f1(predicted integer, truth integer, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(integer, integer, float8) IS
	'harmonic mean of precision and recall, weighted';

CREATE AGGREGATE engage_f1(predicted text, truth text, positive text) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(text, text, text) IS
	'harmonic mean of precision and recall, of one class';

CREATE AGGREGATE engage_f1(predicted text, truth text, positive text, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(text, text, text, float8) IS
	'harmonic mean of precision and recall, of one class, weighted';

CREATE AGGREGATE engage_mcc(predicted boolean, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(boolean, boolean) IS
	'correlation of prediction and truth (Matthews)';

CREATE AGGREGATE engage_mcc(predicted boolean, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(boolean, boolean, float8) IS
	'correlation of prediction and truth (Matthews), weighted';

CREATE AGGREGATE engage_mcc(predicted integer, truth integer) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(integer, integer) IS
	'correlation of prediction and truth (Matthews)';

CREATE AGGREGATE engage_mcc(predicted integer, truth integer, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(integer, integer, float8) IS
	'correlation of prediction and truth (Matthews), weighted';

CREATE AGGREGATE engage_mcc(predicted text, truth text, positive text) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(text, text, text) IS
	'correlation of prediction and truth (Matthews), of one class';

CREATE AGGREGATE engage_mcc(predicted text, truth text, positive text, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(text, text, text, float8) IS
	'correlation of prediction and truth (Matthews), of one class, weighted';

-- ---------------------------------------------------------------------------
-- ranked lists: one list a group
-- ---------------------------------------------------------------------------

CREATE AGGREGATE engage_ndcg_at(score float8, relevant boolean, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ndcg_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ndcg_at(float8, boolean, integer) IS
	'normalized discounted cumulative gain of the best k';

CREATE AGGREGATE engage_ndcg_at(score float8, gain float8, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ndcg_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ndcg_at(float8, float8, integer) IS
	'normalized discounted cumulative gain of the best k';

CREATE AGGREGATE engage_map_at(score float8, relevant boolean, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.map_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_map_at(float8, boolean, integer) IS
	'average precision of the best k';

CREATE AGGREGATE engage_map_at(score float8, gain float8, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.map_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_map_at(float8, float8, integer) IS
	'average precision of the best k';

CREATE AGGREGATE engage_precision_at(score float8, relevant boolean, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.precision_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision_at(float8, boolean, integer) IS
	'share of relevant rows among the best k';

CREATE AGGREGATE engage_precision_at(score float8, gain float8, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.precision_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision_at(float8, float8, integer) IS
	'share of relevant rows among the best k';

CREATE AGGREGATE engage_recall_at(score float8, relevant boolean, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.recall_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall_at(float8, boolean, integer) IS
	'share of the relevant rows that is among the best k';

CREATE AGGREGATE engage_recall_at(score float8, gain float8, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.recall_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall_at(float8, float8, integer) IS
	'share of the relevant rows that is among the best k';

CREATE AGGREGATE engage_hit_rate_at(score float8, relevant boolean, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.hit_rate_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_hit_rate_at(float8, boolean, integer) IS
	'is a relevant row among the best k';

CREATE AGGREGATE engage_hit_rate_at(score float8, gain float8, k integer) (
	SFUNC = engage.ranked_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.hit_rate_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_hit_rate_at(float8, float8, integer) IS
	'is a relevant row among the best k';

-- ---------------------------------------------------------------------------
-- a model on a source, which is read as the caller
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_evaluate(
	model text,
	source text,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	group_by text DEFAULT NULL,
	event text DEFAULT NULL,
	intervals float8 DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'engage_evaluate'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_evaluate(text, text, text, text, text, text, float8)
IS 'every metric of a model on the rows of a source, as in the result of engage_train';

CREATE FUNCTION engage_confusion(
	model text,
	source text,
	target text DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	OUT actual text,
	OUT predicted text,
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_confusion'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 9;
COMMENT ON FUNCTION engage_confusion(text, text, text, float8)
IS 'rows of each class by the class that the model predicts';

CREATE FUNCTION engage_roc(
	model text,
	source text,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL,
	OUT threshold float8,
	OUT fpr float8,
	OUT tpr float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_roc'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION engage_roc(text, text, text, text, text)
IS 'ROC curve of a model on a source, from the highest threshold down';

CREATE FUNCTION engage_pr_curve(
	model text,
	source text,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL,
	OUT threshold float8,
	OUT "precision" float8,
	OUT recall float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_pr_curve'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION engage_pr_curve(text, text, text, text, text)
IS 'precision and recall of a model on a source at each threshold, from the highest down';

CREATE FUNCTION engage_calibration(
	model text,
	source text,
	bins integer DEFAULT 10,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL,
	OUT bin integer,
	OUT mean_predicted float8,
	OUT observed_rate float8,
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_calibration'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_calibration(text, text, integer, text, text, text)
IS 'predicted probability and observed share of a class, in bins of equal width that have rows';

CREATE FUNCTION engage_lift(
	model text,
	source text,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL,
	OUT decile integer,
	OUT rows float8,
	OUT positives float8,
	OUT rate float8,
	OUT lift float8,
	OUT cumulative_gain float8,
	OUT lowest_score float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_lift'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_lift(text, text, text, text, text)
IS 'gain and lift of a model on a source by tenths of the rows, best scores first';

CREATE FUNCTION engage_threshold(
	model text,
	source text,
	goal text DEFAULT 'f1',
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	OUT threshold float8,
	OUT value float8,
	OUT "precision" float8,
	OUT recall float8,
	OUT f1 float8,
	OUT accuracy float8,
	OUT tp float8,
	OUT fp float8,
	OUT fn float8,
	OUT tn float8)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_threshold'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_threshold(text, text, text, text, text)
IS 'the threshold that is best for a goal: f1, youden, ''recall >= 0.8'' or costs of errors as JSON';
