/*-------------------------------------------------------------------------
 *
 * doc_json.c
 *	  JSON (RFC 8259) to a document tree.
 *
 * The server's own parser is not used: it keeps numbers as numeric, which
 * makes a model of a million nodes slow and large, and refuses NaN, which
 * XGBoost writes.  Arrays of numbers, nearly all of a model, become packed
 * doubles here; single precision numbers survive the trip unchanged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/doc.h"
#include "base/doc_read.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define NUMBER_CHARS	64		/* longest number in JSON text that makes sense */

static void
expect(EgReader *r, char c)
{
	eg_doc_skip_space(r);
	if (eg_doc_peek(r) != (uint8) c)
		eg_corrupted(r, "byte %zu is not \"%c\" as JSON wants it", r->pos, c);
	r->pos++;
}

static bool
accept_word(EgReader *r, const char *word)
{
	Size		len = strlen(word);

	if (r->len - r->pos < len || memcmp(r->data + r->pos, word, len) != 0)
		return false;
	r->pos += len;
	return true;
}

static uint32
json_hex4(EgReader *r)
{
	const uint8 *p = eg_get_bytes(r, 4);
	uint32		v = 0;

	for (int i = 0; i < 4; i++)
	{
		uint8		c = p[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + ((c | 0x20) - 'a' + 10);
		else
			eg_corrupted(r, "byte %zu is no hexadecimal digit", r->pos - 4 + i);
	}
	return v;
}

static void
json_escape(EgReader *r, StringInfo buf)
{
	uint8		c = eg_get_u8(r);
	unsigned char utf8[5] = {0};
	uint32		u;

	switch (c)
	{
		case '"':
		case '\\':
		case '/':
			appendStringInfoChar(buf, (char) c);
			return;
		case 'b':
			appendStringInfoChar(buf, '\b');
			return;
		case 'f':
			appendStringInfoChar(buf, '\f');
			return;
		case 'n':
			appendStringInfoChar(buf, '\n');
			return;
		case 'r':
			appendStringInfoChar(buf, '\r');
			return;
		case 't':
			appendStringInfoChar(buf, '\t');
			return;
		case 'u':
			break;
		default:
			eg_corrupted(r, "byte %zu is an unknown escape in a text", r->pos - 1);
	}

	u = json_hex4(r);
	if (u >= 0xd800 && u < 0xdc00)
	{
		uint32		low;

		if (!accept_word(r, "\\u"))
			eg_corrupted(r, "half a surrogate pair before byte %zu", r->pos);
		low = json_hex4(r);
		if (low < 0xdc00 || low > 0xdfff)
			eg_corrupted(r, "half a surrogate pair before byte %zu", r->pos);
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	}
	else if (u == 0 || (u >= 0xdc00 && u <= 0xdfff))
		eg_corrupted(r, "\\u%04x before byte %zu is no character", u, r->pos);
	unicode_to_utf8(u, utf8);
	appendStringInfoString(buf, (char *) utf8);
}

static char *
json_string(EgReader *r, int *len)
{
	Size		from;
	StringInfoData buf;
	char	   *s;

	expect(r, '"');
	from = r->pos;
	while (eg_doc_peek(r) != '"' && eg_doc_peek(r) != '\\')
		r->pos++;
	if (eg_doc_peek(r) == '"')
	{
		s = eg_doc_text_copy(r, (const char *) r->data + from, r->pos - from, len);
		r->pos++;
		return s;
	}

	initStringInfo(&buf);
	if (r->pos - from >= MaxAllocSize / 4)
		eg_corrupted(r, "a text of %zu bytes is too long", r->pos - from);
	appendBinaryStringInfo(&buf, (const char *) r->data + from, (int) (r->pos - from));
	for (;;)
	{
		uint8		c = eg_get_u8(r);

		if (c == '"')
			break;
		if (c == '\\')
			json_escape(r, &buf);
		else
			appendStringInfoChar(&buf, (char) c);
	}
	return eg_doc_text_copy(r, buf.data, buf.len, len);
}

/* A number, or false with nothing consumed.  *integral: written without point and exponent. */
static bool
json_number(EgReader *r, double *value, bool *integral)
{
	char		text[NUMBER_CHARS + 1];
	int			n = 0;
	char	   *end;
	uint8		c = eg_doc_peek(r);

	*integral = true;
	if (c == 'N' && accept_word(r, "NaN"))
	{
		*value = NAN;
		*integral = false;
		return true;
	}
	if ((c == 'I' && accept_word(r, "Infinity")) || (c == '-' && accept_word(r, "-Infinity")))
	{
		*value = c == 'I' ? INFINITY : -INFINITY;
		*integral = false;
		return true;
	}
	if (c != '-' && (c < '0' || c > '9'))
		return false;

	while (r->pos + n < r->len)
	{
		c = r->data[r->pos + n];
		if (c == '.' || c == 'e' || c == 'E')
			*integral = false;
		else if (!(c == '-' || c == '+' || (c >= '0' && c <= '9')))
			break;
		if (n == NUMBER_CHARS)
			eg_corrupted(r, "the number at byte %zu is longer than %d characters",
						 r->pos, NUMBER_CHARS);
		text[n++] = (char) c;
	}
	text[n] = '\0';
	*value = strtod(text, &end);
	if (*end != '\0' || end == text)
		eg_corrupted(r, "\"%s\" at byte %zu is no number", text, r->pos);
	r->pos += n;
	return true;
}

static void
json_array(EgReader *r, EgDoc *doc)
{
	double	   *numbers = NULL;
	EgDoc	   *items = NULL;
	int64		n = 0;
	int64		cap = 0;

	expect(r, '[');
	eg_doc_skip_space(r);
	if (eg_doc_peek(r) == ']')
		r->pos++;
	else
	{
		bool		packed = true;

		for (;;)
		{
			double		v;
			bool		integral;

			eg_doc_skip_space(r);
			if (packed && json_number(r, &v, &integral))
			{
				numbers = (double *) eg_doc_grow(numbers, n, &cap, sizeof(double));
				numbers[n++] = v;
			}
			else
			{
				if (packed)
				{
					/* something else than a number: no packed array after all */
					packed = false;
					cap = n;
					if (n > 0)
						items = (EgDoc *) MemoryContextAllocHuge(CurrentMemoryContext,
																 n * sizeof(EgDoc));
					for (int64 i = 0; i < n; i++)
					{
						items[i].kind = EG_DOC_REAL;
						items[i].u.real = numbers[i];
					}
				}
				items = (EgDoc *) eg_doc_grow(items, n, &cap, sizeof(EgDoc));
				eg_doc_parse_json(r, &items[n++]);
			}
			eg_doc_skip_space(r);
			if (eg_doc_peek(r) == ']')
			{
				r->pos++;
				break;
			}
			expect(r, ',');
		}
	}

	if (items != NULL)
	{
		doc->kind = EG_DOC_ARRAY;
		doc->u.array.n = (int) n;
		doc->u.array.items = items;
	}
	else
	{
		doc->kind = EG_DOC_TYPED;
		doc->u.typed.n = n;
		doc->u.typed.type = 'D';
		doc->u.typed.values = numbers;
		doc->u.typed.offset = 0;
	}
}

static void
json_object(EgReader *r, EgDoc *doc)
{
	int64		n = 0;
	int64		cap = 0;
	int64		keycap = 0;

	doc->kind = EG_DOC_OBJECT;
	doc->u.object.keys = NULL;
	doc->u.object.values = NULL;
	expect(r, '{');
	eg_doc_skip_space(r);
	if (eg_doc_peek(r) == '}')
		r->pos++;
	else
	{
		for (;;)
		{
			int			len;

			doc->u.object.keys =
				(char **) eg_doc_grow(doc->u.object.keys, n, &keycap, sizeof(char *));
			doc->u.object.values =
				(EgDoc *) eg_doc_grow(doc->u.object.values, n, &cap, sizeof(EgDoc));
			doc->u.object.keys[n] = json_string(r, &len);
			expect(r, ':');
			eg_doc_parse_json(r, &doc->u.object.values[n++]);
			eg_doc_skip_space(r);
			if (eg_doc_peek(r) == '}')
			{
				r->pos++;
				break;
			}
			expect(r, ',');
		}
	}
	doc->u.object.n = (int) n;
}

void
eg_doc_parse_json(EgReader *r, EgDoc *doc)
{
	double		v;
	bool		integral;
	uint8		c;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	eg_doc_skip_space(r);
	c = eg_doc_peek(r);
	if (c == '{')
		json_object(r, doc);
	else if (c == '[')
		json_array(r, doc);
	else if (c == '"')
	{
		doc->kind = EG_DOC_STRING;
		doc->u.string.s = json_string(r, &doc->u.string.len);
	}
	else if (accept_word(r, "true") || accept_word(r, "false"))
	{
		doc->kind = EG_DOC_BOOL;
		doc->u.boolean = (c == 't');
	}
	else if (accept_word(r, "null"))
		doc->kind = EG_DOC_NULL;
	else if (json_number(r, &v, &integral))
	{
		if (integral && fabs(v) <= 9007199254740992.0)	/* 2^53 */
		{
			doc->kind = EG_DOC_INT;
			doc->u.integer = (int64) v;
		}
		else
		{
			doc->kind = EG_DOC_REAL;
			doc->u.real = v;
		}
	}
	else
		eg_corrupted(r, "byte %zu begins no JSON value", r->pos);
}
