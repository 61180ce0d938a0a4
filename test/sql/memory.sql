-- states of aggregates: all of the catalog, over many distinct rows with a small engage.max_memory: they stay small, or say what they need
SET client_min_messages = warning;
SET engage.max_memory = '1MB';
SET max_parallel_workers_per_gather = 0;
-- an argument by its type and place: distinct values in front, constants behind
CREATE FUNCTION argument(type regtype, place bigint) RETURNS text LANGUAGE sql AS $$
	SELECT CASE type
		WHEN 'float8'::regtype THEN CASE WHEN place < 3 THEN '(g / 1048576.0)::float8' ELSE '1' END
		WHEN 'bool'::regtype THEN '(g % 2 = 0)'
		WHEN 'int4'::regtype THEN CASE WHEN place < 3 THEN 'g % 2' ELSE '10' END
		WHEN 'int8'::regtype THEN CASE WHEN place < 3 THEN 'g % 2' ELSE '7' END
		WHEN 'text'::regtype THEN CASE WHEN place < 3 THEN '(''word '' || g)' ELSE '''regression''' END
		WHEN 'float8[]'::regtype THEN CASE WHEN place < 3 THEN 'ARRAY[g, g % 7]::float8[]' ELSE '''{1,2,3}''::float8[]' END
		WHEN 'timestamptz'::regtype THEN CASE WHEN place < 3 THEN '(timestamptz ''2024-01-01'' + g * interval ''1 ms'')' ELSE 'timestamptz ''2024-01-02''' END
		WHEN 'interval'::regtype THEN 'interval ''1 day'''
		WHEN 'interval[]'::regtype THEN '''{1 day}''::interval[]'
		WHEN 'jsonb'::regtype THEN '''{}''::jsonb'
		WHEN 'text[]'::regtype THEN '''{a,b}''::text[]'
		WHEN '"any"'::regtype THEN CASE WHEN place = 2 THEN 'g::float8' ELSE 'ARRAY[g, g % 7]::float8[]' END END $$;
CREATE TABLE aggregates AS
SELECT p.oid::regprocedure AS name, a.aggtransfn::regproc AS step, a.aggcombinefn::regproc AS joins, format_type(a.aggtranstype, NULL) AS state, a.agginitval AS init,
	pg_get_function_identity_arguments(p.oid) AS signature, t.arguments, p.proname
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'engage' JOIN pg_proc p ON p.oid = d.objid JOIN pg_aggregate a ON a.aggfnoid = p.oid,
	LATERAL (SELECT string_agg(CASE WHEN p.proname = 'engage_fit' AND o = 1 THEN '''linear_regression''' WHEN p.proname = 'engage_adjusted_rand' AND u = 'int8'::regtype THEN 'g' WHEN u = 'float8'::regtype AND p.proargnames[o] IN ('predicted', 'truth') AND 'truth' = ANY (p.proargnames) THEN '(g % 2)::float8'
		WHEN u = '"any"'::regtype AND p.proargnames[o] = 'value' THEN 'g::int8' WHEN p.proname = 'engage_kmeans' AND u = 'int4'::regtype THEN '3' ELSE coalesce(argument(u, o), '?') END, ', ' ORDER BY o) FROM unnest(p.proargtypes::regtype[]) WITH ORDINALITY u (u, o)) t (arguments)
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e';
SELECT count(*) > 100 AS all_of_them, count(*) FILTER (WHERE arguments ~ '\?') AS unknown_types, count(*) FILTER (WHERE joins::oid = 0) AS cannot_be_joined FROM aggregates;
-- the value, the state itself, and states joined
CREATE FUNCTION outcome(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE bytes bigint; hint text;
BEGIN
	EXECUTE sql INTO bytes;
	RETURN CASE WHEN bytes > 1100000 THEN 'large' ELSE 'small' END;
EXCEPTION WHEN program_limit_exceeded THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN CASE WHEN SQLERRM ~ 'needs about \d+ MB of memory, but only 1 MB are allowed' AND hint ~ 'engage.max_memory' THEN 'refused' ELSE SQLERRM END;
WHEN OTHERS THEN
	RETURN sql || ': ' || SQLERRM;
END $$;
CREATE FUNCTION value_of(a aggregates, rows int) RETURNS text LANGUAGE sql AS $$
	SELECT outcome(format('SELECT pg_column_size(%s(%s)) FROM generate_series(1, %s) g', a.name::regproc, a.arguments, rows)) $$;
CREATE FUNCTION states_of(a aggregates, rows int, OUT kept text, OUT joined text) LANGUAGE plpgsql AS $$
DECLARE rest text := format('STYPE = %s', a.state) || coalesce(', INITCOND = ' || quote_literal(a.init), ''); source text := format('FROM generate_series(1, %s) g', rows);
BEGIN
	EXECUTE format('CREATE AGGREGATE kept(%s) (SFUNC = %s, %s)', a.signature, a.step, rest);
	EXECUTE format('CREATE AGGREGATE joined(%s) (SFUNC = %s, %s)', a.state, a.joins, rest);
	kept := outcome(format('SELECT pg_column_size(kept(%s)) %s', a.arguments, source));
	joined := outcome(format('SELECT pg_column_size(joined(s)) FROM (SELECT kept(%s) AS s %s GROUP BY g %% 50 ORDER BY 1) q', a.arguments, source));
	EXECUTE format('DROP AGGREGATE kept(%s)', a.signature);
	EXECUTE format('DROP AGGREGATE joined(%s)', a.state);
END $$;
-- nothing else happens than a small state or our error
SELECT value, string_agg(DISTINCT proname, ' ' ORDER BY proname) AS names FROM aggregates a, value_of(a, 150000) value GROUP BY 1 ORDER BY 1;
SELECT s.kept, s.joined, string_agg(DISTINCT step::text, ' ' ORDER BY step::text) AS steps
FROM (SELECT DISTINCT ON (step::text, state, init, arguments) * FROM aggregates ORDER BY step::text, state, init, arguments, name::text) d, LATERAL (SELECT b FROM aggregates b WHERE b.name = d.name) a(a), states_of(a.a, 150000) s GROUP BY 1, 2 ORDER BY 1, 2;
-- with enough memory the same rows give an answer
SET engage.max_memory = '1GB';
SELECT value, count(*) > 60 AS many FROM aggregates a, value_of(a, 3000) value WHERE state = 'bytea' GROUP BY 1;
SET engage.max_memory = '1MB';
-- windows keep a ring; long words; many columns; many groups of sums
SELECT outcome('SELECT count(v) FROM (SELECT engage_zscore(timestamptz ''2024-01-01'' + g * interval ''1 ms'', g) OVER (ORDER BY g) AS v FROM generate_series(1, 100000) g) q');
SELECT outcome('SELECT count(v) FROM (SELECT engage_velocity(timestamptz ''2024-01-01'' + g * interval ''1 ms'', g) OVER (ORDER BY g) AS v FROM generate_series(1, 100000) g) q');
SELECT outcome('SELECT engage_psi(repeat(md5(g::text), 100), g % 2 = 0) FROM generate_series(1, 2000) g');
SELECT outcome('SELECT pg_column_size(engage_kmeans(array_fill(g::float8, ARRAY[1000]), 2)) FROM generate_series(1, 2000) g');
SELECT outcome('SELECT engage_silhouette(g % 3, ARRAY[g, g % 7]::float8[], 200000) FROM generate_series(1, 200000) g');
SELECT outcome('SELECT engage_calinski_harabasz(g % 100, array_fill(g::float8, ARRAY[1000])) FROM generate_series(1, 200) g');
SELECT outcome('SELECT pg_column_size(engage_fit(''linear_regression'', g::float8, array_fill(g::float8, ARRAY[900]))) FROM generate_series(1, 2000) g');
-- a bounded sample does with little
SELECT outcome('SELECT engage_silhouette(g % 3, ARRAY[g, g % 7]::float8[], 1000) FROM generate_series(1, 200000) g');
SELECT outcome('SELECT (engage_velocity(timestamptz ''2024-01-01'' + g * interval ''1 ms'', g, timestamptz ''2024-01-02'')).count_24h FROM generate_series(1, 200000) g');
-- said once in full
SELECT engage_adjusted_rand(g, -g) FROM generate_series(1, 100000) g;
