/*-------------------------------------------------------------------------
 *
 * lgbmodel.h
 *	  Models of LightGBM (text), for xgbmodel.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_LGBMODEL_H
#define EG_LGBMODEL_H

#include "algo/xgbmodel.h"

/* Do the bytes begin like a LightGBM model file? */
extern bool eg_lightgbm_detect(const void *bytes, Size len);
extern EgForeignModel *eg_lightgbm_read(const void *bytes, Size len);

#endif							/* EG_LGBMODEL_H */
