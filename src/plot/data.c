/*-------------------------------------------------------------------------
 *
 * data.c
 *	  From JSON to the columns that a picture reads.
 *
 * Data is an array of rows, or an object {"rows": [...], "fact": ...}.  A row is an
 * object; members that the kind does not read are passed over, so that whole rows
 * of a query will do.  A value that is null or not finite is missing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "plot/plot.h"

#define MESSAGE_LENGTH	60

const char *
eg_json_value_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return "null";
		case jbvBool:
			return v->val.boolean ? "true" : "false";
		case jbvString:
			if (v->val.string.len > MESSAGE_LENGTH)
				return psprintf("\"%.*s...\"",
								pg_mbcliplen(v->val.string.val, v->val.string.len, MESSAGE_LENGTH),
								v->val.string.val);
			return psprintf("\"%.*s\"", v->val.string.len, v->val.string.val);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(v->val.numeric)));
		case jbvBinary:
			return JsonContainerIsArray(v->val.binary.data) ? "an array" : "an object";
		default:
			return "a value of another type";
	}
}

double
eg_json_value_number(const JsonbValue *v)
{
	/* beyond the range of double this gives infinity */
	double		x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													   NumericGetDatum(v->val.numeric)));

	return isfinite(x) ? x : NAN;
}

const char *
eg_name_list(const void *first, Size size)
{
	StringInfoData out;
	const char *p = first;

	initStringInfo(&out);
	for (; *(const char *const *) p; p += size)
		appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "", *(const char *const *) p);
	return out.data;
}

/* to_jsonb() writes these floats as texts */
static bool
is_not_finite(const JsonbValue *v)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (int i = 0; i < lengthof(words); i++)
	{
		if (v->val.string.len == strlen(words[i]) &&
			memcmp(v->val.string.val, words[i], v->val.string.len) == 0)
			return true;
	}
	return false;
}

/* Read a value; false if it has the wrong type.  Missing: NaN and NULL. */
static bool
read_value(const JsonbValue *v, EgCell type, double *number, const char **text)
{
	*number = NAN;
	*text = NULL;
	switch (v->type)
	{
		case jbvNull:
			return true;
		case jbvNumeric:
			if (type == EG_CELL_TEXT)
				*text = eg_json_value_text(v);
			else
				*number = eg_json_value_number(v);
			return true;
		case jbvString:
			if (type != EG_CELL_TEXT && is_not_finite(v))
				return true;
			*text = pnstrdup(v->val.string.val, v->val.string.len);
			return type != EG_CELL_NUMBER;
		case jbvBool:
			*text = v->val.boolean ? "true" : "false";
			return type != EG_CELL_NUMBER;
		default:
			return false;
	}
}

static void
read_row(EgPlotData *d, JsonbContainer *row, int number)
{
	const EgPlotColumn *c;
	int			r = d->nrows;
	int			j;

	for (j = 0, c = d->kind->columns; c->name; j++, c++)
	{
		JsonbValue	v;

		if (getKeyJsonValueFromContainer(row, c->name, strlen(c->name), &v) != NULL)
			d->named[j] = true;
		else
			v.type = jbvNull;
		if (!read_value(&v, c->type, &d->number[j][r], &d->text[j][r]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member \"%s\" of row %d of picture \"%s\" must be %s, not %s", c->name,
							number, d->kind->name,
							c->type == EG_CELL_NUMBER ? "a number" : "a text or a number",
							eg_json_value_text(&v)),
					 errhint("Write null where there is no value.")));
	}

	/* a row that lacks something still tells what the rows have */
	for (j = 0, c = d->kind->columns; c->name; j++, c++)
	{
		if (d->text[j][r] || !isnan(d->number[j][r]))
			d->given[j] = true;
	}
	for (j = 0, c = d->kind->columns; c->name; j++, c++)
	{
		if (c->required && d->text[j][r] == NULL && isnan(d->number[j][r]))
		{
			d->left_out++;
			return;
		}
	}
	d->nrows++;
}

/* A member that is required, and that no row has, not even as a null: a slip of the pen. */
static void
check_members(const EgPlotData *d)
{
	const EgPlotColumn *c;
	int			j;

	for (j = 0, c = d->kind->columns; c->name; j++, c++)
	{
		if (c->required && !d->named[j])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("no row of picture \"%s\" has a member \"%s\"", d->kind->name, c->name),
					 errhint("A row of \"%s\" has these members: %s.", d->kind->name,
							 eg_name_list(d->kind->columns, sizeof(EgPlotColumn)))));
	}
}

static void
read_rows(EgPlotData *d, JsonbContainer *rows)
{
	JsonbIterator *it = JsonbIteratorInit(rows);
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n = JsonContainerSize(rows);
	int			number = 0;
	int			j;

	for (j = 0; d->kind->columns[j].name; j++)
	{
		d->number[j] = palloc(Max(n, 1) * sizeof(double));
		d->text[j] = palloc(Max(n, 1) * sizeof(char *));
	}
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		number++;
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("row %d of picture \"%s\" must be an object, not %s", number,
							d->kind->name, eg_json_value_text(&v)),
					 errhint("A row of \"%s\" has these members: %s.", d->kind->name,
							 eg_name_list(d->kind->columns, sizeof(EgPlotColumn)))));
		read_row(d, v.val.binary.data, number);
	}
	if (n > 0)
		check_members(d);
}

