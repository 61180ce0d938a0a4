/*-------------------------------------------------------------------------
 *
 * evaluate_private.h
 *	  What evaluate.c and evaluate_sample.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_EVALUATE_PRIVATE_H
#define EG_EVALUATE_PRIVATE_H

#include "store/evaluate.h"
#include "store/registry.h"
#include "store/source.h"

/* What is to be read for spec; the hook is for the caller to add. */
extern EgSourceSpec eg_evaluate_source(const EgEvaluateSpec *spec, const EgVersionRow *v,
									   const EgCompiled *model);

/* What is known of the result before a row is read. */
extern EgScored *eg_evaluate_create(const EgVersionRow *v, EgCompiled *model);

/* Parts are trained together and see the same features; whoever keeps rows relies on it. */
extern void eg_evaluate_check_parts(const EgCompiled *model);

/* Read the source; fills the numbers of rows in s. */
extern EgSourceData *eg_evaluate_read(const EgEvaluateSpec *spec, const EgSourceSpec *source,
									  EgScored *s, EgRun *run);

/*
 * Turn the truth of s, which is d's, into codes of the model's classes, leave out
 * rows of others, put groups together.
 */
extern void eg_evaluate_truth(EgScored *s, EgSourceData *d, const EgSourceSpec *source);

#endif							/* EG_EVALUATE_PRIVATE_H */
