/*-------------------------------------------------------------------------
 *
 * schema_json.c
 *	  A JSON object as the row of a schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "store/schema_private.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

static const char *
json_kind(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		case jbvBinary:
			return JsonContainerIsArray(v->val.binary.data) ? "an array" : "an object";
		default:
			return "no scalar";
	}
}

static void pg_attribute_noreturn()
wrong_value(const EgColumn *c, const JsonbValue *v, const char *wanted)
{
	if (v->type == jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("value \"%.*s\" of column \"%s\" is not %s",
						Min(v->val.string.len, 64), v->val.string.val, c->name, wanted)));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("value of column \"%s\" is %s, not %s", c->name, json_kind(v), wanted)));
}

static double
numeric_value(const JsonbValue *v)
{
	return eg_convert_numeric((const char *) v->val.numeric);
}

/* A number in quotes: all of the text must be one. */
static double
string_number(const EgColumn *c, const JsonbValue *v)
{
	char	   *text = pnstrdup(v->val.string.val, v->val.string.len);
	char	   *end;
	double		number;
	bool		truth;

	if (strcmp(c->type, "boolean") == 0 && parse_bool(text, &truth))
		return truth ? 1.0 : 0.0;
	number = strtod(text, &end);
	while (*end == ' ' || *end == '\t' || *end == '\n')
		end++;
	if (end == text || *end != '\0')
		wrong_value(c, v, "a number");
	pfree(text);
	return number;
}

static void
column_context(void *arg)
{
	errcontext("column \"%s\" of the JSON row", (const char *) arg);
}

/* Days since 2000-01-01 or seconds, read by the input function of the column's type. */
static double
string_time(const EgColumn *c, const JsonbValue *v)
{
	ErrorContextCallback context;
	EgConverter cv;
	PGFunction	input;
	Datum		value;
	Oid			type;

	if (c->kind == EG_COL_INTERVAL)
	{
		type = strncmp(c->type, "time", 4) == 0 ? TIMEOID : INTERVALOID;
		input = type == TIMEOID ? time_in : interval_in;
	}
	else if (strcmp(c->type, "date") == 0)
	{
		/* goes further than timestamps do */
		type = DATEOID;
		input = date_in;
	}
	else
	{
		type = strcmp(c->type, "timestamp with time zone") == 0 ? TIMESTAMPTZOID : TIMESTAMPOID;
		input = type == TIMESTAMPTZOID ? timestamptz_in : timestamp_in;
	}

	context.callback = column_context;
	context.arg = c->name;
	context.previous = error_context_stack;
	error_context_stack = &context;
	value = DirectFunctionCall3(input,
								CStringGetDatum(pnstrdup(v->val.string.val, v->val.string.len)),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = context.previous;

	eg_converter_init(&cv, type);
	return eg_convert_double(&cv, value);
}

static float
category_value(const EgColumn *c, const JsonbValue *v)
{
	const char *text;
	int			len;
	int			code;

	switch (v->type)
	{
		case jbvString:
			text = v->val.string.val;
			len = v->val.string.len;

			/* to_jsonb() keeps the padding of char(n), which is no part of the value */
			while (len > 0 && text[len - 1] == ' ' && c->type && strcmp(c->type, "character") == 0)
				len--;
			break;
		case jbvNumeric:
			text =
				DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
			len = strlen(text);
			break;
		case jbvBool:
			text = v->val.boolean ? "true" : "false";
			len = strlen(text);
			break;
		default:
			wrong_value(c, v, "a string");
	}
	code = eg_column_code(c, text, len);
	return code < 0 ? NAN : (float) code;
}

static void
array_values(const EgColumn *c, const JsonbValue *v, float *out)
{
	JsonbContainer *array;
	int			n;
	int			k;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerIsScalar(v->val.binary.data))
		wrong_value(c, v, "an array");
	array = v->val.binary.data;
	n = JsonContainerSize(array);
	if (n != c->width)
		eg_array_width_error(c->name, n, c->width);
	for (k = 0; k < n; k++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(array, k);

		if (e->type == jbvNumeric)
			out[k] = eg_to_float(numeric_value(e));
		else if (e->type == jbvString)
			out[k] = eg_to_float(string_number(c, e));
		else if (e->type == jbvNull)
			out[k] = NAN;
		else
			wrong_value(c, e, "a number");
	}
}

static void
column_values(const EgColumn *c, const JsonbValue *v, float *out)
{
	switch (c->kind)
	{
		case EG_COL_NUMBER:
			if (v->type == jbvNumeric)
				out[0] = eg_to_float(numeric_value(v));
			else if (v->type == jbvBool)
				out[0] = v->val.boolean ? 1.0f : 0.0f;
			else if (v->type == jbvString)
				out[0] = eg_to_float(string_number(c, v));
			else
				wrong_value(c, v, "a number");
			break;
		case EG_COL_CATEGORY:
			out[0] = category_value(c, v);
			break;
		case EG_COL_DATE:
			if (v->type != jbvString)
				wrong_value(c, v, "a date in a string");
			out[0] = eg_to_float(string_time(c, v) - c->origin);
			break;
		case EG_COL_INTERVAL:
			if (v->type == jbvNumeric)
				out[0] = eg_to_float(numeric_value(v));
			else if (v->type == jbvString)
				out[0] = eg_to_float(string_time(c, v));
			else
				wrong_value(c, v, "an interval in a string or a number of seconds");
			break;
		case EG_COL_ARRAY:
			array_values(c, v, out);
			break;
	}
}

void
eg_schema_jsonb(const EgSchema *s, const Jsonb *row, bool missing_ok, const char *model, float *out)
{
	int			i;
	int			k;

	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a row in JSON must be an object, not %s",
						JB_ROOT_IS_SCALAR(row) ? "a single value" : "an array"),
				 errhint("Write it as '{\"column\": value, ...}'.")));

	for (i = 0; i < s->ncolumns; i++)
	{
		const EgColumn *c = &s->columns[i];
		JsonbValue	value;
		JsonbValue *v;

		v = getKeyJsonValueFromContainer((JsonbContainer *) &row->root, c->name,
										 strlen(c->name), &value);
		if (v == NULL && !missing_ok)
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 model
					 ? errmsg("column \"%s\" that model \"%s\" needs is missing from the JSON row",
							  c->name, model)
					 : errmsg("column \"%s\" that the model needs is missing from the JSON row",
							  c->name),
				 errhint("Give it as null when the value is not known.")));
		if (v == NULL || v->type == jbvNull)
			for (k = 0; k < c->width; k++)
				out[c->first + k] = NAN;
		else
			column_values(c, v, out + c->first);
	}
}
