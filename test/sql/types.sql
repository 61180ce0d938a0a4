-- columns of every type, tables of every shape: what was learned from is what is scored
SET engage.progress = off;
SET client_min_messages = warning;
SET extra_float_digits = 1;
SET TimeZone = 'UTC';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'glad');
CREATE DOMAIN share AS numeric(6, 4) CHECK (VALUE >= 0);
CREATE DOMAIN code AS varchar(10);
CREATE DOMAIN deep_code AS code;
CREATE DOMAIN point3 AS float4[] CHECK (cardinality(VALUE) = 3);

-- z is hidden; each column tells something of it in its own type, and is NULL now and then
CREATE TABLE hidden AS SELECT i AS id, (i * 7919 % 1009) AS z FROM generate_series(1, 1200) i;
CREATE TABLE typed AS
SELECT id, z / 100.0 + id % 7 / 10.0 AS y, id % 4 = 0 AS held_out,
	(z - 500)::int2 AS c_int2, (z * 1000)::int4 AS c_int4, z * 10000000000::int8 AS c_int8,
	(z / 7.0)::float4 AS c_float4, sqrt(z)::float8 AS c_float8, (z / 13.0)::numeric AS c_numeric, (z * 1e30)::numeric AS c_numeric_large,
	(z / 10.0)::money AS c_money, z > 500 AS c_bool,
	'w' || z / 100 AS c_text, ('v' || z / 90)::varchar(20) AS c_varchar, ('b' || z / 80)::char(12) AS c_bpchar,
	chr(65 + z / 100)::"char" AS c_char, ('n' || z / 100)::name COLLATE "C" AS c_name,
	(enum_range(NULL::mood))[1 + z / 253] AS c_enum, md5((z / 100)::text)::uuid AS c_uuid, ('10.0.0.' || z / 50)::inet AS c_inet,
	date '2021-05-05' + z AS c_date, timestamp '2021-05-05' + z * interval '37 minutes' AS c_timestamp,
	timestamptz '2021-05-05 00:00+00' + z * interval '1 hour 1 second' AS c_timestamptz,
	z * interval '7 hours 13 minutes' AS c_interval, time '00:00' + z * interval '1 minute' AS c_time,
	ARRAY[z % 10, z / 10] AS c_int_array, ARRAY[id % 3, z / 3.0]::float8[] AS c_float_array, ARRAY[z / 9.0, 1]::numeric[] AS c_numeric_array,
	(z / 1009.0)::share AS c_share, ('d' || z / 110)::code AS c_code, ('e' || z / 120)::deep_code AS c_deep,
	ARRAY[z, 1, id % 5]::point3 AS c_point
FROM hidden;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed'::regclass AND attnum > 0 AND attname ~ '^c_' ORDER BY attnum;

-- NULL in each column, in other rows for each
DO $$
DECLARE
	c text;
	k int := 0;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 AND attname ~ '^c_' LOOP
		k := k + 1;
		EXECUTE format('UPDATE typed SET %I = NULL WHERE (id * 31 + %s) %% 23 = 0', c, k * 5);
	END LOOP;
END $$;

/*
 * One model of each column, then one of all.  Stored r2 is of scores that training computed from the rows it
 * read; r2 here is of engage_predict(), of whole rows and of JSON (money is no JSON number: "$1.00").
 */
CREATE FUNCTION no_skew(model text, source text) RETURNS TABLE (informative boolean, "row" boolean, "json" boolean, "view" boolean)
LANGUAGE plpgsql AS $$
DECLARE
	stored float8 := (SELECT (metrics->>'r2')::float8 FROM engage.versions v WHERE v.model = no_skew.model AND deployed);
	total float8[];
BEGIN
	EXECUTE format('SELECT ARRAY[1 - sum((y - p)^2) / sum((y - m)^2), 1 - sum((y - j)^2) / sum((y - m)^2), 1 - sum((y - v)^2) / sum((y - m)^2)]
		FROM (SELECT y::float4::float8 AS y, engage_predict(%1$L, t) AS p, engage_predict(%1$L, to_jsonb(t) || jsonb_build_object(''c_money'', c_money::numeric)) AS j,
			(SELECT engage_predict(%1$L, w) FROM (SELECT t.*) w) AS v, avg(y::float4::float8) OVER () AS m FROM %2$s t WHERE held_out) s',
		model, source) INTO total;
	informative := stored > 0.3;
	"row" := abs(total[1] - stored) < 1e-6;
	"json" := abs(total[2] - stored) < 1e-6;
	"view" := abs(total[3] - stored) < 1e-6;
	RETURN NEXT;
