/*-------------------------------------------------------------------------
 *
 * score.c
 *	  One row to one prediction.
 *
 * The row's type is looked up once and bound by column name; afterwards a row
 * costs one deforming, one pass over its columns and one walk of the forest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "store/header_tuple.h"
#include "store/key.h"
#include "store/schema_private.h"
#include "store/score.h"

double *
eg_json_numbers(const char *json, const char *member, int *n)
{
	Jsonb	   *j = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	JsonbValue	v;
	double	   *out;
	int			i;

	*n = 0;
	if (!JB_ROOT_IS_OBJECT(j) ||
		getKeyJsonValueFromContainer(&j->root, member, strlen(member), &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return NULL;
	*n = JsonContainerSize(v.val.binary.data);
	out = palloc(sizeof(double) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v.val.binary.data, i);

		if (e == NULL || e->type != jbvNumeric)
			return NULL;
		out[i] =
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(e->val.numeric)));
	}
	return out;
}

/* The partition column's values as a dictionary: code = part - 1. */
static EgColumn *
make_route(EgCompiled *m)
{
	EgColumn   *c = palloc0(sizeof(EgColumn));
	int			i;

	c->name = m->partition_column;
	c->kind = EG_COL_CATEGORY;
	for (i = 1; i < m->nparts; i++)
		eg_dict_add(c, m->values[i], strlen(m->values[i]));
	return c;
}

/* Part that scores the rows with this text in the partition column. */
static inline int
part_of_text(const EgScorer *s, const char *text, int len)
{
	return eg_column_code(s->route, text, len) + 1;
}

static int
part_of_value(EgScorer *s, Datum value, bool isnull)
{
	char		buf[EG_KEY_BUFFER];
	const char *text;
	int			len;

	if (isnull)
		return 0;
	text = eg_key_text(s->route_key, value, buf, &len);
	return part_of_text(s, text, len);
}

static int
part_of_tuple(EgScorer *s, HeapTupleHeader header, TupleDesc desc)
{
	HeapTupleData tuple = eg_header_tuple(header);
	Datum		value;
	bool		isnull;

	value = heap_getattr(&tuple, s->route_attno + 1, desc, &isnull);
	return part_of_value(s, value, isnull);
}

static int
part_of_jsonb(EgScorer *s, const Jsonb *row)
{
	JsonbValue	v;
	const char *text;
	int			len;

	if (!JB_ROOT_IS_OBJECT((Jsonb *) row) ||
		getKeyJsonValueFromContainer((JsonbContainer *) &row->root, s->route->name,
									 strlen(s->route->name), &v) == NULL)
		return 0;
	return eg_key_jsonb(&v, &text, &len) ? part_of_text(s, text, len) : 0;
}

static void
read_labels(EgScorer *s)
{
	EgSchema   *schema = s->model->parts[0]->schema;
	int			i;

	if (s->model->task != EG_MULTICLASS || schema->nlabels == 0)
		return;
	s->numeric_labels = true;
	s->label_numbers = palloc(sizeof(double) * schema->nlabels);
	for (i = 0; i < schema->nlabels; i++)
	{
		char	   *end;

		s->label_numbers[i] = strtod(schema->labels[i], &end);
		if (end == schema->labels[i] || *end != '\0' || !isfinite(s->label_numbers[i]))
			s->numeric_labels = false;
	}
}

EgScorer *
eg_scorer_create(EgCompiled *model, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	EgScorer   *s = palloc0(sizeof(EgScorer));
	int			nfeatures = 1;
	int			i,
				n;

	s->model = model;
	s->context = context;
	s->width = model->width;
	for (i = 0; i < model->nparts; i++)
		nfeatures = Max(nfeatures, model->parts[i]->schema->nfeatures);
	s->x = palloc(sizeof(float) * nfeatures);
	s->out = palloc(sizeof(double) * model->width);
	s->bindings = palloc0(sizeof(struct EgBinding *) * model->nparts);
	if (model->partition_column && model->nparts > 1)
		s->route = make_route(model);
	if (model->task == EG_QUANTILE)
	{
		s->quantiles = eg_json_numbers(model->parts[0]->params, "quantiles", &n);
		if (n != model->width)
			s->quantiles = NULL;
		for (i = 1; s->quantiles && i < n; i++)
		{
			if (fabs(s->quantiles[i] - 0.5) < fabs(s->quantiles[s->middle] - 0.5))
				s->middle = i;
		}
	}
	read_labels(s);
	MemoryContextSwitchTo(old);
	return s;
}

/* Find the partition column in a row type. */
static void
bind_route(EgScorer *s, TupleDesc desc)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), s->route->name) != 0)
			continue;
		s->route_attno = i;
		s->route_key = eg_key_create("partition", s->route->name, att->atttypid,
									 att->attcollation, false);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" by which model \"%s\" is partitioned is missing from the row",
					s->route->name, s->model->model),
			 errhint("Columns are matched by name; their order does not matter.")));
}

