# Counters of scoring across sessions, databases, standbys, crashes and faults; the real exporter of
# Debian with the query file of docs/operations; the dashboard beside it.

use strict;
use warnings;
use EngageTest;
use File::Temp;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = $EngageTest::root;
my $pg = EngageTest->new(max_wal_senders => 4);
my $table = <<'SQL';
CREATE TABLE rows AS
SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 5000) g;
SELECT engage_train('m', 'rows', target => 'y', key => 'id', algorithm => 'logistic_regression');
SQL
my $rows = "SELECT version || ' ' || rows || ' ' || errors FROM engage_scoring() WHERE model = 'm' ORDER BY version";
my $score = "SELECT count(engage_predict('m', r)) FROM rows r";

# ---- two databases: the same ids, counters of their own
$pg->query($table);
$pg->query('CREATE DATABASE shop');
$pg->query("CREATE EXTENSION engage; $table", database => 'shop');
is($pg->query($rows), '', 'nothing is counted yet');
$pg->query($score);
$pg->query("$score WHERE id <= 7", database => 'shop');
is($pg->query($rows), '1.0.0 5000 0', 'one database');
is($pg->query($rows, database => 'shop'), '1.0.0 7 0', 'the other');
$pg->query('CREATE DATABASE copy TEMPLATE shop');
is($pg->query($rows, database => 'copy'), '', 'a copy of a database begins at zero');

# ---- many sessions at once, to the row; statements of one row and of many
my @sessions = map { $pg->session } 1 .. 6;
foreach my $s (@sessions)
{
	$s->send("DO \$\$ BEGIN FOR i IN 1 .. 500 LOOP EXECUTE 'SELECT engage_predict(''m'', r) FROM rows r WHERE id = 1'; END LOOP; END \$\$; $score; $score");
}
$_->finish foreach @sessions;
is($pg->query($rows), '1.0.0 ' . (5000 + 6 * 500 + 6 * 10000) . ' 0', 'six sessions at once, each row once');

# ---- cancelled and terminated in the middle: what was scored is counted, all goes on
my $before = (split / /, $pg->query($rows))[1];
my $long = "SELECT count(engage_predict('m', r)) FROM rows r, generate_series(1, 100000)";
my $victim = $pg->session;
$victim->send($long);
ok($pg->wait_for("SELECT rows > $before FROM engage_scoring()"), 'a running statement is seen');
$pg->query('SELECT pg_cancel_backend(' . $victim->pid . ')');
like(($victim->finish)[1], qr/57014/, 'cancelled');
$victim->send($long);
$pg->wait_for("SELECT state = 'active' FROM pg_stat_activity WHERE pid = " . $victim->pid);
sleep 0.2;
$pg->query('SELECT pg_terminate_backend(' . $victim->pid . ')');
$pg->wait_for('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ' . $victim->pid);
$victim->kill;
cmp_ok((split / /, $pg->query($rows))[1], '>', $before, 'rows of both are counted');
is((split / /, $pg->query($rows))[2], '0', 'without errors');

# ---- a standby counts its own
my $standby = $pg->standby;
$standby->catch_up;
is($standby->query($rows), '', 'a standby begins at zero');
$standby->query("$score WHERE id <= 11");
is($standby->query($rows), '1.0.0 11 0', 'and counts its own rows');
my ($there) = $standby->query('SELECT engage_prometheus()') =~ /^engage_scoring_rows_total\{[^}]*\} (\d+)$/m;
is($there, '11', 'engage_prometheus() works there');
is($standby->query("SELECT count(*) > 10 FROM engage.metrics"), 't', 'and engage.metrics');
$standby->stop;

# ---- a crash of the server: zero, and counting again
my $open = $pg->session;
$open->query("$score WHERE id <= 3");
$pg->kill9;
$pg->start;
is($pg->query($rows), '', 'after a crash the counters begin at zero');
$pg->query("$score WHERE id <= 4");
is($pg->query($rows), '1.0.0 4 0', 'and count');
$open->kill;

# ---- a crash of one backend: the server restarts its memory, sessions that come later count
$open = $pg->session;
$open->query("$score WHERE id <= 3");
kill 'KILL', $open->pid;
$pg->wait_for('SELECT true');
sleep 0.5;
ok($pg->wait_for("SELECT coalesce(sum(rows), 0) = 0 FROM engage_scoring()"), 'after the crash of a backend, too');
$pg->query("$score WHERE id <= 5");
is($pg->query($rows), '1.0.0 5 0', 'and count');
$open->kill;

