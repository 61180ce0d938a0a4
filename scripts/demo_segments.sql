-- demo_segments.sql - what kinds of customers are there? Part of demo.sql, which has made the table customers
\echo
\echo '== Segments: k-means on all customers of the shop; it chooses their number itself, here from five on'
SELECT version, rows_train AS rows, metrics ->> 'k' AS segments, round((metrics ->> 'silhouette')::numeric, 3) AS silhouette,
	round(seconds::numeric, 2) AS seconds
FROM engage_train('personas', 'SELECT customer_id, logins_30d, session_minutes_30d, features_adopted, friends, shares_30d, orders_90d,
	revenue_90d, avg_order_value, discount_share, support_tickets_90d, nps_score, monthly_fee FROM customers',
	key => 'customer_id', algorithm => 'kmeans', params => '{"k": "auto", "k_min": 5}');
-- silhouettes like few groups: four would be clearer, but too coarse to write to
SELECT k, round(value::numeric, 3) AS silhouette, repeat('#', round(400 * greatest(value, 0))::int) AS curve,
	CASE WHEN chosen THEN 'chosen' END AS choice FROM engage_cluster_curve('personas') ORDER BY k;

\echo
\echo '== Segments: what sets each apart. Means inside and outside, effects in standard deviations'
SELECT segment, rows, feature, round(inside::numeric, 2) AS inside, round(outside::numeric, 2) AS outside, round(effect::numeric, 1) AS effect
FROM engage_profile('personas', 'customers', top => 2) ORDER BY segment, rank;

\echo
\echo '== Segments: each gets the name that is suggested, until somebody finds a better one'
SELECT count(engage_label_segment('personas', segment, suggestion)) AS named FROM engage_segments('personas', 'customers');
SELECT engage_label_segment('personas', segment, 'in trouble: ' || suggestion, 'call them before they call again')
FROM engage_profile('personas', 'customers', top => 3) JOIN engage_segments('personas', 'customers') USING (segment, rows)
WHERE feature = 'support_tickets_90d' AND effect > 2 \g /dev/null
-- what they are worth, and how many leave: the segments know nothing of either
SELECT engage_segment('personas', c) AS segment, count(*) AS customers, round(100 * avg(churn_30_day::int), 1) AS "leave, %",
	round(avg(ltv_12_month)) AS "worth a year"
FROM customers AS c GROUP BY 1 ORDER BY 4 DESC;
SELECT name, strategy FROM engage.segment_names WHERE model = 'personas' AND strategy IS NOT NULL;

\echo
\echo '== Segments: would other customers give the same ones? Below 0.6 a segment is not to be trusted'
SELECT coalesce(n.name, 'all (adjusted Rand index)') AS segment, round(s.stability::numeric, 2) AS stability
FROM engage_segment_stability('personas', 'customers', rounds => 5, sample => 20000) AS s
	LEFT JOIN engage.segment_names AS n ON n.model = 'personas' AND n.segment = s.segment ORDER BY s.segment NULLS FIRST;

\if :{?personas}
\echo
\echo '== Segments: a picture'
\pset tuples_only on
\pset format unaligned
SELECT engage_plot_segments('personas', 'customers') \g :personas
\pset format aligned
\pset tuples_only off
\endif
