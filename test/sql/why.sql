-- reasons as sentences: words, names, typical values, wording of one's own
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices of training hold metrics
\pset null '(null)'

-- a model that is the same everywhere: contributions of a linear model are its terms
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT version FROM engage_train('charges', 'telco', target => 'monthly_charges', key => 'customer_id', exclude => '{total_charges}',
	params => '{"n_estimators":50,"max_depth":4}');
SELECT version FROM engage_train('plan', 'telco', target => 'contract', key => 'customer_id', params => '{"n_estimators":20,"max_depth":3}');

SELECT engage_why('churn', t) FROM telco t WHERE customer_id = 21;
SELECT engage_why('churn', t, 20) FROM telco t WHERE customer_id = 21;
SELECT rank, feature, value, typical, round(contribution::numeric, 2) AS contribution, sentence
FROM telco t, engage_why_reasons('churn', t, 4) WHERE customer_id = 3;
SELECT regexp_replace(engage_why('charges', t, 1), 'by \d+\.\d+', 'by n') FROM telco t WHERE customer_id = 21;
SELECT regexp_replace(engage_why('plan', t, 2), '0\.\d\d', '0.nn', 'g') FROM telco t WHERE customer_id = 21;
SELECT regexp_replace(engage_why('plan', t, 1, class => 'Two year'), '0\.\d\d', '0.nn', 'g') FROM telco t WHERE customer_id = 21;

-- one direction only; the other class sees the opposite
SELECT count(*) FILTER (WHERE contribution <= 0) AS wrong, count(*) > 1 AS some
FROM telco t, engage_why_reasons('churn', t, 20, direction => 'up') WHERE customer_id < 50;
SELECT count(*) FILTER (WHERE contribution >= 0 OR sentence !~ 'lowers') AS wrong, count(*) > 1 AS some
FROM telco t, engage_why_reasons('churn', t, 20, direction => 'down') WHERE customer_id < 50;
SELECT engage_why('churn', t, 1, class => 'No') FROM telco t WHERE customer_id = 21;

-- reasons are those of engage_explain, the strongest first; the sentence is a line of engage_why
SELECT count(*) AS rows, count(*) FILTER (WHERE abs(r.contribution - e.contribution) > 1e-9) AS differ
FROM telco t, engage_why_reasons('churn', t, 20) r, LATERAL (SELECT * FROM engage_explain('churn', t) e WHERE e.feature = r.feature) e
WHERE customer_id < 20;
SELECT count(*) AS not_sorted FROM (SELECT customer_id, rank, abs(contribution) AS c, lag(abs(contribution)) OVER (PARTITION BY customer_id
	ORDER BY rank) AS before FROM telco t, engage_why_reasons('churn', t, 20) WHERE customer_id < 50) s WHERE c > before;
SELECT count(*) AS differ FROM telco t
WHERE customer_id < 50 AND engage_why('churn', t, 5) IS DISTINCT FROM
	(SELECT string_agg(sentence, E'\n' ORDER BY rank) FROM engage_why_reasons('churn', t, 5));
SELECT count(*) AS differ FROM telco t WHERE customer_id < 50 AND engage_why('churn', t) IS DISTINCT FROM engage_why('churn', to_jsonb(t));

-- ---------------------------------------------------------------------------
-- names out of comments, units
-- ---------------------------------------------------------------------------

