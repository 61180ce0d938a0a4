-- velocity and geography: against PostgreSQL's own windows, one frame for each; bad input
SET timezone = 'UTC';
SET extra_float_digits = 0;
SET client_min_messages = warning;

-- a stream: bursts, ties, gaps of weeks, refunds, missing amounts, times to the microsecond
CREATE FUNCTION h(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8(n)::bigint & 1048575) / 1048576.0 $$;
CREATE TABLE pay AS
WITH raw AS (
	SELECT g AS id, (h(g) * h(g + 7) * 40)::int AS card,
		CASE WHEN h(g + 1) < 0.02 THEN 864000 WHEN h(g + 1) < 0.2 THEN 40000 WHEN h(g + 1) < 0.3 THEN 60 WHEN h(g + 1) < 0.5 THEN 1 ELSE 400 END
			* round(h(g + 2)::numeric, CASE WHEN h(g + 1) < 0.3 THEN 0 ELSE 6 END) AS gap,
		CASE WHEN h(g + 3) < 0.05 THEN NULL WHEN h(g + 3) < 0.06 THEN 'NaN' ELSE round((exp(h(g + 4) * 8) - 20)::numeric, 2) END::float8 AS amount,
		CASE WHEN h(g + 5) > 0.1 THEN h(g + 5) * 180 - 90 END AS lat, h(g + 6) * 360 - 180 AS lon
	FROM generate_series(1, 6000) g)
SELECT id, card, timestamptz '1999-11-01' + sum(gap) OVER (PARTITION BY card ORDER BY id) * interval '1 second' AS at, amount, lat, lon FROM raw;
SELECT count(*), count(DISTINCT card) AS cards, count(*) - count(DISTINCT (card, at)) > 100 AS ties FROM pay;

-- PostgreSQL itself: a frame for each window; (t - w, t] is a frame that begins a microsecond later
CREATE TABLE plain AS
SELECT id, card, at, amount,
	count(*) OVER m1 AS count_1m, count(*) OVER m5 AS count_5m, count(*) OVER m15 AS count_15m, count(*) OVER h1 AS count_1h, count(*) OVER h24 AS count_24h,
	coalesce(sum(a) OVER m1, 0) AS sum_1m, coalesce(sum(a) OVER m5, 0) AS sum_5m, coalesce(sum(a) OVER m15, 0) AS sum_15m,
	coalesce(sum(a) OVER h1, 0) AS sum_1h, coalesce(sum(a) OVER h24, 0) AS sum_24h,
	avg(a) OVER m1 AS mean_1m, avg(a) OVER m5 AS mean_5m, avg(a) OVER m15 AS mean_15m, avg(a) OVER h1 AS mean_1h, avg(a) OVER h24 AS mean_24h,
	max(a) OVER m1 AS max_1m, max(a) OVER m5 AS max_5m, max(a) OVER m15 AS max_15m, max(a) OVER h1 AS max_1h, max(a) OVER h24 AS max_24h,
	count(a) OVER base AS baseline_n, avg(a) OVER base AS baseline_mean, stddev_samp(a) OVER base AS baseline_stddev
FROM (SELECT *, nullif(amount, 'NaN') AS a FROM pay) p
WINDOW m1 AS (PARTITION BY card ORDER BY at RANGE interval '59.999999 seconds' PRECEDING),
	m5 AS (PARTITION BY card ORDER BY at RANGE interval '299.999999 seconds' PRECEDING),
	m15 AS (PARTITION BY card ORDER BY at RANGE interval '899.999999 seconds' PRECEDING),
	h1 AS (PARTITION BY card ORDER BY at RANGE interval '3599.999999 seconds' PRECEDING),
	h24 AS (PARTITION BY card ORDER BY at RANGE interval '86399.999999 seconds' PRECEDING),
	base AS (PARTITION BY card ORDER BY at RANGE BETWEEN interval '2591999.999999 seconds' PRECEDING AND interval '0.000001 seconds' PRECEDING);

CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS
	$$ SELECT a IS NOT DISTINCT FROM b OR coalesce(abs(a - b) <= 1e-9 * greatest(1, abs(a), abs(b)), false) $$;
CREATE FUNCTION same(v engage.velocity, p plain) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN (v.count_1m, v.count_5m, v.count_15m, v.count_1h, v.count_24h, v.baseline_n) <>
			(p.count_1m, p.count_5m, p.count_15m, p.count_1h, p.count_24h, p.baseline_n) THEN 'counts'
		WHEN (v.max_1m, v.max_5m, v.max_15m, v.max_1h, v.max_24h) IS DISTINCT FROM
			(p.max_1m, p.max_5m, p.max_15m, p.max_1h, p.max_24h) THEN 'maxima'
		WHEN NOT (near(v.sum_1m, p.sum_1m) AND near(v.sum_5m, p.sum_5m) AND near(v.sum_15m, p.sum_15m) AND near(v.sum_1h, p.sum_1h) AND near(v.sum_24h, p.sum_24h)) THEN 'sums'
		WHEN NOT (near(v.mean_1m, p.mean_1m) AND near(v.mean_5m, p.mean_5m) AND near(v.mean_15m, p.mean_15m) AND near(v.mean_1h, p.mean_1h) AND near(v.mean_24h, p.mean_24h)) THEN 'means'
		WHEN NOT (near(v.baseline_mean, p.baseline_mean) AND near(v.baseline_stddev, p.baseline_stddev)) THEN 'baseline'
		ELSE 'same' END $$;

-- the default frame: rows with equal times see each other, as in PostgreSQL's frames
CREATE TABLE ours AS SELECT id, engage_velocity(at, amount) OVER (PARTITION BY card ORDER BY at) AS v FROM pay;
SELECT same(v, p), count(*) FROM ours JOIN plain p USING (id) GROUP BY 1;
SELECT max(count_1m) AS m1, max(count_5m) AS m5, max(count_15m) AS m15, max(count_1h) AS h1, max(count_24h) AS h24, max(baseline_n) AS days30 FROM plain;

-- row by row: ties come one after another
SELECT count(*) AS wrong FROM (
	SELECT engage_velocity(at, amount) OVER w AS v, count(*) OVER h AS n, at, amount
	FROM pay WINDOW w AS (PARTITION BY card ORDER BY at, id ROWS UNBOUNDED PRECEDING),
		h AS (PARTITION BY card, at ORDER BY id ROWS UNBOUNDED PRECEDING)) p
WHERE (v).count_1m < n OR (v).at <> at OR ((v).zscore IS NOT NULL AND NOT near((v).zscore, (amount - (v).baseline_mean) / (v).baseline_stddev));

-- a group, in any order and in parallel: as of its latest event
CREATE TABLE last AS SELECT DISTINCT ON (card) card, id FROM plain ORDER BY card, at DESC, id DESC;
SELECT same(v, p), count(*) FROM (SELECT card, engage_velocity(at, amount ORDER BY id % 7, id) AS v FROM pay GROUP BY card) o
JOIN last l USING (card) JOIN plain p ON p.id = l.id GROUP BY 1;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT same(v, p), count(*) FROM (SELECT card, engage_velocity(at, amount) AS v FROM pay GROUP BY card) o JOIN last l USING (card) JOIN plain p ON p.id = l.id GROUP BY 1;

-- as of a time
SELECT count(*) AS wrong FROM (SELECT card, engage_velocity(at, amount, '1999-12-05 12:00') AS v FROM pay GROUP BY card) o, LATERAL (
	SELECT count(*) FILTER (WHERE at > timestamptz '1999-12-05 11:00') AS n, max(a) FILTER (WHERE at > timestamptz '1999-12-04 12:00') AS m,
		coalesce(sum(a) FILTER (WHERE at > timestamptz '1999-12-04 12:00'), 0) AS s,
		stddev_samp(a) FILTER (WHERE at < latest AND at > timestamptz '1999-11-05 12:00') AS d, max(latest) AS latest
	FROM (SELECT at, nullif(amount, 'NaN') AS a, max(at) OVER () AS latest FROM pay p WHERE p.card = o.card AND at <= '1999-12-05 12:00') q) e