END $$;

SELECT c.attname, s.*
FROM (SELECT attname, attnum FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 AND attname ~ '^c_') c,
	LATERAL engage_train('of_' || attname, 'typed', target => 'y', key => 'id', split => 'held_out', features => ARRAY[attname]::text[],
		params => '{"n_estimators":30,"max_depth":4}') t,
	LATERAL no_skew(t.model, 'typed') s
ORDER BY attnum;
SELECT version FROM engage_train('all_types', 'typed', target => 'y', key => 'id', split => 'held_out', params => '{"n_estimators":40}');
SELECT * FROM no_skew('all_types', 'typed');
SELECT data->'features' AS features FROM engage.versions WHERE model = 'all_types';

-- the same rows through other shapes: each must score the same
CREATE FUNCTION same_scores(model text, source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM typed t JOIN %s o USING (id) WHERE engage_predict(%L, o) = engage_predict(%2$L, t)', source, model) INTO n;
	RETURN n;
END $$;

CREATE VIEW as_view AS SELECT * FROM typed;
CREATE MATERIALIZED VIEW as_matview AS SELECT * FROM typed;
CREATE TABLE with_dropped (LIKE typed);
ALTER TABLE with_dropped ADD d1 text DEFAULT 'gone', ADD d2 int8;
INSERT INTO with_dropped SELECT *, 'gone', 7 FROM typed;
ALTER TABLE with_dropped DROP d1, DROP d2, ADD c_late int DEFAULT 3;

-- columns in reverse, in front of them wide values that are stored out of line
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE reversed AS SELECT repeat(md5(id::text), 3000) AS fat, '
		|| string_agg(quote_ident(attname), ', ' ORDER BY attnum DESC) || ' FROM typed'
		FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0);
END $$;
ALTER TABLE reversed ALTER fat SET STORAGE EXTERNAL;
CREATE TEMP TABLE unlogged_temp AS SELECT * FROM typed;

-- partitions whose row types differ: dropped columns, another order
CREATE TABLE parted (LIKE typed) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (400);
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE parted_2 (junk bigint, ' || string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attname DESC) || ')'
		FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0);
END $$;
ALTER TABLE parted_2 DROP junk;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (400) TO (5000);
INSERT INTO parted SELECT * FROM typed;

-- inheritance: children have more columns, and theirs in another place
CREATE TABLE parent () INHERITS (typed);
CREATE TABLE child (before text, more int) INHERITS (parent);
INSERT INTO parent SELECT * FROM ONLY typed WHERE id % 2 = 0;
INSERT INTO child SELECT t.*, 'b', 1 FROM ONLY typed t WHERE id % 2 = 1;
CREATE VIEW only_typed AS SELECT * FROM ONLY typed;

-- (typed now holds the inherited rows as well: twice the matches, or four times)
SELECT s.source, same_scores('all_types', s.source) FROM unnest('{typed,as_view,as_matview,with_dropped,reversed,unlogged_temp,
	parted,parted_1,parted_2,(SELECT * FROM typed OFFSET 0)}'::text[]) s(source);
DELETE FROM ONLY typed;
SELECT 'typed (inherited)' AS source, same_scores('all_types', 'parted');

-- training sees the same rows in those shapes too
CREATE TABLE shaped AS SELECT s.source, t.version
FROM unnest('{as_matview,with_dropped,parted,typed}'::text[]) s(source),
	LATERAL engage_train('shape_' || s.source, s.source, target => 'y', key => 'id', split => 'held_out', params => '{"n_estimators":40}',
		exclude => CASE s.source WHEN 'with_dropped' THEN '{c_late}'::text[] END) t;
SELECT s.source, v.data->>'fingerprint' = a.data->>'fingerprint' AS same_rows,
	engage_export(v.model, 'ubj') = engage_export('all_types', 'ubj') AS same_model
FROM shaped s JOIN engage.versions v ON v.model = 'shape_' || s.source, engage.versions a WHERE a.model = 'all_types' ORDER BY 1;

