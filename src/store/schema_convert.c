/*-------------------------------------------------------------------------
 *
 * schema_convert.c
 *	  Values of PostgreSQL's types to numbers and texts.
 *
 * A converter is made once for a column and then called for each row, so it
 * holds whatever a catalog lookup would give.  Training and scoring use the
 * same converters; that is what keeps the two from drifting apart.
 *
 * numeric is read from its stored form (the layout of which pg_upgrade keeps
 * stable): a value of at most 15 to 20 digits is an integer below 2^53 times
 * a power of ten up to 10^22, and then one multiplication or division gives
 * the correctly rounded double (Clinger, "How to read floating point numbers
 * accurately", 1990).  Anything longer takes the server's way through text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/dependency.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "store/identity.h"
#include "store/schema_private.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* the stored form of numeric; see the comment at the top of the server's numeric.c */
#define NUM_SPECIAL			0xC000	/* both bits: NaN, infinities */
#define NUM_NEGATIVE		0x4000
#define NUM_SHORT			0x8000
#define NUM_PINF			0xD000
#define NUM_NINF			0xF000
#define NUM_SHORT_NEGATIVE	0x2000
#define NUM_SHORT_WEIGHT_SIGN	0x0040
#define NUM_SHORT_WEIGHT	0x003F
#define NUM_DIGITS			4		/* decimal digits in a stored digit */
#define NUM_BASE			10000

static const double power_of_ten[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* pgvector's type: fixed layout since its first release */
typedef struct VectorValue
{
	int32		vl_len_;
	int16		dim;
	int16		unused;
	float		x[FLEXIBLE_ARRAY_MEMBER];
} VectorValue;

static bool
is_vector_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	bool		named;
	Oid			extension;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	named = strcmp(NameStr(form->typname), "vector") == 0 && form->typlen == -1 &&
		form->typtype == TYPTYPE_BASE;
	ReleaseSysCache(tuple);
	if (!named)
		return false;

	/* any user may call a type "vector"; only the extension's has this layout */
	extension = getExtensionOfObject(TypeRelationId, type);
	return OidIsValid(extension) && strcmp(get_extension_name(extension), "vector") == 0;
}

static bool
number_op(Oid type, EgOp *op)
{
	switch (type)
	{
		case BOOLOID:
			*op = EG_OP_BOOL;
			return true;
		case INT2OID:
			*op = EG_OP_INT2;
			return true;
		case INT4OID:
			*op = EG_OP_INT4;
			return true;
		case INT8OID:
			*op = EG_OP_INT8;
			return true;
		case FLOAT4OID:
			*op = EG_OP_FLOAT4;
			return true;
		case FLOAT8OID:
			*op = EG_OP_FLOAT8;
			return true;
		case NUMERICOID:
			*op = EG_OP_NUMERIC;
			return true;
		case MONEYOID:
			*op = EG_OP_MONEY;
			return true;
		default:
			return false;
	}
}

/* A type of the server whose output function says equal values alike. */
static void
init_output(EgConverter *cv, Oid type)
{
	Oid			function;
	bool		varlena;

	getTypeOutputInfo(type, &function, &varlena);
	fmgr_info(function, &cv->output);
}

/*
 * Set up the converter for a type; false when it cannot be a feature.
 */
bool
eg_converter_init(EgConverter *cv, Oid type)
{
	Oid			element;

	memset(cv, 0, sizeof(EgConverter));
	eg_watch_type(type);
	type = getBaseType(type);
	cv->type = type;

	if (number_op(type, &cv->op))
	{
		cv->kind = EG_COL_NUMBER;
		if (cv->op == EG_OP_MONEY)
		{
			/* the number of decimals is the locale's: ask what one stored unit is worth */
			Datum		unit = DirectFunctionCall1(cash_numeric, Int64GetDatum(1));

			cv->money_unit = rint(1.0 / eg_convert_numeric((char *) DatumGetPointer(unit)));
		}
		return true;
	}

	cv->kind = EG_COL_CATEGORY;
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			cv->op = EG_OP_TEXT;
			return true;
		case BPCHAROID:
			cv->op = EG_OP_BPCHAR;
			return true;
		case NAMEOID:
			cv->op = EG_OP_NAME;
			return true;
		case CHAROID:
			cv->op = EG_OP_CHAR;
			return true;
		case UUIDOID:
			cv->op = EG_OP_UUID;
			return true;
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
			cv->op = EG_OP_OUTPUT;
			init_output(cv, type);
			return true;
		case DATEOID:
			cv->kind = EG_COL_DATE;
			cv->op = EG_OP_DATE;
			return true;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			cv->kind = EG_COL_DATE;
			cv->op = EG_OP_TIMESTAMP;
			return true;
		case INTERVALOID:
			cv->kind = EG_COL_INTERVAL;
			cv->op = EG_OP_INTERVAL;
			return true;
		case TIMEOID:
			cv->kind = EG_COL_INTERVAL;
			cv->op = EG_OP_TIME;
			return true;
		default:
			break;
	}
	if (type_is_enum(type))
	{
		cv->op = EG_OP_ENUM;
		return true;
	}

	/* true arrays only: int2vector and oidvector are lists of the catalogs */
	cv->kind = EG_COL_ARRAY;
	element = get_element_type(type);
	if (OidIsValid(element) && get_typlen(type) == -1 && type != INT2VECTOROID)
	{
		element = getBaseType(element);
		cv->op = EG_OP_ARRAY;
		return number_op(element, &cv->element) &&
			cv->element != EG_OP_BOOL && cv->element != EG_OP_MONEY;
	}
	cv->op = EG_OP_VECTOR;
	return is_vector_type(type);
}

