-- each task and each option of training against numbers computed here, in SQL, from the scores
SET engage.progress = off;
SET client_min_messages = warning;
SET extra_float_digits = 1;

-- uniform numbers between 0 and 1 that are the same everywhere
CREATE FUNCTION u(id bigint, stream int) RETURNS float8 IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(id, stream) & 4503599627370495) + 0.5::float8) / 4503599627370496.0::float8;

CREATE TABLE people AS
SELECT i AS id, date '2024-01-01' + i / 10 AS day, u(i, 1) AS a, floor(10 * u(i, 2))::int AS b, CASE WHEN u(i, 3) > 0.1 THEN 3 * u(i, 4) END AS c,
	(ARRAY['red', 'green', 'blue', 'grey'])[1 + floor(4 * u(i, 5))::int] AS d, u(i, 9) < 0.3 AS held_out, i / 20 AS visit
FROM generate_series(1, 4000) i;
ALTER TABLE people ADD y float8, ADD buys boolean, ADD band text, ADD n int, ADD rel int, ADD t float8, ADD seen boolean;
UPDATE people SET y = 5 * a + b + coalesce(c, 2) * CASE d WHEN 'red' THEN 2 WHEN 'blue' THEN -1 ELSE 0 END + 2 * (u(id, 6) - 0.5);
UPDATE people SET buys = u(id, 7) < 1 / (1 + exp(9 - y)), band = CASE WHEN y > 9 THEN 'high' WHEN y > 5 THEN 'mid' ELSE 'low' END,
	n = floor(abs(y) * u(id, 8)), rel = greatest(0, least(4, floor(y / 3))), t = 0.1 - ln(u(id, 10)) * exp(y / 6), seen = u(id, 11) < 0.7;

-- train on what is left of the columns, and keep the metrics
CREATE TABLE told (model text, metrics jsonb, rows_train bigint, rows_test bigint);
CREATE FUNCTION learn(model text, target text, more text DEFAULT '', params text DEFAULT '{"n_estimators":30,"max_depth":4,"learning_rate":0.2}',
	source text DEFAULT 'people', key text DEFAULT ', key => ''id''', features text DEFAULT '{a,b,c,d}', split text DEFAULT ', split => ''held_out''')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	EXECUTE format('SELECT * FROM engage_train(%L, %L, target => %L, params => %L, features => %L, deploy => ''always'' %s)',
		model, source, target, params, features, key || split || more) INTO r;
	DELETE FROM told WHERE told.model = learn.model;
	INSERT INTO told VALUES (model, r.metrics, r.rows_train, r.rows_test);
	RETURN r.task;
END $$;

-- is what training said of the held-out rows what we find?
CREATE FUNCTION agree(model text, metric text, value float8) RETURNS text
BEGIN ATOMIC
	SELECT metric || CASE WHEN abs((metrics->>metric)::float8 - value) <= 2e-5 * greatest(1, abs(value)) THEN ' agrees'
		ELSE format(': %s was told, %s is right', metrics->>metric, value) END
	FROM told WHERE told.model = agree.model;
END;

-- ---------------------------------------------------------------------------
-- regression
-- ---------------------------------------------------------------------------
SELECT learn('mean', 'y');
SELECT rows_train + rows_test AS rows, rows_test = (SELECT count(*) FROM people WHERE held_out) AS split_is_kept FROM told WHERE model = 'mean';
WITH s AS (SELECT y, engage_predict('mean', p) AS p, avg(y) OVER () AS m FROM people p WHERE held_out)
SELECT agree('mean', 'rmse', sqrt(avg((y - p)^2))), agree('mean', 'mae', avg(abs(y - p))), agree('mean', 'bias', avg(p - y)),
	agree('mean', 'r2', 1 - sum((y - p)^2) / sum((y - m)^2)), 1 - sum((y - p)^2) / sum((y - m)^2) > 0.9 AS learned FROM s;

