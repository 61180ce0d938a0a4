-- engage_sample_events: invented payments, some of them fraud, the same everywhere
CREATE TABLE payments AS SELECT * FROM engage_sample_events(50000);
SELECT event_id, at AT TIME ZONE 'UTC' AS at, card_id, amount, merchant, channel, country, home_country, lat, lon, cvc_match AS cvc, new_device AS new,
	hours_since_change AS changed, account_days AS days, fraud
FROM payments WHERE event_id <= 3 OR fraud = 'account_takeover' AND event_id < 2000 ORDER BY event_id LIMIT 7;
-- all of them, on every machine: a sum of hashes
SELECT sum(hashtextextended(concat_ws(' ', event_id, round(extract(epoch FROM at)), card_id, merchant, channel, country, home_country,
	round(lat::numeric, 2), cvc_match, new_device, account_days, fraud), 0)) AS fingerprint FROM payments;
-- numbered in order of time; as many as asked for
SELECT count(*), count(DISTINCT event_id), min(event_id), max(event_id), count(DISTINCT card_id) AS cards FROM payments;
SELECT count(*) AS disorder FROM (SELECT at < lag(at) OVER (ORDER BY event_id) AS back FROM payments) AS p WHERE back;
SELECT count(*) FROM engage_sample_events(0);
SELECT count(*) FROM engage_sample_events(-1);
SELECT count(*) FROM engage_sample_events(NULL);
SELECT count(*) FROM engage_sample_events(251);
-- a longer stream begins like a shorter one; another seed is another world
SELECT count(*) AS same FROM engage_sample_events(333) AS e JOIN payments AS p ON e::text = p::text;
SELECT count(*) AS same FROM engage_sample_events(333, 2) AS e JOIN payments AS p ON e::text = p::text;
-- values that can be
SELECT count(*) FROM payments
WHERE amount < 0.5 OR lat NOT BETWEEN -90 AND 90 OR lon NOT BETWEEN -180 AND 180 OR (lat IS NULL) <> (lon IS NULL)
	OR (channel = 'online') <> (cvc_match IS NOT NULL) OR new_device AND channel <> 'online' OR hours_since_change NOT BETWEEN 0 AND 720
	OR account_days < 30 OR card_id NOT BETWEEN 1 AND 2000 OR is_fraud <> (fraud IS NOT NULL) OR is_fraud AND lat IS NULL
	OR num_nulls(event_id, at, amount, category, merchant, country, home_country, new_device, is_fraud) > 0;
-- one in seventy is fraud, of four kinds
SELECT round(avg(is_fraud::int), 3) BETWEEN 0.012 AND 0.017 AS share FROM payments;
SELECT fraud, round(count(*) / sum(count(*)) OVER (), 1) AS share FROM payments WHERE is_fraud GROUP BY 1 ORDER BY 1;
-- the patterns are there, and nearly nowhere else
CREATE TABLE seen AS
SELECT fraud, before, cvc_match, hours_since_change, new_device, (v).count_5m, (v).max_1m, (v).zscore, (v).km, (v).kmh
FROM (SELECT *, engage_velocity(at, amount, lat, lon) OVER (PARTITION BY card_id ORDER BY at, event_id ROWS UNBOUNDED PRECEDING) AS v
FROM (SELECT *, lag(fraud) OVER (PARTITION BY card_id ORDER BY at, event_id) AS before FROM payments) AS p) AS p;
SELECT fraud = 'card_testing' AS testing, round(avg((count_5m >= 4)::int), 1) AS burst, round(avg((max_1m < 6.1)::int), 1) AS coins,
	round(avg((cvc_match IS FALSE)::int), 1) AS wrong FROM (SELECT coalesce(fraud, '') AS fraud, count_5m, max_1m, cvc_match FROM seen) AS s GROUP BY 1 ORDER BY 1;
SELECT fraud IS NOT NULL AS copied, round(avg((kmh > 500 AND km > 10)::int), 1) AS impossible FROM seen
WHERE coalesce(fraud, 'impossible_travel') = 'impossible_travel' AND before IS NULL GROUP BY 1 ORDER BY 1;
SELECT coalesce(fraud, 'honest') AS who, round(avg((hours_since_change < 24)::int), 1) AS changed, round(avg(new_device::int), 1) AS new,
	round(avg((coalesce(zscore, 0) > 2)::int), 1) AS unusual
FROM seen WHERE coalesce(fraud, 'account_takeover') = 'account_takeover' GROUP BY 1 ORDER BY 1;