/* {"rows": [...], "auc": 0.8}: the rows, and the facts into d */
static JsonbContainer *
read_object(EgPlotData *d, JsonbContainer *object)
{
	JsonbContainer *rows = NULL;
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	static const EgPlotFact none[] = {{NULL}};
	const EgPlotFact *facts = d->kind->facts ? d->kind->facts : none;
	JsonbValue	key,
				v;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *name;
		int			j = 0;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		if (strcmp(name, "rows") == 0 || (d->kind->rows && strcmp(name, d->kind->rows) == 0))
		{
			if (v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data))
				rows = v.val.binary.data;
			else if (v.type != jbvNull)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("member \"%s\" of picture \"%s\" must be an array, not %s",
								name, d->kind->name, eg_json_value_text(&v)),
						 errhint("Make it of a query with jsonb_agg().")));
			continue;
		}
		while (facts[j].name && strcmp(facts[j].name, name) != 0)
			j++;
		if (facts[j].name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("picture \"%s\" has no member \"%s\"", d->kind->name, name),
					 errhint("Known members: rows%s%s.", facts[0].name ? ", " : "",
							 eg_name_list(facts, sizeof(EgPlotFact)))));
		if (!read_value(&v, facts[j].type, &d->fact_number[j], &d->fact_text[j]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member \"%s\" of picture \"%s\" must be %s, not %s", name,
							d->kind->name,
							facts[j].type == EG_CELL_NUMBER ? "a number" : "a text or a number",
							eg_json_value_text(&v))));
	}
	return rows;
}

EgPlotData *
eg_plot_data(const EgPlotKind *kind, const Jsonb *data)
{
	EgPlotData *d = palloc0(sizeof(EgPlotData));
	JsonbContainer *root = data ? (JsonbContainer *) &data->root : NULL;
	JsonbContainer *rows = root;
	int			ncolumns = 0,
				nfacts = 0,
				j;

	while (kind->columns[ncolumns].name)
		ncolumns++;
	while (kind->facts && kind->facts[nfacts].name)
		nfacts++;
	d->kind = kind;
	d->number = palloc0(ncolumns * sizeof(double *));
	d->text = palloc0(ncolumns * sizeof(char **));
	d->given = palloc0(ncolumns * sizeof(bool));
	d->named = palloc0(ncolumns * sizeof(bool));
	d->fact_number = palloc0((nfacts + 1) * sizeof(double));
	d->fact_text = palloc0((nfacts + 1) * sizeof(char *));
	for (j = 0; j < nfacts; j++)
		d->fact_number[j] = NAN;

	if (root && JsonContainerIsScalar(root))
	{
		JsonbValue	v;

		(void) JsonbExtractScalar(root, &v);
		if (v.type != jbvNull)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("data of picture \"%s\" must be an array of rows, not %s", kind->name,
							eg_json_value_text(&v)),
					 errhint("Make it of a query with jsonb_agg().")));
		rows = NULL;
	}
	else if (root && JsonContainerIsObject(root))
		rows = read_object(d, root);
	if (rows)
		read_rows(d, rows);
	return d;
}

/* ----------
 * Groups
 * ----------
 */

/* Place of a text in a table of twice as many entries (a power of two): its own or a free one. */
static int
find_slot(const int *slots, int mask, const char **names, const char *name)
{
	int			slot;

	slot = name ? (int) (hash_bytes((const unsigned char *) name, strlen(name)) & mask) : 0;
	while (slots[slot] >= 0)
	{
		const char *other = names[slots[slot]];

		if (other == name || (other && name && strcmp(other, name) == 0))
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

EgGroups *
eg_plot_groups(const EgPlotData *d, int column)
{
	EgGroups   *g = palloc0(sizeof(EgGroups));
	int			size = 4;
	int		   *slots,
			   *next,
				i;

	while (size < 2 * d->nrows)
		size *= 2;
	slots = palloc(size * sizeof(int));
	memset(slots, 0xff, size * sizeof(int));
	g->name = palloc(Max(d->nrows, 1) * sizeof(char *));
	g->of_row = palloc(Max(d->nrows, 1) * sizeof(int));
	for (i = 0; i < d->nrows; i++)
	{
		int			slot = find_slot(slots, size - 1, g->name, d->text[column][i]);

		if (slots[slot] < 0)
		{
			slots[slot] = g->n;
			g->name[g->n++] = d->text[column][i];
		}
		g->of_row[i] = slots[slot];
	}
	pfree(slots);

	g->count = palloc0(Max(g->n, 1) * sizeof(int));
	g->start = palloc0((g->n + 1) * sizeof(int));
	g->order = palloc(Max(d->nrows, 1) * sizeof(int));
	next = palloc((g->n + 1) * sizeof(int));
	for (i = 0; i < d->nrows; i++)
		g->count[g->of_row[i]]++;
	for (i = 0; i < g->n; i++)
		g->start[i + 1] = g->start[i] + g->count[i];
	memcpy(next, g->start, (g->n + 1) * sizeof(int));
	for (i = 0; i < d->nrows; i++)
		g->order[next[g->of_row[i]]++] = i;
	pfree(next);
	return g;
}

const char *
eg_cell_text(const EgPlotData *d, int column, int row)
{
	if (d->text[column][row])
		return d->text[column][row];
	return isnan(d->number[column][row]) ? "missing" :
		eg_format_value(d->number[column][row], EG_FORMAT_NUMBER);
}
