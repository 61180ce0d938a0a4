/*-------------------------------------------------------------------------
 *
 * params.c
 *	  Declared hyper-parameters: JSON in, a struct of C values out.
 *
 * A table of EgParam says for each parameter where its field is and what it
 * may hold.  Everything that can be told from the table is told here, once:
 * parsing, defaults, error messages, and the texts of engage_parameters().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "base/compat.h"
#include "base/params.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

/* longest part of a rejected value that a message repeats, in bytes */
#define SHOWN_LENGTH	60

/* names longer than this are not worth comparing with the known ones */
#define NAME_LENGTH		64

/* what other tools take among the hyper-parameters and engage takes elsewhere */
static const struct
{
	const char *name;
	const char *hint;
} elsewhere[] = {
	{"nthread",
	 "The number of threads is set with \"engage.threads\"; results do not depend on it."},
	{"n_jobs",
	 "The number of threads is set with \"engage.threads\"; results do not depend on it."},
	{"num_threads",
	 "The number of threads is set with \"engage.threads\"; results do not depend on it."},
	{"seed", "The seed is an argument of the function itself: engage_train(..., seed => 42)."},
	{"random_state",
	 "The seed is an argument of the function itself: engage_train(..., seed => 42)."},
	{"verbosity", "Progress is shown as notices when \"engage.progress\" is on."},
	{"verbose", "Progress is shown as notices when \"engage.progress\" is on."},
	{"silent", "Progress is shown as notices when \"engage.progress\" is on."},
};

#define FIELD(base, p, type)	(*(type *) ((char *) (base) + (p)->offset))

/* Shortest decimal text that reads back as the same number; whole numbers without exponent. */
static char *
number_text(double v)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isinf(v))
		return pstrdup(v < 0 ? "-inf" : "inf");
	if (v == floor(v) && fabs(v) < 1e15)
		return psprintf("%.0f", v + 0.0);
	double_to_shortest_decimal_buf(v, buf);
	return pstrdup(buf);
}

/* The value as JSON text, cut to a length fit for a message. */
static const char *
value_text(const JsonbValue *v)
{
	Jsonb	   *jb = JsonbValueToJsonb(unconstify(JsonbValue *, v));
	char	   *text = JsonbToCString(NULL, &jb->root, VARSIZE(jb));
	int			len = strlen(text);

	if (len > SHOWN_LENGTH)
		strcpy(text + pg_mbcliplen(text, Min(len, SHOWN_LENGTH + 16), SHOWN_LENGTH), "...");
	return text;
}

/* Range in words for an error: "in (0, 1]", "at least 0", "greater than 0". */
static char *
range_phrase(const EgParam *p)
{
	const char *word = p->words != NULL ? psprintf(" or \"%s\"", p->words[0]) : "";

	if (isinf(p->max) && isinf(p->min))
		return psprintf("a finite number%s", word);
	if (isinf(p->max))
		return psprintf("%s %s%s", p->min_open ? "greater than" : "at least", number_text(p->min),
						word);
	if (isinf(p->min))
		return psprintf("%s %s%s", p->max_open ? "less than" : "at most", number_text(p->max),
						word);
	return psprintf("in %s%s", eg_param_range_text(p), word);
}

/* "a, b, c" */
static char *
word_list(const char *const *words)
{
	StringInfoData s;
	int			i;

	initStringInfo(&s);
	for (i = 0; words[i] != NULL; i++)
		appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", words[i]);
	return s.data;
}

/* The word most like the given one, or NULL when none is near. */
static const char *
nearest_word(const char *given, int len, const char *const *words)
{
	const char *best = NULL;
	int			limit;
	int			i;

	if (len > NAME_LENGTH)
		return NULL;

	/* a third of the letters may differ; more, and the guess would only confuse */
	limit = Max(1, len / 3);
	for (i = 0; words[i] != NULL; i++)
	{
		int			d = varstr_levenshtein(given, len, words[i], strlen(words[i]), 1, 1, 1, true);

		if (d <= limit)
		{
			best = words[i];
			limit = d - 1;
		}
	}
	return best;
}

