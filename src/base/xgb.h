/*-------------------------------------------------------------------------
 *
 * xgb.h
 *	  libxgboost, opened on first use with all signals blocked; the only file
 *	  that knows it.  Versions 1.7, 2 and 3 of the library are told apart here.
 *
 * Handles are tied to CurrentMemoryContext at creation by a reset callback,
 * registered before the handle is acquired.  Every library failure becomes
 * ERRCODE_EXTERNAL_ROUTINE_EXCEPTION with the library's first line of text.
 * Every call into the library runs with all signals blocked (its threads are
 * born with that mask) and without any of our callbacks that could throw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_XGB_H
#define EG_XGB_H

#include "base/matrix.h"

typedef struct EgXgbMatrix EgXgbMatrix;
typedef struct EgXgbBooster EgXgbBooster;

/* "1.7.4"; opens the library */
extern const char *eg_xgb_version(void);
extern int	eg_xgb_version_num(void);	/* 10704 */

/*
 * Training matrix over rows [first, first + n) of m, quantized at once
 * (QuantileDMatrix: no copy of the floats is kept).  ncategories (ncols) > 0
 * marks a categorical column.  names may be NULL.
 */
extern EgXgbMatrix *eg_xgb_matrix_quantile(const EgMatrix *m, Size first, Size n,
										   const int *ncategories, const char *const *names,
										   int max_bin, int threads);

/* Plain matrix (copies the rows): validation, oracle predictions, exact and approx methods. */
extern EgXgbMatrix *eg_xgb_matrix_dense(const EgMatrix *m, Size first, Size n,
										const int *ncategories, const char *const *names,
										int threads);

/* field: "label", "weight", "base_margin", "label_lower_bound", "label_upper_bound" */
extern void eg_xgb_matrix_set_float(EgXgbMatrix *d, const char *field, const float *v, Size n);

/* sizes of the query groups, in row order */
extern void eg_xgb_matrix_set_groups(EgXgbMatrix *d, const unsigned *sizes, Size ngroups);
extern void eg_xgb_matrix_free(EgXgbMatrix *d);

extern EgXgbBooster *eg_xgb_booster_create(EgXgbMatrix *const *dmats, int n);
extern void eg_xgb_booster_param(EgXgbBooster *b, const char *name, const char *value);
extern void eg_xgb_booster_update(EgXgbBooster *b, int iteration, EgXgbMatrix *d);

/* Own gradients: grad, hess (nrows * ngroups, row after row). */
extern void eg_xgb_booster_boost(EgXgbBooster *b, int iteration, EgXgbMatrix *d,
								 float *grad, float *hess, Size n);

/* The text of one evaluation: "[3]\tname-auc:0.84"; the value after the last colon is parsed. */
extern double eg_xgb_booster_eval(EgXgbBooster *b, int iteration, EgXgbMatrix *d, const char *name);

/* Name of the metric that the last evaluation computed: "logloss". */
extern const char *eg_xgb_last_metric(void);
extern void eg_xgb_booster_attr(EgXgbBooster *b, const char *name, const char *value);

/* Model bytes (palloc'd), format "ubj" or "json"; begin..end boosting rounds, end 0 = all. */
extern char *eg_xgb_booster_save(EgXgbBooster *b, const char *format, int begin, int end,
								 Size *len);
extern EgXgbBooster *eg_xgb_booster_load(const void *data, Size len);

/*
 * Predictions of the library itself, for tests and verification: (n, width) into out,
 * width returned.
 */
extern int eg_xgb_booster_predict(EgXgbBooster *b, EgXgbMatrix *d, bool margin, float **out,
								  Size *n);
extern void eg_xgb_booster_free(EgXgbBooster *b);

#endif							/* EG_XGB_H */
