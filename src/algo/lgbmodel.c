/*-------------------------------------------------------------------------
 *
 * lgbmodel.c
 *	  Models of LightGBM (text) to forests.
 *
 * The file is lines of key=value: a head, then a block for each tree with a
 * value for each inner node or leaf.  Differences to a forest's nodes, with
 * what is done about them (LightGBM's include/LightGBM/tree.h is the source):
 *
 * - x <= t goes left, t in double precision.  For single precision x this is
 *   x < the smallest float above t.
 * - Categories in the set go left, all else and missing right: the children
 *   are exchanged.
 * - A missing value counts as 0 where training saw none missing: then the
 *   default side is the one of 0.  Zero counting as missing cannot be said.
 * - Children below 0 are leaves: -1 is leaf 0, -2 leaf 1.
 *
 * Leaves are double precision there and rounded to single precision here;
 * scores agree to about seven digits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/lgbmodel.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_FEATURES	10000000
#define MAX_CLASSES		1000000

/* decision_type */
#define CATEGORICAL		1
#define DEFAULT_LEFT	2
#define MISSING(d)		(((d) >> 2) & 3)
#define MISSING_NONE	0
#define MISSING_ZERO	1

/* one block of lines; a key that is absent has value NULL */
typedef struct Block
{
	int			n;
	int			cap;
	char	  **keys;
	char	  **values;
} Block;

typedef struct Tree
{
	int			ninner;
	int			nleaves;
	double	   *feature;		/* (ninner) as all up to cat_bits, NULL without inner nodes */
	double	   *threshold;
	double	   *decision;
	double	   *left;
	double	   *right;
	double	   *gain;			/* may be NULL */
	double	   *inner_count;	/* may be NULL */
	int			ncat;
	double	   *cat_begin;		/* (ncat + 1) */
	double	   *cat_bits;
	double	   *leaf_value;		/* (nleaves) */
	double	   *leaf_count;		/* may be NULL */
} Tree;

typedef struct Objective
{
	const char *name;
	EgTask		task;
	EgLink		link;
} Objective;

static const Objective objectives[] = {
	{"regression", EG_REGRESSION, EG_LINK_IDENTITY},
	{"regression_l1", EG_REGRESSION, EG_LINK_IDENTITY},
	{"huber", EG_REGRESSION, EG_LINK_IDENTITY},
	{"fair", EG_REGRESSION, EG_LINK_IDENTITY},
	{"mape", EG_REGRESSION, EG_LINK_IDENTITY},
	{"quantile", EG_QUANTILE, EG_LINK_IDENTITY},
	{"poisson", EG_COUNT, EG_LINK_LOG},
	{"gamma", EG_REGRESSION, EG_LINK_LOG},
	{"tweedie", EG_REGRESSION, EG_LINK_LOG},
	{"binary", EG_BINARY, EG_LINK_LOGIT},
	{"cross_entropy", EG_REGRESSION, EG_LINK_LOGIT},
	{"multiclass", EG_MULTICLASS, EG_LINK_SOFTMAX},
	{"multiclassova", EG_MULTICLASS, EG_LINK_LOGIT},
	{"lambdarank", EG_RANKING, EG_LINK_IDENTITY},
	{"rank_xendcg", EG_RANKING, EG_LINK_IDENTITY},
	{NULL}
};

static void
unsupported(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("LightGBM model has %s, which is not supported", what)));
}

/* ---------------- lines ---------------- */

static const char *
find(const Block *b, const char *key)
{
	for (int i = 0; i < b->n; i++)
		if (strcmp(b->keys[i], key) == 0)
			return b->values[i];
	return NULL;
}

/*
 * Lines up to an empty one after the first, or up to the next tree.  *at moves
 * on; the text is cut into strings where it is.
 */