static void pg_attribute_noreturn()
unknown_name(const EgParam *table, const char *name, int len, const char *owner)
{
	const EgParam *p;
	const char **words;
	const char **all;
	const char *near;
	int			n = 0;
	int			nall = 0;
	int			i;

	for (p = table; p->name != NULL; p++)
		n++;
	words = palloc((n + 1) * sizeof(char *));
	all = palloc((2 * n + 1) * sizeof(char *));
	for (i = 0; i < n; i++)
	{
		words[i] = all[nall++] = table[i].name;
		if (table[i].alias != NULL)
			all[nall++] = table[i].alias;
	}
	words[n] = all[nall] = NULL;

	for (i = 0; i < lengthof(elsewhere); i++)
	{
		if (strlen(elsewhere[i].name) == len && memcmp(elsewhere[i].name, name, len) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not a parameter of algorithm \"%s\"",
							elsewhere[i].name, owner),
					 errhint("%s", elsewhere[i].hint)));
	}

	near = nearest_word(name, len, all);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("algorithm \"%s\" has no parameter \"%.*s\"",
					owner, pg_mbcliplen(name, len, SHOWN_LENGTH), name),
			 n == 0 ? errhint("The algorithm has no parameters.") :
			 near != NULL ? errhint("Perhaps you meant \"%s\". Known parameters: %s.",
									near, word_list(words)) :
			 errhint("Known parameters: %s.", word_list(words))));
}

/* `parameter "max_depth" of algorithm "xgboost" must be an integer, not "6"` */
static void pg_attribute_noreturn()
wrong_type(const EgParam *p, const JsonbValue *v, const char *owner, const char *expected)
{
	bool		quoted = v->type == jbvString &&
		(p->type == EG_PARAM_INT || p->type == EG_PARAM_REAL || p->type == EG_PARAM_REALS);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" of algorithm \"%s\" must be %s, not %s",
					p->name, owner, expected, value_text(v)),
			 quoted ? errhint("Write numbers without quotes.") :
			 p->type == EG_PARAM_BOOL ? errhint("Write true or false, without quotes.") : 0));
}

/* Does v say "auto", or whatever the default may be called? */
static bool
is_default_word(const EgParam *p, const JsonbValue *v)
{
	return (p->type == EG_PARAM_INT || p->type == EG_PARAM_REAL) && p->words != NULL &&
		v->type == jbvString && strlen(p->words[0]) == v->val.string.len &&
		memcmp(p->words[0], v->val.string.val, v->val.string.len) == 0;
}

static const char *
expected_number(const EgParam *p)
{
	const char *number = p->type == EG_PARAM_INT ? "an integer" :
		p->type == EG_PARAM_REAL ? "a number" : "an array of numbers";

	return p->words != NULL ? psprintf("%s or \"%s\"", number, p->words[0]) : number;
}

/* The number if v is one within the range of p; an error otherwise. */
static double
parse_number(const EgParam *p, const JsonbValue *v, const char *owner)
{
	double		x;

	if (is_default_word(p, v))
		return p->number;
	if (v->type != jbvNumeric)
		wrong_type(p, v, owner, expected_number(p));

	/* beyond the range of double this gives infinity, which no range contains */
	x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	if (p->type == EG_PARAM_INT && !isinf(x) && x != floor(x))
		wrong_type(p, v, owner, expected_number(p));
	if (isinf(x) || isnan(x) ||
		(p->min_open ? x <= p->min : x < p->min) ||
		(p->max_open ? x >= p->max : x > p->max) ||
		(p->type == EG_PARAM_INT && (x < PG_INT32_MIN || x > PG_INT32_MAX)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of algorithm \"%s\" must be %s, not %s",
						p->name, owner, range_phrase(p), value_text(v))));
	return x;
}

static EgReals
parse_reals(const EgParam *p, const JsonbValue *v, const char *owner)
{
	EgReals		reals;
	JsonbContainer *array;
	int			i;

	if (v->type == jbvNumeric)
	{
		reals.n = 1;
		reals.values = palloc(sizeof(double));
		reals.values[0] = parse_number(p, v, owner);
		return reals;
	}
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) == 0)
		wrong_type(p, v, owner, "an array of numbers");

	array = v->val.binary.data;
	reals.n = JsonContainerSize(array);
	reals.values = palloc(reals.n * sizeof(double));
	for (i = 0; i < reals.n; i++)
		reals.values[i] = parse_number(p, getIthJsonbValueFromContainer(array, i), owner);
	return reals;
}

