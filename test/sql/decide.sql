-- decisions by policy: layers, bands, stops, fallbacks, bad definitions, versions, rollback, events
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices of training hold metrics
\pset null '(null)'
CREATE TABLE payments AS
SELECT g AS id, (g * 7919) % 1000 * 1.5 AS amount, (g * 31) % 400 AS days, CASE WHEN g % 50 = 0 THEN 'XX' WHEN g % 3 = 0 THEN 'DE' ELSE 'FR' END AS country,
	g % 7 AS divisor, timestamptz '2026-01-01' + g * interval '1 minute' AS at, (g * 7919) % 1000 > 900 AND (g * 31) % 400 < 200 AS fraud
FROM generate_series(1, 2000) g;
SELECT version FROM engage_train('fraud', 'payments', target => 'fraud', key => 'id', features => '{amount,days,country}', params => '{"n_estimators":20,"max_depth":3}');
SELECT version FROM engage_train('size', 'payments', target => 'amount', key => 'id', features => '{days,country}', params => '{"n_estimators":5,"max_depth":2}');
SELECT version FROM engage_train('where', 'payments', target => 'country', key => 'id', features => '{days,amount}', task => 'multiclass', params => '{"n_estimators":2,"max_depth":2}');

-- ---- rules: one fires, several fire, none; NULL does not fire; a stop ends all, also with a score of 0
SELECT engage_policy('rules', '{"layers": [{"name": "first", "rules": [
	{"name": "friend", "when": "id = 1", "score": 0, "stop": true},
	{"name": "blocked", "when": "country IN (''XX'', ''YY'')", "stop": true, "reason": "country is on the list"},
	{"name": "escape", "when": "id = 3", "score": 55, "stop": true, "action": "call"},
	{"name": "large", "when": "amount > 1000", "score": 60},
	{"name": "new", "when": "days < 50", "score": 40},
	{"name": "null", "when": "nullif(id, id) > 0"},
	{"name": "as text", "when": "left(country, 1) = ''D'' AND at > ''2026-01-02''::timestamptz", "score": 10.5}]},
	{"name": "second", "rules": [{"name": "odd", "when": "id % 2 = 1", "score": 35}]}]}', source => 'payments', comment => 'the first');
SELECT id, score, action, band, reasons, errors, version FROM payments p, LATERAL engage_decide('rules', p) d WHERE id IN (1, 2, 3, 4, 5, 50, 999, 1002, 150) ORDER BY id;
-- a JSON object gives the same; times are there
SELECT count(*) AS differ FROM payments p, LATERAL engage_decide('rules', p) a, LATERAL engage_decide('rules', to_jsonb(p)) b
WHERE (a.score, a.action, a.band, a.reasons, a.errors) IS DISTINCT FROM (b.score, b.action, b.band, b.reasons, b.errors);
SELECT id, l - 'us' AS layer, (l->>'us')::float8 BETWEEN 0 AND 1e6 OR l->>'status' = 'not_run' AS timed
FROM payments p, LATERAL engage_decide('rules', p) d, jsonb_array_elements(layers) l WHERE id IN (1, 5) ORDER BY 1;
-- what rules say is what SQL says
SELECT count(*) AS differ FROM payments p, LATERAL engage_decide('rules', p) d
WHERE (d.layers->0->'fired' @> '["large"]') IS DISTINCT FROM (amount > 1000 AND country <> 'XX' AND id NOT IN (1, 3)) AND (amount > 1000 OR d.layers->0 ? 'fired');
-- NULL rows, a row as a subquery, a column in another place and of another type
SELECT engage_decide('rules', NULL::payments) IS NULL AS row_is_null;
SELECT d.score FROM (SELECT 4::bigint AS id, 'FR'::varchar(5) AS country, 9 AS days, 'x' AS more, 2000 AS amount, now() AS at) p, LATERAL engage_decide('rules', p) d;
SELECT (s.d).score FROM (SELECT engage_decide('rules', p) AS d FROM payments p WHERE id = 5) s;

