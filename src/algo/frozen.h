/*-------------------------------------------------------------------------
 *
 * frozen.h
 *	  A stored model within another one: what it predicts from numbers that
 *	  are not its own.
 *
 * Each model has its own order of features, its own codes of categories and
 * its own first day.  A translation says how a row of one model becomes a row
 * of another; whoever knows the columns makes it, and from then on only
 * numbers are needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FROZEN_H
#define EG_FROZEN_H

#include "algo/algo.h"
#include "algo/calibrate.h"

typedef struct EgTranslation
{
	int			nfrom;			/* features before */
	int			nto;			/* and after */
	int		   *from;			/* (nto) feature that each is made of */
	double	   *shift;			/* (nto) added to it; 0 for categories */
	int		   *ncodes;			/* (nto) categories of that feature, 0 for a number */
	int32	  **code;			/* (nto) (ncodes) code that each becomes, -1: missing */
} EgTranslation;

/* Everything stays as it is, until it is changed: nfrom == nto, no codes, no shift. */
extern EgTranslation *eg_translation_create(int nfrom, int nto);

/*
 * Codes that none of the first nrows rows of a dataset has become missing;
 * NULL when there are none.  A learner does not know such codes.
 */
extern EgTranslation *eg_translation_seen(const EgDataset *data, Size nrows);

/* (n, nfrom) to (n, nto).  Neither allocates nor throws. */
extern void eg_translate(const EgTranslation *t, const float *x, Size n, float *out);

extern void eg_translation_save(const EgTranslation *t, EgWriter *w);
extern EgTranslation *eg_translation_load(EgReader *r, int nfrom);

/* A stored model that parameters name (EgAlgorithm.references). */
typedef struct EgFrozen
{
	const char *name;			/* "churn@1.2.0" */
	const EgAlgorithm *algorithm;
	void	   *model;
	const char *params;			/* JSON */
	const EgCalibration *calibration;	/* or NULL */
	const EgTranslation *translation;	/* from the dataset's features */
	const int  *classes;		/* (nclasses) its class for each of the dataset's; NULL: the same */
	const bool *unseen;			/* (nfit + nvalid) rows that it has certainly not learned from */
} EgFrozen;

/* most classes that may have another order */
#define EG_FROZEN_CLASSES	1000

/*
 * What it says of n rows of the dataset's features, width numbers for each; x
 * has room for n rows of its own features.  Neither allocates nor throws.
 */
extern void eg_frozen_predict(const EgFrozen *f, int width, const float *rows, Size n, float *x,
							  double *out);

#endif							/* EG_FROZEN_H */
