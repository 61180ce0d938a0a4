/*-------------------------------------------------------------------------
 *
 * tpe.h
 *	  Search for good parameters: a space of numbers and choices, and three
 *	  ways to walk it (tree of Parzen estimators, random, grid).
 *
 * A space has branches (one for each algorithm that is tried), and a
 * dimension belongs to one branch: it is there only when its branch is
 * chosen.  Nothing here knows what a dimension means.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TPE_H
#define EG_TPE_H

typedef enum EgDimKind
{
	EG_DIM_REAL,
	EG_DIM_INT,
	EG_DIM_CHOICE				/* 0 .. nchoices-1, without an order */
} EgDimKind;

typedef struct EgDim
{
	EgDimKind	kind;
	int			branch;
	double		low,
				high;			/* inclusive; REAL and INT */
	bool		log;			/* search on a log scale; low must be above 0 */
	int			nchoices;
	int			ngrid;			/* points of a grid; a CHOICE has all of its own */
} EgDim;

typedef struct EgSpace
{
	int			nbranches;
	int			ndims;
	const EgDim *dims;			/* those of a branch need not be adjacent */
} EgSpace;

typedef struct EgPoint
{
	int			branch;
	double	   *x;				/* (ndims) value or number of the choice; NaN: not in this branch */
	double		loss;			/* smaller is better; NaN when the trial failed */
	bool		complete;		/* false: given up early, the loss is of a part only */
} EgPoint;

/*
 * The next point to try, written to *out, whose x has room for ndims numbers.
 * It follows from the arguments alone: the same history and key give the same
 * point.
 */
extern void eg_tpe_suggest(const EgSpace *s, const EgPoint *history, int n, uint64 key,
						   EgPoint *out);
extern void eg_space_random(const EgSpace *s, uint64 key, EgPoint *out);

/* Points of the full grid, which may be more than any integer; the i-th of them. */
extern double eg_space_grid_size(const EgSpace *s);
extern void eg_space_grid(const EgSpace *s, uint64 i, EgPoint *out);

extern bool eg_points_equal(const EgSpace *s, const EgPoint *a, const EgPoint *b);

#endif							/* EG_TPE_H */
