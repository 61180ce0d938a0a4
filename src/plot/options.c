/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Options of pictures: size, theme, words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "plot/plot.h"

#define DEFAULT_WIDTH	600
#define MIN_SIZE		160
#define MAX_SIZE		4000
#define MAX_LIMIT		100

static const char *const known[] = {
	"width", "height", "theme", "title", "description", "x_label", "y_label", "format", "limit",
	"background", "id", NULL
};

static void pg_attribute_noreturn()
wrong(const char *name, const char *wanted, const JsonbValue *v)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" of a picture must be %s, not %s", name, wanted,
					eg_json_value_text(v))));
}

static int
whole_number(const char *name, const JsonbValue *v, int least, int most)
{
	double		x = v->type == jbvNumeric ? eg_json_value_number(v) : NAN;

	if (!(x >= least && x <= most) || x != floor(x))
		wrong(name, psprintf("a whole number from %d to %d", least, most), v);
	return (int) x;
}

static char *
text_value(const char *name, const JsonbValue *v)
{
	if (v->type != jbvString)
		wrong(name, "a text", v);
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* It stands in selectors and references, so it is a plain word. */
static char *
id_value(const char *name, const JsonbValue *v)
{
	char	   *id = text_value(name, v);
	const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *others = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (*id == '\0' || strchr(letters, *id) == NULL || strspn(id, others) != strlen(id) ||
		strlen(id) > 63)
		wrong(name, "a letter and at most 62 letters, digits, \"_\" or \"-\"", v);
	return id;
}

static void
set_option(EgPlotOptions *o, const char *name, const JsonbValue *v)
{
	if (strcmp(name, "width") == 0)
		o->width = whole_number(name, v, 2 * MIN_SIZE, MAX_SIZE);
	else if (strcmp(name, "height") == 0)
		o->height = whole_number(name, v, MIN_SIZE, MAX_SIZE);
	else if (strcmp(name, "limit") == 0)
		o->limit = whole_number(name, v, 1, MAX_LIMIT);
	else if (strcmp(name, "theme") == 0)
	{
		if (v->type != jbvString || !eg_theme_parse(text_value(name, v), &o->theme))
			wrong(name, "\"light\", \"dark\" or \"auto\"", v);
	}
	else if (strcmp(name, "format") == 0)
	{
		char	   *word = v->type == jbvString ? text_value(name, v) : "";

		if (strcmp(word, "number") != 0 && strcmp(word, "percent") != 0)
			wrong(name, "\"number\" or \"percent\"", v);
		o->has_format = true;
		o->format = strcmp(word, "percent") == 0 ? EG_FORMAT_PERCENT : EG_FORMAT_NUMBER;
	}
	else if (strcmp(name, "background") == 0)
	{
		if (v->type != jbvBool)
			wrong(name, "true or false", v);
		o->background = v->val.boolean;
	}
	else if (strcmp(name, "title") == 0)
		o->title = text_value(name, v);
	else if (strcmp(name, "description") == 0)
		o->description = text_value(name, v);
	else if (strcmp(name, "x_label") == 0)
		o->x_label = text_value(name, v);
	else if (strcmp(name, "y_label") == 0)
		o->y_label = text_value(name, v);
	else
		o->id = id_value(name, v);
}

static void
check_known(const char *name)
{
	for (int i = 0; known[i]; i++)
	{
		if (strcmp(known[i], name) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" of a picture is not known", name),
			 errhint("Known options: %s.", eg_name_list(known, sizeof(known[0])))));
}

EgPlotOptions
eg_plot_options(const Jsonb *options)
{
	EgPlotOptions o = {0};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key,
				v;
	char	   *name;

	o.width = DEFAULT_WIDTH;
	o.theme = EG_THEME_LIGHT;
	o.background = true;
	if (options == NULL)
		return o;
	if (!JB_ROOT_IS_OBJECT(options))
	{
		v.type = jbvBinary;
		v.val.binary.data = (JsonbContainer *) &options->root;
		if (JB_ROOT_IS_SCALAR(options))
			(void) JsonbExtractScalar((JsonbContainer *) &options->root, &v);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of a picture must be an object, not %s", eg_json_value_text(&v)),
				 errhint("Write for example '{\"width\": 800, \"theme\": \"dark\"}'.")));
	}
	it = JsonbIteratorInit((JsonbContainer *) &options->root);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &v, true);
		name = pnstrdup(key.val.string.val, key.val.string.len);
		check_known(name);
		/* null is the default */
		if (v.type != jbvNull)
			set_option(&o, name, &v);
	}
	return o;
}
