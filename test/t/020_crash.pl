# A power cut and a killed backend while engage trains: after recovery the registry holds exactly what
# was committed, and it works.

use strict;
use warnings;
use EngageTest;
use Test::More;

# fsync=off is the tests' default; a kill of the processes loses nothing that the kernel has
my $pg = EngageTest->new(restart_after_crash => 'on');
$pg->query(<<'SQL');
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b, sqrt(g) AS c
FROM generate_series(1, 50000) g;
SELECT engage_train('kept', 'SELECT * FROM rows LIMIT 2000', target => 'y', key => 'id', params => '{"n_estimators":5}');
SELECT engage_train('kept', 'SELECT * FROM rows LIMIT 2000', target => 'y', key => 'id', params => '{"n_estimators":9}', deploy => 'always');
SQL

my $long = "SELECT engage_train('%s', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":50000,\"max_depth\":9}')";
my $scores = "SELECT sum(engage_predict('kept', r)), sum(engage_predict('kept\@1.0.0', r)) FROM rows r";
my $before = $pg->query($scores);
my $registry = "SELECT (SELECT count(*) FROM engage.model), (SELECT count(*) FROM engage.version),
	(SELECT count(*) FROM engage.deployment), (SELECT count(*) FROM engage.event),
	(SELECT count(*) FROM engage.artifact a WHERE NOT EXISTS (SELECT FROM engage.version v WHERE v.id = a.version_id)),
	(SELECT count(*) FROM engage.version v WHERE NOT EXISTS (SELECT FROM engage.artifact a WHERE v.id = a.version_id)),
	(SELECT sum(hashtext(v::text)::bigint) FROM engage.version v)";
my $rows = $pg->query($registry);

# three at once: a new model, a new version, and one that has stored its version but not committed
sub start_work
{
	my @s = map { $pg->session } 1 .. 3;

	$s[0]->send(sprintf $long, 'lost');
	$s[1]->send(sprintf $long, 'kept');
	$s[2]->query("BEGIN; SELECT engage_train('lost too', 'SELECT * FROM rows LIMIT 500', target => 'y', params => '{\"n_estimators\":3}');
		SELECT engage_train('lost too', 'SELECT * FROM rows LIMIT 500', target => 'y', params => '{\"n_estimators\":2}', deploy => 'always')");
	ok($pg->wait_for("SELECT count(*) = 2 FROM pg_stat_activity WHERE state = 'active' AND query ~ '^training (lost|kept): .* round'"),
		'two trainings run');
	return @s;
}

sub check
{
	my ($what) = @_;

	is($pg->query($registry), $rows, "$what: the registry is what was committed");
	is($pg->query($scores), $before, "$what: the scores are the same");
	is($pg->query("SELECT count(*) FROM pg_ls_tmpdir()"), '0', "$what: no temporary files");
}

my @s = start_work();
$pg->kill9;
$pg->start;
check('power cut');
$_->kill foreach @s;

# one backend dies: the server throws all sessions out and recovers by itself
@s = start_work();
my $pid = $s[0]->pid;
is(kill('KILL', $pid), 1, 'one backend is killed');
# until the postmaster has noticed, it still lets sessions in
for (my $i = 0; $i < 200 && $pg->log !~ /was terminated by signal 9/; $i++)
{
	select(undef, undef, undef, 0.05);
}
ok($pg->wait_for('SELECT NOT pg_is_in_recovery()'), 'the server comes back');
check('killed backend');
$_->kill foreach @s;

# what was interrupted can be done now, under the same name; no version number was used up
is($pg->query("SELECT version FROM engage_train('lost too', 'SELECT * FROM rows LIMIT 500', target => 'y', params => '{\"n_estimators\":3}')"),
	'1.0.0', 'the lost model is trained again');
is($pg->query("SELECT version FROM engage_retrain('kept')"), '1.1.1', 'the kept one gets its next version');
is($pg->query("SELECT engage_rollback('kept')"), '1.1.0', 'and rolls back');

# an immediate shutdown directly after a commit
$pg->query("SELECT engage_train('new', 'SELECT * FROM rows LIMIT 500', target => 'y', params => '{\"n_estimators\":3}')");
my $new = $pg->query("SELECT sum(engage_predict('new', r)) FROM rows r");
$pg->restart('immediate');
is($pg->query("SELECT sum(engage_predict('new', r)) FROM rows r"), $new, 'a committed model survives an immediate shutdown');

done_testing;
