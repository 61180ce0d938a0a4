/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Rows of a source to floats, one by one as the executor hands them out.
 *
 * The executor delivers to our own DestReceiver, so that nothing is copied
 * into a tuple store and parallel plans are possible.  Each value is
 * converted once, straight into the matrix.  The arrays grow by half; above
 * the allocator's chunk limit that remaps pages and copies nothing.
 *
 * Hashes tell rows apart without their position: the key's, if there is one,
 * else that of all values read.  Later steps order and split by them, which
 * makes the result independent of the physical order of the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "engage.h"
#include "executor/spi.h"
#include "store/gate.h"
#include "store/source_private.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#define FIRST_ROWS			4096
#define ROWS_BETWEEN_STEPS	4096

typedef struct RowReceiver
{
	DestReceiver pub;			/* must be first */
	EgSourceReader *reader;
} RowReceiver;

static void
add_array(EgSourceReader *r, void *base, Size stride)
{
	Assert(r->narrays < EG_SRC_MAX_ARRAYS);
	if (stride == 0)
		return;
	r->arrays[r->narrays].base = (void **) base;
	r->arrays[r->narrays++].stride = stride;
	r->row_bytes += stride;
}

static void
list_arrays(EgSourceReader *r)
{
	EgSourceData *d = &r->data;

	add_array(r, &d->x.data, sizeof(float) * d->x.ncols);
	add_array(r, &d->hash, sizeof(uint64));
	if (r->nkeys > 0)
		add_array(r, &r->content, sizeof(uint64));
	if (r->role[EG_SRC_TARGET].attno >= 0)
		add_array(r, &d->target, sizeof(double));
	if (r->role[EG_SRC_WEIGHT].attno >= 0)
		add_array(r, &d->weight, sizeof(double));
	if (r->role[EG_SRC_SPLIT].attno >= 0)
		add_array(r, &d->split, sizeof(double));
	if (r->role[EG_SRC_GROUP].attno >= 0)
		add_array(r, &d->group, sizeof(double));
	if (r->role[EG_SRC_EVENT].attno >= 0)
		add_array(r, &d->event, sizeof(double));
	if (r->role[EG_SRC_PARTITION].attno >= 0)
		add_array(r, &d->partition, sizeof(int32));
	if (r->role[EG_SRC_REMEMBER].attno >= 0)
		add_array(r, &d->person, sizeof(uint64));
	add_array(r, &r->dates, sizeof(double) * r->ndates);
}

static void
resize(EgSourceReader *r, Size capacity)
{
	int			i;

	for (i = 0; i < r->narrays; i++)
	{
		EgRowArray *a = &r->arrays[i];
		Size		size = mul_size(a->stride, capacity);

		*a->base = *a->base ? repalloc_huge(*a->base, size) :
			MemoryContextAllocHuge(r->context, size);
	}
	r->capacity = capacity;
}

/* Room for one more row: half as much again, or what the limit leaves. */
static void
grow(EgSourceReader *r)
{
	Size		limit = r->run->memory_limit;
	Size		capacity = Max(FIRST_ROWS, r->capacity + r->capacity / 2);
	Size		affordable = limit > r->dict_bytes ? (limit - r->dict_bytes) / r->row_bytes : 0;

	if (affordable > r->capacity)
		capacity = Min(capacity, affordable);
	eg_check_memory(add_size(mul_size(capacity, r->row_bytes), r->dict_bytes), limit,
					"reading the source");
	resize(r, capacity);
}

static void pg_attribute_noreturn()
null_error(const EgSourceRole *role)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s column \"%s\" is NULL in some row", role->word, role->name),
			 errhint("Leave such rows out in a view or query.")));
}

/* Code of a text in a dictionary that grows no further than engage.max_categories. */
static int
add_text(EgSourceReader *r, EgColumn *c, const char *text, int len, uint64 *hash)
{
	int			code;
	Size		before;

	*hash = eg_hash_text(text, len);
	code = eg_dict_find(c, text, len, *hash);
	if (likely(code >= 0))
		return code;
	if (c->ncategories >= eg_max_categories)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column \"%s\" has more than %d distinct values", c->name,
							   eg_max_categories),
						errdetail("Text columns become categories, of which "
								  "\"engage.max_categories\" allows %d in a column.",
								  eg_max_categories),
						c == &r->data.target_column
							? errhint("A target of so many values can be predicted if it is a "
									  "number; else raise \"engage.max_categories\".")
							: errhint("If it names or describes single rows, leave it out with "
									  "exclude => ARRAY[%s]; else raise \"engage.max_categories\".",
									  quote_literal_cstr(c->name))));
	before = c->dict->bytes;
	code = eg_dict_insert(c, text, len, *hash);
	r->dict_bytes += c->dict->bytes - before;
	if (r->dict_bytes > r->run->memory_limit)
		eg_check_memory(add_size(mul_size(r->capacity, r->row_bytes), r->dict_bytes),
						r->run->memory_limit, "reading the source");
	return code;
}

