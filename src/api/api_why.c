/*-------------------------------------------------------------------------
 *
 * api_why.c
 *	  engage_why(): the strongest reasons for a row's score, as sentences.
 *
 * Contributions come from the explainer, typical values from the training
 * rows, names from column comments; this file makes sentences of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "api/change_space.h"
#include "api/explain.h"
#include "api/recipe.h"
#include "api/result.h"
#include "store/wording.h"

PG_FUNCTION_INFO_V1(engage_why_row);
PG_FUNCTION_INFO_V1(engage_why_jsonb);
PG_FUNCTION_INFO_V1(engage_why_reasons_row);
PG_FUNCTION_INFO_V1(engage_why_reasons_jsonb);
PG_FUNCTION_INFO_V1(engage_set_wording);
PG_FUNCTION_INFO_V1(engage_wording);

#define ARG_ROW				1
#define ARG_N				2
#define ARG_CLASS			3
#define ARG_DIRECTION		4

#define DEFAULT_REASONS		3
#define MAX_REASONS			100000

/* contributions below this share of the largest are rounding errors */
#define NOTHING				1e-9

#define SECS_A_DAY			86400

/* What a call site keeps besides its scorer. */
typedef struct Why
{
	EgExplainer *explainer;
	EgWording  *wording;		/* NULL: to be read */
	MemoryContext words;		/* holds it */
	EgArtifact *part;			/* of the row that it was read for */
	Oid			relation;		/* of the row's type */
	EgSnapshotId snapshot;
} Why;

typedef struct Reason
{
	int			feature;
	double		contribution;
	char	   *value;
	char	   *typical;		/* NULL: not known */
	char	   *sentence;
} Reason;

typedef struct Reasons
{
	int			n;
	Reason	   *of;
	char	   *none;			/* what to say when there are none */
} Reasons;

/* ----------
 * Call site
 * ----------
 */

static Why *
why_of(FunctionCallInfo fcinfo, EgScorer *s)
{
	void	  **extra = eg_call_site_extra(fcinfo);
	Why		   *why = *extra;

	if (why == NULL)
	{
		EgExplainOptions options = {EG_EXPLAIN_AUTO, false, 0};

		why = MemoryContextAllocZero(s->context, sizeof(Why));
		why->words = AllocSetContextCreate(s->context, "engage wording", ALLOCSET_SMALL_SIZES);
		why->explainer = eg_explainer_create(s, &options, s->context);
		*extra = why;
	}
	return why;
}

/* The words for the row that was scored last: read once a snapshot. */
static const EgWording *
wording_of(Why *why, const EgScorer *s, Oid relation)
{
	Snapshot	snapshot = GetActiveSnapshot();
	MemoryContext old;

	if (why->wording && why->part == s->used && why->relation == relation &&
		eg_snapshot_is(&why->snapshot, snapshot))
		return why->wording;
	why->wording = NULL;
	MemoryContextReset(why->words);
	old = MemoryContextSwitchTo(why->words);
	why->wording = eg_wording(s->model->version_id, s->used->schema, relation);
	MemoryContextSwitchTo(old);
	why->part = s->used;
	why->relation = relation;
	eg_snapshot_remember(&why->snapshot, snapshot);
	return why->wording;
}

/* ----------
 * Values in words
 * ----------
 */

/* At most so many digits behind the point, without needless zeros. */
static char *
decimals(double v, int digits)
{
	char	   *text = psprintf("%.*f", digits, v);
	int			len = strlen(text);

	if (strchr(text, '.') == NULL)
		return text;
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[--len] = '\0';
	return strcmp(text, "-0") == 0 ? pstrdup("0") : text;
}

/* A number to be read: cents where there are some, three digits of what is small. */
static char *
readable_number(double v)
{
	if (fabs(v) >= 1e15)
		return psprintf("%.3g", v);
	if (fabs(v) >= 1 || v == 0)
		return decimals(v, 2);
	return fabs(v) >= 1e-4 ? decimals(v, 2 - (int) floor(log10(fabs(v)))) : psprintf("%.3g", v);
}

