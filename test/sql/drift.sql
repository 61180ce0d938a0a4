-- drift aggregates: scipy's numbers (test/golden/drift.py) to 1e-9, then sketches, parallel plans, bad input
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco

CREATE TABLE golden (name text, expected float8);
INSERT INTO golden VALUES
	('ks', 0.23415469691391289),
	('wasserstein', 12.837437135939492),
	('psi', 0.36478574959414983),
	('kl', 0.19666106419044008),
	('js', 0.0437830678187313),
	('chi2', 579.4956997222728),
	('psi_edges', 0.4183497628263009),
	('kl_edges', 0.25048819970155),
	('js_edges', 0.04760674831078871),
	('chi2_edges', 592.8267958721128),
	('ks_halves', 0.01502149591297837),
	('ks_p_halves', 0.815906272016657),
	('wasserstein_halves', 0.39845563190984723),
	('psi_text', 0.4945779748698995),
	('kl_text', 0.25525054900936195),
	('js_text', 0.060308667676305085),
	('chi2_text', 817.4977139390692),
	('ks_p_small', 0.4695855981713717),
	('chi2_p_small', 0.05911427592751336),
	('kl_small', 0.06102771605322535);
CREATE FUNCTION near(golden_name text, value float8) RETURNS boolean LANGUAGE sql AS
$$ SELECT abs(value - expected) <= 1e-9 * greatest(1, abs(expected)) FROM golden WHERE name = golden_name $$;

SELECT near('ks', engage_ks(monthly_charges, tenure > 24)) AS ks,
	near('wasserstein', engage_wasserstein(monthly_charges, tenure > 24)) AS wasserstein,
	near('psi', engage_psi(monthly_charges, tenure > 24)) AS psi,
	near('kl', engage_kl(monthly_charges, tenure > 24, 10)) AS kl,
	near('js', engage_js(monthly_charges, tenure > 24)) AS js,
	near('chi2', engage_chi2(monthly_charges, tenure > 24)) AS chi2
FROM telco;
SELECT near('psi_text', engage_psi(payment_method, tenure > 24)) AS psi,
	near('kl_text', engage_kl(payment_method, tenure > 24)) AS kl,
	near('js_text', engage_js(payment_method, tenure > 24)) AS js,
	near('chi2_text', engage_chi2(payment_method, tenure > 24)) AS chi2,
	engage_chi2_p(payment_method, tenure > 24) < 1e-100 AS p
FROM telco;

SELECT near('psi_edges', engage_psi(monthly_charges, tenure > 24, ARRAY[20, 40, 60, 80, 100])) AS psi,
	near('kl_edges', engage_kl(monthly_charges, tenure > 24, ARRAY[20, 40, 60, 80, 100])) AS kl,
	near('js_edges', engage_js(monthly_charges, tenure > 24, ARRAY[20, 40, 60, 80, 100])) AS js,
	near('chi2_edges', engage_chi2(monthly_charges, tenure > 24, ARRAY[20, 40, 60, 80, 100])) AS chi2
FROM telco;

-- nothing has moved: the asymptotic p-value, right to 1 %
SELECT near('ks_halves', engage_ks(monthly_charges, customer_id % 2 = 0)) AS ks,
	abs(engage_ks_p(monthly_charges, customer_id % 2 = 0) / (SELECT expected FROM golden WHERE name = 'ks_p_halves') - 1) < 0.01 AS p,
	near('wasserstein_halves', engage_wasserstein(monthly_charges, customer_id % 2 = 0)) AS wasserstein
FROM telco;

-- exact p-value of small samples
SELECT near('ks_p_small', engage_ks_p(x, k % 2 = 0))
FROM (SELECT x + 3 * (k % 2 = 0)::int AS x, k
	FROM (SELECT x, row_number() OVER (ORDER BY x) AS k
		FROM (SELECT DISTINCT monthly_charges AS x FROM telco WHERE customer_id <= 300) AS d) AS n) AS s;

-- two histograms
SELECT near('chi2_p_small', engage_chi2_p(ARRAY[30, 20, 50], ARRAY[25, 35, 40])) AS p,
	near('kl_small', engage_kl(ARRAY[30, 20, 50], ARRAY[25, 35, 40])) AS kl,
	engage_psi(ARRAY[30, 20, 50], ARRAY[3, 2, 5]) AS same,
	round(engage_psi(ARRAY[50, 50], ARRAY[100, 0])::numeric, 6) = round((0.5 * ln(2.0) + (0.0001 - 0.5) * ln(0.0002))::numeric, 6) AS floor,
	engage_js(ARRAY[1, 0], ARRAY[0, 1]) = ln(2::float8) AS nothing_in_common;

-- edges: the same as counting by hand; NULL and NaN are a bin
CREATE TABLE mixed AS SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 11 = 0 THEN 'NaN'::float8 ELSE i % 97 END AS v
FROM generate_series(1, 5000) AS i;
SELECT engage_psi(v, i > 3000, ARRAY[20, 40, 60]) = engage_psi(
	ARRAY[count(*) FILTER (WHERE v <= 20 AND i <= 3000), count(*) FILTER (WHERE v > 20 AND v <= 40 AND i <= 3000),
		count(*) FILTER (WHERE v > 40 AND v <= 60 AND i <= 3000), count(*) FILTER (WHERE v > 60 AND v <> 'NaN' AND i <= 3000),
		count(*) FILTER (WHERE coalesce(v, 'NaN') = 'NaN' AND i <= 3000)]::float8[],
	ARRAY[count(*) FILTER (WHERE v <= 20 AND i > 3000), count(*) FILTER (WHERE v > 20 AND v <= 40 AND i > 3000),
		count(*) FILTER (WHERE v > 40 AND v <= 60 AND i > 3000), count(*) FILTER (WHERE v > 60 AND v <> 'NaN' AND i > 3000),
		count(*) FILTER (WHERE coalesce(v, 'NaN') = 'NaN' AND i > 3000)]::float8[]) AS by_hand
