-- what users of other machine learning in databases complain about; each complaint is answered here
SET engage.progress = off;
CREATE TABLE people AS
SELECT g AS id, g % 17 AS visits, nullif((g * 7919) % 101, 50) AS spend, (ARRAY['free', 'basic', NULL])[1 + g % 3] AS plan,
	CASE WHEN g % 40 = 0 THEN NULL WHEN (g * 7919) % 101 + g % 17 > 60 THEN 'left us' ELSE 'Stayed, "happy"' END AS outcome
FROM generate_series(1, 1000) g;

-- "rows with NULL are dropped silently, or raise a raw error of the library":
-- rows with a NULL feature are used and scored; rows without a target are left out, and that is said
SELECT rows_train + rows_test AS used FROM engage_train('m', 'people', target => 'outcome', key => 'id', params => '{"n_estimators":5}');
SELECT data->'rows' AS read, data->'rows_without_target' AS without_target FROM engage.versions WHERE model = 'm';
SELECT count(*) AS rows, count(engage_predict('m', p)) AS scored FROM people p;
SELECT engage_predict('m', s) IS NOT NULL AS scored FROM (SELECT NULL::int AS visits, NULL::int AS spend, NULL::text AS plan) s;

-- "text labels are refused, or mapped back wrongly":
-- the classes come back as they were written, and the likelier one is the one that was more frequent
SELECT DISTINCT engage_predict_class('m', p) AS class FROM people p ORDER BY 1;
SELECT count(*) AS rows, count(*) FILTER (WHERE engage_predict_class('m', p) = outcome) > 0.95 * count(*) AS right
FROM people p WHERE outcome IS NOT NULL;
SELECT count(*) AS contradictions FROM people p
WHERE (engage_predict_class('m', p) = 'left us') <> (engage_predict('m', p) >= 0.5)
	OR abs((engage_predict_proba('m', p)->>'left us')::float8 - engage_predict('m', p)) > 1e-12;
-- the other class made the positive one turns the score around
SELECT version FROM engage_train('turned', 'people', target => 'outcome', key => 'id', positive => 'Stayed, "happy"', params => '{"n_estimators":5}');
SELECT count(*) AS different FROM people p WHERE abs(engage_predict('turned', p) + engage_predict('m', p) - 1) > 1e-5
	OR engage_predict_class('turned', p) <> engage_predict_class('m', p);
-- numbers and booleans come back as text of the same value
SELECT version FROM engage_train('numbers', 'SELECT id, visits, spend, 10 + id % 3 AS y FROM people', target => 'y', task => 'multiclass', params => '{"n_estimators":2}');
SELECT DISTINCT engage_predict_class('numbers', p)::int BETWEEN 10 AND 12 AS known FROM people p;

-- "a NULL is counted as a class"
SELECT jsonb_array_length(data->'labels') AS classes, data->'labels' AS labels FROM engage.versions WHERE model = 'm';

-- "unknown parameters are ignored", "the error is a C++ stack trace"
SELECT engage_train('p', 'people', target => 'outcome', params => '{"max_deph":3}');
DO $$
DECLARE
	message text;
BEGIN
	-- whatever the library itself may say comes as one sentence
	PERFORM engage_train('p', 'SELECT visits, spend, -visits - 1 AS y FROM people', target => 'y', params => '{"objective":"reg:gamma"}');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RAISE NOTICE 'one line: %, no trace: %', message !~ '\n', message !~* 'stack|\.cc|0x[0-9a-f]+|dmlc';
END $$;

-- "cancel does nothing during training": t/010_cancel.pl

-- "the model is parsed again for every row, or for 16 seconds in each connection":
-- one compiled copy in a session, however many rows, statements and call sites use it
SELECT sum(engage_predict('m', p)) > 0 AS scored FROM people p;
SELECT sum(engage_predict('m', p) + engage_predict('m', p)) > 0 AS scored FROM people p;
SELECT count(*) AS compiled, count(DISTINCT ident) AS of_models FROM pg_backend_memory_contexts WHERE name = 'engage model' AND ident = 'm@1.0.0';

-- "predict is declared IMMUTABLE though deployment changes it"
SELECT proname, provolatile, proparallel FROM pg_proc
WHERE proname IN ('engage_predict', 'engage_predict_class', 'engage_predict_proba', 'engage_predict_quantiles') AND (provolatile, proparallel) <> ('s', 's');
CREATE INDEX ON people ((engage_predict('m', people)));
CREATE FUNCTION before_and_after() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	first float8;
	second float8;
BEGIN
	SELECT sum(engage_predict('m', p)) INTO first FROM people p;
	PERFORM engage_train('m', 'people', target => 'outcome', key => 'id', params => '{"n_estimators":1}', deploy => 'always');
	SELECT sum(engage_predict('m', p)) INTO second FROM people p;
	RETURN first <> second;
END $$;
SET client_min_messages = warning;
SELECT before_and_after() AS the_next_statement_follows;
RESET client_min_messages;

-- "deployment survives ROLLBACK, or leaks to another database"
SELECT deployed FROM engage.models WHERE model = 'm';
BEGIN;
SELECT engage_rollback('m');
SELECT engage_model_version('m');
ROLLBACK;
SELECT deployed, engage_model_version('m') FROM engage.models WHERE model = 'm';
BEGIN;
SAVEPOINT s;
SELECT engage_drop('m');
ROLLBACK TO s;
SELECT count(engage_predict('m', p)) FROM people p;
COMMIT;
SELECT count(*) AS shared_tables FROM pg_class WHERE relnamespace = 'engage'::regnamespace AND relisshared;