/* 93784 seconds: "1 day 2 hours"; the two largest parts will do. */
static char *
duration(const EgWording *w, double seconds)
{
	static const int size[] = {SECS_A_DAY, 3600, 60, 1};
	double		rest = fabs(seconds);
	StringInfoData out;
	int			i;
	int			parts = 0;

	initStringInfo(&out);
	if (seconds < 0)
		appendStringInfoChar(&out, '-');
	for (i = 0; i < 3 && rest < size[i]; i++)
		;
	for (; i < 4 && parts < 2; i++, parts++)
	{
		double		n = floor(rest / size[i]);

		/* the last part is rounded */
		if (parts == 1 || i == 3)
			n = rint(rest / size[i]);
		rest -= n * size[i];
		if (n > 0 || (i == 3 && parts == 0))
			appendStringInfo(&out, "%s%.0f %s", parts > 0 ? " " : "", n,
							 w->word[EG_WORD_DAY + 2 * i + (n != 1)]);
	}
	return out.data;
}

/* Was the feature only ever 0 or 1? */
static bool
is_flag(const EgScorer *s, int j, const EgColumn *c)
{
	const EgBaseline *b = s->used->baseline;

	if (c->kind != EG_COL_NUMBER)
		return false;
	if (strcmp(c->type, "boolean") == 0)
		return true;
	return b && b->features[j].nbins > 0 && b->features[j].integral &&
		b->features[j].quantile[0] == 0 && b->features[j].quantile[EG_BASELINE_BINS] == 1;
}

static char *
value_text(const EgScorer *s, const EgWording *w, int j, double v)
{
	const EgSchema *schema = s->used->schema;
	const EgColumn *c = eg_feature_column(schema, j, NULL);
	const char *unit = w->columns[c - schema->columns].unit;
	char	   *text;

	if (!isfinite(v))
		return pstrdup(w->word[EG_WORD_UNKNOWN]);
	if (is_flag(s, j, c) && (v == 0 || v == 1))
		return pstrdup(w->word[v == 1 ? EG_WORD_YES : EG_WORD_NO]);
	if (c->kind == EG_COL_INTERVAL && strncmp(c->type, "time", 4) != 0)
		return duration(w, v);
	text = c->kind == EG_COL_NUMBER || c->kind == EG_COL_ARRAY ? readable_number(v) :
		eg_feature_words(schema, j, v);
	if (c->kind == EG_COL_CATEGORY)
		return psprintf("\"%s\"", text);
	if (*unit == '\0')
		return text;
	return psprintf(*unit == '%' ? "%s%s" : "%s %s", text, unit);
}

static char *
feature_name(const EgSchema *schema, const EgWording *w, int j)
{
	int			element;
	const EgColumn *c = eg_feature_column(schema, j, &element);
	const char *name = w->columns[c - schema->columns].name;

	return element < 0 ? pstrdup(name) : psprintf("%s [%d]", name, element + 1);
}

/* ----------
 * Sentences
 * ----------
 */

static bool
is_any_of(const char *word, const char *const *list)
{
	for (; *list; list++)
	{
		if (pg_strcasecmp(word, *list) == 0)
			return true;
	}
	return false;
}

/* What the effects are on: "churn risk", "probability of gold", "the expected visits". */
static char *
target_words(const EgScorer *s, const EgWording *w, int class)
{
	static const char *const yes[] = {"t", "true", "y", "yes", "1", NULL};
	static const char *const bad[] = {"churn", "churned", "cancel", "cancelled", "canceled",
		"cancellation", "default", "fraud", "attrition", "lapse", "lapsed", "complaint", "loss",
		"unsubscribe", "unsubscribed", NULL};
	const char *name = w->target.name ? w->target.name : "";
	const char *label = class >= 0 ? eg_class_label(s, class) : NULL;
	const char *blanks[EG_NBLANKS] = {NULL};

	if (w->word[EG_WORD_TARGET])
	{
		blanks[EG_BLANK_NAME] = name;
		blanks[EG_BLANK_CLASS] = label;
		return eg_wording_fill(w->word[EG_WORD_TARGET], blanks);
	}
	if (*name == '\0')
		return s->model->task == EG_CLUSTERING ? psprintf("the membership in segment %s", label) :
			s->model->task == EG_ANOMALY ? pstrdup("the anomaly score") :
			s->model->task == EG_MULTICLASS ? psprintf("the probability of \"%s\"", label) :
			pstrdup("the score");
	switch (s->model->task)
	{
		case EG_BINARY:
			if (class == 1 && is_any_of(label, yes))
				return psprintf(is_any_of(name, bad) ? "%s risk" : "the probability of %s", name);
			return psprintf("the probability of %s \"%s\"", name, label);
		case EG_MULTICLASS:
			return psprintf("the probability of %s \"%s\"", name, label);
		case EG_COUNT:
			return psprintf("the expected %s", name);
		case EG_RANKING:
			return psprintf("the relevance");
		case EG_SURVIVAL:
			return psprintf("the prediction of %s", name);
		case EG_CLUSTERING:
			return psprintf("the membership in segment %s", label);
		case EG_ANOMALY:
			return pstrdup("the anomaly score");
		case EG_REGRESSION:
		case EG_QUANTILE:
			break;
	}
	return psprintf("the predicted %s", name);
}