COMMENT ON COLUMN telco.tenure IS 'Time with us [months]';
COMMENT ON COLUMN telco.contract IS E'Contract type.\nAs in the billing system, since 2019.';
COMMENT ON COLUMN telco.internet_service IS '  ';
COMMENT ON COLUMN telco.churn IS 'Leaving';
SELECT engage_why('churn', t, 4) FROM telco t WHERE customer_id = 21;
SELECT engage_why('churn', to_jsonb(t), 2) FROM telco t WHERE customer_id = 21;
-- a query has no comments of its own, but the row's table may have
SELECT version FROM engage_train('query', 'SELECT * FROM telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SELECT engage_why('query', t, 1) FROM telco t WHERE customer_id = 21;
SELECT engage_why('query', to_jsonb(t), 1) FROM telco t WHERE customer_id = 21;
-- the relation is found by the search_path of the training
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.telco AS SELECT * FROM public.telco LIMIT 300;
COMMENT ON COLUMN elsewhere.telco.tenure IS 'Elsewhere';
SET search_path = elsewhere, public;
SELECT engage_why('churn', to_jsonb(t), 1) FROM public.telco t WHERE customer_id = 21;
RESET search_path;
DROP SCHEMA elsewhere CASCADE;
COMMENT ON COLUMN telco.contract IS NULL;
COMMENT ON COLUMN telco.churn IS NULL;

-- ---------------------------------------------------------------------------
-- wording of one's own
-- ---------------------------------------------------------------------------

SELECT engage_set_wording('churn', '{
	"sentence": "{name}: {value} statt {typical} {direction} {target} um {points} Prozentpunkte.",
	"same": "{name}: {value} {direction} {target} um {points} Prozentpunkte.",
	"raises": "erhoeht", "lowers": "senkt", "target": "das Risiko ({name})", "yes": "ja", "no": "nein", "unknown": "unbekannt",
	"columns": {"tenure": {"name": "Kunde seit", "unit": "Monaten", "sentence": "{name} {value}{{!}}: {direction} {target}."},
				"contract": {"name": "Vertrag"}, "churn": {"name": "Kuendigung"}}}');
SELECT engage_why('churn', t, 5) FROM telco t WHERE customer_id = 21;
SELECT engage_wording('churn') ->> 'raises' AS ours, engage_wording('churn') ->> 'little' AS the_default, engage_wording('churn') -> 'columns' -> 'contract' AS contract;
SELECT regexp_replace(engage_why('charges', t, 1), 'by \d+\.\d+', 'by n') FROM telco t WHERE customer_id = 21;
-- new words are in force in the next statement, within a function as well
CREATE FUNCTION two() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	FOR i IN 1..2 LOOP
		r := engage_why('churn', t, 1) FROM telco t WHERE customer_id = 21;
		RETURN NEXT r;
		PERFORM engage_set_wording('churn', '{"sentence": "{name} {direction} it.", "same": "{name} {direction} it."}');
	END LOOP;
END $$;
SELECT * FROM two();
SELECT action, detail IS NOT NULL AS detail FROM engage.events WHERE action = 'wording' ORDER BY id;
SELECT engage_set_wording('churn', NULL);
SELECT engage_why('churn', t, 1) FROM telco t WHERE customer_id = 21;
SELECT engage_set_wording('plan', '{"target": "{class}"}');
SELECT engage_drop('plan');
SELECT count(*) AS left_over FROM engage.wording;

-- ---------------------------------------------------------------------------
-- every kind of column, missing values
-- ---------------------------------------------------------------------------

CREATE TABLE kinds AS
SELECT i AS id, date '2024-01-01' + (i * 7) % 400 AS joined_on, timestamp '2024-06-01 12:34:56' - ((i * 13) % 90) * interval '1 day' AS last_seen,
	((i * 11) % 50) * interval '95 minutes' AS watched, (i % 3 = 0) AS member, ARRAY[(i * 17) % 10, (i * 5) % 7]::float8[] AS v,
	CASE WHEN i % 4 > 0 THEN chr(97 + (i * 31) % 5) END AS plan, (i % 97) / 9.7 AS ratio,
	10.0 * (((i * 7) % 400) / 100.0 + ((i * 11) % 50) / 25.0 + 2 * (i % 3 = 0)::int + ((i * 17) % 10) / 5.0 + ((i * 13) % 90) / 30.0
		+ (i % 97) / 40.0 + CASE WHEN i % 4 = 0 THEN 2 ELSE (i * 31) % 5 END) AS spend
FROM generate_series(1, 1500) i;
COMMENT ON COLUMN kinds.spend IS 'Spend in a month [USD]';
COMMENT ON COLUMN kinds.ratio IS 'Share of visits [%]';
SELECT version FROM engage_train('kinds', 'kinds', target => 'spend', key => 'id', params => '{"n_estimators":60,"max_depth":4}');
SELECT feature, value, typical FROM kinds k, engage_why_reasons('kinds', k, 20) WHERE id = 7 ORDER BY feature;
SELECT feature, regexp_replace(sentence, '(raises|lowers)(.*) by [0-9.e-]+', 'moves\2 by n') AS sentence FROM kinds k, engage_why_reasons('kinds', k, 20) WHERE id = 300 ORDER BY feature;
SELECT feature, regexp_replace(sentence, '(raises|lowers)(.*) by [0-9.e-]+', 'moves\2 by n') AS sentence FROM engage_why_reasons('kinds', '{}'::jsonb, 20) ORDER BY feature;
SELECT engage_why('kinds', NULL::kinds), engage_why(NULL, '{}'::jsonb);
SELECT count(*) FROM engage_why_reasons('kinds', NULL::kinds);

-- nothing to say
CREATE TABLE flat AS SELECT i AS id, 1 AS x, (i % 2)::boolean AS y FROM generate_series(1, 100) i;
SELECT version FROM engage_train('flat', 'flat', target => 'y', key => 'id', params => '{"n_estimators":2}');
SELECT engage_why('flat', f) FROM flat f WHERE id = 1;

-- an imported model: no typical values
SELECT version FROM engage_train('numbers', 'telco', target => 'churn', key => 'customer_id', features => '{tenure,monthly_charges}',
	params => '{"n_estimators":20}');
SELECT engage_import('imported', engage_export('numbers')) IS NOT NULL AS imported;
SELECT regexp_replace(sentence, '0\.\d\d', '0.nn') FROM telco t, engage_why_reasons('imported', to_jsonb(t)) WHERE customer_id = 21;
SET client_min_messages = notice;

-- ---------------------------------------------------------------------------
-- bad input
-- ---------------------------------------------------------------------------

SELECT engage_why('churn', t, 0) FROM telco t LIMIT 1;
SELECT engage_why('churn', t, class => 'Perhaps') FROM telco t LIMIT 1;
SELECT engage_why('churn', t, direction => 'sideways') FROM telco t LIMIT 1;
SELECT engage_why('charges', t, class => 'Yes') FROM telco t LIMIT 1;
SELECT engage_why('churn', ROW(1, 2));
SELECT engage_why('churn', '[1]'::jsonb);
SELECT engage_why('no such model', '{}'::jsonb);
SELECT engage_set_wording('churn', '[1]');
SELECT engage_set_wording('churn', '{"sentense": "x"}');
SELECT engage_set_wording('churn', '{"sentence": 1}');
SELECT engage_set_wording('churn', '{"sentence": "{name} is {valeu}."}');
SELECT engage_set_wording('churn', '{"sentence": "{name is {value}."}');
SELECT engage_set_wording('churn', '{"sentence": "{name} is } {value}."}');
SELECT engage_set_wording('churn', '{"yes": "{value}"}');
SELECT engage_set_wording('churn', jsonb_build_object('sentence', repeat('x', 1001)));
SELECT engage_set_wording('churn', '{"columns": ["tenure"]}');
SELECT engage_set_wording('churn', '{"columns": {"tenur": {"name": "x"}}}');
SELECT engage_set_wording('churn', '{"columns": {"tenure": "x"}}');
SELECT engage_set_wording('churn', '{"columns": {"tenure": {"nam": "x"}}}');
SELECT engage_set_wording('churn', '{"columns": {"tenure": {"sentence": "{x}"}}}');
SELECT engage_set_wording('no such model', '{}');
SELECT engage_set_wording(NULL, '{}');
CREATE ROLE engage_why_other;
GRANT SELECT ON telco TO engage_why_other;
SELECT engage_grant('churn', 'engage_why_other');
SET ROLE engage_why_other;
SELECT engage_set_wording('churn', '{}');
SELECT engage_why('churn', to_jsonb(t), 1) FROM telco t WHERE customer_id = 21;
SELECT engage_wording('charges');
RESET ROLE;
SELECT engage_revoke('churn', 'engage_why_other');
DROP OWNED BY engage_why_other;
DROP ROLE engage_why_other;
