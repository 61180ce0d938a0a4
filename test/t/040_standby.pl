# A hot standby scores like its primary, follows its deployments, and says clearly what it cannot do.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $primary = EngageTest->new;
$primary->query(<<'SQL');
CREATE ROLE stranger;
CREATE ROLE reader;
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, (ARRAY['x', 'y', 'z'])[1 + g % 3] AS c
FROM generate_series(1, 5000) g;
GRANT SELECT ON rows TO PUBLIC;
SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{"n_estimators":10}');
SELECT engage_train('q', 'rows', target => 'a', key => 'id', task => 'quantile', params => '{"n_estimators":5}');
SELECT engage_tune('t', 'rows', target => 'y', key => 'id', trials => 3, folds => 2, params => '{"n_estimators":3}');
SELECT engage_grant('m', 'reader');
SELECT engage_train('free ' || a.algorithm || ' ' || t, 'rows', algorithm => a.algorithm, task => t, key => 'id', exclude => '{y}')
FROM engage_algorithms() a, unnest(a.tasks) t WHERE t IN ('clustering', 'anomaly');
SELECT engage_label_segment('free kmeans clustering', 1, 'large');
CREATE VIEW scores AS SELECT id, engage_predict('m', r) AS score FROM rows r;
SQL
my $standby = $primary->standby;
$standby->catch_up;
is($standby->query('SELECT pg_is_in_recovery()'), 't', 'the standby is one');

my @queries = (
	(map { "SELECT id, engage_predict('$_', r), engage_predict_class('$_', r) FROM rows r ORDER BY id LIMIT 300" }
		split /\n/, $primary->query("SELECT model FROM engage.models WHERE model LIKE 'free %'")),
	"SELECT engage_segment('free kmeans clustering', r), count(*) FROM rows r GROUP BY 1 ORDER BY 1",
	"SELECT * FROM engage_segments('free kmeans clustering', 'rows', 'id')",
	"SELECT * FROM engage_profile('free kmeans clustering', 'rows')",
	"SELECT * FROM engage_segment_stability('free kmeans clustering', 'rows', rounds => 3)",
	"SELECT * FROM engage_segment_migration('free kmeans clustering', 'rows', 'SELECT id, a + 1 AS a, b, c FROM rows', 'id')",
	"SELECT * FROM engage.segment_names",
	"SELECT engage_kmeans(ARRAY[a, b]::float8[], 3), engage_silhouette(c, ARRAY[a, b]::float8[], 500), engage_adjusted_rand(b, a) FROM rows",
	"SELECT id, engage_predict('m', r) FROM rows r ORDER BY id",
	"SELECT id, engage_predict_class('m', r), engage_predict_proba('m', r) FROM rows r ORDER BY id LIMIT 500",
	"SELECT id, engage_predict_quantiles('q', r) FROM rows r ORDER BY id LIMIT 500",
	"SELECT engage_predict('m\@1.0.0', to_jsonb(r)) FROM rows r ORDER BY id LIMIT 500",
	"SELECT sum(score) FROM scores",
	"SELECT engage_model_version('m')",
	"SELECT engage_describe('m')",
	"SELECT * FROM engage.models ORDER BY model",
	"SELECT md5(engage_export('m', 'engage')), md5(engage_export('m'))",
	"SELECT * FROM engage.trials ORDER BY trial",
	"SELECT count(*), sum(trial) FROM engage.trial JOIN engage.tuning ON id = tuning",
	"SELECT fold, metrics FROM engage_cross_validate('rows', target => 'y', key => 'id', folds => 2, params => '{\"n_estimators\":3}')",
	"SELECT count(*) FROM engage_parameters()");
foreach my $q (@queries)
{
	is($standby->query($q), $primary->query($q), "the same on both: $q");
}

# a session that scores follows the primary's deployments and rollbacks
my $s = $standby->session;
my $sum = "SELECT sum(engage_predict('m', r)) FROM rows r";
$s->query("PREPARE sum AS $sum");
my $first = $s->query('EXECUTE sum');
$primary->query("SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}', deploy => 'always')");
$standby->catch_up;
is($s->query("SELECT engage_model_version('m')"), '1.1.0', 'the deployment arrives');
my $second = $s->query('EXECUTE sum');
isnt($second, $first, 'and the open session scores with it');
is($second, $primary->query($sum), 'as the primary does');
is($s->query("BEGIN ISOLATION LEVEL REPEATABLE READ; $sum"), $second, 'a transaction with one snapshot');
$primary->query("SELECT engage_rollback('m')");
$standby->catch_up;
is($s->query($sum), $second, 'keeps its version');
$s->query('COMMIT');
is($s->query('EXECUTE sum'), $first, 'the next one has the rollback');

# rights hold there, too
is($standby->query("SET ROLE reader; SELECT count(engage_predict('m', r)) FROM rows r"), '5000', 'who may');
like($standby->error("SET ROLE stranger; $sum"), qr/42501: permission denied for model "m"/, 'who may not');

# what writes is refused, with a clear word, before any work
foreach my $call ("engage_train('n', 'SELECT 1/0 AS x, true AS y', target => 'y')", "engage_retrain('m')", "engage_deploy('m', '1.1.0')",
	"engage_rollback('m')", "engage_drop('m')", "engage_drop('m', '1.1.0')", "engage_rename('m', 'n')", "engage_grant('m', 'reader')",
	"engage_revoke('m', 'reader')", "engage_set_owner('m', 'reader')", "engage_import('n', '{}')",
	"engage_create_view('v', 'm', 'rows', 'id')", "engage_tune('t', 'rows', target => 'y')", "engage_forget_trials('t')",
	"engage_label_segment('free kmeans clustering', 1, 'x')", "engage_erase('1')")
{
	my ($function) = $call =~ /^(\w+)/;

	like($standby->error("SELECT $call"), qr/25006: cannot execute (${function}\(\)|CREATE VIEW) (in a read-only transaction|during recovery)/,
		"$function on the standby");
}
is($s->query('EXECUTE sum'), $first, 'the standby scores on');

# training repeats without writing: a standby can verify
is($standby->query("SELECT same_data, same_model FROM engage_verify('m')"), 't|t', 'engage_verify works on a standby');

# dropped on the primary: the standby's session says so
$primary->query("SELECT engage_drop('m')");
$standby->catch_up;
$s->send('EXECUTE sum');
my ($out, $err) = $s->finish;
like($err, qr/42704: model "m" does not exist/, 'dropped');
$s->close;

unlike($standby->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
