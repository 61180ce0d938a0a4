-- engage_sample_customers: invented customers, the same everywhere
-- a feature for the key, 49 columns, 3 targets
SELECT count(*) FROM unnest((SELECT proargnames FROM pg_proc WHERE proname = 'engage_sample_customers')) AS name
WHERE name NOT IN ('n', 'seed');
CREATE TABLE customers AS SELECT * FROM engage_sample_customers(20000);
SELECT customer_id, account_type, country, acquisition_channel, signup_date, logins_7d, logins_30d, logins_90d,
	nps_score, friends, orders_90d, revenue_90d, churn_30_day
FROM customers ORDER BY customer_id LIMIT 5;
SELECT count(*), count(DISTINCT customer_id), min(customer_id), max(customer_id) FROM customers;
-- a row is the same whatever n; another seed is another world
SELECT count(*) AS same FROM engage_sample_customers(300) AS c JOIN customers AS d ON c::text = d::text;
SELECT count(*) AS same FROM engage_sample_customers(300, 2) AS c JOIN customers AS d ON c::text = d::text;
SELECT count(*) FROM engage_sample_customers(0);
SELECT count(*) FROM engage_sample_customers(-1);
SELECT count(*) FROM engage_sample_customers(NULL);
-- numbers that fit together
SELECT count(*) FROM customers
WHERE logins_7d > 7 OR logins_7d > logins_30d OR logins_30d > 30 OR logins_30d > logins_90d
	OR (days_since_last_login >= 30 AND logins_30d > 0) OR (days_since_last_login >= 90 AND logins_90d > 0)
	OR orders_30d > orders_90d OR revenue_30d > revenue_90d OR (orders_90d = 0) <> (avg_order_value IS NULL)
	OR tickets_unresolved NOT BETWEEN 0 AND support_tickets_90d
	OR (support_tickets_90d = 0) <> (avg_reply_hours IS NULL)
	OR nps_score NOT BETWEEN 0 AND 10 OR discount_share NOT BETWEEN 0 AND 1 OR mobile_share NOT BETWEEN 0 AND 1
	OR days_since_last_login > date '2026-01-01' - signup_date
	OR days_since_last_order > date '2026-01-01' - signup_date
	OR ltv_12_month < 0 OR engagement_score NOT BETWEEN 0 AND 100;
-- one in five leaves; some values are missing
SELECT round(avg(churn_30_day::int), 1) AS churn, round(avg(engagement_score)) BETWEEN 45 AND 65 AS score,
	round(avg(ltv_12_month)) BETWEEN 300 AND 800 AS ltv FROM customers;
SELECT round(avg((nps_score IS NULL)::int), 1) AS nps, round(avg((age IS NULL)::int), 2) AS age,
	round(avg((email_open_rate IS NULL)::int), 2) AS email, round(avg((acquisition_channel IS NULL)::int), 2) AS channel
FROM customers;
-- an interaction: when use collapses, friends keep a customer
SELECT friends >= 6 AS has_friends, avg(churn_30_day::int) FILTER (WHERE logins_30d * 3 < 0.75 * logins_90d)
	> 3 * avg(churn_30_day::int) FILTER (WHERE logins_30d * 3 >= 0.75 * logins_90d) AS collapse_triples_churn
FROM customers GROUP BY 1 ORDER BY 1;
-- the random numbers are even, and columns do not repeat one another
SELECT round(avg(engage_sample_random(i, 1, 1))::numeric, 2) AS mean,
	round(stddev(engage_sample_random(i, 1, 1))::numeric, 2) AS deviation,
	round(abs(corr(engage_sample_random(i, 1, 1), engage_sample_random(i, 2, 1)))::numeric, 1) AS columns,
	round(abs(corr(engage_sample_random(i, 1, 1), engage_sample_random(i, 1, 2)))::numeric, 1) AS seeds,
	round(abs(corr(engage_sample_random(i, 1, 1), engage_sample_random(i + 1, 1, 1)))::numeric, 1) AS rows
FROM generate_series(1, 20000) AS i;