# ---- an open session while the extension is dropped and created: nothing is mixed up
my $s = $pg->session(database => 'shop');
$s->query($score);
$pg->query("DROP EXTENSION engage; CREATE EXTENSION engage; SELECT engage_train('m', 'rows', target => 'y', key => 'id', algorithm => 'decision_tree')",
	database => 'shop');
is($pg->query($rows, database => 'shop'), '', 'a new extension begins at zero');
$s->query("$score WHERE id <= 9");
is($s->query($rows), '1.0.0 9 0', 'the old session counts for the new one');
$s->close;

# ---- more versions than counters: the oldest begin anew, nothing fails
$pg->query('CREATE DATABASE many');
$pg->query(<<'SQL', database => 'many');
CREATE EXTENSION engage;
CREATE TABLE rows AS SELECT g AS id, g % 3 = 0 AS y, g % 17 AS a FROM generate_series(1, 200) g;
SELECT engage_train('m', 'rows', target => 'y', key => 'id', algorithm => 'decision_tree', background => 0);
DO $$
DECLARE
	bytes bytea := engage_export('m', 'engage');
	v text;
BEGIN
	FOR i IN 1 .. 2100 LOOP
		v := engage_import('m', bytes);
		PERFORM engage_predict('m@' || v, r) FROM rows r LIMIT 1;
	END LOOP;
END $$;
SQL
my $kept = $pg->query('SELECT count(*) FROM engage_scoring()', database => 'many');
cmp_ok($kept, '>', 1900, "$kept of 2100 versions are counted");
cmp_ok($kept, '<=', 2048, 'as many as there are counters');
is($pg->query("SELECT count(*) FROM engage_scoring() WHERE rows <> 1 OR errors <> 0", database => 'many'), '0', 'each with its row');
$pg->query('DROP DATABASE many');
$pg->query("$score WHERE id <= 6");
like($pg->query($rows), qr/^1\.0\.0 (6|11) 0$/, 'the others count on, or begin at zero');

# ---- without shared memory there is no counting, but scoring
my $poor = EngageTest->new(dynamic_shared_memory_type => 'mmap');
$poor->query($table);
my $segments = $poor->dir . '/data/pg_dynshmem';
chmod(0500, $segments) or die "could not chmod $segments: $!";
my $denied = system('runuser', '-u', $ENV{ENGAGE_SERVER_USER} // 'postgres', '--', 'test', '-w', $segments) != 0 || $> != 0;
SKIP:
{
	skip 'the directory can be written all the same', 4 unless $denied;
	my $p = $poor->session;
	is($p->query("$score; $score"), "5000\n5000", 'scores without counting');
	is($p->query("SELECT count(*) FROM engage_scoring()"), '0', 'there are no counters');
	is($p->query("SELECT value FROM engage.metrics WHERE metric = 'scoring_rows_total'"), '0', 'the view has zeros');
	is(() = $poor->log =~ /LOG:  scoring is not counted in this session: could not open shared memory segment/g, 1, 'the log says so, once a session');
	$p->close;
}
chmod(0700, $segments);
$poor->query($score);
is($poor->query($rows), '1.0.0 5000 0', 'as soon as there is memory, it is counted');
$poor->stop;

# ---- the exporter
my $exporter = (grep { -x } map { "$_/prometheus-postgres-exporter" } split(/:/, $ENV{PATH}), '/usr/bin')[0];
my $queries = "$root/docs/operations/engage-queries.yaml";
$pg->query(<<'SQL');
CREATE ROLE exporter LOGIN;
GRANT pg_monitor TO exporter;
ALTER ROLE exporter SET jit = off;
SELECT engage_rename('m', 'a "b" {c}');
SELECT engage_monitor('a "b" {c}', 'rows', thresholds => '{"drift": 0.2, "rows": 10000}');
SELECT engage_check();
SELECT engage_train('n', 'rows', target => 'a', key => 'id', algorithm => 'linear_regression');
SELECT engage_train('n', 'rows', target => 'a', key => 'id', algorithm => 'decision_tree', deploy => 'never');
SELECT engage_experiment_start('e', 'n', '{1.0.0,1.1.0}', '{3,1}', key => 'id');
SELECT engage_log_predictions('n', 'rows', 'id');
SQL
like($pg->error("SELECT engage_predict('n', r) FROM (SELECT 1 AS a) r", user => 'exporter'), qr/42501: permission denied for model "n"/, 'the role of the exporter may not score');
like($pg->error('SELECT * FROM engage.prediction', user => 'exporter'), qr/42501/, 'nor read the log');

# series of a text: name and sorted labels => value, without what the exporter adds
sub series
{
	my ($text) = @_;
	my %found;

	foreach my $line (grep { /^engage_/ } split /\n/, $text)
	{
		my ($name, $labels, $value) = $line =~ /^(\w+)\{(.*)\} (\S+)$/ or die "not a sample: $line";
		my @labels = $labels =~ /(\w+="(?:[^"\\]|\\.)*")/g;
		my $key = "$name " . join(',', sort grep { !/^server=/ } @labels);
		die "twice: $key" if exists $found{$key};
		$found{$key} = $value;
	}
	return \%found;
}

