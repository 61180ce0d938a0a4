/*-------------------------------------------------------------------------
 *
 * trees_rules.c
 *	  The leaves of one tree as rules that people can read.
 *
 * A rule is the path from the root to a leaf.  Tests of one column on the
 * path are merged: an interval for a number, a set of words for a category.
 * Each rule is given as a line of text, and as parts for programs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/trees.h"
#include "utils/json.h"

/* a reader's patience: the rules of the largest leaves */
#define MAX_RULES		50
#define MAX_CODES		20

/* What the path asks of one column. */
typedef struct Condition
{
	int			feature;
	double		from;			/* numbers: from <= x < below */
	double		below;
	bool		missing;		/* do missing values pass? */
	uint32	   *set;			/* categories that pass, or NULL */
} Condition;

typedef struct Rule
{
	int32		leaf;			/* counted from the tree's first node */
	float		cover;
} Rule;

static int
compare_rules(const void *x, const void *y)
{
	const Rule *a = x;
	const Rule *b = y;

	if (a->cover != b->cover)
		return a->cover > b->cover ? -1 : 1;
	return a->leaf < b->leaf ? -1 : a->leaf > b->leaf;
}

static bool
in_set(const uint32 *set, int code)
{
	return ((set[code / 32] >> (code % 32)) & 1) != 0;
}

/* The path's condition on a column, a new one if it has none yet. */
static Condition *
condition_on(Condition *conditions, int *n, int feature, int ncategories)
{
	Condition  *c;
	int			i;

	for (i = 0; i < *n; i++)
	{
		if (conditions[i].feature == feature)
			return &conditions[i];
	}
	c = &conditions[(*n)++];
	c->feature = feature;
	c->from = -INFINITY;
	c->below = INFINITY;
	c->missing = true;
	c->set = NULL;
	if (ncategories > 0)
	{
		Size		size = (ncategories + 31) / 32 * sizeof(uint32);

		c->set = palloc(size);
		memset(c->set, 0xff, size);
	}
	return c;
}

/* Conditions of the path to a leaf of the first tree; their number. */
static int
path_conditions(const EgForest *f, const EgTreeColumns *columns, const int32 *parent, int32 leaf,
				Condition *conditions)
{
	int32	   *path;
	int			depth = 0;
	int			n = 0;
	int32		k;

	for (k = leaf; k > 0; k = parent[k])
		depth++;
	path = palloc((depth + 1) * sizeof(int32));
	path[depth] = leaf;
	for (k = depth; k > 0; k--)
		path[k - 1] = parent[path[k]];

	for (k = 0; k < depth; k++)
	{
		int32		node = path[k];
		bool		left = f->left[node] == path[k + 1];
		int			j = f->feature[node];
		Condition  *c = condition_on(conditions, &n, j, columns->ncategories[j]);
		int			i;

		c->missing &= ((f->flags[node] & EG_NODE_DEFAULT_LEFT) != 0) == left;
		for (i = 0; c->set != NULL && i < columns->ncategories[j]; i++)
		{
			bool		right = f->cat[node] >= 0 && i / 32 < f->ncat[node] &&
				in_set(f->cat_bits + f->cat[node], i);

			if (right == left)
				c->set[i / 32] &= ~((uint32) 1 << (i % 32));
		}
		if (c->set == NULL && left)
			c->below = Min(c->below, f->value[node]);
		else if (c->set == NULL)
			c->from = Max(c->from, f->value[node]);
	}
	pfree(path);
	return n;
}

static void
append_word(const EgTreeColumns *columns, int j, int code, StringInfo out)
{
	if (columns->words[j] != NULL)
		appendStringInfoString(out, columns->words[j][code]);
	else
		appendStringInfo(out, "#%d", code);
}

/* The categories that pass, or those that do not where they are fewer. */
static void
append_categories(const Condition *c, const EgTreeColumns *columns, int npass, StringInfo json,
				  StringInfo text)
{
	int			j = c->feature;
	int			n = columns->ncategories[j];
	bool		pass = npass <= n - npass;
	int			nlisted = pass ? npass : n - npass;
	int			shown = 0;
	StringInfoData word;
	int			i;

	initStringInfo(&word);
	appendStringInfo(json, ", \"%s\": [", pass ? "in" : "not_in");
	if (nlisted == 1)
		appendStringInfoString(text, pass ? " = " : " <> ");
	else
		appendStringInfoString(text, pass ? " in (" : " not in (");
	for (i = 0; i < n; i++)
	{
		if (in_set(c->set, i) != pass)
			continue;
		resetStringInfo(&word);
		append_word(columns, j, i, &word);
		if (shown > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, word.data);
		if (shown < MAX_CODES)
			appendStringInfo(text, "%s%s", shown > 0 ? ", " : "", word.data);
		else if (shown == MAX_CODES)
			appendStringInfoString(text, ", ...");
		shown++;
	}
	appendStringInfoChar(json, ']');
	if (nlisted != 1)
		appendStringInfoChar(text, ')');
	pfree(word.data);
}

