-- demo_fraud.sql - payments decided about one by one, in layers and with reasons; part of demo.sql
--
-- A month of payments: what came before the last three days is known, and is learned from; they arrive
-- payment by payment.  Each is decided about before it is stored, by what was known at that moment.
\if :{?payments}
\else
\set payments 100000
\endif
\echo
\echo '== Fraud: a month of payments by 2,000 cards. One in seventy is fraud, of four kinds'
SET engage.progress = off;
CREATE TABLE stream AS SELECT * FROM engage_sample_events(:payments);
ALTER TABLE stream ADD PRIMARY KEY (event_id);
CREATE TABLE payments AS SELECT * FROM stream WHERE at < (SELECT max(at) - interval '3 days' FROM stream);
DELETE FROM stream WHERE event_id IN (SELECT event_id FROM payments);
ANALYZE stream, payments;
SELECT coalesce(fraud, 'honest') AS kind, count(*) AS payments, round(avg(amount), 2) AS mean, max(amount) AS largest
FROM payments GROUP BY fraud ORDER BY count(*) DESC;

\echo
\echo '== Velocity: what was known of the card at each payment; and a table that a trigger keeps up to date'
CREATE TABLE past AS
SELECT p.*, country <> home_country AS abroad, extract(hour FROM p.at AT TIME ZONE 'UTC')::int AS hour, (v).count_1m, (v).count_15m,
	(v).count_24h, (v).sum_1h, (v).sum_24h, (v).max_24h, (v).baseline_n, (v).baseline_mean, least((v).zscore, 1000) AS zscore, (v).km,
	least((v).kmh, 100000) AS kmh
FROM payments AS p JOIN (SELECT event_id, engage_velocity(at, amount, lat, lon)
	OVER (PARTITION BY card_id ORDER BY at, event_id ROWS UNBOUNDED PRECEDING) AS v FROM payments) AS w USING (event_id);
SELECT engage_velocity_track('cards', 'payments', 'card_id', 'at', 'amount', 'lat', 'lon') AS cards_tracked;
-- the same columns for a payment that is only about to be made: one row of the rollup is read
CREATE VIEW incoming AS
SELECT p.*, country <> home_country AS abroad, extract(hour FROM p.at AT TIME ZONE 'UTC')::int AS hour, v.count_1m, v.count_15m,
	v.count_24h, v.sum_1h, v.sum_24h, v.max_24h, v.baseline_n, v.baseline_mean, least(v.zscore, 1000) AS zscore, v.km,
	least(v.kmh, 100000) AS kmh
FROM stream AS p, LATERAL engage_velocity_with('cards', p.card_id, p.at, p.amount, p.lat, p.lon) AS v;

\echo
\echo '== Learn: from known frauds (boosting), and without them what is strange (isolation forest and autoencoder)'
SELECT model, version, algorithm, rows_train, rows_test, round((metrics ->> 'auc')::numeric, 3) AS auc,
	round((metrics ->> 'average_precision')::numeric, 3) AS average_precision, round(seconds::numeric, 2) AS seconds
FROM engage_train('card_fraud', 'past', target => 'is_fraud', key => 'event_id', split => 'at', exclude => '{card_id, merchant, fraud}',
	params => '{"n_estimators": 150, "max_depth": 5, "learning_rate": 0.1}');
SELECT model, version, algorithm, rows_train, rows_test, round((metrics ->> 'auc')::numeric, 3) AS auc,
	round((metrics ->> 'average_precision')::numeric, 3) AS average_precision, round(seconds::numeric, 2) AS seconds
FROM engage_train('odd_payments', 'past', target => 'is_fraud', key => 'event_id', split => 'at', algorithm => 'anomaly_ensemble',
	features => '{amount, category, channel, abroad, hour, cvc_match, new_device, hours_since_change, count_15m, sum_24h, zscore}',
	params => '{"contamination": 0.02, "members": [{"algorithm": "isolation_forest"},
		{"algorithm": "autoencoder", "params": {"epochs": 10}}]}');

\echo
\echo '== Policy: hard rules, limits of velocity, models; the highest score decides'
SELECT engage_policy('cards', $policy$ {
	"layers": [
		{"name": "hard rules", "rules": [
			{"name": "small and in person", "when": "channel IN ('chip', 'contactless') AND amount < 15 AND NOT abroad", "score": 0, "stop": true},
			{"name": "wrong code for a few coins", "when": "cvc_match IS FALSE AND amount < 4", "score": 60},
			{"name": "large, on a device never seen", "when": "new_device AND amount > 500", "score": 72}]},
		{"name": "velocity", "velocity": "cards", "key": "card_id", "at": "at", "amount": "amount", "lat": "lat", "lon": "lon",
			"limits": {"count_1m": 3, "count_15m": {"max": 6, "score": 90}, "kmh": {"max": 500, "score": 75},
				"sum_24h": {"max": 5000, "score": 50}}},
		{"name": "models", "models": [
			{"model": "card_fraud", "weight": 0.85},
			{"model": "odd_payments", "weight": 0.15}]}],
	"explain": {"from": 50, "features": 2}
} $policy$, source => 'incoming', comment => 'first version') AS version;

