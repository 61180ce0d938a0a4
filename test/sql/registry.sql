-- the registry: versions, deployments, grants, cards, views, export and import
SET client_min_messages = warning;

CREATE TABLE customers (
	id int PRIMARY KEY,
	tenure int,
	plan text,
	spend float8,
	signup date,
	churned boolean
);
INSERT INTO customers
SELECT i, i * 7 % 60, (ARRAY['basic', 'free', 'pro'])[1 + i % 3], i * 13 % 100,
	date '2020-01-01' + i, i * 7 % 60 < 20 AND i % 3 = 1
FROM generate_series(1, 600) i;

CREATE FUNCTION train(params jsonb DEFAULT '{}', deploy text DEFAULT 'always',
	exclude text[] DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
	SELECT version FROM engage_train('churn', 'customers', target => 'churned', key => 'id',
		params => '{"n_estimators": 5, "max_depth": 3}'::jsonb || params, deploy => deploy,
		exclude => exclude)
$$;

-- errors before there is a model
SELECT engage_predict('churn', c) FROM customers c;
SELECT engage_deploy('churn', '1.0.0');
SELECT engage_describe('churn');

-- patch: the same recipe; minor: other parameters; major: other features
SELECT train();
SELECT train();
SELECT train('{"max_depth": 4}', deploy => 'never');
SELECT train(exclude => '{tenure}', deploy => 'never');
SELECT model, version, deployed, algorithm, task, bytes > 0 AS bytes, created_by = current_user AS mine
FROM engage.versions ORDER BY version;
SELECT model, deployed, versions, owner = current_user AS mine FROM engage.models;

-- references
SELECT engage_model_version('churn'), engage_model_version('churn@1.0.0'),
	engage_model_version('churn@1'), engage_model_version('churn@1.0');
SELECT engage_model_version('chrun');
SELECT engage_model_version('something else');
SELECT engage_model_version('churn@9.9.9');
SELECT engage_model_version('churn@');
SELECT engage_model_version('churn@1.0.0.0');
SELECT engage_model_version('churn@one');
SELECT engage_model_version('@1.0.0');

-- deployments: rollback undoes the last, and then the one before
SELECT engage_deploy('churn', '1.1.0');
SELECT engage_deploy('churn', '1.1.0');
SELECT engage_deploy('churn', '2.0.0');
SELECT engage_rollback('churn');
SELECT engage_rollback('churn');
SELECT engage_rollback('churn');
SELECT engage_rollback('churn');
SELECT engage_deploy('churn', '3.0.0');
SELECT engage_deploy('churn', 'latest');

-- a dropped version is stepped over
SELECT engage_deploy('churn', '1.1.0');
SELECT engage_deploy('churn', '2.0.0');
SELECT engage_drop('churn', '1.1.0');
SELECT engage_drop('churn', '2.0.0');
SELECT engage_drop('churn', '2');
SELECT engage_drop('churn', NULL);
SELECT engage_rollback('churn');
SELECT string_agg(version, ' ' ORDER BY version) FROM engage.versions;

-- a deployment is part of its transaction, and of its savepoint
BEGIN;
SELECT engage_deploy('churn', '2.0.0');
SELECT engage_model_version('churn');
ROLLBACK;
SELECT engage_model_version('churn');
BEGIN READ ONLY;
SELECT engage_deploy('churn', '2.0.0');
ROLLBACK;

-- scores follow the deployment within one backend; prepared statements as well
CREATE TABLE one AS SELECT * FROM customers WHERE id = 5;
CREATE VIEW versions_scored AS
SELECT engage_predict('churn', c) = engage_predict('churn@1.0.0', c) AS is_1_0_0,
	engage_predict('churn', c) = engage_predict('churn@2.0.0', c) AS is_2_0_0
FROM one c;
PREPARE scored AS SELECT * FROM versions_scored;
EXECUTE scored;
SELECT engage_deploy('churn', '2.0.0');
EXECUTE scored;
SELECT engage_rollback('churn');
EXECUTE scored;

-- rights
CREATE ROLE regress_registry_owner;
CREATE ROLE regress_registry_user;
CREATE ROLE regress_registry_other;
GRANT SELECT ON customers, one TO PUBLIC;
SELECT engage_set_owner('churn', 'regress_registry_nobody');
SELECT engage_set_owner('churn', 'regress_registry_owner');

SET ROLE regress_registry_user;
SELECT engage_predict('churn', c) > 0 FROM one c;
SELECT engage_describe('churn');
SELECT engage_deploy('churn', '1.0.0');
SELECT engage_rollback('churn');
SELECT engage_drop('churn');
SELECT engage_drop('churn', '2.0.0');
SELECT engage_rename('churn', 'mine');
SELECT engage_grant('churn', 'regress_registry_user');
SELECT engage_revoke('churn', 'regress_registry_user');
SELECT engage_set_owner('churn', 'regress_registry_user');
SELECT engage_export('churn');
SELECT version FROM engage_train('churn', 'customers', target => 'churned');
SELECT count(*) FROM engage.models;
SELECT count(*) FROM engage.versions;
SELECT count(*) FROM engage.events;
SELECT count(*) FROM engage.artifact;
SELECT engage_model_version('unknown');
INSERT INTO engage.privilege SELECT 1, current_user;

SET ROLE regress_registry_owner;
SELECT engage_grant('churn', 'regress_registry_user');
SELECT engage_grant('churn', 'regress_registry_nobody');
DO $$
BEGIN
	PERFORM engage_set_owner('churn', 'regress_registry_other');
EXCEPTION WHEN insufficient_privilege THEN
	RAISE WARNING 'one cannot give a model to a role that one is not in';
END $$;

SET ROLE regress_registry_user;
SELECT engage_predict('churn', c) > 0 AS scored FROM one c;
SELECT split_part(engage_describe('churn'), E'\n', 1);
SELECT model, deployed FROM engage.models;
SELECT engage_deploy('churn', '1.0.0');
SELECT action, version, detail FROM engage.events ORDER BY id DESC LIMIT 2;
SET ROLE regress_registry_other;
SELECT engage_predict('churn', c) > 0 AS scored FROM one c;

SET ROLE regress_registry_owner;
SELECT engage_revoke('churn', 'regress_registry_user');
SET client_min_messages = notice;
SELECT engage_revoke('churn', 'regress_registry_user');
SET client_min_messages = warning;
SELECT engage_grant('churn', 'public');
SET ROLE regress_registry_other;
SELECT engage_predict('churn', c) > 0 AS scored FROM one c;
SET ROLE regress_registry_owner;
SELECT engage_revoke('churn', 'public');
RESET ROLE;

-- a view asks for the rights of whoever reads it
GRANT SELECT ON versions_scored TO PUBLIC;
SET ROLE regress_registry_other;
SELECT * FROM versions_scored;
RESET ROLE;

-- when the owner's role is gone the model is the superusers'
CREATE ROLE regress_registry_leaver;
SELECT engage_set_owner('churn', 'regress_registry_leaver');
DROP ROLE regress_registry_leaver;
SELECT model, owner FROM engage.models;
SELECT engage_set_owner('churn', current_user);

-- names
SELECT engage_rename('churn', '');
SELECT engage_rename('churn', 'a@b');
SELECT engage_rename('churn', ' churn');
SELECT engage_rename('churn', repeat('x', 129));
SELECT engage_rename('churn', 'Abgang "2024"');
SELECT engage_model_version('Abgang "2024"@1.0.0');
SELECT engage_rename('Abgang "2024"', 'churn');

-- the card: what it says of parameters and metrics is in the views
SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(engage_describe('churn'),
	'\n\nLearned.*(\n\nFeatures)', '\1'),
	'\d{4}-\d\d-\d\d \d\d:\d\d by [^\n]*', 'TIME by ...', 'g'),
	'\n  (owner|made with|size) [^\n]*', E'\n  \\1 ...', 'g'),
	'\d{4}-\d\d-\d\d \d\d:\d\d ', 'TIME ', 'g');