-- rows stored before a column was added have its default
CREATE TABLE grown AS SELECT id, z, z * 2.0 AS y FROM hidden;
ALTER TABLE grown ADD later int DEFAULT 5, ADD word text DEFAULT 'old', ADD pair float8[] DEFAULT '{1,2}', ADD none int;
INSERT INTO grown SELECT id + 10000, z, z * 2.0 + 1000, 9, 'new', '{3,4}', 1 FROM hidden;
SELECT version FROM engage_train('grown', 'grown', target => 'y', key => 'id', params => '{"n_estimators":20}');
SELECT count(*) AS different FROM grown g
WHERE engage_predict('grown', g) <> engage_predict('grown', to_jsonb(g))
	OR engage_predict('grown', g) <> (SELECT engage_predict('grown', w) FROM (SELECT g.id, g.z, g.later, g.word, g.pair, g.none) w);
SELECT version FROM engage_train('grown_only', 'grown', target => 'y', key => 'id', features => '{later,word,none}', params => '{"n_estimators":20}');
SELECT count(DISTINCT engage_predict('grown_only', g)) AS scores, bool_and((engage_predict('grown_only', g) > 1500) = (g.id > 10000)) AS apart FROM grown g;

-- composites: variables, function results, joins, an expression; rows without names are refused
SELECT count(*) FROM grown g, LATERAL (SELECT x FROM (SELECT g.later, g.word, g.none) x) s WHERE engage_predict('grown_only', s.x) IS NULL;
SELECT count(DISTINCT engage_predict('grown_only', (g))) FROM grown g;
DO $$
DECLARE
	r grown;
	q record;
	p float8;
BEGIN
	SELECT * INTO r FROM grown WHERE id = 1;
	SELECT word, later, none INTO q FROM grown WHERE id = 1;
	p := engage_predict('grown_only', r);
	RAISE WARNING 'variables: %, %', p = engage_predict('grown_only', q), p = (SELECT engage_predict('grown_only', g) FROM grown g WHERE id = 1);
	r.later := NULL;
	RAISE WARNING 'a changed one is scored: %', engage_predict('grown_only', r) IS NOT NULL;
END $$;
SELECT count(*) FROM (SELECT engage_predict('grown_only', f) AS p FROM json_to_recordset('[{"later":5,"word":"old","none":null}]')
	AS f(later int, word text, none int)) s WHERE p < 1500;
\set VERBOSITY default
SELECT engage_predict('grown_only', ROW(5, 'old', NULL::int));
SELECT engage_predict('grown_only', NULL::grown) IS NULL AS null_row;

-- categories: order, case, blanks, empty and long texts, other encodings of the same; never seen is missing
CREATE TABLE words AS SELECT i AS id, w, length(w) + ascii(w) / 10.0 AS y
FROM (SELECT i, (ARRAY['', ' ', 'a', 'A', 'ä', 'ae', 'z z', '"q"', E'tab\t', '日本', repeat('long', 400)])[1 + i % 11] AS w
	FROM generate_series(1, 550) i) s;
SELECT version FROM engage_train('words', 'words', target => 'y', key => 'id', params => '{"n_estimators":60,"max_cat_to_onehot":99,"reg_lambda":0}');
SELECT count(DISTINCT engage_predict('words', r)) AS told_apart, max(abs(engage_predict('words', r) - y)) < 1 AS right FROM words r;
SELECT engage_predict('words', jsonb_build_object('w', 'never seen')) = engage_predict('words', '{"w": null}'::jsonb) AS unseen_is_missing;
SELECT count(*) FROM words r WHERE engage_predict('words', r) <> engage_predict('words', jsonb_build_object('w', w));

-- numerics of many digits are the doubles that the server's own cast makes
CREATE TABLE digits AS SELECT i, ('0.' || lpad((hashint8extended(i, 7) & 9223372036854775807)::text, 19, '0'))::numeric(30, 19)
	* (10::numeric ^ (i % 30 - 12)) AS n, i % 7 > 3 AS y FROM generate_series(1, 3000) i;
INSERT INTO digits VALUES (3001, 0.18450641632080078, true), (3002, 18450641632080078.5, false), (3003, -99999999999999999999, true);
SELECT version FROM engage_train('digits', 'digits', target => 'y', exclude => '{i}', params => '{"n_estimators":30}');
SELECT count(*) FROM digits d, LATERAL (SELECT d.n::float8 AS n) f
WHERE engage_predict('digits', d) IS DISTINCT FROM engage_predict('digits', f)
	OR engage_predict('digits', d) IS DISTINCT FROM engage_predict('digits', jsonb_build_object('n', d.n));
