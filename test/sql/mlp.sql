-- the neural network against scikit-learn's on real data, and what it owes its user
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
CREATE TABLE credit (id integer PRIMARY KEY, status text, seniority integer, home text, "time" integer, age integer,
	marital text, records text, job text, expenses integer, income integer, assets integer, debt integer,
	amount integer, price integer);
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy credit FROM '${ENGAGE_ROOT:-$PWD}/test/data/credit.csv' (FORMAT csv, HEADER)"`
SET engage.progress = off;
SET client_min_messages = warning;

-- scikit-learn's numbers: test/golden/mlp.py, means of five random states
CREATE TABLE golden (source text, id text, target text, exclude text[], metric text, split integer, theirs float8, tolerance float8);
INSERT INTO golden VALUES
	('telco', 'customer_id', 'churn', '{}', 'auc', 0, 0.8350, 0.01),
	('telco', 'customer_id', 'churn', '{}', 'auc', 1, 0.8274, 0.01),
	('telco', 'customer_id', 'churn', '{}', 'auc', 2, 0.8564, 0.01),
	('credit', 'id', 'status', '{}', 'auc', 0, 0.8227, 0.01),
	('credit', 'id', 'status', '{}', 'auc', 1, 0.8389, 0.01),
	('credit', 'id', 'status', '{}', 'auc', 2, 0.8508, 0.01),
	('telco', 'customer_id', 'contract', '{churn}', 'log_loss', 0, 0.5563, 0.03),
	('telco', 'customer_id', 'contract', '{churn}', 'log_loss', 1, 0.5820, 0.03),
	('telco', 'customer_id', 'contract', '{churn}', 'log_loss', 2, 0.5587, 0.03),
	('telco', 'customer_id', 'total_charges', '{churn}', 'r2', 0, 0.9971, 0.001),
	('telco', 'customer_id', 'total_charges', '{churn}', 'r2', 1, 0.9972, 0.001),
	('telco', 'customer_id', 'total_charges', '{churn}', 'r2', 2, 0.9969, 0.001);

CREATE FUNCTION ours(g golden, seed integer, params jsonb DEFAULT '{}') RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	value float8;
BEGIN
	EXECUTE format('SELECT (metrics->>%L)::float8 FROM engage_train(%L, %L, target => %L, key => %L, algorithm => ''mlp'',
		exclude => %L, split => ''held_out'', seed => %s, params => %L, deploy => ''always'')',
		g.metric, g.source || '_' || g.target || '_' || g.split,
		format('SELECT *, %I %% 5 = %s AS held_out FROM %I', g.id, g.split, g.source), g.target, g.id, g.exclude, seed, params)
	INTO value;
	RETURN value;
END $$;

-- as good as scikit-learn, or better: the mean of three seeds, to a tolerance of its noise
SELECT source, target, split, metric, CASE WHEN good THEN 'as good' ELSE format('%s, but %s there', round(mine::numeric, 4), theirs) END AS result
FROM (SELECT g.*, m.mine, CASE WHEN metric = 'log_loss' THEN m.mine <= theirs + tolerance ELSE m.mine >= theirs - tolerance END AS good
	FROM golden g, LATERAL (SELECT avg(ours(g, seed)) AS mine FROM generate_series(1, 3) seed) m) x
ORDER BY source, target, split;

-- every activation, with normalization and with dropout
SELECT params, ours(g, 1, params) BETWEEN 0.81 AND 0.88 AS learned
FROM golden g, unnest(ARRAY['{"activation": "gelu"}', '{"activation": "tanh"}', '{"batch_norm": true}', '{"dropout": 0.2}',
	'{"layers": 16, "activation": "gelu", "batch_norm": true, "dropout": 0.1, "learning_rate": 0.005}',
	'{"layers": [9, 5], "early_stopping_rounds": 0, "epochs": 20, "batch_size": 100}']::jsonb[]) params
WHERE source = 'telco' AND target = 'churn' AND split = 0;

-- what it says of itself
SELECT version FROM engage_train('card', 'telco', target => 'churn', key => 'customer_id', algorithm => 'mlp',
	params => '{"layers": [8, 4], "epochs": 3}');
SELECT regexp_replace(l, '^ +', '') AS card FROM regexp_split_to_table(engage_describe('card'), E'\n') l
WHERE l ~ '^ +(inputs|layers|outputs|activation|parameters|epochs) ' ORDER BY l COLLATE "C";

-- a row of weight 2 is two rows, and a row of weight 0 is none: one batch an epoch, so that order does not matter
CREATE TABLE small AS SELECT i AS id, i % 17 AS x1, i * 7919 % 1009 / 1009.0::float8 AS x2, sin(i % 17) + i * 7919 % 1009 / 1009.0 AS y
FROM generate_series(1, 200) i;
CREATE FUNCTION fit_small(model text, source text, weight text) RETURNS void LANGUAGE sql AS $$
	SELECT engage_train(model, source, target => 'y', key => 'id', weight => weight, algorithm => 'mlp', test_size => 0,
		params => '{"layers": [16, 8], "activation": "tanh", "epochs": 100, "batch_size": 1000, "early_stopping_rounds": 0, "learning_rate": 0.01}')
$$;
DO $$ BEGIN
	PERFORM fit_small('weighted', 'SELECT *, (1 + id % 2)::float8 AS w FROM small', 'w');
	PERFORM fit_small('doubled', 'SELECT s.id * 2 + n AS id, x1, x2, y FROM small s, generate_series(0, 1) n WHERE n <= id % 2', NULL);
	PERFORM fit_small('zeros', 'SELECT *, (id % 2)::float8 AS w FROM small', 'w');
	PERFORM fit_small('halved', 'SELECT * FROM small WHERE id % 2 = 1', NULL);
END $$;
SELECT max(abs(engage_predict('weighted', s) - engage_predict('doubled', s))) < 0.01 AS weight_2,
	max(abs(engage_predict('zeros', s) - engage_predict('halved', s))) < 0.01 AS weight_0,
	max(abs(engage_predict('weighted', s) - engage_predict('halved', s))) > 0.01 AS not_by_chance,
	corr(engage_predict('doubled', s), y) > 0.5 AS learned
FROM small s;

-- values far out stay numbers
SELECT bool_and(p BETWEEN -1e12 AND 1e12) AS finite FROM unnest('{1e38,-1e38,1e-38,0}'::float8[]) x1,
	LATERAL (SELECT engage_predict('doubled', r) AS p FROM (SELECT x1, 1e30::float8 AS x2) r) q;

-- no column says anything: the mean, or the classes' shares
SELECT version FROM engage_train('mean', 'SELECT id, 1 AS x, y FROM small', target => 'y', key => 'id', algorithm => 'mlp', test_size => 0);
SELECT abs(engage_predict('mean', r) - (SELECT avg(y) FROM small)) < 0.1 AS mean FROM (SELECT 1 AS x) r;

-- errors
\set SHOW_CONTEXT never
\set train 'SELECT version FROM engage_train(''bad'', ''small'', target => ''y'', key => ''id'', algorithm => ''mlp'', params => '
:train '{"layers": [8, 2.5]}');
:train '{"layers": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}');
:train '{"layers": []}');
:train '{"activation": "sigmoid"}');
:train '{"learning_rate": 100, "layers": [64,64,64,64,64,64,64,64,64,64,64,64], "epochs": 100}');

-- it can be cancelled
SET statement_timeout = '300ms';
:train '{"epochs": 100000, "early_stopping_rounds": 0, "layers": [256, 256]}');
RESET statement_timeout;