SELECT split_part(engage_describe('churn@2.0.0'), E'\n', 1);

-- views for BI tools
SELECT engage_create_view('churn_scores', 'churn', 'customers');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'churn_scores'::regclass AND attnum > 0 ORDER BY attnum;
SELECT id, score = engage_predict('churn', c) AS score, class, s.version
FROM churn_scores s JOIN customers c USING (id) ORDER BY id LIMIT 3;
SELECT engage_deploy('churn', '2.0.0');
SELECT DISTINCT version FROM churn_scores;
SELECT engage_rollback('churn');
SELECT engage_create_view('"Scores of pros"', 'churn@2.0.0', 'SELECT * FROM customers WHERE plan = ''pro''',
	key => 'id, plan');
SELECT count(*), min(version), bool_and(plan = 'pro') FROM "Scores of pros";
SELECT engage_create_view('v', 'churn', 'no_such_table');
SELECT engage_create_view('churn_scores', 'churn', 'customers');
SELECT engage_create_view('v', 'churn', 'customers', key => 'no_such_column');
SELECT engage_create_view('v', 'churn', 'customers', key => '');
SELECT engage_create_view(NULL, 'churn', 'customers');

-- export and import: the scores are the same
SELECT engage_export('churn', 'pickle');
SELECT engage_export('churn', part => 'DE');
SELECT engage_import('copy', engage_export('churn', 'json'), target => 'churned',
	categories => '{"plan": ["basic", "free", "pro"]}', features => '{tenure,plan,spend,days}');
