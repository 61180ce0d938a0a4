-- A key is its value, not its text: equal keys are one customer, whatever their spelling, their type and the session's settings.
SET engage.progress = off;
SET client_min_messages = warning;
CREATE EXTENSION citext;
CREATE TYPE level AS ENUM ('low', 'mid', 'high');
CREATE TYPE place AS (country text, shelf numeric);
CREATE DOMAIN price AS numeric CHECK (VALUE > 0);
CREATE DOMAIN nick AS citext;
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- one text for equal values, another for others
SELECT * FROM (VALUES
	('integers', engage.key_text(1::smallint), engage.key_text(1::bigint), engage.key_text(2)),
	('numeric', engage.key_text(1.00), engage.key_text(1::price), engage.key_text(1.01)),
	('large numeric', engage.key_text(1e20), engage.key_text(100000000000000000000.000), engage.key_text(1e20 + 1)),
	('double', engage.key_text(0.1::float8), engage.key_text(0.10), engage.key_text(0.1::float4)),
	('small double', engage.key_text(1e-7::float8), engage.key_text(0.0000001), engage.key_text(1e-8::float8)),
	('whole double', engage.key_text(1e14::float8), engage.key_text(100000000000000), engage.key_text(1e14::float8 + 1)),
	('negative zero', engage.key_text('-0'::float8), engage.key_text(0), engage.key_text(-1)),
	('not a number', engage.key_text('NaN'::float8), engage.key_text('NaN'::numeric), engage.key_text('Infinity'::float8)),
	('text', engage.key_text('a'::text), engage.key_text('a'::varchar), engage.key_text('A'::text)),
	('char', engage.key_text('a '::char(5)), engage.key_text('a'::char(1)), engage.key_text('b'::char(1))),
	('citext', engage.key_text('Ada'::citext), engage.key_text('aDA'::nick), engage.key_text('Adb'::citext)),
	('boolean', engage.key_text(true), engage.key_text('yes'::boolean), engage.key_text(false)),
	('date', engage.key_text('2024-02-29'::date), engage.key_text('2024-02-29 00:00'::timestamp), engage.key_text('2024-02-29 00:01'::timestamp)),
	('timestamptz', engage.key_text('2024-02-29 01:00+01'::timestamptz), engage.key_text('2024-02-29 00:00+00'::timestamptz), engage.key_text('2024-02-29 00:00+01'::timestamptz)),
	('infinity', engage.key_text('infinity'::date), engage.key_text('infinity'::timestamp), engage.key_text('-infinity'::date)),
	('time', engage.key_text('12:00'::time), engage.key_text('12:00:00.0'::time), engage.key_text('12:00:00.1'::time)),
	('interval', engage.key_text('1 day'::interval), engage.key_text('24 hours'::interval), engage.key_text('-1 day'::interval)),
	('mixed interval', engage.key_text('1 mon -1 day'::interval), engage.key_text('29 days'::interval), engage.key_text('28 days 24:00:00.5'::interval)),
	('bytea', engage.key_text('\x01ff'::bytea), engage.key_text('\001\377'::bytea), engage.key_text('\x01fe'::bytea)),
	('uuid', engage.key_text('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid), engage.key_text('{a0eebc999c0b4ef8bb6d6bb9bd380a11}'::uuid), engage.key_text('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::uuid)),
	('enum', engage.key_text('low'::level), engage.key_text('low'::text), engage.key_text('mid'::level)),
	('inet', engage.key_text('10.0.0.1'::inet), engage.key_text('10.0.0.1/32'::inet), engage.key_text('10.0.0.1/24'::inet)),
	('macaddr', engage.key_text('08:00:2b:01:02:03'::macaddr), engage.key_text('08002b-010203'::macaddr), engage.key_text('08:00:2b:01:02:04'::macaddr)),
	('jsonb', engage.key_text('{"a": 1, "b": 2}'::jsonb), engage.key_text('{"b": 2.0, "a": 1.00}'::jsonb), engage.key_text('{"a": 1}'::jsonb)),
	('array', engage.key_text(ARRAY[1.0, NULL]), engage.key_text(ARRAY[1, NULL]), engage.key_text(ARRAY['1', 'NULL'])),
	('array of citext', engage.key_text(ARRAY['A', 'b']::citext[]), engage.key_text(ARRAY['a', 'B']::citext[]), engage.key_text(ARRAY['a,b']::citext[])),
	('composite', engage.key_text(('de', 1.0)::place), engage.key_text(('de', 1)::place), engage.key_text(('de', NULL)::place)),
	('range', engage.key_text('[1,3)'::int4range), engage.key_text('[1,2]'::int4range), engage.key_text('[1,3]'::int4range)),
	('range of numeric', engage.key_text('[1.0,3)'::numrange), engage.key_text('[1,3.00)'::numrange), engage.key_text('(1,3)'::numrange)),
	('empty range', engage.key_text('empty'::int4range), engage.key_text('[1,1)'::int4range), engage.key_text('(,)'::int4range)),
	('money', engage.key_text('1.00'::money), engage.key_text('1'::money), engage.key_text('2'::money)),
	('bit', engage.key_text(B'101'), engage.key_text(B'101'::varbit), engage.key_text(B'0101'))
) AS t (type, one, same, other) WHERE one IS DISTINCT FROM same OR one IS NOT DISTINCT FROM other;