static void
append_condition(const Condition *c, const EgTreeColumns *columns, StringInfo json,
				 StringInfo text)
{
	const char *name = columns->names[c->feature];
	bool		has_missing = columns->missing[c->feature] != 0;
	bool		others = true;

	appendStringInfoString(json, "{\"column\": ");
	escape_json(json, name);
	if (c->set != NULL)
	{
		int			n = columns->ncategories[c->feature];
		int			npass = 0;
		int			i;

		for (i = 0; i < n; i++)
			npass += in_set(c->set, i);
		others = npass > 0;
		appendStringInfoString(text, name);
		if (others && npass < n)
			append_categories(c, columns, npass, json, text);
		else if (others)
			appendStringInfoString(text, c->missing ? " is anything" : " is not missing");
	}
	else
	{
		bool		above = isfinite(c->from);

		others = c->below > -INFINITY;
		if (above)
			appendStringInfo(json, ", \"from\": %.9g", c->from);
		if (isfinite(c->below))
			appendStringInfo(json, ", \"below\": %.9g", c->below);
		appendStringInfoString(text, name);
		if (above)
			appendStringInfo(text, " >= %.6g", c->from);
		if (above && isfinite(c->below))
			appendStringInfo(text, " and %s", name);
		if (isfinite(c->below))
			appendStringInfo(text, " < %.6g", c->below);
		if (others && !above && !isfinite(c->below))
			appendStringInfoString(text, c->missing ? " is anything" : " is not missing");
	}
	if (!others)
		appendStringInfoString(text, " is missing");
	else if (has_missing && c->missing)
		appendStringInfoString(text, " (or missing)");
	appendStringInfo(json, ", \"missing\": %s}", c->missing ? "true" : "false");
}

/* What the leaf says: its mean, or its largest class and that one's share. */
static void
append_leaf(const EgForest *f, int32 leaf, bool weighted, StringInfo json, StringInfo text)
{
	int			top = 0;
	int			k;

	for (k = 1; k < f->ngroups; k++)
	{
		if (f->value[f->tree_start[k] + leaf] > f->value[f->tree_start[top] + leaf])
			top = k;
	}
	if (f->ngroups == 1)
	{
		appendStringInfo(json, "\"then\": %.6g", f->value[leaf]);
		appendStringInfo(text, " then %.4g", f->value[leaf]);
	}
	else
	{
		float		share = f->value[f->tree_start[top] + leaf];

		appendStringInfo(json, "\"then\": %.6g, \"class\": %d", share, top);
		appendStringInfo(text, " then class %d with %.4g", top, share);
	}
	appendStringInfo(json, ", \"%s\": %.9g", weighted ? "weight" : "rows", f->cover[leaf]);
	appendStringInfo(text, weighted ? " (weight %.6g)" : " (%.0f rows)", f->cover[leaf]);
}

void
eg_tree_rules(const EgForest *f, const EgTreeColumns *columns, bool weighted, StringInfo json)
{
	int32		n = f->tree_start[1];
	int32	   *parent = palloc_extended(n * sizeof(int32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Rule	   *rules = palloc_extended(n * sizeof(Rule), MCXT_ALLOC_HUGE);
	Condition  *conditions = palloc(Max(f->nfeatures, 1) * sizeof(Condition));
	StringInfoData text;
	StringInfoData parts;
	int			nrules = 0;
	int32		k;
	int			r;

	for (k = 0; k < n; k++)
	{
		if (f->feature[k] >= 0)
		{
			parent[f->left[k]] = k;
			parent[f->right[k]] = k;
			continue;
		}
		rules[nrules].leaf = k;
		rules[nrules++].cover = f->cover[k];
	}
	qsort(rules, nrules, sizeof(Rule), compare_rules);

	appendStringInfo(json, "\"leaves\": %d, \"rules\": [", nrules);
	initStringInfo(&text);
	initStringInfo(&parts);
	for (r = 0; r < Min(nrules, MAX_RULES); r++)
	{
		int			nconditions = path_conditions(f, columns, parent, rules[r].leaf, conditions);
		int			i;

		resetStringInfo(&text);
		appendStringInfoString(&text, nconditions > 0 ? "if " : "always");
		appendStringInfo(&parts, "%s{\"if\": [", r > 0 ? ", " : "");
		for (i = 0; i < nconditions; i++)
		{
			if (i > 0)
			{
				appendStringInfoString(&parts, ", ");
				appendStringInfoString(&text, " and ");
			}
			append_condition(&conditions[i], columns, &parts, &text);
		}
		appendStringInfoString(&parts, "], ");
		append_leaf(f, rules[r].leaf, weighted, &parts, &text);
		appendStringInfoChar(&parts, '}');
		if (r > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, text.data);
	}
	appendStringInfo(json, "], \"rule_parts\": [%s]", parts.data);
	if (nrules > MAX_RULES)
		appendStringInfo(json, ", \"rules_left_out\": %d", nrules - MAX_RULES);
}
