-- every algorithm of engage_algorithms() and each of its tasks go through the same trials: a new one
-- is tested without a change here.  A trial returns what is wrong, so nothing is the expected answer.
SET engage.progress = off;
SET client_min_messages = warning;

CREATE TABLE whole AS
SELECT i AS id, (i * 7919 % 1009) / 1009.0::float8 AS x1, i * 31 % 97 AS x2, (i * 104729 % 2003)::real / 7 AS x3,
	CASE WHEN i % 9 > 0 THEN 'c' || i * 13 % 6 END AS c
FROM generate_series(1, 300) i;
ALTER TABLE whole ADD y float8, ADD b boolean, ADD k text, ADD n integer, ADD t float8, ADD e boolean, ADD q integer;
UPDATE whole SET y = 10 * x1 + x2 / 10.0 + length(coalesce(c, '')) + id * 17 % 10 / 10.0;
UPDATE whole SET b = y > 11, k = CASE WHEN y > 14 THEN 'high' WHEN y > 8 THEN 'mid' ELSE 'low' END,
	n = floor(y / 3), t = 1 + y * (1 + id * 37 % 50 / 10.0), e = id % 4 > 0, q = id / 10;

-- what each task is to learn, how it is told so, and how it answers
CREATE TABLE learn (task text PRIMARY KEY, target text, more text, score text);
INSERT INTO learn VALUES
	('regression', 'y', '', 'engage_predict(%L, r)'), ('binary', 'b', '', 'engage_predict(%L, r)'),
	('multiclass', 'k', '', 'engage_predict_proba(%L, r)'), ('quantile', 'y', '', 'engage_predict_quantiles(%L, r)'),
	('ranking', 'n', ', group_by => ''q''', 'engage_predict(%L, r)'), ('count', 'n', '', 'engage_predict(%L, r)'),
	('survival', 't', ', event => ''e''', 'engage_predict(%L, r)'),
	('clustering', NULL, '', 'engage_predict_proba(%L, r)'), ('anomaly', NULL, '', 'engage_predict(%L, r)');

CREATE TYPE subject AS (algorithm text, task text);

