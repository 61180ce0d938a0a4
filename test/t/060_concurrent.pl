# Many at once: parallel plans score alike, sessions train, drop and score the same models, and the
# extension is dropped and made again while others score.

use strict;
use warnings;
use EngageTest;
use Test::More;
use Time::HiRes qw(sleep);

my $pg = EngageTest->new(deadlock_timeout => '200ms');
$pg->query(<<'SQL');
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, (ARRAY['x', 'y', 'z'])[1 + g % 3] AS c
FROM generate_series(1, 60000) g;
ANALYZE rows;
CREATE ROLE reader;
GRANT SELECT ON rows TO reader;
SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{"n_estimators":10}');
SELECT engage_train('part', 'rows', target => 'y', key => 'id', partition_by => 'c', params => '{"n_estimators":4}');
SELECT engage_grant('m', 'reader');
SQL

# ---- parallel plans
my $parallel = "SET max_parallel_workers_per_gather = 3; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0;
	SET parallel_tuple_cost = 0; SET jit = off;";
my $serial = 'SET max_parallel_workers_per_gather = 0;';
foreach my $q ("SELECT md5(string_agg(engage_predict('m', r)::text, ',' ORDER BY id)) FROM rows r",
	"SELECT md5(string_agg(engage_predict('part', r)::text, ',' ORDER BY id)) FROM rows r",
	"SELECT engage_predict_class('m', r) AS class, count(*) FROM rows r GROUP BY 1 ORDER BY 1",
	"SELECT count(*) FROM rows r WHERE engage_predict('m\@1.0.0', r) > 0.5",
	"SELECT count(*) FROM rows r JOIN rows s USING (id) WHERE engage_predict('m', r) = engage_predict('m', to_jsonb(s))")
{
	is($pg->query("$parallel $q"), $pg->query("$serial $q"), "in parallel the same: $q");
}
like($pg->query("$parallel EXPLAIN SELECT sum(engage_predict('m', r)) FROM rows r"), qr/Workers Planned: [1-9]/, 'the planner uses workers');
is($pg->query("$parallel SET ROLE reader; SELECT count(engage_predict('m', r)) FROM rows r"), '60000', 'workers know the rights of a grant');
like($pg->error("$parallel SET ROLE reader; SELECT count(engage_predict('part', r)) FROM rows r"), qr/42501: permission denied for model "part"/,
	'and of none');