-- settings have no part in it
CREATE TABLE said AS SELECT engage.key_text('2024-02-03 04:05:06.7+00'::timestamptz) AS a, engage.key_text('2024-02-03'::date) AS b, engage.key_text('90 minutes'::interval) AS c,
	engage.key_text('\x00ff'::bytea) AS d, engage.key_text(1::float8 / 3) AS e, engage.key_text('12:00+02'::timetz) AS f, engage.key_text('[2024-01-01,2024-02-01)'::daterange) AS g,
	engage.key_text(ARRAY['2024-02-03'::date]) AS h, engage.key_text('pg_class'::regclass) AS i;
SELECT * FROM said \gx
SET DateStyle = 'German';
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET bytea_output = 'escape';
SET extra_float_digits = -3;
SELECT said = ROW(engage.key_text('2024-02-03 04:05:06.7+00'::timestamptz), engage.key_text('2024-02-03'::date), engage.key_text('90 minutes'::interval),
	engage.key_text('\x00ff'::bytea), engage.key_text(1::float8 / 3), engage.key_text('12:00+02'::timetz), engage.key_text('[2024-01-01,2024-02-01)'::daterange),
	engage.key_text(ARRAY['2024-02-03'::date]), engage.key_text('pg_class'::regclass))::said AS same FROM said;
RESET ALL;
SET engage.progress = off;
SET client_min_messages = warning;

