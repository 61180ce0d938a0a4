/*-------------------------------------------------------------------------
 *
 * ensemble_stored.c
 *	  The stored form of an ensemble: docs/format.md says it byte by byte.
 *
 * The first byte of format 2 is the depth of the ensembles within it.  A
 * member's is looked at before the member is read and must be less, so reading
 * ends however a false model was written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/ensemble.h"

/* so that the artifact stays far from the limit of one value in memory */
#define MAX_BYTES			(512 * 1024 * 1024)

/* what a member has besides its model */
#define HAS_CALIBRATION		(1 << 0)
#define HAS_CLASSES			(1 << 1)
#define HAS_TRANSLATION		(1 << 2)
#define ALL_FLAGS			(HAS_CALIBRATION | HAS_CLASSES | HAS_TRANSLATION)

static void
save_member(const EgEnsemble *m, int k, EgWriter *w)
{
	const EgFrozen *is = &m->members[k].is;
	EgWriter	own;
	int			c;

	eg_put_string(w, is->algorithm->name);
	eg_put_u32(w, is->algorithm->format);
	eg_put_string(w, is->params);
	eg_put_f64(w, m->weight[k]);
	eg_put_f64(w, m->members[k].loss);
	eg_put_string(w, is->name);
	eg_put_u8(w, (is->calibration ? HAS_CALIBRATION : 0) | (is->classes ? HAS_CLASSES : 0) |
			  (is->translation ? HAS_TRANSLATION : 0));
	if (is->calibration)
		eg_calibration_save(is->calibration, w);
	for (c = 0; is->classes && c < m->nclasses; c++)
		eg_put_u32(w, is->classes[c]);
	if (is->translation)
		eg_translation_save(is->translation, w);

	eg_writer_init(&own);
	is->algorithm->save(is->model, &own);
	if ((Size) w->buf.len + own.buf.len > MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the members of the ensemble need %zu MB, more than %d",
						((Size) w->buf.len + own.buf.len) / (1024 * 1024),
						MAX_BYTES / (1024 * 1024)),
				 errdetail("Member \"%s\" has %d MB.", is->name ? is->name : is->algorithm->name,
						   own.buf.len / (1024 * 1024)),
				 errhint("Use fewer or smaller members.")));
	eg_put_u32(w, own.buf.len);
	eg_put_bytes(w, own.buf.data, own.buf.len);
	pfree(own.buf.data);
}

void
eg_ensemble_save(const void *model, EgWriter *w)
{
	const EgEnsemble *m = model;
	int			k;

	eg_put_u8(w, (uint8) eg_ensemble_depth(m));
	eg_put_u8(w, (uint8) m->task);
	eg_put_u8(w, (uint8) m->method);
	eg_put_u32(w, m->nclasses);
	eg_put_u32(w, m->nfeatures);
	eg_put_u32(w, m->nmembers);
	eg_put_f64(w, m->loss);
	for (k = 0; k < Max(m->nclasses, 1); k++)
		eg_put_f64(w, m->bias[k]);
	for (k = 0; k < m->nmembers; k++)
		save_member(m, k, w);
}

/* NaN stands for "not measured". */
static double
get_loss(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (isinf(v))
		eg_corrupted(r, "a loss is infinite");
	return v;
}

static double
get_finite(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!isfinite(v))
		eg_corrupted(r, "a weight is not a finite number");
	return v;
}

/* Each class once. */
static int *
get_classes(EgReader *r, const EgEnsemble *m)
{
	int		   *classes;
	bool	   *seen;
	int			c;

	if (m->nclasses == 0)
		eg_corrupted(r, "a member has classes, but the ensemble has none");
	classes = palloc(sizeof(int) * m->nclasses);
	seen = palloc0(sizeof(bool) * m->nclasses);
	for (c = 0; c < m->nclasses; c++)
	{
		uint32		own = eg_get_u32(r);

		if (own >= (uint32) m->nclasses || seen[own])
			eg_corrupted(r, "the classes of a member are not those of the ensemble");
		seen[own] = true;
		classes[c] = (int) own;
	}
	pfree(seen);
	return classes;
}

/* Name, calibration, order of classes, translation: format 2 has them. */
static void
load_frozen(EgReader *r, EgEnsemble *m, EgFrozen *is)
{
	uint8		flags;

	is->name = eg_get_string(r);
	m->nrecipes += is->name == NULL;
	flags = eg_get_u8(r);
	if (flags & ~ALL_FLAGS)
		eg_corrupted(r, "the flags of a member are %d", flags);
	if (flags & HAS_CALIBRATION)
	{
		is->calibration = eg_calibration_load(r);
		if (m->nclasses == 0 || is->calibration->width != m->width)
			eg_corrupted(r, "the calibration of a member does not fit the ensemble");
	}
	if (flags & HAS_CLASSES)
		is->classes = get_classes(r, m);
	if (flags & HAS_TRANSLATION)
		is->translation = eg_translation_load(r, m->nfeatures);
}

