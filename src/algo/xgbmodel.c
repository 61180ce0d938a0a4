/*-------------------------------------------------------------------------
 *
 * xgbmodel.c
 *	  Models of XGBoost (JSON, UBJSON) to forests.
 *
 * The layout is that of the model schema in XGBoost's documentation
 * (doc/model.schema): learner.gradient_booster.model.trees[] holds parallel
 * arrays over the nodes of a tree.  It grew but did not break from 1.0 to
 * 3.x; what came later (categories, base scores as vectors) is optional here.
 *
 * The base score is stored as an output (a probability, a mean); the forest
 * adds up margins, so it is turned back with the inverse of the link, in
 * single precision as the library does it.
 *
 * size: one foreign format, whose checks and links belong together.
 *
 * All trees are taken.  An early-stopped model tells best_iteration in its
 * attributes, which the library itself ignores unless asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/lgbmodel.h"
#include "algo/xgbmodel.h"
#include "base/doc.h"
#include "engage.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_CATEGORY	16777216	/* 2^24: larger ones are not exact as float */

/* what an objective means; base: the link that the stored base score has behind it */
typedef struct Objective
{
	const char *name;
	EgTask		task;
	EgLink		link;
	EgLink		base;
} Objective;

/*
 * binary:logitraw and multi:softmax predict a margin and a class in the
 * library; here a task has one meaning, so they give probabilities.
 */
static const Objective objectives[] = {
	{"reg:squarederror", EG_REGRESSION, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"reg:linear", EG_REGRESSION, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"reg:squaredlogerror", EG_REGRESSION, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"reg:pseudohubererror", EG_REGRESSION, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"reg:absoluteerror", EG_REGRESSION, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"reg:quantileerror", EG_QUANTILE, EG_LINK_SORT, EG_LINK_IDENTITY},
	{"reg:logistic", EG_REGRESSION, EG_LINK_LOGIT, EG_LINK_LOGIT},
	{"reg:gamma", EG_REGRESSION, EG_LINK_LOG, EG_LINK_LOG},
	{"reg:tweedie", EG_REGRESSION, EG_LINK_LOG, EG_LINK_LOG},
	{"binary:logistic", EG_BINARY, EG_LINK_LOGIT, EG_LINK_LOGIT},
	{"binary:logitraw", EG_BINARY, EG_LINK_LOGIT, EG_LINK_IDENTITY},
	{"binary:hinge", EG_BINARY, EG_LINK_HINGE, EG_LINK_IDENTITY},
	{"multi:softprob", EG_MULTICLASS, EG_LINK_SOFTMAX, EG_LINK_IDENTITY},
	{"multi:softmax", EG_MULTICLASS, EG_LINK_SOFTMAX, EG_LINK_IDENTITY},
	{"count:poisson", EG_COUNT, EG_LINK_LOG, EG_LINK_LOG},
	{"survival:cox", EG_SURVIVAL, EG_LINK_LOG, EG_LINK_LOG},
	{"survival:aft", EG_SURVIVAL, EG_LINK_EXP, EG_LINK_LOG},
	{"rank:pairwise", EG_RANKING, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"rank:ndcg", EG_RANKING, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{"rank:map", EG_RANKING, EG_LINK_IDENTITY, EG_LINK_IDENTITY},
	{NULL}
};

/* one tree while it is read: arrays over its n nodes as the file has them */
typedef struct Tree
{
	int			n;
	int			nkept;			/* nodes that the root reaches */
	int32	   *left;
	int32	   *right;
	int32	   *order;			/* (nkept) file's node at each place of the forest */
	int32	   *place;			/* (n) the inverse; -1: not reached */
	const double *feature;
	const double *value;
	const double *default_left;
	const double *cover;		/* NULL if absent */
	const double *gain;			/* NULL if absent */
	const double *type;			/* NULL if absent: all numeric */
	const double *cats;			/* categories of all sets, one after another */
	int64		ncats;
	int64	   *cat_begin;		/* (n) first of the node's categories, -1 for numeric nodes */
	int64	   *cat_size;		/* (n) */
	int			nwords;			/* words of category sets */
	Size		offset;			/* of value in the file, 0 if not patchable */
	Size		default_offset; /* the same of default_left */
} Tree;

static void
unsupported(const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("XGBoost model has %s, which is not supported", what),
			 hint ? errhint("%s", hint) : 0));
}

/* ---------------- pieces of the document ---------------- */

