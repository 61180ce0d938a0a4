/*-------------------------------------------------------------------------
 *
 * kmeans_choose.h
 *	  How many clusters?
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_KMEANS_CHOOSE_H
#define EG_KMEANS_CHOOSE_H

#include "algo/kmeans.h"
#include "base/bytes.h"
#include "lib/stringinfo.h"

#define EG_MAX_CURVE	1024

typedef enum EgChoice
{
	EG_CHOOSE_SILHOUETTE,		/* the largest, sampled */
	EG_CHOOSE_GAP,				/* the first that the next does not beat by chance */
	EG_CHOOSE_BIC				/* the smallest */
} EgChoice;

/* What was found for each number of clusters that was tried. */
typedef struct EgCurve
{
	int			n;
	int		   *k;				/* (n) ascending */
	double	   *value;			/* (n) of the criterion; NaN: not defined */
	double	   *inertia;		/* (n) or log-likelihood */
} EgCurve;

/* rows whose silhouettes are looked at */
#define EG_SILHOUETTE_ROWS	2000
#define EG_SILHOUETTE_SEED	UINT64CONST(20190607)

/* Try kmin to kmax clusters (spec->k is ignored); the best, and what was seen. */
extern EgKmeans *eg_kmeans_choose(const EgKmeansSpec *spec, int kmin, int kmax, EgChoice how,
								  EgCurve *curve);

extern EgCurve eg_curve_create(int most);

/* `"curve": [{"k": 2, "<name>": 0.5, "<second>": 100}, ...]`; nothing for an empty one. */
extern void eg_curve_json(const EgCurve *c, const char *name, const char *second, StringInfo json);
extern void eg_curve_save(const EgCurve *c, EgWriter *w);
extern EgCurve eg_curve_load(EgReader *r);

/* `, "name": 0.5`, or null when it is no number. */
extern void eg_json_fact(StringInfo json, const char *name, double v);

#endif							/* EG_KMEANS_CHOOSE_H */
