/*-------------------------------------------------------------------------
 *
 * artifact.c
 *	  The container of a stored model: docs/format.md says it byte by byte.
 *
 * An artifact is untrusted input.  The checksum finds accidents only: whoever
 * writes a false model can write its checksum too, so every reader below this
 * one checks what it reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/hmac.h"
#include "common/sha2.h"

#include "store/artifact.h"

#define MAGIC				"EGMD"
#define CONTAINER_VERSION	4
#define NSECTIONS			9
#define NREQUIRED			4		/* the first ones; version 1 has no others */
#define SECTION_HEADER		12		/* tag, length */
#define CRC_BYTES			4
#define SEAL_BYTES			PG_SHA256_DIGEST_LENGTH
#define SEAL_SECTION		(SECTION_HEADER + SEAL_BYTES)

static const char *const section_tags[NSECTIONS] = {"TASK", "SCHM", "PARM", "DATA",
													"CALB", "CONF", "BASE", "SCOR", "SEAL"};

/* container version since which there is such a section */
static const int section_since[NSECTIONS] = {1, 1, 1, 1, 2, 2, 3, 4, 2};

#define SCORES				7
#define SEAL				(NSECTIONS - 1)

static void
put_u64_at(char *p, uint64 v)
{
	int			i;

	for (i = 0; i < 8; i++)
		p[i] = (char) (v >> (8 * i));
}

static void
put_section(EgWriter *w, const EgArtifact *a, int section)
{
	int			length_at;

	eg_put_bytes(w, section_tags[section], 4);
	length_at = w->buf.len;
	eg_put_u64(w, 0);
	switch (section)
	{
		case 0:
			eg_put_string(w, eg_task_name(a->task));
			break;
		case 1:
			eg_schema_save(a->schema, w);
			break;
		case 2:
			eg_put_string(w, a->params ? a->params : "{}");
			break;
		case 3:
			a->algorithm->save(a->model, w);
			break;
		case 4:
			eg_calibration_save(a->calibration, w);
			break;
		case 5:
			eg_conformal_save(a->conformal, w);
			break;
		case 6:
			eg_baseline_save(a->baseline, w);
			break;
		case SCORES:
			eg_scores_save(a->scores, w);
			break;
	}
	put_u64_at(w->buf.data + length_at, (uint64) (w->buf.len - length_at - 8));
}

char *
eg_artifact_save(const EgArtifact *a, Size *len)
{
	EgWriter	w;
	int			i;

	eg_writer_init(&w);
	eg_put_bytes(&w, MAGIC, 4);
	eg_put_u16(&w, a->scores ? 4 : a->baseline ? 3 : a->calibration || a->conformal ? 2 : 1);
	eg_put_u16(&w, 0);			/* flags: none so far */
	eg_put_string(&w, a->algorithm->name);
	eg_put_u16(&w, (uint16) a->algorithm->format);
	for (i = 0; i < NREQUIRED; i++)
		put_section(&w, a, i);
	if (a->calibration)
		put_section(&w, a, 4);
	if (a->conformal)
		put_section(&w, a, 5);
	if (a->baseline)
		put_section(&w, a, 6);
	if (a->scores)
		put_section(&w, a, SCORES);
	eg_put_u32(&w, eg_crc32c(w.buf.data, w.buf.len));
	*len = w.buf.len;
	return w.buf.data;
}

static uint32
crc_at_end(const uint8 *p)
{
	return (uint32) p[0] | (uint32) p[1] << 8 | (uint32) p[2] << 16 | (uint32) p[3] << 24;
}

/* Magic, version (returned) and checksum; what is left to read ends before the checksum. */
static int
check_container(EgReader *r)
{
	const uint8 *all = r->data;
	int			version;
	int			flags;

	if (r->len < 8 + CRC_BYTES || memcmp(eg_get_bytes(r, 4), MAGIC, 4) != 0)
		eg_corrupted(r, "it does not begin with \"%s\"", MAGIC);
	version = eg_get_u16(r);
	if (version > CONTAINER_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model has container version %d, but this engage reads up to version %d",
						version, CONTAINER_VERSION),
				 errhint("Install a newer engage.")));
	flags = eg_get_u16(r);
	if (version < 1 || flags != 0)
		eg_corrupted(r, "container version is %d, flags are %d", version, flags);
	if (crc_at_end(all + r->len - CRC_BYTES) != eg_crc32c(all, r->len - CRC_BYTES))
		eg_corrupted(r, "the checksum does not match");
	r->len -= CRC_BYTES;
	return version;
}

