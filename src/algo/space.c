/*-------------------------------------------------------------------------
 *
 * space.c
 *	  The space in which clusters are looked for.
 *
 * Euclidean distance is between prepared columns: numbers centered and, if
 * wished, scaled to deviation 1.  For cosine what counts is the direction from
 * the columns' own zero, so the centering is undone and rows get length 1: then
 * the squared distance is 2 - 2 cosine.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/space.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#define CHECK_ROWS		4096	/* rows between two answers to interrupts */

/* squares of differences, and sums of them, stay finite in single precision */
#define FARTHEST		1e15f

/* What follows from prep. */
static void
space_finish(EgSpace *s)
{
	int			j;

	s->width = s->prep->width;
	s->shift = palloc0(Max(s->width, 1) * sizeof(float));
	s->column = palloc(Max(s->width, 1) * sizeof(int));
	for (j = 0; j < s->width; j++)
		s->column[j] = -1;
	for (j = 0; j < s->prep->ncols; j++)
	{
		int			to = s->prep->first[j];

		if (s->prep->ncategories[j] > 0 || to < 0)
			continue;
		s->column[to] = j;
		if (s->cosine)
			s->shift[to] = (float) Min(Max(s->prep->mean[j] * s->prep->factor[j], -FARTHEST),
									   FARTHEST);
	}
}

EgSpace *
eg_space_fit(const EgDataset *data, bool scale, bool cosine)
{
	EgSpace    *s = palloc0(sizeof(EgSpace));

	s->prep = eg_prep_fit(data, scale ? EG_PREP_SCALE : 0);
	s->cosine = cosine;
	space_finish(s);
	s->names = eg_prep_names(s->prep, data);
	return s;
}

void
eg_space_row(const EgSpace *s, const float *x, float *out)
{
	double		square = 0;
	int			j;

	eg_prep_row_float(s->prep, x, out);
	for (j = 0; j < s->width; j++)
		out[j] = out[j] > FARTHEST ? FARTHEST : out[j] < -FARTHEST ? -FARTHEST : out[j];
	if (!s->cosine)
		return;
	for (j = 0; j < s->width; j++)
	{
		out[j] += s->shift[j];
		square += (double) out[j] * out[j];
	}
	if (square > 0)
	{
		double		factor = 1 / sqrt(square);

		for (j = 0; j < s->width; j++)
			out[j] = (float) (out[j] * factor);
	}
}

float *
eg_space_rows(const EgSpace *s, const EgDataset *data, EgRun *run, const char *what, Size *n,
			  double **weight)
{
	const double *w = data->role[EG_ROLE_WEIGHT];
	float	   *x;
	Size		rows = 0;
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		if (w != NULL && !(w[i] >= 0 && w[i] <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", w[i]),
					 errdetail("Weights must be finite and at least zero.")));
		rows += w == NULL || w[i] > 0;
	}
	if (rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 data->nfit == 0 ? errmsg("there are no rows to learn from")
								 : errmsg("the weights of the training rows are all zero")));
	eg_check_memory(rows * (s->width * sizeof(float) + (w != NULL ? sizeof(double) : 0)),
					run->memory_limit, what);
	x = MemoryContextAllocHuge(CurrentMemoryContext, Max(rows * s->width, 1) * sizeof(float));
	*weight = w == NULL ? NULL :
		MemoryContextAllocHuge(CurrentMemoryContext, rows * sizeof(double));
	*n = rows;
	rows = 0;
	for (i = 0; i < data->nfit; i++)
	{
		if (i % CHECK_ROWS == 0)
			eg_step(run, 0, 1, NULL, 0);
		if (w != NULL && !(w[i] > 0))
			continue;
		if (w != NULL)
			(*weight)[rows] = w[i];
		eg_space_row(s, eg_row(&data->x, i), x + rows * s->width);
		rows++;
	}
	return x;
}

void
eg_space_center(const EgSpace *s, const double *center, StringInfo json)
{
	int			j;

	appendStringInfoChar(json, '{');
	for (j = 0; j < s->width; j++)
	{
		int			column = s->column[j];
		double		v = center[j];

		if (column >= 0)
			v = v * s->prep->deviation[column] + (s->cosine ? 0 : s->prep->mean[column]);
		if (j > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, s->names[j]);
		appendStringInfo(json, ": %.7g", v);
	}
	appendStringInfoChar(json, '}');
}

void
eg_space_save(const EgSpace *s, EgWriter *w)
{
	int			j;

	eg_put_u8(w, s->cosine);
	eg_prep_save(s->prep, w);
	for (j = 0; j < s->width; j++)
		eg_put_string(w, s->names[j]);
}

EgSpace *
eg_space_load(EgReader *r)
{
	EgSpace    *s = palloc0(sizeof(EgSpace));
	uint8		cosine = eg_get_u8(r);
	int			j;

	if (cosine > 1)
		eg_corrupted(r, "the metric %u is not known", cosine);
	s->cosine = cosine != 0;
	s->prep = eg_prep_load(r);

	/* a name takes four bytes at least */
	if (s->prep->width > (r->len - r->pos) / sizeof(uint32))
		eg_corrupted(r, "the names of %d columns do not fit in the bytes left", s->prep->width);
	space_finish(s);
	s->names = palloc0(Max(s->width, 1) * sizeof(char *));
	for (j = 0; j < s->width; j++)
	{
		s->names[j] = eg_get_string(r);
		if (s->names[j] == NULL)
			eg_corrupted(r, "a column has no name");
	}
	return s;
}