# a source that is read in parallel trains the same model
my $train = "SELECT engage_train('%s', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":5,\"subsample\":0.7}')";
$pg->query($parallel . sprintf($train, 'by_workers'));
$pg->query($serial . sprintf($train, 'alone'));
is($pg->query("SELECT engage_export('by_workers', 'engage') = engage_export('alone', 'engage')"), 't', 'a parallel scan gives the same model');
is($pg->query("$parallel BEGIN; SELECT version FROM engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}', deploy => 'always');
		SELECT count(engage_predict('m', r)), min(engage_model_version('m')) FROM rows r; ROLLBACK"), "1.1.0\n60000|1.1.0",
	'workers see the version that their own transaction has made');

# ---- train, score, deploy and drop the same name from several sessions
my @s = map { $pg->session } 1 .. 4;
my $round = "SELECT engage_train('x', 'SELECT * FROM rows LIMIT 300', target => 'y', key => 'id', params => '{\"n_estimators\":2}', deploy => 'always')";
my @work = (
	join(";\n", ($round) x 12),
	join(";\n", ($round, "SELECT engage_rollback('x')") x 8),
	join(";\n", ("SELECT pg_sleep(0.05)", "SELECT engage_drop('x')") x 10),
	join(";\n", ("SELECT count(engage_predict('x', r)) FROM rows r WHERE id < 2000", 'SELECT pg_sleep(0.02)') x 25));
$s[$_]->send($work[$_]) foreach 0 .. 3;
my @err = map { ($_->finish)[1] } @s;
my %known;
foreach my $e (map { split /\n/ } @err)
{
	next unless $e =~ /(ERROR|FATAL|PANIC):/;
	my ($message) = $e =~ /(?:ERROR|FATAL|PANIC):\s+(.*)/;
	$message =~ s/\d+\.\d+\.\d+/V/g;
	$message =~ s/version \d+/version N/g;
	$known{$message}++;
}
my @odd = grep { !/^42704: model "x" does not exist|^42704: model "x" was dropped while|^42704: version (N|V)? ?of (a )?model.* was dropped|^55006: model "x" was created by another session|^55000: model "x" has no earlier deployment/ } sort keys %known;
is(join("\n", @odd), '', 'only clear errors') or diag explain \%known;
note explain \%known;
is($pg->query("SELECT count(*) FROM engage.artifact a WHERE NOT EXISTS (SELECT FROM engage.version v WHERE v.id = a.version_id)"), '0', 'no orphans');
is($pg->query("SELECT count(*) FROM engage.version v WHERE NOT EXISTS (SELECT FROM engage.model m WHERE m.id = v.model_id)"), '0', 'no versions without model');
is($pg->query("SELECT count(*) FROM engage.model m WHERE deployed IS NOT NULL AND NOT EXISTS (SELECT FROM engage.version v WHERE m.deployed = v.id AND v.model_id = m.id)"),
	'0', 'what is deployed is there');

# ---- DROP EXTENSION while another session scores: it waits for the statement, then the scorer is told
my $q = "SELECT count(engage_predict('m', r)) FROM rows r, generate_series(1, 30)";
$s[0]->send("BEGIN; $q");
$pg->wait_for("SELECT count(*) > 0 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'model' AND pid = " . $s[0]->pid, timeout => 10);
$s[1]->send('DROP EXTENSION engage CASCADE');
sleep 0.3;
my ($out, $err) = $s[0]->finish;
is($out, 60000 * 30, 'who scores finishes the statement');
$s[0]->send("SELECT count(engage_predict('m', r)) FROM rows r; COMMIT");
($out, $err) = $s[0]->finish;
ok($out =~ /60000/ || $err =~ /does not exist/, 'the transaction goes on, or is told') or diag $err;
($out, $err) = $s[1]->finish;
unlike($err, qr/ERROR/, 'DROP EXTENSION succeeds') or diag $err;
$s[0]->send("SELECT count(engage_predict('m', r)) FROM rows r");
($out, $err) = $s[0]->finish;
like($err, qr/42883: function engage_predict\(unknown, rows\) does not exist/, 'afterwards there is no such function');

# made again the ids begin again: a session that has the old models compiled must not use them
$s[0]->query("CREATE EXTENSION engage");
$s[0]->query("SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":1,\"max_depth\":1}')");
is($s[2]->query("SELECT count(DISTINCT engage_predict('m', r)) <= 2 FROM rows r"), 't', 'the new model is scored, not the old one of the same id');
is($s[0]->query("SELECT count(DISTINCT engage_predict('m', r)) <= 2 FROM rows r"), 't', 'by the session that knew the old one, too');

# a training whose extension goes away under it: both hold locks and want more, so the server may have
# to end one of the two as a deadlock; nothing worse happens
$s[3]->send("SELECT engage_train('late', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":400,\"max_depth\":7}')");
sleep 0.7;
$s[1]->send('DROP EXTENSION engage CASCADE');
my ($trained, $train_err) = $s[3]->finish;
my ($dropped, $drop_err) = $s[1]->finish;
note "training: $trained $train_err";
note "drop: $drop_err";
ok($trained =~ /late,1\.0\.0/ || $train_err =~ /40P01: deadlock detected|does not exist/, 'a training either ends or is told');
ok($drop_err eq '' || $drop_err =~ /40P01: deadlock detected/, 'and so is who drops');
ok($drop_err eq '' || $train_err eq '', 'one of the two succeeds');
$s[1]->query('DROP EXTENSION IF EXISTS engage CASCADE');
is($_->query('SELECT 1'), '1', 'the session lives') foreach @s;
$_->close foreach @s;

unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
