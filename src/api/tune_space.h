/*-------------------------------------------------------------------------
 *
 * tune_space.h
 *	  What engage_tune() may try: algorithms, fixed parameters, and the space
 *	  that is searched; points of it to parameters and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TUNE_SPACE_H
#define EG_TUNE_SPACE_H

#include "algo/algo.h"
#include "algo/tpe.h"
#include "nodes/pg_list.h"

typedef struct EgTuneDim
{
	const EgParam *param;
	char	  **choices;		/* (nchoices of the dimension) JSON texts, or NULL */
} EgTuneDim;

typedef struct EgTuneSpace
{
	int			nalgorithms;
	const EgAlgorithm **algorithms; /* the branches */
	char	  **fixed;			/* (nalgorithms) members of a JSON object: '"a": 1, "b": 2' or '' */
	EgSpace		space;
	EgDim	   *dims;			/* (space.ndims) */
	EgTuneDim  *of;				/* (space.ndims) */
} EgTuneSpace;

/*
 * algorithms: List of char *.  params and space: as given to engage_tune(),
 * or NULL; each member is a parameter, or an algorithm with an object of them.
 * Without space, it is what the algorithms declare.
 */
extern EgTuneSpace *eg_tune_space(List *algorithms, const Jsonb *params, const Jsonb *space);

/* The declared defaults, moved into the space. */
extern void eg_tune_defaults(const EgTuneSpace *t, int branch, EgPoint *out);

/* Round numbers to what is written down, so that the text and the point agree. */
extern void eg_tune_round(const EgTuneSpace *t, EgPoint *p);

/* Parameters of a point as a JSON object. */
extern char *eg_tune_params(const EgTuneSpace *t, const EgPoint *p);

/* The point of stored parameters; false when they are not of this space. */
extern bool eg_tune_point(const EgTuneSpace *t, const char *algorithm, const Jsonb *params,
						  EgPoint *out);

#endif							/* EG_TUNE_SPACE_H */