FROM mixed;
SELECT engage_psi(CASE WHEN i % 2 = 0 THEN v END, i % 2 = 0) > 2 AS missing_is_drift,
	engage_psi(NULLIF(i % 3, i % 3 + (i % 5))::text, i % 5 = 0) > 2 AS missing_word_is_drift FROM mixed;

-- ties make fewer bins, infinity is a number, nothing is no drift
SELECT engage_psi(i % 2, i > 2500) < 1e-4 AS two_values, engage_psi(1, i > 2500) AS constant,
	engage_ks('Infinity', i > 2500) AS infinite, engage_psi(i, NULL) AS no_side, engage_psi(i, true) AS one_side,
	engage_ks(NULL, i > 2500) AS no_numbers, engage_psi(NULL::float8, i > 2500) AS all_missing FROM mixed;
SELECT engage_psi(v, i > 1), engage_ks(v, i > 1), engage_psi(v::text, i > 1) FROM mixed WHERE false;

-- groups, filters, windows
SELECT i % 3 AS g, engage_ks(i, i > 2500) AS apart, engage_psi(i % 10, i > 2500) < 0.01 AS stable,
	engage_wasserstein(i, i > 2500) FILTER (WHERE i <= 5000) BETWEEN 2498 AND 2502 AS moved
FROM mixed GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT psi) > 10 AS windows FROM (SELECT engage_psi(i % 10, i % 2 = 0) OVER (ORDER BY i) AS psi FROM mixed) AS w;

-- beyond 65,536 numbers a side: a sketch, near the exact value, and small
CREATE TABLE large AS SELECT i, sqrt(i::bigint * 7919 % 1000003) AS v, i % 2 = 0 AS cur FROM generate_series(1, 400000) AS i;
ANALYZE large;
WITH exact AS (
	SELECT max(abs(a - b)) AS ks FROM (
		SELECT sum((NOT cur)::int) OVER w / 200000.0 AS a, sum(cur::int) OVER w / 200000.0 AS b
		FROM (SELECT v + cur::int * 5 AS v, cur FROM large) AS s WINDOW w AS (ORDER BY v)) AS d)
SELECT abs(engage_ks(v + cur::int * 5, cur) - max(ks)) < 0.002 AS ks, abs(engage_wasserstein(v + cur::int * 5, cur) - 5) < 0.5 AS moved,
	engage_psi(v, cur) < 0.001 AS psi, engage_ks_p(v + cur::int * 5, cur) < 1e-4 AS p
FROM large, exact;

-- parallel: the same for exact forms, near for sketches
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT engage_psi(v, cur) FROM large;
CREATE TABLE answers AS SELECT 'parallel' AS plan, engage_psi(v, i > 100000, ARRAY[100, 300, 500, 700]) AS edges,
	engage_psi((v / 100)::int::text, i > 100000) AS words, engage_ks(v + i / 1000, i > 100000) AS ks,
	engage_kl(v, i > 100000) AS kl, engage_ks(v, cur) FILTER (WHERE i % 20 < 2) AS small FROM large;
SET max_parallel_workers_per_gather = 0;
INSERT INTO answers SELECT 'serial', engage_psi(v, i > 100000, ARRAY[100, 300, 500, 700]), engage_psi((v / 100)::int::text, i > 100000),
	engage_ks(v + i / 1000, i > 100000), engage_kl(v, i > 100000), engage_ks(v, cur) FILTER (WHERE i % 20 < 2) FROM large;
SELECT p.edges = s.edges AS edges, p.words = s.words AS words, p.small = s.small AS small, abs(p.ks - s.ks) < 0.002 AS ks,
	abs(p.kl - s.kl) < 0.002 AS kl
FROM answers AS p, answers AS s WHERE p.plan = 'parallel' AND s.plan = 'serial';

-- bad input
SELECT engage_psi(v, true, 1) FROM mixed;
SELECT engage_psi(v, true, 10 + i % 2) FROM mixed;
SELECT engage_psi(v, true, ARRAY[20, 10]) FROM mixed;
SELECT engage_psi(v, true, '{}'::float8[]) FROM mixed;
SELECT engage_psi(v, true, NULL::float8[]) FROM mixed;
SELECT engage_psi(ARRAY[1, 2], ARRAY[1]);
SELECT engage_psi(ARRAY[1, 2], ARRAY[1, -2]);
SELECT engage_psi(ARRAY[1, 2], ARRAY[1, 'Infinity']::float8[]);
SELECT engage_psi('{}'::float8[], '{}') AS nothing;
SET engage.max_categories = 100;
SELECT engage_psi(i::text, true) FROM mixed;
RESET engage.max_categories;
SELECT engage.psi_final('\x00');
SELECT engage.drift_combine('\x0000000000000000000000000000000000000000000000000000', '\x00');
SELECT engage.drift_accum('\x3253674500000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 1, true);
SELECT engage.drift_accum_text('\x3257674500000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 'a', true);
SELECT engage.drift_accum(NULL, 1, true);