-- a split by each type: every customer twice, in two spellings, is on one side; and the same side under other settings
CREATE FUNCTION split_by(type text, one text, two text) RETURNS TABLE (customers bigint, held_out numeric, both_sides bigint, moved bigint, verified boolean) LANGUAGE plpgsql AS $$
BEGIN
	RESET DateStyle; RESET TimeZone; RESET IntervalStyle; RESET bytea_output; RESET extra_float_digits;
	EXECUTE format('CREATE TABLE twice AS SELECT CASE WHEN n = 1 THEN %s ELSE %s END::%s AS k, g, n, (hashint4(g) & 255) AS b, (hashint4(g) & 255) > 128 AS y
		FROM generate_series(1, 200) g, generate_series(1, 2) n', one, two, type);
	PERFORM engage_train('twice', 'twice', target => 'y', key => 'k', exclude => '{n,g}', algorithm => 'decision_tree', deploy => 'always');
	CREATE TABLE sides AS SELECT g, n, engage_held_out('twice', t) AS out FROM twice t;
	SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape'; SET extra_float_digits = -3;
	SELECT v.same_data AND v.same_model INTO verified FROM engage_verify('twice') v;
	SELECT count(*), round(avg(o::int), 2), count(*) FILTER (WHERE both_) INTO customers, held_out, both_sides
		FROM (SELECT g, bool_or(out) AS o, bool_or(out) AND NOT bool_and(out) AS both_ FROM sides GROUP BY g) s;
	SELECT count(*) INTO moved FROM twice t JOIN sides s USING (g, n) WHERE engage_held_out('twice', t) <> s.out;
	PERFORM engage_drop('twice');
	DROP TABLE twice, sides;
	RETURN NEXT;
END $$;
SELECT type, s.* FROM (VALUES
	('smallint', 'g', 'g'), ('bigint', 'g', 'g'), ('numeric', 'g', 'round(g, 2)'), ('price', 'g', 'round(g, 3)'),
	('float4', 'g / 4.0', 'g / 4.0'), ('float8', 'g / 7.0::float8', 'g / 7.0::float8'), ('text', '''U'' || g', '''U'' || g'), ('char(9)', '''U'' || g', '''U'' || g || '' '''),
	('citext', '''U'' || g', '''u'' || g'), ('nick', '''U'' || g', '''u'' || g'), ('bytea', 'decode(md5(g::text), ''hex'')', 'decode(md5(g::text), ''hex'')'),
	('date', 'date ''2024-01-01'' + g', 'date ''2024-01-01'' + g'), ('timestamp', 'timestamp ''2024-01-01'' + g * interval ''1 s''', 'timestamp ''2024-01-01'' + g * interval ''1 s'''),
	('timestamptz', 'timestamptz ''2024-01-01 00:00+00'' + g * interval ''1 s''', 'timestamptz ''2024-01-01 01:00+01'' + g * interval ''1 s'''),
	('time', 'time ''00:00'' + g * interval ''1 s''', 'time ''00:00'' + g * interval ''1 s'''), ('interval', 'g * interval ''24 hours''', 'g * interval ''1 day'''),
	('uuid', 'md5(g::text)', 'upper(md5(g::text))'), ('inet', '''10.0.0.'' || g', '''10.0.0.'' || g || ''/32'''), ('jsonb', '''{"id": '' || g || ''}''', '''{"id": '' || g || ''.0}'''),
	('numeric[]', 'ARRAY[g, 1]', 'ARRAY[g, 1.0]'), ('place', 'ROW(''x'', g)::place', 'ROW(''x'', g + 0.0)::place'), ('int4range', 'int4range(g, g + 2)', 'int4range(g, g + 1, ''[]'')'),
	('money', 'g::money', '(g + 0.0)::money'), ('text COLLATE caseless', '''U'' || g', '''u'' || g')) AS t (type, one, two), split_by(type, one, two) AS s;
RESET ALL;
SET engage.progress = off;

-- a type without equality, and a NULL
CREATE TABLE odd AS SELECT g AS id, json_build_object('id', g) AS doc, point(g, g) AS spot, CASE WHEN g > 1 THEN g END AS gap, g % 7 AS a, g % 2 = 0 AS y FROM generate_series(1, 60) g;
SELECT engage_train('odd', 'odd', target => 'y', key => 'doc', exclude => '{id,spot,gap}');
SELECT engage_train('odd', 'odd', target => 'y', key => 'spot', exclude => '{id,doc,gap}');
SELECT engage_train('odd', 'odd', target => 'y', key => 'gap', exclude => '{id,doc,spot}');

-- the log: scores by bigint, outcomes by anything that is equal
CREATE TABLE customers AS SELECT g AS id, g % 17 AS visits, (g * 7919) % 101 AS spend, (g * 7919) % 101 + g % 17 > 60 AS churned FROM generate_series(1, 300) g;
SELECT version FROM engage_train('churn', 'customers', target => 'churned', key => 'id', algorithm => 'decision_tree');
SELECT engage_log_predictions('churn', 'customers', 'id');
SELECT kind, n FROM (VALUES ('integer', 'id'), ('bigint', 'id::bigint'), ('numeric', 'id::numeric(10,2)'), ('double', 'id::float8'), ('text', 'id::text'), ('domain', 'id::price')) t (kind, sql),
	LATERAL engage_performance('churn', 'SELECT ' || sql || ' AS key, churned AS outcome FROM customers', metric => 'auc') p;

-- outcomes that match nothing say so, and why
SELECT n FROM engage_performance('churn', 'SELECT ''C'' || id AS key, churned AS outcome FROM customers', metric => 'auc');
SELECT n FROM engage_performance('churn', 'SELECT id AS key, churned AS outcome, timestamptz ''2001-01-01'' AS at FROM customers', metric => 'auc');
SELECT n FROM engage_performance('churn', 'SELECT id AS key, churned AS outcome FROM customers', metric => 'auc', until => '2001-01-01');

-- rows that are scored by themselves: record and JSON
SELECT engage_predict_logged('churn', c, 'id') >= 0 AS scored FROM (SELECT id::numeric(12,4) AS id, visits, spend FROM customers WHERE id = 7) c;
SELECT engage_predict_logged('churn', '{"id": 7.00, "visits": 1, "spend": 2}'::jsonb, 'id') >= 0 AS scored;
SELECT engage_predict_logged('churn', '{"id": [7], "visits": 1, "spend": 2}'::jsonb, 'id');
SELECT key, count(*) FROM engage.predictions WHERE key LIKE '7%' GROUP BY key HAVING count(*) > 1;
SELECT model, logged FROM engage_erase('7.00', 'churn');

-- segments: the same customers under a retyped key, and others
SELECT version FROM engage_train('groups', 'SELECT id, visits, spend FROM customers', algorithm => 'kmeans', key => 'id', params => '{"k": 3}');
SELECT sum(rows) AS all, sum(rows) FILTER (WHERE from_segment = to_segment) AS stayed
FROM engage_segment_migration('groups', 'SELECT id, visits, spend FROM customers', 'SELECT id::numeric(10,2) AS id, visits, spend FROM customers', 'id');
SELECT sum(rows) AS all, sum(rows) FILTER (WHERE from_segment = to_segment) AS stayed
FROM engage_segment_migration('groups', 'SELECT id, visits, spend FROM customers', 'SELECT ''C'' || id AS id, visits, spend FROM customers', 'id');

-- arms of an experiment and parts of a partitioned model: a row and its JSON
SELECT version FROM engage_train('churn', 'customers', target => 'churned', key => 'id', algorithm => 'logistic_regression', deploy => 'never');
SELECT engage_experiment_start('arms', 'churn', '{1.0.0,1.1.0}', key => 'id') IS NOT NULL AS started;
SELECT count(*) FILTER (WHERE engage_predict('churn', c) <> engage_predict('churn', to_jsonb(n))) AS other_arm, count(DISTINCT engage_predict('churn', c)) > 5 AS both_arms
FROM customers c JOIN LATERAL (SELECT c.id::numeric(10,2) AS id, c.visits, c.spend) n ON true;