static char *
effect_text(const EgScorer *s, const EgWording *w, double effect)
{
	bool		probability = eg_task_has_classes(s->model->task);
	char	   *text;

	effect = fabs(effect);
	if (probability)
		return effect < 0.005 ? pstrdup(w->word[EG_WORD_LITTLE]) : psprintf("%.2f", effect);
	text = effect >= 100 ? decimals(effect, 0) : readable_number(effect);
	return *w->target.unit ? psprintf("%s %s", text, w->target.unit) : text;
}

static void
make_sentence(const EgScorer *s, const EgWording *w, const char *target, const char *label,
			  float v, Reason *r)
{
	const EgSchema *schema = s->used->schema;
	const EgColumn *c = eg_feature_column(schema, r->feature, NULL);
	const EgColumnWords *own = &w->columns[c - schema->columns];
	const char *blanks[EG_NBLANKS];
	EgWord		word = EG_WORD_SENTENCE;

	if (r->typical == NULL || strcmp(r->typical, r->value) == 0)
		word = EG_WORD_SAME;
	else if (isnan(v))
		word = EG_WORD_MISSING;
	blanks[EG_BLANK_NAME] = feature_name(schema, w, r->feature);
	blanks[EG_BLANK_VALUE] = r->value;
	blanks[EG_BLANK_TYPICAL] = r->typical ? r->typical : w->word[EG_WORD_UNKNOWN];
	blanks[EG_BLANK_EFFECT] = effect_text(s, w, r->contribution);
	blanks[EG_BLANK_DIRECTION] =
		w->word[r->contribution >= 0 ? EG_WORD_RAISES : EG_WORD_LOWERS];
	blanks[EG_BLANK_TARGET] = target;
	blanks[EG_BLANK_UNIT] = own->unit;
	blanks[EG_BLANK_POINTS] = decimals(fabs(r->contribution) * 100, 0);
	blanks[EG_BLANK_CLASS] = label;
	r->sentence = eg_wording_fill(own->sentence ? own->sentence : w->word[word], blanks);
}

/* 1: only what raises the score, -1: only what lowers it, 0: both */
static int
read_direction(FunctionCallInfo fcinfo)
{
	char	   *word = eg_arg_text(fcinfo, ARG_DIRECTION);

	if (word == NULL || strcmp(word, "both") == 0)
		return 0;
	if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)
		return *word == 'u' ? 1 : -1;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"direction\" is \"%s\"", word),
			 errhint("It is 'up', 'down' or 'both'.")));
	return 0;					/* keep compiler quiet */
}

static Reasons
find_reasons(FunctionCallInfo fcinfo, EgScorer *s, Oid relation)
{
	int			n = eg_arg_int(fcinfo, ARG_N, "n", DEFAULT_REASONS, 1, MAX_REASONS);
	int			direction = read_direction(fcinfo);
	EgAbout		about = {eg_arg_text(fcinfo, ARG_CLASS), false, 0};
	Why		   *why = why_of(fcinfo, s);
	const EgWording *w = wording_of(why, s, relation);
	const EgBaseline *b = s->used->baseline;
	EgTold		told = eg_explain_told(why->explainer, s, &about, false);
	const EgExplanation *e = told.what;
	const char *label = told.class >= 0 ? eg_class_label(s, told.class) : NULL;
	char	   *target = target_words(s, w, told.class);
	const char *blanks[EG_NBLANKS] = {NULL};
	int		   *order = eg_explain_order(e);
	Reasons		r = {0};
	double		least;
	int			i;

	r.of = palloc0(sizeof(Reason) * Max(Min(n, e->nfeatures), 1));
	least = e->nfeatures > 0 ? NOTHING * fabs(e->contribution[order[0]]) : 0;
	for (i = 0; i < e->nfeatures && r.n < n; i++)
	{
		int			j = order[i];
		double		contribution = told.sign * e->contribution[j];
		Reason	   *reason = &r.of[r.n];

		if (!(fabs(contribution) > least) || contribution * direction < 0)
			continue;
		reason->feature = j;
		reason->contribution = contribution;
		reason->value = value_text(s, w, j, e->x[j]);
		if (b && isfinite(b->features[j].typical))
			reason->typical = value_text(s, w, j, b->features[j].typical);
		make_sentence(s, w, target, label, e->x[j], reason);
		r.n++;
	}
	blanks[EG_BLANK_TARGET] = target;
	blanks[EG_BLANK_CLASS] = label;
	r.none = eg_wording_fill(w->word[EG_WORD_NONE], blanks);
	return r;
}

