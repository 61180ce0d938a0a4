/*-------------------------------------------------------------------------
 *
 * forest_facts.h
 *	  What there is to tell about a forest as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_FACTS_H
#define EG_FOREST_FACTS_H

#include "algo/forest.h"

/* Levels below the root of the deepest tree. */
extern int	eg_forest_depth(const EgForest *f);

/*
 * Total gain of the splits on each feature, weighed as the trees are: of all
 * trees, or of those of the first output alone, where outputs share their splits.
 */
extern void eg_forest_gain(const EgForest *f, bool first_output, double *out);

#endif							/* EG_FOREST_FACTS_H */