WHERE (v).count_1h <> n OR (v).max_24h IS DISTINCT FROM m OR NOT near((v).sum_24h, s) OR NOT near((v).baseline_stddev, d) OR (v).at <> '1999-12-05 12:00';
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- borders: exactly w ago is out, exactly now is in
SELECT s AS ago, (v).count_1m, (v).count_5m FROM (SELECT s, engage_velocity(timestamptz '2024-01-01' - s * interval '1 second', 1) OVER (ORDER BY s DESC) AS v
	FROM unnest('{300,299.999999,60,59.999999,0}'::numeric[]) s) q WHERE s = 0;

-- other windows, other baselines
SELECT count(*) AS wrong FROM (
	SELECT engage_velocities(at, amount, '{10 minutes,7 days}') OVER w AS v, count(*) OVER m AS n, coalesce(sum(nullif(amount, 'NaN')) OVER d, 0) AS s, max(nullif(amount, 'NaN')) OVER d AS x,
		engage_zscore(at, amount, '2 hours') OVER w AS z, (engage_velocity(at, amount) OVER w).zscore AS z30, engage_zscore(at, amount) OVER w AS z30b
	FROM pay WINDOW w AS (PARTITION BY card ORDER BY at), m AS (PARTITION BY card ORDER BY at RANGE interval '599.999999 seconds' PRECEDING),
		d AS (PARTITION BY card ORDER BY at RANGE interval '604799.999999 seconds' PRECEDING)) p
WHERE v[1][1] <> n OR NOT near(v[2][2], s) OR v[2][4] IS DISTINCT FROM x OR z30 IS DISTINCT FROM z30b;
SELECT count(*) AS wrong FROM (
	SELECT engage_zscore(at, amount, '2 hours') OVER (PARTITION BY card ORDER BY at, id ROWS UNBOUNDED PRECEDING) AS z, nullif(amount, 'NaN') AS a, count(a) OVER b AS n, avg(a) OVER b AS m, stddev_samp(a) OVER b AS d
	FROM (SELECT *, nullif(amount, 'NaN') AS a FROM pay) p WINDOW b AS (PARTITION BY card ORDER BY at RANGE BETWEEN interval '7199.999999 seconds' PRECEDING AND interval '0.000001 seconds' PRECEDING)) q
WHERE NOT near(z, CASE WHEN n >= 2 THEN CASE WHEN d > 0 THEN (a - m) / d WHEN a = m THEN 0 WHEN a > m THEN 'Infinity' WHEN a < m THEN '-Infinity' END END);

-- what has left a window cannot be seen in what stays: 1e300, then small ones; constants; tiny spread on a large mean
SELECT s, (v).sum_1m, (v).mean_1m, (v).max_1m FROM (SELECT s, engage_velocity(timestamptz '2024-01-01' + s * interval '25 seconds', a) OVER (ORDER BY s) AS v
	FROM unnest('{1e300,0.1,0.2,0.3,-1e17,0.1,0.2,0.3,0.4}'::float8[]) WITH ORDINALITY q (a, s)) q;
SELECT s, (v).baseline_mean, (v).baseline_stddev, (v).zscore FROM (SELECT s, engage_velocity(timestamptz '2024-01-01' + s * interval '6 days', a) OVER (ORDER BY s) AS v
	FROM unnest('{1e15,0.1,0.1,0.1,0.1,0.1,0.1,0.1,5}'::float8[]) WITH ORDINALITY q (a, s)) q;
SELECT max(abs((v).baseline_stddev - (v2).baseline_stddev)) < 1e-9 AS shifted FROM (
	SELECT engage_velocity(at, s % 7) OVER (ORDER BY at) AS v, engage_velocity(at, 1e9 + s % 7) OVER (ORDER BY at) AS v2
	FROM (SELECT s, timestamptz '2024-01-01' + s * interval '1 day' AS at FROM generate_series(1, 200) s) g) q;