static EgDoc *
need(EgReader *r, const EgDoc *doc, const char *key)
{
	EgDoc	   *d = eg_doc_get(doc, key);

	if (d == NULL)
		eg_corrupted(r, "member \"%s\" is missing", key);
	return d;
}

static const char *
need_string(EgReader *r, const EgDoc *doc, const char *key)
{
	EgDoc	   *d = need(r, doc, key);

	if (d->kind != EG_DOC_STRING)
		eg_corrupted(r, "member \"%s\" is no text", key);
	return d->u.string.s;
}

/* An integer member in [0, max]; 0 if it is absent and not required. */
static int
whole(EgReader *r, const EgDoc *doc, const char *key, int max, bool required)
{
	EgDoc	   *d = required ? need(r, doc, key) : eg_doc_get(doc, key);
	double		v = 0.0;

	if (d != NULL && (!eg_doc_number(d, &v) || !(v >= 0 && v <= max) || v != floor(v)))
		eg_corrupted(r, "member \"%s\" is no whole number from 0 to %d", key, max);
	return (int) v;
}

/* Numbers of an array member, without a copy where they are packed already. */
static const double *
numbers(EgReader *r, const EgDoc *doc, const char *key, int64 *n, bool required)
{
	EgDoc	   *d = required ? need(r, doc, key) : eg_doc_get(doc, key);
	const double *v;
	static const double none = 0.0;

	*n = 0;
	if (d == NULL)
		return NULL;
	if (d->kind == EG_DOC_TYPED)
	{
		*n = d->u.typed.n;
		return *n > 0 ? d->u.typed.values : &none;
	}
	v = eg_doc_numbers(d, n);
	if (v == NULL)
		eg_corrupted(r, "member \"%s\" is no array of numbers", key);
	return v;
}

/* Same, of a known length. */
static const double *
column(EgReader *r, const EgDoc *tree, const char *key, int n, bool required)
{
	int64		len;
	const double *v = numbers(r, tree, key, &len, required);

	if (v != NULL && len == 0 && n > 0 && !required)
		return NULL;
	if (v != NULL && len != n)
		eg_corrupted(r, "\"%s\" has %lld values in a tree of %d nodes", key, (long long) len, n);
	return v;
}

/* Texts of an array member, NULL when it is absent or empty. */
static char **
texts(EgReader *r, const EgDoc *doc, const char *key, int n)
{
	EgDoc	   *d = eg_doc_get(doc, key);
	char	  **v;

	if (d == NULL || d->kind == EG_DOC_NULL ||
		(d->kind == EG_DOC_ARRAY && d->u.array.n == 0) ||
		(d->kind == EG_DOC_TYPED && d->u.typed.n == 0))
		return NULL;
	if (d->kind != EG_DOC_ARRAY || d->u.array.n != n)
		eg_corrupted(r, "\"%s\" is no array of %d texts", key, n);
	v = (char **) MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		if (d->u.array.items[i].kind != EG_DOC_STRING)
			eg_corrupted(r, "\"%s\" is no array of %d texts", key, n);
		v[i] = d->u.array.items[i].u.string.s;
	}
	return v;
}

