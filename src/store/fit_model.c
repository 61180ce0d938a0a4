/*-------------------------------------------------------------------------
 *
 * fit_model.c
 *	  The end of engage_fit(): packed rows to a model.
 *
 * Rows arrive in any order, from any number of workers.  They are put into an
 * order of their own, by hash, before anything is made of them; so the model
 * depends on the rows alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "engage.h"
#include "store/artifact.h"
#include "store/fit.h"
#include "store/schema_private.h"
#include "store/train.h"

#define NO_ARRAY			PG_UINT32_MAX

typedef struct Packed
{
	uint64		hash;
	const char *bytes;
	uint32		len;
	bool		valid;			/* for validation */
} Packed;

static int
by_hash(const void *a, const void *b)
{
	const Packed *x = a,
			   *y = b;

	if (x->valid != y->valid)
		return x->valid ? 1 : -1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->len);
}

/* Where each row is. */
static Packed *
find_rows(EgFitState *s, Size *n)
{
	EgReader   *r = &s->rows;
	Size		first = r->pos;
	Packed	   *rows = NULL;
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
		if (pass == 0)
			rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Packed) * Max(*n, 1));
	}
	return rows;
}

static int
category_code(EgColumn *c, EgReader *r)
{
	uint32		len = eg_get_u32(r);
	const char *text;
	uint64		hash;
	int			code;

	if (len == PG_UINT32_MAX)
		return -1;
	text = (const char *) eg_get_bytes(r, len);
	hash = eg_hash_text(text, len);
	code = eg_dict_find(c, text, len, hash);
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

/* Widths of arrays, last dates, dictionaries, and the targets. */
static void
measure_row(EgFitState *s, EgSourceData *d, EgReader *r, Size row)
{
	EgSchema   *schema = d->schema;
	double		date;
	uint32		n;
	int			i;

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

/* Features of a row whose columns have been measured; skips its target. */
static void
read_row(EgFitState *s, EgSourceData *d, EgReader *r, float *x)
{
	int			i,
				k;

	if (s->target_kind == EG_TARGET_LABEL)
		(void) eg_get_bytes(r, eg_get_u32(r));
	else
		(void) eg_get_f64(r);
	for (i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &d->schema->columns[i];
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

static EgSchema *
make_schema(const EgFitState *s)
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

/* Rows of the matrix, in order, their targets beside them. */
static void
fill(EgFitState *s, EgSourceData *d, const Packed *rows, Size n, const EgRun *run)
{
	EgSchema   *schema = d->schema;
	Size		i;
	int			j;

	for (j = 0; j < schema->ncolumns; j++)
	{
		if (schema->columns[j].kind == EG_COL_CATEGORY)
			pfree(eg_dict_sort(&schema->columns[j], NULL));
		if (schema->columns[j].width == 0)
			schema->columns[j].width = 1;	/* an array that is always missing */
		if (isinf(schema->columns[j].origin))
			schema->columns[j].origin = 0;
	}
	eg_schema_finish(schema);
	if (schema->nfeatures < 1 || schema->nfeatures > EG_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows have %d features, not 1 to %d", schema->nfeatures,
						EG_MAX_FEATURES)));
	d->x.ncols = schema->nfeatures;
	eg_check_memory(n * ((Size) d->x.ncols * sizeof(float) + sizeof(Packed) + 16),
					run->memory_limit, "reading the rows");
	d->x.data = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(float) * n * (Size) d->x.ncols);
	for (i = 0; i < n; i++)
	{
		EgReader	r;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		eg_reader_init(&r, rows[i].bytes, rows[i].len, "state of engage_fit()");
		read_row(s, d, &r, eg_row(&d->x, i));
	}
}

/* Validation rows behind the others, targets with them; how many are fitted. */
static Size
set_validation_apart(EgSourceData *d, Packed *rows, Size n, double share)
{
	double	   *target = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n);
	Packed	   *moved = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Packed) * n);
	Size		k = 0,
				nfit = 0,
				i;
	int			pass;

	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < n; i++)
		{
			rows[i].valid = eg_random_unit(eg_random_stream(rows[i].hash, 0), 0) < share;
			if (rows[i].valid != (pass == 1))
				continue;
			moved[k] = rows[i];
			target[k++] = d->target[i];
		}
		if (pass == 0)
			nfit = k;
	}
	memcpy(rows, moved, sizeof(Packed) * n);
	memcpy(d->target, target, sizeof(double) * n);
	pfree(moved);
	pfree(target);
	return nfit;
}

static void
learn(EgFitState *s, EgSourceData *d, EgTrainSpec *spec, void *params, const EgTarget *target,
	  Size nfit, EgArtifact *a, EgRun *run)
{
	EgDataset	data = {0};
	StringInfoData text;

	initStringInfo(&text);
	eg_params_to_json(spec->algorithm->params, params, &text);
	d->schema->nlabels = target->nlabels;
	d->schema->labels = target->labels;
	data.x = d->x;
	data.nfit = nfit;
	data.nvalid = d->x.nrows - nfit;
	data.task = target->task;
	data.nclasses = target->nlabels;
	data.ncategories = d->schema->ncategories;
	data.names = (const char *const *) d->schema->names;
	data.categories = eg_train_category_words(d->schema);
	data.role[EG_ROLE_TARGET] = d->target;
	a->algorithm = spec->algorithm;
	a->task = target->task;
	a->schema = d->schema;
	a->params = text.data;
	a->model = spec->algorithm->fit(&data, params, run);
}

char *
eg_fit_finish(const bytea *state, EgRun *run, Size *len)
{
	EgFitState	s = {0};
	EgSourceData d = {0};
	EgTrainSpec spec = {0};
	EgArtifact	a = {0};
	EgTarget   *target;
	Packed	   *rows;
	void	   *params;
	Size		n,
				nfit,
				i;

	eg_fit_open(state, &s);
	spec.model = "engage_fit()";
	spec.target = "target";
	spec.algorithm = eg_algorithm_find(s.algorithm);
	spec.params = s.params ?
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.params))) : NULL;
	spec.task = s.task;
	params = eg_params_parse(spec.algorithm->params, spec.algorithm->params_size, spec.params,
							 spec.algorithm->name);
	rows = find_rows(&s, &n);
	qsort(rows, n, sizeof(Packed), by_hash);

	d.schema = make_schema(&s);
	d.target_kind = s.target_kind;
	d.target_column.name = "target";
	if (s.target_kind == EG_TARGET_LABEL)
	{
		d.target_column.kind = EG_COL_CATEGORY;
		eg_dict_create(&d.target_column, 0);
	}
	d.x.nrows = n;
	d.target = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		EgReader	r;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		eg_reader_init(&r, rows[i].bytes, rows[i].len, "state of engage_fit()");
		measure_row(&s, &d, &r, i);
	}
	if (n == 0)
		return NULL;
	if (s.task && (strcmp(s.task, eg_task_name(EG_RANKING)) == 0 ||
				   strcmp(s.task, eg_task_name(EG_SURVIVAL)) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("engage_fit() cannot learn the task %s", s.task),
				 errhint("Use engage_train().")));
	target = eg_target_classes(&spec, &d);
	nfit = set_validation_apart(&d, rows, n, spec.algorithm->validation ?
								spec.algorithm->validation(params, target->task) : 0);
	if (nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no rows are left to learn from: %zu were given, all for validation", n)));
	fill(&s, &d, rows, n, run);
	learn(&s, &d, &spec, params, target, nfit, &a, run);
	CHECK_FOR_INTERRUPTS();
	return eg_artifact_save(&a, len);
}