static void
read_block(char **at, Block *b)
{
	b->n = 0;
	while (**at != '\0')
	{
		char	   *line = *at;
		char	   *end = strchr(line, '\n');
		char	   *value;

		if (b->n > 0 && strncmp(line, "Tree=", 5) == 0)
			return;
		*at = end ? end + 1 : line + strlen(line);
		if (end)
		{
			*end = '\0';
			if (end > line && end[-1] == '\r')
				end[-1] = '\0';
		}
		if (*line == '\0')
		{
			if (b->n > 0)
				return;
			continue;
		}
		value = strchr(line, '=');
		if (value)
			*value++ = '\0';
		if (b->n == b->cap)
		{
			b->cap = Max(b->cap * 2, 32);
			b->keys = b->keys ? repalloc(b->keys, b->cap * sizeof(char *))
				: palloc(b->cap * sizeof(char *));
			b->values = b->values ? repalloc(b->values, b->cap * sizeof(char *))
				: palloc(b->cap * sizeof(char *));
		}
		b->keys[b->n] = line;
		b->values[b->n++] = value ? value : line + strlen(line);
	}
}

static const char *
need(EgReader *r, const Block *b, const char *key)
{
	const char *v = find(b, key);

	if (v == NULL)
		eg_corrupted(r, "line \"%s\" is missing", key);
	return v;
}

static int
whole(EgReader *r, const Block *b, const char *key, int min, int max)
{
	const char *s = need(r, b, key);
	char	   *end;
	double		v = strtod(s, &end);

	if (end == s || *end != '\0' || !(v >= min && v <= max) || v != floor(v))
		eg_corrupted(r, "\"%s\" is no whole number from %d to %d", key, min, max);
	return (int) v;
}

/* n numbers; NULL when the line is absent and not required. */
static double *
column(EgReader *r, const Block *b, const char *key, int64 n, bool required)
{
	const char *s = required ? need(r, b, key) : find(b, key);
	double	   *v;

	if (s == NULL || (!required && *s == '\0'))
		return NULL;
	if ((uint64) n > strlen(s))
		eg_corrupted(r, "\"%s\" has less than %lld numbers", key, (long long) n);
	v = (double *) MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(double));
	for (int64 i = 0; i < n; i++)
	{
		char	   *end;

		v[i] = strtod(s, &end);
		if (end == s)
			eg_corrupted(r, "\"%s\" has %lld of %lld numbers", key, (long long) i, (long long) n);
		s = end;
	}
	while (*s == ' ')
		s++;
	if (*s != '\0')
		eg_corrupted(r, "\"%s\" has more than %lld numbers", key, (long long) n);
	return v;
}

/* ---------------- trees ---------------- */

