# Rows that come without what belongs to them: dumps of data alone (triggers fire while they are restored) and
# logical replication (sequences stay where they are, triggers do not fire).

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(wal_level => 'logical');
$pg->query(<<'SQL');
CREATE TABLE rows AS SELECT g AS id, (g * 7919) % 101 + g % 17 > 60 AS y, (g * 7919) % 101 AS a, g % 17 AS b FROM generate_series(1, 600) g;
ALTER TABLE rows ADD PRIMARY KEY (id);
CREATE TABLE events (k int, at timestamptz, amount float8);
INSERT INTO events SELECT g % 5, timestamptz '2024-01-01' + g * interval '1 min', g FROM generate_series(1, 100) g;
-- rollups that are restored before and after the events: tables are dumped by name
SELECT engage_velocity_track('a', 'events', 'k', 'at', 'amount'), engage_velocity_track('z', 'events', 'k', 'at', 'amount');
SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{"n_estimators":2}');
SELECT engage_retrain('m', deploy => 'always');
SQL
my $counts = "SELECT (engage_velocity_state('a', 1, '2024-01-01 12:00')).count_24h, (engage_velocity_state('z', 1, '2024-01-01 12:00')).count_24h";
is($pg->query($counts), '20|20', 'events of a key');

# ---- dumps of data alone
my $dir = $pg->dir;
sub restore
{
	my ($database, $options, $before) = @_;

	$pg->query("CREATE DATABASE $database");
	my $dump = sprintf('%s/pg_dump -h %s -p 5432 -U postgres postgres', $pg->bindir, $dir);
	my $psql = sprintf('%s/psql -qX -h %s -p 5432 -U postgres -d %s', $pg->bindir, $dir, $database);
	system('sh', '-c', "$dump -s | $psql >/dev/null 2>&1");
	return `(echo "$before"; $dump -a $options) | $psql 2>&1`;
}
is(restore('disabled', '--disable-triggers', '') =~ s/^\s*(setval|-+|\d+|\(1 row\))?\s*$//mgr =~ s/\s+//gr, 'set_config', 'data alone, with --disable-triggers: no error');
is($pg->query($counts, database => 'disabled'), '20|20', 'rollups are what they were');
unlike(restore('replica', '', 'SET session_replication_role = replica;'), qr/ERROR/, 'data alone, restored with session_replication_role = replica');
is($pg->query($counts, database => 'replica'), '20|20', 'likewise');
like(restore('plain', '', ''), qr/duplicate key value violates unique constraint "z_velocity_pkey"/, 'without: a rollup that the events have fed already cannot be restored');
is($pg->query($counts, database => 'plain'), '40|20', 'and one that was restored before the events counts twice: what the manual warns of');
foreach my $database (qw(disabled replica))
{
	is($pg->query("SELECT count(engage_predict('m', r)) FROM rows r", database => $database), '600', "$database: models score");
	is($pg->query("INSERT INTO events VALUES (1, '2024-01-01 11:00', 1); $counts", database => $database), '21|21', 'events are counted again');
	like($pg->query("SELECT version FROM engage_retrain('m')", database => $database), qr/^1\.0\.2$/, 'and ids go on: a dump of data holds the sequences');
}

# ---- a logical subscriber, of another database of the cluster
$pg->query("CREATE DATABASE $_") foreach qw(publisher subscriber);
foreach my $database (qw(publisher subscriber))
{
	$pg->query("CREATE EXTENSION engage; CREATE TABLE rows (id int PRIMARY KEY, y boolean, a int, b int); CREATE TABLE events (k int, at timestamptz, amount float8);
		SELECT engage_velocity_track('a', 'events', 'k', 'at', 'amount')", database => $database);
}
my $tables = $pg->query("SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c WHERE relnamespace = 'engage'::regnamespace AND relkind = 'r'
	AND relname !~ '^(prediction|velocity_tracker)'");
$pg->query("CREATE PUBLICATION models FOR TABLE rows, events, $tables", database => 'publisher');
$pg->query("SELECT pg_create_logical_replication_slot('models', 'pgoutput')", database => 'publisher');
$pg->query("CREATE SUBSCRIPTION models CONNECTION 'host=$dir port=5432 user=postgres dbname=publisher' PUBLICATION models
	WITH (create_slot = false, copy_data = false)", database => 'subscriber');
$pg->query("INSERT INTO rows SELECT g, (g * 7919) % 101 + g % 17 > 60, (g * 7919) % 101, g % 17 FROM generate_series(1, 600) g;
	INSERT INTO events SELECT g % 5, timestamptz '2024-01-01' + g * interval '1 min', g FROM generate_series(1, 100) g;
	SELECT engage_train('m', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}'); SELECT engage_retrain('m', deploy => 'always')", database => 'publisher');

sub wait_until
{
	my ($query) = @_;
	for (my $n = 0; $n < 600 && $pg->query($query, database => 'subscriber') ne 't'; $n++) { select(undef, undef, undef, 0.1); }
	return;
}
wait_until("SELECT count(*) = 2 FROM engage.versions v JOIN engage.models m ON m.deployed = '1.0.1'");
is($pg->query("SELECT count(*), max(engage_model_version('m')), count(engage_predict('m', r)) FROM rows r", database => 'subscriber'), '600|1.0.1|600', 'a subscriber scores with the models that came');
is($pg->query("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM a_velocity)", database => 'subscriber'), '100|0', 'but triggers do not fire there: a rollup stays as it is');

my $train = "SELECT version FROM engage_train('local', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')";
my (undef, undef, $err) = $pg->psql("\\set VERBOSITY default\n$train", database => 'subscriber');
like($err, qr/sequence "engage\.\w+_id_seq" lies behind the rows of table "engage\.\w+"/, 'to train there fails');
like($err, qr/HINT:  On a subscriber set every sequence/, 'and the hint says what to do');
$pg->query("SELECT setval(c.oid::regclass, 1000000000000) FROM pg_class c WHERE c.relnamespace = 'engage'::regnamespace AND c.relkind = 'S'", database => 'subscriber');
is($pg->query($train, database => 'subscriber'), '1.0.0', 'after it, it goes');
$pg->query("SELECT engage_retrain('m', deploy => 'always'); SELECT engage_train('later', 'rows', target => 'y', key => 'id', params => '{\"n_estimators\":2}')", database => 'publisher');
wait_until("SELECT count(*) = 3 FROM engage.models WHERE deployed IS NOT NULL");
is($pg->query("SELECT string_agg(model || ' ' || deployed, ', ' ORDER BY model), max(engage_model_version('m')) FROM engage.models", database => 'subscriber'),
	'later 1.0.0, local 1.0.0, m 1.0.2|1.0.2', 'and what the publisher trains goes on to come');
is($pg->query($train =~ s/local/local2/r, database => 'subscriber'), '1.0.0', 'ids of the two do not meet');
$pg->query($_, database => 'subscriber') foreach 'ALTER SUBSCRIPTION models DISABLE', 'ALTER SUBSCRIPTION models SET (slot_name = NONE)', 'DROP SUBSCRIPTION models';

unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');
done_testing;
