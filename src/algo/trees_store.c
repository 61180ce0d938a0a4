/*-------------------------------------------------------------------------
 *
 * trees_store.c
 *	  The stored form of random_forest, extra_trees and decision_tree: task
 *	  and classes, the forest, and for a tree the words of its rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "algo/trees.h"

/* more cannot be told apart in single precision */
#define MAX_CATEGORIES	(1 << 24)

void
eg_tree_columns_make(EgTreeColumns *columns, int n)
{
	columns->names = palloc0(Max(n, 1) * sizeof(char *));
	columns->ncategories = palloc0(Max(n, 1) * sizeof(int));
	columns->missing = palloc0(Max(n, 1));
	columns->words = palloc0(Max(n, 1) * sizeof(char **));
}

void
eg_trees_save(const void *model, EgWriter *w)
{
	const EgTreesModel *m = model;
	int			j;
	int			c;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u32(w, m->nclasses);
	eg_put_u8(w, m->weighted);
	eg_put_u64(w, m->oob.nrows);
	eg_put_f64(w, m->oob.first);
	eg_put_f64(w, m->oob.second);
	eg_forest_save(m->forest, w);
	for (j = 0; m->columns.names != NULL && j < m->forest->nfeatures; j++)
	{
		eg_put_string(w, m->columns.names[j]);
		eg_put_u32(w, m->columns.ncategories[j]);
		eg_put_u8(w, m->columns.missing[j]);
		eg_put_u8(w, m->columns.words[j] != NULL);
		for (c = 0; m->columns.words[j] != NULL && c < m->columns.ncategories[j]; c++)
			eg_put_string(w, m->columns.words[j][c]);
	}
}

static EgTreesModel *
load_forest(EgReader *r, int format, const char *name)
{
	EgTreesModel *m = palloc0(sizeof(EgTreesModel));
	uint8		task;
	uint32		nclasses;
	EgForest   *f;
	int32		i;

	if (format < 1 || format > EG_TREES_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"%s\" is not supported", format, name),
				 errhint("The model was written by a newer version of engage.")));
	task = eg_get_u8(r);
	nclasses = eg_get_u32(r);
	m->weighted = eg_get_u8(r) != 0;
	if (format >= 2)
	{
		m->oob.nrows = eg_get_u64(r);
		m->oob.first = eg_get_f64(r);
		m->oob.second = eg_get_f64(r);
	}
	m->forest = f = eg_forest_load(r);
	if (task != EG_REGRESSION && task != EG_BINARY && task != EG_MULTICLASS)
		eg_corrupted(r, "task %d is not one that trees learn", task);
	m->task = (EgTask) task;
	m->nclasses = (int) nclasses;
	if (nclasses > PG_INT32_MAX ||
		(m->task == EG_MULTICLASS ? m->nclasses != f->ngroups || m->nclasses < 2 :
		 f->ngroups != 1 || m->nclasses != (m->task == EG_BINARY ? 2 : 0)))
		eg_corrupted(r, "%u classes and %d outputs do not suit task \"%s\"", nclasses,
					 f->ngroups, eg_task_name(m->task));
	if (f->link != EG_LINK_IDENTITY || f->ntrees < 1)
		eg_corrupted(r, "the forest is not one of averaged trees");
	for (i = 0; i < f->tree_start[f->ntrees]; i++)
	{
		if (!(f->cover[i] >= 0 && f->cover[i] <= FLT_MAX))
			eg_corrupted(r, "node %d has cover %g", i, f->cover[i]);
	}
	eg_forest_compile(f);
	return m;
}

void *
eg_random_forest_load(EgReader *r, int format)
{
	return load_forest(r, format, "random_forest");
}

void *
eg_extra_trees_load(EgReader *r, int format)
{
	return load_forest(r, format, "extra_trees");
}

/* Trees of several classes must be the same but for their leaves: rules are read from one. */
static void
check_one_tree(EgReader *r, const EgForest *f)
{
	Size		n = f->tree_start[1];
	int			k;

	if (f->ntrees != f->ngroups)
		eg_corrupted(r, "%d trees for %d outputs are not one tree", f->ntrees, f->ngroups);
	for (k = 1; k < f->ntrees; k++)
	{
		Size		start = f->tree_start[k];

		if (f->tree_start[k + 1] - start != n ||
			memcmp(f->feature, f->feature + start, n * sizeof(int32)) != 0 ||
			memcmp(f->left, f->left + start, n * sizeof(int32)) != 0 ||
			memcmp(f->right, f->right + start, n * sizeof(int32)) != 0)
			eg_corrupted(r, "the trees of two classes differ");
	}
}

static void
load_column(EgReader *r, EgTreeColumns *columns, int j)
{
	uint32		n;
	int			c;

	columns->names[j] = eg_get_string(r);
	n = eg_get_u32(r);
	columns->missing[j] = eg_get_u8(r);
	if (columns->names[j] == NULL)
		eg_corrupted(r, "column %d has no name", j);
	if (n > MAX_CATEGORIES)
		eg_corrupted(r, "column %d has %u categories", j, n);
	columns->ncategories[j] = (int) n;
	if (eg_get_u8(r) == 0)
		return;

	/* each is four bytes at least */
	if ((r->len - r->pos) / 4 < n)
		eg_corrupted(r, "%u categories do not fit in the bytes left", n);
	columns->words[j] = palloc(Max(n, 1) * sizeof(char *));
	for (c = 0; c < columns->ncategories[j]; c++)
	{
		columns->words[j][c] = eg_get_string(r);
		if (columns->words[j][c] == NULL)
			eg_corrupted(r, "category %d of column %d has no name", c, j);
	}
}

void *
eg_decision_tree_load(EgReader *r, int format)
{
	EgTreesModel *m = load_forest(r, format, "decision_tree");
	int			n = m->forest->nfeatures;
	int			j;

	check_one_tree(r, m->forest);

	/* a name's length, a number and two flags */
	if ((r->len - r->pos) / 10 < (Size) n)
		eg_corrupted(r, "%d columns do not fit in the bytes left", n);
	eg_tree_columns_make(&m->columns, n);
	for (j = 0; j < n; j++)
		load_column(r, &m->columns, j);
	return m;
}