static void
read_tree(EgReader *r, const Block *b, int nfeatures, Tree *t)
{
	int			n;

	CHECK_FOR_INTERRUPTS();
	memset(t, 0, sizeof(Tree));
	t->nleaves = whole(r, b, "num_leaves", 1, PG_INT32_MAX / 2 - 1);
	n = t->ninner = t->nleaves - 1;
	if (find(b, "is_linear") != NULL && strcmp(find(b, "is_linear"), "0") != 0)
		unsupported("linear trees");
	t->leaf_value = column(r, b, "leaf_value", t->nleaves, true);
	for (int i = 0; i < t->nleaves; i++)
		if (!isfinite((float) t->leaf_value[i]))
			eg_corrupted(r, "leaf %d is not a finite number", i);
	if (n == 0)
		return;
	t->leaf_count = column(r, b, "leaf_count", t->nleaves, false);
	t->feature = column(r, b, "split_feature", n, true);
	t->threshold = column(r, b, "threshold", n, true);
	t->decision = column(r, b, "decision_type", n, true);
	t->left = column(r, b, "left_child", n, true);
	t->right = column(r, b, "right_child", n, true);
	t->gain = column(r, b, "split_gain", n, false);
	t->inner_count = column(r, b, "internal_count", n, false);
	t->ncat = whole(r, b, "num_cat", 0, n);
	if (t->ncat > 0)
	{
		t->cat_begin = column(r, b, "cat_boundaries", (int64) t->ncat + 1, true);
		for (int i = 0; i <= t->ncat; i++)
			if (!(t->cat_begin[i] >= (i > 0 ? t->cat_begin[i - 1] : 0) &&
				  t->cat_begin[i] < PG_INT32_MAX / 32))
				eg_corrupted(r, "category boundary %d is %g", i, t->cat_begin[i]);
		t->cat_bits = column(r, b, "cat_threshold", (int64) t->cat_begin[t->ncat], true);
		for (int64 i = 0; i < (int64) t->cat_begin[t->ncat]; i++)
			if (!(t->cat_bits[i] >= 0 && t->cat_bits[i] <= PG_UINT32_MAX))
				eg_corrupted(r, "%g is no word of categories", t->cat_bits[i]);
	}

	for (int i = 0; i < n; i++)
	{
		int			d;

		if (!(t->feature[i] >= 0 && t->feature[i] < nfeatures))
			eg_corrupted(r, "node %d tests feature %g of %d", i, t->feature[i], nfeatures);
		if (!(t->left[i] > -t->nleaves - 1 && t->left[i] < n &&
			  t->right[i] > -t->nleaves - 1 && t->right[i] < n))
			eg_corrupted(r, "node %d of %d has children %g and %g", i, n, t->left[i], t->right[i]);
		if (!(t->decision[i] >= 0 && t->decision[i] < 16))
			eg_corrupted(r, "node %d has decision type %g", i, t->decision[i]);
		d = (int) t->decision[i];
		if (d & CATEGORICAL)
		{
			if (!(t->threshold[i] >= 0 && t->threshold[i] < t->ncat))
				eg_corrupted(r, "node %d has category set %g of %d", i, t->threshold[i], t->ncat);
		}
		else if (isnan(t->threshold[i]))
			eg_corrupted(r, "node %d has no threshold", i);
		else if (MISSING(d) == MISSING_ZERO)
			unsupported("zeros that count as missing (zero_as_missing)");
	}
}

/* The float t for which x < t says what x <= threshold says, for every float x. */
static float
strict_threshold(double threshold)
{
	float		f = (float) threshold;

	if ((double) f > threshold)
		f = nextafterf(f, -INFINITY);
	return nextafterf(f, INFINITY);
}