-- "the whole data set goes through one value, which ends at 1 GB":
-- rows are read one by one; what is stored are chunks of 8 MB at most
SELECT max(length(data)) <= 8388608 AS chunked FROM engage.artifact;

-- "real[] is read as float8": every array of numbers means what it says
SELECT version FROM engage_train('arrays', 'SELECT id, ARRAY[visits, spend]::real[] AS v, outcome = ''left us'' AS y FROM people WHERE spend > 0',
	target => 'y', key => 'id', params => '{"n_estimators":5}');
SELECT version FROM engage_train('columns', 'SELECT id, visits AS v1, spend AS v2, outcome = ''left us'' AS y FROM people WHERE spend > 0',
	target => 'y', key => 'id', params => '{"n_estimators":5}');
SELECT count(*) AS rows, count(*) FILTER (WHERE engage_predict('arrays', a4) <> engage_predict('columns', c)
	OR engage_predict('arrays', a8) <> engage_predict('columns', c) OR engage_predict('arrays', ai) <> engage_predict('columns', c)
	OR engage_predict('arrays', an) <> engage_predict('columns', c) OR engage_predict('arrays', aj.j) <> engage_predict('columns', c)) AS different
FROM people p, LATERAL (SELECT ARRAY[visits, spend]::real[] AS v) a4, LATERAL (SELECT ARRAY[visits, spend]::float8[] AS v) a8,
	LATERAL (SELECT ARRAY[visits, spend]::int[] AS v) ai, LATERAL (SELECT ARRAY[visits, spend]::numeric[] AS v) an,
	LATERAL (SELECT jsonb_build_object('v', ARRAY[visits, spend]) AS j) aj, LATERAL (SELECT visits AS v1, spend AS v2) c
WHERE spend > 0;

-- "names are pasted into SQL without quotes": badinput.sql, and
CREATE SCHEMA "the schema";
CREATE TABLE "the schema"."The Table" AS SELECT id AS "Id", visits AS "from", spend AS "Spend""$", outcome AS "select" FROM people;
SET client_min_messages = warning;
SELECT model FROM engage_train('quoted', '"the schema"."The Table"', target => 'select', key => 'Id', params => '{"n_estimators":2}');
RESET client_min_messages;
SELECT engage_create_view('"the schema"."The Scores"', 'quoted', '"the schema"."The Table"');
SELECT count(*) AS rows, count(score) AS scored FROM "the schema"."The Scores";

-- "rows times columns is computed in 32 bits": the need is added up in 64 bits, before anything is allocated
SET engage.max_memory = '9MB';
SELECT engage_train('big', 'SELECT array_fill(g::real, ARRAY[1048576]) AS v, g % 2 = 0 AS y FROM generate_series(1, 4096) g', target => 'y');
RESET engage.max_memory;

-- "champion and challenger are scored on different splits":
-- the same recipe gives the same number to the last digit, whatever else was trained between
SET client_min_messages = warning;
SELECT version, deployed FROM engage_train('duel', 'people', target => 'outcome', key => 'id', seed => 1, params => '{"n_estimators":3}');
SELECT version, deployed FROM engage_train('duel', 'people', target => 'outcome', key => 'id', seed => 99, params => '{"n_estimators":3}');
SELECT version, data->'comparison'->'champion' AS champion, data->'comparison'->'value' = data->'comparison'->'champion_value' AS equal
FROM engage.versions WHERE model = 'duel' ORDER BY version DESC LIMIT 1;
-- new rows do not move the old ones to the other side
CREATE TABLE more AS SELECT * FROM people UNION ALL
SELECT id + 5000, visits, spend, plan, outcome FROM people;
SELECT version FROM engage_train('duel', 'more', target => 'outcome', key => 'id', params => '{"n_estimators":3}');
SELECT (v1.metrics->>'n')::int < (v3.metrics->>'n')::int AS more_rows, v3.data->'comparison'->>'not_comparable' AS not_comparable
FROM engage.versions v1, engage.versions v3
WHERE v1.model = 'duel' AND v1.version = '1.0.0' AND v3.model = 'duel' AND v3.created = (SELECT max(created) FROM engage.versions WHERE model = 'duel');
RESET client_min_messages;
-- where the rows cannot be the same it is said, and nothing is deployed
SELECT deployed FROM engage_train('duel', 'people', target => 'outcome', key => 'id', test_size => 0.5, params => '{"n_estimators":30}');

-- "restore collides with sequences": t/030_dump.pl

-- "functions in the catalogue cannot be called": each symbol is in the library, and none is a leftover
SELECT count(*) > 20 AS many, count(fmgr_c_validator(p.oid)) >= 0 AS found
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'engage'
WHERE p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c');

-- "any role may retrain any model"
CREATE ROLE regress_complaints_role;
GRANT SELECT ON people TO regress_complaints_role;
SELECT engage_grant('m', 'regress_complaints_role');
SET ROLE regress_complaints_role;
SELECT count(engage_predict('m', p)) FROM people p;
SELECT engage_retrain('m');
SELECT engage_train('m', 'people', target => 'outcome');
SELECT engage_deploy('m', '1.0.0');
RESET ROLE;
SELECT engage_revoke('m', 'regress_complaints_role');
DROP OWNED BY regress_complaints_role;
DROP ROLE regress_complaints_role;

-- "scores come without an id to join them back"
SELECT engage_create_view('scores', 'm', 'people', 'id');
SELECT count(*) AS joined, count(s.score) AS scored, count(DISTINCT s.version) AS versions FROM people p JOIN scores s USING (id);
SELECT engage_create_view('no_scores', 'numbers', 'SELECT visits, spend FROM people');
