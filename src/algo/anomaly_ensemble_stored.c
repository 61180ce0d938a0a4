/*-------------------------------------------------------------------------
 *
 * anomaly_ensemble_stored.c
 *	  The stored form of an ensemble of detectors: its members' within it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/anomaly_ensemble.h"

/* so that the artifact stays far from the limit of one value in memory */
#define MAX_BYTES			(512 * 1024 * 1024)

void
eg_anomaly_ensemble_save(const void *model, EgWriter *w)
{
	const EgAnomalyEnsemble *m = model;
	int			k,
				i;

	eg_put_u8(w, m->ranks);
	eg_put_u8(w, m->largest);
	eg_put_u32(w, m->nfeatures);
	eg_anomaly_save(&m->facts, w);
	eg_put_u32(w, m->nmembers);
	for (k = 0; k < m->nmembers; k++)
	{
		const EgDetector *member = &m->members[k];
		EgWriter	own;

		eg_put_string(w, member->algorithm->name);
		eg_put_u32(w, member->algorithm->format);
		eg_put_string(w, member->params);
		eg_put_f64(w, member->median);
		eg_put_f64(w, member->strange);
		for (i = 0; i < EG_ANOMALY_QUANTILES; i++)
			eg_put_f64(w, member->quantile[i]);
		eg_writer_init(&own);
		member->algorithm->save(member->model, &own);
		if ((Size) w->buf.len + own.buf.len > MAX_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the members of the ensemble need %zu MB, more than %d",
							((Size) w->buf.len + own.buf.len) / (1024 * 1024),
							MAX_BYTES / (1024 * 1024)),
					 errhint("Use fewer or smaller members.")));
		eg_put_u32(w, own.buf.len);
		eg_put_bytes(w, own.buf.data, own.buf.len);
		pfree(own.buf.data);
	}
}

static double
get_score(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!(v >= -1 && v <= 10))
		eg_corrupted(r, "a score is out of range");
	return v;
}

static void
load_member(EgReader *r, EgAnomalyEnsemble *m, EgDetector *member)
{
	char	   *name = eg_get_string(r);
	uint32		format;
	uint32		len;
	EgReader	own;
	int			i;

	member->algorithm = name ? eg_anomaly_detector(name) : NULL;
	if (member->algorithm == NULL)
		eg_corrupted(r, "it has the unknown member \"%s\"", name ? name : "");
	format = eg_get_u32(r);
	if (format < 1 || format > (uint32) member->algorithm->format)
		eg_corrupted(r, "the format of member \"%s\" is %u", name, format);
	member->params = eg_get_string(r);
	if (member->params == NULL)
		eg_corrupted(r, "a member has no parameters");
	member->median = get_score(r);
	member->strange = get_score(r);
	member->quantile = palloc(sizeof(double) * EG_ANOMALY_QUANTILES);
	for (i = 0; i < EG_ANOMALY_QUANTILES; i++)
	{
		member->quantile[i] = get_score(r);
		if (i > 0 && member->quantile[i] < member->quantile[i - 1])
			eg_corrupted(r, "quantiles do not ascend");
	}
	len = eg_get_count(r, PG_UINT32_MAX, 1);
	eg_reader_init(&own, eg_get_bytes(r, len), len, r->what);
	member->model = member->algorithm->load(&own, (int) format);
	if (own.pos != own.len)
		eg_corrupted(r, "member \"%s\" has %zu bytes too many", name, own.len - own.pos);
	if (member->algorithm->nfeatures(member->model) != m->nfeatures ||
		member->algorithm->width(member->model) != 1)
		eg_corrupted(r, "member \"%s\" does not fit the ensemble", name);
}

void *
eg_anomaly_ensemble_load(EgReader *r, int format)
{
	EgAnomalyEnsemble *m = palloc0(sizeof(EgAnomalyEnsemble));
	uint8		flag;
	int			k;

	if (format != EG_ANOMALY_ENSEMBLE_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"anomaly_ensemble\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	flag = eg_get_u8(r);
	m->ranks = flag;
	if (flag > 1 || (flag = eg_get_u8(r)) > 1)
		eg_corrupted(r, "a flag is neither on nor off");
	m->largest = flag;
	m->nfeatures = (int) eg_get_u32(r);
	if (m->nfeatures < 0)
		eg_corrupted(r, "the number of features is out of range");
	eg_anomaly_load(&m->facts, r);
	m->nmembers = (int) eg_get_count(r, EG_ANOMALY_MEMBERS, EG_ANOMALY_QUANTILES * sizeof(double));
	if (m->nmembers < 1)
		eg_corrupted(r, "it has no members");
	m->members = palloc0(sizeof(EgDetector) * m->nmembers);
	m->room = palloc(sizeof(double) * EG_ANOMALY_BLOCK);
	for (k = 0; k < m->nmembers; k++)
		load_member(r, m, &m->members[k]);
	return m;
}