static const char *
parse_word(const EgParam *p, const JsonbValue *v, const char *owner)
{
	const char *near;
	int			i;

	if (v->type != jbvString)
		wrong_type(p, v, owner, "a word");
	for (i = 0; p->words[i] != NULL; i++)
	{
		if (strlen(p->words[i]) == v->val.string.len &&
			memcmp(p->words[i], v->val.string.val, v->val.string.len) == 0)
			return p->words[i];
	}

	near = nearest_word(v->val.string.val, v->val.string.len, p->words);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" of algorithm \"%s\" cannot be %s",
					p->name, owner, value_text(v)),
			 near != NULL ? errhint("Perhaps you meant \"%s\". Known words: %s.",
									near, word_list(p->words)) :
			 errhint("Known words: %s.", word_list(p->words))));
}

static void
set_value(void *params, const EgParam *p, const JsonbValue *v, const char *owner)
{
	switch (p->type)
	{
		case EG_PARAM_INT:
			FIELD(params, p, int) = (int) parse_number(p, v, owner);
			break;
		case EG_PARAM_REAL:
			FIELD(params, p, double) = parse_number(p, v, owner);
			break;
		case EG_PARAM_BOOL:
			if (v->type != jbvBool)
				wrong_type(p, v, owner, "true or false");
			FIELD(params, p, bool) = v->val.boolean;
			break;
		case EG_PARAM_WORD:
			FIELD(params, p, const char *) = parse_word(p, v, owner);
			break;
		case EG_PARAM_TEXT:
			if (v->type != jbvString)
				wrong_type(p, v, owner, "a text");
			FIELD(params, p, const char *) = pnstrdup(v->val.string.val, v->val.string.len);
			break;
		case EG_PARAM_REALS:
			FIELD(params, p, EgReals) = parse_reals(p, v, owner);
			break;
		case EG_PARAM_JSON:
			FIELD(params, p, Jsonb *) = JsonbValueToJsonb(unconstify(JsonbValue *, v));
			break;
	}
}

/* Numbers of a default such as '[0.1, 0.5]'; the text is ours, so it is not checked. */
static EgReals
default_reals(const char *text)
{
	EgReals		reals = {0, NULL};
	const char *s;

	if (text == NULL)
		return reals;
	reals.values = palloc((strlen(text) + 1) * sizeof(double));
	for (s = text; *s != '\0';)
	{
		char	   *end;
		double		x = strtod(s, &end);

		if (end == s)
			s++;
		else
		{
			reals.values[reals.n++] = x;
			s = end;
		}
	}
	return reals;
}

static void
set_default(void *params, const EgParam *p)
{
	switch (p->type)
	{
		case EG_PARAM_INT:
			FIELD(params, p, int) = (int) p->number;
			break;
		case EG_PARAM_REAL:
			FIELD(params, p, double) = p->number;
			break;
		case EG_PARAM_BOOL:
			FIELD(params, p, bool) = p->number != 0;
			break;
		case EG_PARAM_WORD:
		case EG_PARAM_TEXT:
			FIELD(params, p, const char *) = p->text;
			break;
		case EG_PARAM_REALS:
			FIELD(params, p, EgReals) = default_reals(p->text);
			break;
		case EG_PARAM_JSON:
			FIELD(params, p, Jsonb *) = NULL;
			break;
	}
}

void *
eg_params_parse(const EgParam *table, Size psize, const Jsonb *json, const char *owner)
{
	return eg_params_parse_given(table, psize, json, owner, NULL);
}

/*
 * A member that is null counts as absent, so that a parameter without a
 * default can be written down too.
 */
void *
eg_params_parse_given(const EgParam *table, Size psize, const Jsonb *json,
					  const char *owner, bool **given)
{
	void	   *params = palloc0(psize);
	const EgParam *p;
	bool	   *seen;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n = 0;

	for (p = table; p->name != NULL; p++)
	{
		set_default(params, p);
		n++;
	}
	seen = palloc0((n + 1) * sizeof(bool));
	if (given != NULL)
		*given = seen;
	if (json == NULL)
		return params;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters of algorithm \"%s\" must be a JSON object", owner),
				 errhint("Write them as '{\"name\": value, ...}'.")));

	it = JsonbIteratorInit(&unconstify(Jsonb *, json)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		const char *name;
		int			len;

		if (token != WJB_KEY)
			continue;
		name = v.val.string.val;
		len = v.val.string.len;
		for (p = table; p->name != NULL; p++)
		{
			if ((strlen(p->name) == len && memcmp(p->name, name, len) == 0) ||
				(p->alias != NULL && strlen(p->alias) == len && memcmp(p->alias, name, len) == 0))
				break;
		}
		if (p->name == NULL)
			unknown_name(table, name, len, owner);

		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type == jbvNull)
			continue;
		if (seen[p - table])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s\" of algorithm \"%s\" is given twice", p->name, owner),
					 errdetail("\"%s\" is another name of \"%s\".", p->alias, p->name)));
		seen[p - table] = true;
		set_value(params, p, &v, owner);
	}
	return params;
}

