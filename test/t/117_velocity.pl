# Rollups of velocity: sessions at once, dump and restore, a standby, rights, kill -9.

use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE owner LOGIN; CREATE ROLE teller LOGIN; CREATE ROLE decider LOGIN; CREATE ROLE stranger LOGIN;
CREATE SCHEMA bank AUTHORIZATION owner;
GRANT USAGE ON SCHEMA bank TO teller, decider, stranger;
SET ROLE owner;
CREATE TABLE bank.pay (id bigserial, card int, at timestamptz, amount float8);
INSERT INTO bank.pay (card, at, amount) SELECT g % 20, timestamptz '2024-01-01' + g * interval '1 min', g FROM generate_series(1, 1000) g;
SELECT engage_velocity_track('cards', 'bank.pay', 'card', 'at', 'amount');
GRANT INSERT ON bank.pay TO teller, stranger;
GRANT USAGE ON SEQUENCE bank.pay_id_seq TO teller, stranger;
GRANT SELECT ON bank.cards_velocity TO decider;
SQL
is($pg->query("SELECT relowner::regrole FROM pg_class WHERE relname = 'cards_velocity'"), 'owner', 'the rollup belongs to who tracks');
my $exact = <<'SQL';
SELECT count(*) FROM (SELECT card, engage_velocity(at, amount, timestamptz '2024-01-03') AS v FROM bank.pay GROUP BY card) q,
	LATERAL engage_velocity_state('cards', card, '2024-01-03') s
WHERE (s.count_24h, s.max_24h, s.baseline_n) IS DISTINCT FROM ((v).count_24h, (v).max_24h, (v).baseline_n) OR abs(s.sum_24h - (v).sum_24h) > 1e-6
SQL
is($pg->query($exact), '0', 'filled from the rows that were there');

# ---- rights
$pg->query("INSERT INTO bank.pay (card, at, amount) VALUES (1, '2024-01-02', 5)", user => 'teller');
is($pg->query($exact), '0', 'who may insert needs no right on the rollup');
like($pg->error("SELECT engage_velocity_state('cards', 1)", user => 'teller'), qr/42501: permission denied for table cards_velocity/, 'and may not read it');
like($pg->query("SELECT count_24h FROM engage_velocity_state('cards', 1, '2024-01-02')", user => 'decider'), qr/^\d+$/, 'who was granted SELECT may');
is($pg->query("SELECT tracker FROM engage.velocity_trackers", user => 'decider'), 'cards', 'and sees the tracker');
is($pg->query("SELECT count(*) FROM engage.velocity_trackers", user => 'teller'), '0', 'others do not');
like($pg->error("INSERT INTO bank.cards_velocity VALUES (1, '')", user => 'decider'), qr/42501/, 'but does not write it');
like($pg->error("SELECT engage_velocity_track('mine', 'bank.pay', 'card', 'at')", user => 'stranger'), qr/42501: must be owner of table bank\.pay/, 'only the owner tracks');
like($pg->error("SELECT engage_velocity_untrack('cards')", user => 'stranger'), qr/42501: must be owner of table bank\.cards_velocity/, 'only the owner untracks');
like($pg->error("DELETE FROM engage.velocity_tracker", user => 'owner'), qr/42501/, 'the list of trackers is the extension\'s');

