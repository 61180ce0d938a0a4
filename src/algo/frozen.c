/*-------------------------------------------------------------------------
 *
 * frozen.c
 *	  A stored model within another one: translation of its input, calibration
 *	  and order of its output.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/frozen.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* codes are stored as floats, which count exactly up to here */
#define MAX_CODE			(1 << 24)

#define CHECK_ROWS			0xffff

EgTranslation *
eg_translation_create(int nfrom, int nto)
{
	EgTranslation *t = palloc0(sizeof(EgTranslation));
	int			j;

	t->nfrom = nfrom;
	t->nto = nto;
	t->from = palloc0(sizeof(int) * Max(nto, 1));
	t->shift = palloc0(sizeof(double) * Max(nto, 1));
	t->ncodes = palloc0(sizeof(int) * Max(nto, 1));
	t->code = palloc0(sizeof(int32 *) * Max(nto, 1));
	for (j = 0; j < nto; j++)
		t->from[j] = j;
	return t;
}

EgTranslation *
eg_translation_seen(const EgDataset *data, Size nrows)
{
	int			ncols = data->x.ncols;
	EgTranslation *t = eg_translation_create(ncols, ncols);
	bool		all = true;
	Size		i;
	int			j,
				c;

	for (j = 0; j < ncols; j++)
	{
		t->ncodes[j] = data->ncategories ? data->ncategories[j] : 0;
		if (t->ncodes[j] == 0)
			continue;
		t->code[j] = palloc(sizeof(int32) * t->ncodes[j]);
		for (c = 0; c < t->ncodes[j]; c++)
			t->code[j][c] = -1;
	}
	for (i = 0; i < nrows; i++)
	{
		const float *x = eg_row(&data->x, i);

		if ((i & CHECK_ROWS) == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = 0; j < ncols; j++)
		{
			if (t->ncodes[j] > 0 && x[j] >= 0 && x[j] < t->ncodes[j])
				t->code[j][(int) x[j]] = (int32) x[j];
		}
	}
	for (j = 0; j < ncols; j++)
	{
		bool		own = true;

		for (c = 0; c < t->ncodes[j]; c++)
			own &= t->code[j][c] >= 0;

		/* a column whose codes all stay is like a number */
		if (own)
			t->ncodes[j] = 0;
		all &= own;
	}
	return all ? NULL : t;
}

void
eg_translate(const EgTranslation *t, const float *x, Size n, float *out)
{
	Size		i;
	int			j;

	for (i = 0; i < n; i++, x += t->nfrom, out += t->nto)
	{
		for (j = 0; j < t->nto; j++)
		{
			float		v = x[t->from[j]];

			if (t->ncodes[j] > 0)
			{
				int32		code = v >= 0 && v < t->ncodes[j] ? t->code[j][(int) v] : -1;

				v = code >= 0 ? (float) code : NAN;
			}
			else if (t->shift[j] != 0)
				v = (float) Min(Max((double) v + t->shift[j], -FLT_MAX), FLT_MAX);
			out[j] = isnan(x[t->from[j]]) ? NAN : v;
		}
	}
}

/* ----------
 * Stored form
 * ----------
 */

void
eg_translation_save(const EgTranslation *t, EgWriter *w)
{
	int			j;

	eg_put_u32(w, t->nto);
	for (j = 0; j < t->nto; j++)
	{
		eg_put_u32(w, t->from[j]);
		eg_put_f64(w, t->shift[j]);
		eg_put_u32(w, t->ncodes[j]);
		eg_put_i32_array(w, t->code[j], t->ncodes[j]);
	}
}

EgTranslation *
eg_translation_load(EgReader *r, int nfrom)
{
	int			nto = (int) eg_get_count(r, PG_INT32_MAX, 16);
	EgTranslation *t;
	int			j,
				c;

	if ((Size) nto > MaxAllocSize / sizeof(double))
		eg_corrupted(r, "a member has %d features", nto);
	t = eg_translation_create(nfrom, nto);
	for (j = 0; j < nto; j++)
	{
		uint32		from = eg_get_u32(r);

		if (from >= (uint32) nfrom)
			eg_corrupted(r, "a member uses feature %u of %d", from, nfrom);
		t->from[j] = (int) from;
		t->shift[j] = eg_get_f64(r);
		if (!isfinite(t->shift[j]))
			eg_corrupted(r, "the shift of a feature is not a finite number");
		t->ncodes[j] = (int) eg_get_count(r, MAX_CODE, sizeof(int32));
		if (t->ncodes[j] == 0)
			continue;
		t->code[j] = palloc(sizeof(int32) * t->ncodes[j]);
		eg_get_i32_array(r, t->code[j], t->ncodes[j]);
		for (c = 0; c < t->ncodes[j]; c++)
		{
			if (t->code[j][c] < -1 || t->code[j][c] >= MAX_CODE)
				eg_corrupted(r, "a category has code %d", t->code[j][c]);
		}
	}
	return t;
}

/* ----------
 * Prediction
 * ----------
 */

/* Classes in the other's order. */
static void
reorder(const int *classes, int width, Size n, double *out)
{
	double		own[EG_FROZEN_CLASSES];
	Size		i;
	int			c;

	for (i = 0; i < n; i++, out += width)
	{
		if (width == 1)
		{
			/* the probability of class 1 of two */
			out[0] = 1 - out[0];
			continue;
		}
		memcpy(own, out, sizeof(double) * width);
		for (c = 0; c < width; c++)
			out[c] = own[classes[c]];
	}
}

void
eg_frozen_predict(const EgFrozen *f, int width, const float *rows, Size n, float *x, double *out)
{
	if (f->translation)
	{
		eg_translate(f->translation, rows, n, x);
		rows = x;
	}
	f->algorithm->predict(f->model, rows, n, out);
	if (f->calibration)
		eg_calibration_apply(f->calibration, n, out);
	if (f->classes)
		reorder(f->classes, width, n, out);
}
