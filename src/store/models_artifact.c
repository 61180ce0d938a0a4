/*-------------------------------------------------------------------------
 *
 * models_artifact.c
 *	  Artifacts to rows and back, in chunks: a value holds at most 1 GB, and a
 *	  dump of bytea doubles its length, while a forest may be larger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "base/compat.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "store/registry.h"
#include "utils/memutils.h"

#define CHUNK_SIZE		((Size) 8 * 1024 * 1024)

void
eg_artifact_put_section(int64 version_id, int part, const char *value, const char *section,
						const char *bytes, Size len)
{
	bytea	   *chunk = palloc(VARHDRSZ + Min(len, CHUNK_SIZE));
	int			number = 0;

	for (Size done = 0; done < len; done += CHUNK_SIZE)
	{
		Size		n = Min(len - done, CHUNK_SIZE);

		CHECK_FOR_INTERRUPTS();
		SET_VARSIZE(chunk, VARHDRSZ + n);
		memcpy(VARDATA(chunk), bytes + done, n);
		eg_visit_write("INSERT INTO engage.artifact (version_id, part, value, section, chunk, data)"
					   " VALUES ($1, $2, $3, $4, $5, $6)", "littib",
					   version_id, part, value, section, number++, chunk);
	}
	pfree(chunk);
}

void
eg_artifact_put(int64 version_id, int part, const EgArtifactPart *a)
{
	eg_artifact_put_section(version_id, part, a->value, "model", a->bytes, a->len);
	if (a->library_bytes != NULL)
		eg_artifact_put_section(version_id, part, a->value, "library", a->library_bytes,
								a->library_len);
}

static Size
datum_size(Datum d)
{
	return toast_raw_datum_size(d) - VARHDRSZ;
}

static bool
same_section(uint64 a, uint64 b)
{
	bool		isnull;

	return eg_visit_int(a, 1) == eg_visit_int(b, 1) &&
		DatumGetChar(eg_visit_datum(a, 3, &isnull)) == DatumGetChar(eg_visit_datum(b, 3, &isnull));
}

/* The chunks in rows [first, last) of the last result, put together in the caller's context. */
static char *
join_chunks(EgVisit *v, int64 version_id, uint64 first, uint64 last, Size *len)
{
	char	   *bytes;
	Size		size = 0;
	bool		isnull;

	for (uint64 row = first; row < last; row++)
	{
		if (eg_visit_int(row, 4) != (int) (row - first))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("chunk %d of the artifact of version " INT64_FORMAT " is missing",
							(int) (row - first), version_id)));
		size += datum_size(eg_visit_datum(row, 5, &isnull));
	}

	bytes = MemoryContextAllocHuge(v->caller, Max(size, 1));
	*len = 0;
	for (uint64 row = first; row < last; row++)
	{
		Datum		d = eg_visit_datum(row, 5, &isnull);
		bytea	   *chunk = DatumGetByteaPP(d);

		CHECK_FOR_INTERRUPTS();
		memcpy(bytes + *len, VARDATA_ANY(chunk), VARSIZE_ANY_EXHDR(chunk));
		*len += VARSIZE_ANY_EXHDR(chunk);
		if ((Pointer) chunk != DatumGetPointer(d))
			pfree(chunk);
	}
	return bytes;
}

/* SPI keeps toasted values as pointers, so that only one chunk is in memory beside the result. */
#define ARTIFACT_QUERY \
	"SELECT part, value, left(section, 1)::\"char\", chunk, data FROM engage.artifact" \
	" WHERE version_id = $1 AND (section = 'model' OR section = 'library' AND $2 = 1)" \
	" ORDER BY part, section DESC, chunk"

EgArtifactPart *
eg_models_artifacts(int64 version_id, bool library, int *nparts)
{
	EgArtifactPart *parts;
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read(ARTIFACT_QUERY, "li", version_id, (int) library);
	if (n == 0 && !IsInParallelMode())
		n = eg_visit_write(ARTIFACT_QUERY, "li", version_id, (int) library);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the artifact of version " INT64_FORMAT " is missing", version_id)));

	*nparts = eg_visit_int(n - 1, 1) + 1;
	if (eg_visit_int(0, 1) != 0 || *nparts < 1 || (uint64) *nparts > n)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("parts of the artifact of version " INT64_FORMAT " are missing",
							   version_id)));
	parts = MemoryContextAllocZero(visit.caller, *nparts * sizeof(EgArtifactPart));

	for (uint64 first = 0, last; first < n; first = last)
	{
		EgArtifactPart *part = &parts[eg_visit_int(first, 1)];
		bool		isnull;
		Size		len;
		char	   *bytes;

		for (last = first + 1; last < n && same_section(first, last); last++)
			;
		bytes = join_chunks(&visit, version_id, first, last, &len);
		if (DatumGetChar(eg_visit_datum(first, 3, &isnull)) == 'm')
		{
			part->value = eg_visit_text(&visit, first, 2);
			part->bytes = bytes;
			part->len = len;
		}
		else
		{
			part->library_bytes = bytes;
			part->library_len = len;
		}
	}
	for (int i = 0; i < *nparts; i++)
	{
		if (parts[i].bytes == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("part %d of the artifact of version " INT64_FORMAT " is missing",
							i, version_id)));
	}
	eg_visit_end(&visit);
	return parts;
}

char *
eg_artifact_section(int64 version_id, const char *section, Size *len)
{
	char	   *bytes = NULL;
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read("SELECT part, value, left(section, 1)::\"char\", chunk, data"
					  " FROM engage.artifact WHERE version_id = $1 AND part = 0 AND section = $2"
					  " ORDER BY chunk", "lt", version_id, section);
	if (n > 0)
		bytes = join_chunks(&visit, version_id, 0, n, len);
	eg_visit_end(&visit);
	return bytes;
}
