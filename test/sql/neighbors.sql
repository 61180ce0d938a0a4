-- knn and naive_bayes against scikit-learn (numbers: test/golden/neighbors.py)
SET engage.progress = off;
SET client_min_messages = warning;

CREATE TABLE r AS
SELECT i AS id, (i * 7919 % 1009) / 1009.0::float8 AS x1, (i * 104729 % 2003) / 7.0::float8 AS x2, i * 31 % 97 AS x3,
	'c' || i * 13 / 5 % 4 AS c, i % 4 = 0 AS held
FROM generate_series(1, 400) i;
ALTER TABLE r ADD y float8, ADD b boolean, ADD k text;
UPDATE r SET y = 10 * x1 + CASE WHEN x2 > 120 THEN 5 ELSE 0 END + x3 / 20.0 + CASE WHEN c = 'c2' THEN 3 ELSE 0 END;
UPDATE r SET b = y > 9, k = CASE WHEN y > 12 THEN 'c' WHEN y > 8 THEN 'b' ELSE 'a' END;

CREATE FUNCTION u(bigint, int) RETURNS float8 IMMUTABLE RETURN (hashint8extended($1, $2) & 1048575) / 1048576.0;

-- neighbors
CREATE TABLE oracle (id int, mean float8, weighted float8, b float8, k1 float8, k2 float8, k3 float8);
INSERT INTO oracle VALUES
	(4, 8.599016, 8.134079, 0.257950, 0.444444, 0.555556, 0.000000),
	(100, 15.537342, 16.944202, 1.000000, 0.000000, 0.111111, 0.888889),
	(204, 8.046864, 7.277771, 0.374938, 0.666667, 0.333333, 0.000000),
	(308, 4.950064, 5.514456, 0.000000, 1.000000, 0.000000, 0.000000),
	(400, 8.648188, 9.466625, 0.601134, 0.444444, 0.222222, 0.333333);
CREATE FUNCTION train(model text, target text, algorithm text, params jsonb, features text[] DEFAULT '{x1,x2,x3,c}') RETURNS text
RETURN (SELECT version FROM engage_train(model, 'r', target => target, split => 'held', features => features, algorithm => algorithm,
	params => params));
SELECT train('mean', 'y', 'knn', '{"n_neighbors": 7}'), train('weighted', 'y', 'knn', '{"k": 7, "weights": "distance", "metric": "manhattan"}'),
	train('b', 'b', 'knn', '{"k": 9, "weights": "distance"}'), train('k', 'k', 'knn', '{"k": 9}');
SELECT id, abs(engage_predict('mean', r) - mean) < 1e-5 AS mean, abs(engage_predict('weighted', r) - weighted) < 1e-5 AS weighted,
	abs(engage_predict('b', r) - o.b) < 1e-5 AS "binary",
	abs((p->>'a')::float8 - k1) < 1e-5 AND abs((p->>'b')::float8 - k2) < 1e-5 AND abs((p->>'c')::float8 - k3) < 1e-5 AS multiclass
FROM oracle o JOIN r USING (id), engage_predict_proba('k', r) p ORDER BY id;

-- a row that was learned answers itself where neighbors count by distance; more neighbors than rows are all rows
SELECT count(*) FROM r WHERE NOT held AND abs(engage_predict('weighted', r) - y) > 1e-9;
SELECT train('all', 'y', 'knn', '{"k": 1000}');
SELECT max(abs(engage_predict('all', r) - mean)) < 1e-9 AS mean FROM r, (SELECT avg(y) AS mean FROM r WHERE NOT held) m;

-- many rows, of which most are never looked at: the same as all distances, in SQL; and again after an export
CREATE TABLE many AS
SELECT id, u(id, 1) AS a, u(id, 2) ^ 2 AS b, u(id, 3) + u(id, 1) AS c, u(id, 4) AS d, 10 * u(id, 5) AS y
FROM generate_series(1, 5000) id;
SELECT m, e.rows_train FROM unnest('{euclidean,manhattan}'::text[]) m, LATERAL engage_train('many_' || m, 'many', target => 'y', key => 'id', test_size => 0,
	algorithm => 'knn', params => jsonb_build_object('k', 15, 'metric', m)) e;