static void *
array(Size n, Size size)
{
	return palloc_extended(Max(n, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------------- trees ---------------- */

/* Category sets: lists of categories for some of the nodes. */
static void
read_categories(EgReader *r, const EgDoc *doc, Tree *t)
{
	int64		nnodes,
				nbegin,
				nsize;
	const double *nodes = numbers(r, doc, "categories_nodes", &nnodes, true);
	const double *begin = numbers(r, doc, "categories_segments", &nbegin, true);
	const double *size = numbers(r, doc, "categories_sizes", &nsize, true);

	t->cats = numbers(r, doc, "categories", &t->ncats, true);
	t->cat_begin = (int64 *) array(t->n, sizeof(int64));
	t->cat_size = (int64 *) array(t->n, sizeof(int64));
	for (int i = 0; i < t->n; i++)
		t->cat_begin[i] = -1;
	if (nbegin != nnodes || nsize != nnodes)
		eg_corrupted(r, "%lld category sets have %lld beginnings and %lld sizes",
					 (long long) nnodes, (long long) nbegin, (long long) nsize);
	for (int64 s = 0; s < nnodes; s++)
	{
		int			i;

		if (!(nodes[s] >= 0 && nodes[s] < t->n))
			eg_corrupted(r, "a category set belongs to node %g of %d", nodes[s], t->n);
		i = (int) nodes[s];
		if (!(begin[s] >= 0 && size[s] >= 0 && begin[s] <= t->ncats &&
			  size[s] <= t->ncats - begin[s]))
			eg_corrupted(r, "a category set has %g categories from %g on, of %lld",
						 size[s], begin[s], (long long) t->ncats);
		t->cat_begin[i] = (int64) begin[s];
		t->cat_size[i] = (int64) size[s];
	}
	for (int64 c = 0; c < t->ncats; c++)
		if (!(t->cats[c] >= 0 && t->cats[c] < MAX_CATEGORY))
			eg_corrupted(r, "%g is no category", t->cats[c]);
}

/* Words that the set of node i needs. */
static int
set_words(const Tree *t, int i)
{
	int			words = 0;

	for (int64 c = 0; c < t->cat_size[i]; c++)
		words = Max(words, (int) t->cats[t->cat_begin[i] + c] / 32 + 1);
	return words;
}

static bool
is_category(const Tree *t, int i)
{
	return t->type != NULL && t->type[i] != 0.0;
}

/*
 * Walk from the root, checking every link, and decide where each node goes:
 * where it is if children come after their parents and nothing is unreachable
 * (pruned nodes are), else in the order of the walk, level by level.
 */
static void
arrange(EgReader *r, Tree *t)
{
	bool		inorder = true;
	int			next = 0;

	t->order = (int32 *) array(t->n, sizeof(int32));
	t->place = (int32 *) array(t->n, sizeof(int32));
	for (int i = 0; i < t->n; i++)
		t->place[i] = -1;
	t->order[0] = 0;
	t->place[0] = 0;
	t->nkept = 1;
	while (next < t->nkept)
	{
		int			i = t->order[next++];
		int32		child[2];

		if (t->left[i] == -1)
			continue;
		child[0] = t->left[i];
		child[1] = t->right[i];
		for (int c = 0; c < 2; c++)
		{
			if (child[c] < 0 || child[c] >= t->n)
				eg_corrupted(r, "node %d of %d has child %d", i, t->n, child[c]);
			if (t->place[child[c]] >= 0)
				eg_corrupted(r, "node %d is reached twice", child[c]);
			t->place[child[c]] = t->nkept;
			t->order[t->nkept++] = child[c];
			inorder = inorder && child[c] > i;
		}
	}
	if (inorder && t->nkept == t->n)
		for (int i = 0; i < t->n; i++)
			t->order[i] = t->place[i] = i;
}

static int32 *
children(EgReader *r, const EgDoc *doc, const char *key, int n)
{
	const double *v = column(r, doc, key, n, true);
	int32	   *c = (int32 *) array(n, sizeof(int32));

	for (int i = 0; i < n; i++)
	{
		if (!(v[i] >= -1 && v[i] < n))
			eg_corrupted(r, "\"%s\" of node %d is %g in a tree of %d nodes", key, i, v[i], n);
		c[i] = (int32) v[i];
	}
	return c;
}

static void
read_tree(EgReader *r, const EgDoc *doc, int nfeatures, Tree *t)
{
	EgDoc	   *value;
	EgDoc	   *left = need(r, doc, "left_children");
	int64		n = 0;

	CHECK_FOR_INTERRUPTS();
	memset(t, 0, sizeof(Tree));
	if (whole(r, eg_doc_get(doc, "tree_param"), "size_leaf_vector", PG_INT32_MAX, false) > 1)
		unsupported("trees with several outputs (multi_strategy \"multi_output_tree\")",
					"Train with multi_strategy \"one_output_per_tree\".");
	if (left->kind == EG_DOC_TYPED)
		n = left->u.typed.n;
	else if (left->kind == EG_DOC_ARRAY)
		n = left->u.array.n;
	if (n < 1 || n >= PG_INT32_MAX)
		eg_corrupted(r, "a tree has %lld nodes", (long long) n);
	t->n = (int) n;
	t->left = children(r, doc, "left_children", t->n);
	t->right = children(r, doc, "right_children", t->n);
	t->feature = column(r, doc, "split_indices", t->n, true);
	t->value = column(r, doc, "split_conditions", t->n, true);
	t->default_left = column(r, doc, "default_left", t->n, true);
	t->cover = column(r, doc, "sum_hessian", t->n, false);
	t->gain = column(r, doc, "loss_changes", t->n, false);
	t->type = column(r, doc, "split_type", t->n, false);
	value = need(r, doc, "split_conditions");
	if (value->kind == EG_DOC_TYPED && value->u.typed.type == 'd')
		t->offset = value->u.typed.offset;
	value = need(r, doc, "default_left");
	if (value->kind == EG_DOC_TYPED && strchr("Ui", value->u.typed.type) != NULL)
		t->default_offset = value->u.typed.offset;
	arrange(r, t);

	for (int k = 0; k < t->nkept; k++)
	{
		int			i = t->order[k];

		if (t->left[i] == -1)
		{
			if (!isfinite(t->value[i]))
				eg_corrupted(r, "leaf %d is not a finite number", i);
			continue;
		}
		if (!(t->feature[i] >= 0 && t->feature[i] < nfeatures))
			eg_corrupted(r, "node %d tests feature %g of %d", i, t->feature[i], nfeatures);
		if (is_category(t, i))
		{
			int			words;

			if (t->cat_begin == NULL)
				read_categories(r, doc, t);
			if (t->cat_begin[i] < 0)
				eg_corrupted(r, "node %d tests categories but has none", i);
			words = set_words(t, i);
			/* a single large category makes a long set: few bytes must not become many */
			if ((int64) t->nwords + words > (int64) eg_max_memory * (1024 / 4))
				ereport(
					ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("category sets of the XGBoost model need more than the allowed %d kB",
							eg_max_memory),
					 errhint("Raise engage.max_memory.")));
			t->nwords += words;
		}
		else if (isnan(t->value[i]))
			eg_corrupted(r, "node %d has no threshold", i);
	}
}

/*
 * Append the tree's nodes to the forest, whose nodes before `start` and words before
 * `word` are filled.
 */
static void
fill_tree(EgForest *f, const Tree *t, int start, int word)
{
	for (int k = 0; k < t->nkept; k++)
	{
		int			i = t->order[k];
		int			to = start + k;

		f->cover[to] = t->cover ? (float) t->cover[i] : 0.0f;
		if (t->left[i] == -1)
		{
			f->value[to] = (float) t->value[i];
			continue;
		}
		f->feature[to] = (int32) t->feature[i];
		f->left[to] = t->place[t->left[i]];
		f->right[to] = t->place[t->right[i]];
		f->flags[to] = t->default_left[i] != 0.0 ? EG_NODE_DEFAULT_LEFT : 0;
		f->gain[to] = t->gain ? (float) t->gain[i] : 0.0f;
		if (!is_category(t, i))
		{
			f->value[to] = (float) t->value[i];
			continue;
		}
		f->cat[to] = word;
		f->ncat[to] = set_words(t, i);
		for (int64 c = 0; c < t->cat_size[i]; c++)
		{
			int			category = (int) t->cats[t->cat_begin[i] + c];

			f->cat_bits[word + category / 32] |= (uint32) 1 << (category % 32);
		}
		word += f->ncat[to];
	}
}

/* ---------------- the rest of the model ---------------- */

static const Objective *
find_objective(const char *name)
{
	const Objective *o;

	for (o = objectives; o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("XGBoost objective \"%s\" is not supported", name)));
}

/* Margin of a base score, in single precision as the library computes it. */
static float
base_margin(EgReader *r, const Objective *o, float v)
{
	if ((o->base == EG_LINK_LOGIT && !(v >= 0.0f && v <= 1.0f)) ||
		(o->base == EG_LINK_LOG && !(v >= 0.0f)) || !isfinite(v))
		eg_corrupted(r, "base score %g is out of range for objective \"%s\"", v, o->name);
	if (o->base == EG_LINK_LOGIT)
		v = -logf(1.0f / v - 1.0f);
	else if (o->base == EG_LINK_LOG)
		v = logf(v);

	/* 0 or 1 comes from targets that are all equal */
	return Max(Min(v, FLT_MAX / 4), -FLT_MAX / 4);
}

/* "5E-1", or since 3.1 "[5E-1]" or one for each output. */
static void
read_base(EgReader *r, const EgDoc *param, const Objective *o, EgForest *f)
{
	EgDoc	   *d = need(r, param, "base_score");
	int			n = 0;
	float		v = 0.0f;

	if (d->kind == EG_DOC_STRING)
	{
		const char *s = d->u.string.s;
		bool		vector = (*s == '[');

		s += vector;
		for (;;)
		{
			char	   *end;

			v = strtof(s, &end);
			if (end == s || n >= f->ngroups)
				eg_corrupted(r, "base score \"%s\" is no number for each of %d outputs",
							 d->u.string.s, f->ngroups);
			f->base[n++] = base_margin(r, o, v);
			s = end;
			while (*s == ' ')
				s++;
			if (!vector || *s != ',')
				break;
			s++;
		}
		if (vector ? strcmp(s, "]") != 0 : *s != '\0')
			eg_corrupted(r, "base score \"%s\" is no number", d->u.string.s);
	}
	else
	{
		double		number;

		if (!eg_doc_number(d, &number))
			eg_corrupted(r, "the base score is no number");
		f->base[n++] = base_margin(r, o, (float) number);
	}
	if (n != 1 && n != f->ngroups)
		eg_corrupted(r, "%d base scores for %d outputs", n, f->ngroups);
	for (; n < f->ngroups; n++)
		f->base[n] = f->base[0];
}

static int
count_outputs(EgReader *r, const EgDoc *param, const Objective *o)
{
	int			nclasses = whole(r, param, "num_class", 1000000, false);
	int			ntargets = whole(r, param, "num_target", 1000000, false);

	if (o->task == EG_MULTICLASS)
	{
		if (nclasses < 2)
			eg_corrupted(r, "objective \"%s\" has %d classes", o->name, nclasses);
		return nclasses;
	}
	if (nclasses > 1)
		eg_corrupted(r, "objective \"%s\" has %d classes", o->name, nclasses);

	/* more than one: quantiles, ours or the library's, or refused by the caller */
	return Max(ntargets, 1);
}

/* Where the file has something of size bytes for each node that the tree kept. */
static Size *
append_offsets(Size *offsets, const Tree *t, int64 start, Size first, Size size)
{
	if (first == 0 || offsets == NULL)
		return NULL;
	for (int k = 0; k < t->nkept; k++)
		offsets[start + k] = first + (Size) t->order[k] * size;
	return offsets;
}

/* The forest; into m where its numbers stand in the file. */
static EgForest *
read_forest(EgReader *r, const EgDoc *booster, const EgDoc *param, const Objective *o,
			EgForeignModel *m)
{
	const char *name = need_string(r, booster, "name");
	bool		dart = strcmp(name, "dart") == 0;
	EgDoc	   *model;
	EgDoc	   *list;
	int			nfeatures = whole(r, param, "num_feature", PG_INT32_MAX, true);
	int			ngroups = count_outputs(r, param, o);
	int			ntrees;
	int64		nnodes = 0;
	int64		nwords = 0;
	int64		ninfo,
				nweight = 0;
	const double *info;
	const double *weight = NULL;
	Tree	   *trees;
	EgForest   *f;

	if (!dart && strcmp(name, "gbtree") != 0)
		unsupported(psprintf("booster \"%s\"", name), "Train with booster \"gbtree\" or \"dart\".");
	model = need(r, dart ? need(r, booster, "gbtree") : booster, "model");
	list = need(r, model, "trees");
	if (list->kind == EG_DOC_ARRAY)
		ntrees = list->u.array.n;
	else if (list->kind == EG_DOC_TYPED && list->u.typed.n == 0)
		ntrees = 0;
	else
		eg_corrupted(r, "\"trees\" is no array of trees");
	info = numbers(r, model, "tree_info", &ninfo, true);
	if (ninfo != ntrees)
		eg_corrupted(r, "\"tree_info\" has %lld values for %d trees", (long long) ninfo, ntrees);
	if (dart)
	{
		weight = numbers(r, booster, "weight_drop", &nweight, true);
		if (nweight != ntrees)
			eg_corrupted(r, "\"weight_drop\" has %lld values for %d trees",
						 (long long) nweight, ntrees);
	}

	trees = (Tree *) array(ntrees, sizeof(Tree));
	for (int t = 0; t < ntrees; t++)
	{
		read_tree(r, &list->u.array.items[t], nfeatures, &trees[t]);
		nnodes += trees[t].nkept;
		nwords += trees[t].nwords;
		if (nnodes >= PG_INT32_MAX || nwords > (int64) eg_max_memory * (1024 / 4))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("XGBoost model is too large: %lld nodes and %lld kB of category sets",
							(long long) nnodes, (long long) nwords / 256)));
		if (!(info[t] >= 0 && info[t] < ngroups))
			eg_corrupted(r, "tree %d belongs to output %g of %d", t, info[t], ngroups);
	}

	f = eg_forest_create(ntrees, (int) nnodes, nfeatures, ngroups, (int) nwords);
	f->link = o->link;
	read_base(r, param, o, f);
	m->value_offset = (Size *) array(nnodes, sizeof(Size));
	m->default_offset = (Size *) array(nnodes, sizeof(Size));
	nnodes = nwords = 0;
	for (int t = 0; t < ntrees; t++)
	{
		f->tree_start[t] = (int32) nnodes;
		f->tree_group[t] = (int32) info[t];
		if (dart)
			f->tree_weight[t] = (float) weight[t];
		fill_tree(f, &trees[t], (int) nnodes, (int) nwords);
		m->value_offset = append_offsets(m->value_offset, &trees[t], nnodes, trees[t].offset,
										 sizeof(float));
		m->default_offset = append_offsets(m->default_offset, &trees[t], nnodes,
										   trees[t].default_offset, 1);
		nnodes += trees[t].nkept;
		nwords += trees[t].nwords;
	}
	f->tree_start[ntrees] = (int32) nnodes;
	return f;
}

