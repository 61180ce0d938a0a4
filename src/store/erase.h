/*-------------------------------------------------------------------------
 *
 * erase.h
 *	  One person's rows out of the prediction log, and where else the person is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ERASE_H
#define EG_ERASE_H

#include "store/models.h"
#include "store/remembered.h"

typedef struct EgErased
{
	char	   *model;
	char	   *version;
	bool		deployed;
	bool		dropped;		/* the version: only its rows in the log are left */
	int64		logged;			/* rows removed from the log */
	EgTrainedOn trained;
} EgErased;

/*
 * Remove the key's rows of a model from the log, NULL: of all that the current
 * user may manage.  The result (of EgErased *) has all their versions, in the
 * order of models and versions.
 */
extern List *eg_erase(const char *key, const EgModelRow *model);

#endif							/* EG_ERASE_H */
