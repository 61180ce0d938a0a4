# What the names in a stored text mean is stored with it: whatever changes that is refused, whatever leaves it alone is not.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE team; GRANT team TO bob;
GRANT CREATE ON SCHEMA public TO mallory, alice;
CREATE SCHEMA alice AUTHORIZATION alice; CREATE SCHEMA mallory AUTHORIZATION mallory; CREATE SCHEMA shared;
GRANT USAGE ON SCHEMA shared, mallory TO PUBLIC;
GRANT CREATE ON SCHEMA shared TO mallory;
SQL
$pg->query(<<'SQL', user => 'mallory');
CREATE FUNCTION mallory.probe(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
	IF current_user <> 'mallory' THEN RAISE WARNING 'PROBE as %', current_user; END IF; RETURN $1; END $$;
CREATE FUNCTION mallory.harmless(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1;
CREATE TABLE shared.rows AS SELECT g AS id, g % 7 AS a, g % 7 > 3 AS y FROM generate_series(1, 400) g;
GRANT SELECT ON shared.rows TO PUBLIC;
SQL
$pg->query("CREATE TABLE public.plain AS SELECT g AS id, g % 7 AS a, g % 7 > 3 AS y, (g % 3)::text::varchar AS word FROM generate_series(1, 400) g; GRANT SELECT ON plain TO PUBLIC");
my $learn = "target => 'y', key => 'id', features => '{a}', algorithm => 'logistic_regression', deploy => 'always'";
my $retrain = sub { my ($model, %o) = @_; return ($pg->psql("SELECT version FROM engage_retrain('$model', deploy => 'always')", %o))[2] =~ s/^psql:\S+ //r };

# ---- every way in which a superuser's model on another's table can come to run that role's code is found when it runs
my @changes = (
	[ 'an index with a predicate', 'CREATE INDEX trap ON shared.rows (id) WHERE mallory.probe(1) = 1', 'DROP INDEX shared.trap' ],
	[ 'an index of an expression', 'CREATE INDEX trap ON shared.rows (mallory.probe(a))', 'DROP INDEX shared.trap' ],
	[ 'a check constraint', 'ALTER TABLE shared.rows ADD CONSTRAINT trap CHECK (mallory.probe(1) = 1)', 'ALTER TABLE shared.rows DROP CONSTRAINT trap' ],
	[ 'extended statistics', 'CREATE STATISTICS shared.trap ON (mallory.probe(a)), (a + 1) FROM shared.rows', 'DROP STATISTICS shared.trap' ],
	[ 'a child with an index', 'CREATE TABLE shared.child () INHERITS (shared.rows); CREATE INDEX trap ON shared.child (id) WHERE mallory.probe(1) = 1', 'DROP TABLE shared.child' ],
	[ 'a view in place of the table', "ALTER TABLE shared.rows RENAME TO kept; CREATE VIEW shared.rows AS SELECT id, mallory.probe(a) AS a, y FROM shared.kept; GRANT SELECT ON shared.rows TO PUBLIC",
		'DROP VIEW shared.rows; ALTER TABLE shared.kept RENAME TO rows' ]);
$pg->query("SELECT engage_train('theirs', 'shared.rows', $learn)");
foreach my $c (@changes)
{
	my ($what, $do, $undo) = @$c;

	$pg->query($do, user => 'mallory');
	my $error = $retrain->('theirs');
	like($error, qr/55000: a name in the source of model "theirs" now means function mallory\.probe\(integer\) of role "mallory"/, "$what: refused");
	unlike($error, qr/PROBE/, "$what: nothing has run");
	like($error, qr/DETAIL:  It is in an index, a constraint or statistics of table shared\.(rows|child)/, "$what: it says where") if $what !~ /view/;
	$pg->query($undo, user => 'mallory');
	is($retrain->('theirs'), '', "$what: undone, it trains");
}
$pg->query("ALTER TABLE shared.rows ENABLE ROW LEVEL SECURITY; CREATE POLICY trap ON shared.rows USING (mallory.probe(id) > 0)", user => 'mallory');
$pg->query("DROP POLICY trap ON shared.rows; CREATE POLICY all_rows ON shared.rows USING (true)", user => 'mallory');
$pg->query("SELECT engage_train('seen', 'shared.rows', $learn)", user => 'alice');
$pg->query("CREATE POLICY trap ON shared.rows USING (mallory.probe(id) > 0)", user => 'mallory');
like($retrain->('seen'), qr/55000: a name in the source of model "seen" now means function mallory\.probe/, 'a policy of row-level security: refused');
$pg->query('DROP POLICY trap ON shared.rows', user => 'mallory');
is($retrain->('seen'), '', 'and without it not');

# what was there when the text was stored may stay
$pg->query("CREATE VIEW mallory.v AS SELECT id, mallory.harmless(a) AS a, y FROM shared.rows; GRANT SELECT ON mallory.v TO PUBLIC", user => 'mallory');
$pg->query("SELECT engage_train('view', 'mallory.v', $learn)", user => 'alice');
is($retrain->('view'), '', 'a function that was there is run');
is($retrain->('view', user => 'alice'), '', 'by its author, too');
$pg->query('ALTER TABLE shared.rows OWNER TO bob; ALTER VIEW mallory.v OWNER TO bob; GRANT SELECT ON mallory.v TO alice; GRANT SELECT ON shared.rows TO bob');
like($retrain->('view', user => 'alice'), qr/55000: relation mallory\.v in the source of model "view" now means one of role "bob"/, 'another owner is not');
is($pg->query("SELECT engage_set_author('view')", user => 'alice') =~ /^1/, 1, 'unless the author says that it is meant, with the functions that were there');
is($retrain->('view', user => 'alice'), '', 'and it trains');
$pg->query('ALTER TABLE shared.rows OWNER TO mallory; ALTER VIEW mallory.v OWNER TO mallory');
$pg->query("SELECT engage_set_author('view')", user => 'alice');
$pg->query('CREATE OR REPLACE VIEW mallory.v AS SELECT id, mallory.probe(a) AS a, y FROM shared.rows', user => 'mallory');
like($retrain->('view'), qr/now means function mallory\.probe/, 'another one is not');

# ---- operators and functions that fit better than the server's
$pg->query("SELECT engage_train('words', 'SELECT id, length(lower(word)) + a AS a, y FROM plain WHERE word <> ''9''', $learn); SELECT engage_monitor('words', 'SELECT id, length(lower(word)) + a AS a FROM plain')");
foreach my $plant (
	[ 'CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING \'PROBE\'; RETURN $1; END $$', 'DROP FUNCTION public.lower(varchar)' ],
	[ 'CREATE FUNCTION public.differs(varchar, unknown_text text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING \'PROBE\'; RETURN true; END $$;
		CREATE FUNCTION public.differs(varchar, varchar) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING \'PROBE\'; RETURN true; END $$;
		CREATE OPERATOR public.<> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.differs)', 'DROP OPERATOR public.<> (varchar, varchar)' ])
{
	$pg->query($plant->[0], user => 'mallory');
	my $error = $retrain->('words');
	like($error, qr/55000: a name in the source of model "words" now means function public\.(lower|differs)\(character varying/, 'a planted function is found');
	unlike($error, qr/PROBE/, 'and not run');
	$pg->query($plant->[1], user => 'mallory');
	is($retrain->('words'), '', 'without it the model is trained');
}
$pg->query('CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING \'PROBE\'; RETURN $1; END $$', user => 'mallory');
my ($status, $out, $err) = $pg->psql("SELECT status FROM engage_check('words') WHERE check_name = 'source'; SELECT message FROM engage.alerts WHERE model = 'words' AND check_name = 'source'");
like($out, qr/^error\n.*the monitor of model "words" now means function public\.lower/s, 'a check says what is wrong');
unlike($err, qr/PROBE/, 'and does not run it');
$pg->query('DROP FUNCTION public.lower(varchar)', user => 'mallory');

# ---- relations: what loading jobs do is no change
$pg->query("CREATE TABLE alice.mine AS SELECT * FROM plain; SET search_path = alice, public; SELECT engage_train('mine', 'mine', $learn)", user => 'alice');
$pg->query("DROP TABLE alice.mine; CREATE TABLE alice.mine AS SELECT * FROM plain", user => 'alice');
is($retrain->('mine'), '', 'a table is made again');
$pg->query("CREATE TABLE alice.staged AS SELECT * FROM plain; BEGIN; ALTER TABLE alice.mine RENAME TO old; ALTER TABLE alice.staged RENAME TO mine; DROP TABLE alice.old; COMMIT", user => 'alice');
is($retrain->('mine'), '', 'another takes its name');
$pg->query('ALTER TABLE alice.mine ADD extra int, ALTER a TYPE bigint', user => 'alice');
is($retrain->('mine'), '', 'columns change');
$pg->query('ALTER TABLE alice.mine OWNER TO postgres; GRANT SELECT ON alice.mine TO alice');
is($retrain->('mine'), '', 'it belongs to a superuser');
$pg->query('ALTER TABLE alice.mine OWNER TO mallory');
like($retrain->('mine'), qr/55000: relation alice\.mine in the source of model "mine" now means one of role "mallory"/, 'but not to whoever comes by');
$pg->query('ALTER TABLE alice.mine OWNER TO alice');
like(($pg->psql("SET search_path = mallory, public; CREATE TEMP TABLE mine AS SELECT * FROM plain; SELECT version FROM engage_retrain('mine', deploy => 'always')", user => 'alice'))[1], qr/^1\./,
	'a temporary table of the name is not looked at');
$pg->query("SET search_path = public, alice; SELECT engage_train('near', 'mine', $learn)", user => 'alice');
$pg->query('CREATE TABLE public.mine AS SELECT * FROM plain', user => 'mallory');
$pg->query('GRANT SELECT ON public.mine TO PUBLIC', user => 'mallory');
like($retrain->('near'), qr/55000: a name in the source of model "near" now means relation public\.mine/, 'a table before it in the path is');
$pg->query('DROP TABLE public.mine', user => 'mallory');

# ---- taking over
$pg->query("SELECT engage_set_owner('mine', 'team')");
like($pg->error("SELECT engage_retrain('mine')", user => 'bob'), qr/42501: permission denied to run the source of model "mine".*HINT:.*engage_set_author/s, 'an owner is no author');
like($pg->error("SELECT engage_set_author('mine')", user => 'bob'), qr/42P01: relation "mine" does not exist/, 'nor becomes one who does not see the table');
$pg->query('GRANT USAGE ON SCHEMA alice TO bob');
like($pg->error("SELECT engage_set_author('mine')", user => 'bob'), qr/42501: permission denied for table mine/, 'or may not read it');
like($pg->error("SELECT engage_set_author('mine')", user => 'alice'), qr/42501: must be owner/, 'who is no owner takes nothing over');
$pg->query('GRANT SELECT ON alice.mine TO bob');
is($pg->query("SELECT engage_set_author('mine')", user => 'bob') =~ /^1\.\d\.\d$/, 1, 'who may read is the author then');
is($pg->query("SELECT action, who, detail->>'from' FROM engage.events WHERE model = 'mine' ORDER BY id DESC LIMIT 1", user => 'bob'), 'author|bob|alice', 'which is an event');
is($retrain->('mine', user => 'bob'), '', 'and retrains');
is($retrain->('mine', user => 'bob'), '', 'also the version that he made');
$pg->query('REVOKE SELECT ON alice.mine FROM bob');
like($retrain->('mine'), qr/42501: permission denied for table mine/, 'it is read with his rights');
like($pg->error("SELECT engage_set_author('view')"), qr/42501: the source of model "view" runs function mallory\.probe\(integer\) of role "mallory"/, 'functions of others are not taken over');
$pg->query("CREATE TABLE public.team_rows AS SELECT * FROM plain; GRANT SELECT ON team_rows TO alice, bob; SELECT engage_train('import', 'plain', $learn)");

# ---- nothing is left behind: not by an error, not by a setting
my $s = $pg->session(user => 'alice');
$s->query("CREATE FUNCTION alice.sets(int) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN PERFORM set_config('work_mem', '99MB', false); PERFORM set_config('search_path', 'mallory', false); RETURN \$1; END \$\$");
$s->query("SELECT engage_train('sets', 'SELECT id, alice.sets(a) AS a, y FROM public.plain', $learn)");
is($s->query("SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('transaction_read_only'), current_user"), '4MB|"$user", public|off|alice', 'settings are changed back');
$s->query('CREATE FUNCTION alice.fails(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \'no\'; END $$');
my $probe = "SELECT current_user, current_setting('transaction_read_only'), current_setting('search_path')";
is($s->query("BEGIN; DO \$\$ BEGIN PERFORM engage_train('fails', 'SELECT id, alice.fails(a) AS a, y FROM public.plain', $learn); EXCEPTION WHEN raise_exception THEN NULL; END \$\$; $probe; CREATE TABLE alice.after (n int); ROLLBACK"),
	'alice|off|"$user", public', 'after an error that is caught the transaction goes on');
$s->close;

unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