bool
eg_column_kind(Oid type, EgColumnKind *kind)
{
	EgConverter cv;

	if (!eg_converter_init(&cv, type))
		return false;
	*kind = cv.kind;
	return true;
}

/*
 * The double nearest to a stored numeric, whatever its header; p need not be
 * aligned.
 */
double
eg_convert_numeric(const char *p)
{
	const struct varlena *v = (const struct varlena *) p;
	const char *detoasted = NULL;
	const char *data;
	int			ndigits;
	int			weight;
	int			exponent;
	bool		negative;
	uint16		header;
	uint64		m = 0;
	double		result;
	int			i;

	if (VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v))
	{
		detoasted = (const char *) PG_DETOAST_DATUM_PACKED(PointerGetDatum(p));
		v = (const struct varlena *) detoasted;
	}
	data = VARDATA_ANY(v);
	ndigits = VARSIZE_ANY_EXHDR(v);

	memcpy(&header, data, sizeof(uint16));
	if ((header & NUM_SPECIAL) == NUM_SPECIAL)
		return header == NUM_PINF ? INFINITY : header == NUM_NINF ? -INFINITY : NAN;
	if (header & NUM_SHORT)
	{
		negative = (header & NUM_SHORT_NEGATIVE) != 0;
		weight = header & NUM_SHORT_WEIGHT;
		if (header & NUM_SHORT_WEIGHT_SIGN)
			weight |= ~NUM_SHORT_WEIGHT;
		data += sizeof(uint16);
		ndigits -= sizeof(uint16);
	}
	else
	{
		int16		w;

		negative = (header & NUM_SPECIAL) == NUM_NEGATIVE;
		memcpy(&w, data + sizeof(uint16), sizeof(int16));
		weight = w;
		data += 2 * sizeof(uint16);
		ndigits -= 2 * sizeof(uint16);
	}
	ndigits /= (int) sizeof(int16);

	exponent = NUM_DIGITS * (weight - ndigits + 1);
	/* four digits are below 10^16 and fit into 64 bits; five need not */
	if (ndigits > 4 || exponent < -22 || exponent > 22)
		goto slow;
	for (i = 0; i < ndigits; i++)
	{
		int16		digit;

		memcpy(&digit, data + i * sizeof(int16), sizeof(int16));
		m = m * NUM_BASE + (uint64) digit;
	}
	if (m > (UINT64CONST(1) << 53))
		goto slow;
	result = (double) m;
	if (exponent < 0)
		result /= power_of_ten[-exponent];
	else
		result *= power_of_ten[exponent];
	return negative ? -result : result;

slow:
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, PointerGetDatum(v)));
}

static double
interval_seconds(const Interval *i)
{
	if (EG_INTERVAL_NOT_FINITE(i))
		return NAN;
	/* extract(epoch from interval): a year has 365.25 days, a month 30 */
	return (double) i->time / USECS_PER_SEC +
		(DAYS_PER_YEAR * SECS_PER_DAY) * (i->month / MONTHS_PER_YEAR) +
		((double) DAYS_PER_MONTH * SECS_PER_DAY) * (i->month % MONTHS_PER_YEAR) +
		(double) SECS_PER_DAY * i->day;
}

double
eg_convert_double(const EgConverter *cv, Datum value)
{
	switch (cv->op)
	{
		case EG_OP_BOOL:
			return DatumGetBool(value) ? 1.0 : 0.0;
		case EG_OP_INT2:
			return DatumGetInt16(value);
		case EG_OP_INT4:
			return DatumGetInt32(value);
		case EG_OP_INT8:
			return (double) DatumGetInt64(value);
		case EG_OP_FLOAT4:
			return DatumGetFloat4(value);
		case EG_OP_FLOAT8:
			return DatumGetFloat8(value);
		case EG_OP_NUMERIC:
			return eg_convert_numeric((const char *) DatumGetPointer(value));
		case EG_OP_MONEY:
			return (double) DatumGetInt64(value) / cv->money_unit;
		case EG_OP_DATE:
			{
				DateADT		d = DatumGetDateADT(value);

				return DATE_NOT_FINITE(d) ? NAN : (double) d;
			}
		case EG_OP_TIMESTAMP:
			{
				Timestamp	t = DatumGetTimestamp(value);

				return TIMESTAMP_NOT_FINITE(t) ? NAN : (double) t / USECS_PER_DAY;
			}
		case EG_OP_INTERVAL:
			return interval_seconds(DatumGetIntervalP(value));
		case EG_OP_TIME:
			return (double) DatumGetTimeADT(value) / USECS_PER_SEC;
		default:
			break;
	}
	elog(ERROR, "no number for type %u", cv->type);
	return 0;					/* keep the compiler quiet */
}

