/*
 * 96_sample_events.sql - payments that were never made, some of them fraud
 *
 * Every number comes from a hash of (row, column, seed), as in 95_sample.sql.  The stream is cut into
 * blocks of 250 payments, 1.8 hours on average.  Each block has one episode: a fraud of one of four
 * kinds, or one of two honest people who only look like it.  Its payments take the block's first places; the card
 * is that of a later, honest payment of the block, so the fraud follows a payment of the owner.
 * Times of a block stay within it: sorting by time mixes the places of a block and no others, and a
 * longer stream begins like a shorter one.
 */

CREATE FUNCTION engage_sample_events(n integer, seed integer DEFAULT 1)
RETURNS TABLE (
	event_id bigint,
	at timestamptz,
	card_id integer,
	/* what is paid */
	amount numeric,
	category text,
	merchant text,
	channel text,
	/* where; unknown on a journey, and for one in twenty online */
	country text,
	home_country text,
	lat double precision,
	lon double precision,
	/* how sure it is that the owner pays */
	cvc_match boolean,
	new_device boolean,
	hours_since_change double precision,
	account_days integer,
	/* truth */
	fraud text,
	is_fraud boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
	/* "OFFSET 0" keeps each stage a stage, as in engage_sample_customers */
	WITH block AS (
		SELECT first, kind, victim,
			CASE kind WHEN 'card_testing' THEN 10 WHEN 'impossible_travel' THEN 3
				WHEN 'account_takeover' THEN 4 WHEN 'games' THEN 5 ELSE 3 END AS places,
			/* seconds after the owner's payment, and from one payment to the next */
			CASE kind WHEN 'card_testing' THEN 90 ELSE 600 + 900 * u_start END AS start,
			CASE kind WHEN 'card_testing' THEN 11 WHEN 'games' THEN 18
				WHEN 'impossible_travel' THEN 500 ELSE 700 END AS step,
			floor(4 + 7 * engage_sample_random(first, 104, seed))::integer AS away
		FROM (SELECT first, first + 20 + floor(80 * engage_sample_random(first, 102, seed))::bigint AS victim,
				engage_sample_random(first, 103, seed) AS u_start,
				CASE WHEN u_kind < 0.16 THEN 'card_testing' WHEN u_kind < 0.36 THEN 'impossible_travel'
					WHEN u_kind < 0.56 THEN 'account_takeover' WHEN u_kind < 0.68 THEN 'lost_card'
					/* honest: a child with a game, somebody with a new telephone */
					WHEN u_kind < 0.84 THEN 'games' ELSE 'new_phone' END AS kind
			FROM (SELECT b * 250::bigint AS first, engage_sample_random(b * 250::bigint, 101, seed) AS u_kind
				FROM generate_series(0, (n + 249) / 250 - 1) AS b
				OFFSET 0) AS b
			OFFSET 0) AS b
		OFFSET 0
	),
	place AS (
		SELECT first + k AS id, away, k,
			CASE WHEN k < places THEN kind END AS kind,
			/* the payment whose card and time are taken: its own, or the victim's */
			CASE WHEN k < places THEN victim ELSE first + k END AS root,
			CASE WHEN k < places THEN start + step * k ELSE 0 END AS later,
			places - 1 AS last
		FROM block, generate_series(0, 249) AS k
		OFFSET 0
	),
	moment AS (
		SELECT *,
			/* a payment each 25.92 s: 100,000 in 30 days */
			25.92 * (root + engage_sample_random(root, 111, seed)) + later AS t,
			/* 2,000 cards, some used four times as often as others */
			floor(2000 * engage_sample_random(root, 112, seed) ^ 1.4)::integer + 1 AS card
		FROM place
		OFFSET 0
	),
	owner AS (
		SELECT *,
			floor(12 * engage_sample_random(card, 121, seed))::integer AS home,
			3.1 + 0.55 * ln(engage_sample_random(card, 122, seed) / (1 - engage_sample_random(card, 122, seed))) / 1.8
				AS spends,
			0.2 + 0.5 * engage_sample_random(card, 123, seed) AS online,
			/* one card in eight is on a journey for some days of ten */
			CASE WHEN engage_sample_random(card * 1000 + floor(t / 864000)::bigint, 124, seed) < 0.12
				THEN mod(t::numeric, 864000)::float8
					- 400000 * engage_sample_random(card * 1000 + floor(t / 864000)::bigint, 125, seed) END AS gone,
			engage_sample_random(id, 131, seed) AS u_channel,
			engage_sample_random(id, 132, seed) AS u_category,
			engage_sample_random(id, 133, seed) AS u_odd
		FROM moment
		OFFSET 0
	),
	scene AS (
		SELECT *,
			CASE WHEN gone BETWEEN 0 AND 400000
				THEN (home + 1 + floor(11 * engage_sample_random(card * 1000 + floor(t / 864000)::bigint, 126, seed))::integer)
					% 12 ELSE home END AS city,
			coalesce(gone BETWEEN 0 AND 72000 OR gone BETWEEN 400000 AND 472000, false) AS under_way,
			CASE kind WHEN 'card_testing' THEN 'online' WHEN 'account_takeover' THEN 'online' WHEN 'games' THEN 'online'
				WHEN 'new_phone' THEN 'online'
				WHEN 'impossible_travel' THEN CASE WHEN u_channel < 0.3 THEN 'cash' ELSE 'chip' END
				WHEN 'lost_card' THEN CASE WHEN u_channel < 0.7 THEN 'contactless' ELSE 'chip' END
				ELSE CASE WHEN u_channel < online THEN 'online' WHEN u_channel < 0.75 THEN 'contactless'
					WHEN u_channel < 0.95 THEN 'chip' ELSE 'cash' END END AS channel
		FROM owner
		OFFSET 0
	),
	purchase AS (
		SELECT *,
			CASE WHEN kind = 'games' THEN 'games' WHEN channel = 'cash' THEN 'cash'
				WHEN kind = 'card_testing' AND k < last THEN CASE WHEN u_category < 0.6 THEN 'games' ELSE 'donation' END
				WHEN kind = 'card_testing' THEN CASE WHEN u_category < 0.6 THEN 'electronics' ELSE 'gift_card' END
				WHEN kind = 'account_takeover' THEN CASE WHEN u_category < 0.4 THEN 'electronics'
					WHEN u_category < 0.7 THEN 'gift_card' ELSE 'travel' END
				WHEN kind = 'impossible_travel' THEN CASE WHEN u_category < 0.5 THEN 'electronics'
					WHEN u_category < 0.8 THEN 'clothing' ELSE 'groceries' END
				WHEN channel = 'online' THEN CASE WHEN u_category < 0.30 THEN 'clothing' WHEN u_category < 0.55 THEN 'restaurant'
					WHEN u_category < 0.70 THEN 'games' WHEN u_category < 0.83 THEN 'electronics'
					WHEN u_category < 0.91 THEN 'travel' WHEN u_category < 0.95 THEN 'gift_card' ELSE 'donation' END
				ELSE CASE WHEN u_category < 0.5 THEN 'groceries' WHEN u_category < 0.75 THEN 'restaurant'
					WHEN u_category < 0.88 THEN 'fuel' WHEN u_category < 0.97 THEN 'clothing' ELSE 'electronics' END END AS category,
			/* where it is paid: a copied card in another part of the world; an honest owner behind a foreign proxy */
			CASE WHEN kind = 'impossible_travel' THEN (city + away) % 12
				WHEN kind IN ('card_testing', 'account_takeover') AND engage_sample_random(root, 143, seed) < 0.4
				THEN (city + away) % 12
				WHEN kind IS NULL AND channel = 'online' AND u_odd < 0.002 THEN (city + away) % 12
				ELSE city END AS spot,
			/* at midnight (UTC) a third as many pay as at noon */
			1767225600 + t + 7000 * sin(t * pi() / 43200) AS clock,
			exp(0.5 * ln(engage_sample_random(id, 134, seed) / (1 - engage_sample_random(id, 134, seed))) / 1.8) AS spread,
			engage_sample_random(id, 135, seed) AS u_device,
			engage_sample_random(id, 136, seed) AS u_change,
			engage_sample_random(id, 137, seed) AS u_cvc
		FROM scene
		OFFSET 0
	),
	payment AS (
		SELECT *,
			round((CASE WHEN kind = 'card_testing' AND k < last THEN 0.5 + 5.5 * u_odd
				WHEN kind = 'games' THEN 0.99 + 2 * floor(4 * u_device)
				ELSE exp(spends) * spread
					* CASE category WHEN 'groceries' THEN 1.2 WHEN 'fuel' THEN 1.6 WHEN 'electronics' THEN 4 WHEN 'travel' THEN 7
						WHEN 'games' THEN 0.3 WHEN 'donation' THEN 0.5 WHEN 'cash' THEN 3 WHEN 'clothing' THEN 2
						WHEN 'gift_card' THEN 1.5 ELSE 1 END
					/* a takeover is after more than is usual; so is a wedding, one payment in a hundred */
					* CASE WHEN kind = 'account_takeover' THEN 1.3 + 2.2 * u_change WHEN kind = 'card_testing' THEN 2.5
						WHEN kind = 'impossible_travel' THEN 1.5 WHEN kind = 'lost_card' THEN 1.3
						WHEN u_odd > 0.99 THEN 2 + 6 * u_change ELSE 1 END END)::numeric, 2) AS paid,
			row_number() OVER (ORDER BY clock, id) AS number
		FROM purchase
		OFFSET 0
	)
	SELECT number,
		to_timestamp(round(clock * 1000) / 1000),
		card,
		greatest(paid, 0.5),
		category,
		category || '-' || (1 + floor(40 * engage_sample_random(id, 138, seed) ^ 2))::integer,
		channel,
		(ARRAY['DE', 'FR', 'GB', 'ES', 'US', 'US', 'CA', 'BR', 'JP', 'SG', 'AU', 'IN'])[spot + 1],
		(ARRAY['DE', 'FR', 'GB', 'ES', 'US', 'US', 'CA', 'BR', 'JP', 'SG', 'AU', 'IN'])[home + 1],
		CASE WHEN coalesce(kind IN ('games', 'new_phone'), true) AND (under_way OR channel = 'online' AND u_odd BETWEEN 0.5 AND 0.55) THEN NULL
			ELSE round(1000 * ((ARRAY[52.52, 48.86, 51.51, 40.42, 40.71, 41.88, 43.65, -23.55, 35.68, 1.35, -33.87, 19.08])[spot + 1]
				+ 0.3 * (engage_sample_random(card, 127, seed) - 0.5)
				+ 0.1 * (engage_sample_random(id, 139, seed) - 0.5))) / 1000 END::float8,
		CASE WHEN coalesce(kind IN ('games', 'new_phone'), true) AND (under_way OR channel = 'online' AND u_odd BETWEEN 0.5 AND 0.55) THEN NULL
			ELSE round(1000 * ((ARRAY[13.40, 2.35, -0.13, -3.70, -74.01, -87.63, -79.38, -46.63, 139.69, 103.82, 151.21, 72.88])[spot + 1]
				+ 0.3 * (engage_sample_random(card, 128, seed) - 0.5)
				+ 0.1 * (engage_sample_random(id, 140, seed) - 0.5))) / 1000 END::float8,
		/* asked online only */
		CASE WHEN channel <> 'online' THEN NULL WHEN kind = 'card_testing' THEN u_cvc > 0.35
			ELSE u_cvc > 0.012 END,
		CASE WHEN channel <> 'online' THEN false WHEN kind = 'account_takeover' THEN u_device < 0.75
			WHEN kind = 'card_testing' THEN u_device < 0.8 WHEN kind = 'new_phone' THEN u_device < 0.7 ELSE u_device < 0.04 END,
		/* of password, address or limit; in the last 30 days */
		round((CASE WHEN kind IN ('account_takeover', 'new_phone') AND engage_sample_random(root, 141, seed) < 0.55
				THEN 0.2 + 9 * engage_sample_random(root, 142, seed) ^ 2 + later / 3600
			WHEN u_cvc < 0.1 THEN 720 * u_change END)::numeric, 1)::float8,
		30 + floor(2500 * engage_sample_random(card, 129, seed) ^ 2 + t / 86400)::integer,
		CASE WHEN kind NOT IN ('games', 'new_phone') THEN kind END,
		coalesce(kind NOT IN ('games', 'new_phone'), false)
	FROM payment
	ORDER BY number
	LIMIT greatest(n, 0);
END;

COMMENT ON FUNCTION engage_sample_events(integer, integer) IS
'invented payments by 2,000 cards, in order of time; one in seventy is fraud of four kinds; the same for the same seed';