/* Score the row of a call; the relation whose comments describe it, if there is one. */
static EgScorer *
score_row(FunctionCallInfo fcinfo, bool json, Oid *relation)
{
	EgScorer   *s = eg_call_site_scorer(fcinfo);

	*relation = InvalidOid;
	if (json)
		(void) eg_scorer_jsonb(s, PG_GETARG_JSONB_P(ARG_ROW));
	else
	{
		HeapTupleHeader tuple = PG_GETARG_HEAPTUPLEHEADER(ARG_ROW);

		(void) eg_scorer_tuple(s, tuple);
		*relation = get_typ_typrelid(HeapTupleHeaderGetTypeId(tuple));
	}
	return s;
}

static Datum
why(FunctionCallInfo fcinfo, bool json)
{
	StringInfoData out;
	EgScorer   *s;
	Reasons		r;
	Oid			relation;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(ARG_ROW))
		PG_RETURN_NULL();
	s = score_row(fcinfo, json, &relation);
	r = find_reasons(fcinfo, s, relation);
	initStringInfo(&out);
	for (i = 0; i < r.n; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? "\n" : "", r.of[i].sentence);
	if (r.n == 0)
		appendStringInfoString(&out, r.none);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* rank, feature, value, typical, contribution, sentence */
static Datum
why_reasons(FunctionCallInfo fcinfo, bool json)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	EgScorer   *s;
	Reasons		r;
	Oid			relation;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(ARG_ROW))
		return (Datum) 0;
	s = score_row(fcinfo, json, &relation);
	r = find_reasons(fcinfo, s, relation);
	for (i = 0; i < r.n; i++)
	{
		const Reason *reason = &r.of[i];
		Datum		values[6];
		bool		nulls[6] = {0};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(s->used->schema->names[reason->feature]);
		values[2] = CStringGetTextDatum(reason->value);
		nulls[3] = reason->typical == NULL;
		values[3] = reason->typical ? CStringGetTextDatum(reason->typical) : (Datum) 0;
		values[4] = Float8GetDatum(reason->contribution);
		values[5] = CStringGetTextDatum(reason->sentence);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* engage_why(model, row record | jsonb, n, class, direction) returns text */
Datum
engage_why_row(PG_FUNCTION_ARGS)
{
	return why(fcinfo, false);
}

Datum
engage_why_jsonb(PG_FUNCTION_ARGS)
{
	return why(fcinfo, true);
}

/* engage_why_reasons(model, row record | jsonb, n, class, direction) returns rows */
Datum
engage_why_reasons_row(PG_FUNCTION_ARGS)
{
	return why_reasons(fcinfo, false);
}

Datum
engage_why_reasons_jsonb(PG_FUNCTION_ARGS)
{
	return why_reasons(fcinfo, true);
}

/* ----------
 * Wording
 * ----------
 */

/* engage_set_wording(model, wording jsonb) */
Datum
engage_set_wording(PG_FUNCTION_ARGS)
{
	EgModelRow *m;
	const EgSchema *schema = NULL;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "model")));
	PreventCommandIfReadOnly("engage_set_wording()");
	PreventCommandIfParallelMode("engage_set_wording()");
	m = eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, EG_PRIV_MANAGE, true);
	if (m->deployed != 0)
		schema = eg_cache_get(m->deployed, CurrentMemoryContext)->parts[0]->schema;
	eg_wording_set(m, schema, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	PG_RETURN_VOID();
}

/* engage_wording(model) returns jsonb */
Datum
engage_wording(PG_FUNCTION_ARGS)
{
	char	   *reference = text_to_cstring(PG_GETARG_TEXT_PP(0));
	EgVersionRow *v = eg_models_version(reference, EG_PRIV_USE);

	PG_RETURN_JSONB_P(eg_wording_json(eg_wording_stored(v->id)));
}
