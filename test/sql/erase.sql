-- who asks to be forgotten: rows of the log go, and the versions that have learned from the person are named
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;
CREATE VIEW customers AS SELECT * FROM telco WHERE customer_id <= 2000;

-- the keys do not change the model
SELECT version, rows_train, rows_test FROM engage_train('churn', 'customers', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression', remember => 'customer_id');
SELECT version FROM engage_train('plain', 'customers', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT bool_and(engage_predict('churn', t) = engage_predict('plain', t)) AS same FROM telco t;
SELECT data->'remembered_keys' AS keys, recipe->>'remember' AS remember FROM engage.versions WHERE model = 'churn';
SELECT section, sum(length(a.data)) = 8 * 2000 AS size FROM engage.artifact a JOIN engage.version v ON v.id = a.version_id JOIN engage.model m ON m.id = v.model_id
WHERE m.name = 'churn' AND section = 'keys' GROUP BY 1;

-- of every key: learned, held out, or no
CREATE FUNCTION found(name text, key bigint) RETURNS text LANGUAGE sql AS $$ SELECT coalesce((SELECT training FROM engage_erase(key::text, name)), 'no') $$;
SELECT found('churn', customer_id) AS training, engage_held_out('churn', t) AND customer_id <= 2000 AS held_out, count(*) FROM telco t WHERE customer_id % 10 = 0
GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM engage_erase('5', 'plain');

-- the log forgets the person, of the models that one manages
SELECT engage_log_predictions(m, 'customers', 'customer_id', at => t::timestamptz) FROM unnest('{churn,plain}'::text[]) m, unnest('{2024-01-10,2024-02-10}'::text[]) t;
CREATE VIEW left_over AS SELECT count(*) AS rows, count(*) FILTER (WHERE key = '7') AS seven FROM engage.predictions;
SELECT * FROM left_over;
SELECT * FROM engage_erase('7');
SELECT * FROM left_over;
SELECT * FROM engage_erase('7', 'churn');
SELECT * FROM engage_erase('nobody', 'churn');
BEGIN;
SELECT logged FROM engage_erase('8', 'plain');
ROLLBACK;
SELECT logged FROM engage_erase('8', 'plain');
SELECT model, action, detail FROM engage.events WHERE action = 'erase' ORDER BY id;
SELECT engage_describe('churn') ~ 'erase by .*"rows": 2' AS card;

-- a retraining without the person is free of it; the old version is not, until it is dropped
CREATE OR REPLACE VIEW customers AS SELECT * FROM telco WHERE customer_id <= 2000 AND customer_id <> 7;
SELECT version FROM engage_retrain('churn', deploy => 'always');
SELECT * FROM engage_erase('7', 'churn');
SELECT engage_drop('churn', '1.0.0');
SELECT * FROM engage_erase('7', 'churn');
SELECT version, logged, training FROM engage_erase('9', 'churn');

-- updates and new thresholds have learned from the rows of the version before; so have ensembles from those of their members
SELECT version FROM engage_update('churn', 'SELECT * FROM telco WHERE customer_id BETWEEN 3001 AND 3100', deploy => 'always');
SELECT engage_set_threshold('churn', 0.3);
SELECT version, training FROM engage_erase((SELECT min(customer_id) FROM telco t WHERE customer_id > 3000 AND NOT engage_held_out('churn', t))::text, 'churn');
SELECT version, training FROM engage_erase((SELECT min(customer_id) FROM telco t WHERE customer_id > 20 AND NOT engage_held_out('churn', t))::text, 'churn');
SELECT v.version, v.data->'remembered_keys' AS keys FROM engage.versions v WHERE model = 'churn' ORDER BY 1;
SELECT version FROM engage_train('both', 'SELECT * FROM telco WHERE customer_id BETWEEN 4001 AND 4500', target => 'churn', key => 'customer_id', algorithm => 'ensemble',
	params => '{"members": ["churn"], "method": "average"}', remember => 'customer_id');
SELECT key, found('both', key) FROM unnest('{20, 30, 40, 50, 4001, 4002, 4003, 4004, 4005, 5000}'::bigint[]) key;
SELECT version FROM engage_train('none', 'telco', target => 'churn', key => 'customer_id', algorithm => 'ensemble', params => '{"members": ["plain"]}', remember => 'customer_id');

-- a column of its own: rows of several months, a person by name; it is no feature
CREATE TABLE months AS SELECT customer_id, m AS month, 'person ' || customer_id AS person, rpad(customer_id::text, 5)::char(8) AS padded, (customer_id || '.50')::numeric AS exact, tenure, churn
FROM telco, generate_series(1, 3) m WHERE customer_id <= 300;
SELECT version FROM engage_train('by name', 'months', target => 'churn', key => 'customer_id, month', remember => 'person', algorithm => 'decision_tree');
SELECT data->'features' AS features, data->'remembered_keys' AS keys FROM engage.versions WHERE model = 'by name';
SELECT found, count(*) FROM (SELECT (SELECT training FROM engage_erase(person, 'by name')) AS found FROM (SELECT DISTINCT person FROM months) p) x GROUP BY 1;
SELECT version FROM engage_train('by name', 'months', target => 'churn', key => 'customer_id, month', remember => 'padded', exclude => '{person}', algorithm => 'decision_tree');
SELECT version, training FROM engage_erase('12', 'by name');
SELECT engage_predict_logged('by name', m, 'padded') IS NOT NULL AS logged FROM months m WHERE customer_id = 12 AND month = 1;
SELECT engage_log_predictions('by name', 'SELECT * FROM months WHERE customer_id = 12 AND month = 2', 'padded');
SELECT version, logged FROM engage_erase('12', 'by name') WHERE logged > 0;
SELECT version FROM engage_train('by name', 'months', target => 'churn', key => 'customer_id, month', remember => 'exact', exclude => '{person,padded}', algorithm => 'decision_tree');
SELECT version, training FROM engage_erase('12.50', 'by name');

-- versions that were dropped, models that were dropped
SELECT engage_log_predictions('by name', 'months', 'customer_id', at => '2024-01-10');
SELECT version FROM engage_train('by name', 'months', target => 'churn', key => 'customer_id, month', algorithm => 'decision_tree', deploy => 'always');
SELECT engage_drop('by name', '3.0.0');
SELECT * FROM engage_erase('12', 'by name');
SELECT engage_drop('by name');

-- exports do not carry keys
SELECT length(engage_export('churn@1.0.1', 'engage')) = (SELECT sum(length(a.data)) FROM engage.artifact a JOIN engage.version v ON v.id = a.version_id
	JOIN engage.model m ON m.id = v.model_id WHERE m.name = 'churn' AND v.patch = 1 AND section = 'model') AS model_only, engage_import('copy', engage_export('churn@1.0.1', 'engage')) IS NOT NULL AS imported;
SELECT training FROM engage_erase('20', 'copy');

-- who may: the owner's own models; nobody else's. Events are for reading.
CREATE ROLE regress_erase_user;
GRANT SELECT ON telco, customers TO regress_erase_user;
SELECT engage_grant('plain', 'regress_erase_user');
SET ROLE regress_erase_user;
SELECT * FROM engage_erase('10');
SELECT * FROM engage_erase('10', 'plain');
SELECT * FROM engage_erase('10', 'churn');
DELETE FROM engage.events;
UPDATE engage.event SET detail = NULL;
DELETE FROM engage.event;
TRUNCATE engage.event;
SELECT data FROM engage.artifact WHERE section = 'keys';
SELECT engage_train('own', 'customers', target => 'churn', key => 'customer_id', algorithm => 'naive_bayes') IS NOT NULL AS trained;
SELECT engage_log_predictions('own', 'SELECT * FROM customers WHERE customer_id < 20', 'customer_id', at => '2024-01-10');
SELECT * FROM engage_erase('10');
DELETE FROM engage.events WHERE model = 'own';
RESET ROLE;
SELECT count(*) AS others FROM engage.predictions WHERE key = '10' AND model = 'plain';
SELECT engage_drop('own');
REVOKE ALL ON telco, customers FROM regress_erase_user;
SELECT engage_revoke('plain', 'regress_erase_user');
DROP ROLE regress_erase_user;

-- bad input
SELECT * FROM engage_erase(NULL);
SELECT * FROM engage_erase('1', 'unknown');
SELECT engage_train('bad', 'customers', target => 'churn', remember => 'custmer_id');
SELECT engage_train('bad', 'SELECT *, nullif(customer_id, 5) AS who FROM customers', target => 'churn', remember => 'who');
SELECT engage_train('bad', 'SELECT *, current_date AS day FROM customers', target => 'churn', remember => 'day');
SELECT engage_train('bad', 'SELECT *, female = 1 AS yes FROM customers', target => 'churn', remember => 'yes');
SELECT engage_train('bad', 'customers', target => 'churn', remember => 'customer_id', features => '{customer_id,tenure}');
UPDATE engage.artifact SET data = substr(data, 1, 100) WHERE section = 'keys';
SELECT * FROM engage_erase('1', 'churn');
UPDATE engage.artifact SET data = substr(data, 9, 8) || substr(data, 1, 8) WHERE section = 'keys';
SELECT * FROM engage_erase('1', 'churn');
BEGIN TRANSACTION READ ONLY;
SELECT * FROM engage_erase('1');
ROLLBACK;
