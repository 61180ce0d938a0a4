/*-------------------------------------------------------------------------
 *
 * schema_translate.c
 *	  From the features of one model to those of another that has the same
 *	  columns: other places, other codes, another first day.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/schema_translate.h"

const EgColumn *
eg_schema_column(const EgSchema *s, const char *name)
{
	int			i;

	for (i = 0; i < s->ncolumns; i++)
	{
		if (strcmp(s->columns[i].name, name) == 0)
			return &s->columns[i];
	}
	return NULL;
}

/* What the words of c are to own; false when they are the same. */
static bool
translate_words(EgTranslation *t, int to, const EgColumn *own, const EgColumn *c)
{
	bool		same = own->ncategories == c->ncategories;
	int32	   *code;
	int			i;

	if (c->ncategories == 0)
		return false;
	code = palloc(sizeof(int32) * c->ncategories);
	for (i = 0; i < c->ncategories; i++)
	{
		code[i] = eg_column_code(own, c->categories[i], strlen(c->categories[i]));
		same &= code[i] == i;
	}
	if (same)
		return false;
	t->ncodes[to] = c->ncategories;
	t->code[to] = code;
	return true;
}

EgTranslation *
eg_schema_translation(const EgSchema *own, const EgSchema *schema)
{
	EgTranslation *t = eg_translation_create(schema->nfeatures, own->nfeatures);
	bool		changes = own->nfeatures != schema->nfeatures;
	int			i,
				e;

	for (i = 0; i < own->ncolumns; i++)
	{
		const EgColumn *to = &own->columns[i];
		const EgColumn *from = eg_schema_column(schema, to->name);

		for (e = 0; e < to->width; e++)
			t->from[to->first + e] = from->first + e;
		changes |= to->first != from->first;
		if (to->kind == EG_COL_DATE)
		{
			t->shift[to->first] = from->origin - to->origin;
			changes |= t->shift[to->first] != 0;
		}
		if (to->kind == EG_COL_CATEGORY)
			changes |= translate_words(t, to->first, to, from);
	}
	return changes ? t : NULL;
}