-- ---------------------------------------------------------------------------
-- binary
-- ---------------------------------------------------------------------------
SELECT learn('buys', 'buys');
WITH s AS (SELECT buys, engage_predict('buys', p) AS p, rank() OVER (ORDER BY engage_predict('buys', p)) AS low,
		count(*) OVER (ORDER BY engage_predict('buys', p)) AS high FROM people p WHERE held_out),
	t AS (SELECT count(*) FILTER (WHERE buys) AS pos, count(*) FILTER (WHERE NOT buys) AS neg, sum((low + high) / 2.0) FILTER (WHERE buys) AS ranks,
		avg(-ln(CASE WHEN buys THEN p ELSE 1 - p END)) AS loss, avg((p - buys::int)^2) AS brier, avg((buys = (p >= 0.5))::int) AS accuracy,
		count(*) FILTER (WHERE buys AND p >= 0.5) AS tp, count(*) FILTER (WHERE p >= 0.5) AS marked FROM s)
SELECT agree('buys', 'auc', (ranks - pos * (pos + 1) / 2.0) / (pos * neg)), agree('buys', 'log_loss', loss), agree('buys', 'brier', brier),
	agree('buys', 'accuracy', accuracy), agree('buys', 'precision', tp / marked::float8), agree('buys', 'recall', tp / pos::float8),
	(ranks - pos * (pos + 1) / 2.0) / (pos * neg) > 0.75 AS learned FROM t;
SELECT count(*) FROM people p WHERE engage_predict_class('buys', p) <> (engage_predict('buys', p) >= 0.5)::text;

-- the other class is the complement; labels may be text or numbers
SELECT learn('buys_abc', 'buys', features => '{a,b,c}'), learn('not_buys_abc', 'buys', ', positive => ''false''', features => '{a,b,c}');
SELECT max(abs(engage_predict('buys_abc', p) + engage_predict('not_buys_abc', p) - 1)) < 1e-5 AS complement,
	bool_and(engage_predict_class('buys_abc', p) = engage_predict_class('not_buys_abc', p) OR engage_predict('buys_abc', p) BETWEEN 0.49999 AND 0.50001) AS same_class FROM people p;
SELECT learn('words', 'w', source => 'SELECT *, CASE WHEN buys THEN ''yes'' ELSE ''no'' END AS w FROM people'),
	learn('numbers', 'w', source => 'SELECT *, CASE WHEN buys THEN 7 ELSE -3 END AS w FROM people');
SELECT count(*) AS different FROM people p WHERE engage_predict('buys', p) <> engage_predict('words', p) OR engage_predict('buys', p) <> engage_predict('numbers', p);
SELECT engage_predict_class('words', p) AS w, engage_predict_class('numbers', p) AS n, count(*) > 0 AS found FROM people p GROUP BY 1, 2 ORDER BY 1;

-- ---------------------------------------------------------------------------
-- multiclass
-- ---------------------------------------------------------------------------
SELECT learn('band', 'band');
WITH s AS (SELECT band, engage_predict_class('band', p) AS c, engage_predict_proba('band', p) AS q FROM people p WHERE held_out)
SELECT agree('band', 'accuracy', avg((band = c)::int)), agree('band', 'log_loss', avg(-ln((q->>band)::float8))), avg((band = c)::int) > 0.85 AS learned,
	max(abs((q->>'high')::float8 + (q->>'mid')::float8 + (q->>'low')::float8 - 1)) < 1e-6 AS sum_is_1,
	bool_and((q->>c)::float8 >= greatest((q->>'high')::float8, (q->>'mid')::float8, (q->>'low')::float8)) AS class_is_likeliest FROM s;
WITH s AS (SELECT band, engage_predict_class('band', p) AS c FROM people p WHERE held_out),
	k AS (SELECT k, 2.0 * count(*) FILTER (WHERE band = k AND c = k) / (count(*) FILTER (WHERE band = k) + count(*) FILTER (WHERE c = k)) AS f1
		FROM s, unnest('{high,low,mid}'::text[]) k GROUP BY k)
SELECT agree('band', 'f1_macro', avg(f1)) FROM k;
SELECT count(*) AS confusion_differs FROM told, LATERAL jsonb_array_elements(metrics->'confusion_matrix') WITH ORDINALITY r(row, i),
	LATERAL jsonb_array_elements(r.row) WITH ORDINALITY v(n, j)
WHERE model = 'band' AND n::int <> (SELECT count(*) FROM people p WHERE held_out
	AND band = metrics->'labels'->>(i::int - 1) AND engage_predict_class('band', p) = metrics->'labels'->>(j::int - 1));

