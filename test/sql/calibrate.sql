-- calibrated probabilities: scikit-learn's numbers, one code path, stored and loaded
SET engage.progress = off;
SET client_min_messages = warning;

-- time decides which rows calibrate: the newest of the training rows.  id 1..640 fit, 641..800 calibrate.
CREATE TABLE t AS
SELECT id, date '2020-01-01' + id AS day, h % 23 AS a, h / 23 % 19 AS b,
	h % 23 + (h / 437) % 30 > 26 AS two,
	CASE WHEN h % 23 + (h / 437) % 20 < 14 THEN 'low' WHEN h / 23 % 19 + (h / 8740) % 12 > 17 THEN 'high' ELSE 'mid' END AS three
FROM (SELECT id, (id::bigint * 7368787 + id::bigint * id * 1299709) % 104729 AS h FROM generate_series(1, 1000) id) g;

CREATE FUNCTION learn(model text, target text, source text, calibrate text, test_size float8 DEFAULT 0.2) RETURNS text
BEGIN ATOMIC
	SELECT e.version FROM engage_train(model, source, target => target, features => '{a,b}', split => 'day', test_size => test_size,
		params => '{"n_estimators": 12, "max_depth": 3, "learning_rate": 0.5, "base_score": 0.5}', calibrate => calibrate, deploy => 'always') e;
END;

-- the same fit without calibration: from the rows that were fitted alone
CREATE TABLE raw (task text, id integer, part text, label text, raw float8[]);
SELECT learn('raw2', 'two', 'SELECT * FROM t WHERE id <= 640', NULL, 0), learn('raw3', 'three', 'SELECT * FROM t WHERE id <= 640', NULL, 0);
INSERT INTO raw
SELECT 'binary', id, CASE WHEN id <= 800 THEN 'calibrate' ELSE 'test' END, two::text,
	ARRAY[1 - engage_predict('raw2', t), engage_predict('raw2', t)]
FROM t WHERE id > 640;
INSERT INTO raw
SELECT 'multiclass', id, CASE WHEN id <= 800 THEN 'calibrate' ELSE 'test' END, three,
	ARRAY[(p->>'high')::float8, (p->>'low')::float8, (p->>'mid')::float8]
FROM (SELECT id, three, engage_predict_proba('raw3', t) AS p FROM t WHERE id > 640) s;

-- what scikit-learn makes of these scores (test/golden/calibrate.py)
CREATE TABLE golden (task text, method text, id integer, raw float8[], p float8[]);
INSERT INTO golden VALUES
('binary', 'isotonic', 801, '{0.1999861,0.8000139}', '{0.1578947,0.8421053}'),
('binary', 'isotonic', 802, '{0.7465379,0.2534621}', '{0.7000000,0.3000000}'),
('binary', 'isotonic', 803, '{0.6902305,0.3097695}', '{0.7000000,0.3000000}'),
('binary', 'isotonic', 804, '{0.4745736,0.5254264}', '{0.4102564,0.5897436}'),
('binary', 'isotonic', 805, '{0.2025782,0.7974218}', '{0.1578947,0.8421053}'),
('binary', 'isotonic', 806, '{0.9519648,0.0480352}', '{0.7692308,0.2307692}'),
('binary', 'isotonic', 807, '{0.5132300,0.4867700}', '{0.4183737,0.5816263}'),
('binary', 'isotonic', 808, '{0.8405274,0.1594726}', '{0.7000000,0.3000000}'),
('binary', 'sigmoid', 801, '{0.1999861,0.8000139}', '{0.2718891,0.7281109}'),
('binary', 'sigmoid', 802, '{0.7465379,0.2534621}', '{0.6334087,0.3665913}'),
('binary', 'sigmoid', 803, '{0.6902305,0.3097695}', '{0.5923212,0.4076788}'),
('binary', 'sigmoid', 804, '{0.4745736,0.5254264}', '{0.4533247,0.5466753}'),
('binary', 'sigmoid', 805, '{0.2025782,0.7974218}', '{0.2738760,0.7261240}'),
('binary', 'sigmoid', 806, '{0.9519648,0.0480352}', '{0.8495203,0.1504797}'),
('binary', 'sigmoid', 807, '{0.5132300,0.4867700}', '{0.4772278,0.5227722}'),
('binary', 'sigmoid', 808, '{0.8405274,0.1594726}', '{0.7126485,0.2873515}'),
('multiclass', 'isotonic', 801, '{0.0048960,0.0048108,0.9902931}', '{0.0000000,0.0000000,1.0000000}'),
('multiclass', 'isotonic', 802, '{0.0119192,0.3888091,0.5992717}', '{0.0000000,0.3770365,0.6229635}'),
('multiclass', 'isotonic', 803, '{0.0127832,0.5606773,0.4265394}', '{0.0000000,0.3929314,0.6070686}'),
('multiclass', 'isotonic', 804, '{0.6328851,0.0111423,0.3559726}', '{0.6474820,0.0000000,0.3525180}'),
('multiclass', 'isotonic', 805, '{0.4520125,0.0094985,0.5384890}', '{0.4761905,0.0000000,0.5238095}'),
('multiclass', 'isotonic', 806, '{0.0108996,0.5988577,0.3902427}', '{0.0000000,0.4251969,0.5748031}'),
('multiclass', 'isotonic', 807, '{0.3138561,0.1962376,0.4899064}', '{0.2882717,0.0000000,0.7117283}'),
('multiclass', 'isotonic', 808, '{0.7146723,0.2636909,0.0216368}', '{0.6985646,0.3014354,0.0000000}'),
('multiclass', 'sigmoid', 801, '{0.0048960,0.0048108,0.9902931}', '{0.0008699,0.0108942,0.9882359}'),
('multiclass', 'sigmoid', 802, '{0.0119192,0.3888091,0.5992717}', '{0.0030896,0.3003872,0.6965232}'),
('multiclass', 'sigmoid', 803, '{0.0127832,0.5606773,0.4265394}', '{0.0034976,0.4331049,0.5633975}'),
('multiclass', 'sigmoid', 804, '{0.6328851,0.0111423,0.3559726}', '{0.5994109,0.0168430,0.3837462}'),
('multiclass', 'sigmoid', 805, '{0.4520125,0.0094985,0.5384890}', '{0.4315107,0.0161142,0.5523751}'),
('multiclass', 'sigmoid', 806, '{0.0108996,0.5988577,0.3902427}', '{0.0028238,0.4655903,0.5315859}'),
('multiclass', 'sigmoid', 807, '{0.3138561,0.1962376,0.4899064}', '{0.2833093,0.1599058,0.5567849}'),
('multiclass', 'sigmoid', 808, '{0.7146723,0.2636909,0.0216368}', '{0.7559353,0.1941324,0.0499323}');
SELECT task, count(*) AS rows, max(abs(r - g)) < 1e-4 AS same_scores_as_then
FROM golden JOIN raw USING (task, id), unnest(raw.raw, golden.raw) u(r, g) GROUP BY task ORDER BY task;