# what the inserting session has in its search_path is not called by the owner
$pg->query(<<'SQL');
CREATE SCHEMA trap AUTHORIZATION stranger;
SET ROLE stranger;
CREATE FUNCTION trap.velocity_join(bytea, bytea) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE FUNCTION trap.eq(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE OPERATOR trap.= (leftarg = int, rightarg = int, function = trap.eq);
CREATE FUNCTION trap.unnest(int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
SQL
$pg->query("SET search_path = trap, pg_catalog, public; INSERT INTO bank.pay (card, at, amount) VALUES (1, '2024-01-02', 7), (2, '2024-01-02', 7);
	INSERT INTO bank.pay (card, at, amount) VALUES (1, '2024-01-02', 8)", user => 'stranger');
is($pg->query($exact), '0', 'a trap in the search_path is not stepped into');
$pg->query("SET search_path = trap, pg_catalog, public; SELECT engage_velocity_state('cards', 1)", user => 'decider') for 1 .. 2;
# what the rollup's owner has put on it runs as the owner, with a fixed search_path
$pg->query(<<'SQL', user => 'owner');
CREATE TABLE bank.who (who name, path text);
CREATE FUNCTION bank.note(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO bank.who VALUES (current_user, current_setting('search_path')); RETURN true; END $$;
ALTER TABLE bank.cards_velocity ADD CONSTRAINT note CHECK (bank.note(key)) NOT VALID;
SQL
$pg->query("SET search_path = trap, public; INSERT INTO bank.pay (card, at, amount) VALUES (1, '2024-01-02', 9);
	DO \$\$ BEGIN ASSERT current_user = 'stranger' AND current_setting('search_path') = 'trap, public'; END \$\$", user => 'stranger');
is($pg->query("SELECT DISTINCT who, path FROM bank.who"), 'owner|pg_catalog, pg_temp', 'the rollup is written as its owner; the session has its own back');
like($pg->error("INSERT INTO bank.pay (card, at, amount) VALUES (1, '2024-01-02', 9), (1, '2024-01-02', 1 / 0)", user => 'teller'), qr/22012/, 'an error');
is($pg->query($exact), '0', 'takes everything back');
$pg->query("ALTER TABLE bank.cards_velocity DROP CONSTRAINT note", user => 'owner');

# ---- two sessions, one key
my ($a, $b) = ($pg->session, $pg->session);
$a->query("BEGIN; INSERT INTO bank.pay (card, at, amount) VALUES (3, '2024-01-02', 1)");
$b->send("INSERT INTO bank.pay (card, at, amount) VALUES (3, '2024-01-02', 2)");
ok($pg->wait_for("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $b->pid), 'the second waits for the first');
$a->query('COMMIT');
my ($out, $err) = $b->finish;
is($err, '', 'and goes on');
is($pg->query($exact), '0', 'both are counted');
$a->query("BEGIN; INSERT INTO bank.pay (card, at, amount) VALUES (777, '2024-01-02', 1)");
$b->send("INSERT INTO bank.pay (card, at, amount) VALUES (777, '2024-01-02', 2)");
ok($pg->wait_for("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $b->pid), 'a new key, too');
$a->query('ROLLBACK');
($out, $err) = $b->finish;
is($err . $pg->query($exact), '0', 'the one that stays is counted');
$a->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bank.pay");
$b->query("INSERT INTO bank.pay (card, at, amount) VALUES (3, '2024-01-02', 3)");
$a->send("INSERT INTO bank.pay (card, at, amount) VALUES (3, '2024-01-02', 4)");
($out, $err) = $a->finish;
like($err, qr/40001/, 'REPEATABLE READ: a serialization error instead of a lost event');
$a->query('ROLLBACK');

# many sessions, statements of many keys in any order
my @sessions = map { $pg->session } 1 .. 4;
$_->send("DO \$\$ BEGIN FOR i IN 1..150 LOOP INSERT INTO bank.pay (card, at, amount)
	SELECT (random() * 40)::int, timestamptz '2024-01-02' + random() * interval '20 hours', (random() * 1000)::int FROM generate_series(1, 12); COMMIT; END LOOP; END \$\$") foreach @sessions;
is(join('', map { ($_->finish)[1] } @sessions), '', 'four sessions with keys in any order: no deadlock');
is($pg->query("SELECT count(*) FROM (SELECT card, count(amount) n FROM bank.pay GROUP BY card) q, LATERAL engage_velocity_state('cards', card, '2024-01-03') s WHERE s.baseline_n NOT BETWEEN n - 3 AND n - 1"),
	'0', 'and nothing is lost');

# ---- tracking while others insert
$pg->query("CREATE TABLE busy (card int, at timestamptz)");
$_->send("DO \$\$ BEGIN FOR i IN 1..1500 LOOP INSERT INTO busy VALUES (i % 3, '2024-01-02'); COMMIT; END LOOP; END \$\$") foreach @sessions;
$pg->wait_for('SELECT count(*) > 300 FROM busy');
$pg->query("SELECT engage_velocity_track('busy', 'busy', 'card', 'at')");
is(join('', map { ($_->finish)[1] } @sessions), '', 'a tracker may begin while others insert');
is($pg->query("SELECT sum(count_24h) FROM generate_series(0, 2) c, engage_velocity_state('busy', c, '2024-01-02')"), '6000', 'no row is missed or counted twice');
$_->close foreach @sessions, $a, $b;

# ---- dump and restore, renamed tables, standby, power cut
$pg->query("ALTER TABLE bank.cards_velocity RENAME TO rollup");
my $states = "SELECT md5(string_agg(s::text, ',' ORDER BY card)) FROM generate_series(0, 40) card, engage_velocity_state('cards', card, '2024-01-03') s";
my $before = $pg->query($states);
my $dir = tempdir(CLEANUP => 1);
foreach my $kind ('plain', 'custom')
{
	my $db = "restored_$kind";
	$pg->dump(options => [ $kind eq 'plain' ? '-Fp' : '-Fc', '-f', "$dir/$kind" ]);
	$pg->query("CREATE DATABASE $db");
	if ($kind eq 'plain')
	{
		my ($status, undef, $message) = $pg->psql("\\i $dir/$kind", database => $db);
		is($status, 0, "$kind: restored") or diag $message;
	}
	else
	{
		my %env = $pg->env;
		local @ENV{ keys %env } = values %env;
		my $message = '';
		ok(IPC::Run::run([ EngageTest::bindir() . '/pg_restore', '--exit-on-error', '-d', $db, "$dir/$kind" ], '2>', \$message), "$kind: restored") or diag $message;
	}
	is($pg->query($states, database => $db), $before, "$kind: the same states");
	$pg->query("INSERT INTO bank.pay (card, at, amount) VALUES (5, '2024-01-03', 12345)", database => $db, user => 'teller');
	is($pg->query("SELECT max_1m FROM engage_velocity_state('cards', 5, '2024-01-03')", database => $db), '12345', "$kind: the trigger goes on");
	$pg->query("SELECT engage_velocity_untrack('cards')", database => $db, user => 'owner');
	is($pg->query("SELECT to_regclass('bank.rollup') IS NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'engage_velocity_cards')", database => $db), 't', "$kind: untracked");
}
my $standby = $pg->standby;
$standby->catch_up;
is($standby->query($states), $before, 'a standby reads states');
like($standby->error("SELECT engage_velocity_track('x', 'busy', 'card', 'at')"), qr/25006: cannot execute engage_velocity_track\(\) in a read-only transaction/, 'and does not track');
$pg->kill9;
$pg->start;
is($pg->query($states), $before, 'after a power cut');
like($pg->error('DROP EXTENSION engage'), qr/2BP01/, 'the extension is not dropped while triggers need it');
$pg->query('DROP EXTENSION engage CASCADE; CREATE EXTENSION engage');
$pg->query("INSERT INTO bank.pay (card, at, amount) VALUES (5, '2024-01-03', 1)");
like($pg->error("SELECT engage_velocity_state('cards', 5)"), qr/42704/, 'CASCADE removes the triggers; the rows stay');
done_testing;
