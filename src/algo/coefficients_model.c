/*-------------------------------------------------------------------------
 *
 * coefficients_model.c
 *	  Callbacks that linear_regression, logistic_regression and glm share: a
 *	  model whose first member is its coefficients.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/coefficients.h"

static inline const EgCoefs *
coefs_of(const void *model)
{
	return *(EgCoefs *const *) model;
}

int
eg_coefs_model_nfeatures(const void *model)
{
	return coefs_of(model)->prep->ncols;
}

void
eg_coefs_model_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = coefs_of(model);
	int			ncols = c->prep->ncols;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_explain(c, x + i * ncols, out + i * (ncols + 1) * c->nout);
}

void
eg_coefs_model_explain_against(const void *model, const float *x, const float *background,
							   Size nbackground, double *out)
{
	eg_coefs_explain_against(coefs_of(model), x, background, nbackground, out);
}

void
eg_coefs_model_importance(const void *model, double *out)
{
	eg_coefs_importance(coefs_of(model), out);
}