static bool
next_is(const EgReader *r, int version, int section)
{
	return version >= section_since[section] && r->len - r->pos >= SECTION_HEADER &&
		memcmp(r->data + r->pos, section_tags[section], 4) == 0;
}

static void
get_section(EgReader *r, int section, EgReader *part)
{
	uint64		len;

	if (memcmp(eg_get_bytes(r, 4), section_tags[section], 4) != 0)
		eg_corrupted(r, "section %s is missing", section_tags[section]);
	len = eg_get_u64(r);
	if (len > (uint64) (r->len - r->pos))
		eg_corrupted(r, "section %s is cut off", section_tags[section]);
	eg_reader_init(part, eg_get_bytes(r, (Size) len), (Size) len, r->what);
}

static void
end_section(EgReader *part, int section)
{
	if (part->pos != part->len)
		eg_corrupted(part, "section %s has %zu bytes too many",
					 section_tags[section], part->len - part->pos);
}

/* The sections must speak of the same model. */
static void
check_agreement(EgReader *r, const EgArtifact *a)
{
	const EgAlgorithm *algorithm = a->algorithm;
	int			nfeatures;
	int			width;

	if ((algorithm->tasks & EG_TASK_BIT(a->task)) == 0)
		eg_corrupted(r, "algorithm \"%s\" does not learn task \"%s\"",
					 algorithm->name, eg_task_name(a->task));
	if (algorithm->nfeatures && (algorithm->flags & EG_NO_FEATURES) == 0)
	{
		nfeatures = algorithm->nfeatures(a->model);
		if (nfeatures != a->schema->nfeatures)
			eg_corrupted(r, "the schema has %d features, the model %d",
						 a->schema->nfeatures, nfeatures);
	}
	width = algorithm->width ? algorithm->width(a->model) : 1;
	if (width < 1)
		eg_corrupted(r, "the model has %d outputs", width);
	if (a->schema->nlabels > 0 &&
		((eg_task_many_classes(a->task) && a->schema->nlabels != width) ||
		 (eg_task_two_classes(a->task) && (a->schema->nlabels != 2 || width != 1))))
		eg_corrupted(r, "there are %d labels for %d outputs", a->schema->nlabels, width);
	if (a->calibration && ((a->task != EG_BINARY && a->task != EG_MULTICLASS) ||
						   a->calibration->width != width))
		eg_corrupted(r, "%d calibration curves do not fit task \"%s\" with %d outputs",
					 a->calibration->width, eg_task_name(a->task), width);
	if (a->conformal && a->conformal->upper >= width)
		eg_corrupted(r, "intervals use output %d of %d", a->conformal->upper, width);
	if (a->scores && a->scores->noutputs != width)
		eg_corrupted(r, "there are distributions of %d scores for %d outputs",
					 a->scores->noutputs, width);
}

void
eg_artifact_predict(const EgArtifact *a, const float *x, Size nrows, double *out)
{
	a->algorithm->predict(a->model, x, nrows, out);
	if (a->calibration)
		eg_calibration_apply(a->calibration, nrows, out);
}

