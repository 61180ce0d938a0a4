/*
 * 95_sample.sql - customers that never lived, to try things on
 *
 * Every number comes from a hash of (row, column, seed), so a row is the same whatever n, and the
 * whole set is the same on every machine.  Four hidden traits (engagement, wealth, satisfaction,
 * sociability) drive the columns; the targets depend on the columns, with thresholds, interactions
 * and noise, so that no model can be perfect: who knew the true churn probability of each customer
 * would reach an AUC of about 0.85.
 */

CREATE FUNCTION engage_sample_random(id bigint, stream integer, seed integer)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(id, seed::bigint * 1000 + stream) & 4503599627370495) + 0.5::float8)
	/ 4503599627370496.0::float8;

COMMENT ON FUNCTION engage_sample_random(bigint, integer, integer) IS
'random number between 0 and 1 that depends on its arguments alone, evenly distributed';

CREATE FUNCTION engage_sample_customers(n integer, seed integer DEFAULT 1)
RETURNS TABLE (
	customer_id bigint,
	/* profile */
	account_type text,
	country text,
	acquisition_channel text,
	primary_device text,
	signup_date date,
	age integer,
	onboarding_completed boolean,
	monthly_fee double precision,
	price_increase_share double precision,
	/* engagement */
	logins_7d integer,
	logins_30d integer,
	logins_90d integer,
	active_weeks_12w integer,
	session_minutes_30d double precision,
	avg_session_minutes double precision,
	days_since_last_login integer,
	email_open_rate double precision,
	email_click_rate double precision,
	push_enabled boolean,
	push_opens_30d integer,
	nps_score integer,
	/* social */
	friends integer,
	shares_30d integer,
	referrals integer,
	community_posts_90d integer,
	reviews_written integer,
	/* transactions */
	orders_30d integer,
	orders_90d integer,
	revenue_30d numeric,
	revenue_90d numeric,
	avg_order_value double precision,
	refunds_90d integer,
	discount_share double precision,
	days_since_last_order integer,
	categories_bought integer,
	payment_failures_90d integer,
	autopay boolean,
	/* behaviour */
	support_tickets_90d integer,
	tickets_unresolved integer,
	avg_reply_hours double precision,
	page_views_30d integer,
	searches_30d integer,
	cart_abandons_30d integer,
	wishlist_items integer,
	features_adopted integer,
	app_crashes_30d integer,
	night_share double precision,
	weekend_share double precision,
	mobile_share double precision,
	/* targets */
	churn_30_day boolean,
	ltv_12_month numeric,
	engagement_score double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
	/* "OFFSET 0" keeps each stage a stage: flattened, every use of a column would compute it again */
	WITH trait AS (
		SELECT id,
			/* independent, mean 0, deviation about 1: the logistic quantiles of uniform numbers */
			greatest(-4, least(4, ln(u1 / (1 - u1)) / 1.8)) AS engaged,
			greatest(-4, least(4, ln(u2 / (1 - u2)) / 1.8)) AS wealth,
			greatest(-4, least(4, ln(u3 / (1 - u3)) / 1.8)) AS happy,
			greatest(-4, least(4, ln(u4 / (1 - u4)) / 1.8)) AS social,
			CASE WHEN u5 < 0.45 THEN 0 WHEN u5 < 0.75 THEN 1 WHEN u5 < 0.94 THEN 2 ELSE 3 END AS plan,
			/* days since signing up: many are new, few are old */
			floor(3000 * u6 * u6)::integer + 5 AS tenure,
			engage_sample_random(id, 7, seed) AS u_country,
			engage_sample_random(id, 8, seed) AS u_channel,
			engage_sample_random(id, 9, seed) AS u_device
		FROM (
			SELECT g::bigint AS id,
				engage_sample_random(g, 1, seed) AS u1,
				engage_sample_random(g, 2, seed) AS u2,
				engage_sample_random(g, 3, seed) AS u3,
				engage_sample_random(g, 4, seed) AS u4,
				engage_sample_random(g, 5, seed) AS u5,
				engage_sample_random(g, 6, seed) AS u6
			FROM generate_series(1, n) AS g
			OFFSET 0) AS draw
		OFFSET 0
	),
	habit AS (
		SELECT id, engaged, wealth, happy, social, plan, tenure,
			(ARRAY['free', 'basic', 'premium', 'enterprise'])[plan + 1] AS account_type,
			CASE WHEN u_country < 0.34 THEN 'US' WHEN u_country < 0.46 THEN 'GB'
				WHEN u_country < 0.57 THEN 'DE' WHEN u_country < 0.66 THEN 'BR'
				WHEN u_country < 0.75 THEN 'IN' WHEN u_country < 0.82 THEN 'FR'
				WHEN u_country < 0.88 THEN 'JP' WHEN u_country < 0.93 THEN 'CA'
				WHEN u_country < 0.97 THEN 'AU' ELSE 'SE' END AS country,
			CASE WHEN u_channel < 0.32 THEN 'organic' WHEN u_channel < 0.55 THEN 'paid_search'
				WHEN u_channel < 0.72 THEN 'paid_social' WHEN u_channel < 0.85 THEN 'referral'
				WHEN u_channel < 0.94 THEN 'partner' END AS acquisition_channel,
			CASE WHEN u_device < 0.36 THEN 'ios' WHEN u_device < 0.70 THEN 'android'
				WHEN u_device < 0.92 THEN 'web' ELSE 'tablet' END AS primary_device,
			/* the share of earlier activity that is left: 1 is steady, below 0.5 is a collapse */
			exp(0.35 * happy + 0.55 * (engage_sample_random(id, 10, seed) - 0.5) * 2) AS momentum,
			/* logins a week */
			exp(0.6 + 0.9 * engaged + 0.25 * plan) AS rhythm,
			/* orders a quarter */
			exp(0.5 + 0.45 * engaged + 0.35 * wealth + 0.2 * plan
				+ 0.8 * (engage_sample_random(id, 11, seed) - 0.5)) AS appetite,
			greatest(0, least(0.9, 0.25 - 0.12 * wealth + 0.5 * (engage_sample_random(id, 12, seed) - 0.5)))
				AS discount,
			greatest(0.02, least(0.98, engage_sample_random(id, 13, seed) * 0.7
				+ CASE WHEN u_device < 0.70 THEN 0.3 ELSE 0 END)) AS mobile
		FROM trait
		OFFSET 0
	),
	count AS (
		SELECT *,
			least(90, floor(rhythm * 12.9 * (0.6 + 0.8 * engage_sample_random(id, 14, seed))))::integer
				AS l90,
			least(365, tenure, floor(-ln(engage_sample_random(id, 15, seed))
				* 7 / rhythm / least(1, momentum)))::integer AS idle,
			floor(appetite * (0.3 + 1.4 * engage_sample_random(id, 16, seed)))::integer AS o90,
			floor(-ln(engage_sample_random(id, 17, seed))
				* exp(-0.25 - 0.5 * happy + 0.15 * engaged))::integer AS tickets,
			floor(-ln(engage_sample_random(id, 18, seed)) * exp(0.9 + 0.8 * social))::integer AS mates,
			engage_sample_random(id, 19, seed) < 0.35 + 0.15 * plan AS auto,
			engage_sample_random(id, 20, seed) < 0.62 + 0.1 * engaged AS onboarded,
			CASE WHEN plan = 0 THEN 0
				ELSE round((ARRAY[0, 9.9, 24.9, 89])[plan + 1]
					* (1 + 0.3 * engage_sample_random(id, 21, seed))) - 0.01
				END AS fee,
			CASE WHEN plan > 0 AND engage_sample_random(id, 22, seed) < 0.4
				THEN round(25 * engage_sample_random(id, 23, seed)) / 100 ELSE 0 END AS increase,
			round(100 * exp(3.2 + 0.55 * wealth + 0.3 * (engage_sample_random(id, 24, seed) - 0.5))) / 100
				AS basket
		FROM habit
		OFFSET 0
	),
	event AS (
		SELECT *,
			least(l90, round(l90 / 3.0 * least(2.5, momentum)),
				CASE WHEN idle >= 30 THEN 0 ELSE 30 END)::integer AS l30,
			least(o90, round(o90 / 3.0 * least(3, momentum
				* (0.5 + engage_sample_random(id, 25, seed)))))::integer AS o30,
			greatest(0, least(tickets,
				floor(tickets * (1.1 * engage_sample_random(id, 26, seed) - 0.1 * happy))))::integer
				AS unresolved,
			CASE WHEN auto THEN floor(-ln(engage_sample_random(id, 27, seed)) * 0.35)
				ELSE floor(-ln(engage_sample_random(id, 27, seed)) * 0.8) END::integer AS failures,
			floor(-ln(engage_sample_random(id, 28, seed)) * 1.1 * (0.3 + mobile))::integer AS crashes,
			/* four in ten were asked and answered */
			CASE WHEN engage_sample_random(id, 29, seed) < 0.4
				THEN greatest(0, least(10,
					round(7.2 + 1.9 * happy + 2 * (engage_sample_random(id, 30, seed) - 0.5))))
				END::integer AS nps,
			greatest(0, least(12,
				round(12 * (1 - exp(-0.25 * rhythm * (0.5 + engage_sample_random(id, 31, seed)))))))::integer
				AS weeks,
			greatest(1, least(20,
				round(4 + 2.5 * engaged + 2 * plan
					+ 5 * (engage_sample_random(id, 32, seed) - 0.5))))::integer AS features,
			round(1000 * greatest(0,
				least(1, 0.22 + 0.09 * engaged + 0.3 * (engage_sample_random(id, 33, seed) - 0.5)))) / 1000
				AS open_rate,
			round(1000 * (0.05 + 0.25 * engage_sample_random(id, 34, seed)
				* engage_sample_random(id, 35, seed))) / 1000 AS night,
			round(100 * exp(2.1 + 0.3 * engaged + 0.6 * (engage_sample_random(id, 36, seed) - 0.5))) / 100
				AS session
		FROM count
		OFFSET 0
	),
	risk AS (
		SELECT *,
			/* log-odds of leaving */
			-3.15
			/* silence counts by the customer's own rhythm */
			+ 1.15 * ln(1 + idle * (l90 + 2) / 90.0)
			/* a collapse of use; friends soften it, saturating */
			+ CASE WHEN l30 * 3 < 0.75 * l90 THEN 1.5 - 1.1 * tanh(mates / 6.0) ELSE 0 END
			/* the first quarter is dangerous without onboarding, the second year is not */
			+ CASE WHEN tenure < 120 AND NOT onboarded THEN 1.6
				WHEN tenure < 120 THEN 0.5 WHEN tenure > 900 THEN -0.6 ELSE 0 END
			/* open tickets: enterprise customers have an account manager */
			+ CASE WHEN plan = 3 THEN 0.1 ELSE 0.75 END * least(3, unresolved)
			/* a price increase hurts who buys with discounts */
			+ 22 * increase * discount
			+ CASE WHEN nps IS NULL THEN 0.2 WHEN nps <= 6 THEN 1.0 WHEN nps >= 9 THEN -0.9 ELSE 0 END
			+ CASE WHEN failures > 0 AND NOT auto THEN 1.1 ELSE 0.15 * failures END
			+ 0.45 * least(6, crashes) * mobile
			/* free users who never buy drift away; free users who buy are loyal */
			+ CASE WHEN plan = 0 AND o90 = 0 THEN 0.9 WHEN plan = 0 AND o90 > 3
				THEN -0.7 ELSE -0.25 * plan END
			+ CASE acquisition_channel WHEN 'paid_social' THEN 0.45 WHEN 'referral' THEN -0.5 ELSE 0 END
			+ CASE country WHEN 'BR' THEN 0.3 WHEN 'IN' THEN 0.25 WHEN 'JP' THEN -0.35 ELSE 0 END
			- 0.08 * features AS log_odds
		FROM event
		OFFSET 0
	)
	SELECT
		id,
		account_type,
		country,
		acquisition_channel,
		primary_device,
		make_date(2026, 1, 1) - tenure,
		CASE WHEN engage_sample_random(id, 37, seed) > 0.08
			THEN (19 + floor(55 * engage_sample_random(id, 38, seed)
				* (0.6 + 0.4 * engage_sample_random(id, 39, seed))))::integer END,
		onboarded,
		fee,
		increase,
		least(l30, floor(l30 / 4.3 * (0.6 + 0.8 * engage_sample_random(id, 40, seed))),
			CASE WHEN idle >= 7 THEN 0 ELSE 7 END)::integer,
		l30,
		CASE WHEN idle < 90 THEN l90 ELSE 0 END,
		weeks,
		round(10 * l30 * session) / 10,
		session,
		idle,
		/* unsubscribed: no rates */
		CASE WHEN engage_sample_random(id, 41, seed) > 0.15 THEN open_rate END,
		CASE WHEN engage_sample_random(id, 41, seed) > 0.15
			THEN round(1000 * open_rate * (0.1 + 0.3 * engage_sample_random(id, 42, seed))) / 1000 END,
		engage_sample_random(id, 43, seed) < 0.5 + 0.2 * mobile,
		CASE WHEN engage_sample_random(id, 43, seed) < 0.5 + 0.2 * mobile
			THEN floor(l30 * 0.6 * engage_sample_random(id, 44, seed))::integer ELSE 0 END,
		nps,
		mates,
		floor(-ln(engage_sample_random(id, 45, seed)) * exp(-0.6 + 0.7 * social + 0.3 * engaged))::integer,
		floor(-ln(engage_sample_random(id, 46, seed)) * exp(-1.3 + 0.6 * social + 0.3 * happy))::integer,
		floor(-ln(engage_sample_random(id, 47, seed)) * exp(-1.0 + 0.9 * social))::integer,
		floor(-ln(engage_sample_random(id, 48, seed)) * exp(-0.8 + 0.3 * appetite / (1 + appetite)))::integer,
		o30,
		o90,
		(round(100 * o30 * basket) / 100)::numeric,
		(round(100 * o90 * basket) / 100)::numeric,
		CASE WHEN o90 > 0 THEN basket END,
		floor(o90 * 0.35 * engage_sample_random(id, 49, seed))::integer,
		round(1000 * discount) / 1000,
		CASE WHEN o90 > 0 THEN floor(least(89, tenure,
			-ln(engage_sample_random(id, 50, seed)) * 45 / (1 + o90)))::integer
			WHEN engage_sample_random(id, 51, seed) < 0.7 AND tenure > 90
				THEN (90 + floor(least(400, tenure - 90) * engage_sample_random(id, 50, seed)))::integer END,
		least(o90, floor(1 + o90 * 0.6 * engage_sample_random(id, 52, seed)))::integer,
		failures,
		auto,
		tickets,
		unresolved,
		CASE WHEN tickets > 0
			THEN round(10 * (1 + 30 * engage_sample_random(id, 53, seed) / (1 + plan))) / 10 END,
		floor(l30 * session * (0.5 + engage_sample_random(id, 54, seed)))::integer,
		floor(l30 * 0.8 * engage_sample_random(id, 55, seed))::integer,
		floor(-ln(engage_sample_random(id, 56, seed)) * (0.4 + 0.5 * o30) * (0.5 + discount))::integer,
		floor(-ln(engage_sample_random(id, 57, seed)) * 2.5)::integer,
		features,
		crashes,
		night,
		round(1000 * (0.12 + 0.35 * engage_sample_random(id, 58, seed))) / 1000,
		round(1000 * mobile) / 1000,
		/* targets */
		engage_sample_random(id, 60, seed) < 1 / (1 + exp(-log_odds)),
		/* a year of fees and orders while the customer stays; noise grows with the amount */
		(round(100 * (12 * fee + 4 * o90 * basket * (1 - 0.6 * discount)
				* (0.8 + 0.4 * least(1.5, momentum)) + 6)
			* (1 - 0.75 / (1 + exp(-log_odds))) * (1 + 0.15 * least(3, tanh(mates / 10.0)) * (plan + 1))
			* exp(0.9 * (engage_sample_random(id, 61, seed)
				+ engage_sample_random(id, 62, seed) - 1))) / 100)::numeric,
		round(10 * greatest(0, least(100,
			100 / (1 + exp(-(0.55 * ln(1 + l30) - 1.6 + 0.12 * features
				+ 0.25 * tanh(mates / 5.0) * ln(1 + session)
				- CASE WHEN idle > 21 THEN 1.2 ELSE 0.03 * idle END
				+ CASE WHEN nps >= 9 THEN 0.4 WHEN nps <= 6 THEN -0.4 ELSE 0 END)))
			+ 16 * (engage_sample_random(id, 63, seed) + engage_sample_random(id, 64, seed) - 1)))) / 10
	FROM risk;
END;

COMMENT ON FUNCTION engage_sample_customers(integer, integer) IS
'invented customers: 49 features, targets churn_30_day, ltv_12_month and engagement_score; the same for the same seed';