static void
bind_row_type(EgScorer *s, TupleDesc desc, uint64 identifier)
{
	EgRowType	row_type = {identifier, eg_catalog_changes};
	MemoryContext old;
	int			i;

	if (s->bound)
	{
		s->row_type.identifier = 0;
		MemoryContextReset(s->bound);
	}
	else
		s->bound = AllocSetContextCreate(s->context, "engage row binding", ALLOCSET_SMALL_SIZES);

	old = MemoryContextSwitchTo(s->bound);

	/* the descriptor may be freed before the binding is */
	s->desc = desc = CreateTupleDescCopyConstr(desc);
	for (i = 0; i < s->model->nparts; i++)
		s->bindings[i] = eg_schema_bind(s->model->parts[i]->schema, desc, s->model->model);
	if (s->route)
		bind_route(s, desc);
	MemoryContextSwitchTo(old);
	s->row_type = row_type;
}

static inline const double *
compute(EgScorer *s, int part)
{
	s->used = s->model->parts[part];
	eg_artifact_predict(s->used, s->x, 1, s->out);
	return s->out;
}

const double *
eg_scorer_tuple(EgScorer *s, HeapTupleHeader tuple)
{
	Oid			type = HeapTupleHeaderGetTypeId(tuple);
	int32		typmod = HeapTupleHeaderGetTypMod(tuple);
	uint64		id = assign_record_type_identifier(type, typmod);
	int			part = 0;

	if (unlikely(!eg_row_type_is(&s->row_type, id)))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);

		bind_row_type(s, desc, id);
		ReleaseTupleDesc(desc);
	}
	if (s->route)
		part = part_of_tuple(s, tuple, s->desc);
	eg_binding_tuple(s->bindings[part], tuple, s->x);
	return compute(s, part);
}

bool
eg_scorer_has_values(const EgScorer *s)
{
	return eg_row_type_is(&s->row_type, EG_VALUES_ROW);
}

int
eg_scorer_vector(EgScorer *s, TupleDesc desc, const Datum *values, const bool *nulls)
{
	int			part = 0;

	if (unlikely(!eg_scorer_has_values(s)))
		bind_row_type(s, desc, EG_VALUES_ROW);
	if (s->route)
		part = part_of_value(s, values[s->route_attno], nulls[s->route_attno]);
	eg_binding_values(s->bindings[part], values, nulls, s->x);
	return part;
}

const double *
eg_scorer_values(EgScorer *s, TupleDesc desc, const Datum *values, const bool *nulls)
{
	return compute(s, eg_scorer_vector(s, desc, values, nulls));
}

const double *
eg_scorer_jsonb(EgScorer *s, const Jsonb *row)
{
	int			part = 0;

	if (s->route)
		part = part_of_jsonb(s, row);
	eg_schema_jsonb(s->model->parts[part]->schema, row, true, s->model->model, s->x);
	return compute(s, part);
}

const double *
eg_scorer_numbers(EgScorer *s, const float *x, int n)
{
	const EgSchema *schema = s->model->parts[0]->schema;
	int			c;

	for (c = 0; c < schema->ncolumns; c++)
	{
		if (schema->columns[c].kind != EG_COL_NUMBER)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of model \"%s\" is no number",
							schema->columns[c].name, s->model->model),
					 errhint("Pass a row or a jsonb object.")));
	}
	if (n != schema->nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the array has %d elements, but model \"%s\" has %d features", n,
						s->model->model, schema->nfeatures)));
	memcpy(s->x, x, sizeof(float) * n);
	return compute(s, 0);
}

char *
eg_scorer_unfit(EgScorer *s, TupleDesc desc)
{
	EgSchema   *schema = s->model->parts[0]->schema;
	int			c,
				a;

	for (c = 0; c < schema->ncolumns; c++)
	{
		EgColumn   *col = &schema->columns[c];
		EgColumnKind kind;

		for (a = 0; a < desc->natts; a++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, a);

			if (!att->attisdropped && strcmp(NameStr(att->attname), col->name) == 0)
				break;
		}
		if (a == desc->natts)
			return psprintf("it needs column \"%s\", which the source lacks", col->name);
		if (!eg_column_kind(TupleDescAttr(desc, a)->atttypid, &kind) || kind != col->kind)
			return psprintf("column \"%s\" has another type now", col->name);
	}
	return NULL;
}

double
eg_scorer_number(const EgScorer *s, const double *out)
{
	if (s->model->task == EG_CLUSTERING)
		return eg_scorer_class(s, out) + 1;
	if (s->model->task != EG_MULTICLASS)
		return out[s->middle];
	if (s->model->parts[0]->schema->nlabels == 0)
		return eg_scorer_class(s, out);
	if (!s->numeric_labels)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" predicts a class, not a number", s->model->model),
				 errhint("Use engage_predict_class() or engage_predict_proba().")));
	return s->label_numbers[eg_scorer_class(s, out)];
}

int
eg_scorer_class(const EgScorer *s, const double *out)
{
	int			best = 0;
	int			i;

	if (eg_task_two_classes(s->model->task))
		return out[0] >= s->model->threshold;
	if (s->model->task == EG_CLUSTERING)
		return eg_cluster_of(out, s->width);
	for (i = 1; i < s->width; i++)
	{
		if (out[i] > out[best])
			best = i;
	}
	return best;
}