EgArtifact *
eg_artifact_load(const void *data, Size len)
{
	EgArtifact *a = palloc0(sizeof(EgArtifact));
	EgReader	r;
	EgReader	part;
	char	   *name;
	int			version;
	int			format;

	eg_reader_init(&r, data, len, "model");
	version = check_container(&r);
	name = eg_get_string(&r);
	if (name == NULL)
		eg_corrupted(&r, "the algorithm's name is missing");
	format = eg_get_u16(&r);
	a->algorithm = eg_algorithm_find(name);
	if (format > a->algorithm->format)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "model of algorithm \"%s\" has format %d, but this engage reads up to format %d",
				 name, format, a->algorithm->format),
			 errhint("Install a newer engage.")));
	if (format < 1)
		eg_corrupted(&r, "the format of algorithm \"%s\" is %d", name, format);

	get_section(&r, 0, &part);
	name = eg_get_string(&part);
	if (name == NULL || !eg_task_parse(name, &a->task))
		eg_corrupted(&r, "task \"%s\" is not known", name ? name : "");
	end_section(&part, 0);

	get_section(&r, 1, &part);
	a->schema = eg_schema_load(&part);
	end_section(&part, 1);

	get_section(&r, 2, &part);
	a->params = eg_get_string(&part);
	if (a->params == NULL)
		eg_corrupted(&r, "the parameters are missing");
	end_section(&part, 2);

	get_section(&r, 3, &part);
	a->model = a->algorithm->load(&part, format);
	end_section(&part, 3);

	if (next_is(&r, version, 4))
	{
		get_section(&r, 4, &part);
		a->calibration = eg_calibration_load(&part);
		end_section(&part, 4);
	}
	if (next_is(&r, version, 5))
	{
		get_section(&r, 5, &part);
		a->conformal = eg_conformal_load(&part, a->task);
		end_section(&part, 5);
	}
	if (next_is(&r, version, 6))
	{
		get_section(&r, 6, &part);
		a->baseline = eg_baseline_load(&part, a->schema);
		end_section(&part, 6);
	}
	if (next_is(&r, version, SCORES))
	{
		get_section(&r, SCORES, &part);
		a->scores = eg_scores_load(&part);
		end_section(&part, SCORES);
	}
	if (next_is(&r, version, SEAL))
	{
		get_section(&r, SEAL, &part);
		(void) eg_get_bytes(&part, SEAL_BYTES);
		end_section(&part, SEAL);
	}

	if (r.pos != r.len)
		eg_corrupted(&r, "%zu bytes follow the last section", r.len - r.pos);
	check_agreement(&r, a);
	return a;
}

/* Write the checksum at the end of len bytes that have room for it. */
static void
put_crc(char *bytes, Size len)
{
	uint32		crc = eg_crc32c(bytes, len - CRC_BYTES);
	int			i;

	for (i = 0; i < CRC_BYTES; i++)
		bytes[len - CRC_BYTES + i] = (char) (crc >> (8 * i));
}

char *
eg_artifact_with_scores(const char *bytes, Size len, const EgScoreBaseline *scores, Size *new_len)
{
	EgArtifact	a = {0};
	Size		body = len - CRC_BYTES;
	EgWriter	w;
	char	   *out;

	a.scores = (EgScoreBaseline *) scores;
	eg_writer_init(&w);
	put_section(&w, &a, SCORES);
	*new_len = len + w.buf.len;
	out = MemoryContextAllocHuge(CurrentMemoryContext, *new_len);
	memcpy(out, bytes, body);
	memcpy(out + body, w.buf.data, w.buf.len);
	out[4] = Max(out[4], section_since[SCORES]);
	put_crc(out, *new_len);
	pfree(w.buf.data);
	return out;
}

/* ----------
 * Seals
 * ----------
 */

/* HMAC-SHA-256 with the random number that initdb gave the data directory. */
static void
make_seal(const char *bytes, Size len, uint8 *seal)
{
	static const char purpose[] = "engage model value";
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL ||
		pg_hmac_init(ctx, (const uint8 *) GetMockAuthenticationNonce(),
					 MOCK_AUTH_NONCE_LEN) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) purpose, sizeof(purpose)) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) bytes, len) < 0 ||
		pg_hmac_final(ctx, seal, SEAL_BYTES) < 0)
		elog(ERROR, "could not seal a model");
	pg_hmac_free(ctx);
}

char *
eg_artifact_seal(const char *bytes, Size len, Size *sealed_len)
{
	Size		body = len - CRC_BYTES;
	char	   *out = MemoryContextAllocHuge(CurrentMemoryContext, len + SEAL_SECTION);

	memcpy(out, bytes, body);
	out[4] = Max(out[4], section_since[SEAL]);
	make_seal(out, body, (uint8 *) out + body + SECTION_HEADER);
	memcpy(out + body, section_tags[SEAL], 4);
	put_u64_at(out + body + 4, SEAL_BYTES);
	*sealed_len = len + SEAL_SECTION;
	put_crc(out, *sealed_len);
	return out;
}

bool
eg_artifact_is_sealed(const void *bytes, Size len)
{
	uint8		seal[SEAL_BYTES];
	Size		body;
	int			difference = 0;
	int			i;

	if (len < 8 + SEAL_SECTION + CRC_BYTES)
		return false;
	body = len - CRC_BYTES - SEAL_SECTION;
	if (memcmp((const char *) bytes + body, section_tags[SEAL], 4) != 0)
		return false;
	make_seal(bytes, body, seal);

	/* takes the same time wherever the difference is */
	for (i = 0; i < SEAL_BYTES; i++)
		difference |= seal[i] ^ ((const uint8 *) bytes)[body + SECTION_HEADER + i];
	return difference == 0;
}
