/*-------------------------------------------------------------------------
 *
 * api_what_if.c
 *	  engage_what_if(): what do these changes do to the score, and which of them?
 *
 * The difference of the two scores is shared out among the changed columns by
 * their Shapley values: the mean, over all orders of making the changes, of
 * what each does when its turn comes.  So effects add up to the difference,
 * and what two changes do only together is halved between them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "algo/shapley.h"
#include "api/change_space.h"
#include "api/predict.h"
#include "api/recipe.h"
#include "api/result.h"
#include "store/explain.h"

PG_FUNCTION_INFO_V1(engage_what_if_row);
PG_FUNCTION_INFO_V1(engage_what_if_jsonb);

#define ORDERS				512	/* all subsets are tried for up to 15 columns */
#define SEED				1
#define ROWS_AT_A_TIME		256

/* The game: each player is a column that changes. */
typedef struct Game
{
	const EgScorer *s;
	int			output;
	bool		flip;
	int			nfeatures;
	const float *before;		/* (nfeatures) */
	const float *after;
	int			nplayers;
	const EgColumn **player;	/* (nplayers) */
	float	   *rows;			/* (ROWS_AT_A_TIME, nfeatures) */
	double	   *out;			/* (ROWS_AT_A_TIME, width) */
} Game;

/* EgFunction of vectors that say 1 for each column that is changed. */
static void
play(void *arg, const float *z, Size n, double *out)
{
	const Game *g = arg;
	Size		done,
				m,
				i;
	int			k;

	for (done = 0; done < n; done += m)
	{
		CHECK_FOR_INTERRUPTS();
		m = Min(n - done, ROWS_AT_A_TIME);
		for (i = 0; i < m; i++)
		{
			float	   *row = g->rows + i * g->nfeatures;

			memcpy(row, g->before, sizeof(float) * g->nfeatures);
			for (k = 0; k < g->nplayers; k++)
			{
				const EgColumn *c = g->player[k];

				if (z[(done + i) * g->nplayers + k] == 1)
					memcpy(row + c->first, g->after + c->first, sizeof(float) * c->width);
			}
		}
		eg_artifact_predict(g->s->used, g->rows, m, g->out);
		for (i = 0; i < m; i++)
		{
			double		v = g->out[i * g->s->width + g->output];

			out[done + i] = g->flip ? 1 - v : v;
		}
	}
}

/* The columns that the changes name; their values replace those of the row in after. */
static void
read_changes(Game *g, const Jsonb *changes, float *after)
{
	const EgScorer *s = g->s;
	const EgSchema *schema = s->used->schema;
	float	   *x = palloc(sizeof(float) * Max(schema->nfeatures, 1));
	JsonbIterator *it;
	JsonbValue	v;
	int			c;

	/* says what is wrong with the object or with a value */
	eg_schema_jsonb(schema, changes, true, s->model->model, x);
	g->player = palloc(sizeof(EgColumn *) * Max(schema->ncolumns, 1));
	it = JsonbIteratorInit((JsonbContainer *) &changes->root);
	(void) JsonbIteratorNext(&it, &v, true);
	while (JsonbIteratorNext(&it, &v, true) == WJB_KEY)
	{
		char	   *name = pnstrdup(v.val.string.val, v.val.string.len);
		const EgColumn *col = NULL;

		(void) JsonbIteratorNext(&it, &v, true);
		if (s->route && strcmp(name, s->route->name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" cannot be changed: model \"%s\" is partitioned by it",
							name, s->model->model),
					 errdetail("Another value means another part of the model."),
					 errhint("Compare engage_predict() of both rows.")));
		for (c = 0; c < schema->ncolumns && col == NULL; c++)
		{
			if (strcmp(schema->columns[c].name, name) == 0)
				col = &schema->columns[c];
		}
		if (col == NULL)
			eg_unknown_column(s, name, "Argument \"changes\"");
		if (col->kind == EG_COL_CATEGORY && isnan(x[col->first]) && v.type != jbvNull)
			ereport(NOTICE,
					(v.type == jbvString
						 ? errmsg("value \"%.*s\" of column \"%s\" was not seen in training",
								  Min(v.val.string.len, 64), v.val.string.val, name)
						 : errmsg("the value of column \"%s\" was not seen in training", name),
					 errdetail("It is scored as a missing value.")));
		memcpy(after + col->first, x + col->first, sizeof(float) * col->width);
		g->player[g->nplayers++] = col;
	}
}