/* best_iteration counts from 0; a round has a tree, or several, for each output. */
static void
read_best_round(const EgDoc *learner, EgForeignModel *m)
{
	EgDoc	   *best = eg_doc_path(learner, "attributes", "best_iteration", NULL);
	EgDoc	   *trees = eg_doc_path(learner, "gradient_booster", "model", "gbtree_model_param",
									"num_parallel_tree", NULL);
	double		parallel = 1;
	double		v;

	if (best == NULL || !eg_doc_number(best, &v) || !(v >= 0 && v < PG_INT32_MAX))
		return;
	if (trees != NULL && eg_doc_number(trees, &parallel) && !(parallel >= 1))
		parallel = 1;
	m->rounds = (int) (m->forest->ntrees / (m->forest->ngroups * parallel));
	m->best_round = (int) v + 1;
}

static EgForeignModel *
read_xgboost(const void *bytes, Size len)
{
	EgForeignModel *m = (EgForeignModel *) palloc0(sizeof(EgForeignModel));
	EgReader	r;
	EgDoc	   *doc;
	EgDoc	   *learner;
	EgDoc	   *param;
	const Objective *o;
	const char *why;

	eg_reader_init(&r, bytes, len, "XGBoost model");
	doc = eg_doc_parse(bytes, len, r.what);

	/* a serialized booster (Booster.save_raw is none, a pickled one is) wraps the model */
	if (eg_doc_get(doc, "learner") == NULL && eg_doc_get(doc, "Model") != NULL)
		doc = eg_doc_get(doc, "Model");
	learner = need(&r, doc, "learner");
	param = need(&r, learner, "learner_model_param");
	m->objective = pstrdup(need_string(&r, need(&r, learner, "objective"), "name"));
	o = find_objective(m->objective);
	m->task = o->task;
	m->forest = read_forest(&r, need(&r, learner, "gradient_booster"), param, o, m);
	if (m->task == EG_BINARY)
		m->nclasses = 2;
	else if (m->task == EG_MULTICLASS)
		m->nclasses = m->forest->ngroups;
	read_best_round(learner, m);
	m->names = texts(&r, learner, "feature_names", m->forest->nfeatures);
	m->types = texts(&r, learner, "feature_types", m->forest->nfeatures);
	why = eg_forest_invalid(m->forest);
	if (why != NULL)
		eg_corrupted(&r, "%s", why);
	return m;
}

/* ---------------- interface ---------------- */

EgForeignModel *
eg_foreign_model_read(const void *bytes, Size len)
{
	const char *s = (const char *) bytes;

	if (eg_lightgbm_detect(bytes, len))
		return eg_lightgbm_read(bytes, len);
	if (len > 0 && (s[0] == '{' || strchr(" \t\r\n", s[0]) != NULL))
		return read_xgboost(bytes, len);
	if (len >= 4 && memcmp(s, "binf", 4) == 0)
		unsupported("the old binary format",
					"Save it with a name that ends in \".ubj\" or \".json\".");
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("model has an unknown format"),
			 errdetail("Known are XGBoost's JSON and UBJSON and LightGBM's text."),
			 errhint("XGBoost's old binary format has no mark of its own: load such a file with "
					 "the library and save it with a name that ends in \".ubj\" or \".json\".")));
}
