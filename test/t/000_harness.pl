# 000_harness.pl - what the other tests stand on: clusters, sessions, crashes and standbys work
use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(work_mem => '8MB');

is($pg->query('SHOW work_mem'), '8MB', 'settings are applied');
is($pg->query("SELECT 1, 'a'\nUNION ALL SELECT 2, NULL ORDER BY 1"), "1|a\n2|", 'a query gives rows');
like($pg->error('SELECT 1 / 0'), qr/ERROR:\s+22012: division by zero/, 'an error is told with its code');
is($pg->error('SELECT 1'), undef, 'no error is undefined');
ok($pg->query("SELECT count(*) FROM pg_extension WHERE extname = 'engage'"), 'the extension is there');

$pg->load_csv('telco', 'telco_churn.csv', { customer_id => 'integer', total_charges => 'numeric' });
is($pg->query('SELECT count(*), count(total_charges), sum(customer_id) FROM telco'), '7043|7032|24805446',
	'a data set is loaded');

my $s = $pg->session;
$s->query('BEGIN');
$s->query('CREATE TABLE t (i integer)');
$s->send('SELECT pg_sleep(30)');
ok($pg->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $s->pid), 'a session runs on');
$pg->query('SELECT pg_cancel_backend(' . $s->pid . ')');
my ($out, $err) = $s->finish;
like($err, qr/57014: canceling statement due to user request/, 'and is cancelled');
$s->query('ROLLBACK');
is($s->query('SELECT to_regclass(\'t\') IS NULL'), 't', 'its transaction was one');
$s->send('SELECT pg_sleep(30)');
$pg->query('SELECT pg_terminate_backend(' . $s->pid . ', 5000)');
($out, $err) = $s->finish;
like($err, qr/57P01: terminating connection|server closed the connection/, 'a session is terminated');

my $standby = $pg->standby;
$pg->query('CREATE TABLE kept AS SELECT 42 AS answer');
$standby->catch_up;
is($standby->query('SELECT answer FROM kept'), '42', 'a standby follows');
like($standby->error('CREATE TABLE no ()'), qr/25006/, 'and is read-only');

$pg->kill9;
ok(defined $pg->error('SELECT 1'), 'after a power cut nobody answers');
$pg->start;
is($pg->query('SELECT answer FROM kept'), '42', 'what was committed is there');
$pg->restart('immediate');
is($pg->query('SELECT answer FROM kept'), '42', 'also after an immediate shutdown');
like($pg->dump(options => ['--schema-only']), qr/CREATE EXTENSION IF NOT EXISTS engage/, 'a dump names the extension');

done_testing;
