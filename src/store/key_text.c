/*-------------------------------------------------------------------------
 *
 * key_text.c
 *	  The text of a key's value, form by form.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"

#include "store/header_tuple.h"
#include "store/key_private.h"

static const char *
numeric_text(Numeric value, int *len)
{
	char	   *text;

	value = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)));
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value)));
	*len = strlen(text);
	return text;
}

/* As the numeric that has the shortest digits which give this number back. */
static const char *
float_text(double v, char *buf, int *len)
{
	if (fabs(v) < 1e15 && v == rint(v))
	{
		*len = pg_lltoa((int64) v, buf);
		return buf;
	}
	*len = double_to_shortest_decimal_buf(v, buf);
	if (!isfinite(v) || strchr(buf, 'e') == NULL)
		return buf;
	return numeric_text(DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(buf),
															ObjectIdGetDatum(InvalidOid),
															Int32GetDatum(-1))), len);
}

static const char *
date_text(DateADT date, char *buf, int *len)
{
	struct pg_tm tm;

	if (DATE_NOT_FINITE(date))
		strcpy(buf, DATE_IS_NOBEGIN(date) ? "-infinity" : "infinity");
	else
	{
		memset(&tm, 0, sizeof(tm));
		j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
		EncodeDateOnly(&tm, USE_ISO_DATES, buf);
	}
	*len = strlen(buf);
	return buf;
}

/* A timestamp; one with time zone in UTC. */
static const char *
timestamp_text(Timestamp value, bool zone, char *buf, int *len)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(value))
		strcpy(buf, TIMESTAMP_IS_NOBEGIN(value) ? "-infinity" : "infinity");
	else
	{
		if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("timestamp out of range")));
		tm.tm_isdst = 0;		/* the zone is known, and written: UTC */
		if (!zone && tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0 && fsec == 0)
			EncodeDateOnly(&tm, USE_ISO_DATES, buf);
		else
			EncodeDateTime(&tm, fsec, zone, 0, NULL, USE_ISO_DATES, buf);
	}
	*len = strlen(buf);
	return buf;
}

static const char *
time_text(Oid type, Datum value, char *buf, int *len)
{
	struct pg_tm tm;
	fsec_t		fsec;
	TimeTzADT  *zoned = type == TIMETZOID ? DatumGetTimeTzADTP(value) : NULL;

	memset(&tm, 0, sizeof(tm));
	time2tm(zoned ? zoned->time : DatumGetTimeADT(value), &tm, &fsec);
	EncodeTimeOnly(&tm, fsec, zoned != NULL, zoned ? zoned->zone : 0, USE_ISO_DATES, buf);
	*len = strlen(buf);
	return buf;
}

/* Equal intervals are equally long, a month being 30 days and a day 24 hours. */
static const char *
interval_text(const Interval *v, char *buf, int *len)
{
	int64		days = v->time / USECS_PER_DAY + v->day + (int64) v->month * DAYS_PER_MONTH;
	int64		rest = v->time % USECS_PER_DAY;
	int64		seconds;

#ifdef INTERVAL_NOT_FINITE
	if (INTERVAL_NOT_FINITE(v))
	{
		strcpy(buf, INTERVAL_IS_NOBEGIN(v) ? "-infinity" : "infinity");
		*len = strlen(buf);
		return buf;
	}
#endif
	if (days > 0 && rest < 0)
	{
		days--;
		rest += USECS_PER_DAY;
	}
	else if (days < 0 && rest > 0)
	{
		days++;
		rest -= USECS_PER_DAY;
	}
	seconds = days * SECS_PER_DAY + rest / USECS_PER_SEC;
	rest = rest % USECS_PER_SEC;
	*len = sprintf(buf, "PT%s%lld", days < 0 || seconds < 0 || rest < 0 ? "-" : "",
				   (long long) (seconds < 0 ? -seconds : seconds));
	if (rest != 0)
	{
		*len += sprintf(buf + *len, ".%06d", (int) (rest < 0 ? -rest : rest));
		while (buf[*len - 1] == '0')
			(*len)--;
	}
	buf[(*len)++] = 'S';
	return buf;
}

static const char *
bytea_text(Datum value, int *len)
{
	bytea	   *v = DatumGetByteaPP(value);
	char	   *text = palloc(2 * VARSIZE_ANY_EXHDR(v) + 3);

	strcpy(text, "\\x");
	*len = 2 + hex_encode(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), text + 2);
	return text;
}

static const char *
hash_text(EgKey *k, Datum value, char *buf, int *len)
{
	uint64		hash = k->wide ?
		DatumGetUInt64(FunctionCall2Coll(&k->function, k->collation, value, Int64GetDatum(0))) :
		DatumGetUInt32(FunctionCall1Coll(&k->function, k->collation, value));

	*len = sprintf(buf, "#%016llx", (unsigned long long) hash);
	return buf;
}

/* As citext compares: folded by the database's own rules. */
static const char *
citext_text(Datum value, int *len)
{
	text	   *t = DatumGetTextPP(value);
	char	   *folded = str_tolower(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), DEFAULT_COLLATION_OID);

	*len = strlen(folded);
	return folded;
}

/* A member, quoted so that no two lists of members have the same text. */
static void
append_member(StringInfo out, EgKey *k, Datum value, bool isnull)
{
	char		buf[EG_KEY_BUFFER];
	const char *text;
	int			len,
				i;

	if (isnull)
	{
		appendStringInfoString(out, "NULL");
		return;
	}
	text = eg_key_text(k, value, buf, &len);
	appendStringInfoChar(out, '"');
	for (i = 0; i < len; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, text[i]);
	}
	appendStringInfoChar(out, '"');
}