SELECT engage_import('many_copy', engage_export('many_euclidean', 'engage'));
WITH s AS (SELECT stddev_pop(a) AS sa, stddev_pop(b) AS sb, stddev_pop(c) AS sc, stddev_pop(d) AS sd FROM many),
q AS (SELECT id, u(id, 11) AS a, u(id, 12) AS b, 2 * u(id, 13) AS c, u(id, 14) AS d FROM generate_series(1, 60) id),
o AS (
	SELECT m, q.id, (SELECT avg(y) FROM (
		SELECT y FROM many r, s
		ORDER BY CASE m WHEN 'manhattan' THEN abs(r.a - q.a) / sa + abs(r.b - q.b) / sb + abs(r.c - q.c) / sc + abs(r.d - q.d) / sd
			ELSE ((r.a - q.a) / sa) ^ 2 + ((r.b - q.b) / sb) ^ 2 + ((r.c - q.c) / sc) ^ 2 + ((r.d - q.d) / sd) ^ 2 END LIMIT 15) n) AS mean
	FROM q, unnest('{euclidean,manhattan}'::text[]) m)
SELECT m, count(*) AS rows, count(*) FILTER (WHERE abs(engage_predict('many_' || m, q) - mean) < 1e-4) AS same,
	count(*) FILTER (WHERE engage_predict('many_copy', q) = engage_predict('many_euclidean', q)) AS copied
FROM o JOIN q USING (id) GROUP BY m ORDER BY m;

-- far away is far away, not an error
SELECT engage_predict('mean', r) BETWEEN 0 AND 30 AS finite FROM (SELECT 1e38::float8 AS x1, -1e38::float8 AS x2, 1e38::float8 AS x3, 'c1' AS c) r;

-- bayes
CREATE TABLE bayes (id int, n1 float8, n2 float8, n3 float8, c1 float8, c2 float8, c3 float8, b1 float8, b2 float8, b3 float8);
INSERT INTO bayes VALUES
	(4, 0.6510384, 0.2991265, 0.0498351, 0.0825881, 0.2517505, 0.6656614, 0.4310396, 0.4268558, 0.1421046),
	(100, 0.0005333, 0.1073912, 0.8920755, 0.2971920, 0.3337602, 0.3690478, 0.0007869, 0.1258239, 0.8733892),
	(204, 0.7746287, 0.2133442, 0.0120271, 0.0825881, 0.2517505, 0.6656614, 0.6022346, 0.3574939, 0.0402715),
	(308, 0.6743516, 0.2964818, 0.0291666, 0.2971920, 0.3337602, 0.3690478, 0.7257858, 0.2533846, 0.0208296),
	(400, 0.1652986, 0.5428413, 0.2918601, 0.2971920, 0.3337602, 0.3690478, 0.2092342, 0.5456280, 0.2451379);
SELECT train('numbers', 'k', 'naive_bayes', '{}', '{x1,x2,x3}'), train('category', 'k', 'naive_bayes', '{}', '{c}'),
	train('both', 'k', 'naive_bayes', '{}');
SELECT id, abs((n->>'a')::float8 - n1) < 1e-6 AND abs((n->>'b')::float8 - n2) < 1e-6 AND abs((n->>'c')::float8 - n3) < 1e-6 AS numbers,
	abs((g->>'a')::float8 - c1) < 1e-6 AND abs((g->>'b')::float8 - c2) < 1e-6 AND abs((g->>'c')::float8 - c3) < 1e-6 AS category,
	abs((t->>'a')::float8 - b1) < 1e-6 AND abs((t->>'b')::float8 - b2) < 1e-6 AND abs((t->>'c')::float8 - b3) < 1e-6 AS "both"
FROM bayes JOIN r USING (id), engage_predict_proba('numbers', r) n, engage_predict_proba('category', r) g, engage_predict_proba('both', r) t
ORDER BY id;

-- what is missing says nothing: with nothing there, the frequencies are left
SELECT abs((p->>'a')::float8 - f) < 1e-9 AS prior
FROM (SELECT avg((k = 'a')::int)::float8 AS f FROM r WHERE NOT held) a,
	engage_predict_proba('both', '{"x1": null, "x2": null, "x3": null, "c": null}'::jsonb) p;
SELECT max(abs((p->>'a')::float8 - (q->>'a')::float8)) < 1e-9 AS same_as_without
FROM r, engage_predict_proba('both', jsonb_build_object('x1', x1, 'x2', x2, 'x3', x3, 'c', null)) p, engage_predict_proba('numbers', r) q;

-- the rows that knn keeps are bounded before they are kept
SET engage.max_memory = '1MB';
SELECT engage_train('big', 'SELECT i AS id, ''w'' || i % 200 AS word, i % 7 AS y FROM generate_series(1, 2000) i', target => 'y', key => 'id',
	algorithm => 'knn', task => 'regression');
RESET engage.max_memory;