/* A column's value as text, NULL when it is missing. */
static char *
column_text(const EgSchema *schema, const EgColumn *c, const float *x)
{
	StringInfoData list;
	bool		any = false;
	int			k;

	if (c->kind != EG_COL_ARRAY)
		return eg_feature_text(schema, c->first, x[c->first]);
	initStringInfo(&list);
	for (k = 0; k < c->width; k++)
	{
		char	   *text = eg_feature_text(schema, c->first + k, x[c->first + k]);

		any |= text != NULL;
		appendStringInfo(&list, "%s%s", k > 0 ? ", " : "[", text ? text : "null");
	}
	appendStringInfoChar(&list, ']');
	return any ? list.data : NULL;
}

/* feature, from_value, to_value, effect, error, score_before, score_after */
static void
put_effects(const Game *g, const double *effect, const double *error, double before, double after,
			Tuplestorestate *store, TupleDesc desc)
{
	const EgSchema *schema = g->s->used->schema;
	int		   *order = palloc(sizeof(int) * Max(g->nplayers, 1));
	int			i,
				k;

	/* the strongest first */
	for (i = 0; i < g->nplayers; i++)
	{
		for (k = i; k > 0 && fabs(effect[order[k - 1]]) < fabs(effect[i]); k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (i = 0; i < g->nplayers; i++)
	{
		const EgColumn *c = g->player[order[i]];
		char	   *from = column_text(schema, c, g->before);
		char	   *to = column_text(schema, c, g->after);
		Datum		values[7];
		bool		nulls[7] = {0};

		values[0] = CStringGetTextDatum(c->name);
		nulls[1] = from == NULL;
		values[1] = from ? CStringGetTextDatum(from) : (Datum) 0;
		nulls[2] = to == NULL;
		values[2] = to ? CStringGetTextDatum(to) : (Datum) 0;
		values[3] = Float8GetDatum(effect[order[i]]);
		values[4] = Float8GetDatum(error[order[i]]);
		values[5] = Float8GetDatum(before);
		values[6] = Float8GetDatum(after);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

static void
run_what_if(FunctionCallInfo fcinfo, const EgScorer *s, const double *out, Tuplestorestate *store,
			TupleDesc desc)
{
	char	   *class = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	Game		g = {0};
	float	   *before,
			   *after,
			   *players,
			   *nobody;
	double	   *effect,
			   *error;
	double		score[2];
	int			i;

	g.s = s;
	g.output =
		class ? eg_explain_class_output(s, class, &g.flip) : eg_explain_default_output(s, out);
	g.nfeatures = s->used->schema->nfeatures;
	g.before = before = palloc(sizeof(float) * Max(g.nfeatures, 1));
	g.after = after = palloc(sizeof(float) * Max(g.nfeatures, 1));
	memcpy(before, s->x, sizeof(float) * g.nfeatures);
	memcpy(after, s->x, sizeof(float) * g.nfeatures);
	read_changes(&g, PG_GETARG_JSONB_P(2), after);
	if (g.nplayers == 0)
		return;

	g.rows = palloc_extended(sizeof(float) * ROWS_AT_A_TIME * (Size) g.nfeatures, MCXT_ALLOC_HUGE);
	g.out = palloc(sizeof(double) * ROWS_AT_A_TIME * s->width);
	players = palloc(sizeof(float) * g.nplayers);
	nobody = palloc0(sizeof(float) * g.nplayers);
	for (i = 0; i < g.nplayers; i++)
		players[i] = 1;
	effect = palloc(sizeof(double) * (g.nplayers + 1));
	error = palloc(sizeof(double) * g.nplayers);
	eg_shapley_sample(play, &g, 1, 0, players, g.nplayers, nobody, 1, ORDERS, SEED, effect, error);
	play(&g, nobody, 1, &score[0]);
	play(&g, players, 1, &score[1]);
	put_effects(&g, effect, error, score[0], score[1], store, desc);
}

static Datum
what_if(FunctionCallInfo fcinfo, bool json)
{
	static const char *const names[] = {"model", "row", "changes"};
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	MemoryContext context,
				old;
	EgScorer   *s;
	const double *out;
	int			i;

	for (i = 0; i < 3; i += 2)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not be NULL", names[i])));
	}
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	s = eg_call_site_scorer(fcinfo);
	context = AllocSetContextCreate(CurrentMemoryContext, "engage what if", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	out = json ? eg_scorer_jsonb(s, PG_GETARG_JSONB_P(1))
			   : eg_scorer_tuple(s, PG_GETARG_HEAPTUPLEHEADER(1));
	run_what_if(fcinfo, s, out, store, desc);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* engage_what_if(model, row record | jsonb, changes, class) */
Datum
engage_what_if_row(PG_FUNCTION_ARGS)
{
	return what_if(fcinfo, false);
}

Datum
engage_what_if_jsonb(PG_FUNCTION_ARGS)
{
	return what_if(fcinfo, true);
}
