/*-------------------------------------------------------------------------
 *
 * doc.h
 *	  A document tree read from JSON or UBJSON (https://ubjson.org): what
 *	  XGBoost's model files are written in.  Untrusted input.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DOC_H
#define EG_DOC_H

typedef enum EgDocKind
{
	EG_DOC_NULL,
	EG_DOC_BOOL,
	EG_DOC_INT,
	EG_DOC_REAL,
	EG_DOC_STRING,
	EG_DOC_ARRAY,				/* of any values */
	EG_DOC_TYPED, /* packed numbers of one type (UBJSON $ arrays, JSON number arrays) */
	EG_DOC_OBJECT
} EgDocKind;

typedef struct EgDoc
{
	EgDocKind	kind;
	union
	{
		bool		boolean;
		int64		integer;
		double		real;
		struct
		{
			char	   *s;		/* NUL-terminated copy */
			int			len;
		}			string;
		struct
		{
			int			n;
			struct EgDoc *items;
		}			array;
		struct
		{
			int64		n;
			char		type;	/* UBJSON marker: i U I l L d D; 'D' for JSON text */
			double	   *values; /* (n) decoded */
			Size		offset; /* byte offset of the first element in the input; 0 for JSON text */
		}			typed;
		struct
		{
			int			n;
			char	  **keys;
			struct EgDoc *values;
		}			object;
	}			u;
} EgDoc;

/*
 * Parse text (first byte '{' followed by white space or '"': JSON) or UBJSON.
 * Errors are ERRCODE_DATA_CORRUPTED and begin with `what`.  Depth is bounded
 * with check_stack_depth(), counts by the bytes left.
 */
extern EgDoc *eg_doc_parse(const void *data, Size len, const char *what);

/* Member of an object, NULL when absent or when doc is no object. */
extern EgDoc *eg_doc_get(const EgDoc *doc, const char *key);

/* Path of member names, NULL-terminated: eg_doc_path(doc, "learner", "objective", NULL). */
extern EgDoc *eg_doc_path(const EgDoc *doc,...);

/*
 * Number of an int, real, bool or numeric string ("5E-1" as XGBoost writes it); false
 * if it is none.
 */
extern bool eg_doc_number(const EgDoc *doc, double *value);

/*
 * Numbers of an array of either kind as palloc'd doubles;
 * n set; NULL when doc is no array of numbers.
 */
extern double *eg_doc_numbers(const EgDoc *doc, int64 *n);

#endif							/* EG_DOC_H */