-- ---------------------------------------------------------------------------
-- quantile: 20,000 rows that training has not seen; the noise grows with x
-- ---------------------------------------------------------------------------
CREATE TABLE spread AS
SELECT i AS id, u(i, 21) AS x, u(i, 22) AS z, i > 20000 AS held_out FROM generate_series(1, 40000) i;
ALTER TABLE spread ADD y float8;
UPDATE spread SET y = 10 * sin(4 * x) + (1 + 6 * x) * ln(u(id, 23) / (1 - u(id, 23))) + z;
SELECT learn('spread', 'y', ', task => ''quantile''', '{"n_estimators":60,"max_depth":4,"learning_rate":0.1,"quantiles":[0.05,0.25,0.5,0.75,0.95]}',
	'spread', features => '{x,z}');
CREATE TABLE spread_q AS SELECT id, x, y, engage_predict_quantiles('spread', s) AS q, engage_predict('spread', s) AS p FROM spread s WHERE held_out;
SELECT tau, abs(avg((y < q[k])::int) - tau) < 0.02 AS covered, bool_and(k = 1 OR q[k] >= q[k - 1]) AS ascending,
	abs(avg((y < q[k])::int) - (metrics->'quantiles'->(k - 1)->>'coverage')::float8) < 2e-3 AS told,
	abs(avg(CASE WHEN y >= q[k] THEN tau * (y - q[k]) ELSE (1 - tau) * (q[k] - y) END) / (metrics->'quantiles'->(k - 1)->>'pinball_loss')::float8 - 1) < 1e-4 AS loss
FROM spread_q, told, (VALUES (1, 0.05), (2, 0.25), (3, 0.5), (4, 0.75), (5, 0.95)) v(k, tau) WHERE model = 'spread' GROUP BY k, tau, metrics ORDER BY k;
SELECT bool_and(p = q[3]) AS median FROM spread_q;

-- not on the whole only: in each fifth of x, where the width of the interval is another one
SELECT width_bucket(x, 0, 1, 5) AS fifth, abs(avg((y BETWEEN q[1] AND q[5])::int) - 0.9) < 0.035 AS covered,
	round(avg(q[5] - q[1]) / avg((1 + 6 * x) * 2 * ln(19))) AS width FROM spread_q GROUP BY 1 ORDER BY 1;

-- ---------------------------------------------------------------------------
-- ranking: rows of one visit stay together
-- ---------------------------------------------------------------------------
SELECT learn('rank', 'rel', ', group_by => ''visit''', key => '', split => ', test_size => 0.25');
SELECT rows_train + rows_test AS rows, rows_test BETWEEN 900 AND 1100 AND rows_test % 20 IN (0, 1, 19) AS whole_groups FROM told WHERE model = 'rank';
SELECT learn('rank', 'rel', ', group_by => ''visit''', key => '', split => ', split => ''out''', source => 'SELECT *, visit % 4 = 0 AS out FROM people');
WITH s AS (SELECT visit, rel, engage_predict('rank', p) AS p FROM people p WHERE visit % 4 = 0),
	o AS (SELECT visit, rel, row_number() OVER (PARTITION BY visit ORDER BY p DESC) AS place, row_number() OVER (PARTITION BY visit ORDER BY rel DESC) AS best,
		count(*) OVER (PARTITION BY visit, p) AS ties FROM s),
	g AS (SELECT visit, sum((2^rel - 1) / log(2, place + 1)) / nullif(sum((2^rel - 1) / log(2, best + 1)), 0) AS ndcg, max(ties) AS ties FROM o GROUP BY visit)
SELECT avg(ndcg) > 0.9 AS learned, abs(avg(ndcg) - (SELECT (metrics->>'ndcg')::float8 FROM told WHERE model = 'rank')) < 0.02 AS told FROM g;

-- ---------------------------------------------------------------------------
-- count and survival
-- ---------------------------------------------------------------------------
SELECT learn('count', 'n', ', task => ''count''');
WITH s AS (SELECT n, engage_predict('count', p) AS p FROM people p WHERE held_out)
SELECT agree('count', 'rmse', sqrt(avg((n - p)^2))), agree('count', 'mae', avg(abs(n - p))),
	agree('count', 'poisson_deviance', 2 * avg(CASE WHEN n > 0 THEN n * ln(n / p) ELSE 0 END - n + p)), min(p) > 0 AS positive FROM s;
