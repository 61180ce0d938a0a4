/*-------------------------------------------------------------------------
 *
 * update.h
 *	  New rows for a stored model that can learn on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_UPDATE_H
#define EG_UPDATE_H

#include "store/train.h"

/* Error FEATURE_NOT_SUPPORTED, with a hint that names the algorithms that can. */
extern void eg_update_check(const EgAlgorithm *algorithm, int nparts);

/*
 * Fold the rows of spec->source into the base version's model.  Columns are
 * encoded by the model's schema; classes are its classes.  Rows are held out by
 * the frozen split, and those set apart for calibration calibrate anew.  The
 * result's rival has the base's scores on the held-out rows.
 */
extern EgTrained *eg_update(const EgTrainSpec *spec, const EgArtifactPart *base, EgRun *run);

#endif							/* EG_UPDATE_H */
