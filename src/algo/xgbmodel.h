/*-------------------------------------------------------------------------
 *
 * xgbmodel.h
 *	  Models of XGBoost (JSON, UBJSON; versions 1.x to 3.x) and LightGBM
 *	  (text) to forests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_XGBMODEL_H
#define EG_XGBMODEL_H

#include "algo/algo.h"
#include "algo/forest.h"

typedef struct EgForeignModel
{
	EgForest   *forest;			/* not compiled yet */
	EgTask		task;
	int			nclasses;		/* 0 unless classification */
	char	   *objective;
	char	  **names;			/* (nfeatures) or NULL */
	char	  **types;			/* (nfeatures) "float", "int", "i", "c" ..., or NULL */

	/* of an early-stopped model: rounds that it has, and the best of them; 0: it was not */
	int			rounds;
	int			best_round;

	/*
	 * Byte offset in the input of each node's split_conditions value (float32,
	 * big-endian), so that leaves can be patched in place: (nnodes), in the
	 * forest's node order; NULL for JSON text and LightGBM.
	 */
	Size	   *value_offset;

	/* likewise of each node's default_left (a byte, 0 or 1), so that sides can be changed */
	Size	   *default_offset;
} EgForeignModel;

/*
 * Detects the format by content. Errors name what is wrong (DATA_CORRUPTED,
 * FEATURE_NOT_SUPPORTED).
 */
extern EgForeignModel *eg_foreign_model_read(const void *bytes, Size len);

#endif							/* EG_XGBMODEL_H */