SELECT (v).* FROM (SELECT engage_velocity(at, amount) AS v FROM (VALUES (timestamptz '2024-01-01', 'Infinity'::float8), ('2024-01-01', NULL)) e (at, amount)) q;
-- NULL times
SELECT at, (v).count_24h FROM (SELECT at, engage_velocity(at, 1) OVER (ORDER BY at) AS v FROM (VALUES (timestamptz '2024-01-01'), (NULL), ('2024-01-01 01:00'), (NULL)) e (at)) q;
SELECT engage_velocity(at, 1) IS NULL AS nothing, (engage_velocity(at, 1, '2024-01-01')).count_24h AS zero FROM (VALUES (NULL::timestamptz)) e (at);
SELECT engage_velocity(at, 1) IS NULL AS nothing, engage_velocity(at, 1, '2024-01-01') IS NULL AS nothing2, engage_zscore(at, 1) FROM (SELECT now() AS at WHERE false) e;

-- geography: degrees and km of test/golden/velocity.py (50 digits); neighbours and antipodes
SELECT place, abs(engage_haversine(lat1, lon1, lat2, lon2) - km) <= 1e-12 * km + CASE WHEN km = 0 THEN 1e-11 ELSE 0 END AS same FROM (VALUES
	('Berlin to Paris', 52.52, 13.405, 48.8566, 2.3522, 877.4645379215092656::float8),
	('New York to Tokyo', 40.7128, -74.006, 35.6762, 139.6503, 10851.747837814115668::float8),
	('across the date line', -17.7, 179.9, -17.7, -179.9, 21.186252974417046017::float8),
	('pole to pole', 90, 0, -90, 0, 20015.114442035924312::float8),
	('a metre', 48.8566, 2.3522, 48.856609, 2.3522, 0.001000755721945396604::float8),
	('a micrometre', 0, 0, 0, 0.00000000001, 1.1119508023353290612e-9::float8),
	('almost antipodes', 30, 40, -29.9999, -139.9999, 20015.099732306282287::float8),
	('nearer to antipodes', 0.0000001, 0, 0, 180, 20015.114430916416289::float8),
	('round the world', 10, -180, 10, 180, 0::float8)
) g (place, lat1, lon1, lat2, lon2, km);
SELECT engage_haversine(NULL, 0, 0, 0) IS NULL AS missing, round(engage_speed(0, 0, '2024-01-01 00:00', 0, 1, '2024-01-01 00:30')::numeric, 6) AS kmh,
	round(engage_speed(0, 0, '2024-01-01 00:30', 0, 1, '2024-01-01 00:00')::numeric, 6) AS back, engage_speed(0, 0, '2024-01-01', 0, 1, '2024-01-01') AS two_places,
	engage_speed(5, 5, '2024-01-01', 5, 5, '2024-01-01') AS one_place;
-- the rule: faster than 500 km/h and farther than 10 km
SELECT what, engage_impossible_travel(0, 0, '2024-01-01 00:00', 0, lon, at2) AS impossible FROM (VALUES
	('499 km/h', 4.4876, timestamptz '2024-01-01 01:00'), ('501 km/h', 4.5056, '2024-01-01 01:00'), ('9 km at once', 0.0809, '2024-01-01 00:00'), ('11 km at once', 0.0990, '2024-01-01 00:00'),
	('9 km in a second', 0.0809, '2024-01-01 00:00:01'), ('standing', 0, '2024-01-01 00:00')) e (what, lon, at2);
SELECT engage_impossible_travel(0, 0, '2024-01-01 00:00', 0, 10, '2024-01-01 01:00', max_kmh => 2000) AS by_rocket,
	engage_impossible_travel(0, 0, '2024-01-01 00:00', 0, 0.01, '2024-01-01 00:00', min_km => 0) AS strict;