SELECT learn('cox', 't', ', event => ''seen''', '{"n_estimators":30,"max_depth":3,"learning_rate":0.2,"objective":"survival:cox"}'),
	learn('aft', 't', ', event => ''seen''', '{"n_estimators":30,"max_depth":3,"learning_rate":0.2,"objective":"survival:aft"}');

-- pairs whose order is known: the earlier was seen to end; a larger risk, or a shorter predicted time, should end first
WITH s AS (SELECT id, t, seen, engage_predict('cox', p) AS risk, -engage_predict('aft', p) AS haste FROM people p WHERE held_out),
	c AS (SELECT avg(CASE WHEN x.risk > y.risk THEN 1 WHEN x.risk = y.risk THEN 0.5 ELSE 0 END) AS cox,
		avg(CASE WHEN x.haste > y.haste THEN 1 WHEN x.haste = y.haste THEN 0.5 ELSE 0 END) AS aft
	FROM s x JOIN s y ON x.seen AND x.t < y.t)
SELECT agree('cox', 'concordance', cox), agree('aft', 'concordance', aft), cox > 0.6 AND aft > 0.6 AS learned FROM c;

-- ---------------------------------------------------------------------------
-- weights
-- ---------------------------------------------------------------------------
-- a weight of 2 is the row twice (values few enough to be bins of their own, so that bins are the same)
SELECT learn('weighted', 'y', ', weight => ''w''', source => 'SELECT id, held_out, b, d, round(c::numeric, 1) AS c, y, 1 + id % 2 AS w FROM people', features => '{b,c,d}'),
	learn('repeated', 'y', source => 'SELECT id, held_out, b, d, round(c::numeric, 1) AS c, y FROM people, generate_series(1, 1 + id % 2)', features => '{b,c,d}');
WITH s AS (SELECT y, 1 + id % 2 AS w, engage_predict('weighted', p) AS p, engage_predict('repeated', p) AS q FROM (SELECT id, b, d, round(c::numeric, 1) AS c, y, held_out FROM people) p)
SELECT max(abs(p - q)) < 1e-4 AS same FROM s;
WITH s AS (SELECT y, 1 + id % 2 AS w, engage_predict('weighted', p) AS p FROM (SELECT id, b, d, round(c::numeric, 1) AS c, y, held_out FROM people) p WHERE held_out)
SELECT agree('weighted', 'rmse', sqrt(sum(w * (y - p)^2) / sum(w))), agree('weighted', 'mae', sum(w * abs(y - p)) / sum(w)) FROM s;

