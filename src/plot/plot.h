/*-------------------------------------------------------------------------
 *
 * plot.h
 *	  Pictures of numbers: what a kind of picture is, and the one way to draw.
 *
 * A kind is a constant: the columns that it reads of each row, the facts that may
 * stand beside the rows, and a function that draws.  Rows are objects, so that
 * jsonb_agg() of any query is a picture's data.  A new kind is a function in a
 * plot_*.c file and one line in plot.c; axes, legends, scales and thinning are in
 * chart.h, scale.h and svg.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_H
#define EG_PLOT_H

#include "utils/jsonb.h"

#include "plot/label.h"
#include "plot/theme.h"

typedef enum EgCell
{
	EG_CELL_NUMBER,
	EG_CELL_TEXT,				/* numbers and booleans are turned into text */
	EG_CELL_ANY					/* a number where it is one, else text */
} EgCell;

/* A member of the rows; the list ends with a name that is NULL. */
typedef struct EgPlotColumn
{
	const char *name;
	EgCell		type;
	bool		required;		/* rows without a value are left out and counted */
} EgPlotColumn;

/* A member beside the rows; likewise. */
typedef struct EgPlotFact
{
	const char *name;
	EgCell		type;
} EgPlotFact;

typedef struct EgPlotOptions
{
	int			width;
	int			height;			/* 0: the kind's own */
	EgTheme		theme;
	const char *title;			/* NULL: the kind's own; "": none */
	const char *description;	/* likewise, for those who do not see */
	const char *x_label;
	const char *y_label;
	const char *id;
	int			limit;			/* features shown; 0: the kind's own */
	bool		has_format;
	EgFormat	format;
	bool		background;
} EgPlotOptions;

typedef struct EgPlotKind EgPlotKind;

typedef struct EgPlotData
{
	const EgPlotKind *kind;
	int			nrows;
	int			left_out;		/* rows without a required value */
	double	  **number;			/* (columns, nrows) NaN where there is none */
	const char ***text;			/* (columns, nrows) NULL where there is none */
	bool	   *given;			/* (columns) has any row a value? */
	bool	   *named;			/* (columns) or the member at least, if only with a null? */
	double	   *fact_number;	/* (facts) NaN */
	const char **fact_text;		/* (facts) NULL */
} EgPlotData;

struct EgChart;

struct EgPlotKind
{
	const char *name;
	const char *title;			/* default */
	const EgPlotColumn *columns;
	const EgPlotFact *facts;	/* NULL: none */
	const char *rows;			/* another name for the member "rows", or NULL */
	void		(*draw) (struct EgChart *chart, const EgPlotData *d);
};

/* SVG text of the rows in data (NULL: none). Errors: INVALID_PARAMETER_VALUE, for both. */
extern char *eg_plot_draw(const char *kind, const Jsonb *data, const Jsonb *options);

/* ----------
 * data.c, options.c
 * ----------
 */
extern EgPlotData *eg_plot_data(const EgPlotKind *kind, const Jsonb *data);
extern EgPlotOptions eg_plot_options(const Jsonb *options);

/* What a value of JSON is, for messages: its text, shortened. */
extern const char *eg_json_value_text(const JsonbValue *v);

/* Number of a JSON number, NaN where it is not finite. */
extern double eg_json_value_number(const JsonbValue *v);

/* "a, b and c" of a list of names whose entries are size bytes apart. */
extern const char *eg_name_list(const void *first, Size size);

/* ----------
 * Groups of rows: the different texts of a column, in order of appearance.
 * ----------
 */
typedef struct EgGroups
{
	int			n;
	const char **name;			/* (n) NULL for rows without a text */
	int		   *of_row;			/* (nrows) */
	int		   *count;			/* (n) */
	int		   *start;			/* (n + 1) first of each in order */
	int		   *order;			/* (nrows) rows, group by group */
} EgGroups;

extern EgGroups *eg_plot_groups(const EgPlotData *d, int column);

/* Text of a cell for people: the number formatted, or the text, or "missing". */
extern const char *eg_cell_text(const EgPlotData *d, int column, int row);

/* ----------
 * The kinds
 * ----------
 */
extern const EgPlotKind eg_plot_importance;
extern const EgPlotKind eg_plot_bars;
extern const EgPlotKind eg_plot_shap;
extern const EgPlotKind eg_plot_waterfall;
extern const EgPlotKind eg_plot_force;
extern const EgPlotKind eg_plot_dependence;
extern const EgPlotKind eg_plot_roc;
extern const EgPlotKind eg_plot_pr;
extern const EgPlotKind eg_plot_calibration;
extern const EgPlotKind eg_plot_lift;
extern const EgPlotKind eg_plot_confusion;
extern const EgPlotKind eg_plot_scores;
extern const EgPlotKind eg_plot_learning;
extern const EgPlotKind eg_plot_tuning;
extern const EgPlotKind eg_plot_drift;
extern const EgPlotKind eg_plot_performance;
extern const EgPlotKind eg_plot_experiment;
extern const EgPlotKind eg_plot_segments;
extern const EgPlotKind eg_plot_silhouette;
extern const EgPlotKind eg_plot_elbow;
extern const EgPlotKind eg_plot_condensed_tree;
extern const EgPlotKind eg_plot_anomaly;
extern const EgPlotKind eg_plot_lines;
extern const EgPlotKind eg_plot_scatter;

#endif							/* EG_PLOT_H */
