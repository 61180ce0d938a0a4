-- ---------------------------------------------------------------------------
-- 56_segment.sql: centers of clusters as an aggregate (src/api/api_kmeans.c)
--
-- The state is bytea with a combine function, so that the aggregate runs in
-- parallel and on Citus.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.kmeans_accum(bytea, float8[], integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_kmeans_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.kmeans_accum(bytea, float8[], integer) IS
	'adds a row to engage_kmeans';

CREATE FUNCTION engage.kmeans_accum(bytea, float8[], integer, bigint) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_kmeans_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.kmeans_accum(bytea, float8[], integer, bigint) IS
	'adds a row to engage_kmeans with a seed';

CREATE FUNCTION engage.kmeans_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_kmeans_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.kmeans_combine(bytea, bytea) IS
	'joins two states of engage_kmeans';

CREATE FUNCTION engage.kmeans_final(bytea) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'engage_kmeans_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.kmeans_final(bytea) IS
	'centers of the clusters, the largest first';

CREATE AGGREGATE engage_kmeans(features float8[], k integer) (
	SFUNC = engage.kmeans_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.kmeans_combine, FINALFUNC = engage.kmeans_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kmeans(float8[], integer) IS
	'centers of k clusters, the largest first';

CREATE AGGREGATE engage_kmeans(features float8[], k integer, seed bigint) (
	SFUNC = engage.kmeans_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.kmeans_combine, FINALFUNC = engage.kmeans_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_kmeans(float8[], integer, bigint) IS
	'centers of k clusters, the largest first, with a seed for where they begin';

CREATE FUNCTION engage_nearest(centers float8[], features float8[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'engage_nearest' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_nearest(float8[], float8[]) IS
	'number of the center that is nearest to the features, from 1';

CREATE FUNCTION engage_distance(a float8[], b float8[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_distance(float8[], float8[]) IS
	'Euclidean distance of two arrays of numbers';