-- ---- bands, at each border
SELECT engage_policy('bands', '{"layers": [{"name": "score", "rules": [{"name": "given", "when": "true", "score": 30}]}]}', source => 'SELECT 1 AS id');
-- a function, since a statement does not see the version that it has just saved
CREATE FUNCTION try(definition jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM engage_policy('try', definition, source => 'SELECT 1 AS id');
	RETURN (SELECT to_jsonb(d) FROM engage_decide('try', '{}'::jsonb) d);
END $$;
SELECT s AS given, d->'score' AS score, d->'action' AS action, d->'band' AS band FROM unnest('{0,0.4,30,30.49,30.5,31,70,70.5,71,85,85.49,85.5,86,100}'::float8[]) s,
	LATERAL try(jsonb_set('{"layers": [{"name": "score", "rules": [{"name": "given", "when": "true", "score": 30}]}]}', '{layers,0,rules,0,score}', to_jsonb(s))) d;
SELECT engage_policy('bands', '{"layers": [{"name": "score", "rules": [{"name": "given", "when": "id > 0", "score": 50}]}],
	"bands": [{"from": 0, "action": "pass"}, {"from": 50, "action": "stop"}]}', source => 'SELECT 1 AS id') > 1 AS saved;
SELECT i, d.score, d.action, d.band FROM generate_series(0, 1) i, LATERAL engage_decide('bands', jsonb_build_object('id', i)) d;

-- ---- combination: by hand: 1 - (1 - 0.6)(1 - 0.3) = 0.72; (0.5 60 + 40) / 1.5 = 46.7; (0.5 90 + 40) / 1.5 = 56.7; 1 - (1 - 0.5 0.6)(1 - 0.4) = 0.58
CREATE FUNCTION combined(how text, inner_how text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT try(jsonb_build_object('combine', how, 'layers', jsonb_build_array(
		jsonb_build_object('name', 'a', 'weight', 0.5, 'combine', inner_how, 'rules', '[{"name": "x", "when": "true", "score": 60}, {"name": "y", "when": "true", "score": 30}]'::jsonb),
		jsonb_build_object('name', 'b', 'rules', '[{"name": "z", "when": "true", "score": 40}]'::jsonb)))) $$;
SELECT how, inner_how, d->'score' AS score, d->'layers'->0->'score' AS a FROM (VALUES ('max', 'max'), ('max', 'sum'), ('max', 'noisy_or'), ('weighted', 'max'), ('weighted', 'sum'), ('noisy_or', 'max')) c(how, inner_how),
	LATERAL combined(how, inner_how) d;

-- ---- models: the score is the probability; weights; a class of several; a scale; a layer of its own
SELECT engage_policy('models', '{"layers": [{"name": "rules", "rules": [{"name": "r", "when": "amount < 0"}]},
	{"name": "models", "models": [{"model": "fraud", "weight": 3}, {"model": "size@1.0.0", "scale": [0, 1500]}, {"model": "where", "class": "XX", "weight": 0}]}]}', source => 'payments');
SELECT count(*) AS differ FROM payments p, LATERAL engage_decide('models', p) d
WHERE abs((d.layers->1->>'score')::float8 - (3 * 100 * engage_predict('fraud', p) + least(100, greatest(0, engage_predict('size', p) / 15))) / 4) > 0.01
	OR abs((d.layers->1->'models'->2->>'score')::float8 - 100 * (engage_predict_proba('where', p)->>'XX')::float8) > 0.01
	OR d.score <> round((d.layers->1->>'score')::numeric);
SELECT count(*) AS differ FROM payments p, LATERAL engage_decide('models', p) a, LATERAL engage_decide('models', to_jsonb(p)) b WHERE a.score <> b.score;
-- reasons: the model's strongest features
SELECT engage_policy('reasons', '{"layers": [{"name": "m", "models": [{"model": "fraud"}]}], "explain": {"from": 50, "features": 2}}');
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE NOT reasons[1] ~ '^model "fraud" says \d+: amount is [0-9.]+ \(\+\d+\)') AS wrong
FROM payments p, LATERAL engage_decide('reasons', p) d WHERE score >= 50;
SELECT count(*) FILTER (WHERE layers->0->'models'->0 ? 'features') AS explained FROM payments p, LATERAL engage_decide('reasons', p) d WHERE score < 50;
-- points are those of engage_explain
SELECT count(*) > 0 AS some, max(abs((f->>'points')::float8 - 100 * e.contribution)) < 0.06 AS same
FROM payments p, LATERAL engage_decide('reasons', p) d, jsonb_array_elements(layers->0->'models'->0->'features') f, LATERAL engage_explain('fraud', p) e
WHERE e.feature = f->>'feature' AND id < 100;

