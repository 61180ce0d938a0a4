-- live performance of ranking, survival and weighted models: that of engage_evaluate, and of the aggregates; columns that lack
SET engage.progress = off;
SET client_min_messages = warning;

CREATE FUNCTION u(id bigint, stream int) RETURNS float8 IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(id, stream) & 4503599627370495) + 0.5::float8) / 4503599627370496.0::float8;
CREATE TABLE people AS
SELECT id, a, b, floor(4 * (0.7 * a + 0.3 * u(id, 3)))::int AS grade, 'visit ' || id / 10 AS visit, 0.1 - ln(u(id, 4)) * exp(2 * a) AS months,
	u(id, 5) < 0.7 AS seen, 5 * a + b + u(id, 6) AS spend, 1 + id % 3 AS w
FROM (SELECT i AS id, u(i, 1) AS a, u(i, 2) AS b FROM generate_series(1, 3000) i) x;
SELECT version FROM engage_train('rank', 'people', target => 'grade', key => 'id', group_by => 'visit', features => '{a,b}', params => '{"n_estimators":20}');
SELECT version FROM engage_train('cox', 'people', target => 'months', key => 'id', event => 'seen', features => '{a,b}', task => 'survival', params => '{"n_estimators":20}');
SELECT version FROM engage_train('aft', 'people', target => 'months', key => 'id', event => 'seen', features => '{a,b}', task => 'survival',
	params => '{"n_estimators":20,"objective":"survival:aft"}');
SELECT version FROM engage_train('spend', 'people', target => 'spend', key => 'id', weight => 'w', features => '{a,b}', algorithm => 'linear_regression');
SELECT engage_log_predictions(m, 'SELECT * FROM people WHERE id <= 1500', 'id', at => '2024-01-10'),
	engage_log_predictions(m, 'SELECT * FROM people WHERE id > 1500', 'id', at => '2024-02-10') FROM unnest('{rank,cox,aft,spend}'::text[]) m;

-- all rows at once, and month by month, as engage_evaluate has them
CREATE FUNCTION same(name text, outcomes text, which text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
RETURNS TABLE (metrics bigint, same boolean, bounded boolean, compared boolean) LANGUAGE sql AS $$
SELECT count(*), bool_and(abs(p.value - (e.m->>p.metric)::float8) <= 1e-5 * greatest(abs(p.value), 1)),
	bool_and(p.value BETWEEN p.lower AND p.upper), bool_and(p.at_training = (v.metrics->>p.metric)::float8)
FROM engage_performance(name, outcomes, 'month', since => since, until => until) p,
	engage_evaluate(name, 'SELECT * FROM people WHERE ' || which) e (m), engage.versions v WHERE v.model = name $$;
SELECT name, which, s.* FROM (VALUES ('rank', 'SELECT id AS key, grade AS outcome, visit AS group_by FROM people'),
		('cox', 'SELECT id AS key, months AS outcome, seen AS event FROM people'), ('aft', 'SELECT id AS key, months AS outcome, seen::int AS event FROM people'),
		('spend', 'SELECT id AS key, spend AS outcome, w AS weight FROM people')) AS m (name, outcomes),
	(VALUES ('id <= 1500', NULL, '2024-02-01'), ('id > 1500', '2024-02-01', NULL)) AS p (which, since, until),
	same(name, outcomes, which, since::timestamptz, until::timestamptz) s ORDER BY 1, 2;

-- and as SQL has them: group by group, pair by pair
SELECT abs(value - ndcg) < 1e-9 AS ndcg
FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome, visit AS group_by FROM people WHERE id <= 1490', metric => 'ndcg@5') p,
	(SELECT avg(n) AS ndcg FROM (SELECT engage_ndcg_at(score, grade::float8, 5) AS n
		FROM (SELECT engage_predict('rank', p) AS score, grade, visit FROM people p WHERE id <= 1490) s GROUP BY visit) g) a;
WITH s AS (SELECT id, engage_predict('cox', p) AS risk, months, seen FROM people p WHERE id <= 300)
SELECT abs(value - c) < 1e-9 AS concordance, n
FROM engage_performance('cox', 'SELECT id AS key, months AS outcome, seen AS event FROM people WHERE id <= 300', metric => 'concordance'),
	(SELECT avg(CASE WHEN a.risk > b.risk THEN 1 WHEN a.risk = b.risk THEN 0.5 ELSE 0 END::float8) AS c FROM s a JOIN s b ON a.seen AND a.months < b.months) x;

-- the order of the outcomes does not matter, nor do groups of equal names in other months
SELECT count(*) AS rows, count(DISTINCT value) AS values FROM (SELECT * FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome, visit AS group_by FROM people ORDER BY u(id, 99)')
	UNION ALL SELECT * FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome, visit AS group_by FROM people ORDER BY id DESC')) x WHERE metric = 'ndcg';

-- rows that cannot be measured are left out and counted
SET client_min_messages = notice;
SELECT min(n), max(n) FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome, CASE WHEN id > 100 THEN visit END AS group_by FROM people WHERE id <= 1500');
SELECT min(n), max(n) FROM engage_performance('cox', 'SELECT id AS key, months AS outcome, nullif(id % 5, 4) AS event FROM people WHERE id <= 10');
SELECT min(n), max(n) FROM engage_performance('spend', 'SELECT id AS key, spend AS outcome, CASE WHEN id > 2 THEN id - 4 END AS weight FROM people WHERE id <= 10');
SET client_min_messages = warning;

-- what the task needs and is not there
SELECT * FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome FROM people');
SELECT * FROM engage_performance('cox', 'SELECT id AS key, months AS outcome FROM people');
SELECT * FROM engage_performance('cox', 'SELECT id AS key, months AS outcome, ''yes'' AS event FROM people');
SELECT * FROM engage_performance('spend', 'SELECT id AS key, spend AS outcome, now() AS weight FROM people');
SELECT * FROM engage_performance('rank', 'SELECT id AS key, grade AS outcome, visit AS group_by FROM people', metric => 'rmse');

-- a comment ends with its line
SELECT count(*) > 0 AS some FROM engage_performance('spend', 'SELECT id AS key, spend AS outcome FROM people -- all');
