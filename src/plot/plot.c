/*-------------------------------------------------------------------------
 *
 * plot.c
 *	  The list of kinds, and the way from data to SVG.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plot/chart.h"

static const EgPlotKind *const kinds[] = {
	&eg_plot_importance,
	&eg_plot_shap,
	&eg_plot_waterfall,
	&eg_plot_force,
	&eg_plot_dependence,
	&eg_plot_roc,
	&eg_plot_pr,
	&eg_plot_calibration,
	&eg_plot_lift,
	&eg_plot_confusion,
	&eg_plot_scores,
	&eg_plot_learning,
	&eg_plot_tuning,
	&eg_plot_drift,
	&eg_plot_performance,
	&eg_plot_experiment,
	&eg_plot_segments,
	&eg_plot_silhouette,
	&eg_plot_elbow,
	&eg_plot_condensed_tree,
	&eg_plot_anomaly,
	&eg_plot_bars,
	&eg_plot_lines,
	&eg_plot_scatter,
};

static const EgPlotKind *
find_kind(const char *name)
{
	const char *names[lengthof(kinds) + 1] = {NULL};
	int			i;

	for (i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
		names[i] = kinds[i]->name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("picture \"%s\" is not known", name),
			 errhint("Known pictures: %s.", eg_name_list(names, sizeof(names[0])))));
}

char *
eg_plot_draw(const char *kind, const Jsonb *data, const Jsonb *options)
{
	const EgPlotKind *k = find_kind(kind);
	EgPlotOptions o = eg_plot_options(options);
	EgPlotData *d = eg_plot_data(k, data);
	EgChart		c;

	eg_chart_init(&c, &o, d);
	if (d->nrows == 0)
		eg_chart_empty(&c);
	else
		k->draw(&c, d);
	return eg_chart_finish(&c);
}