-- ---- velocity: one row of the rollup, and the event itself on top; a limit that is reached is not exceeded
CREATE TABLE events (card integer, at timestamptz, amount numeric);
SELECT engage_velocity_track('cards', 'events', 'card', 'at', 'amount');
INSERT INTO events SELECT 1, timestamptz '2026-03-01 12:00' - g * interval '10 seconds', 100 FROM generate_series(1, 5) g;
SELECT engage_policy('velocity', '{"layers": [{"name": "v", "velocity": "cards", "key": "card", "at": "at", "amount": "amount", "score": 40,
	"limits": {"count_1m": 5, "sum_1h": {"max": 1000, "score": 90}, "mean_24h": 1000000}}]}', source => 'events');
SELECT card, amount, score, reasons, errors, layers->0->'limits' AS limits FROM (VALUES (1, '2026-03-01 12:00'::timestamptz, 100), (1, '2026-03-01 12:00', 501), (1, '2026-03-01 12:30', 501), (2, '2026-03-01 12:00', 501),
	(NULL, '2026-03-01 12:00', 501)) e(card, at, amount), LATERAL engage_decide('velocity', e) d;
SELECT score, reasons FROM engage_decide('velocity', '{"card": 1, "at": "2026-03-01 12:00", "amount": 501}'::jsonb);
-- a speed takes a distance, too: 4 km in ten seconds is a wrong place, 111 km is not
CREATE TABLE trips AS SELECT 1 AS card, timestamptz '2026-03-01 12:00' AS at, 52.52::float8 AS lat, 13.40::float8 AS lon;
SELECT engage_velocity_track('trips', 'trips', 'card', 'at', lat => 'lat', lon => 'lon');
SELECT engage_policy('speed', '{"layers": [{"name": "v", "velocity": "trips", "key": "card", "at": "at", "lat": "lat", "lon": "lon", "limits": {"kmh": 500}}]}', source => 'trips');
SELECT e.lat, d.score, d.reasons, round((d.layers->0->'limits'->>'kmh')::numeric) AS kmh
FROM (VALUES (1, timestamptz '2026-03-01 12:00:10', 52.56::float8, 13.40::float8), (1, '2026-03-01 12:00:10', 53.52, 13.40), (1, '2026-03-01 13:00', 53.52, 13.40),
	(2, '2026-03-01 13:00', 53.52, 13.40)) AS e(card, at, lat, lon), LATERAL engage_decide('speed', e) d;
SELECT engage_policy_drop('speed');
SELECT engage_velocity_untrack('trips');
SELECT engage_velocity_untrack('cards');
SELECT score, reasons, errors, layers->0->>'status' AS status FROM engage_decide('velocity', '{"card": 1, "at": "2026-03-01 12:00", "amount": 501}'::jsonb);
DROP TABLE events;

-- ---- failures at run time: skipped, a score, the error; the other rules are run; all is recorded
CREATE FUNCTION failing(on_error jsonb) RETURNS integer LANGUAGE sql AS $$
	SELECT engage_policy('failing', jsonb_build_object('on_error', on_error, 'layers', '[{"name": "r", "rules": [
		{"name": "before", "when": "id > 0", "score": 10},
		{"name": "ratio", "when": "amount / divisor > 100", "score": 90, "stop": true},
		{"name": "cast", "when": "country::integer > 0", "score": 95},
		{"name": "after", "when": "id > 5", "score": 20}]}, {"name": "s", "rules": [{"name": "t", "when": "id > 0", "score": 15}]}]'::jsonb), source => 'payments') $$;
