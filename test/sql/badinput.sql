-- bad input: each kind gives one clear error with a remedy, and leaves the backend unharmed
SET engage.progress = off;
CREATE TABLE people AS
SELECT g AS id, g % 17 AS visits, (g * 7919) % 101 AS spend, (ARRAY['free', 'basic', 'gold'])[1 + g % 3] AS plan,
	date '2024-01-01' + g % 300 AS joined, (g * 7919) % 101 + g % 17 > 60 AS churned
FROM generate_series(1, 500) g;
SELECT version FROM engage_train('good', 'people', target => 'churned', key => 'id', params => '{"n_estimators":5}');
CREATE TEMP TABLE before AS
SELECT pg_backend_pid() AS pid, sum(engage_predict('good', p)) AS total FROM people p;
\set ok 'params => \'{"n_estimators":2}\''

-- relations, columns, algorithms
SELECT engage_train('bad', 'peple', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'nowhere.people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'otherdb.public.people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', '"unfinished', target => 'churned'); \echo :SQLSTATE
CREATE SEQUENCE counter;
CREATE INDEX people_id ON people (id);
SELECT engage_train('bad', 'counter', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people_id', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'chuned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'Churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', key => 'ident'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', key => 'id;drop'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', weight => 'wt'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', features => '{visits,spent}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', exclude => '{plann}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', features => '{visits,churned}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', features => '{visits}', exclude => '{visits}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', features => '{}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', exclude => '{id,visits,spend,plan,joined}'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, id, churned FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', split => 'plan'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', weight => 'plan'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ARRAY[1.5] AS zone FROM people', target => 'churned', partition_by => 'zone'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', algorithm => 'xgbost'); \echo :SQLSTATE
SELECT engage_parameters('xgbost'); \echo :SQLSTATE

-- parameters
SELECT engage_train('bad', 'people', target => 'churned', params => '{"max_dept":3}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"nthread":3}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"learning_rate":0}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"subsample":1.5}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"n_estimators":0}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"n_estimators":1e99}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"max_depth":3.5}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"max_depth":"6"}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"grow_policy":"lossgide"}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"eta":0.1,"learning_rate":0.1}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '[1]'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"monotone_constraints":{"visit":1}}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', params => '{"objective":"binary:logisitc"}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'spend', task => 'quantile', params => '{"quantiles":[0.1,1.5]}'); \echo :SQLSTATE

-- words
SELECT engage_train('bad', 'people', target => 'churned', task => 'clasification'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', deploy => 'maybe'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', class_weight => 'balance'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', class_weight => '{"yes":2}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', class_weight => '{"true":-2}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', class_weight => '{"true":'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', class_weight => '{"true":{"a":1}}'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'spend', class_weight => 'balanced'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', positive => 'yes'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'plan', positive => 'gold'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'plan', task => 'binary'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'plan', task => 'regression'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'spend', task => 'ranking'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', test_size => 1); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', test_size => -0.1); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', test_size => 'NaN'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', min_improvement => 'infinity'); \echo :SQLSTATE

-- sources that are not one SELECT, or that write
CREATE TABLE victim (n int);
CREATE FUNCTION writes(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO victim VALUES ($1); RETURN $1; END';
SELECT engage_train('bad', '', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', '-- nothing', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people; SELECT 1', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people; DROP TABLE people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'DELETE FROM people RETURNING *', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'TRUNCATE victim', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'WITH d AS (DELETE FROM people RETURNING *) SELECT * FROM d', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people WHERE id IN (WITH d AS (INSERT INTO victim VALUES (1) RETURNING n) SELECT n FROM d)', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * INTO taken FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people FOR UPDATE', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, writes(id) FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, nextval(''counter'') AS n FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, set_config(''transaction_read_only'', ''off'', true), writes(id) FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'EXPLAIN SELECT * FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people) AS s, (SELECT 1', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, id / 0 AS z FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELEC * FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT $1', target => 'churned'); \echo :SQLSTATE
SELECT count(*) AS untouched FROM people;
SELECT count(*) AS nothing_written FROM victim;
-- the guard is gone afterwards: the session can write
INSERT INTO victim VALUES (1);
SHOW transaction_read_only;

-- rows and targets from which nothing can be learned
SELECT engage_train('bad', 'SELECT * FROM people WHERE false', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people LIMIT 1', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT * FROM people LIMIT 1', target => 'spend'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, NULL::boolean AS churned FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, true AS churned FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, ''No'' AS churned FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, 7.5 AS ltv FROM people', target => 'ltv'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, CASE id WHEN 3 THEN float8 ''NaN'' ELSE id END AS ltv FROM people', target => 'ltv'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, CASE id WHEN 3 THEN float8 ''-Infinity'' ELSE id END AS ltv FROM people', target => 'ltv'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, CASE id WHEN 3 THEN numeric ''NaN'' ELSE id END AS ltv FROM people', target => 'ltv'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, joined FROM people', target => 'joined'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, id * 0.5 AS half FROM people', target => 'half', task => 'multiclass'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, id * 1000 AS many FROM generate_series(1, 2000) id, generate_series(1, 1) visits', target => 'many', task => 'multiclass'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT id, visits, -visits AS bought FROM people', target => 'bought', task => 'count'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, -1 AS w FROM people', target => 'churned', weight => 'w'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, 0 AS w FROM people', target => 'churned', weight => 'w'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, nullif(id, 7) AS w FROM people', target => 'churned', weight => 'w'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, nullif(id, 7) AS k FROM people', target => 'churned', key => 'k'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, true AS held FROM people', target => 'churned', split => 'held'); \echo :SQLSTATE

-- types that cannot be features; the way out is in the hint, and it works
SELECT engage_train('bad', 'SELECT *, ''{"a":1}''::json AS extra FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ''{"a":1}''::jsonb AS extra FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ''\x00''::bytea AS photo FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, point(1, 2) AS home FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ROW(1, 2) AS pair FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, int4range(1, 2) AS span FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ARRAY[plan] AS plans FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ''<a/>''::text::tsvector AS words FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ''{}''::float8[] AS emb FROM people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, array_fill(1.0, ARRAY[1 + (id > 250)::int]) AS emb FROM people ORDER BY id', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT *, ARRAY[[1,2],[3,4]] AS emb FROM people', target => 'churned'); \echo :SQLSTATE
SELECT version FROM engage_train('typed', 'SELECT *, point(1, 2) AS home FROM people', target => 'churned', exclude => '{home}', :ok);
SELECT engage_drop('typed');

-- category columns with too many values
SELECT engage_train('bad', 'SELECT id, md5(id::text) AS email, id % 2 = 0 AS y FROM generate_series(1, 20000) id', target => 'y'); \echo :SQLSTATE
SET engage.max_categories = 2;
SELECT engage_train('bad', 'people', target => 'churned'); \echo :SQLSTATE
SET engage.max_categories = 0;
RESET engage.max_categories;
SELECT version FROM engage_train('mails', 'SELECT id, md5(id::text) AS email, id % 2 = 0 AS y FROM generate_series(1, 20000) id',
	target => 'y', exclude => '{email}', :ok);
SELECT engage_drop('mails');

-- memory
SET engage.max_memory = '1MB';
SELECT engage_train('bad', 'SELECT g AS id, g AS a, g AS b, g AS c, g AS d, g % 2 = 0 AS y FROM generate_series(1, 100000) g', target => 'y'); \echo :SQLSTATE
SELECT engage_train('bad', 'SELECT md5(g::text) AS t, g % 2 = 0 AS y FROM generate_series(1, 9000) g', target => 'y'); \echo :SQLSTATE
RESET engage.max_memory;

-- as many columns as a table can have, and more features than those
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE wide AS SELECT ' || string_agg(format('(g * %s) %% 31 AS c%s', i, i), ', ') ||
		' FROM generate_series(1, 60) g' FROM generate_series(1, 1600) i);
END $$;
SELECT rows_train FROM engage_train('wide', 'wide', target => 'c1600', key => 'c1', :ok);
SELECT count(*) FROM wide w WHERE engage_predict('wide', w) IS NULL;
SELECT engage_drop('wide');
DROP TABLE wide;
SELECT engage_train('bad', 'SELECT churned, array_fill(1::real, ARRAY[1048577]) AS emb FROM people LIMIT 3', target => 'churned'); \echo :SQLSTATE

-- NULL where a value is needed
SELECT engage_train(NULL, 'people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', NULL, target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'people'); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => NULL); \echo :SQLSTATE
SELECT engage_train('bad', 'people', target => 'churned', features => '{visits,NULL}'); \echo :SQLSTATE
SELECT engage_retrain(NULL); \echo :SQLSTATE
SELECT engage_predict(NULL, p) IS NULL AS null_model, engage_predict('good', NULL::people) IS NULL AS null_row,
	engage_predict('good', NULL::jsonb) IS NULL AS null_object FROM people p LIMIT 1;
SELECT engage_deploy('good', NULL) IS NULL AS no_deployment, engage_drop(NULL) IS NULL AS no_drop, engage_drop('good', NULL) IS NULL AS no_drop_either;
SELECT model, version FROM engage_train('nulls', 'people', target => 'churned', algorithm => NULL, params => NULL, key => NULL,
	test_size => NULL, seed => NULL, deploy => NULL, min_improvement => NULL);
SELECT engage_drop('nulls');

-- names
SELECT engage_train('', 'people', target => 'churned', :ok); \echo :SQLSTATE
SELECT engage_train('a@b', 'people', target => 'churned', :ok); \echo :SQLSTATE
SELECT engage_train(' spaced', 'people', target => 'churned', :ok); \echo :SQLSTATE
SELECT engage_train(E'two\nlines', 'people', target => 'churned', :ok); \echo :SQLSTATE
SELECT engage_train(repeat('x', 129), 'people', target => 'churned', :ok); \echo :SQLSTATE
SELECT engage_train('x' || repeat('é', 64), 'people', target => 'churned', :ok); \echo :SQLSTATE
-- a name that cannot be is refused before the work, not after it
SELECT engage_train('a@b', 'SELECT 1 / 0 AS x, true AS y', target => 'y'); \echo :SQLSTATE
CREATE TABLE "Odd ""one""; DROP TABLE people; --" AS
SELECT id AS "select", visits AS "Größe; ""x""", spend AS "a'b", plan AS "user", churned AS "order" FROM people;
SELECT model, version FROM engage_train($$it's "quoted"; DROP TABLE people; -- é$$, '"Odd ""one""; DROP TABLE people; --"',
	target => 'order', key => 'select', :ok);
SELECT count(engage_predict($$it's "quoted"; DROP TABLE people; -- é$$, t)) FROM "Odd ""one""; DROP TABLE people; --" t;
SELECT count(engage_predict_class($$it's "quoted"; DROP TABLE people; -- é@1.0.0$$, t)) FROM "Odd ""one""; DROP TABLE people; --" t;
SET client_min_messages = warning;
SELECT version FROM engage_retrain($$it's "quoted"; DROP TABLE people; -- é$$);
SELECT engage_drop($$it's "quoted"; DROP TABLE people; -- é$$);
SELECT version FROM engage_train(repeat('é', 64), 'people', target => 'churned', :ok);
SELECT engage_drop(repeat('é', 64));
RESET client_min_messages;

-- models and versions
SELECT engage_predict('god', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('something else', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('good@9.0.0', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('good@', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('good@latest', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('@1.0.0', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict('', p) FROM people p; \echo :SQLSTATE
SELECT engage_predict_quantiles('good', p) FROM people p; \echo :SQLSTATE
SELECT engage_deploy('god', '1.0.0'); \echo :SQLSTATE
SELECT engage_deploy('good', '9'); \echo :SQLSTATE
SELECT engage_deploy('good', 'newest'); \echo :SQLSTATE
SELECT engage_deploy('good', '99999999999.0.0'); \echo :SQLSTATE
SELECT engage_rollback('good'); \echo :SQLSTATE
SELECT engage_drop('god'); \echo :SQLSTATE
SELECT engage_drop('good', '1.0'); \echo :SQLSTATE
SELECT engage_drop('good', '1.0.0'); \echo :SQLSTATE
SELECT engage_retrain('god'); \echo :SQLSTATE
SELECT engage_retrain('good', deploy => 'perhaps'); \echo :SQLSTATE
SELECT engage_grant('good', 'regress_badinput_nobody'); \echo :SQLSTATE
SELECT engage_verify('god'); \echo :SQLSTATE
SELECT engage_describe('god'); \echo :SQLSTATE
SELECT engage_export('good', 'onnx'); \echo :SQLSTATE
SELECT engage_create_view('people', 'good', 'people', 'id'); \echo :SQLSTATE
SELECT engage_create_view('scores', 'good', 'people', 'nokey'); \echo :SQLSTATE

-- rows that do not fit the model
SELECT engage_predict('good', s) FROM (SELECT id, visits, plan, joined FROM people) s; \echo :SQLSTATE
SELECT engage_predict('good', ROW(1, 2, 3)); \echo :SQLSTATE
SELECT engage_predict('good', s) FROM (SELECT visits, spend::text, plan, joined FROM people) s; \echo :SQLSTATE
SELECT engage_predict('good', s) FROM (SELECT visits, spend, 3 AS plan, joined FROM people) s; \echo :SQLSTATE
SELECT engage_predict('good', s) FROM (SELECT visits, spend, plan, 'soon' AS joined FROM people) s; \echo :SQLSTATE
SELECT engage_predict('good', s) FROM (SELECT visits, spend, plan, point(1, 2) AS joined FROM people) s; \echo :SQLSTATE
-- in a JSON object an absent member is a missing value; an unknown one is ignored
SELECT engage_predict('good', '{"visits":3,"plan":"free","joined":"2024-02-01"}'::jsonb) =
	engage_predict('good', '{"visits":3,"plan":"free","spend":null,"joined":"2024-02-01","extra":[]}'::jsonb) AS same;
SELECT engage_predict('good', '{"visits":"three","spend":1,"plan":"free","joined":"2024-02-01"}'::jsonb); \echo :SQLSTATE
SELECT engage_predict('good', '{"visits":3,"spend":[1],"plan":"free","joined":"2024-02-01"}'::jsonb); \echo :SQLSTATE
SELECT engage_predict('good', '{"visits":3,"spend":1,"plan":7,"joined":"2024-02-01"}'::jsonb) =
	engage_predict('good', '{"visits":3,"spend":1,"plan":null,"joined":"2024-02-01"}'::jsonb) AS an_unseen_category;
SELECT engage_predict('good', '{"visits":3,"spend":1,"plan":"free","joined":"soon"}'::jsonb); \echo :SQLSTATE
SELECT engage_predict('good', '[1, 2]'::jsonb); \echo :SQLSTATE
SELECT engage_predict('good', '"churn"'::jsonb); \echo :SQLSTATE
CREATE TABLE changing AS SELECT * FROM people;
PREPARE score AS SELECT count(engage_predict('good', c)) FROM changing c;
EXECUTE score;
ALTER TABLE changing ALTER spend TYPE text;
EXECUTE score; \echo :SQLSTATE
ALTER TABLE changing ALTER spend TYPE numeric USING spend::numeric;
EXECUTE score;
ALTER TABLE changing DROP spend;
EXECUTE score; \echo :SQLSTATE
ALTER TABLE changing ADD spend int DEFAULT 5;
EXECUTE score;

-- rows with values the model has not seen are scored
SELECT engage_predict('good', s) BETWEEN 0 AND 1 AS scored FROM (VALUES (NULL::int, 'NaN'::float8, NULL, 'infinity'::date),
	(2147483647, 'Infinity', 'platinum', '-infinity'), (-5, 1e300, '', NULL)) s (visits, spend, plan, joined);
-- a row that an outer join did not find
SELECT n, engage_predict('good', p) IS NULL AS no_score FROM (VALUES (1), (-1)) AS wanted (n) LEFT JOIN people p ON p.id = n ORDER BY n;

-- artifacts that are broken
CREATE TEMP TABLE exported AS SELECT engage_export('good', 'engage') AS own, engage_export('good', 'json') AS js, engage_export('good', 'ubj') AS ubj;
SELECT engage_import('broken', '\x'); \echo :SQLSTATE
SELECT engage_import('broken', 'no model at all'); \echo :SQLSTATE
SELECT engage_import('broken', NULL); \echo :SQLSTATE
SELECT engage_import('broken', '{}'); \echo :SQLSTATE
SELECT engage_import('broken', '{"learner": {}}'); \echo :SQLSTATE
SELECT engage_import('broken', substr(own, 1, length(own) - 1)) FROM exported; \echo :SQLSTATE
SELECT engage_import('broken', set_byte(own, length(own) / 2, get_byte(own, length(own) / 2) # 1)) FROM exported; \echo :SQLSTATE
-- any byte of our own container flipped, and any length but the right one: refused, never crashed
CREATE FUNCTION try_import(data bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM engage_import('broken', data);
	RETURN 'imported';
EXCEPTION WHEN data_corrupted OR invalid_parameter_value OR feature_not_supported OR program_limit_exceeded OR character_not_in_repertoire
	OR invalid_name OR duplicate_column OR data_exception OR invalid_binary_representation THEN
	RETURN 'refused';
END $$;
SELECT DISTINCT try_import(set_byte(own, i, get_byte(own, i) # (1 << (i % 8)))) FROM exported, generate_series(0, length(own) - 1, 7) i;
SELECT DISTINCT try_import(substr(own, 1, i)) FROM exported, generate_series(0, length(own) - 1, 13) i;
SELECT DISTINCT try_import(substr(ubj, 1, i)) FROM exported, generate_series(0, length(ubj) - 1, 23) i;
SELECT DISTINCT try_import(substr(js, 1, i)) FROM exported, generate_series(0, length(js) - 1, 31) i;
-- the library's formats have no check sum: a changed number may still be a model, but nothing else happens
SELECT count(try_import(set_byte(ubj, i, get_byte(ubj, i) # (1 << (i % 8))))) > 0 AS survived FROM exported, generate_series(0, length(ubj) - 1, 5) i;
SELECT count(try_import(set_byte(js, i, get_byte(js, i) # (1 << (i % 8))))) > 0 AS survived FROM exported, generate_series(0, length(js) - 1, 5) i;

-- rights
CREATE ROLE regress_badinput_role;
SET ROLE regress_badinput_role;
SELECT engage_train('bad', 'people', target => 'churned'); \echo :SQLSTATE
SELECT engage_train('bad', 'public.people', target => 'churned'); \echo :SQLSTATE
SELECT engage_predict('good', '{"visits":3,"spend":1,"plan":"free","joined":"2024-02-01"}'::jsonb); \echo :SQLSTATE
SELECT engage_retrain('good'); \echo :SQLSTATE
SELECT engage_verify('good'); \echo :SQLSTATE
SELECT engage_drop('good'); \echo :SQLSTATE
SELECT engage_export('good'); \echo :SQLSTATE
SELECT engage_import('good', '\x'); \echo :SQLSTATE
SELECT data FROM engage.artifact; \echo :SQLSTATE
RESET ROLE;
DROP ROLE regress_badinput_role;

-- read-only transactions score, but do not train
BEGIN READ ONLY;
SELECT count(engage_predict('good', p)) FROM people p;
SELECT engage_train('bad', 'people', target => 'churned'); \echo :SQLSTATE
ROLLBACK;

-- after all that: the same backend, the same scores, no trace of the failures
SELECT pid = pg_backend_pid() AS same_backend, total = (SELECT sum(engage_predict('good', p)) FROM people p) AS same_scores FROM before;
SELECT count(*) FILTER (WHERE model = 'bad') AS bad_models, count(*) FILTER (WHERE model = 'good') AS good_models FROM engage.models;
SELECT count(*) AS orphans FROM engage.artifact a WHERE NOT EXISTS (SELECT FROM engage.version v WHERE v.id = a.version_id);