/* Write one tree into the forest, level by level. */
static void
fill_tree(EgReader *r, EgForest *f, const Tree *t, int start, int word)
{
	int			total = t->ninner + t->nleaves;
	int			n = 1;
	int32	   *queue = (int32 *) palloc_extended((Size) total * sizeof(int32), MCXT_ALLOC_HUGE);
	bool	   *seen = (bool *) palloc_extended(total, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	/* inner nodes by their number, leaves by the complement of theirs */
	queue[0] = t->ninner > 0 ? 0 : -1;
	for (int k = 0; k < n; k++)
	{
		int			i = queue[k];
		int			to = start + k;
		bool	   *again = &seen[i < 0 ? t->ninner + ~i : i];
		int			d;

		if (*again)
			eg_corrupted(r, "a node is reached twice");
		*again = true;
		if (i < 0)
		{
			f->value[to] = (float) t->leaf_value[~i];
			f->cover[to] = t->leaf_count ? (float) t->leaf_count[~i] : 0.0f;
			continue;
		}
		if (n + 2 > total)
			eg_corrupted(r, "a node is reached twice");
		d = (int) t->decision[i];
		f->feature[to] = (int32) t->feature[i];
		f->cover[to] = t->inner_count ? (float) t->inner_count[i] : 0.0f;
		f->gain[to] = t->gain ? (float) t->gain[i] : 0.0f;
		f->left[to] = n;
		f->right[to] = n + 1;
		if (d & CATEGORICAL)
		{
			int			set = (int) t->threshold[i];
			int			begin = (int) t->cat_begin[set];

			f->cat[to] = word + begin;
			f->ncat[to] = (int32) t->cat_begin[set + 1] - begin;
			f->flags[to] = EG_NODE_DEFAULT_LEFT;
			queue[n++] = (int32) t->right[i];
			queue[n++] = (int32) t->left[i];
			continue;
		}
		f->value[to] = strict_threshold(t->threshold[i]);
		if (MISSING(d) == MISSING_NONE ? 0.0 <= t->threshold[i] : (d & DEFAULT_LEFT) != 0)
			f->flags[to] = EG_NODE_DEFAULT_LEFT;
		queue[n++] = (int32) t->left[i];
		queue[n++] = (int32) t->right[i];
	}
	if (n != total)
		eg_corrupted(r, "a tree has %d nodes but %d are reached", total, n);
	if (t->ncat > 0)
		for (int w = 0; w < (int) t->cat_begin[t->ncat]; w++)
			f->cat_bits[word + w] = (uint32) t->cat_bits[w];
	pfree(seen);
	pfree(queue);
}

/* ---------------- the rest of the model ---------------- */

/* "binary sigmoid:1": the name is cut off; *sigmoid is 1 unless told. */
static const Objective *
read_objective(EgReader *r, const char *line, char **name, double *sigmoid)
{
	const char *option;

	*name = pstrdup(line);
	(*name)[strcspn(*name, " ")] = '\0';
	option = strstr(line, "sigmoid:");
	*sigmoid = option ? strtod(option + 8, NULL) : 1.0;
	if (!(*sigmoid > 0.0) || !isfinite(*sigmoid))
		eg_corrupted(r, "objective \"%s\" has a wrong sigmoid", line);
	if (strstr(line, " sqrt") != NULL)
		unsupported("option reg_sqrt");
	for (const Objective *o = objectives; o->name != NULL; o++)
		if (strcmp(o->name, *name) == 0)
			return o;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("LightGBM objective \"%s\" is not supported", *name)));
}

/* Names separated by blanks, in the database's encoding. */
static char **
read_names(EgReader *r, const char *s, int n)
{
	char	  **names;

	if (!pg_verify_mbstr(PG_UTF8, s, (int) strlen(s), true))
		eg_corrupted(r, "\"feature_names\" is not valid UTF-8");
	if (strlen(s) < (Size) n)
		eg_corrupted(r, "\"feature_names\" has less than %d names", n);
	names = (char **) palloc((Size) n * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		Size		len;

		while (*s == ' ')
			s++;
		len = strcspn(s, " ");
		if (len == 0)
			eg_corrupted(r, "\"feature_names\" has %d of %d names", i, n);
		names[i] = pnstrdup(s, len);
		names[i] = pg_any_to_server(names[i], (int) len, PG_UTF8);
		s += len;
	}
	return names;
}

bool
eg_lightgbm_detect(const void *bytes, Size len)
{
	const char *s = (const char *) bytes;

	return len > 5 && memcmp(s, "tree", 4) == 0 && (s[4] == '\n' || s[4] == '\r');
}

/*
 * Files of version 2 have no line "end of trees".  They are whole if all trees
 * of the header's list of sizes are there, with all their bytes, and what
 * follows is no part of a tree.
 */
static void
check_complete(EgReader *r, const char *sizes, int ntrees, Size room, const char *next)
{
	double		bytes = 0;
	int			n = 0;

	while (sizes != NULL && *sizes != '\0')
	{
		char	   *end;
		double		size = strtod(sizes, &end);

		if (end == sizes || !(size > 0))
			eg_corrupted(r, "\"tree_sizes\" is no list of sizes");
		bytes += size;
		n++;
		for (sizes = end; *sizes == ' '; sizes++)
			;
	}
	if (n == 0)
		eg_corrupted(r, "line \"end of trees\" is missing after %d trees", ntrees);
	if (n != ntrees || bytes > (double) room ||
		(next != NULL && strncmp(next, "feature", 7) != 0 && strncmp(next, "parameters", 10) != 0))
		eg_corrupted(r, "there are %d of %d trees, and no line \"end of trees\"", ntrees, n);
}