CREATE FUNCTION train(model text, s subject, source text DEFAULT 'whole', params text DEFAULT '{}',
	features text DEFAULT '{x1,x2,x3,c}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	l learn;
BEGIN
	SELECT * INTO l FROM learn WHERE learn.task = s.task;

	-- a model's first version decides which rows are held out from all later ones: begin anew
	IF model = 'trial' AND EXISTS (SELECT FROM engage.models m WHERE m.model = 'trial') THEN
		PERFORM engage_drop('trial');
	END IF;
	EXECUTE format('SELECT engage_train(%L, %L, target => %L, algorithm => %L, task => %L, params => %L, features => %L, seed => 7, deploy => ''always'''
		|| CASE WHEN l.more = '' THEN ', key => ''id''' ELSE l.more END || ')',
		model, source, l.target, s.algorithm, s.task, params, features);
END $$;

-- all scores of a source's rows as one text; NULL when one of them is
CREATE FUNCTION scores(model text, s subject, source text DEFAULT 'SELECT * FROM whole ORDER BY id') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	n bigint;
	given bigint;
BEGIN
	EXECUTE format('SELECT string_agg(score, '' ''), count(*), count(score) FROM (SELECT (%s)::text AS score FROM (%s) r) a',
		(SELECT format(l.score, model) FROM learn l WHERE l.task = s.task), source) INTO answer, n, given;
	RETURN CASE WHEN n = given AND answer !~* 'nan|inf' THEN answer END;
END $$;

-- the error of a statement: "22023 message"; NULL when it has none
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ' ' || message;
END $$;

CREATE FUNCTION train_error(s subject, source text DEFAULT 'whole', params text DEFAULT '{}',
	features text DEFAULT '{x1,x2,x3,c}') RETURNS text
RETURN error_of(format('SELECT train(''trial'', %L, %L, %L, %L)', s, source, params, features));

-- ---------------------------------------------------------------------------
-- Trials
-- ---------------------------------------------------------------------------

-- with its defaults it learns, and answers each row with finite numbers
CREATE FUNCTION trial_defaults(s subject) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM train('base', s);
	IF scores('base', s) IS NULL THEN RETURN 'not every row has a finite score'; END IF;
	IF NOT (SELECT metrics IS NOT NULL AND metrics <> '{}' FROM engage.versions WHERE model = 'base' AND deployed) THEN
		RETURN 'no metrics';
	END IF;
	IF engage_describe('base') !~ s.task THEN RETURN 'the model card does not name the task'; END IF;
	RETURN NULL;
END $$;

-- the same seed gives the same bytes, whatever the threads and the order of the rows
CREATE FUNCTION trial_same_bytes(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	threads text;
BEGIN
	FOREACH threads IN ARRAY '{1,2,4}'::text[] LOOP
		PERFORM set_config('engage.threads', threads, true);
		PERFORM train('again', s, 'SELECT * FROM whole ORDER BY md5(id::text || ' || quote_literal(threads) || ')');
		IF engage_export('again', 'engage') <> engage_export('base', 'engage') THEN
			RETURN 'other bytes with engage.threads = ' || threads;
		END IF;
	END LOOP;
	PERFORM set_config('engage.threads', '0', true);
	IF NOT (SELECT same_data AND same_model FROM engage_verify('base')) THEN RETURN 'engage_verify() differs'; END IF;
	RETURN NULL;
END $$;

-- the same with so many rows that it pays to use several threads
CREATE FUNCTION trial_threads(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	params text := (SELECT coalesce(max('{"n_estimators": 8}'), '{}') FROM engage_parameters(s.algorithm) WHERE name = 'n_estimators');
	source text := 'SELECT w.*, w.id + 1000 * g AS more, hashint4(w.id * g) / 1e9 AS x4, hashint4(w.id + g) % 50 AS x5, x1 * g AS x6,
		hashint4(g) / 1e9 AS x7, x3 - g AS x8 FROM whole w, generate_series(1, 60) g';
	one bytea;
BEGIN
	PERFORM set_config('engage.threads', '1', true);
	PERFORM train('one', s, source, params, '{x1,x2,x3,c,x4,x5,x6,x7,x8}');
	one := engage_export('one', 'engage');
	PERFORM set_config('engage.threads', '2', true);
	PERFORM train('one', s, source, params, '{x1,x2,x3,c,x4,x5,x6,x7,x8}');
	PERFORM set_config('engage.threads', '0', true);
	RETURN CASE WHEN engage_export('one', 'engage') <> one THEN 'two threads give other bytes than one' END;
END $$;

-- what is stored scores like what was trained: a copy of the artifact, loaded anew
CREATE FUNCTION trial_copy(s subject) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM engage_import('copy', engage_export('base', 'engage'));
	IF scores('copy', s) IS DISTINCT FROM scores('base', s) THEN RETURN 'the copy scores otherwise'; END IF;
	IF engage_export('copy', 'engage') <> engage_export('base', 'engage') THEN RETURN 'the copy has other bytes'; END IF;
	RETURN NULL;
END $$;

-- few rows: an error about the data, or a model
CREATE FUNCTION trial_few_rows(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n integer;
	e text;
BEGIN
	FOREACH n IN ARRAY '{0,1,2,3,5}'::int[] LOOP
		e := train_error(s, format('SELECT * FROM whole WHERE id <= %s', n));
		IF e !~ '^22' OR (e IS NULL AND (n = 0 OR n = 1 AND s.task NOT IN ('survival', 'clustering', 'anomaly'))) THEN RETURN format('%s rows: %s', n, e); END IF;
	END LOOP;
	RETURN NULL;
END $$;

-- one column; columns that say nothing; more columns than rows
CREATE FUNCTION trial_columns(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wide text := (SELECT string_agg(format('hashint4(id * %s) / 1e6 AS w%s', i, i), ', ') FROM generate_series(1, 60) i);
BEGIN
	PERFORM train('trial', s, features => '{x1}');
	IF scores('trial', s) IS NULL THEN RETURN 'one column'; END IF;
	PERFORM train('trial', s, features => '{c}');
	IF scores('trial', s) IS NULL THEN RETURN 'one category column'; END IF;
	PERFORM train('trial', s, 'SELECT *, 5 AS same, NULL::float8 AS none, NULL::text AS nothing, ''a''::text AS word, ''NaN''::float8 AS nan FROM whole',
		features => '{same,none,nothing,word,nan,x1}');
	IF scores('trial', s, 'SELECT *, 6 AS same, 1::float8 AS none, ''x''::text AS nothing, ''b''::text AS word, 1::float8 AS nan FROM whole') IS NULL THEN
		RETURN 'columns that say nothing';
	END IF;
	PERFORM train('trial', s, format('SELECT *, %s FROM whole WHERE id <= 40', wide),
		features => (SELECT array_agg('w' || i)::text FROM generate_series(1, 60) i));
	IF scores('trial', s, format('SELECT *, %s FROM whole', wide)) IS NULL THEN RETURN 'more columns than rows'; END IF;
	RETURN NULL;
END $$;

-- a target that says nothing, or is none
CREATE FUNCTION trial_targets(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	target text := (SELECT l.target FROM learn l WHERE l.task = s.task);
	type text := (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'whole'::regclass AND attname = target);
	others text := (SELECT string_agg(attname, ', ') FROM pg_attribute
		WHERE attrelid = 'whole'::regclass AND attnum > 0 AND attname <> target);
	value text;
	e text;
BEGIN
	-- without a target: one that is named is refused, or measures
	IF target IS NULL THEN
		e := error_of(format('SELECT engage_train(''measured'', ''whole'', target => ''b'', algorithm => %L, task => %L, features => ''{x1,x2,x3,c}'')',
			s.algorithm, s.task));
		RETURN CASE s.task WHEN 'clustering' THEN CASE WHEN e IS NULL OR e !~ '^22023 .*no target' THEN coalesce(e, 'accepted a target') END
			WHEN 'anomaly' THEN coalesce(e, CASE WHEN NOT (SELECT metrics ? 'auc' FROM engage.versions WHERE model = 'measured' LIMIT 1) THEN 'no auc' END) END;
	END IF;
	e := train_error(s, format('SELECT %s, NULL::%s AS %I FROM whole', others, type, target));
	IF e IS NULL OR e !~ '^22' THEN RETURN 'all NULL: ' || coalesce(e, 'learned'); END IF;
	IF s.task <> 'survival' THEN
		e := train_error(s, format('SELECT %s, (SELECT %I FROM whole LIMIT 1) AS %I FROM whole', others, target, target));
		IF e IS NULL OR e !~ '^22' THEN RETURN 'constant: ' || coalesce(e, 'learned'); END IF;
	END IF;
	IF type = 'double precision' THEN
		FOREACH value IN ARRAY '{NaN,Infinity,-Infinity}'::text[] LOOP
			e := train_error(s, format('SELECT %s, CASE WHEN id = 9 THEN %L ELSE %I END AS %I FROM whole', others, value, target, target));
			IF e IS NULL OR e !~ '^22' THEN RETURN value || ': ' || coalesce(e, 'learned'); END IF;
		END LOOP;
	END IF;
	RETURN NULL;
END $$;

-- NaN and infinities are missing values, in training and in scoring
CREATE FUNCTION trial_not_finite(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rest text := 'c, x2, y, b, k, n, t, e, q, id FROM whole ORDER BY id';
	gaps text := 'SELECT CASE WHEN id % 5 > 0 THEN x1 END AS x1, CASE WHEN id % 7 > 0 THEN x3 END AS x3, ' || rest;
	odd text := 'SELECT CASE WHEN id % 5 > 0 THEN x1 WHEN id % 2 = 0 THEN ''NaN'' ELSE ''inf'' END AS x1,
		CASE WHEN id % 7 > 0 THEN x3 ELSE ''-inf'' END AS x3, ' || rest;
BEGIN
	IF scores('base', s, odd) IS NULL OR scores('base', s, odd) <> scores('base', s, gaps) THEN
		RETURN 'scored otherwise than missing values';
	END IF;
	PERFORM train('gaps', s, gaps);
	PERFORM train('odd', s, odd);
	IF engage_export('odd', 'engage') <> engage_export('gaps', 'engage') THEN RETURN 'trained otherwise than missing values'; END IF;
	RETURN NULL;
END $$;

-- columns by name: order and width do not matter, absence and another kind do
CREATE FUNCTION trial_rows(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	base text := scores('base', s);
	score text := (SELECT format(l.score, 'base') FROM learn l WHERE l.task = s.task);
	c text;
	e text;
BEGIN
	IF scores('base', s, 'SELECT 1 AS more, c, x3, x2, x1 FROM whole ORDER BY id') <> base THEN RETURN 'another order'; END IF;
	IF scores('base', s, 'SELECT x1::numeric, x2::float4, c::varchar, x3::float8 FROM whole ORDER BY id') <> base THEN
		RETURN 'other types of the same kind';
	END IF;
	EXECUTE format('SELECT string_agg((%s)::text, '' '') FROM (SELECT to_jsonb(w) AS r FROM whole w ORDER BY id) a', score) INTO e;
	IF e IS NULL OR e <> base THEN RETURN 'jsonb'; END IF;
	FOREACH c IN ARRAY '{x1,x2,x3,c}'::text[] LOOP
		e := error_of(format('SELECT %s FROM (SELECT %s FROM whole) r', score,
			array_to_string(array_remove('{x1,x2,x3,c}', c), ', ')));
		IF e IS NULL OR e !~ format('^42703 .*"%s"', c) THEN RETURN 'without ' || c || ': ' || coalesce(e, 'scored'); END IF;
		e := error_of(format('SELECT %s FROM (SELECT %s, %s AS %s FROM whole) r', score,
			array_to_string(array_remove('{x1,x2,x3,c}', c), ', '), CASE c WHEN 'c' THEN '1' ELSE '''a''::text' END, c));
		IF e IS NULL OR e !~ format('^42804 .*"%s"', c) THEN RETURN c || ' of another type: ' || coalesce(e, 'scored'); END IF;
	END LOOP;
	RETURN NULL;
END $$;

-- base and contributions are the score, whatever the method; a margin's are as finite
CREATE FUNCTION trial_explain(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	score text := CASE WHEN s.task IN ('multiclass', 'clustering') THEN '(SELECT max(value::float8) FROM jsonb_each_text(engage_predict_proba(''base'', r)))'
		ELSE 'engage_predict(''base'', r)' END;
	source text := '(SELECT x1, x2, x3, c FROM whole WHERE id <= 12 UNION ALL SELECT NULL, NULL, NULL, NULL UNION ALL SELECT ''inf'', -5, 1e9, ''new'')';
	method text;
	off float8;
	odd bigint;
	e text;
BEGIN
	FOREACH method IN ARRAY '{auto,exact,interventional,sampled}'::text[] LOOP
		e := error_of(format('SELECT count(*) FROM whole r, engage_explain(''base'', r, method => %L) WHERE id = 1', method));
		IF e IS NULL THEN
			EXECUTE format('SELECT max(abs(base + total - score) / greatest(1, abs(score))), count(*) FILTER (WHERE n <> 4 OR base + total IS NULL)
				FROM (SELECT %s AS score, e.* FROM %s r, LATERAL (SELECT min(base) AS base, sum(contribution) AS total, count(contribution) AS n
				FROM engage_explain(''base'', r, method => %L)) e) a', score, source, method) INTO off, odd;
			IF off > 1e-9 OR off IS NULL OR odd > 0 THEN RETURN format('%s: off by %s, %s odd rows', method, off, odd); END IF;
		ELSIF method IN ('auto', 'sampled') OR e !~ '^0A000 ' THEN
			RETURN method || ': ' || e;
		END IF;
	END LOOP;
	EXECUTE format('SELECT count(*) FROM %s r, engage_explain(''base'', r, space => ''margin'') WHERE contribution IN (''NaN'', ''inf'', ''-inf'')', source) INTO odd;
	RETURN CASE WHEN odd > 0 THEN 'margin' END;
END $$;

-- each parameter one step outside of each of its bounds, or of another type
CREATE FUNCTION trial_parameters(s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	p record;
	bad text[];
	v text;
	e text;
	m text[];
BEGIN
	FOR p IN SELECT * FROM engage_parameters(s.algorithm) LOOP
		bad := CASE p.type WHEN 'boolean' THEN '{"maybe",3}' WHEN 'word' THEN '{"no such word",1}' WHEN 'json' THEN '{"x"}'
			ELSE '{"x",true,1e999,-1e999}' END;
		IF p.type IN ('boolean', 'word', 'json') THEN
			bad := (SELECT array_agg(CASE WHEN w ~ '^\d' THEN w ELSE to_json(w)::text END) FROM unnest(bad) w);
		ELSE
			bad := array_replace(bad, 'x', '"x"');
			m := regexp_match(p.range, '^([\[(])(.*), (.*)([\])])( or .*)?$');
			IF m IS NULL THEN RETURN p.name || ' has no range'; END IF;
			IF m[2] <> '-inf' THEN
				bad := bad || CASE WHEN m[1] = '(' THEN m[2] ELSE (m[2]::numeric - CASE p.type WHEN 'integer' THEN 1 ELSE 0.001 END)::text END;
			END IF;
			IF m[3] <> 'inf' THEN
				bad := bad || CASE WHEN m[4] = ')' THEN m[3] ELSE (m[3]::numeric + CASE p.type WHEN 'integer' THEN 1 ELSE 0.001 * greatest(1, m[3]::numeric) END)::text END;
			END IF;
			IF p.type = 'integer' THEN bad := bad || '{1.5,99999999999}'::text[]; END IF;
		END IF;
		FOREACH v IN ARRAY bad LOOP
			e := train_error(s, params => format('{%s: %s}', to_json(p.name), CASE p.type WHEN 'numbers' THEN '[' || v || ']' ELSE v END));
			IF e IS NULL OR e !~ '^22023 ' OR strpos(e, p.name) = 0 THEN
				RETURN format('%s = %s: %s', p.name, v, coalesce(e, 'accepted'));
			END IF;
		END LOOP;
	END LOOP;
	e := train_error(s, params => '{"no_such_parameter": 1}');
	IF e IS NULL OR e !~ '^22023 .*no_such_parameter' THEN RETURN 'an unknown parameter: ' || coalesce(e, 'accepted'); END IF;
	RETURN NULL;
END $$;

-- ---------------------------------------------------------------------------
-- Everyone through everything
-- ---------------------------------------------------------------------------

SELECT count(*) > 0 AS algorithms, bool_and(summary <> '' AND cardinality(tasks) > 0) AS described FROM engage_algorithms();
SELECT a.algorithm, t AS unknown_task FROM engage_algorithms() a, unnest(a.tasks) t WHERE t NOT IN (SELECT task FROM learn);

CREATE FUNCTION try(trial text, s subject) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	problem text;
	state text;
BEGIN
	EXECUTE format('SELECT trial_%s(%L)', trial, s) INTO problem;
	RETURN problem;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
	RETURN state || ' ' || problem;
END $$;

CREATE TABLE tried AS
SELECT o, trial, a.algorithm, t AS task, NULL::text AS problem
FROM engage_algorithms() a, unnest(a.tasks) t,
	unnest('{defaults,same_bytes,threads,copy,few_rows,columns,targets,not_finite,rows,explain,parameters}'::text[]) WITH ORDINALITY x(trial, o);

DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM tried ORDER BY algorithm, task, o LOOP
		UPDATE tried SET problem = try(r.trial, ROW(r.algorithm, r.task)::subject)
		WHERE algorithm = r.algorithm AND task = r.task AND trial = r.trial;
	END LOOP;
END $$;

SELECT trial, count(*) > 0 AS tried, bool_and(problem IS NULL) AS passed FROM tried GROUP BY trial, o ORDER BY o;
SELECT trial, algorithm, task, problem FROM tried WHERE problem IS NOT NULL ORDER BY o, algorithm, task;
