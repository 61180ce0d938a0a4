-- Dates that mean "never": they cost the others no precision, and their texts are dates.
SET engage.progress = off;
SET client_min_messages = warning;
SET datestyle = 'ISO';
CREATE TABLE ev AS SELECT g AS id, timestamp '2024-05-01 00:00' + g * interval '1 minute' AS at, (g / 30) % 2 = 0 AS y FROM generate_series(1, 1400) g;

CREATE FUNCTION with_sentinels(type text, sentinel text, every int) RETURNS TABLE (distinct_scores boolean, right_scores boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMP TABLE s AS SELECT id, at::%1$s AS at, y FROM ev UNION ALL SELECT 10000 + g, %2$L::%1$s, g %% 2 = 0 FROM generate_series(1, %3$s) g',
		type, sentinel, every);
	PERFORM engage_train('s', 's', target => 'y', key => 'id', deploy => 'always');
	RETURN QUERY EXECUTE 'SELECT count(DISTINCT engage_predict(''s'', s)) > 80, avg(((engage_predict(''s'', s) > 0.5) = y)::int) > 0.9 FROM s WHERE id <= 1400';
	PERFORM engage_drop('s');
	DROP TABLE s;
END $$;
SELECT t.type, s.sentinel, n, d.* FROM unnest('{timestamp, timestamptz}'::text[]) t(type),
	unnest('{9999-12-31, 0001-01-01, 4713-01-01 BC, 294276-12-31, infinity, -infinity, 2999-12-31}'::text[]) s(sentinel),
	unnest('{1, 3000}'::int[]) n, LATERAL with_sentinels(t.type, s.sentinel, n) d WHERE NOT (distinct_scores AND right_scores) ORDER BY 1, 2, 3;

-- two clusters of dates half a century apart keep their days
CREATE TABLE born AS SELECT g AS id, date '1960-01-01' + g % 700 + CASE WHEN g % 2 = 0 THEN 18000 ELSE 0 END AS day, g % 700 % 2 = 0 AS y FROM generate_series(1, 4000) g;
SELECT count(*) FROM engage_train('born', 'born', target => 'y', key => 'id', params => '{"n_estimators": 5}');
SELECT count(DISTINCT value) = (SELECT count(DISTINCT day) FROM born) AS days FROM born b, LATERAL engage_explain('born', b);
SELECT bool_and(value = day::text) AS same FROM born b, LATERAL engage_explain('born', b);

-- the ends of each type, and far from each other: every text is taken in again
CREATE FUNCTION reads_back(type text, texts text[]) RETURNS TABLE (ok boolean, why text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMP TABLE s AS SELECT g AS id, (%L::text[])[1 + g %% %s]::%s AS at, g %% 2 = 0 AS y FROM generate_series(1, 400) g', texts, cardinality(texts), type);
	PERFORM engage_train('s', 's', target => 'y', key => 'id', deploy => 'always', params => '{"n_estimators": 5}');
	RETURN QUERY EXECUTE format('SELECT bool_and(value::%1$s IS NOT NULL AND abs(extract(epoch FROM value::%1$s) - extract(epoch FROM at)) <= abs(extract(epoch FROM at)) * 1e-6 + 60),
		min(engage_describe(''s'') ~ ''at .*[0-9]+-[0-9][0-9]-[0-9][0-9]( BC)? \.\. [0-9]+-[0-9][0-9]-[0-9][0-9]'' || '''') FROM s, LATERAL engage_explain(''s'', s)', type);
	PERFORM engage_report('s', 's'), engage_drop('s');
	DROP TABLE s;
END $$;
SELECT v.type, r.* FROM (VALUES ('date', '{4713-01-01 BC, 5874897-12-31, 2024-02-29}'::text[]), ('date', '{0001-01-01, 9999-12-31}'),
	('timestamp', '{4713-01-01 BC, 294276-12-31 23:59:59, 2024-02-29 12:00}'), ('timestamptz', '{4713-02-01 BC, 294276-12-30, 2024-02-29 12:00}')) v(type, texts),
	LATERAL reads_back(v.type, v.texts) r;