static const char *
array_text(EgKey *k, Datum value, int *len)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	StringInfoData out;
	Datum	   *values;
	bool	   *nulls;
	int			n,
				i;

	initStringInfo(&out);
	for (i = 0; i < ARR_NDIM(array); i++)
	{
		if (ARR_NDIM(array) > 1 || ARR_LBOUND(array)[0] != 1)
			appendStringInfo(&out, "[%d:%d]", ARR_LBOUND(array)[i], ARR_DIMS(array)[i]);
	}
	deconstruct_array(array, ARR_ELEMTYPE(array), k->length, k->by_value, k->align, &values,
					  &nulls, &n);
	appendStringInfoChar(&out, '{');
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&out, ',');
		append_member(&out, k->element, values[i], nulls[i]);
	}
	appendStringInfoChar(&out, '}');
	*len = out.len;
	return out.data;
}

static const char *
composite_text(EgKey *k, Datum value, int *len)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	HeapTupleData tuple = eg_header_tuple(header);
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < k->desc->natts; i++)
	{
		bool		isnull;
		Datum		member;

		if (k->column[i] == NULL)
			continue;
		member = heap_getattr(&tuple, i + 1, k->desc, &isnull);
		appendStringInfoChar(&out, out.len == 0 ? '(' : ',');
		append_member(&out, k->column[i], member, isnull);
	}
	appendStringInfoChar(&out, ')');
	*len = out.len;
	return out.data;
}

static const char *
range_text(EgKey *k, Datum value, int *len)
{
	RangeBound	lower,
				upper;
	StringInfoData out;
	bool		empty;

	range_deserialize(k->range, DatumGetRangeTypeP(value), &lower, &upper, &empty);
	initStringInfo(&out);
	if (empty)
		appendStringInfoString(&out, "empty");
	else
	{
		appendStringInfoChar(&out, lower.inclusive ? '[' : '(');
		if (!lower.infinite)
			append_member(&out, k->element, lower.val, false);
		appendStringInfoChar(&out, ',');
		if (!upper.infinite)
			append_member(&out, k->element, upper.val, false);
		appendStringInfoChar(&out, upper.inclusive ? ']' : ')');
	}
	*len = out.len;
	return out.data;
}

const char *
eg_key_text(EgKey *k, Datum value, char *buf, int *len)
{
	const char *text;

	switch (k->form)
	{
		case EG_KEY_INTEGER:
			*len = pg_lltoa(k->type == INT2OID ? DatumGetInt16(value) :
							k->type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value), buf);
			return buf;
		case EG_KEY_TEXT:
			return eg_convert_text(&k->cv, value, buf, len);
		case EG_KEY_NUMERIC:
			return numeric_text(DatumGetNumeric(value), len);
		case EG_KEY_BOOL:
			text = DatumGetBool(value) ? "true" : "false";
			*len = strlen(text);
			return text;
		case EG_KEY_FLOAT:
			return float_text(k->type == FLOAT4OID ? DatumGetFloat4(value) :
							  DatumGetFloat8(value), buf, len);
		case EG_KEY_MONEY:
			*len = pg_lltoa(DatumGetCash(value), buf);
			return buf;
		case EG_KEY_OID:
			*len = sprintf(buf, "%u", DatumGetObjectId(value));
			return buf;
		case EG_KEY_DATE:
			return date_text(DatumGetDateADT(value), buf, len);
		case EG_KEY_TIMESTAMP:
			return timestamp_text(DatumGetTimestamp(value), k->type == TIMESTAMPTZOID, buf, len);
		case EG_KEY_TIME:
			return time_text(k->type, value, buf, len);
		case EG_KEY_INTERVAL:
			return interval_text(DatumGetIntervalP(value), buf, len);
		case EG_KEY_BYTEA:
			return bytea_text(value, len);
		case EG_KEY_CITEXT:
			return citext_text(value, len);
		case EG_KEY_HASH:
			return hash_text(k, value, buf, len);
		case EG_KEY_ARRAY:
			return array_text(k, value, len);
		case EG_KEY_COMPOSITE:
			return composite_text(k, value, len);
		case EG_KEY_RANGE:
			return range_text(k, value, len);
		case EG_KEY_OUTPUT:
			break;
	}
	text = OutputFunctionCall(&k->function, value);
	*len = strlen(text);
	return text;
}

char *
eg_key_string(EgKey *key, Datum value)
{
	char		buf[EG_KEY_BUFFER];
	int			len;
	const char *text = eg_key_text(key, value, buf, &len);

	return pnstrdup(text, len);
}

bool
eg_key_jsonb(const JsonbValue *v, const char **text, int *len)
{
	switch (v->type)
	{
		case jbvString:
			*text = v->val.string.val;
			*len = v->val.string.len;
			return true;
		case jbvNumeric:
			*text = numeric_text(v->val.numeric, len);
			return true;
		case jbvBool:
			*text = v->val.boolean ? "true" : "false";
			*len = strlen(*text);
			return true;
		default:
			return false;
	}
}

char *
eg_key_column(const char *column, Oid type)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case BOOLOID:
			/* these casts write what eg_key_text() does, and are fastest */
			return psprintf("%s::pg_catalog.text", column);
		default:
			return psprintf("engage.key_text(%s)", column);
	}
}

char *
eg_key_of_number_text(const char *text)
{
	int			len;

	char	   *end;

	/* nothing that numeric_in() would refuse */
	if (text[strspn(text, "+-.0123456789eE")] != '\0' || strlen(text) > 100)
		return NULL;
	errno = 0;
	(void) strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0)
		return NULL;
	return pstrdup(numeric_text(DatumGetNumeric(DirectFunctionCall3(numeric_in,
		CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))), &len));
}
