# A model's life: trained, logged, watched; its customers change, pg_cron's check finds it, retrains and deploys
# the better version; a version that was taught nonsense is deployed by hand, found out by its outcomes and
# rolled back.  Each step is asserted by its numbers.  Without pg_cron the same check is called by hand.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $share = `$config --sharedir`);
chomp(my $lib = `$config --pkglibdir`);
my $cron = -e "$share/extension/pg_cron.control" && -e "$lib/pg_cron.so";
my $pg = EngageTest->new($cron ? (shared_preload_libraries => 'pg_cron', 'cron.database_name' => 'postgres',
		'cron.use_background_workers' => 'on', max_worker_processes => 20) : ());

# ---- the company: half of its customers are known from the start, the others come week by week
my %number = map { $_ => 'integer' } qw(customer_id female senior_citizen partner dependents tenure phone_service paperless_billing);
$pg->load_csv('telco', 'telco_churn.csv', { %number, monthly_charges => 'numeric', total_charges => 'numeric' });
$pg->query(<<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE pager LOGIN;
CREATE TABLE customers AS
SELECT CASE WHEN customer_id % 2 = 0 THEN 0 ELSE 1 + customer_id / 2 % 4 END AS week, t.* FROM telco t;
-- from week 2 on prices are up, contracts are gone, and a competitor takes those who are neither new nor old
UPDATE customers SET monthly_charges = monthly_charges * 1.4, contract = 'Month-to-month',
	churn = CASE WHEN hashint4(customer_id) % 10 BETWEEN -2 AND 2 THEN churn
		WHEN internet_service <> 'No' AND tenure BETWEEN 12 AND 50 THEN 'Yes' ELSE 'No' END WHERE week >= 2;
CREATE TABLE calendar (week integer);
INSERT INTO calendar VALUES (0);
CREATE VIEW this_week AS SELECT c.* FROM customers c, calendar n WHERE c.week = n.week;
CREATE VIEW next_week AS SELECT c.* FROM customers c, calendar n WHERE c.week = n.week + 1;
CREATE VIEW outcomes AS SELECT customer_id AS key, churn AS outcome FROM customers c, calendar n WHERE c.week <= n.week;
GRANT ALL ON ALL TABLES IN SCHEMA public TO alice;
GRANT CREATE ON SCHEMA public TO alice;
SQL
$pg->query('CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO alice') if $cron;

# alice is the analyst; all that follows is hers
sub alice { return $pg->query("SET engage.progress = off; SET client_min_messages = warning; $_[0]", user => 'alice'); }

sub number { return 0 + alice("SELECT $_[0]"); }

# a version's AUC on rows
sub auc { return number("engage_evaluate('churn\@$_[0]', '$_[1]')->>'auc'"); }

# The nightly check: pg_cron's, once; true when what it was to do is done.
sub nightly_check
{
	my ($what, $done) = @_;

	if (!$cron)
	{
		alice("SELECT * FROM engage_check('churn')");
		ok($pg->query($done, user => 'alice') eq 't', "$what (no pg_cron here: called by hand)");
		return;
	}
	alice("SELECT engage_schedule('churn', '* * * * *')");
	ok($pg->wait_for($done, user => 'alice', timeout => 150), "$what, fired by pg_cron")
		or diag($pg->query('SELECT * FROM cron.job_run_details'));
	ok($pg->wait_for("SELECT last_status = 'succeeded' FROM engage.schedules WHERE model = 'churn'", user => 'alice', timeout => 30), 'the job has succeeded');
	alice("SELECT engage_unschedule('churn')");
}

# ---- train
is(alice("SELECT version, deployed FROM engage_train('churn', 'this_week', target => 'churn', key => 'customer_id', exclude => '{week}',
	params => '{\"n_estimators\": 60, \"max_depth\": 3, \"learning_rate\": 0.15}')"), '1.0.0|t', 'trained and deployed');
my $trained = number("metrics->>'auc' FROM engage.versions WHERE version = '1.0.0'");
cmp_ok($trained, '>', 0.8, 'it can tell who leaves: its AUC on the held-out rows is above 0.8');

# ---- log what it says of this week's people; later their outcomes are known
sub log_week
{
	my ($week) = @_;

	alice("UPDATE calendar SET week = $week");
	return alice("SELECT engage_log_predictions('churn', 'this_week', 'customer_id', at => date_trunc('week', now()) - interval '8 weeks' + $week * interval '1 week')");
}

sub performance
{
	return alice("SELECT version, n, value, lower, upper, change FROM engage_performance('churn', 'outcomes', 'week', metric => 'auc')
		WHERE period = date_trunc('week', now()) - interval '8 weeks' + $_[0] * interval '1 week'");
}

my $people = number('count(*) FROM customers WHERE week = 1');
is(log_week(1), $people, "week 1: the scores of $people customers are logged");
my ($version, $n, $value, $lower, $upper, $change) = split /\|/, performance(1);
is("$version $n", "1.0.0 $people", 'all have outcomes by now');
cmp_ok($value, '>', 0.8, "and they say that it still can: $value");
ok($lower < $value && $value < $upper && $change > -0.1, "within a tenth of the AUC of training, $trained; interval $lower to $upper");

# ---- watch: nothing is wrong yet, so nothing happens.  The deployed version has never learned from this week's people,
# so they are an honest measure of it
my $listener = $pg->session(user => 'pager');
$listener->query('LISTEN engage_alerts');
alice(<<'SQL');
SELECT engage_monitor('churn', 'this_week', outcomes => 'this_week',
	thresholds => '{"drift": 0.2, "auc": {"down": 0.1, "min": 0.75}, "rows": 500}', policy => 'retrain_and_deploy')
SQL
is(alice("SELECT check_name, status, coalesce(action, '-') FROM engage_check('churn')"),
	"source|ok|-\noutcomes|ok|-\ndrift|ok|-\nrows.min|ok|-\nauc.down|ok|-\nauc.min|ok|-", 'checked: all is well');
is(alice('SELECT (SELECT count(*) FROM engage.alerts), (SELECT count(*) FROM engage.versions)'), '0|1', 'no alert, no new version');

# ---- the population shifts
is(log_week(2), number('count(*) FROM this_week'), 'week 2: the customers have changed, the model goes on');
($version, $n, $value, $lower, $upper, $change) = split /\|/, performance(2);
is($version, '1.0.0', 'week 2 was scored by the first version');
cmp_ok($upper, '<', $trained, "whose AUC fell to $value, beyond chance");
cmp_ok($change, '<', -0.1, 'by more than a tenth');
is(alice("SELECT feature, psi > 0.2, status FROM engage_drift('churn', 'this_week', multivariate => false) WHERE kind <> 'score' AND status = 'significant' ORDER BY feature"),
	"contract|t|significant\nmonthly_charges|t|significant", 'the two features that moved are found');

# ---- check -> alert -> retraining -> better version deployed
nightly_check('week 2: the check retrains', "SELECT count(*) = 1 FROM engage.events WHERE action = 'policy retrain'");
is(alice("SELECT check_name, state, version, times, value > threshold, value < threshold FROM engage.alerts ORDER BY check_name"),
	"auc.down|open|1.0.0|1|f|t\nauc.min|open|1.0.0|1|f|t\ndrift|open|1.0.0|1|t|f", 'what it found opened alerts, with value and threshold');
like(alice("SELECT message FROM engage.alerts WHERE check_name = 'drift'"), qr/^drift of feature "(contract|monthly_charges)" is [0-9.]+, above 0.2$/, 'in words');
is(alice(<<'SQL'), '1.0.1|drift|1.0.0|true|t|t|t|t|alice', 'the event holds reason and numbers');
SELECT e.version, e.detail->>'check', e.detail->>'from', e.detail->>'deployed', (e.detail->>'value')::float8 > (e.detail->>'threshold')::float8,
	e.detail->>'reason' = a.message, (e.detail->>'alert')::bigint = a.id,
	(e.detail->'comparison'->>'value')::float8 > (e.detail->'comparison'->>'champion_value')::float8 + 0.05, e.who
FROM engage.events e, engage.alerts a WHERE e.action = 'policy retrain' AND a.check_name = 'drift'
SQL
is(alice("SELECT action FROM engage.check_results WHERE action IS NOT NULL"), 'retrained as 1.0.1: deployed', 'so does the result of the check');
is(alice("SELECT deployed FROM engage.models"), '1.0.1', 'the new version is deployed');
my ($before, $after) = (auc('1.0.0', 'next_week'), auc('1.0.1', 'next_week'));
cmp_ok($before, '<', 0.75, "on people of the new kind that neither has seen, the old version has an AUC of $before");
cmp_ok($after, '>', $before + 0.1, "and the new one of $after");
my $told = $listener->query('SELECT 1') . $listener->query('SELECT 2');
like($told, qr/"event": "opened", "alert": \d+, "model": "churn", "version": "1\.0\.0", "check": "$_"/, "the pager was told: $_") foreach qw(drift auc.min auc.down);

# ---- a week later: the new version holds, and what had failed passes
log_week(3);
($version, $n, $value, $lower, $upper, $change) = split /\|/, performance(3);
is($version, '1.0.1', 'week 3 was scored by the new version');
cmp_ok($value, '>', 0.8, "it is good on these customers: $value");
is(alice("SELECT check_name, status, coalesce(action, '-') FROM engage_check('churn')"),
	"source|ok|-\noutcomes|ok|-\ndrift|ok|-\nrows.min|ok|-\nauc.down|ok|-\nauc.min|ok|-", 'the check passes');
is(alice('SELECT state, count(*) FROM engage.alerts GROUP BY 1'), 'resolved|3', 'and resolves the alerts');
like($listener->query('SELECT 1'), qr/"event": "resolved", "alert": \d+, "model": "churn", "version": "1\.0\.1", "check": "drift"/, 'the pager was told that, too');

# ---- sabotage: shuffled labels, deployed by force
alice(<<'SQL');
SELECT engage_monitor('churn', 'this_week', outcomes => 'this_week',
	thresholds => '{"auc": {"min": 0.75}}', policy => 'rollback');
CREATE TABLE shuffled AS
SELECT (jsonb_populate_record(NULL::this_week, to_jsonb(a.c) || jsonb_build_object('churn', b.churn))).*
FROM (SELECT c, row_number() OVER (ORDER BY customer_id) AS n FROM this_week c) a
JOIN (SELECT churn, row_number() OVER (ORDER BY hashint4extended(customer_id, 1)) AS n FROM this_week) b USING (n)
SQL
is(alice("SELECT version, deployed, metrics->'comparison' FROM engage_train('churn', 'shuffled', target => 'churn', key => 'customer_id', exclude => '{week}',
	params => '{\"n_estimators\": 60, \"max_depth\": 3, \"learning_rate\": 0.15}', deploy => 'always')"), '1.0.2|t|', 'a version that learned nonsense is deployed');
log_week(4);
($version, $n, $value, $lower, $upper, $change) = split /\|/, performance(4);
is($version, '1.0.2', 'week 4 was scored by it');
cmp_ok($value, '<', 0.65, "the outcomes show it: an AUC of $value");

nightly_check('week 4: the check rolls back', "SELECT count(*) = 1 FROM engage.events WHERE action = 'policy rollback'");
is(alice("SELECT check_name, version, state, value < 0.75, threshold FROM engage.alerts WHERE state <> 'resolved'"), 'auc.min|1.0.2|open|t|0.75', 'it opened an alert');
is(alice(<<'SQL'), '1.0.1|auc.min|1.0.2|t|t|t|alice', 'the event says why, from where, and what was gained');
SELECT e.version, e.detail->>'check', e.detail->>'from', (e.detail->>'value')::float8 < 0.75, (e.detail->>'previous_value')::float8 > 0.8,
	(e.detail->>'alert')::bigint = a.id AND e.detail->>'reason' = a.message, e.who
FROM engage.events e, engage.alerts a WHERE e.action = 'policy rollback' AND a.state = 'open'
SQL
is(alice("SELECT action FROM engage.check_results ORDER BY id DESC LIMIT 1"), 'rolled back to 1.0.1', 'the result of the check says it');
is(alice("SELECT version, deployed FROM engage.versions ORDER BY version"), "1.0.0|f\n1.0.1|t\n1.0.2|f", 'the good version is deployed again, the bad one kept for inspection');
cmp_ok(auc('1.0.1', 'this_week'), '>', auc('1.0.2', 'this_week') + 0.2, 'on this week it is far better');
is(alice("SELECT status, coalesce(action, '-') FROM engage_check('churn') WHERE check_name = 'auc.min'"), 'ok|-', 'the next check passes');
is(alice("SELECT count(*) FROM engage.alerts WHERE state <> 'resolved'"), '0', 'no alert is open');

# ---- what was said stays: the log has every week with the version that answered
is(alice("SELECT string_agg(version || ': ' || (value > 0.75), ', ' ORDER BY period) FROM engage_performance('churn', 'outcomes', 'week', metric => 'auc')"),
	'1.0.0: true, 1.0.0: false, 1.0.1: true, 1.0.2: false', 'performance by week tells the story again');
is(alice("SELECT string_agg(action || ' ' || version, ', ' ORDER BY id) FROM engage.events WHERE action ~ '^(train|deploy|rollback|policy)'"),
	'train 1.0.0, deploy 1.0.0, train 1.0.1, deploy 1.0.1, policy retrain 1.0.1, train 1.0.2, deploy 1.0.2, rollback 1.0.1, policy rollback 1.0.1', 'and so do the events');
$listener->close;
unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
