# The parts of the demo that find segments and decide about payments, on fewer rows: what they show is asserted by
# numbers, not by what they print.

use strict;
use warnings;
use EngageTest;
use File::Basename;
use Test::More;

my $pg = EngageTest->new;
my $scripts = dirname(__FILE__) . '/../../scripts';

# ---- customers fall into segments, which have names, and differ in what they were not told
$pg->query('CREATE EXTENSION IF NOT EXISTS engage; CREATE TABLE customers AS SELECT * FROM engage_sample_customers(20000)');
my $out = $pg->query("\\set ON_ERROR_STOP on\nSET engage.progress = off;\n\\i $scripts/demo_segments.sql");
my $k = $pg->query("SELECT metrics->>'k' FROM engage.versions WHERE model = 'personas'");
cmp_ok($k, '>=', 5, 'segments are found');
is($pg->query("SELECT count(DISTINCT engage_predict('personas', c)) FROM customers c"), $k, 'each has customers');
is($pg->query("SELECT count(DISTINCT name) FROM engage.segment_names WHERE model = 'personas' AND deployed"), $k, 'and a name');
is($pg->query("SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM engage.segment_names n WHERE n.name = engage_segment('personas', c))"), '0',
	'which each customer can be called by');
is($pg->query("SELECT max(churn) > 1.5 * min(churn) AND max(worth) > 4 * min(worth) FROM (SELECT avg(churn_30_day::int) AS churn, avg(ltv_12_month) AS worth
	FROM customers c GROUP BY engage_predict('personas', c)) s"), 't', 'some leave more often, some are worth more');
like($out, qr/\|#+\|chosen$/m, 'the curve is shown');

# ---- payments are decided about one by one
$out = $pg->query("\\set ON_ERROR_STOP on\n\\set payments 40000\n\\i $scripts/demo_fraud.sql");
my $days = $pg->query('SELECT count(*) FROM stream');
cmp_ok($days, '>', 8000, 'three days of payments');
is($pg->query('SELECT count(*), count(DISTINCT event_id), sum(errors) FROM decisions'), "$days|$days|0", 'each was decided about once, without an error');
is($pg->query('SELECT count(*) FROM payments'), '40000', 'and was stored');
cmp_ok($pg->query("SELECT avg((action <> 'approve')::int) FROM decisions JOIN stream USING (event_id) WHERE is_fraud"), '>', 0.6, 'most frauds are caught');
cmp_ok($pg->query("SELECT avg((action <> 'approve')::int) FROM decisions JOIN stream USING (event_id) WHERE NOT is_fraud"), '<', 0.02, 'honest people are seldom asked');
cmp_ok($pg->query("SELECT avg(is_fraud::int) FROM decisions JOIN stream USING (event_id) WHERE action = 'block'"), '>', 0.8, 'and hardly ever blocked');
is($pg->query("SELECT count(*) FROM decisions WHERE action = 'block' AND (cardinality(reasons) = 0 OR reasons IS NULL)"), '0', 'no block without a reason');
is($pg->query("SELECT array_agg(DISTINCT l->>'layer' ORDER BY l->>'layer') FROM decisions, jsonb_array_elements(layers) l WHERE (l->>'score')::float8 > 30"),
	'{"hard rules",models,velocity}', 'each layer has found something');
is($pg->query("SELECT count(*) FROM decisions, jsonb_array_elements(layers) l WHERE l->>'status' NOT IN ('ok', 'stopped', 'not_run')"), '0', 'no layer fell back');

# what a decision saw before the payment was stored is what training sees of it afterwards
is($pg->query(<<'SQL'), '0', 'velocity at the decision is velocity in training');
WITH seen AS (
	SELECT event_id, engage_velocity(at, amount, lat, lon) OVER (PARTITION BY card_id ORDER BY at, event_id ROWS UNBOUNDED PRECEDING) AS v FROM payments),
decided AS (
	SELECT event_id, l->'limits' AS m FROM decisions, jsonb_array_elements(layers) l WHERE l->>'layer' = 'velocity' AND l->>'status' = 'ok')
SELECT count(*) FROM decided JOIN seen USING (event_id)
WHERE (v).count_1m <> (m->>'count_1m')::int OR (v).count_15m <> (m->>'count_15m')::int OR abs((v).sum_24h - (m->>'sum_24h')::float8) > 0.006
SQL

done_testing();