SELECT failing('"skip"');
SELECT id, score, action, reasons, errors FROM payments p, LATERAL engage_decide('failing', p) d WHERE id IN (7, 1, 14) ORDER BY id;
SELECT l->>'layer' AS layer, l->>'status' AS status, l->'failed' AS failed, count(*) FROM payments p, LATERAL engage_decide('failing', p) d, jsonb_array_elements(layers) l
GROUP BY 1, 2, 3 ORDER BY 4;
SELECT failing('70');
SELECT id, score, action, errors FROM payments p, LATERAL engage_decide('failing', p) d WHERE id IN (7, 1, 14) ORDER BY id;
SELECT failing('"fail"');
\set VERBOSITY terse
SELECT score FROM payments p, LATERAL engage_decide('failing', p) d WHERE id = 7;
-- a subtransaction each: nothing is left behind, the transaction goes on
SELECT failing('"skip"');
BEGIN;
SELECT sum(errors) FROM payments p, LATERAL engage_decide('failing', p) d;
SELECT current_setting('transaction_read_only') AS read_only, current_user = 'regress_engage' AS self, current_setting('search_path') AS path;
COMMIT;
-- a model that is gone: left out, or a score
SELECT engage_policy('gone', '{"layers": [{"name": "m", "models": [{"model": "where", "class": "XX"}, {"model": "fraud"}]}, {"name": "n", "on_error": 77, "models": [{"model": "where", "class": "XX"}]}]}');
SELECT engage_drop('where');
SELECT score, reasons[1:2] AS reasons, errors, layers->0->>'status' AS status FROM payments p, LATERAL engage_decide('gone', p) d WHERE id = 2;

-- ---- time: the session's settings do not matter to a rule that was saved
CREATE SCHEMA other;
CREATE FUNCTION other.limit_of(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 500';
SET search_path = other, public;
SELECT engage_policy('path', '{"layers": [{"name": "r", "rules": [{"name": "f", "when": "amount > limit_of(country)"}]}]}', source => 'payments');
RESET search_path;
SELECT sum(score) = 100 * count(*) FILTER (WHERE amount > 500) AS same FROM payments p, LATERAL engage_decide('path', p) d;
-- a function that is replaced is noticed, also one that was inlined
CREATE OR REPLACE FUNCTION other.limit_of(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1000';
SELECT sum(score) = 100 * count(*) FILTER (WHERE amount > 1000) AS same FROM payments p, LATERAL engage_decide('path', p) d;
DROP FUNCTION other.limit_of(text);
SELECT score, reasons, errors FROM payments p, LATERAL engage_decide('path', p) d WHERE id = 1;
-- a plpgsql function that raises, in between
CREATE FUNCTION picky(i integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN IF i % 3 = 0 THEN RAISE EXCEPTION 'not %', i; END IF; RETURN i % 2 = 0; END $$;
SELECT engage_policy('picky', '{"layers": [{"name": "r", "rules": [{"name": "p", "when": "picky(id)"}, {"name": "q", "when": "picky(id + 1)", "score": 50}]}]}', source => 'payments');
SELECT id, score, reasons FROM payments p, LATERAL engage_decide('picky', p) d WHERE id < 7 ORDER BY id;

-- ---- definitions that are refused
\set VERBOSITY default
\set SHOW_CONTEXT always
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "amount > AND days < 2"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "amount > 1; DROP TABLE payments"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "amuont > 1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "nosuch(amount)"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "amount + 1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "1 / 0 > amount"}]}]}', source => 'payments');
\set SHOW_CONTEXT never
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "id IN (SELECT id FROM payments)"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true FROM payments"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "id > 1 AS y"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "sum(amount) > 1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "row_number() OVER () > 1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "generate_series(1, id) > 1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "random() > 0.5"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "$1"}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": " "}]}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true"}]}]}');
SELECT engage_policy('bad', '[]');
SELECT engage_policy('bad', '{}');
SELECT engage_policy('bad', NULL);
SELECT engage_policy('b@d', '{"layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"layers": []}');
SELECT engage_policy('bad', '{"layers": [1]}');
SELECT engage_policy('bad', '{"layers": [{"rules": []}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": []}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r"}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "ruels": []}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true"}], "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "scores": 1}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": true}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": 101}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "action": "call"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true"}, {"name": "x", "when": "false"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "fraud"}]}, {"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "nobody"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "size"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "size", "scale": [1, 1]}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "fraud", "class": "maybe"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "m", "models": [{"model": "fraud"}], "combine": "sum"}]}');
SELECT engage_policy('bad', '{"combine": "least", "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"combine": "noisy_or", "layers": [{"name": "m", "weight": 2, "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"on_error": "ignore", "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"explain": true, "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"bands": [{"from": 1, "action": "a"}], "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"bands": [{"from": 0, "action": "a"}, {"from": 50.5, "action": "b"}], "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"bands": [{"from": 0, "action": "a"}, {"from": 0, "action": "b"}], "layers": [{"name": "m", "models": [{"model": "fraud"}]}]}');
SELECT engage_policy('bad', '{"layers": [{"name": "v", "velocity": "cards", "key": "id", "limits": {"count_2m": 5}}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "v", "velocity": "cards", "key": "card", "limits": {"count_1m": 5}}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "v", "velocity": "cards", "key": "id", "amount": "country", "limits": {"count_1m": 5}}]}', source => 'payments');
SELECT engage_policy('bad', '{"layers": [{"name": "v", "velocity": "cards", "key": "id", "limits": {"count_1m": "5"}}]}', source => 'payments');
SELECT count(*) AS nothing_saved FROM engage.policies WHERE policy IN ('bad', 'b@d');

