-- Rows that came without their sequence, as logical replication brings them: before an id could be given
-- again, or one that a publisher is about to send, there is an error that says what to do.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE TABLE people AS SELECT g AS id, g % 17 AS visits, (g * 7919) % 101 + g % 17 > 60 AS churned FROM generate_series(1, 200) g;
SELECT version FROM engage_train('m', 'people', target => 'churned', key => 'id', params => '{"n_estimators":1}');
SELECT version FROM engage_train('m', 'people', target => 'churned', key => 'id', params => '{"n_estimators":2}', deploy => 'never');
SELECT engage_policy('p', '{"layers": [{"name": "r", "rules": [{"name": "n", "when": "visits > 3", "score": 9}]}]}', 'people');

-- which call inserts into which table, and with which sequence
CREATE TABLE calls (n int, tab text, seq text, call text);
INSERT INTO calls VALUES
	(1, 'model', 'model_id_seq', $$ engage_train('new', 'people', target => 'churned', key => 'id', params => '{"n_estimators":1}') $$),
	(2, 'policy', 'model_id_seq', $$ engage_policy('q', '{"layers": [{"name": "r", "rules": [{"name": "n", "when": "visits > 3", "score": 9}]}]}', 'people') $$),
	(3, 'version', 'version_id_seq', $$ engage_retrain('m') $$),
	(4, 'deployment', 'deployment_id_seq', $$ engage_deploy('m', '1.1.0') $$),
	(5, 'event', 'event_id_seq', $$ engage_grant('m', 'public') $$),
	(6, 'tuning', 'tuning_id_seq', $$ engage_tune('t', 'people', target => 'churned', key => 'id', trials => 1, folds => 2, params => '{"n_estimators":1}') $$),
	(7, 'experiment', 'experiment_id_seq', $$ engage_experiment_start('x', 'm', '{1.0.0,1.1.0}', key => 'id') $$),
	(8, 'check_result', 'check_result_id_seq', $$ engage_check('m') $$),
	(9, 'alert', 'alert_id_seq', $$ engage_check('m') $$),
	(10, 'policy_version', 'policy_version_id_seq', $$ engage_policy('p', '{"layers": [{"name": "r", "rules": [{"name": "n", "when": "visits > 5", "score": 9}]}]}') $$),
	(11, 'policy_deployment', 'policy_deployment_id_seq', $$ engage_policy('p', '{"layers": [{"name": "r", "rules": [{"name": "n", "when": "visits > 6", "score": 9}]}]}') $$);

-- every sequence of the extension is among them; ids of the prediction log need not be new
SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'engage'::regnamespace
EXCEPT SELECT seq FROM calls ORDER BY 1;

-- a row with an id ahead of the sequence, in every table; the other columns have any value of their type
CREATE FUNCTION ahead(tab text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	columns text;
	vals text;
BEGIN
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg(CASE
		WHEN attname = 'id' THEN '$1'
		WHEN attname = 'policy' THEN quote_literal('alert')
		WHEN attname = 'status' THEN quote_literal('ok')
		WHEN atttypid = 'jsonb'::regtype THEN quote_literal('{}')
		WHEN atttypid IN ('text'::regtype, 'name'::regtype) THEN quote_literal('ahead')
		WHEN atttypid IN ('bigint'::regtype, 'integer'::regtype, 'float8'::regtype) THEN '0'
		WHEN atttypid = 'boolean'::regtype THEN 'false'
		WHEN atttypid = 'timestamptz'::regtype THEN 'now()'
		ELSE quote_literal('{}') END, ', ' ORDER BY attnum)
	INTO columns, vals
	FROM pg_attribute WHERE attrelid = ('engage.' || tab)::regclass AND attnum > 0 AND NOT attisdropped AND (attnotnull OR attname = 'id');
	id := 1000;
	EXECUTE format('INSERT INTO engage.%I (%s) VALUES (%s)', tab, columns, vals) USING id;
	RETURN id;
END $$;
SELECT engage_monitor('m', 'SELECT * FROM people WHERE 1 / (id - id) > 0');
CREATE FUNCTION try_it(sql text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT' || sql;
	message := 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
CREATE TABLE results (n int, state text, message text, detail text, hint text, after text);
DO $$
DECLARE
	c record;
	r record;
	after text;
BEGIN
	FOR c IN SELECT * FROM calls ORDER BY n LOOP
		BEGIN
			PERFORM ahead(c.tab);
			SELECT * INTO r FROM try_it(c.call);
			-- the remedy that the hint names
			PERFORM setval(('engage.' || c.seq)::regclass, 1000000000000);
			after := (try_it(c.call)).message;
			RAISE EXCEPTION 'undone' USING ERRCODE = 'ZZ001';
		EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
			NULL;
		END;
		-- sequences are not undone
		PERFORM setval(('engage.' || c.seq)::regclass, 100);
		INSERT INTO results SELECT c.n, r.state, r.message, regexp_replace(r.detail, 'would be \d+', 'would be N'), r.hint, after;
	END LOOP;
END $$;
SELECT c.tab, r.state, r.message, r.after FROM results r JOIN calls c USING (n) ORDER BY n;
SELECT detail, hint FROM results WHERE n IN (1, 3) ORDER BY n;

-- nothing was left behind, and what does not look at the sequences goes on
SELECT count(*) FROM engage.version;
SELECT count(engage_predict('m', p)) FROM people p;
SELECT version FROM engage_retrain('m');