my $ours = series($pg->query('SELECT engage_prometheus()', user => 'exporter'));
my %names = map { (split / /)[0] => 1 } keys %$ours;
is(join(' ', sort keys %names), join(' ', sort split /\n/, $pg->query("SELECT 'engage_' || metric FROM engage.metric_kinds()")),
	'engage_prometheus() has every metric');

SKIP:
{
	skip 'prometheus-postgres-exporter is not installed', 8 unless $exporter;
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no port: $!";
	my $port = $socket->sockport;
	close $socket;
	# the socket of the cluster is for the server's user and root alone
	local $ENV{DATA_SOURCE_NAME} = 'user=exporter host=' . $pg->host . ' port=5432 dbname=postgres sslmode=disable';
	my ($out, $in) = ('', '');
	my $run = IPC::Run::start([ $exporter, "--web.listen-address=127.0.0.1:$port", "--extend.query-path=$queries", '--disable-settings-metrics' ],
		'<', \$in, '>&', \$out);
	my $answer;
	my $end = time + 30;
	while (time < $end)
	{
		$run->pump_nb;
		$answer = HTTP::Tiny->new(timeout => 10)->get("http://127.0.0.1:$port/metrics");
		last if $answer->{success} && $answer->{content} =~ /^engage_/m;
		sleep 0.2;
	}
	my $text = $answer->{content};
	$run->kill_kill(grace => 5);
	ok($answer->{success}, 'the exporter answers') or diag($out);
	like($text, qr/^pg_up(\{[^}]*\})? 1$/m, 'it reached the server') or diag($out);
	like($text, qr/^pg_exporter_last_scrape_error 0$/m, 'without an error') or diag($out);
	like($text, qr/^pg_exporter_user_queries_load_error\{[^}]*\} 0$/m, 'the query file is read');
	unlike($out, qr/level=error/, 'nor one in its log');

	my $theirs = series($text);
	# what is not known is NaN there and absent here
	delete $theirs->{$_} foreach grep { $theirs->{$_} eq 'NaN' } keys %$theirs;
	is(join("\n", sort keys %$theirs), join("\n", sort keys %$ours), 'both have the same series');
	my @different = grep { !/^engage_model_(age|deployed)_seconds / && !/^engage_prediction_log_bytes / &&
		abs($theirs->{$_} - $ours->{$_}) > 1e-9 * abs($ours->{$_}) } grep { exists $theirs->{$_} } keys %$ours;
	is(join("\n", @different), '', 'with the same values');
	my %types = map { /^# TYPE (engage_\w+) (\w+)$/ ? ($1 => $2) : () } split /\n/, $text;
	my %kinds = map { /^# TYPE (engage_\w+) (\w+)$/ ? ($1 => $2) : () } split /\n/, $pg->query('SELECT engage_prometheus()');
	is_deeply(\%types, \%kinds, 'and the same types');
}

# ---- the dashboard
open(my $file, '<', "$root/docs/operations/grafana-engage.json") or die $!;
my $dashboard = decode_json(do { local $/; <$file> });
my @expressions = map { $_->{expr} } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
my %used = map { $_ => 1 } map { /\b(engage_[a-z_]+)/g } @expressions, map { $_->{definition} // () } @{ $dashboard->{templating}{list} };
cmp_ok(scalar(@expressions), '>=', 15, 'the dashboard has panels');
is(join(' ', grep { !$names{$_} } sort keys %used), '', 'each metric of the dashboard exists');
my %labels = map { $_ => 1 } map { /(\w+)="/g } keys %$ours;
is(join(' ', grep { !$labels{$_} } map { /(\w+)=~?"/g } @expressions), '', 'and each label that it selects by');
is(scalar(grep { tr/(// != tr/)// || tr/{// != tr/}// || tr/"// % 2 } @expressions), 0, 'brackets and quotes match');
my %ids = map { $_->{id} => 1 } @{ $dashboard->{panels} };
is(scalar(keys %ids), scalar(@{ $dashboard->{panels} }), 'panels have ids of their own');

unlike($standby->log . $poor->log, qr/terminated by signal|PANIC/, 'no process crashed');
done_testing;
