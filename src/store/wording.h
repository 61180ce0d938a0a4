/*-------------------------------------------------------------------------
 *
 * wording.h
 *	  The words of explanations: templates with their defaults, what a model's
 *	  owner put in their place, names of columns out of their comments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_WORDING_H
#define EG_WORDING_H

#include "store/models.h"
#include "store/schema.h"

/* Members of the JSON object of engage_set_wording(), in the order of wording.c. */
typedef enum EgWord
{
	EG_WORD_SENTENCE,			/* value and typical value differ */
	EG_WORD_SAME,				/* they do not, or there is no typical one */
	EG_WORD_MISSING,			/* the row has no value */
	EG_WORD_TARGET,				/* what the effect is on; NULL: by task and target */
	EG_WORD_NONE,				/* instead of sentences, when nothing has an effect */
	EG_WORD_RAISES,
	EG_WORD_LOWERS,
	EG_WORD_LITTLE,				/* an effect that rounds to nothing */
	EG_WORD_UNKNOWN,
	EG_WORD_YES,
	EG_WORD_NO,
	EG_WORD_DAY,				/* of intervals */
	EG_WORD_DAYS,
	EG_WORD_HOUR,
	EG_WORD_HOURS,
	EG_WORD_MINUTE,
	EG_WORD_MINUTES,
	EG_WORD_SECOND,
	EG_WORD_SECONDS
} EgWord;

#define EG_NWORDS			(EG_WORD_SECONDS + 1)

/* What a template is filled with. */
typedef enum EgBlank
{
	EG_BLANK_NAME,
	EG_BLANK_VALUE,
	EG_BLANK_TYPICAL,
	EG_BLANK_EFFECT,
	EG_BLANK_DIRECTION,
	EG_BLANK_TARGET,
	EG_BLANK_UNIT,
	EG_BLANK_POINTS,
	EG_BLANK_CLASS
} EgBlank;

#define EG_NBLANKS			(EG_BLANK_CLASS + 1)

typedef struct EgColumnWords
{
	char	   *name;
	char	   *unit;			/* "" without one */
	char	   *sentence;		/* of this column, or NULL */
} EgColumnWords;

typedef struct EgWording
{
	const char *word[EG_NWORDS];
	EgColumnWords *columns;		/* (ncolumns) */
	EgColumnWords target;
} EgWording;

/*
 * The words for a version, in CurrentMemoryContext: the owner's, else the
 * comments of the relation that it was trained on, else those of row_relation
 * (InvalidOid: none), else the defaults.
 */
extern EgWording *eg_wording(int64 version_id, const EgSchema *schema, Oid row_relation);

/* The template with its blanks filled in; a blank that is NULL stays empty. */
extern char *eg_wording_fill(const char *template, const char *const blanks[EG_NBLANKS]);

/*
 * Put the owner's words in place of the defaults, NULL takes them away.  Errors
 * name an unknown member, placeholder or column (schema NULL: not checked) and
 * list the known.
 */
extern void eg_wording_set(const EgModelRow *m, const EgSchema *schema, Jsonb *words);

/* The owner's words of a version's model, or NULL; and all words, the defaults included. */
extern Jsonb *eg_wording_stored(int64 version_id);
extern Jsonb *eg_wording_json(Jsonb *stored);

#endif							/* EG_WORDING_H */
