/*-------------------------------------------------------------------------
 *
 * forest_shap.h
 *	  Exact Shapley values of forests.
 *
 * All speak of margins, and fill for each of the forest's ngroups outputs
 * nfeatures contributions and the base value.  What a first call makes is
 * kept in forest->shap, in the forest's memory context.  They allocate, may
 * throw, and answer interrupts; forest->code is not needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_SHAP_H
#define EG_FOREST_SHAP_H

#include "algo/forest.h"

/*
 * Path-dependent (forest_shap.c): a feature left out goes both ways, by the
 * cover of the children.  x: n rows, stride floats apart; out (n, ngroups,
 * nfeatures + 1).
 */
extern void eg_forest_explain(const EgForest *f, const float *x, Size n, Size stride, double *out);

/*
 * Interventional (forest_shap_against.c): a feature left out has the value of a
 * background row; mean over the rows.  One row x; out (ngroups, nfeatures + 1).
 */
extern void eg_forest_explain_against(const EgForest *f, const float *x, const float *background,
									  Size nbackground, Size stride, double *out);

/*
 * Interaction values of one row (forest_shap_pairs.c), path-dependent; out
 * (ngroups, nfeatures + 1, nfeatures + 1).
 */
extern void eg_forest_interactions(const EgForest *f, const float *x, double *out);

#endif							/* EG_FOREST_SHAP_H */
