-- ---------------------------------------------------------------------------
-- 58_types.sql: metrics and drift over columns of other types (src/api/state.c)
--
-- What the other forms do not take: a truth that is bigint, numeric, real or double precision,
-- classes of two types, drift of booleans, dates and timestamps.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.logloss_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, float8) IS
	'adds a row: logarithmic loss, of numbers of any type';

CREATE FUNCTION engage.logloss_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_logloss_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.logloss_accum(float8[], float8, float8, float8) IS
	'adds a row: logarithmic loss, weighted, of numbers of any type';

CREATE FUNCTION engage.brier_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, float8) IS
	'adds a row: squared error of a probability, of numbers of any type';

CREATE FUNCTION engage.brier_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_brier_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.brier_accum(float8[], float8, float8, float8) IS
	'adds a row: squared error of a probability, weighted, of numbers of any type';

CREATE FUNCTION engage.ece_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, float8) IS
	'adds a row to its bin of ten, of numbers of any type';

CREATE FUNCTION engage.ece_accum(float8[], float8, float8, integer) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, float8, integer) IS
	'adds a row to its bin, of numbers of any type';

CREATE FUNCTION engage.ece_accum(float8[], float8, float8, integer, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_ece_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.ece_accum(float8[], float8, float8, integer, float8) IS
	'adds a row to its bin, weighted, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], float8, float8) IS
	'adds a row: are prediction and truth equal, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], boolean, float8) IS
	'adds a row: are prediction and truth equal, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], float8, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], float8, boolean) IS
	'adds a row: are prediction and truth equal, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], float8, float8, float8) IS
	'adds a row: are prediction and truth equal, weighted, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], boolean, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], boolean, float8, float8) IS
	'adds a row: are prediction and truth equal, weighted, of numbers of any type';

CREATE FUNCTION engage.equal_accum(float8[], float8, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_equal_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.equal_accum(float8[], float8, boolean, float8) IS
	'adds a row: are prediction and truth equal, weighted, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], float8, float8) IS
	'adds a row to the confusion matrix, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], boolean, float8) IS
	'adds a row to the confusion matrix, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], float8, boolean) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], float8, boolean) IS
	'adds a row to the confusion matrix, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], float8, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], float8, float8, float8) IS
	'adds a row to the confusion matrix, weighted, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], boolean, float8, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], boolean, float8, float8) IS
	'adds a row to the confusion matrix, weighted, of numbers of any type';

CREATE FUNCTION engage.counts_accum(float8[], float8, boolean, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_counts_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.counts_accum(float8[], float8, boolean, float8) IS
	'adds a row to the confusion matrix, weighted, of numbers of any type';

CREATE FUNCTION engage.scores_accum(bytea, float8, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, float8) IS
	'keeps a score, of numbers of any type';

CREATE FUNCTION engage.scores_accum(bytea, float8, float8, float8) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_scores_accum_int' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.scores_accum(bytea, float8, float8, float8) IS
	'keeps a score, weighted, of numbers of any type';

CREATE AGGREGATE engage_logloss(score float8, truth float8) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, float8) IS
	'logarithmic loss of a probability, of numbers of any type';

CREATE AGGREGATE engage_logloss(score float8, truth float8, weight float8) (
	SFUNC = engage.logloss_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_logloss(float8, float8, float8) IS
	'logarithmic loss of a probability, weighted, of numbers of any type';

CREATE AGGREGATE engage_brier(score float8, truth float8) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, float8) IS
	'Brier score: mean squared error of a probability, of numbers of any type';

CREATE AGGREGATE engage_brier(score float8, truth float8, weight float8) (
	SFUNC = engage.brier_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_brier(float8, float8, float8) IS
	'Brier score: mean squared error of a probability, weighted, of numbers of any type';

CREATE AGGREGATE engage_ece(score float8, truth float8) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, float8) IS
	'expected calibration error over ten bins, of numbers of any type';

CREATE AGGREGATE engage_ece(score float8, truth float8, bins integer) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, float8, integer) IS
	'expected calibration error over bins of equal width, of numbers of any type';

CREATE AGGREGATE engage_ece(score float8, truth float8, bins integer, weight float8) (
	SFUNC = engage.ece_accum, STYPE = float8[], INITCOND = '{}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.ece_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ece(float8, float8, integer, float8) IS
	'expected calibration error over bins of equal width, weighted, of numbers of any type';

CREATE AGGREGATE engage_auc(score float8, truth float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, float8) IS
	'area under the ROC curve, of numbers of any type';

CREATE AGGREGATE engage_auc(score float8, truth float8, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.auc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_auc(float8, float8, float8) IS
	'area under the ROC curve, weighted, of numbers of any type';

CREATE AGGREGATE engage_average_precision(score float8, truth float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, float8) IS
	'average precision: area under the precision-recall curve by steps, of numbers of any type';

CREATE AGGREGATE engage_average_precision(score float8, truth float8, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.average_precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_average_precision(float8, float8, float8) IS
	'average precision: area under the precision-recall curve by steps, weighted, of numbers of any type';

CREATE AGGREGATE engage_ks_separation(score float8, truth float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, float8) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions, of numbers of any type';

CREATE AGGREGATE engage_ks_separation(score float8, truth float8, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.ks_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_separation(float8, float8, float8) IS
	'Kolmogorov-Smirnov separation: largest distance of the two score distributions, weighted, of numbers of any type';

CREATE AGGREGATE engage_gini(score float8, truth float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, float8) IS
	'Gini coefficient of the scores: 2 AUC - 1, of numbers of any type';

CREATE AGGREGATE engage_gini(score float8, truth float8, weight float8) (
	SFUNC = engage.scores_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.scores_combine, FINALFUNC = engage.gini_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_gini(float8, float8, float8) IS
	'Gini coefficient of the scores: 2 AUC - 1, weighted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted float8, truth float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(float8, float8) IS
	'share of rows whose class is predicted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted boolean, truth float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(boolean, float8) IS
	'share of rows whose class is predicted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted float8, truth boolean) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(float8, boolean) IS
	'share of rows whose class is predicted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted float8, truth float8, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(float8, float8, float8) IS
	'share of rows whose class is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted boolean, truth float8, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(boolean, float8, float8) IS
	'share of rows whose class is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_accuracy(predicted float8, truth boolean, weight float8) (
	SFUNC = engage.equal_accum, STYPE = float8[], INITCOND = '{0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mean_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_accuracy(float8, boolean, float8) IS
	'share of rows whose class is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted float8, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(float8, float8) IS
	'share of true ones among those predicted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted boolean, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(boolean, float8) IS
	'share of true ones among those predicted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted float8, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(float8, boolean) IS
	'share of true ones among those predicted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted float8, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(float8, float8, float8) IS
	'share of true ones among those predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted boolean, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(boolean, float8, float8) IS
	'share of true ones among those predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_precision(predicted float8, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_precision(float8, boolean, float8) IS
	'share of true ones among those predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted float8, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(float8, float8) IS
	'share of the true ones that is predicted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted boolean, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(boolean, float8) IS
	'share of the true ones that is predicted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted float8, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(float8, boolean) IS
	'share of the true ones that is predicted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted float8, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(float8, float8, float8) IS
	'share of the true ones that is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted boolean, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(boolean, float8, float8) IS
	'share of the true ones that is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_recall(predicted float8, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_recall(float8, boolean, float8) IS
	'share of the true ones that is predicted, weighted, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted float8, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(float8, float8) IS
	'harmonic mean of precision and recall, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted boolean, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(boolean, float8) IS
	'harmonic mean of precision and recall, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted float8, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(float8, boolean) IS
	'harmonic mean of precision and recall, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted float8, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(float8, float8, float8) IS
	'harmonic mean of precision and recall, weighted, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted boolean, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(boolean, float8, float8) IS
	'harmonic mean of precision and recall, weighted, of numbers of any type';

CREATE AGGREGATE engage_f1(predicted float8, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.f1_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_f1(float8, boolean, float8) IS
	'harmonic mean of precision and recall, weighted, of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted float8, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(float8, float8) IS
	'correlation of prediction and truth (Matthews), of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted boolean, truth float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(boolean, float8) IS
	'correlation of prediction and truth (Matthews), of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted float8, truth boolean) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(float8, boolean) IS
	'correlation of prediction and truth (Matthews), of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted float8, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(float8, float8, float8) IS
	'correlation of prediction and truth (Matthews), weighted, of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted boolean, truth float8, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(boolean, float8, float8) IS
	'correlation of prediction and truth (Matthews), weighted, of numbers of any type';

CREATE AGGREGATE engage_mcc(predicted float8, truth boolean, weight float8) (
	SFUNC = engage.counts_accum, STYPE = float8[], INITCOND = '{0,0,0,0}',
	COMBINEFUNC = engage.sums_combine, FINALFUNC = engage.mcc_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_mcc(float8, boolean, float8) IS
	'correlation of prediction and truth (Matthews), weighted, of numbers of any type';

CREATE FUNCTION engage.drift_accum(bytea, "any", boolean) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum_any' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum(bytea, "any", boolean) IS
	'adds a number to one side of a drift aggregate, of booleans and dates';

CREATE FUNCTION engage.drift_accum(bytea, "any", boolean, integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum_any' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum(bytea, "any", boolean, integer) IS
	'adds a number to one side of a drift aggregate of so many bins, of booleans and dates';

CREATE FUNCTION engage.drift_accum_edges(bytea, "any", boolean, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_drift_accum_any_edges' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.drift_accum_edges(bytea, "any", boolean, float8[]) IS
	'counts a number in its bin on one side of a drift aggregate, of booleans and dates';

CREATE AGGREGATE engage_psi(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi("any", boolean) IS
	'population stability index, ten bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_psi(value "any", is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi("any", boolean, integer) IS
	'population stability index, so many bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_psi(value "any", is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.psi_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_psi("any", boolean, float8[]) IS
	'population stability index, bins with these upper edges, of booleans and dates';

CREATE AGGREGATE engage_kl(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl("any", boolean) IS
	'Kullback-Leibler divergence of the current side from the reference, ten bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_kl(value "any", is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl("any", boolean, integer) IS
	'Kullback-Leibler divergence of the current side from the reference, so many bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_kl(value "any", is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.kl_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kl("any", boolean, float8[]) IS
	'Kullback-Leibler divergence of the current side from the reference, bins with these upper edges, of booleans and dates';

CREATE AGGREGATE engage_js(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js("any", boolean) IS
	'Jensen-Shannon divergence, ten bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_js(value "any", is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js("any", boolean, integer) IS
	'Jensen-Shannon divergence, so many bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_js(value "any", is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.js_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_js("any", boolean, float8[]) IS
	'Jensen-Shannon divergence, bins with these upper edges, of booleans and dates';

CREATE AGGREGATE engage_chi2(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2("any", boolean) IS
	'chi-squared of both sides, ten bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_chi2(value "any", is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2("any", boolean, integer) IS
	'chi-squared of both sides, so many bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_chi2(value "any", is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2("any", boolean, float8[]) IS
	'chi-squared of both sides, bins with these upper edges, of booleans and dates';

CREATE AGGREGATE engage_chi2_p(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p("any", boolean) IS
	'p-value of the chi-squared test, ten bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_chi2_p(value "any", is_current boolean, bins integer) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p("any", boolean, integer) IS
	'p-value of the chi-squared test, so many bins of equal weight of the reference, of booleans and dates';

CREATE AGGREGATE engage_chi2_p(value "any", is_current boolean, edges float8[]) (
	SFUNC = engage.drift_accum_edges, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.chi2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_chi2_p("any", boolean, float8[]) IS
	'p-value of the chi-squared test, bins with these upper edges, of booleans and dates';

CREATE AGGREGATE engage_ks(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.ks2_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks("any", boolean) IS
	'largest distance of the two distribution functions (Kolmogorov-Smirnov), of booleans and dates';

CREATE AGGREGATE engage_ks_p(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.ks2_p_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_ks_p("any", boolean) IS
	'p-value of the two-sample Kolmogorov-Smirnov test, of booleans and dates';

CREATE AGGREGATE engage_wasserstein(value "any", is_current boolean) (
	SFUNC = engage.drift_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.drift_combine, FINALFUNC = engage.wasserstein_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_wasserstein("any", boolean) IS
	'area between the two distribution functions, in the values unit, of booleans and dates';
