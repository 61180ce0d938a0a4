-- ---------------------------------------------------------------------------
-- 80_plot.sql: pictures as SVG text (src/api/api_plot.c, src/api/api_plot_rows.c, src/plot/)
--
-- engage_draw() draws numbers; the functions below gather them.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_draw(kind text, data jsonb, options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_draw'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION engage_draw(text, jsonb, jsonb)
IS 'a picture of the rows in data, as SVG text; the kinds are on the reference page';

-- ---------------------------------------------------------------------------
-- numbers that pictures need, reduced to what can be seen
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_score_histogram(
	model text,
	source text,
	bins integer DEFAULT 40,
	target text DEFAULT NULL,
	class text DEFAULT NULL,
	OUT lower float8,
	OUT upper float8,
	OUT class text,
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_score_histogram'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 80;
COMMENT ON FUNCTION engage_score_histogram(text, text, integer, text, text)
IS 'scores of a model on a source in bins of equal width: of each class, or predicted and actual numbers';

CREATE FUNCTION engage_residuals(
	model text,
	source text,
	target text DEFAULT NULL,
	points integer DEFAULT 5000,
	OUT actual float8,
	OUT predicted float8,
	OUT residual float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_residuals'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5000;
COMMENT ON FUNCTION engage_residuals(text, text, text, integer)
IS 'actual and predicted numbers of a model on a source, evenly thinned to so many points';

CREATE FUNCTION engage_contributions(
	model text,
	source text,
	sample integer DEFAULT 1000,
	class text DEFAULT NULL,
	seed bigint DEFAULT 1,
	OUT id bigint,
	OUT feature text,
	OUT value text,
	OUT x float8,
	OUT contribution float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_contributions'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 20000;
COMMENT ON FUNCTION engage_contributions(text, text, integer, text, bigint)
IS 'contributions of every feature to the scores of a sample of rows';

CREATE FUNCTION engage_learning_curve(
	model text,
	OUT metric text,
	OUT series text,
	OUT round integer,
	OUT value float8,
	OUT best_round integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_learning_curve'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 200;
COMMENT ON FUNCTION engage_learning_curve(text)
IS 'the metric of each round of a model''s training, on training and validation rows';

-- ---------------------------------------------------------------------------
-- a model's pictures
-- ---------------------------------------------------------------------------

-- what the options say, and a title where they have none
CREATE FUNCTION engage.plot_options(options jsonb, title text)
RETURNS jsonb
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN jsonb_typeof(coalesce(options, '{}')) <> 'object' THEN options
		ELSE jsonb_build_object('title', title) || coalesce(options, '{}') END;
END;
COMMENT ON FUNCTION engage.plot_options(jsonb, text) IS 'options of a picture with a title of its own';

CREATE FUNCTION engage_plot_roc(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('roc', jsonb_agg(jsonb_build_object('series', model, 'fpr', r.fpr, 'tpr', r.tpr)),
		engage.plot_options(options, format('ROC curve of %s', model)))
	FROM engage_roc(model, source, target, weight, class) r;
END;
COMMENT ON FUNCTION engage_plot_roc(text, text, jsonb, text, text, text)
IS 'picture: ROC curve of a model on a source';

CREATE FUNCTION engage_plot_pr(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('pr', jsonb_agg(jsonb_build_object('series', model, 'precision', r."precision", 'recall', r.recall)),
		engage.plot_options(options, format('Precision and recall of %s', model)))
	FROM engage_pr_curve(model, source, target, weight, class) r;
END;
COMMENT ON FUNCTION engage_plot_pr(text, text, jsonb, text, text, text)
IS 'picture: precision and recall of a model on a source';

CREATE FUNCTION engage_plot_calibration(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	bins integer DEFAULT 10,
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('calibration', jsonb_agg(to_jsonb(r) || jsonb_build_object('series', model)),
		engage.plot_options(options, format('Calibration of %s', model)))
	FROM engage_calibration(model, source, bins, target, weight, class) r;
END;
COMMENT ON FUNCTION engage_plot_calibration(text, text, jsonb, integer, text, text, text)
IS 'picture: predicted probabilities of a model against what happened, and how many rows have each';

CREATE FUNCTION engage_plot_lift(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	target text DEFAULT NULL,
	weight text DEFAULT NULL,
	class text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('lift', jsonb_agg(to_jsonb(r)),
		engage.plot_options(options, format('Gain and lift of %s', model)))
	FROM engage_lift(model, source, target, weight, class) r;
END;
COMMENT ON FUNCTION engage_plot_lift(text, text, jsonb, text, text, text)
IS 'picture: gain and lift of a model on a source, by tenths of the rows';

CREATE FUNCTION engage_plot_confusion(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	target text DEFAULT NULL,
	threshold float8 DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('confusion', jsonb_agg(to_jsonb(r)),
		engage.plot_options(options, format('What %s says, and what was', model)))
	FROM engage_confusion(model, source, target, threshold) r;
END;
COMMENT ON FUNCTION engage_plot_confusion(text, text, jsonb, text, float8)
IS 'picture: confusion matrix of a model on a source';

CREATE FUNCTION engage_plot_scores(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	bins integer DEFAULT 40,
	target text DEFAULT NULL,
	class text DEFAULT NULL,
	threshold float8 DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('scores', jsonb_build_object('threshold', threshold, 'rows', jsonb_agg(to_jsonb(r))),
		engage.plot_options(options, format('Scores of %s', model)))
	FROM engage_score_histogram(model, source, bins, target, class) r;
END;
COMMENT ON FUNCTION engage_plot_scores(text, text, jsonb, integer, text, text, float8)
IS 'picture: distribution of a model''s scores on a source, by class';

CREATE FUNCTION engage_plot_fit(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	target text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('scatter', jsonb_build_object('x_name', 'actual', 'y_name', 'predicted',
			'diagonal', 'predicted as it was',
			'rows', jsonb_agg(jsonb_build_object('x', r.actual, 'y', r.predicted))),
		engage.plot_options(options, format('Predictions of %s against what was', model)))
	FROM engage_residuals(model, source, target, 20000) r;
END;
COMMENT ON FUNCTION engage_plot_fit(text, text, jsonb, text)
IS 'picture: predicted numbers of a model on a source against the actual ones';

CREATE FUNCTION engage_plot_importance(
	model text,
	source text DEFAULT NULL,
	options jsonb DEFAULT '{}',
	method text DEFAULT NULL,
	metric text DEFAULT NULL,
	class text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('importance', jsonb_build_object(
			'unit', CASE coalesce(method, CASE WHEN source IS NULL THEN 'model' ELSE 'permutation' END)
				WHEN 'permutation' THEN 'what the metric loses without the feature'
				WHEN 'shap' THEN 'mean size of the contribution to the score'
				WHEN 'model' THEN 'importance as the algorithm defines it'
				WHEN 'weight' THEN 'number of splits'
				ELSE replace(method, '_', ' ') END,
			'rows', jsonb_agg(jsonb_build_object('feature', r.feature, 'importance', r.importance,
				'deviation', CASE WHEN method IS DISTINCT FROM 'shap' THEN r.deviation END))),
		engage.plot_options(options, format('What %s relies on', model)))
	FROM engage_importance(model, source, method, metric, class => class) r;
END;
COMMENT ON FUNCTION engage_plot_importance(text, text, jsonb, text, text, text)
IS 'picture: importance of a model''s features as bars';

CREATE FUNCTION engage_plot_shap(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	sample integer DEFAULT 1000,
	class text DEFAULT NULL,
	seed bigint DEFAULT 1)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('shap', jsonb_build_object('unit', 'contribution to the score',
			'rows', jsonb_agg(jsonb_build_object('feature', r.feature, 'contribution', r.contribution,
				'value', coalesce(to_jsonb(r.x), to_jsonb(r.value))))),
		engage.plot_options(options, format('What the features do to the score of %s', model)))
	FROM engage_contributions(model, source, sample, class, seed) r;
END;
COMMENT ON FUNCTION engage_plot_shap(text, text, jsonb, integer, text, bigint)
IS 'picture: contributions of every feature in a sample of rows, as swarms of dots';

CREATE FUNCTION engage_plot_waterfall(
	model text,
	"row" record,
	options jsonb DEFAULT '{}',
	class text DEFAULT NULL,
	space text DEFAULT 'output')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_plot_waterfall_row'
LANGUAGE C STABLE PARALLEL SAFE COST 3000;
COMMENT ON FUNCTION engage_plot_waterfall(text, record, jsonb, text, text)
IS 'picture: from the base to the prediction of a row, feature by feature';

CREATE FUNCTION engage_plot_waterfall(
	model text,
	"row" jsonb,
	options jsonb DEFAULT '{}',
	class text DEFAULT NULL,
	space text DEFAULT 'output')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_plot_waterfall_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 3000;
COMMENT ON FUNCTION engage_plot_waterfall(text, jsonb, jsonb, text, text)
IS 'picture: from the base to the prediction of a JSON object, feature by feature';

CREATE FUNCTION engage_plot_force(
	model text,
	"row" record,
	options jsonb DEFAULT '{}',
	class text DEFAULT NULL,
	space text DEFAULT 'output')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_plot_force_row'
LANGUAGE C STABLE PARALLEL SAFE COST 3000;
COMMENT ON FUNCTION engage_plot_force(text, record, jsonb, text, text)
IS 'picture: what raises and what lowers the prediction of a row';

CREATE FUNCTION engage_plot_force(
	model text,
	"row" jsonb,
	options jsonb DEFAULT '{}',
	class text DEFAULT NULL,
	space text DEFAULT 'output')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_plot_force_jsonb'
LANGUAGE C STABLE PARALLEL SAFE COST 3000;
COMMENT ON FUNCTION engage_plot_force(text, jsonb, jsonb, text, text)
IS 'picture: what raises and what lowers the prediction of a JSON object';

CREATE FUNCTION engage_plot_dependence(
	model text,
	source text,
	feature text,
	options jsonb DEFAULT '{}',
	kind text DEFAULT 'partial',
	feature2 text DEFAULT NULL,
	class text DEFAULT NULL,
	grid integer DEFAULT 20,
	sample integer DEFAULT 1000)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('dependence', jsonb_build_object('kind', kind, 'feature', feature,
			'feature2', min(r.second),
			'rows', jsonb_agg(jsonb_build_object('id', r.id, 'feature_value', r.feature_value, 'x', r.x,
				'feature2_value', r.second_value, 'x2', r.x2, 'value', r.value, 'lower', r.lower,
				'upper', r.upper, 'count', r.count))),
		engage.plot_options(options, format('What %s does to the score of %s', feature, model)))
	FROM engage_dependence(model, source, feature, kind, grid, class, sample, feature2) r;
END;
COMMENT ON FUNCTION engage_plot_dependence(text, text, text, jsonb, text, text, text, integer, integer)
IS 'picture: what a feature, or two, does to the score';

CREATE FUNCTION engage_plot_learning(model text, options jsonb DEFAULT '{}')
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('learning', jsonb_build_object('metric', min(r.metric),
			'best_round', max(r.best_round), 'rows', jsonb_agg(to_jsonb(r))),
		engage.plot_options(options, format('How %s was learned', model)))
	FROM engage_learning_curve(model) r;
END;
COMMENT ON FUNCTION engage_plot_learning(text, jsonb)
IS 'picture: the metric of each round of a model''s training';

CREATE FUNCTION engage_plot_tuning(model text, options jsonb DEFAULT '{}', tuning bigint DEFAULT NULL)
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('tuning', jsonb_build_object('metric', min(t.metric),
			'rows', jsonb_agg(jsonb_build_object('trial', t.trial, 'mean', t.mean, 'loss', t.loss,
				'state', t.state, 'algorithm', t.algorithm))),
		engage.plot_options(options, format('Search for parameters of %s', engage_plot_tuning.model)))
	FROM engage.trials t
	WHERE t.model = split_part(engage_plot_tuning.model, '@', 1)
		AND t.tuning = coalesce(engage_plot_tuning.tuning, (SELECT max(l.tuning) FROM engage.trials l
			WHERE l.model = split_part(engage_plot_tuning.model, '@', 1)));
END;
COMMENT ON FUNCTION engage_plot_tuning(text, jsonb, bigint)
IS 'picture: the trials of a search for parameters, the last one unless one is named';

-- ---------------------------------------------------------------------------
-- watching a model
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_plot_drift(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	bins integer DEFAULT 10,
	multivariate boolean DEFAULT true)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('drift', jsonb_build_object('auc', max(r.auc), 'auc_error', max(r.auc_error),
			'rows', jsonb_agg(jsonb_build_object('feature', r.feature, 'kind', r.kind, 'psi', r.psi,
				'chance', r.chance, 'status', r.status)) FILTER (WHERE r.kind <> 'multivariate')),
		engage.plot_options(options, format('Drift since the training of %s', model)))
	FROM engage_drift(model, source, bins, multivariate) r;
END;
COMMENT ON FUNCTION engage_plot_drift(text, text, jsonb, integer, boolean)
IS 'picture: how far scores and features have moved since a model''s training, as PSI with its limits';

CREATE FUNCTION engage_plot_performance(
	model text,
	outcomes text,
	options jsonb DEFAULT '{}',
	metric text DEFAULT NULL,
	period text DEFAULT 'week',
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('performance', jsonb_build_object('metric', min(r.metric),
			'rows', jsonb_agg(jsonb_build_object('period', to_char(r.period, 'YYYY-MM-DD'), 'version', r.version, 'n', r.n,
				'value', r.value, 'lower', r.lower, 'upper', r.upper, 'at_training', r.at_training)
				ORDER BY r.period, r.version)),
		engage.plot_options(options, format('Performance of %s by %s', model, engage_plot_performance.period)))
	FROM engage_performance(model, outcomes, period, since, until, coalesce(metric,
		(SELECT CASE v.task WHEN 'binary' THEN 'auc' WHEN 'multiclass' THEN 'log_loss'
				WHEN 'quantile' THEN 'pinball_loss' WHEN 'count' THEN 'poisson_deviance' ELSE 'rmse' END
			FROM engage.versions v WHERE v.model = split_part(engage_plot_performance.model, '@', 1)
			ORDER BY v.deployed DESC, v.created DESC LIMIT 1))) r;
END;
COMMENT ON FUNCTION engage_plot_performance(text, text, jsonb, text, text, timestamptz, timestamptz)
IS 'picture: a metric of logged scores by period and version, with intervals and its value at training';

CREATE FUNCTION engage_plot_experiment(
	name text,
	outcomes text,
	options jsonb DEFAULT '{}',
	measure text DEFAULT NULL,
	larger_is_better boolean DEFAULT true,
	alpha float8 DEFAULT 0.05)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('experiment', jsonb_build_object(
			'measure', CASE min(r.measure) WHEN 'outcome' THEN 'Outcome' WHEN 'brier' THEN 'Brier score (less is better)'
				WHEN 'squared_error' THEN 'Squared error (less is better)' ELSE 'Error rate (less is better)' END,
			'rows', jsonb_agg(to_jsonb(r) ORDER BY r.arm)),
		engage.plot_options(options, format('Experiment %s', name)))
	FROM engage_experiment_results(name, outcomes, measure, larger_is_better, alpha) r;
END;
COMMENT ON FUNCTION engage_plot_experiment(text, text, jsonb, text, boolean, float8)
IS 'picture: arms of an experiment against the first, with intervals that hold however often one looks';