-- balanced classes are these weights
SELECT learn('balanced', 'buys', ', class_weight => ''balanced'''), learn('given', 'buys', ', class_weight => ''{"true": 3}'''),
	learn('by_hand', 'buys', ', weight => ''w''', source => 'SELECT *, CASE WHEN buys THEN 3 ELSE 1 END AS w FROM people'),
	learn('as_balanced', 'buys', ', weight => ''w''', source => 'SELECT *, (count(*) FILTER (WHERE NOT held_out) OVER ())
		/ (2.0 * count(*) FILTER (WHERE NOT held_out) OVER (PARTITION BY buys)) AS w FROM people');
SELECT max(abs(engage_predict('given', p) - engage_predict('by_hand', p))) < 1e-6 AS given, max(abs(engage_predict('balanced', p) - engage_predict('as_balanced', p))) < 1e-5 AS balanced,
	avg(engage_predict('balanced', p)) > avg(engage_predict('buys', p)) AS raised FROM people p;

-- ---------------------------------------------------------------------------
-- what is held out
-- ---------------------------------------------------------------------------
-- the newest fifth, whole days
SELECT learn('newest', 'y', split => ', split => ''day''');
SELECT rows_test BETWEEN 780 AND 820 AS a_fifth, rows_train + rows_test AS rows FROM told WHERE model = 'newest';
WITH s AS (SELECT y, engage_predict('newest', p) AS p FROM (SELECT p.*, row_number() OVER (ORDER BY day DESC, id DESC) AS k FROM people p) p
	WHERE day > (SELECT max(day) FROM people) - (SELECT round(rows_test / 10.0)::int FROM told WHERE model = 'newest'))
SELECT abs(sqrt(avg((y - p)^2)) - (SELECT (metrics->>'rmse')::float8 FROM told WHERE model = 'newest')) < 0.02 AS about_the_same FROM s;

-- each class has its share among the held-out rows; another seed holds out others; 0 holds out none
SELECT learn('strata', 'buys', split => ', test_size => 0.3');
SELECT abs((metrics->>'positive_rate')::float8 - (SELECT avg(buys::int) FROM people)) < 0.001 AS stratified, rows_test FROM told WHERE model = 'strata';
SELECT learn('nothing_out', 'buys', split => ', test_size => 0');
SELECT rows_train, rows_test FROM told WHERE model = 'nothing_out';

-- ---------------------------------------------------------------------------
-- early stopping keeps the best round and no more
-- ---------------------------------------------------------------------------
SELECT learn('early', 'buys', params => '{"n_estimators":500,"max_depth":6,"early_stopping_rounds":7,"eval_metric":"logloss"}');
WITH card AS (SELECT engage_describe('early') AS t), n AS (SELECT substring(t FROM 'trees +(\d+)')::int AS trees, substring(t FROM '\mrounds +(\d+)')::int AS rounds,
	substring(t FROM 'best_round +(\d+)')::int AS best FROM card)
SELECT trees = best AS only_the_best, rounds = best + 7 AS stopped_in_time, rounds < 500 AS early FROM n;
SELECT data->'rows_validation' AS validation, rows_train = (SELECT count(*) FROM people WHERE NOT held_out) AS rows_train
FROM engage.versions JOIN told USING (model) WHERE model = 'early';
SELECT learn('late', 'buys', params => '{"n_estimators":500,"max_depth":6}');
SELECT (e.metrics->>'log_loss')::float8 < (l.metrics->>'log_loss')::float8 AS better_than_all_rounds FROM told e, told l WHERE e.model = 'early' AND l.model = 'late';

-- ---------------------------------------------------------------------------
-- one model for each group: its rows are scored by the model that they alone would make
-- ---------------------------------------------------------------------------
CREATE VIEW grouped AS SELECT *, CASE WHEN id % 100 = 0 THEN 'rare' WHEN id % 101 = 0 THEN NULL ELSE d END AS part FROM people;
SELECT learn('parts', 'y', ', partition_by => ''part''', source => 'grouped', features => '{a,b,c}'),
	learn('whole', 'y', source => 'grouped', features => '{a,b,c}'),
	learn('red', 'y', source => 'SELECT * FROM grouped WHERE part = ''red''', features => '{a,b,c}'),
	learn('blue', 'y', source => 'SELECT * FROM grouped WHERE part = ''blue''', features => '{a,b,c}');
SELECT data->'parts' ? 'red' AS has_red, data->'parts' ? 'rare' AS has_rare, data->>'values_without_part' AS without
FROM engage.versions WHERE model = 'parts';
SELECT coalesce(part, 'NULL') AS part, bool_and(engage_predict('parts', g) = engage_predict('red', g)) AS by_red, bool_and(engage_predict('parts', g) = engage_predict('blue', g)) AS by_blue,
	bool_and(engage_predict('parts', g) = engage_predict('whole', g)) AS by_whole, bool_and(engage_predict('parts', g) = engage_predict('parts', to_jsonb(g))) AS json
FROM grouped g GROUP BY 1 ORDER BY 1;
SELECT engage_predict('parts', '{"a":0.5,"b":5,"c":1,"part":"never seen"}'::jsonb) = engage_predict('whole', '{"a":0.5,"b":5,"c":1}'::jsonb) AS unseen_by_whole;
WITH s AS (SELECT y, engage_predict('parts', g) AS p FROM grouped g WHERE held_out) SELECT agree('parts', 'rmse', sqrt(avg((y - p)^2))) FROM s;
SELECT engage_export('parts', 'ubj', 'red') = engage_export('red', 'ubj') AS same_part, engage_export('parts', 'ubj') = engage_export('whole', 'ubj') AS same_whole;
