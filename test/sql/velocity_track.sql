-- rollups: equal to the windows, fed by INSERT, COPY, ON CONFLICT, late events; many events; rollback; bad input
SET timezone = 'UTC';
SET extra_float_digits = 0;
SET client_min_messages = warning;
CREATE FUNCTION h(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8(n)::bigint & 1048575) / 1048576.0 $$;
CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS
	$$ SELECT a IS NOT DISTINCT FROM b OR coalesce(abs(a - b) <= 1e-9 * greatest(1, abs(a), abs(b)), false) $$;
CREATE FUNCTION same(a engage.velocity, b engage.velocity) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN a.at <> b.at OR (a.count_1m, a.count_5m, a.count_15m, a.count_1h, a.count_24h) <> (b.count_1m, b.count_5m, b.count_15m, b.count_1h, b.count_24h) THEN 'counts'
		WHEN (a.max_1m, a.max_5m, a.max_15m, a.max_1h, a.max_24h) IS DISTINCT FROM (b.max_1m, b.max_5m, b.max_15m, b.max_1h, b.max_24h) THEN 'maxima'
		WHEN NOT (near(a.sum_1m, b.sum_1m) AND near(a.sum_5m, b.sum_5m) AND near(a.sum_15m, b.sum_15m) AND near(a.sum_1h, b.sum_1h) AND near(a.sum_24h, b.sum_24h)) THEN 'sums'
		WHEN NOT (near(a.mean_1m, b.mean_1m) AND near(a.mean_1h, b.mean_1h) AND near(a.mean_24h, b.mean_24h)) THEN 'means'
		WHEN NOT (near(a.km, b.km) AND near(a.kmh, b.kmh)) THEN 'places' ELSE 'same' END $$;

-- fewer than 100 events a day: exact. Half of them are there before, the rest comes by statements of many rows
CREATE TABLE stream AS
WITH raw AS (
	SELECT g AS id, 'card ' || (h(g) * h(g + 7) * 40)::int AS card,
		CASE WHEN h(g + 1) < 0.2 THEN 40000 WHEN h(g + 1) < 0.3 THEN 60 ELSE 900 END * round(h(g + 2)::numeric, CASE WHEN h(g + 1) < 0.3 THEN 0 ELSE 6 END) AS gap,
		CASE WHEN h(g + 3) < 0.05 THEN NULL ELSE exp(h(g + 4) * 8) - 20 END::numeric(12,2) AS amount,
		CASE WHEN h(g + 5) > 0.1 THEN h(g + 5) * 180 - 90 END AS lat, h(g + 6) * 360 - 180 AS lon
	FROM generate_series(1, 6000) g)