SELECT learn('two_' || m, 'two', 't', m), learn('three_' || m, 'three', 't', m) FROM unnest('{isotonic,sigmoid}'::text[]) m;
SELECT task, method, max(abs(ours - g.p[i])) < 2e-4 AS as_scikit_learn
FROM golden g JOIN t USING (id), LATERAL (
	SELECT i, CASE task WHEN 'binary' THEN engage_predict_proba('two_' || method, t)->>(ARRAY['false','true'])[i]
		ELSE engage_predict_proba('three_' || method, t)->>(ARRAY['high','low','mid'])[i] END::float8 AS ours
	FROM generate_subscripts(g.p, 1) i) o
GROUP BY task, method ORDER BY task, method;

-- probabilities sum to one, scores keep their order, and the version says what was done
SELECT count(*) FROM t WHERE abs((SELECT sum(v::float8) FROM jsonb_each_text(engage_predict_proba('three_isotonic', t)) e(k, v)) - 1) > 1e-9;
SELECT m, count(*) AS turned_round FROM unnest('{two_isotonic,two_sigmoid}'::text[]) m, t x, t y
WHERE x.id <= 100 AND y.id <= 100 AND engage_predict('raw2', x) < engage_predict('raw2', y)
	AND engage_predict(m, x) > engage_predict(m, y) GROUP BY m;
SELECT model, recipe->>'calibrate' AS calibrate, data->'calibration' AS calibration, data->'rows_train' AS fitted
FROM engage.versions WHERE model LIKE '%\_%' ORDER BY model;

-- held-out rows are scored as every row is: the metric is the query's
SELECT model, abs((metrics->>'brier')::float8 - avg((engage_predict(model, t) - two::int) ^ 2)) < 1e-6 AS same_brier
FROM engage.versions v, t WHERE model LIKE 'two\_%' AND t.id > 800 GROUP BY model, metrics ORDER BY model;

-- the champion too: the same recipe gives the same metric on both sides
SELECT version, deployed FROM engage_retrain('two_sigmoid', deploy => 'better');
SELECT data->'comparison'->'champion_value' = data->'comparison'->'value' AS same_metric
FROM engage.versions WHERE model = 'two_sigmoid' AND version = '1.0.1';
SELECT m, same_data, same_model FROM unnest('{two_isotonic,two_sigmoid,three_isotonic}'::text[]) m, engage_verify(m);

-- a copy scores the same; a model without curves is stored in the older form, as it always was
SELECT engage_import('copy', engage_export('three_isotonic', 'engage'));
SELECT count(*) FROM t WHERE engage_predict_proba('copy', t) <> engage_predict_proba('three_isotonic', t);
SELECT m, get_byte(engage_export(m, 'engage'), 4) AS container FROM unnest('{raw2,two_sigmoid}'::text[]) m;

-- early stopping has rows of its own
SELECT rows_train FROM engage_train('stop', 't', target => 'two', features => '{a,b}', split => 'day', calibrate => 'sigmoid',
	params => '{"early_stopping_rounds": 5, "validation_fraction": 0.25}');
SELECT (data->'rows_train')::int BETWEEN 470 AND 490 AS fitted, (data->'rows_validation')::int BETWEEN 170 AND 230 AS stopping,
	(data->'rows_train')::int + (data->'rows_validation')::int + (data->'calibration'->'rows')::int AS together
FROM engage.versions WHERE model = 'stop';

-- one curve for each part
SELECT e.version FROM engage_train('parts', 'SELECT g.c || (id % 2) AS part, t.* FROM t, (VALUES (''x''), (''y'')) g(c)',
	target => 'two', features => '{a,b}', partition_by => 'part', calibrate => 'isotonic', params => '{"n_estimators": 3}') e;
SELECT data->'parts' AS parts FROM engage.versions WHERE model = 'parts';

-- complaints
SELECT engage_train('bad', 't', target => 'two', calibrate => 'platt');
SELECT engage_train('bad', 't', target => 'a', features => '{b}', task => 'regression', calibrate => 'sigmoid');
SELECT engage_train('bad', 'SELECT id, a, CASE WHEN id = 7 THEN ''rare'' ELSE three END AS c, day FROM t', target => 'c', features => '{a}',
	split => 'day', calibrate => 'isotonic');