EgForeignModel *
eg_lightgbm_read(const void *bytes, Size len)
{
	EgForeignModel *m = (EgForeignModel *) palloc0(sizeof(EgForeignModel));
	EgReader	r;
	Block		b = {0};
	const Objective *o;
	char	   *text;
	const char *s;
	const char *sizes;
	const char *why;
	Size		room;			/* bytes behind the header */
	bool		average;
	double		sigmoid;
	int			nfeatures;
	int			ngroups;
	int			ntrees = 0;
	int			cap = 64;
	int64		nnodes = 0;
	int64		nwords = 0;
	Tree	   *trees = (Tree *) palloc(cap * sizeof(Tree));
	EgForest   *f;

	eg_reader_init(&r, bytes, len, "LightGBM model");
	if (memchr(bytes, 0, len) != NULL)
		eg_corrupted(&r, "it is no text");
	text = (char *) MemoryContextAllocHuge(CurrentMemoryContext, len + 1);
	memcpy(text, bytes, len);
	text[len] = '\0';

	read_block(&text, &b);
	s = find(&b, "objective");
	o = read_objective(&r, s ? s : "regression", &m->objective, &sigmoid);
	m->task = o->task;
	nfeatures = whole(&r, &b, "max_feature_idx", 0, MAX_FEATURES - 1) + 1;
	ngroups = whole(&r, &b, "num_tree_per_iteration", 1, MAX_CLASSES);
	if ((o->task == EG_MULTICLASS) != (ngroups > 1))
		eg_corrupted(&r, "objective \"%s\" has %d trees in each iteration", o->name, ngroups);
	average = find(&b, "average_output") != NULL;
	m->names = read_names(&r, need(&r, &b, "feature_names"), nfeatures);

	sizes = find(&b, "tree_sizes");
	room = strlen(text);
	for (;;)
	{
		read_block(&text, &b);
		if (b.n == 0 || strcmp(b.keys[0], "Tree") != 0)
			break;
		if (ntrees == cap)
		{
			cap *= 2;
			trees = (Tree *) repalloc_huge(trees, (Size) cap * sizeof(Tree));
		}
		read_tree(&r, &b, nfeatures, &trees[ntrees]);
		nnodes += trees[ntrees].ninner + trees[ntrees].nleaves;
		if (trees[ntrees].ncat > 0)
			nwords += (int64) trees[ntrees].cat_begin[trees[ntrees].ncat];
		ntrees++;
		if (nnodes >= PG_INT32_MAX || nwords >= PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("LightGBM model has more than %d nodes", PG_INT32_MAX)));
	}
	if (b.n == 0 || strcmp(b.keys[0], "end of trees") != 0)
		check_complete(&r, sizes, ntrees, room, b.n > 0 ? b.keys[0] : NULL);
	if (ntrees % ngroups != 0)
		eg_corrupted(&r, "%d trees for %d outputs", ntrees, ngroups);

	f = m->forest = eg_forest_create(ntrees, (int) nnodes, nfeatures, ngroups, (int) nwords);
	f->link = o->link;
	nnodes = nwords = 0;
	for (int t = 0; t < ntrees; t++)
	{
		f->tree_start[t] = (int32) nnodes;
		f->tree_group[t] = t % ngroups;
		f->tree_weight[t] = (float) (o->link == EG_LINK_LOGIT ? sigmoid : 1.0);
		if (average)
			f->tree_weight[t] /= (float) (ntrees / ngroups);
		fill_tree(&r, f, &trees[t], (int) nnodes, (int) nwords);
		nnodes += trees[t].ninner + trees[t].nleaves;
		if (trees[t].ncat > 0)
			nwords += (int64) trees[t].cat_begin[trees[t].ncat];
	}
	if (m->task == EG_BINARY)
		m->nclasses = 2;
	else if (m->task == EG_MULTICLASS)
		m->nclasses = ngroups;
	why = eg_forest_invalid(f);
	if (why != NULL)
		eg_corrupted(&r, "%s", why);
	return m;
}
