# Dump and restore: models score the same in another database, ids go on where they were, and
# everything one can do with a model can still be done.

use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE analyst;
CREATE ROLE reader;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b,
	(ARRAY['it''s', 'a "word"', E'tab\there', 'é'])[1 + g % 4] AS word, date '2024-01-01' + g % 99 AS day, g * 1.5 AS value
FROM generate_series(1, 3000) g;
SELECT engage_train('yes', 'rows', target => 'y', key => 'id', params => '{"n_estimators":5}');
SELECT engage_train('yes', 'rows', target => 'y', key => 'id', params => '{"n_estimators":9}', deploy => 'always');
SELECT engage_train('to drop', 'rows', target => 'y', key => 'id', params => '{"n_estimators":2}');
SELECT engage_train('the "value"', 'rows', target => 'value', key => 'id', params => '{"n_estimators":5}');
SELECT engage_train('part', 'rows', target => 'value', key => 'id', partition_by => 'word', params => '{"n_estimators":3}');
SELECT engage_train('line', 'rows', target => 'y', key => 'id', features => '{a,word,day}', algorithm => 'logistic_regression');
SELECT engage_train('blend', 'rows', target => 'y', key => 'id', algorithm => 'ensemble', params => '{"method":"average","members":["yes","line"]}');
SELECT engage_drop('line');
SELECT engage_drop('to drop');
SELECT engage_tune('tuned', 'rows', target => 'y', key => 'id', trials => 4, folds => 2, prune => 'none', params => '{"n_estimators":3}');
CALL engage_tune_commit('tuned', 'rows', target => 'y', key => 'id', trials => 3, folds => 2, algorithms => '{random_forest}',
	params => '{"n_estimators":3,"oob":true}', calibrate => 'sigmoid', deploy => 'always');
SELECT engage_set_owner('yes', 'analyst');
SELECT engage_grant('yes', 'reader');
-- without a target: one of each algorithm and task
SELECT engage_train('free ' || a.algorithm || ' ' || t, 'rows', algorithm => a.algorithm, task => t, key => 'id', exclude => '{y}')
FROM engage_algorithms() a, unnest(a.tasks) t WHERE t IN ('clustering', 'anomaly');
SELECT engage_label_segment('free kmeans clustering', 1, 'the "large" one', 'it''s kept'), engage_label_segment('free kmeans clustering', 2, E'small\\é\t');
SELECT engage_grant('free kmeans clustering', 'reader');
CREATE TABLE payments AS SELECT g AS id, g % 10 AS card, timestamptz '2024-01-01' + g * interval '1 minute' AS at, g::float8 AS amount FROM generate_series(1, 500) g;
SELECT engage_velocity_track('cards', 'payments', 'card', 'at', 'amount');
SELECT engage_policy('stop', '{"layers": [{"name": "r", "rules": [{"name": "large", "when": "a > 50", "score": 60}]}, {"name": "m", "models": [{"model": "yes"}]},
	{"name": "v", "velocity": "cards", "key": "b", "at": "seen", "limits": {"count_24h": 3}}]}', source => 'SELECT *, timestamptz ''2024-01-01 09:00'' AS seen FROM rows');
SELECT engage_policy('stop', '{"layers": [{"name": "r", "rules": [{"name": "small", "when": "a < 50", "score": 10}]}]}', comment => 'it''s \\ new', deploy => false);
SELECT engage_policy_grant('stop', 'reader');
CREATE VIEW scores AS SELECT id, engage_predict('yes', r) AS score FROM rows r;
CREATE MATERIALIZED VIEW stored AS SELECT id, engage_predict_class('yes', r) AS class FROM rows r;
CREATE INDEX ON stored (class);
SQL

my $scores = "SELECT sum(engage_predict('yes', r)), sum(engage_predict('yes\@1.0.0', r)), sum(engage_predict('the \"value\"', r)),
	sum(engage_predict('part', r)), (SELECT sum(score) FROM scores), (SELECT count(*) FROM stored WHERE class = 'true'),
	sum(engage_predict('blend', r)), sum(engage_predict('tuned', r)) FROM rows r";