static uint64
double_bits(double v)
{
	uint64		bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint64
float_bits(float v)
{
	uint32		bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* The number in a role's column; NULL, NaN and infinity are errors. */
static double
role_number(const EgSourceRole *role, const Datum *values, const bool *nulls)
{
	double		v;

	if (nulls[role->attno])
		null_error(role);
	v = eg_convert_double(&role->cv, values[role->attno]);
	if (isnan(v) || isinf(v))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s column \"%s\" has the value %s", role->word, role->name,
						isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity"),
				 errhint("Leave such rows out in a view or query.")));
	return v;
}

/*
 * The target of a row; false: it is NULL, and the row is to be left out.
 */
static bool
read_target(EgSourceReader *r, Size row, const Datum *values, const bool *nulls, uint64 *hash)
{
	EgSourceRole *role = &r->role[EG_SRC_TARGET];
	EgSourceData *d = &r->data;
	double		v;

	if (role->attno < 0)
		return true;
	if (nulls[role->attno])
	{
		if (!r->spec->target_optional)
			return false;
		d->target[row] = NAN;
		return true;
	}
	if (d->target_kind == EG_TARGET_LABEL)
	{
		char		buf[EG_TEXT_BUFFER];
		int			len;
		const char *text = eg_convert_text(&role->cv, values[role->attno], buf, &len);
		uint64		text_hash;

		d->target[row] = add_text(r, &d->target_column, text, len, &text_hash);
		*hash = eg_hash_combine(*hash, text_hash);
		return true;
	}
	v = role_number(role, values, nulls);
	if (v != rint(v))
		r->integral = false;
	d->target[row] = v;
	*hash = eg_hash_combine(*hash, double_bits(v));
	return true;
}

static uint64
text_hash(EgSourceRole *role, const Datum *values, const bool *nulls)
{
	char		buf[EG_KEY_BUFFER];
	const char *text;
	int			len;

	if (nulls[role->attno])
		null_error(role);
	text = eg_key_text(role->key, values[role->attno], buf, &len);
	return eg_hash_text(text, len);
}

static void
read_roles(EgSourceReader *r, Size row, const Datum *values, const bool *nulls, uint64 *hash)
{
	EgSourceData *d = &r->data;
	EgSourceRole *role;

	role = &r->role[EG_SRC_WEIGHT];
	if (role->attno >= 0)
	{
		d->weight[row] = role_number(role, values, nulls);
		*hash = eg_hash_combine(*hash, double_bits(d->weight[row]));
	}

	role = &r->role[EG_SRC_EVENT];
	if (role->attno >= 0)
	{
		double		v = role_number(role, values, nulls);

		if (v != 0 && v != 1)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("event column \"%s\" has the value %g, not 0 or 1", role->name, v)));
		d->event[row] = v;
		*hash = eg_hash_combine(*hash, double_bits(v));
	}

	role = &r->role[EG_SRC_SPLIT];
	if (role->attno >= 0)
	{
		double		v = role_number(role, values, nulls);

		d->split[row] = role->cv.kind == EG_COL_DATE ? v * SECS_PER_DAY : v;
		*hash = eg_hash_combine(*hash, double_bits(v));
	}

	/* the group's hash for now; its number once all are known */
	role = &r->role[EG_SRC_GROUP];
	if (role->attno >= 0)
	{
		uint64		h = text_hash(role, values, nulls);

		*hash = eg_hash_combine(*hash, h);
		h = eg_mix64(h ^ eg_mix64(r->spec->hash_seed));
		memcpy(&d->group[row], &h, sizeof(uint64));
	}

	role = &r->role[EG_SRC_PARTITION];
	if (role->attno >= 0)
	{
		uint64		h = 0;

		d->partition[row] = -1;
		if (!nulls[role->attno])
		{
			char		buf[EG_KEY_BUFFER];
			int			len;
			const char *text = eg_key_text(role->key, values[role->attno], buf, &len);

			d->partition[row] = add_text(r, &d->partition_column, text, len, &h);
		}
		*hash = eg_hash_combine(*hash, h);
	}

	/* nothing that a model depends on */
	role = &r->role[EG_SRC_REMEMBER];
	if (role->attno >= 0)
		d->person[row] = text_hash(role, values, nulls);
}