/* The value as JSON text, or NULL when there is none. */
static char *
json_text(const EgParam *p, const void *params)
{
	StringInfoData s;
	int			i;

	initStringInfo(&s);
	switch (p->type)
	{
		case EG_PARAM_INT:
			if (p->words != NULL && FIELD(params, p, int) == (int) p->number)
				escape_json(&s, p->words[0]);
			else
				appendStringInfo(&s, "%d", FIELD(params, p, int));
			break;
		case EG_PARAM_REAL:
			if (p->words != NULL && (FIELD(params, p, double) == p->number ||
									 (isnan(FIELD(params, p, double)) && isnan(p->number))))
			{
				escape_json(&s, p->words[0]);
				break;
			}
			if (isnan(FIELD(params, p, double)))
				return NULL;
			appendStringInfoString(&s, number_text(FIELD(params, p, double)));
			break;
		case EG_PARAM_BOOL:
			appendStringInfoString(&s, FIELD(params, p, bool) ? "true" : "false");
			break;
		case EG_PARAM_WORD:
		case EG_PARAM_TEXT:
			if (FIELD(params, p, const char *) == NULL)
				return NULL;
			escape_json(&s, FIELD(params, p, const char *));
			break;
		case EG_PARAM_REALS:
			{
				EgReals    *reals = &FIELD(params, p, EgReals);

				if (reals->values == NULL)
					return NULL;
				appendStringInfoChar(&s, '[');
				for (i = 0; i < reals->n; i++)
					appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", number_text(reals->values[i]));
				appendStringInfoChar(&s, ']');
				break;
			}
		case EG_PARAM_JSON:
			{
				Jsonb	   *jb = FIELD(params, p, Jsonb *);

				if (jb == NULL)
					return NULL;
				(void) JsonbToCString(&s, &jb->root, VARSIZE(jb));
				break;
			}
	}
	return s.data;
}

void
eg_params_to_json(const EgParam *table, const void *params, StringInfo out)
{
	const EgParam *p;
	bool		first = true;

	appendStringInfoChar(out, '{');
	for (p = table; p->name != NULL; p++)
	{
		char	   *text = json_text(p, params);

		if (text == NULL)
			continue;
		if (!first)
			appendStringInfoString(out, ", ");
		escape_json(out, p->name);
		appendStringInfo(out, ": %s", text);
		first = false;
	}
	appendStringInfoChar(out, '}');
}

const char *
eg_param_type_name(const EgParam *p)
{
	switch (p->type)
	{
		case EG_PARAM_INT:
			return "integer";
		case EG_PARAM_REAL:
			return "number";
		case EG_PARAM_BOOL:
			return "boolean";
		case EG_PARAM_WORD:
			return "word";
		case EG_PARAM_TEXT:
			return "text";
		case EG_PARAM_REALS:
			return "numbers";
		case EG_PARAM_JSON:
			return "json";
	}
	return NULL;				/* keep the compiler quiet */
}

char *
eg_param_default_text(const EgParam *p)
{
	EgParam		alone = *p;
	union
	{
		int			integer;
		double		real;
		bool		boolean;
		const char *text;
		EgReals		reals;
		Jsonb	   *json;
	}			value;

	alone.offset = 0;
	memset(&value, 0, sizeof(value));
	set_default(&value, &alone);
	return json_text(&alone, &value);
}

char *
eg_param_range_text(const EgParam *p)
{
	switch (p->type)
	{
		case EG_PARAM_INT:
		case EG_PARAM_REAL:
		case EG_PARAM_REALS:
			return psprintf("%c%s, %s%c",
							p->min_open || isinf(p->min) ? '(' : '[', number_text(p->min),
							number_text(p->max), p->max_open || isinf(p->max) ? ')' : ']');
		case EG_PARAM_WORD:
			return word_list(p->words);
		default:
			return NULL;
	}
}