SELECT engage_import('copy', engage_export('churn', 'ubj'), deploy => 'never');
SELECT engage_import('numbers', engage_export('churn'), features => '{tenure,plan,spend}');
SELECT engage_import('numbers', engage_export('churn'), categories => '{"plan": ["b", "a", "c"]}');
SELECT engage_import('numbers', engage_export('churn'), categories => '{"plan": [1, 2]}');
SELECT engage_import('numbers', engage_export('churn'), categories => '{"plan": ["a", "b"], "plam": ["a"]}');
SELECT engage_import('numbers', engage_export('churn'), categories => '{"plan": ["a", "b"]}', labels => '{a,b,c}');
SELECT engage_import('numbers', 'rubbish');
SELECT engage_import('numbers', '{}');
SELECT engage_import('numbers', NULL);
SELECT engage_import('numbers', engage_export('churn'), deploy => 'better');
SELECT engage_import('num@bers', engage_export('churn'));
SELECT count(*) FROM engage.models WHERE model = 'numbers';

-- an imported model knows nothing of dates: the column is a number, missing here
SELECT engage_export('copy', 'json') = engage_export('churn', 'json') AS same_bytes;
SELECT count(*) AS differ FROM customers c
WHERE engage_predict('churn', to_jsonb(c) || '{"signup": null}')
	<> engage_predict('copy', to_jsonb(c) || '{"days": null}');
SELECT engage_import('own', engage_export('churn', 'engage'));
SELECT count(*) FROM customers c WHERE engage_predict('own', c) <> engage_predict('churn', c);
SELECT engage_import('own', engage_export('churn', 'engage'), target => 'churned');
SELECT engage_import('own', substr(engage_export('churn', 'engage'), 1, 300));
SELECT engage_import('own', set_byte(engage_export('churn', 'engage'), 300,
	255 - get_byte(engage_export('churn', 'engage'), 300)));
GRANT CREATE ON SCHEMA public TO regress_registry_user;
CREATE TABLE exported AS SELECT engage_export('churn', 'engage') AS model, engage_export('churn') AS ubj;
GRANT SELECT ON exported TO regress_registry_user;
SET ROLE regress_registry_user;
SELECT engage_import('stolen', model) FROM exported;
SELECT engage_import('allowed', ubj, categories => '{"plan": ["basic", "free", "pro"]}') FROM exported;
SELECT model, owner, deployed FROM engage.models;
RESET ROLE;

-- everything is in the events
SELECT model, version, action, replace(detail::text, current_user, 'me') AS detail,
	who = current_user AS mine
FROM engage.events WHERE model <> 'own' ORDER BY id;

-- drop
SELECT engage_drop('churn');
SELECT engage_predict('churn', c) FROM one c;
SELECT engage_drop('copy'), engage_drop('own'), engage_drop('allowed');
SELECT (SELECT count(*) FROM engage.version), (SELECT count(*) FROM engage.artifact),
	(SELECT count(*) FROM engage.deployment), (SELECT count(*) FROM engage.privilege);

-- ids start again with the extension, and the cache knows
SELECT train();
SELECT train('{"max_depth": 1}', exclude => '{tenure}');
CREATE TEMP TABLE before AS SELECT engage_predict('churn@1.0.0', c) AS score FROM one c;
DROP EXTENSION engage CASCADE;
CREATE EXTENSION engage;
SELECT train('{"max_depth": 1}', exclude => '{tenure}');
SELECT count(*) FROM before, one c WHERE engage_predict('churn', c) = before.score;

DROP EXTENSION engage CASCADE;
DROP TABLE customers, one, exported CASCADE;
REVOKE CREATE ON SCHEMA public FROM regress_registry_user;
DROP ROLE regress_registry_owner, regress_registry_user, regress_registry_other;