static const char *
uuid_text(const unsigned char *u, char *buf, int *len)
{
	static const char hex[] = "0123456789abcdef";
	char	   *p = buf;
	int			i;

	for (i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[u[i] >> 4];
		*p++ = hex[u[i] & 15];
	}
	*len = p - buf;
	return buf;
}

static const char *
enum_text(Oid value, char *buf, int *len)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", value)));
	strlcpy(buf, NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel), NAMEDATALEN);
	ReleaseSysCache(tuple);
	*len = strlen(buf);
	return buf;
}

const char *
eg_convert_text(EgConverter *cv, Datum value, char *buf, int *len)
{
	const struct varlena *v;
	const char *s;

	switch (cv->op)
	{
		case EG_OP_TEXT:
		case EG_OP_BPCHAR:
			v = (const struct varlena *) DatumGetPointer(value);
			if (unlikely(VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v)))
				v = (const struct varlena *) PG_DETOAST_DATUM_PACKED(value);
			s = VARDATA_ANY(v);
			*len = VARSIZE_ANY_EXHDR(v);
			if (cv->op == EG_OP_BPCHAR)
				while (*len > 0 && s[*len - 1] == ' ')
					(*len)--;
			return s;
		case EG_OP_NAME:
			s = NameStr(*DatumGetName(value));
			*len = strlen(s);
			return s;
		case EG_OP_CHAR:
			/* as charout() of PostgreSQL 16: bytes above 127 are no characters of their own */
			buf[0] = DatumGetChar(value);
			*len = buf[0] == '\0' ? 0 : 1;
			if (IS_HIGHBIT_SET(buf[0]))
				*len = snprintf(buf, EG_TEXT_BUFFER, "\\%03o", (unsigned char) buf[0]);
			return buf;
		case EG_OP_ENUM:
			return enum_text(DatumGetObjectId(value), buf, len);
		case EG_OP_UUID:
			return uuid_text(DatumGetUUIDP(value)->data, buf, len);
		case EG_OP_OUTPUT:
			s = OutputFunctionCall(&cv->output, value);
			*len = strlen(s);
			return s;
		default:
			break;
	}
	elog(ERROR, "no text for type %u", cv->type);
	return NULL;				/* keep the compiler quiet */
}

bool
eg_type_is_discrete(Oid type)
{
	type = getBaseType(type);
	return type == INT2OID || type == INT4OID || type == INT8OID || type == BOOLOID;
}

void
eg_array_width_error(const char *column, int width, int expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 width < 0 ? errmsg("array in column \"%s\" has more than one dimension", column) :
			 errmsg("array in column \"%s\" has %d elements, not %d", column, width, expected),
			 errdetail("All arrays of a feature column have the length found at training.")));
}

/*
 * Numbers of an array.  Returns its length; fills out only when that equals
 * width.  Arrays of several dimensions have length -1.
 */
int
eg_convert_array(const EgConverter *cv, Datum value, int width, float *out)
{
	const char *data;
	const bits8 *nulls;
	ArrayType  *array;
	int			n;
	int			i;

	if (cv->op == EG_OP_VECTOR)
	{
		VectorValue *v = (VectorValue *) PG_DETOAST_DATUM(value);

		n = v->dim;
		if (VARSIZE(v) < offsetof(VectorValue, x) + (Size) Max(n, 0) * sizeof(float))
			elog(ERROR, "vector is shorter than its dimensions");
		if (n == width)
			for (i = 0; i < n; i++)
				out[i] = eg_to_float(v->x[i]);
		if ((Pointer) v != DatumGetPointer(value))
			pfree(v);
		return n;
	}

	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1)
		return -1;
	n = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	data = ARR_DATA_PTR(array);
	nulls = ARR_NULLBITMAP(array);
	for (i = 0; n == width && i < n; i++)
	{
		double		v;

		if (nulls && (nulls[i >> 3] & (1 << (i & 7))) == 0)
		{
			out[i] = NAN;		/* takes no room in the data */
			continue;
		}
		switch (cv->element)
		{
			case EG_OP_INT2:
				v = *(const int16 *) data;
				data += sizeof(int16);
				break;
			case EG_OP_INT4:
				v = *(const int32 *) data;
				data += sizeof(int32);
				break;
			case EG_OP_INT8:
				v = (double) *(const int64 *) data;
				data += sizeof(int64);
				break;
			case EG_OP_FLOAT4:
				v = *(const float4 *) data;
				data += sizeof(float4);
				break;
			case EG_OP_FLOAT8:
				v = *(const float8 *) data;
				data += sizeof(float8);
				break;
			default:
				v = eg_convert_numeric(data);
				data += INTALIGN(VARSIZE_ANY(data));
				break;
		}
		out[i] = eg_to_float(v);
	}
	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
	return n;
}