my @free = split /\n/, $pg->query("SELECT model FROM engage.models WHERE model LIKE 'free %' ORDER BY 1");
cmp_ok(scalar @free, '>=', 7, 'models without a target: ' . scalar @free);
$scores .= "; SELECT " . join(', ', map { my $call = /clustering/ ? "engage_predict_proba('$_', r)" : "engage_predict('$_', r)";
		"md5(string_agg($call\:\:text || engage_predict_class('$_', r), ' ' ORDER BY id))" =~ s/\\//gr } @free) . " FROM rows r;
	SELECT md5(string_agg(engage_segment('free kmeans clustering', r), ' ' ORDER BY id)) FROM rows r;
	SELECT md5(string_agg((d.score, d.action, d.reasons, d.errors, d.version)::text, ' ' ORDER BY id)) FROM (SELECT *, timestamptz '2024-01-01 09:00' AS seen FROM rows LIMIT 200) w,
		LATERAL engage_decide('stop', w) d;
	SELECT md5(string_agg(v::text, ' ' ORDER BY card)) FROM generate_series(0, 11) card, engage_velocity_state('cards', card, '2024-01-02') v";
my @registry = ("SELECT * FROM engage.segment_name ORDER BY 1, 2", "SELECT * FROM engage.segment_names ORDER BY 1, 2, 4",
	"SELECT * FROM engage.policy ORDER BY id", "SELECT * FROM engage.policy_version ORDER BY id", "SELECT * FROM engage.policy_deployment ORDER BY id",
	"SELECT * FROM engage.policy_privilege ORDER BY 1, 2", "SELECT * FROM engage.policy_events ORDER BY id", "SELECT * FROM engage.velocity_tracker",
	"SELECT last_value FROM engage.policy_version_id_seq", "SELECT last_value FROM engage.policy_deployment_id_seq",
	"SELECT key, md5(state) FROM cards_velocity ORDER BY key", "SELECT * FROM engage.models ORDER BY model", "SELECT * FROM engage.versions ORDER BY model, version",
	"SELECT * FROM engage.events ORDER BY id", "SELECT * FROM engage.deployment ORDER BY id", "SELECT * FROM engage.privilege ORDER BY 1, 2",
	"SELECT version_id, part, value, section, chunk, md5(data) FROM engage.artifact ORDER BY 1, 2, 4, 5",
	"SELECT * FROM engage.tuning ORDER BY id", "SELECT * FROM engage.trial ORDER BY tuning, trial",
	"SELECT * FROM engage.trials ORDER BY tuning, trial", "SELECT last_value FROM engage.tuning_id_seq",
	"SELECT last_value FROM engage.model_id_seq", "SELECT last_value FROM engage.version_id_seq",
	"SELECT last_value FROM engage.deployment_id_seq", "SELECT last_value FROM engage.event_id_seq");
my $before = $pg->query($scores);
my @rows = map { $pg->query($_) } @registry;

my $dir = tempdir(CLEANUP => 1);
my %dump = (plain => [ '-Fp' ], custom => [ '-Fc' ], inserts => [ '-Fp', '--inserts' ]);

foreach my $kind (sort keys %dump)
{
	my $file = "$dir/$kind";
	my $db = "restored_$kind";

	$pg->dump(options => [ @{ $dump{$kind} }, '-f', $file ]);
	$pg->query("CREATE DATABASE $db");
	if ($kind eq 'custom')
	{
		my %env = $pg->env;
		local @ENV{ keys %env } = values %env;
		my $err = '';
		ok(IPC::Run::run([ EngageTest::bindir() . '/pg_restore', '--exit-on-error', '-d', $db, $file ], '2>', \$err),
			"pg_restore of the $kind dump") or diag $err;
	}
	else
	{
		my ($status, $out, $err) = $pg->psql("\\i $file", database => $db);
		is($status, 0, "psql reads the $kind dump") or diag $err;
	}

	is($pg->query($scores, database => $db), $before, "$kind: the same scores");
	foreach my $i (0 .. $#registry)
	{
		is($pg->query($registry[$i], database => $db), $rows[$i], "$kind: $registry[$i]");
	}

	# ids go on: nothing collides, nothing is used twice
	is($pg->query("SELECT version FROM engage_train('new', 'rows', target => 'y', params => '{\"n_estimators\":3}')", database => $db),
		'1.0.0', "$kind: a new model");
	is($pg->query("SELECT version FROM engage_retrain('yes')", database => $db), '1.1.1', "$kind: a new version");
	is($pg->query("SELECT same_data, same_model FROM engage_verify('yes')", database => $db), 't|t', "$kind: the training repeats to the byte");
	is($pg->query("SELECT engage_rollback('yes')", database => $db), '1.1.0', "$kind: rollback knows the history");
	is($pg->query("SELECT count(*) = count(DISTINCT id) FROM engage.event", database => $db), 't', "$kind: event ids are unique");

	# a search goes on where it was, under its number
	is($pg->query("SELECT tuning, trials FROM engage_tune('tuned', 'rows', target => 'y', key => 'id', trials => 6, folds => 2, prune => 'none',
			params => '{\"n_estimators\":3}', resume => true)", database => $db), '1|6', "$kind: a search is resumed");
	is($pg->query("SELECT tuning FROM engage_tune('tuned', 'rows', target => 'y', trials => 1, folds => 2, params => '{\"n_estimators\":2}')", database => $db),
		'3', "$kind: a new search has a new number");

	# segments keep their names when the model is trained again; the trigger and the policy go on
	$pg->query("SELECT engage_retrain('free kmeans clustering', deploy => 'always')", database => $db);
	is($pg->query("SELECT string_agg(name, ',' ORDER BY segment) FROM engage.segment_names WHERE model = 'free kmeans clustering' AND deployed", database => $db),
		"the \"large\" one,small\\é\t", "$kind: names are carried over to the next version");
	is($pg->query("SELECT count(*) FROM engage.segment_names", database => $db), '4', "$kind: and the old version keeps its own");
	$pg->query("INSERT INTO payments VALUES (501, 3, '2024-01-01 09:00', 12345)", database => $db);
	is($pg->query("SELECT max_1h FROM engage_velocity_state('cards', 3, '2024-01-01 09:00')", database => $db), '12345', "$kind: the trigger goes on");
	is($pg->query("SELECT engage_policy_deploy('stop', 2), engage_policy_rollback('stop')", database => $db), '2|1', "$kind: the policy has its versions");

	# rights went along
	like($pg->query("SET ROLE reader; SELECT engage_decide('stop', w) IS NOT NULL, engage_segment('free kmeans clustering', w) IS NOT NULL
			FROM (SELECT 1 AS a, 2 AS b, 'é' AS word, date '2024-01-01' AS day, 1.5 AS value, now() AS seen) w", database => $db), qr/^t\|t$/, "$kind: who was granted a policy decides");
	like($pg->error("SET ROLE reader; SELECT engage_policy_drop('stop')", database => $db), qr/42501: must be owner of policy/, "$kind: and no more");
	is($pg->query("SET ROLE reader; SELECT engage_predict('yes', '{\"a\":1}'::jsonb) IS NOT NULL", database => $db), 't',
		"$kind: who was granted a model may use it");
	like($pg->error("SET ROLE reader; SELECT engage_drop('yes')", database => $db), qr/42501: must be owner of model "yes"/,
		"$kind: but not drop it");
	like($pg->error("SET ROLE reader; SELECT * FROM engage.artifact", database => $db), qr/42501: permission denied/,
		"$kind: nor read the artifacts");
	$pg->query("SET ROLE analyst; SELECT engage_drop('yes')", database => $db);

	# a dump of the restored database restores, too
	if ($kind eq 'plain')
	{
		$pg->query('CREATE DATABASE again');
		$pg->dump(database => $db, options => [ '-f', "$dir/again" ]);
		my ($status, $out, $err) = $pg->psql("\\i $dir/again", database => 'again');
		# the view and the stored scores still name the model that was dropped: they are there, and say so
		like($err, qr/model "yes" does not exist/, 'a stored view over a dropped model says so at refresh');
		is($pg->query("SELECT sum(engage_predict('the \"value\"', r)) FROM rows r", database => 'again'),
			(split /\|/, $before)[2], 'a dump of the restored database scores the same');
	}
}

# dropped with all that, and created again: nothing is left, the tables of others are as they were
{
	my $db = 'restored_custom';

	$pg->query('DROP VIEW scores; DROP MATERIALIZED VIEW stored', database => $db);
	like($pg->error('DROP EXTENSION engage', database => $db), qr/2BP01: .*trigger engage_velocity_cards on table payments/s, 'a tracked table is in the way of DROP EXTENSION');
	$pg->query('DROP EXTENSION engage CASCADE', database => $db);
	is($pg->query("SELECT to_regnamespace('engage') IS NULL, (SELECT count(*) FROM pg_proc WHERE proname LIKE 'engage%'), (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'engage%'),
			(SELECT count(*) FROM rows), (SELECT count(*) FROM payments), (SELECT count(*) FROM cards_velocity)", database => $db), 't|0|0|3000|501|10', 'CASCADE leaves nothing of it');
	$pg->query("CREATE EXTENSION engage; INSERT INTO payments VALUES (502, 3, '2024-01-01 09:01', 1)", database => $db);
	is($pg->query("SELECT (SELECT count(*) FROM engage.models), (SELECT count(*) FROM engage.policies), (SELECT count(*) FROM engage.segment_names), (SELECT count(*) FROM engage.events),
			(SELECT count(*) FROM engage.velocity_trackers), (SELECT count(*) FROM engage_scoring()), (SELECT count(*) FROM engage.metrics WHERE model IS NOT NULL)", database => $db),
		'0|0|0|0|0|0|0', 'a new extension is empty');
	like($pg->error("SELECT engage_velocity_track('cards', 'payments', 'card', 'at', 'amount')", database => $db), qr/42P07: .*cards_velocity/, 'the old rollup is not overwritten');
	is($pg->query("DROP TABLE cards_velocity; SELECT engage_velocity_track('cards', 'payments', 'card', 'at', 'amount');
			SELECT version FROM engage_train('yes', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}');
			SELECT engage_policy('stop', '{\"layers\": [{\"name\": \"m\", \"models\": [{\"model\": \"yes\"}]}]}', source => 'rows')", database => $db), "10\n1.0.0\n1", 'and all begins anew');
}

# what happened in the copies did not reach the original
is($pg->query($scores), $before, 'the original is untouched');
is(join("\n", map { $pg->query($_) } @registry), join("\n", @rows), 'and so is its registry');

done_testing;
