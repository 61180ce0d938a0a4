/*-------------------------------------------------------------------------
 *
 * fit_read.c
 *	  Packed rows of engage_fit(): found, measured, read.
 *
 * A row is read twice: first for what the columns are (words, widths, the last
 * date), then for the numbers that this makes of its values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/run.h"
#include "engage.h"
#include "store/fit_private.h"
#include "store/schema_private.h"

#define NO_ARRAY			PG_UINT32_MAX

int
eg_fit_by_hash(const void *a, const void *b)
{
	const EgFitPacked *x = a,
			   *y = b;

	if (x->valid != y->valid)
		return x->valid ? 1 : -1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->len);
}

EgFitPacked *
eg_fit_find_rows(EgReader *r, Size *n)
{
	Size		first = r->pos;
	EgFitPacked *rows = NULL;
	int			pass;

	for (pass = 0; pass < 2; pass++)
	{
		*n = 0;
		for (r->pos = first; r->pos < r->len; (*n)++)
		{
			uint32		len = eg_get_u32(r);
			const char *bytes = (const char *) eg_get_bytes(r, len);

			if (len == 0)
				eg_corrupted(r, "a row is empty");
			if (pass == 0)
				continue;
			rows[*n].bytes = bytes;
			rows[*n].len = len;
			rows[*n].valid = false;
			rows[*n].hash = eg_hash_text(bytes, len);
		}
		if (pass > 0)
			break;
		eg_check_memory(*n * (sizeof(EgFitPacked) + sizeof(double)), (Size) eg_max_memory * 1024,
						"reading the rows of engage_fit()");
		rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(EgFitPacked) * Max(*n, 1));
	}
	return rows;
}

int
eg_fit_code(EgColumn *c, const char *text, uint32 len)
{
	uint64		hash = eg_hash_text(text, len);
	int			code = eg_dict_find(c, text, len, hash);

	if (code >= 0)
		return code;
	if (c->ncategories >= eg_max_categories)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has more than %d distinct values", c->name,
						eg_max_categories),
				 errhint("Leave it out of the row, or raise \"engage.max_categories\".")));
	pg_verifymbstr(text, (int) len, false);
	return eg_dict_insert(c, text, len, hash);
}

static int
category_code(EgColumn *c, EgReader *r)
{
	uint32		len = eg_get_u32(r);

	return len == PG_UINT32_MAX ? -1 : eg_fit_code(c, (const char *) eg_get_bytes(r, len), len);
}

static void
skip_target(const EgFitState *s, EgReader *r)
{
	if (s->target_kind == EG_TARGET_LABEL)
		(void) eg_get_bytes(r, eg_get_u32(r));
	else
		(void) eg_get_f64(r);
}

void
eg_fit_measure(const EgFitState *s, EgSourceData *d, const EgFitPacked *packed, Size row)
{
	EgSchema   *schema = d->schema;
	EgReader	reader;
	EgReader   *r = &reader;
	double		date;
	uint32		n;
	int			i;

	eg_reader_init(r, packed->bytes, packed->len, EG_FIT_STATE);
	if (s->target_kind == EG_TARGET_LABEL)
	{
		int			code = category_code(&d->target_column, r);

		if (code < 0)
			eg_corrupted(r, "a row has no target");
		d->target[row] = code;
	}
	else
	{
		d->target[row] = eg_get_f64(r);
		if (!isfinite(d->target[row]))
			eg_corrupted(r, "a target is not finite");
	}
	for (i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &schema->columns[i];

		switch (c->kind)
		{
			case EG_COL_CATEGORY:
				(void) category_code(c, r);
				break;
			case EG_COL_DATE:
				date = eg_get_f64(r);
				if (isfinite(date) && date > c->origin)
					c->origin = date;
				break;
			case EG_COL_ARRAY:
				n = eg_get_u32(r);
				if (n == NO_ARRAY)
					break;
				if (n < 1 || n > EG_MAX_FEATURES)
					eg_corrupted(r, "an array has %u elements", n);
				if (c->width != 0 && c->width != (int) n)
					eg_array_width_error(c->name, (int) n, c->width);
				c->width = (int) n;
				(void) eg_get_bytes(r, (Size) n * 4);
				break;
			default:
				(void) eg_get_f32(r);
				break;
		}
	}
	if (r->pos != r->len)
		eg_corrupted(r, "a row has %zu bytes too many", r->len - r->pos);
}

void
eg_fit_features(const EgFitState *s, EgSchema *schema, const EgFitPacked *packed, float *x)
{
	EgReader	reader;
	EgReader   *r = &reader;
	int			i,
				k;

	eg_reader_init(r, packed->bytes, packed->len, EG_FIT_STATE);
	skip_target(s, r);
	for (i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &schema->columns[i];
		int			code;

		switch (c->kind)
		{
			case EG_COL_CATEGORY:
				code = category_code(c, r);
				x[c->first] = code < 0 ? NAN : (float) code;
				break;
			case EG_COL_DATE:
				x[c->first] = eg_to_float(eg_get_f64(r) - c->origin);
				break;
			case EG_COL_ARRAY:
				if (eg_get_u32(r) == NO_ARRAY)
				{
					for (k = 0; k < c->width; k++)
						x[c->first + k] = NAN;
					break;
				}
				eg_get_f32_array(r, x + c->first, c->width);
				for (k = 0; k < c->width; k++)
					x[c->first + k] = eg_to_float(x[c->first + k]);
				break;
			default:
				x[c->first] = eg_to_float(eg_get_f32(r));
				break;
		}
	}
}

void
eg_fit_raw(const EgFitState *s, EgSchema *schema, const EgFitPacked *packed, const int *at,
		   double *x)
{
	EgReader	reader;
	EgReader   *r = &reader;
	double		date;
	bool		missing;
	int			i,
				k;

	eg_reader_init(r, packed->bytes, packed->len, EG_FIT_STATE);
	skip_target(s, r);
	for (i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &schema->columns[i];
		double	   *to = x + at[i];
		int			code;

		switch (c->kind)
		{
			case EG_COL_CATEGORY:
				code = category_code(c, r);
				*to = code < 0 ? NAN : code;
				break;
			case EG_COL_DATE:
				date = eg_get_f64(r);
				*to = isfinite(date) ? date : NAN;
				break;
			case EG_COL_ARRAY:
				missing = eg_get_u32(r) == NO_ARRAY;
				for (k = 0; at[i] >= 0 && k < c->width; k++)
					to[k] = missing ? NAN : eg_to_float(eg_get_f32(r));
				break;
			default:
				*to = eg_to_float(eg_get_f32(r));
				break;
		}
	}
}

EgSchema *
eg_fit_schema(const EgFitState *s)
{
	EgSchema   *schema = palloc0(sizeof(EgSchema));
	int			i,
				k;

	schema->ncolumns = s->ncolumns;
	schema->columns = palloc0(sizeof(EgColumn) * Max(s->ncolumns, 1));
	for (i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &schema->columns[i];

		c->name = s->columns[i].name;
		c->kind = s->columns[i].kind;
		c->type = s->columns[i].type;
		c->width = c->kind == EG_COL_ARRAY ? 0 : 1;
		c->origin = c->kind == EG_COL_DATE ? -INFINITY : 0;
		if (c->kind == EG_COL_CATEGORY)
			eg_dict_create(c, 0);
		for (k = 0; k < i; k++)
		{
			if (strcmp(schema->columns[k].name, c->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("two features are named \"%s\"", c->name)));
		}
	}
	schema->target_type = s->target_type;
	return schema;
}