/* For hashes: what is missing is missing, be it NULL, NaN or infinite. */
static inline uint64
value_bits(float v)
{
	return isnan(v) ? 1 : float_bits(v);
}

/* One category, date or array; numbers are read in read_features(). */
static uint64
read_other(EgSourceReader *r, int j, Size row, Datum value, float *x, double *dates, uint64 hash)
{
	EgColumn   *c = &r->data.schema->columns[j];
	EgConverter *cv = &r->cv[j];
	char		buf[EG_TEXT_BUFFER];
	const char *text;
	uint64		h;
	int			len;
	int			n;
	int			k;

	switch (cv->kind)
	{
		case EG_COL_CATEGORY:
			text = eg_convert_text(cv, value, buf, &len);
			x[c->first] = (float) add_text(r, c, text, len, &h);
			return eg_hash_combine(hash, h);
		case EG_COL_DATE:
			*dates = eg_convert_double(cv, value);
			if (isnan(*dates))
				*dates = NAN;	/* one NaN for all, so that hashes agree */
			return eg_hash_combine(hash, double_bits(*dates));
		case EG_COL_ARRAY:
			n = eg_convert_array(cv, value, c->width, x + c->first);
			if (n != c->width)
				eg_array_width_error(c->name, n, c->width);
			for (k = 0; k < n; k++)
				hash = eg_hash_combine(hash, value_bits(x[c->first + k]));
			return hash;
		default:
			x[c->first] = eg_to_float(eg_convert_double(cv, value));
			return eg_hash_combine(hash, value_bits(x[c->first]));
	}
}

/* The features of a row for a schema in the making. */
static uint64
read_features(EgSourceReader *r, Size row, const Datum *values, const bool *nulls, uint64 hash)
{
	EgSchema   *s = r->data.schema;
	float	   *x = eg_row(&r->data.x, row);
	double	   *dates = r->dates + row * r->ndates;
	int			j;
	int			k;

	for (j = 0; j < s->ncolumns; j++)
	{
		EgColumn   *c = &s->columns[j];
		int			attno = r->attno[j];

		if (nulls[attno])
		{
			for (k = 0; k < c->width; k++)
				x[c->first + k] = NAN;
			if (c->kind == EG_COL_DATE)
				*dates = NAN;
			hash = eg_hash_combine(hash, 1);
		}
		else if (r->cv[j].op == EG_OP_FLOAT8)
		{
			x[c->first] = eg_to_float(DatumGetFloat8(values[attno]));
			hash = eg_hash_combine(hash, value_bits(x[c->first]));
		}
		else
			hash = read_other(r, j, row, values[attno], x, dates, hash);
		dates += c->kind == EG_COL_DATE;
	}
	return hash;
}

static uint64
read_key(EgSourceReader *r, const Datum *values, const bool *nulls)
{
	uint64		hash = 0;
	int			i;

	for (i = 0; i < r->nkeys; i++)
		hash = eg_hash_combine(hash, text_hash(&r->keys[i], values, nulls));
	return hash;
}

static void
read_row(EgSourceReader *r, const Datum *values, const bool *nulls)
{
	EgSourceData *d = &r->data;
	Size		row = d->x.nrows;
	uint64		content = 0;
	uint64		key;
	int			j;

	if (row == r->capacity)
		grow(r);
	if (!read_target(r, row, values, nulls, &content))
	{
		d->nskipped++;
		return;
	}
	read_roles(r, row, values, nulls, &content);
	if (r->own_schema)
		content = read_features(r, row, values, nulls, content);
	else
	{
		float	   *x = eg_row(&d->x, row);

		eg_binding_values(r->binding, values, nulls, x);
		for (j = 0; j < d->x.ncols; j++)
			content = eg_hash_combine(content, value_bits(x[j]));
	}

	key = content;
	if (r->nkeys > 0)
	{
		r->content[row] = content;
		key = read_key(r, values, nulls);
		content = eg_hash_combine(content, key);
	}
	d->hash[row] = eg_mix64(key ^ eg_mix64(r->spec->hash_seed));
	d->fingerprint += eg_mix64(content);
	d->x.nrows = row + 1;
	if (r->spec->row_hook)
		r->spec->row_hook(r->spec->row_hook_arg, d, row, r->desc, values, nulls);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	EgSourceReader *r = ((RowReceiver *) self)->reader;
	MemoryContext old;

	slot_getallattrs(slot);
	old = MemoryContextSwitchTo(r->row_context);
	r->data.nread++;
	read_row(r, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row_context);
	if (r->data.nread % ROWS_BETWEEN_STEPS == 0)
		eg_step(r->run, (int) Min(r->data.nread, PG_INT32_MAX), 0, NULL, 0);
	return true;
}

