-- counterfactuals, verified by scoring, by closed forms and by trying everything; what-if effects add up
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;	-- the notices of training hold metrics
\pset null '(null)'

SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id',
	params => '{"n_estimators":50,"max_depth":4,"learning_rate":0.15}');
SELECT version FROM engage_train('line', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression');
SET client_min_messages = notice;

-- ---------------------------------------------------------------------------
-- every answer is what engage_predict says of the changed row
-- ---------------------------------------------------------------------------

CREATE TABLE risky AS SELECT * FROM telco t WHERE engage_predict('churn', t) > 0.5 ORDER BY customer_id LIMIT 100;
CREATE TABLE found AS SELECT c.customer_id, x.* FROM risky c, engage_counterfactual('churn', c, 0.3) x;
CREATE VIEW answers AS
SELECT customer_id, answer, count(*) AS changes, sum(cost) AS cost, min(score_before) AS before, min(score_after) AS after,
	count(DISTINCT score_after) AS scores, jsonb_object_agg(feature, to_value) AS changed,
	string_agg(feature, ',' ORDER BY feature) AS what
FROM found GROUP BY customer_id, answer;
SELECT count(DISTINCT customer_id) AS customers, count(*) > 250 AS several_each, max(answer), max(changes) <= 5 AS few,
	bool_and(after <= 0.3) AS reached, bool_and(scores = 1) AS one_score, bool_and(cost > 0) AS cost
FROM answers;
SELECT count(*) AS wrong FROM answers a JOIN telco t USING (customer_id)
WHERE engage_predict('churn', to_jsonb(t) || changed) IS DISTINCT FROM after OR engage_predict('churn', t) IS DISTINCT FROM before;

-- answers of a customer change different columns; whole numbers stay whole, numbers in their range
SELECT count(*) AS twice FROM answers a JOIN answers b USING (customer_id, what) WHERE a.answer < b.answer;
SELECT count(*) AS not_whole FROM found WHERE feature = 'tenure' AND to_value !~ '^[0-9]+$';
SELECT count(*) AS out_of_range FROM found f, (SELECT min(monthly_charges), max(monthly_charges) FROM telco) r
WHERE feature = 'monthly_charges' AND to_value::numeric NOT BETWEEN r.min AND r.max;
SELECT count(*) AS unchanged FROM found WHERE from_value IS NOT DISTINCT FROM to_value;

-- the first answer is not dearer than the others (with 1 for each changed column)
SELECT count(*) AS dearer FROM answers a JOIN answers b USING (customer_id)
WHERE a.answer = 1 AND a.cost + a.changes > b.cost + b.changes + 1e-9;

-- pairs that do not occur do not occur in answers, unless the customer has them now
CREATE VIEW after_all AS
SELECT customer_id, answer, changed, jsonb_populate_record(t, changed) AS r FROM answers JOIN telco t USING (customer_id);
SELECT count(*) AS impossible FROM after_all
WHERE ((r).internet_service = 'No') <> ((r).online_security = 'No internet service')
	OR ((r).phone_service = 0) <> ((r).multiple_lines = 'No phone service');

-- the same call, the same answer
SELECT count(*) AS differ FROM found f FULL JOIN (
	SELECT c.customer_id, x.* FROM risky c, engage_counterfactual('churn', c, 0.3) x) g USING (customer_id, answer, feature)
WHERE f.to_value IS DISTINCT FROM g.to_value;

-- a JSON object is a row
SELECT count(*) AS differ FROM found f FULL JOIN (
	SELECT c.customer_id, x.* FROM risky c, engage_counterfactual('churn', to_jsonb(c), 0.3) x) g
	USING (customer_id, answer, feature)
WHERE f.to_value IS DISTINCT FROM g.to_value;

-- ---------------------------------------------------------------------------
-- the best answer, by trying everything in SQL
-- ---------------------------------------------------------------------------

-- four columns: every combination, at a cost of 1 for each change and 1 for each changed column
CREATE TABLE everything AS
SELECT t.customer_id, t.cost, t.money, engage_predict('churn', t.changed) AS score
FROM (SELECT r.customer_id, to_jsonb(r) || jsonb_build_object('contract', c.contract, 'tech_support', s.tech_support,
			'payment_method', p.payment_method, 'online_security', o.online_security) AS changed,
		2 * ((c.contract <> r.contract)::int + (s.tech_support <> r.tech_support)::int
			+ (p.payment_method <> r.payment_method)::int + (o.online_security <> r.online_security)::int) AS cost,
		20 * (c.contract <> r.contract)::int + 3 * (s.tech_support <> r.tech_support)::int
			+ 0.5 * (p.payment_method <> r.payment_method)::int + 7 * (o.online_security <> r.online_security)::int AS money
	FROM risky r, (SELECT DISTINCT contract FROM telco) c, (SELECT DISTINCT tech_support FROM telco) s,
		(SELECT DISTINCT payment_method FROM telco) p, (SELECT DISTINCT online_security FROM telco) o OFFSET 0) t;
CREATE TABLE best AS SELECT customer_id, min(cost) FILTER (WHERE score <= 0.3) AS cost FROM everything GROUP BY 1;
SET client_min_messages = warning;
CREATE TABLE ours AS
SELECT c.customer_id, sum(x.cost) + count(*) AS cost
FROM risky c, engage_counterfactual('churn', c, 0.3, n => 1, plausible => false,
	features => '{contract,tech_support,payment_method,online_security}') x GROUP BY 1;
SET client_min_messages = notice;
SELECT count(*) AS customers, count(b.cost) > 50 AS many_have_one, count(*) FILTER (WHERE b.cost IS DISTINCT FROM o.cost) AS differ
FROM best b LEFT JOIN ours o USING (customer_id);

-- all columns, too many combinations: what was found is not worse than the best of those four
SET client_min_messages = warning;
CREATE TABLE all_columns AS
SELECT c.customer_id, sum(x.cost) + count(*) AS cost
FROM risky c, engage_counterfactual('churn', c, 0.3, n => 1, plausible => false) x GROUP BY 1;
SET client_min_messages = notice;
SELECT count(*) AS worse FROM best b JOIN all_columns e USING (customer_id) WHERE e.cost > b.cost + 1e-9;

-- ---------------------------------------------------------------------------
-- closed form: a logistic model, one number free
-- ---------------------------------------------------------------------------

CREATE FUNCTION logit(p float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT ln(p / (1 - p))';
CREATE TABLE free AS SELECT * FROM telco t WHERE engage_predict('line', t) BETWEEN 0.3 AND 0.7 ORDER BY customer_id LIMIT 200;

-- the logit is linear in a number: two scores give the line, the line gives the smallest change; ours is at most a
-- thousandth of the spread (half the distance between the quartiles) farther, to be a short number
CREATE VIEW closed_form AS
SELECT c.customer_id, f.feature, s.now, s.slope, s.x, s.x + (logit(g.goal) - s.now) / s.slope AS exact, r.lowest, r.highest, r.unit, g.goal
FROM free c, (VALUES ('total_charges', 20, 7000), ('tenure', 2, 70)) f(feature, a, b), (VALUES (0.28::float8), (0.72)) g(goal),
	LATERAL (SELECT logit(engage_predict('line', to_jsonb(c))) AS now, (to_jsonb(c)->>f.feature)::float8 AS x,
		(logit(engage_predict('line', to_jsonb(c) || jsonb_build_object(f.feature, f.b)))
			- logit(engage_predict('line', to_jsonb(c) || jsonb_build_object(f.feature, f.a)))) / (f.b - f.a) AS slope) s,
	LATERAL (SELECT min((to_jsonb(t)->>f.feature)::float8) AS lowest, max((to_jsonb(t)->>f.feature)::float8) AS highest,
		percentile_disc(0.75) WITHIN GROUP (ORDER BY (to_jsonb(t)->>f.feature)::float8) / 2
			- percentile_disc(0.25) WITHIN GROUP (ORDER BY (to_jsonb(t)->>f.feature)::float8) / 2 AS unit FROM telco t) r;
CREATE TABLE form AS SELECT * FROM closed_form;
SET client_min_messages = warning;
CREATE TABLE smallest AS
SELECT e.*, x.to_value::float8 AS ours, x.score_after, x.cost
FROM form e JOIN free c USING (customer_id) LEFT JOIN LATERAL
	engage_counterfactual('line', c, e.goal, features => ARRAY[e.feature], plausible => false) x ON true;
SET client_min_messages = notice;
SELECT feature, goal, count(*) AS rows, count(ours) > 20 AS many_found,
	count(*) FILTER (WHERE ours IS NULL AND exact BETWEEN lowest + 1 AND highest - 1) AS missed,
	count(*) FILTER (WHERE abs(ours - exact) > CASE feature WHEN 'tenure' THEN 1 ELSE 0.0011 * unit END + 1e-4 * abs(x)) AS far,
	count(*) FILTER (WHERE (goal < 0.5) <> (score_after <= goal)) AS not_reached,
	count(*) FILTER (WHERE feature = 'tenure' AND ours <> round(ours)) AS not_whole,
	count(*) FILTER (WHERE abs(cost - abs(ours - x) / unit) > 0.02 * cost) AS other_cost
FROM smallest GROUP BY 1, 2 ORDER BY 1, 2;

-- ---------------------------------------------------------------------------
-- what may change, and how
-- ---------------------------------------------------------------------------

-- one customer, as a table to read
CREATE TABLE one AS SELECT * FROM telco t ORDER BY engage_predict('line', t) DESC, customer_id OFFSET 100 LIMIT 1;
SELECT answer, feature, from_value, to_value, round(score_before::numeric, 2) AS before, round(score_after::numeric, 2) AS after,
	round(cost::numeric, 1) AS cost
FROM one c, engage_counterfactual('line', c, 0.6, features => '{contract,tech_support,online_security,payment_method,paperless_billing}');

-- direction, range, step, allowed categories
CREATE TABLE limited AS
SELECT c.customer_id, c.monthly_charges, x.* FROM risky c, engage_counterfactual('churn', c, '<= 0.45',
	features => '{monthly_charges,tenure,contract}', max_changes => 3,
	limits => '{"monthly_charges": {"direction": "down", "min": 40, "step": 5}, "tenure": "up", "contract": {"values": ["One year"]}}') x;
SELECT count(*) > 20 AS some,
	count(*) FILTER (WHERE feature = 'contract' AND to_value <> 'One year') AS other_contract,
	count(*) FILTER (WHERE feature = 'tenure' AND to_value::int <= from_value::int) AS tenure_not_up,
	count(*) FILTER (WHERE feature = 'monthly_charges' AND to_value::numeric >= from_value::numeric) AS charges_not_down,
	count(*) FILTER (WHERE feature = 'monthly_charges' AND to_value::numeric < 40) AS charges_too_low,
	count(*) FILTER (WHERE feature = 'monthly_charges' AND abs(mod(to_value::numeric - from_value::numeric, 5)) > 0.001
		AND abs(mod(to_value::numeric - from_value::numeric, 5)) < 4.999) AS not_a_step
FROM limited;

-- costs in money, by trying everything
SET client_min_messages = warning;
SELECT count(*) AS customers, count(b.cost) > 50 AS many_have_one, count(*) FILTER (WHERE abs(b.cost - o.cost) > 1e-9) AS differ,
	count(*) FILTER (WHERE (b.cost IS NULL) <> (o.cost IS NULL)) AS missed
FROM (SELECT customer_id, min(money) FILTER (WHERE score <= 0.3) AS cost FROM everything GROUP BY 1) b LEFT JOIN (
	SELECT c.customer_id, sum(x.cost) AS cost FROM risky c, engage_counterfactual('churn', c, 0.3, n => 1, plausible => false,
		sparsity => 0, features => '{contract,tech_support,payment_method,online_security}',
		limits => '{"contract": {"cost": 20}, "tech_support": {"cost": 3}, "payment_method": {"cost": 0.5}, "online_security": {"cost": 7}}') x
	GROUP BY 1) o USING (customer_id);
SET client_min_messages = notice;

-- the class as the target, the default for two classes, a range, the other class's probability
SELECT count(DISTINCT answer) > 0 AS found, max(score_after) < 0.5 AS reached FROM one c, engage_counterfactual('churn', c, 'No', n => 1);
SELECT count(*) AS differ FROM (
	(SELECT x.* FROM one c, engage_counterfactual('churn', c) x) EXCEPT
	(SELECT x.* FROM one c, engage_counterfactual('churn', c, 'No') x)) d;
SELECT bool_and(score_after BETWEEN 0.4 AND 0.45) AS reached FROM one c, engage_counterfactual('churn', c, '0.4..0.45', n => 1);
SELECT bool_and(score_after >= 0.6 AND abs(score_before - (1 - engage_predict('churn', c))) < 1e-12) AS reached
FROM one c, engage_counterfactual('churn', c, '>= 0.6', class => 'No', n => 1);

-- a missing value may be filled, a value is never taken away
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE to_value IS NULL) AS taken, count(*) FILTER (WHERE from_value IS NULL) > 0 AS filled
FROM risky c, engage_counterfactual('churn', to_jsonb(c) || '{"contract": null, "tech_support": null}', 0.3) x;

-- ---------------------------------------------------------------------------
-- none found, nothing to do
-- ---------------------------------------------------------------------------

\set VERBOSITY terse
SELECT count(*) FROM one c, engage_counterfactual('line', c, '<= 0.001', features => '{partner}');
SELECT count(*) FROM one c, engage_counterfactual('line', c, '>= 0.1');
-- what was nearest is said
\set VERBOSITY default
SELECT count(*) FROM one c, engage_counterfactual('line', c, '<= 0.4', features => '{partner,dependents}');
\set VERBOSITY terse
SELECT count(*) FROM engage_counterfactual('churn', NULL::telco, 0.3);
\set VERBOSITY default

-- ---------------------------------------------------------------------------
-- other kinds of columns, other tasks
-- ---------------------------------------------------------------------------

CREATE TABLE kinds AS
SELECT i AS id, date '2024-01-01' + (i * 7) % 400 AS joined, timestamptz '2024-06-01 12:34:56+00' - ((i * 13) % 90) * interval '1 day' AS seen,
	((i * 11) % 50) * interval '10 minutes' AS watched, (i % 3 = 0) AS member, ARRAY[(i * 17) % 10, (i * 5) % 7]::float8[] AS v,
	chr(97 + (i * 31) % 5) AS plan,
	((i * 7) % 400) / 100.0 + ((i * 11) % 50) / 25.0 + (i % 3 = 0)::int + ((i * 17) % 10) / 5.0 + ((i * 13) % 90) / 30.0 AS spend
FROM generate_series(1, 1500) i;
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT version FROM engage_train('kinds', 'kinds', target => 'spend', key => 'id', params => '{"n_estimators":60,"max_depth":4}');
CREATE TABLE moved AS SELECT k.id, x.* FROM (SELECT * FROM kinds ORDER BY id LIMIT 40) k, engage_counterfactual('kinds', k, '>= 7', n => 4, plausible => false) x;
SELECT count(DISTINCT id) > 25 AS many, array_agg(DISTINCT feature ORDER BY feature) FILTER (WHERE feature <> 'plan') AS features FROM moved;
SELECT count(*) AS wrong FROM (
	SELECT id, answer, min(score_after) AS promised, jsonb_object_agg(feature, to_value) AS changed FROM moved
	WHERE feature !~ '\[' GROUP BY 1, 2 HAVING NOT EXISTS (SELECT FROM moved m WHERE m.feature ~ '\[' AND m.id = moved.id AND m.answer = moved.answer)) a
JOIN kinds k USING (id) WHERE engage_predict('kinds', to_jsonb(k) || changed) IS DISTINCT FROM promised OR promised < 7;
SELECT count(*) AS wrong FROM (SELECT DISTINCT ON (id, answer) * FROM moved WHERE feature IN ('v[1]', 'v[2]')
	ORDER BY id, answer) m JOIN kinds k USING (id)
WHERE (SELECT count(*) FROM moved o WHERE o.id = m.id AND o.answer = m.answer) = 1
	AND engage_predict('kinds', to_jsonb(k) || jsonb_build_object('v', CASE m.feature WHEN 'v[1]'
		THEN jsonb_build_array(m.to_value::float8, k.v[2]) ELSE jsonb_build_array(k.v[1], m.to_value::float8) END)) IS DISTINCT FROM m.score_after;
SELECT count(*) FILTER (WHERE feature = 'joined' AND to_value !~ '^\d{4}-\d\d-\d\d$') AS no_date,
	count(*) FILTER (WHERE feature = 'member' AND to_value NOT IN ('true', 'false')) AS no_boolean,
	count(*) FILTER (WHERE feature = 'seen' AND to_value::timestamptz::time <> from_value::timestamptz::time) AS no_whole_days
FROM moved;
SELECT count(*) > 5 AS some, bool_and(feature = 'joined' AND to_value < from_value AND to_value >= '2024-03-01') AS allowed,
	bool_and(score_after <= score_before - 0.5) AS reached
FROM (SELECT k, engage_predict('kinds', k) AS score FROM kinds k WHERE id <= 40) s, engage_counterfactual('kinds', s.k, '<= ' || s.score - 0.5,
	features => '{joined}', n => 1, limits => '{"joined": {"min": "2024-03-01", "direction": "down"}}');

-- several classes: the class leads
SELECT version FROM engage_train('plan', 'SELECT id, joined, watched, v, CASE WHEN spend < 3 THEN ''low'' WHEN spend < 5 THEN ''mid'' ELSE ''top'' END AS level FROM kinds',
	target => 'level', key => 'id', params => '{"n_estimators":30,"max_depth":3}');
CREATE TABLE up AS SELECT k.id, x.* FROM (SELECT id, joined, watched, v FROM kinds WHERE engage_predict_class('plan', kinds) = 'low' ORDER BY id LIMIT 30) k,
	engage_counterfactual('plan', k, 'top', n => 1, features => '{joined,watched}', plausible => false) x;
SELECT count(DISTINCT id) > 15 AS many, count(*) FILTER (WHERE engage_predict_class('plan', to_jsonb(k) || c.changed) <> 'top') AS not_top,
	count(*) FILTER (WHERE abs((engage_predict_proba('plan', to_jsonb(k) || c.changed)->>'top')::float8 - c.after) > 1e-9) AS other_score
FROM (SELECT id, jsonb_object_agg(feature, to_value) AS changed, min(score_after) AS after FROM up GROUP BY id) c JOIN kinds k USING (id);
SELECT bool_and(score_after >= 0.6) AS reached FROM kinds k, engage_counterfactual('plan', k, '>= 0.6', class => 'mid', n => 1) WHERE id = 4;

-- quantiles: the median
SELECT version FROM engage_train('median', 'kinds', target => 'spend', key => 'id', task => 'quantile', params => '{"quantiles":[0.1,0.5,0.9],"n_estimators":30}');
SELECT bool_and(score_after <= 3) AND bool_and(abs(score_before - engage_predict('median', k)) < 1e-9) AS reached
FROM kinds k, engage_counterfactual('median', k, '<= 3', n => 1) WHERE id = 200;

-- without rows of the training: ranges only
SELECT version FROM engage_train('bare', 'telco', target => 'churn', key => 'customer_id', background => 0, params => '{"n_estimators":20}');
SELECT bool_and(score_after <= 0.4) AS reached FROM one c, engage_counterfactual('bare', c, 0.4, n => 1);
SET client_min_messages = notice;

-- ---------------------------------------------------------------------------
-- what if
-- ---------------------------------------------------------------------------

CREATE TABLE effects AS
SELECT c.customer_id, x.* FROM risky c, engage_what_if('churn', c,
	'{"contract": "Two year", "tech_support": "Yes", "monthly_charges": 50, "tenure": 40, "payment_method": "Mailed check"}') x;
SELECT count(*) AS rows, count(*) FILTER (WHERE n <> 5) AS not_five, bool_and(abs(total - (after - before)) < 1e-12) AS add_up,
	bool_and(abs(before - engage_predict('churn', c)) < 1e-12) AS before,
	bool_and(abs(after - engage_predict('churn', to_jsonb(c) ||
		'{"contract": "Two year", "tech_support": "Yes", "monthly_charges": 50, "tenure": 40, "payment_method": "Mailed check"}')) < 1e-12) AS after
FROM (SELECT customer_id, count(*) AS n, sum(effect) AS total, min(score_before) AS before, min(score_after) AS after FROM effects GROUP BY 1) e
JOIN risky c USING (customer_id);

-- Shapley's own formula for two changes: half of what each does first and half of what it does second
SELECT count(*) AS differ
FROM risky c, LATERAL (SELECT engage_predict('churn', c) AS none,
		engage_predict('churn', to_jsonb(c) || '{"contract": "Two year"}') AS first,
		engage_predict('churn', to_jsonb(c) || '{"tenure": 40}') AS second,
		engage_predict('churn', to_jsonb(c) || '{"contract": "Two year", "tenure": 40}') AS both) s,
	engage_what_if('churn', c, '{"contract": "Two year", "tenure": 40}') x
WHERE abs(x.effect - CASE x.feature WHEN 'contract' THEN (s.first - s.none + s.both - s.second) / 2
	ELSE (s.second - s.none + s.both - s.first) / 2 END) > 1e-12 OR x.error <> 0;

SELECT feature, from_value, to_value, round(effect::numeric, 6) AS effect
FROM one c, engage_what_if('line', to_jsonb(c), '{"contract": "Month-to-month", "female": null}') ORDER BY feature;
SELECT count(*) FROM one c, engage_what_if('churn', c, '{}');
SELECT feature, from_value, to_value, error FROM kinds k, engage_what_if('kinds', k, '{"v": [9, 6], "joined": "2025-01-01", "member": true}')
WHERE id = 7 ORDER BY feature;
SELECT abs(sum(effect) - (max(score_after) - max(score_before))) < 1e-12 AS add_up, abs(max(score_before) - (engage_predict_proba('plan', k)->>'top')::float8) < 1e-9 AS of_class
FROM kinds k, engage_what_if('plan', k, '{"joined": "2025-01-01", "watched": "8 hours"}', class => 'top') WHERE id = 7 GROUP BY k.*;

-- ---------------------------------------------------------------------------
-- bad input
-- ---------------------------------------------------------------------------

\set VERBOSITY default
SELECT 1 FROM one c, engage_counterfactual('churn', c, 1.3);
SELECT 1 FROM one c, engage_counterfactual('churn', c, '<= -0.1');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 'maybe');
SELECT 1 FROM one c, engage_counterfactual('churn', c, '<= 0.3 or so');
SELECT 1 FROM one c, engage_counterfactual('churn', c, '0.5..0.2');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 'No', class => 'No');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, class => 'Perhaps');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 'NaN'::float8);
SELECT 1 FROM one c, engage_counterfactual('churn', c, NULL::float8);
SELECT 1 FROM kinds k, engage_counterfactual('kinds', k) WHERE id = 1;
SELECT 1 FROM kinds k, engage_counterfactual('plan', k) WHERE id = 1;
SELECT 1 FROM kinds k, engage_counterfactual('plan', k, '>= 0.5') WHERE id = 1;
SELECT 1 FROM kinds k, engage_counterfactual('kinds', k, 3, class => 'x') WHERE id = 1;
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, features => '{tenur}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, frozen => '{"nothing like it"}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, features => '{tenure}', frozen => '{tenure}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, features => '{}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, features => '{tenure}', limits => '{"contract": "frozen"}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, frozen => (SELECT array_agg(attname::text) FROM pg_attribute
	WHERE attrelid = 'telco'::regclass AND attnum > 2));
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '[1]');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": 5}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"minimum": 5}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"min": 9, "max": 3}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"min": "many"}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"step": 0}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"cost": -1}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": {"values": [1, 2]}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"tenure": "sideways"}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"contract": "up"}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"contract": {"min": "a"}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, limits => '{"contract": {"values": ["Ten year"]}}');
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, n => 0);
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, max_changes => 17);
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, sparsity => -1);
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, within => 1.5);
SELECT 1 FROM one c, engage_counterfactual('churn', c, 0.3, max_evaluations => 5);
SELECT 1 FROM engage_counterfactual('churn', ROW(1, 2), 0.3);
SELECT 1 FROM engage_counterfactual('no such model', '{}'::jsonb, 0.3);
SELECT 1 FROM engage_counterfactual(NULL, '{}'::jsonb, 0.3);
SELECT 1 FROM engage_counterfactual('churn', '[1]'::jsonb, 0.3);
-- nothing known of the row, a category never seen
SELECT count(*) > 0 AS found FROM engage_counterfactual('churn', '{}'::jsonb, '>= 0.6', n => 1);
SELECT count(*) > 0 AS found FROM one c, engage_counterfactual('churn', to_jsonb(c) || '{"contract": "Ten year"}', 0.3, n => 1);
SELECT 1 FROM one c, engage_what_if('churn', c, '{"tenur": 3}');
SELECT 1 FROM one c, engage_what_if('churn', c, '[3]');
SELECT 1 FROM one c, engage_what_if('churn', c, NULL);
SELECT 1 FROM one c, engage_what_if('churn', c, '{"tenure": "many"}');
SELECT feature, to_value FROM one c, engage_what_if('churn', c, '{"contract": "Ten year"}');
SELECT 1 FROM kinds k, engage_what_if('kinds', k, '{"v": [1]}') WHERE id = 1;
SELECT 1 FROM kinds k, engage_what_if('kinds', k, '{"v": [1, 2]}', class => 'x') WHERE id = 1;

-- an imported model knows no ranges: they have to be given
SET client_min_messages = warning;
SELECT version FROM engage_train('numbers', 'telco', target => 'churn', key => 'customer_id', features => '{tenure,monthly_charges}',
	params => '{"n_estimators":20}');
SELECT engage_import('imported', engage_export('numbers')) IS NOT NULL AS imported;
SET client_min_messages = notice;
SELECT 1 FROM one c, engage_counterfactual('imported', to_jsonb(c), 0.3);
SELECT 1 FROM one c, engage_counterfactual('imported', to_jsonb(c), 0.3, features => '{tenure}');
SELECT count(*) > 0 AS found, max(score_after) <= 0.3 AS reached
FROM one c, engage_counterfactual('imported', to_jsonb(c), 0.3, limits => '{"tenure": {"min": 0, "max": 72}}');

DROP VIEW after_all, answers, closed_form;
DROP TABLE risky, found, everything, best, ours, all_columns, free, form, smallest, one, limited, kinds, moved, up, effects;