-- places within engage_velocity: from the place before; none where the event has none
CREATE TABLE places AS
	SELECT lat, engage_velocity(at, amount, lat, lon) OVER w AS v, engage_haversine(plat, plon, lat, lon) AS km, engage_speed(plat, plon, pat, lat, lon, at) AS kmh, ties
	FROM (SELECT e.*, lag(lat) OVER w AS plat, lag(lon) OVER w AS plon, lag(at) OVER w AS pat, count(*) OVER (PARTITION BY card, at) AS ties
		FROM pay e WHERE lat IS NOT NULL WINDOW w AS (PARTITION BY card ORDER BY at, id)
		UNION ALL SELECT *, NULL, NULL, NULL, 1 FROM pay WHERE lat IS NULL) p
	WINDOW w AS (PARTITION BY card ORDER BY at, id ROWS UNBOUNDED PRECEDING);
SELECT count((v).km) > 4000 AS many, count(*) FILTER (WHERE (v).kmh = 'Infinity') > 100 AS at_once FROM places;
SELECT count(*) AS wrong FROM places
WHERE CASE WHEN lat IS NULL THEN (v).km IS NOT NULL AND ties = 1 AND NOT EXISTS (SELECT FROM pay p WHERE p.at = (v).at AND p.lat IS NOT NULL) ELSE NOT near((v).km, km) OR NOT near((v).kmh, kmh) END;
SELECT (engage_velocity(at, 1, lat, 0)).km = (engage_velocity(at, 1, lat, 0, '2024-01-02')).km AS same, round((engage_velocity(at, 1, lat, 0)).kmh::numeric, 6) AS kmh
FROM (VALUES (timestamptz '2024-01-01 00:20', 2), ('2024-01-01 00:00', 5), ('2024-01-01 00:10', 1)) e (at, lat);

-- bad input
\set VERBOSITY terse
SELECT engage_velocity(at, 1) OVER (ORDER BY at DESC) FROM pay;
SELECT engage_velocity('infinity', 1);
SELECT engage_velocity('-infinity', 1) OVER ();
SELECT engage_velocity(at, 1, NULL::timestamptz) FROM pay;
SELECT engage_velocity(at, 1, timestamptz 'infinity') FROM pay;
SELECT engage_velocity(at, 1, at) FROM (VALUES (timestamptz '2024-01-01'), ('2024-01-02')) e (at);
SELECT engage_velocities(at, 1, '{1 minute,1 mon}') FROM pay;
SELECT engage_velocities(at, 1, '{1 minute,NULL}') FROM pay;
SELECT engage_velocities(at, 1, '{-1 minute}') FROM pay;
SELECT engage_velocities(at, 1, '{11 years}') FROM pay;
SELECT engage_velocities(at, 1, '{4000 days}') FROM pay;
SELECT engage_velocities(at, 1, '{}') FROM pay;
SELECT engage_velocities(at, 1, array_fill(interval '1 hour', '{17}')) FROM pay;
SELECT engage_velocities(at, 1, CASE WHEN id = 1 THEN '{1 minute}' ELSE '{2 minutes}' END::interval[]) FROM pay WHERE id <= 2;
SELECT engage_zscore(at, 1, '0') FROM pay;
SELECT engage_velocity(at, 1, 91.5, 0) FROM pay;
SELECT (engage_velocity(at, 1, 0, 'NaN', '2030-01-01')).km IS NULL AS nan_is_missing FROM pay;
SELECT engage_haversine(90.0001, 0, 0, 0);
SELECT engage_haversine(0, 0, 0, 200);
SELECT engage_haversine(0, 0, 'NaN', 0);
SELECT engage_haversine(0, 0, 0, '-Infinity');
SELECT engage_speed(0, 0, 'infinity', 0, 0, 'infinity');
SELECT engage_impossible_travel(0, 0, '2024-01-01', 0, 0, '2024-01-01', max_kmh => 0);
SELECT engage_impossible_travel(0, 0, '2024-01-01', 0, 0, '2024-01-01', min_km => -1);
-- states made up
SELECT engage.velocity_accum('\x01', now(), 1);
SELECT engage.velocity_final(repeat('x', 500)::bytea);
SELECT engage.velocity_accum(NULL, now(), 1);
SELECT engage.velocity_join('\x00', '\x00');