static void
receive_start(DestReceiver *self, int operation, TupleDesc desc)
{
	EgSourceReader *r = ((RowReceiver *) self)->reader;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	r->desc = CreateTupleDescCopy(desc);
	if (!r->own_schema)
		r->binding = eg_schema_bind(r->data.schema, r->desc, NULL);
	MemoryContextSwitchTo(old);
}

static void
receive_nothing(DestReceiver *self)
{
}

/* Kinds and dictionaries of target and partition; the size of a row. */
static void
prepare_data(EgSourceReader *r)
{
	EgSourceData *d = &r->data;
	EgSourceRole *target = &r->role[EG_SRC_TARGET];
	EgSourceRole *split = &r->role[EG_SRC_SPLIT];
	EgSourceRole *partition = &r->role[EG_SRC_PARTITION];

	d->x.ncols = d->schema->nfeatures;
	if (target->attno >= 0)
	{
		d->target_kind = target->cv.kind == EG_COL_CATEGORY ? EG_TARGET_LABEL :
			target->cv.op == EG_OP_BOOL ? EG_TARGET_BOOL : EG_TARGET_NUMBER;
		d->target_column.name = pstrdup(target->name);
		d->target_column.kind = EG_COL_CATEGORY;
		if (d->target_kind == EG_TARGET_LABEL)
			eg_dict_create(&d->target_column, 0);
	}
	if (partition->attno >= 0)
	{
		d->partition_column.name = pstrdup(partition->name);
		d->partition_column.kind = EG_COL_CATEGORY;
		eg_dict_create(&d->partition_column, 0);
	}
	d->split_is_time = split->attno >= 0 && split->cv.op != EG_OP_BOOL;
	r->integral = true;
	list_arrays(r);
}

/* Run the SELECT and read what it returns. */
static void
read_rows(EgSourceReader *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->context);
	RowReceiver *receiver = palloc0(sizeof(RowReceiver));
	SPIExecuteOptions options = {0};
	SPIPlanPtr	plan;
	char	   *sql;
	int			rc;

	sql = eg_source_columns(r);
	MemoryContextSwitchTo(r->context);	/* SPI left us in its own */
	prepare_data(r);
	r->row_context = AllocSetContextCreate(r->context, "engage source row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);

	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rStartup = receive_start;
	receiver->pub.rShutdown = receive_nothing;
	receiver->pub.rDestroy = receive_nothing;
	receiver->pub.mydest = DestTuplestore;	/* SPI takes DestNone for "no rows wanted" */
	receiver->reader = r;

	plan = eg_gate_prepare(sql, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	options.read_only = true;
	options.dest = (DestReceiver *) receiver;
	rc = SPI_execute_plan_extended(plan, &options);
	if (rc < 0)
		elog(ERROR, "could not read the source: %s", SPI_result_code_string(rc));
}

static void
check_rows(EgSourceReader *r)
{
	EgSourceData *d = &r->data;

	if (d->nread == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s returned no rows", eg_source_words(r))));
	if (d->x.nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" is NULL in all %lld rows of %s",
						r->role[EG_SRC_TARGET].name, (long long) d->nread, eg_source_words(r))));
}

static void
read_all(void *arg)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_rows(arg);
	SPI_finish();
}

EgSourceData *
eg_source_read(const EgSourceSpec *spec, EgRun *run)
{
	EgSourceReader *r = palloc0(sizeof(EgSourceReader));

	r->spec = spec;
	r->run = run;
	r->context = CurrentMemoryContext;
	eg_gate_run(NULL, read_all, r);
	MemoryContextDelete(r->row_context);
	check_rows(r);
	resize(r, r->data.x.nrows);
	if (r->data.group)
		eg_source_number_groups(r);
	r->data.target_integer = r->data.target_kind == EG_TARGET_NUMBER && r->integral;
	return &r->data;
}
