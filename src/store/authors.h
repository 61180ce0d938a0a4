/*-------------------------------------------------------------------------
 *
 * authors.h
 *	  Whose rights the source of a version is read with.
 *
 * The owner of a model manages it.  The author of a version has written its source:
 * the role that trained it, or that has taken it over since.  To give a model away
 * gives away no right to read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_AUTHORS_H
#define EG_AUTHORS_H

#include "store/gate.h"
#include "store/models.h"

/* The source of a version's recipe as a stored text; NULL: it has none, as it was imported. */
extern EgText *eg_recipe_text(const EgVersionRow *v);

/*
 * The current user becomes author of a version, after the names in its source were
 * looked up for that role, and found to be the same relations, which the role may read.
 */
extern void eg_models_set_author(const EgModelRow *m, const EgVersionRow *v);

/* Notice after a change of owner: the new one may not have the source of a version run. */
extern void eg_authors_tell(const EgModelRow *m, const char *owner);

#endif							/* EG_AUTHORS_H */
