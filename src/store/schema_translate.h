/*-------------------------------------------------------------------------
 *
 * schema_translate.h
 *	  From the features of one model to those of another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SCHEMA_TRANSLATE_H
#define EG_SCHEMA_TRANSLATE_H

#include "algo/frozen.h"
#include "store/schema.h"

/* The column of this name, NULL when there is none. */
extern const EgColumn *eg_schema_column(const EgSchema *schema, const char *name);

/*
 * From the features of schema to those of own, each of whose columns schema has, of the
 * same kind and width; NULL when nothing changes.
 */
extern EgTranslation *eg_schema_translation(const EgSchema *own, const EgSchema *schema);

#endif							/* EG_SCHEMA_TRANSLATE_H */
