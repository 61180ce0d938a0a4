/*-------------------------------------------------------------------------
 *
 * params.h
 *	  Declared hyper-parameters: one table gives parsing, errors, defaults,
 *	  engage_parameters(), the reference page and search spaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PARAMS_H
#define EG_PARAMS_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef enum EgParamType
{
	EG_PARAM_INT,				/* int field */
	EG_PARAM_REAL,				/* double field */
	EG_PARAM_BOOL,				/* bool field */
	EG_PARAM_WORD,				/* const char * field: one of words, NULL-terminated list */
	EG_PARAM_TEXT,				/* const char * field: free text, NULL by default */
	EG_PARAM_REALS, /* EgReals field: array of numbers within the range, or one number */
	EG_PARAM_JSON   /* Jsonb * field: any value, checked by the algorithm; NULL by default */
} EgParamType;

typedef struct EgReals
{
	int			n;
	double	   *values;
} EgReals;

typedef struct EgParam
{
	const char *name;			/* the field's own name; NULL ends the table */
	EgParamType type;
	Size		offset;			/* of the field in the parameter struct */
	double		number;			/* default of INT, REAL, BOOL */
	const char *text;			/* default of WORD, TEXT; of REALS as '[0.1, 0.5]'; or NULL */
	double		min,
				max;			/* inclusive range of INT, REAL, REALS */
	bool		min_open,
				max_open;		/* the bound itself is excluded */
	const char *const *words;	/* WORD; INT, REAL: one that may stand for the default ("auto") */
	const char *alias;			/* another accepted name ("eta"), or NULL */
	bool		tunable;		/* part of the default search space */
	bool		log_scale;		/* search on a log scale */
	double		search_min,
				search_max;		/* default search space */
	const char *help;			/* one sentence, no period */
} EgParam;

#define EG_PARAM_END {NULL}

/*
 * Fill the struct (psize bytes, palloc'd) with defaults, then with the members
 * of json (an object, or NULL).  `owner` names the algorithm in messages.
 * Errors INVALID_PARAMETER_VALUE: unknown name (hint lists the known, and
 * the nearest), wrong type, out of range (names both bounds), unknown word.
 */
extern void *eg_params_parse(const EgParam *table, Size psize, const Jsonb *json,
							 const char *owner);

/* Like above, and tells which names json gave: a bool for each table row (palloc'd). */
extern void *eg_params_parse_given(const EgParam *table, Size psize, const Jsonb *json,
								   const char *owner, bool **given);

/* The resolved values as a JSON object, names in table order, NULLs left out. */
extern void eg_params_to_json(const EgParam *table, const void *params, StringInfo out);

/* Texts for engage_parameters(): type word, default as JSON text, range as "[0, 1)". */
extern const char *eg_param_type_name(const EgParam *p);
extern char *eg_param_default_text(const EgParam *p);
extern char *eg_param_range_text(const EgParam *p);

#endif							/* EG_PARAMS_H */
