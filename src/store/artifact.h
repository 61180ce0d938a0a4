/*-------------------------------------------------------------------------
 *
 * artifact.h
 *	  The container of a stored model: docs/format.md says it byte by byte.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ARTIFACT_H
#define EG_ARTIFACT_H

#include "algo/algo.h"
#include "algo/calibrate.h"
#include "algo/conformal.h"
#include "store/baseline.h"

typedef struct EgArtifact
{
	const EgAlgorithm *algorithm;
	EgTask		task;
	EgSchema   *schema;
	char	   *params;			/* JSON text */
	void	   *model;
	EgCalibration *calibration; /* of probabilities, or NULL */
	EgConformal *conformal;		/* for intervals and sets, or NULL */
	EgBaseline *baseline;		/* of the training rows, or NULL */
	EgScoreBaseline *scores;	/* of all parts together, in the part for all rows; or NULL */
} EgArtifact;

/*
 * Scores of nrows rows, (nrows, width): what the model says, calibrated.  The
 * one way to score; neither allocates nor throws.
 */
extern void eg_artifact_predict(const EgArtifact *a, const float *x, Size nrows, double *out);

/* As docs/format.md says, CALB, CONF, BASE and SCOR when there are such; palloc'd. */
extern char *eg_artifact_save(const EgArtifact *a, Size *len);

/* Errors DATA_CORRUPTED, or FEATURE_NOT_SUPPORTED for a newer container or format. */
extern EgArtifact *eg_artifact_load(const void *data, Size len);

/*
 * Saved bytes that have neither SCOR nor a seal, with SCOR: scores are known once what was
 * saved has been loaded.  palloc'd.
 */
extern char *eg_artifact_with_scores(const char *bytes, Size len, const EgScoreBaseline *scores,
									 Size *new_len);

/*
 * A seal says that this server made the bytes: a code over them with a secret of
 * its data directory.  Who may hand over bytes may not make a seal.  Loading ignores
 * it, saving leaves it out.
 */
extern char *eg_artifact_seal(const char *bytes, Size len, Size *sealed_len);
extern bool eg_artifact_is_sealed(const void *bytes, Size len);

#endif							/* EG_ARTIFACT_H */
