-- ---------------------------------------------------------------------------
-- 53_validity.sql: how good is a clustering? (src/api/api_validity.c,
-- api_validity_sums.c)
--
-- The functions behind the aggregates are in schema engage.
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.clustering_accum(bytea, bigint, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_clustering_accum_int' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.clustering_accum(bytea, bigint, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.clustering_accum(bytea, text, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_clustering_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.clustering_accum(bytea, text, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.clustering_accum(bytea, bigint, float8[], integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_clustering_accum_int' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.clustering_accum(bytea, bigint, float8[], integer) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.clustering_accum(bytea, text, float8[], integer) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_clustering_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.clustering_accum(bytea, text, float8[], integer) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.silhouette_accum(bytea, bigint, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_silhouette_accum_int' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.silhouette_accum(bytea, bigint, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.silhouette_accum(bytea, text, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_silhouette_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.silhouette_accum(bytea, text, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.clustering_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_clustering_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.clustering_combine(bytea, bytea) IS 'two states of an aggregate over a clustering';
CREATE FUNCTION engage.silhouette_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_silhouette_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.silhouette_final(bytea) IS 'result of an aggregate over a clustering';
CREATE FUNCTION engage.davies_bouldin_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_davies_bouldin_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.davies_bouldin_final(bytea) IS 'result of an aggregate over a clustering';
CREATE FUNCTION engage.calinski_harabasz_accum(bytea, bigint, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_calinski_harabasz_accum_int' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.calinski_harabasz_accum(bytea, bigint, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.calinski_harabasz_accum(bytea, text, float8[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_calinski_harabasz_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.calinski_harabasz_accum(bytea, text, float8[]) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.calinski_harabasz_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_calinski_harabasz_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.calinski_harabasz_final(bytea) IS 'result of an aggregate over a clustering';
CREATE FUNCTION engage.adjusted_rand_accum(bytea, bigint, bigint) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_adjusted_rand_accum_int' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.adjusted_rand_accum(bytea, bigint, bigint) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.adjusted_rand_accum(bytea, text, text) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_adjusted_rand_accum_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.adjusted_rand_accum(bytea, text, text) IS 'a row of an aggregate over a clustering';
CREATE FUNCTION engage.adjusted_rand_final(bytea) RETURNS float8
	AS 'MODULE_PATHNAME', 'engage_adjusted_rand_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.adjusted_rand_final(bytea) IS 'result of an aggregate over a clustering';
CREATE FUNCTION engage.groups_combine(bytea, bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'engage_groups_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage.groups_combine(bytea, bytea) IS 'two states of an aggregate over a clustering';

CREATE AGGREGATE engage_silhouette(segment bigint, features float8[]) (
	SFUNC = engage.silhouette_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.silhouette_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_silhouette(bigint, float8[]) IS
	'mean silhouette width of a clustering, of a sample of at most 10,000 rows';

CREATE AGGREGATE engage_silhouette(segment bigint, features float8[], sample integer) (
	SFUNC = engage.clustering_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.silhouette_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_silhouette(bigint, float8[], integer) IS
	'mean silhouette width of a clustering, of a sample of at most so many rows; 0: of all';

CREATE AGGREGATE engage_davies_bouldin(segment bigint, features float8[]) (
	SFUNC = engage.clustering_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.davies_bouldin_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_davies_bouldin(bigint, float8[]) IS
	'Davies-Bouldin index of a clustering: smaller is better';

CREATE AGGREGATE engage_calinski_harabasz(segment bigint, features float8[]) (
	SFUNC = engage.calinski_harabasz_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.groups_combine, FINALFUNC = engage.calinski_harabasz_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_calinski_harabasz(bigint, float8[]) IS
	'Calinski-Harabasz index of a clustering: larger is better';

CREATE AGGREGATE engage_adjusted_rand(a bigint, b bigint) (
	SFUNC = engage.adjusted_rand_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.groups_combine, FINALFUNC = engage.adjusted_rand_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_adjusted_rand(bigint, bigint) IS
	'agreement of two clusterings: 1 when they are the same, 0 by chance';

CREATE AGGREGATE engage_silhouette(segment text, features float8[]) (
	SFUNC = engage.silhouette_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.silhouette_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_silhouette(text, float8[]) IS
	'mean silhouette width of a clustering, of a sample of at most 10,000 rows';

CREATE AGGREGATE engage_silhouette(segment text, features float8[], sample integer) (
	SFUNC = engage.clustering_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.silhouette_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_silhouette(text, float8[], integer) IS
	'mean silhouette width of a clustering, of a sample of at most so many rows; 0: of all';

CREATE AGGREGATE engage_davies_bouldin(segment text, features float8[]) (
	SFUNC = engage.clustering_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.clustering_combine, FINALFUNC = engage.davies_bouldin_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_davies_bouldin(text, float8[]) IS
	'Davies-Bouldin index of a clustering: smaller is better';

CREATE AGGREGATE engage_calinski_harabasz(segment text, features float8[]) (
	SFUNC = engage.calinski_harabasz_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.groups_combine, FINALFUNC = engage.calinski_harabasz_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_calinski_harabasz(text, float8[]) IS
	'Calinski-Harabasz index of a clustering: larger is better';

CREATE AGGREGATE engage_adjusted_rand(a text, b text) (
	SFUNC = engage.adjusted_rand_accum, STYPE = bytea, INITCOND = '',
	COMBINEFUNC = engage.groups_combine, FINALFUNC = engage.adjusted_rand_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE engage_adjusted_rand(text, text) IS
	'agreement of two clusterings: 1 when they are the same, 0 by chance';