static void
load_member(EgReader *r, EgEnsemble *m, int k, int format, int depth)
{
	EgFrozen   *is = &m->members[k].is;
	char	   *name = eg_get_string(r);
	uint32		own_format;
	uint32		len;
	EgReader	own;
	int			nfeatures;

	is->algorithm = name ? eg_ensemble_recipe(name) : NULL;
	if (is->algorithm == NULL && name && format >= 2 && strcmp(name, eg_ensemble.name) == 0)
		is->algorithm = &eg_ensemble;
	if (is->algorithm == NULL || is->algorithm->predict == NULL)
		eg_corrupted(r, "it has the unknown member \"%s\"", name ? name : "");
	if ((is->algorithm->tasks & EG_TASK_BIT(m->task)) == 0)
		eg_corrupted(r, "its member \"%s\" does not learn task \"%s\"", name,
					 eg_task_name(m->task));
	own_format = eg_get_u32(r);
	if (own_format > (uint32) is->algorithm->format)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %u of algorithm \"%s\" is not supported", own_format, name),
				 errhint("The model was written by a newer version of engage.")));
	if (own_format < 1)
		eg_corrupted(r, "the format of a member is 0");
	is->params = eg_get_string(r);
	if (is->params == NULL)
		eg_corrupted(r, "a member has no parameters");
	m->weight[k] = get_finite(r);
	m->members[k].loss = get_loss(r);
	if (format >= 2)
		load_frozen(r, m, is);
	else
		m->nrecipes++;

	len = eg_get_count(r, PG_UINT32_MAX, 1);
	eg_reader_init(&own, eg_get_bytes(r, len), len, r->what);
	if (is->algorithm == &eg_ensemble &&
		(own_format >= 2 ? len < 1 || own.data[0] >= depth : depth < 2))
		eg_corrupted(r, "its members are nested deeper than it says");
	is->model = is->algorithm->load(&own, (int) own_format);
	if (own.pos != own.len)
		eg_corrupted(r, "a member is longer than its model");
	nfeatures = is->translation ? is->translation->nto : m->nfeatures;
	if (is->algorithm->width(is->model) != m->width ||
		is->algorithm->nfeatures(is->model) != nfeatures)
		eg_corrupted(r, "a member has another shape than the ensemble");
}

void *
eg_ensemble_load(EgReader *r, int format)
{
	EgEnsemble *m = palloc0(sizeof(EgEnsemble));
	int			depth = format >= 2 ? eg_get_u8(r) : 1;
	uint8		task = eg_get_u8(r);
	uint8		method = eg_get_u8(r);
	int			k;

	if (depth < 1 || depth > EG_ENSEMBLE_DEPTH)
		eg_corrupted(r, "it holds %d levels of ensembles", depth);
	if (!(task < EG_NTASKS && (eg_ensemble.tasks & EG_TASK_BIT(task))))
		eg_corrupted(r, "its task is unknown");
	if (method > EG_ENSEMBLE_STACKING)
		eg_corrupted(r, "its method is unknown");
	m->task = (EgTask) task;
	m->method = (EgEnsembleMethod) method;
	m->nclasses = (int) eg_get_count(r, EG_FROZEN_CLASSES, 0);
	if (task == EG_BINARY ? m->nclasses != 2 : task == EG_MULTICLASS ? m->nclasses < 2 :
		m->nclasses != 0)
		eg_corrupted(r, "its number of classes does not suit its task");
	m->width = task == EG_MULTICLASS ? m->nclasses : 1;
	m->nfeatures = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->nmembers = (int) eg_get_count(r, EG_MAX_MEMBERS, 1);
	if (m->nmembers < 1)
		eg_corrupted(r, "it has no members");
	if (r->len - r->pos < (Size) m->width * sizeof(double))
		eg_corrupted(r, "it ends too early");
	eg_ensemble_arrays(m);
	m->members = palloc0(sizeof(EgMember) * m->nmembers);
	m->loss = get_loss(r);
	for (k = 0; k < Max(m->nclasses, 1); k++)
		m->bias[k] = get_finite(r);
	for (k = 0; k < m->nmembers; k++)
		load_member(r, m, k, format, depth);
	eg_ensemble_room(m);
	return m;
}