-- ---- rows that do not fit, names that are not there
SELECT engage_decide('rules', '{"id": 1}'::jsonb);
SELECT engage_decide('rules', '[1]'::jsonb);
SELECT engage_decide('rules', s) FROM (SELECT 1 AS id, 2 AS amount) s;
SELECT engage_decide('rules', s) FROM (SELECT 1 AS id, point '(1,2)' AS amount, 1 AS days, 'DE' AS country, now() AS at) s;
SELECT engage_decide('rules', '{"id": 1, "amount": "many", "days": 1, "country": "DE", "at": "2026-01-01"}'::jsonb);
SELECT engage_decide('rules', ROW(1, 2));
SELECT engage_decide('nosuch', '{}'::jsonb);
SELECT engage_decide('rules@9', '{}'::jsonb);
SELECT engage_decide('rules@x', '{}'::jsonb);
SELECT engage_decide('rules@0', '{}'::jsonb);

-- ---- versions
SELECT engage_policy('life', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": 1}]}]}', source => 'SELECT 1 AS id', comment => 'one');
SELECT engage_policy('life', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "id > 0", "score": 2}]}]}');	-- columns of the version before
SELECT engage_policy('life', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": 3}]}]}', deploy => false);
SELECT v, (engage_decide('life' || v, '{"id": 1}'::jsonb)).score FROM unnest('{"",@1,@2,@3}'::text[]) v;
SELECT engage_policy_deploy('life', 3);
SELECT engage_policy_deploy('life', 1);
SELECT engage_policy_rollback('life');
SELECT engage_policy_rollback('life');
SELECT engage_policy_rollback('life');
SELECT engage_policy_rollback('life');
SELECT engage_policy_drop('life', 1);
SELECT engage_policy_drop('life', 3);
SELECT engage_policy_drop('life', 3);
SELECT engage_policy_deploy('life', 3);
SELECT engage_policy('life', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": 4}]}]}');	-- 3 is not used again
SELECT policy, deployed, versions FROM engage.policies WHERE policy = 'life';
SELECT version, deployed, comment, definition->'layers'->0->'rules'->0->'score' AS score, columns FROM engage.policy_versions WHERE policy = 'life' ORDER BY version;
SELECT engage_policy_grant('life', 'public');
SELECT engage_policy_revoke('life', 'public');
SELECT engage_policy_drop('life');
SELECT engage_policy_drop('life');
SELECT version, action, detail FROM engage.policy_events WHERE policy = 'life' ORDER BY id;
-- one transaction: the decision follows
BEGIN;
SELECT (engage_decide('bands', '{"id": 1}'::jsonb)).score;
SELECT engage_policy('bands', '{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": 4}]}]}') > 0 AS saved;
SELECT (engage_decide('bands', '{"id": 1}'::jsonb)).score;
ROLLBACK;
SELECT (engage_decide('bands', '{"id": 1}'::jsonb)).score;
-- one call site that sees versions come and go
DO $$
DECLARE s integer[];
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM engage_policy('loop', format('{"layers": [{"name": "r", "rules": [{"name": "x", "when": "true", "score": %s}]}]}', i * 10)::jsonb, source => 'SELECT 1 AS id');
		s := s || (SELECT score FROM engage_decide('loop', '{}'::jsonb));
	END LOOP;
	RAISE WARNING '%', s;
END $$;

DROP FUNCTION combined(text, text), try(jsonb), failing(jsonb), picky(integer);
DROP TABLE payments;
DROP SCHEMA other;
SELECT engage_policy_drop(policy) FROM engage.policies ORDER BY policy;
SELECT engage_drop('fraud'), engage_drop('size');