\echo
\echo '== Decide: the last three days, payment by payment, as they would arrive'
CREATE TABLE decisions (event_id bigint, score int, action text, reasons text[], layers jsonb, errors int, ms float8);
CREATE PROCEDURE decide_all() LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	d record;
	started timestamptz;
BEGIN
	FOR id IN SELECT event_id FROM stream ORDER BY event_id LOOP
		started := clock_timestamp();
		SELECT made.* INTO d FROM incoming AS i, LATERAL engage_decide('cards', i) AS made WHERE i.event_id = id;
		INSERT INTO decisions VALUES (id, d.score, d.action, d.reasons, d.layers, d.errors,
			1000 * extract(epoch FROM clock_timestamp() - started));
		-- stored whatever was decided: the limits of the next payment count it
		INSERT INTO payments SELECT * FROM stream WHERE event_id = id;
	END LOOP;
END $$;
\timing on
CALL decide_all();
\timing off
SELECT action, count(*) AS payments, count(*) FILTER (WHERE NOT is_fraud) AS honest, count(*) FILTER (WHERE is_fraud) AS fraud,
	sum(amount) FILTER (WHERE NOT is_fraud) AS honest_money, sum(amount) FILTER (WHERE is_fraud) AS fraud_money
FROM decisions JOIN stream USING (event_id) GROUP BY action ORDER BY min(score);
-- whatever is not approved is asked about: how much of it is fraud, and how much of the fraud is among it
SELECT count(*) FILTER (WHERE asked) AS asked, round(avg(is_fraud::int) FILTER (WHERE asked), 3) AS precision,
	round(avg(asked::int) FILTER (WHERE is_fraud), 3) AS recall,
	round(avg(asked::int) FILTER (WHERE NOT is_fraud), 4) AS honest_asked,
	round(sum(amount) FILTER (WHERE is_fraud AND asked) / sum(amount) FILTER (WHERE is_fraud), 3) AS fraud_money_saved
FROM (SELECT *, action <> 'approve' AS asked FROM decisions JOIN stream USING (event_id)) AS d;
SELECT fraud AS kind, count(*) AS payments, round(avg((action <> 'approve')::int), 2) AS caught,
	round(avg((layers @@ '$[*] ? (@.layer == "hard rules").score > 30')::int), 2) AS by_rules,
	round(avg((layers @@ '$[*] ? (@.layer == "velocity").score > 30')::int), 2) AS by_velocity,
	round(avg((layers @@ '$[*] ? (@.layer == "models").score > 30')::int), 2) AS by_models
FROM decisions JOIN stream USING (event_id) WHERE is_fraud GROUP BY fraud ORDER BY caught DESC, kind;

\echo
\echo '== Why? One blocked payment of each kind, with what each layer said'
SELECT event_id AS payment, score, reason
FROM (SELECT DISTINCT ON (fraud) event_id, fraud, score,
		format('%s, %s, %s; in truth: %s', upper(action), amount, channel, fraud) || reasons AS reasons
	FROM decisions JOIN stream USING (event_id) WHERE action = 'block' AND is_fraud
	ORDER BY fraud, cardinality(reasons) DESC, event_id) AS d, unnest(reasons) WITH ORDINALITY AS r (reason, i)
ORDER BY fraud, i;

\echo
\echo '== How long does it take? Milliseconds: each layer, and a whole decision with the reading of its row'
SELECT coalesce(l.name, 'decision') AS layer, count(*) AS run, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY l.ms)::numeric, 3) AS p50,
	round(percentile_cont(0.99) WITHIN GROUP (ORDER BY l.ms)::numeric, 3) AS p99, round(max(l.ms)::numeric, 1) AS slowest
FROM (SELECT l ->> 'layer' AS name, (l ->> 'us')::float8 / 1000 AS ms, i FROM decisions,
		jsonb_array_elements(layers) WITH ORDINALITY AS e (l, i) WHERE l ->> 'status' <> 'not_run'
	UNION ALL
	SELECT NULL, ms, 9 FROM decisions) AS l GROUP BY l.name, l.i ORDER BY l.i;