SELECT id, card, timestamptz '1999-12-20' + sum(gap) OVER (PARTITION BY card ORDER BY id) * interval '1 second' AS at, amount, lat, lon FROM raw;
CREATE TABLE pay (LIKE stream);
INSERT INTO pay SELECT * FROM stream WHERE at < '2000-01-01';
SELECT engage_velocity_track('cards', 'pay', 'card', 'at', 'amount', 'lat', 'lon') = count(DISTINCT card) AS keys FROM pay;
SELECT tracker, source, rollup, key, at, amount, lat, lon FROM engage.velocity_trackers;
\d cards_velocity
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'pay'::regclass;
CREATE FUNCTION check_state(source text) RETURNS TABLE (verdict text, cards bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT same(engage_velocity_state(''cards'', card, at), v), count(*) FROM (
		SELECT DISTINCT ON (card) card, at, engage_velocity(at, amount, lat, lon) OVER (PARTITION BY card ORDER BY at, id ROWS UNBOUNDED PRECEDING) AS v FROM %s s ORDER BY card, at DESC, id DESC) q GROUP BY 1', source);
END $$;
SELECT * FROM check_state('pay');
INSERT INTO pay SELECT * FROM stream WHERE at >= '2000-01-01' AND at < '2000-01-08' ORDER BY id;
SELECT * FROM check_state('pay');
-- row by row, the latest first
DO $$ DECLARE r pay; BEGIN
	FOR r IN SELECT * FROM stream WHERE at >= '2000-01-08' AND at < '2000-01-12' ORDER BY at DESC, id LOOP INSERT INTO pay SELECT r.*; END LOOP;
END $$;
SELECT * FROM check_state('pay');
INSERT INTO pay SELECT * FROM stream WHERE at >= '2000-01-12' ORDER BY h(id), id;
SELECT sum(cards) FILTER (WHERE verdict = 'same') > 35 AS same, sum(cards) FILTER (WHERE verdict NOT IN ('same', 'places')) AS wrong FROM check_state('pay');
-- the baseline: where all events of a key are of the last 29 days, it is exact
SELECT count(*) > 20 AS many, count(*) FILTER (WHERE NOT (near((s).baseline_mean, (v).baseline_mean) AND near((s).baseline_stddev, (v).baseline_stddev) AND (s).baseline_n = (v).baseline_n)) AS wrong,
	count(*) FILTER (WHERE (s).zscore IS NULL) < 10 AS scores
FROM (SELECT engage_velocity_state('cards', card, max(at)) AS s, engage_velocity(at, amount) AS v FROM pay GROUP BY card HAVING min(at) > max(at) - interval '29 days') q;
-- where it has an end, that is at most a day too early
SELECT count(*) AS cards, count(*) FILTER (WHERE (s).baseline_n NOT BETWEEN n AND n31) AS wrong, sum(n) < sum(of_all) * 0.9 AS ends FROM (
	SELECT engage_velocity_state('cards', card, max(at) + interval '26 days') AS s, count(amount) AS of_all,
		count(amount) FILTER (WHERE at < latest AND at > latest - interval '4 days') AS n, count(amount) FILTER (WHERE at < latest AND at > latest - interval '5 days') AS n31
	FROM (SELECT *, max(at) OVER (PARTITION BY card) AS latest FROM pay) p GROUP BY card) q;
-- COPY, several keys in one statement, a key twice, ON CONFLICT, RETURNING
COPY pay FROM stdin;
7001	new a	2000-03-01 00:00:00+00	10	10	10
7002	new b	2000-03-01 00:00:01+00	20	\N	\N
7003	new a	2000-03-01 00:00:30+00	30	10	11
\.
INSERT INTO pay VALUES (7004, 'new b', '2000-03-01 00:00:40', 5, NULL, NULL), (7005, 'new a', '2000-03-01 00:00:40', 50, 10, 11), (7006, 'new b', '2000-03-01 00:00:40', 6, NULL, NULL) RETURNING id;
SELECT k, at, count_1m, sum_1m, mean_1m, max_1m, baseline_n, baseline_mean, round(zscore::numeric, 6) AS zscore, round(km::numeric, 3) AS km, round(kmh::numeric, 3) AS kmh
FROM unnest('{new a,new b}'::text[]) k, engage_velocity_state('cards', k, '2000-03-01 00:00:45');
-- what if: the same as after the insert
CREATE TABLE what_if AS SELECT engage_velocity_with('cards', 'new a', '2000-03-01 00:00:55', 500, 11, 12) AS v;
INSERT INTO pay VALUES (7007, 'new a', '2000-03-01 00:00:55', 500, 11, 12);
SELECT v = engage_velocity_state('cards', 'new a', '2000-03-01 00:00:55') AS same, (v).count_1m, (v).max_1m, round((v).zscore::numeric, 6) AS zscore, round((v).km::numeric, 3) AS km FROM what_if;
SELECT count_1h, sum_1h, zscore, km FROM engage_velocity_with('cards', 'nobody', '2000-03-01', 5, 1, 1);
-- time passes; later; earlier than the latest event; a key that is not known; NULL
SELECT t, count_1m, count_5m, count_1h, count_24h, baseline_n, zscore IS NULL AS nothing FROM unnest('{2000-03-01 00:00:30,2000-03-01 00:01:20,2000-03-01 00:02,2000-03-02,2000-03-15,2000-06-01}'::timestamptz[]) t, engage_velocity_state('cards', 'new a', t);
SELECT count_24h, sum_24h, mean_24h, baseline_n, zscore, km FROM engage_velocity_state('cards', 'nobody');
SELECT engage_velocity_state('cards', NULL::text) IS NULL AS missing, engage_velocity_with('cards', NULL::text, now()) IS NULL AS missing2;
-- ROLLBACK takes it back
BEGIN; INSERT INTO pay SELECT 8000 + g, 'new a', '2000-03-01 00:00:56', 1 FROM generate_series(1, 10) g;
SELECT count_1m FROM engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57');
SAVEPOINT s; INSERT INTO pay VALUES (8100, 'new a', '2000-03-01 00:00:56', 1); ROLLBACK TO s;
SELECT count_1m FROM engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57'); ROLLBACK;
SELECT count_1m FROM engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57');
-- what is left out: no key, no time, long ago, ahead of the clock; and what is missing
SET client_min_messages = warning;
INSERT INTO pay VALUES (1, NULL, '2000-03-01 00:00:57', 1), (2, 'new a', NULL, 1), (3, 'new a', '-infinity', 1);
\set VERBOSITY terse
INSERT INTO pay VALUES (4, 'new a', now() + interval '1 hour', 1), (5, 'new a', 'infinity', 1), (6, 'new c', now() + interval '1 minute', 'NaN');
SELECT count_1m FROM engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57');
SELECT count_5m, sum_5m, max_5m FROM engage_velocity_state('cards', 'new c', now() + interval '2 minutes');
INSERT INTO pay VALUES (9, 'new a', '2000-03-01 00:00:57', 1, 99, 0);
INSERT INTO pay SELECT * FROM pay WHERE false;

-- many events: windows are blunt by the step of the page, never short; a row stays small and in its page
CREATE TABLE hot (device int, at timestamptz, amount int);
SELECT engage_velocity_track('devices', 'hot', 'device', 'at', 'amount');
CREATE TABLE seen (at timestamptz, v engage.velocity);
DO $$ DECLARE t timestamptz := '2024-01-01'; i int := 0; BEGIN
	WHILE i < 900 LOOP
		t := t + interval '1 second' * (CASE WHEN h(i) < 0.05 THEN 12000 ELSE 40 END * h(i + 1));
		INSERT INTO hot SELECT 1, t + interval '1 second' * 20 * h(i * 50 + g), (1000 * h(i * 50 + g + 9))::int FROM generate_series(1, 10 + i % 7) g;
		SELECT max(at) INTO t FROM hot;
		INSERT INTO seen SELECT t, engage_velocity_state('devices', 1, t);
		i := i + 1;
	END LOOP;
END $$;
SELECT count(*) > 10000 AS many, max(at) - min(at) > interval '2 days' AS days FROM hot;
CREATE TABLE truth AS SELECT DISTINCT ON (at) at, a.* FROM (
	SELECT at, ARRAY[count(*) OVER (o RANGE interval '59.999999 s' PRECEDING), count(*) OVER (o RANGE interval '299.999999 s' PRECEDING), count(*) OVER (o RANGE interval '899.999999 s' PRECEDING),
		count(*) OVER (o RANGE interval '3599.999999 s' PRECEDING), count(*) OVER (o RANGE interval '86399.999999 s' PRECEDING)] AS least,
		ARRAY[count(*) OVER (o RANGE interval '61 s' PRECEDING), count(*) OVER (o RANGE interval '310 s' PRECEDING), count(*) OVER (o RANGE interval '930 s' PRECEDING),
		count(*) OVER (o RANGE interval '3720 s' PRECEDING), count(*) OVER (o RANGE interval '88200 s' PRECEDING)] AS most,
		ARRAY[sum(amount) OVER (o RANGE interval '59.999999 s' PRECEDING), sum(amount) OVER (o RANGE interval '299.999999 s' PRECEDING), sum(amount) OVER (o RANGE interval '899.999999 s' PRECEDING),
		sum(amount) OVER (o RANGE interval '3599.999999 s' PRECEDING), sum(amount) OVER (o RANGE interval '86399.999999 s' PRECEDING)] AS sum,
		ARRAY[max(amount) OVER (o RANGE interval '59.999999 s' PRECEDING), max(amount) OVER (o RANGE interval '61 s' PRECEDING)] AS max
	FROM hot WINDOW o AS (ORDER BY at)) a (at2, least, most, sum, max), LATERAL (SELECT at2) b (at) ORDER BY at;
SELECT count(*) AS states, count(*) FILTER (WHERE NOT c BETWEEN l AND m) AS wrong, count(*) FILTER (WHERE s < total) AS short, count(*) FILTER (WHERE (v).max_1m NOT BETWEEN max[1] AND max[2]) AS maxima
FROM (SELECT at, v, unnest(ARRAY[(v).count_1m, (v).count_5m, (v).count_15m, (v).count_1h, (v).count_24h]) AS c, unnest(least) AS l, unnest(most) AS m,
	unnest(ARRAY[(v).sum_1m, (v).sum_5m, (v).sum_15m, (v).sum_1h, (v).sum_24h]) AS s, unnest(sum) AS total, max FROM seen JOIN truth USING (at)) q;
SELECT pg_column_size(state) BETWEEN 3000 AND 8000 AS bounded, (SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'devices_velocity') AS out_of_line FROM devices_velocity;
-- backfill makes the same of the same events
CREATE TABLE before AS SELECT s.v AS last FROM seen s ORDER BY at DESC LIMIT 1;
SELECT engage_velocity_untrack('devices');
SELECT engage_velocity_track('devices', 'hot', 'device', 'at', 'amount');
SELECT abs((last).count_1h - (v).count_1h) <= 60 AS about, (last).count_1m = (v).count_1m AS same FROM before, LATERAL (SELECT max(at) FROM hot) m (t), engage_velocity_state('devices', 1, t) v;

-- keys of other types; the value, another type, or its text
CREATE DOMAIN code AS varchar(10) CHECK (VALUE <> '');
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE keys (a bigint, b uuid, c code, d colour, e int[], f numeric, g char(5), h timestamp, i bytea, j inet);
SELECT count(engage_velocity_track('key ' || k, 'keys', k, 'h')) FROM unnest('{a,b,c,d,e,f,g,i,j}'::text[]) k;
INSERT INTO keys SELECT g, md5(g::text)::uuid, 'c' || g, CASE g WHEN 1 THEN 'red' ELSE 'green' END::colour, ARRAY[g], g + 0.50, 'g' || g, timestamp '2024-01-01' + g * interval '1 s', decode(md5(g::text), 'hex'), '10.0.0.1'::inet + g FROM generate_series(1, 3) g;
INSERT INTO keys SELECT * FROM keys WHERE a = 2;
SELECT (engage_velocity_state('key a', 2, t)).count_1m AS a, (engage_velocity_state('key a', '2', t)).count_1m AS a2, (engage_velocity_state('key b', md5('2')::uuid, t)).count_1m AS b,
	(engage_velocity_state('key c', 'c2', t)).count_1m AS c, (engage_velocity_state('key c', 'c2'::code, t)).count_1m AS c2, (engage_velocity_state('key d', 'green', t)).count_1m AS d, (engage_velocity_state('key d', 'green'::colour, t)).count_1m AS d2,
	(engage_velocity_state('key e', ARRAY[2], t)).count_1m AS e, (engage_velocity_state('key f', 2.5, t)).count_1m AS f, (engage_velocity_state('key g', 'g2', t)).count_1m AS g, (engage_velocity_state('key g', 'g2'::varchar, t)).count_1m AS g2,
	(engage_velocity_state('key i', decode(md5('2'), 'hex'), t)).count_1m AS i, (engage_velocity_state('key j', '10.0.0.3', t)).count_1m AS j FROM (SELECT timestamptz '2024-01-01 00:00:05') q (t);
SELECT engage_velocity_state('key a', 'two');
SELECT engage_velocity_state('key d', 'blue');

-- partitioned: through the root
CREATE TABLE parts (k int, at timestamptz, x real) PARTITION BY RANGE (at);
CREATE TABLE parts_2024 (x real, gone int, at timestamptz, k int);
ALTER TABLE parts_2024 DROP gone;
ALTER TABLE parts ATTACH PARTITION parts_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO parts VALUES (1, '2024-06-01', 1);
SELECT engage_velocity_track('parts', 'parts', 'k', 'at', 'x');
INSERT INTO parts VALUES (1, '2024-06-01 00:00:01', 2), (2, '2024-06-01 00:00:01', 3);
SELECT count_1m, sum_1m FROM engage_velocity_state('parts', 1, '2024-06-01 00:00:02');
-- renamed tables are followed, renamed columns are not
ALTER TABLE pay RENAME TO payments;
ALTER TABLE cards_velocity RENAME TO rollup;
CREATE SCHEMA other; ALTER TABLE rollup SET SCHEMA other;
INSERT INTO payments VALUES (7010, 'new a', '2000-03-01 00:00:57', 1);
SELECT count_1m FROM engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57');
ALTER TABLE payments RENAME card TO card_id;
INSERT INTO payments VALUES (7010, 'new a', '2000-03-01 00:00:57', 1);
ALTER TABLE payments RENAME card_id TO card;
ALTER TABLE payments ALTER card TYPE varchar;
INSERT INTO payments VALUES (7010, 'new a', '2000-03-01 00:00:57', 1);
ALTER TABLE payments ALTER card TYPE text;
-- a function's session keeps its plans; other settings do not matter
SET search_path = other; SELECT (public.engage_velocity_state('cards', 'new a', '2000-03-01 00:00:57')).count_1m; RESET search_path;
-- bad input
SELECT engage_velocity_track('cards', 'payments', 'card', 'at');
SELECT engage_velocity_track('', 'payments', 'card', 'at');
SELECT engage_velocity_track(repeat('x', 48), 'payments', 'card', 'at');
SELECT engage_velocity_track('x', 'payments', 'nope', 'at');
SELECT engage_velocity_track('x', 'payments', 'card', 'at', 'ctid');
SELECT engage_velocity_track('x', 'payments', 'card', 'card');
SELECT engage_velocity_track('x', 'payments', 'card', 'at', 'card');
SELECT engage_velocity_track('x', 'payments', 'card', 'at', 'amount', 'lat');
SELECT engage_velocity_track('x', 'nope', 'card', 'at');
SELECT engage_velocity_track('x', 'pg_stats', 'tablename', 'at');
SELECT engage_velocity_track('x', NULL, 'card', 'at');
CREATE TABLE points (p point, at timestamptz);
SELECT engage_velocity_track('x', 'points', 'p', 'at');
SELECT tracker FROM engage.velocity_trackers WHERE tracker = 'x';
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT engage_velocity_track('x', 'payments', 'card', 'at'); ROLLBACK;
SELECT engage_velocity_state('nope', 1);
SELECT engage_velocity_state('cards', 'x', 'infinity');
SELECT engage_velocity_with('cards', 'x', '2024-01-01', 1, 100, 0);
SELECT engage.velocity_feed();
CREATE TRIGGER fake AFTER INSERT ON points REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION engage.velocity_feed('cards');
INSERT INTO points VALUES ('(1,1)', now());
DROP TRIGGER fake ON points;
CREATE TRIGGER fake AFTER INSERT ON points FOR EACH ROW EXECUTE FUNCTION engage.velocity_feed('cards');
INSERT INTO points VALUES ('(1,1)', now());
UPDATE other.rollup SET state = '\x4765563100' WHERE key = 'new a';
SELECT engage_velocity_state('cards', 'new a');
UPDATE other.rollup SET state = state || '\x00' WHERE key = 'new b';
INSERT INTO payments VALUES (7010, 'new b', '2000-03-01 00:00:57', 1);
-- dropped by hand
DROP TABLE other.rollup;
SELECT engage_velocity_state('cards', 'new a');
INSERT INTO payments VALUES (7010, 'new a', '2000-03-01 00:00:57', 1);
SELECT engage_velocity_untrack('cards');
INSERT INTO payments VALUES (7010, 'new a', '2000-03-01 00:00:57', 1);
DROP TABLE hot;
SELECT engage_velocity_untrack('devices');
SELECT engage_velocity_untrack('devices');
SELECT to_regclass('devices_velocity');
