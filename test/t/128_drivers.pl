# Parameters as drivers send them: every public function with parameters of no type resolves, or a line here says why not; a row is taken as text,
# json, jsonb and untyped by every function that takes one; and real drivers ask: psycopg2, JDBC, ODBC, node-postgres.  A driver that is not
# installed is skipped with a word.

use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;

my $pg = EngageTest->new;
$pg->query(<<'SQL');
SET client_min_messages = error;
CREATE TABLE sw AS SELECT g AS id, g % 7 AS a, (ARRAY['x', 'y', 'z'])[1 + g % 3] AS b, g % 7 > 3 AS y, (g % 7)::float8 + g % 3 AS n FROM generate_series(1, 300) g;
SELECT engage_train('bit', 'SELECT id, a, b, y FROM sw', target => 'y', key => 'id', params => '{"n_estimators": 5}', intervals => 0.9);
SELECT engage_train('number', 'SELECT id, a, b, n FROM sw', target => 'n', key => 'id', params => '{"n_estimators": 5}', intervals => 0.9);
SELECT engage_train('band', 'SELECT id, a, b, n FROM sw', target => 'n', key => 'id', task => 'quantile', params => '{"n_estimators": 5, "quantiles": [0.1, 0.5, 0.9]}');
SELECT engage_train('groups', 'SELECT id, a, n FROM sw', key => 'id', algorithm => 'kmeans', params => '{"k": 3}');
SQL

# ---- the catalog: no types at all
my %reason = (
	'engage_fit' => 'takes a parameter of any type: as whatever it is, so it must be known',
	'engage_tune_commit' => 'is a procedure: CALL');
my @refused = split /\n/, $pg->query(<<'SQL');
CREATE TEMP TABLE refused (name text, n int, error text);
DO $do$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT DISTINCT p.proname, k FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e',
		generate_series((pronargs - pronargdefaults)::int, pronargs::int) k WHERE p.pronamespace = 'public'::regnamespace
	LOOP
		BEGIN
			EXECUTE format('PREPARE u AS SELECT %I(%s)', f.proname, (SELECT string_agg('$' || i, ', ') FROM generate_series(1, f.k) i));
			EXECUTE 'DEALLOCATE u';
		EXCEPTION WHEN others THEN
			INSERT INTO refused VALUES (f.proname, f.k, sqlerrm);
		END;
	END LOOP;
END $do$;
SELECT DISTINCT name, EXISTS (SELECT FROM pg_proc p WHERE p.proname = name AND p.prokind = 'a') FROM refused;
SQL
is(join("\n", grep { !/\|t$/ && !$reason{ s/\|.*//r } } @refused), '', 'every function that is no aggregate resolves without types');
is(join("\n", sort grep { my $f = $_; !grep { /^\Q$f\E\|/ } @refused } keys %reason), '', 'and what is listed does not');

# ---- a row is a row in every form, in every function that takes one as JSON
is($pg->query(<<'SQL'), '', 'who takes a row as jsonb takes it as text and as json, with the same arguments');
WITH f AS (SELECT p.oid, p.pronamespace, p.proname, p.proargtypes::oid[] AS types, array_position(p.proargnames, 'row') - 1 AS place FROM pg_proc p
	JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
SELECT f.oid::regprocedure, t FROM f, unnest('{text,json}'::regtype[]) t WHERE f.types[f.place] = 'jsonb'::regtype
	AND NOT EXISTS (SELECT FROM f g WHERE g.proname = f.proname AND g.pronamespace = f.pronamespace AND g.types[g.place] = t
		AND array_remove(g.types[0:g.place - 1] || g.types[g.place + 1:], NULL) = array_remove(f.types[0:f.place - 1] || f.types[f.place + 1:], NULL))
SQL
my $row = q('{"id": 5, "a": 5, "b": "z", "n": 6.5}');
my @calls = map { [ $_, "'bit', R" ] } qw(predict predict_class predict_proba predict_set explain explain_json why why_reasons interactions plot_force plot_waterfall counterfactual);
push @calls, [ 'predict', "'number', R" ], [ 'predict_interval', "'number', R" ], [ 'predict_quantiles', "'band', R" ], [ 'segment', "'groups', R" ],
	[ 'what_if', q('bit', R, '{"a": 1}') ], [ 'counterfactual', q('number', R, 3) ], [ 'predict_logged', q('bit', R, 'id') ];
foreach my $call (@calls)
{
	my ($f, $arguments) = @$call;
	my %answer;

	foreach my $form ("$row", map { "$row\::$_" } qw(text varchar json jsonb))
	{
		my $sql = "engage_$f(" . ($arguments =~ s/\bR\b/$form/r) . ')';

		$answer{ ($pg->psql("SET client_min_messages = error; SELECT q::text FROM $sql q"))[1] =~ s/\s+/ /gr } .= " $form";
	}
	is(scalar(keys %answer), 1, "engage_$f($arguments): one answer for text, json, jsonb and no type") or diag(explain \%answer);
	isnt((keys %answer)[0], '', "engage_$f($arguments): an answer");
}
is($pg->query("SELECT count(DISTINCT x) FROM (SELECT engage_predict('bit', s) AS x FROM sw s WHERE id = 5 UNION ALL SELECT engage_predict('bit', to_json(s)) FROM sw s WHERE id = 5
	UNION ALL SELECT engage_predict('bit', to_jsonb(s)::text) FROM sw s WHERE id = 5) q"), '1', 'the row itself has the same score');
like($pg->query("EXPLAIN (VERBOSE, COSTS off) SELECT engage_predict('bit', to_json(s)) FROM sw s"), qr/\(to_json\(s\.\*\)\)::jsonb/, 'json is no call more');
like($pg->error("SELECT engage_predict('bit', 'nonsense')"), qr/invalid input syntax for type json/, 'text that is no JSON');
like($pg->error("SELECT engage_predict('bit', '[1, 2]')"), qr/object/, 'JSON that is no object');
is($pg->query("SELECT engage_predict('bit', NULL) IS NULL"), 't', 'NULL has no score');

foreach my $f (qw(predict predict_class predict_proba predict_set))
{
	is($pg->query("PREPARE u AS SELECT engage.$f(\$1, \$2)::text; EXECUTE u('bit', $row)"), $pg->query("SELECT engage_$f('bit', $row\::jsonb)::text"), "engage.$f() takes parameters without types");
}

# rights: the forms call the one of jsonb, as the caller
$pg->query("CREATE ROLE app LOGIN; REVOKE EXECUTE ON FUNCTION engage_predict(text, jsonb) FROM PUBLIC; SELECT engage_grant('bit', 'app')");
like($pg->error("SELECT engage_predict('bit', $row\::$_)", user => 'app'), qr/42501/, "who may not call it with jsonb may not with $_") foreach qw(text json);
$pg->query('GRANT EXECUTE ON FUNCTION engage_predict(text, jsonb) TO PUBLIC');

# ---- the drivers
my $want = $pg->query("SELECT engage_predict('bit', $row\::jsonb)");
my $dir = tempdir('engage-drivers.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = $pg->query('SHOW port');
my $user = $pg->query('SELECT current_user');
my $database = $pg->query('SELECT current_database()');
my $json = '{"id": 5, "a": 5, "b": "z", "n": 6.5}';
local %ENV = (%ENV, PGHOST => $pg->host, PGPORT => $port, PGUSER => $user, PGDATABASE => $database, ROW => $json);

# Runs a program; its lines are NAME|SCORE.
sub ask
{
	my ($driver, $expected, $file, $text, @command) = @_;

	open my $out, '>', "$dir/$file" or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
	my $command = join ' ', map { "'" . s/'/'\\''/gr . "'" } @command;
	my $answer = `cd '$dir' && $command 2>&1`;
	my @lines = grep { /\|/ } split /\n/, $answer;

	is(scalar(@lines), $expected, "$driver: all is answered") or diag($answer);
	foreach my $line (@lines)
	{
		my ($what, $score) = split /\|/, $line;

		cmp_ok(abs($score - $want), '<', 1e-9, "$driver: $what") if $score =~ /^[-+.e\d]+$/;
		like($score, qr/^[-+.e\d]+$/, "$driver: $what is a number");
	}
}

sub runs { return system("@_ >/dev/null 2>&1") == 0 }

SKIP:
{
	skip 'psycopg2 is not installed', 1 unless runs("python3 -c 'import psycopg2'");
	ask('psycopg2', 5, 'ask.py', <<'PY', 'python3', 'ask.py');
import json, os, psycopg2, psycopg2.extras
c = psycopg2.connect('').cursor()
row = os.environ['ROW']
for name, sql, args in [
        ('text', 'SELECT engage_predict(%s, %s)', ('bit', row)),
        ('Json', 'SELECT engage_predict(%s, %s)', ('bit', psycopg2.extras.Json(json.loads(row)))),
        ('::json', 'SELECT engage_predict(%s, %s::json)', ('bit', row)),
        ('row_to_json', "SELECT engage_predict(%s, row_to_json(s)) FROM sw s WHERE id = %s", ('bit', 5)),
        ('named', 'SELECT engage_predict(model => %s, "row" => %s)', ('bit', row))]:
    c.execute(sql, args)
    print(name + '|' + repr(c.fetchone()[0]))
PY
}

my ($jar) = grep { -e } '/usr/share/java/postgresql.jar';
SKIP:
{
	skip 'JDBC is not installed', 1 unless $jar && runs('java -version');
	skip 'java cannot run a source file', 1 unless runs('javac -version');

	# JDBC knows no Unix sockets: a bridge from a port of 127.0.0.1
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "listen: $!";
	my $bridge = fork // die "fork: $!";

	if ($bridge == 0)
	{
		while (my $client = $listener->accept)
		{
			my $server = IO::Socket::UNIX->new($pg->host . "/.s.PGSQL.$port") or POSIX::_exit(1);
			my $both = IO::Select->new($client, $server);

			while (my @ready = $both->can_read)
			{
				my $ended = 0;

				foreach my $from (@ready)
				{
					my $n = sysread $from, my $bytes, 65536;

					$ended = 1, next if !$n;
					syswrite $from == $client ? $server : $client, $bytes;
				}
				last if $ended;
			}
			close $_ foreach $client, $server;
		}
		POSIX::_exit(0);
	}
	local $ENV{PGPORT} = $listener->sockport;
	ask('JDBC', 6, 'Ask.java', <<'JAVA', 'java', '-cp', $jar, 'Ask.java');
import java.sql.*;
import java.util.Properties;
public class Ask {
	static void ask(Connection c, String name, String sql, Object row) throws Exception {
		try (PreparedStatement s = c.prepareStatement(sql)) {
			s.setObject(1, "bit");
			s.setObject(2, row);
			for (int i = 0; i < 7; i++) {
				try (ResultSet r = s.executeQuery()) { r.next(); if (i == 6) System.out.println(name + "|" + r.getDouble(1)); }
			}
		}
	}
	static Object object(String type, String value) throws Exception {
		org.postgresql.util.PGobject o = new org.postgresql.util.PGobject();
		o.setType(type);
		o.setValue(value);
		return o;
	}
	public static void main(String[] a) throws Exception {
		String row = System.getenv("ROW");
		for (String strings : new String[] {"varchar", "unspecified"}) {
			Properties p = new Properties();
			p.setProperty("user", System.getenv("PGUSER"));
			p.setProperty("stringtype", strings);
			try (Connection c = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), p)) {
				ask(c, "setString, stringtype " + strings, "SELECT engage_predict(?, ?)", row);
				ask(c, "json, stringtype " + strings, "SELECT engage_predict(?, ?)", object("json", row));
				ask(c, "jsonb, stringtype " + strings, "SELECT engage_predict(?, ?)", object("jsonb", row));
			}
		}
	}
}
JAVA
	kill 'TERM', $bridge;
	waitpid $bridge, 0;
}

SKIP:
{
	my ($library) = grep { -e } glob('/usr/lib/*/odbc/psqlodbcw.so');

	skip 'ODBC for PostgreSQL is not installed', 1 unless $library && runs("python3 -c 'import pyodbc'");
	local $ENV{LIBRARY} = $library;
	ask('ODBC', 6, 'odbc.py', <<'PY', 'python3', 'odbc.py');
import os, pyodbc
row = os.environ['ROW']
for prepare in (0, 1):
    c = pyodbc.connect('DRIVER=%s;SERVER=%s;PORT=%s;UID=%s;DATABASE=%s;UseServerSidePrepare=%d' % (
        os.environ['LIBRARY'], os.environ['PGHOST'], os.environ['PGPORT'], os.environ['PGUSER'], os.environ['PGDATABASE'], prepare)).cursor()
    for name, sql in [('text', 'SELECT engage_predict(?, ?)'), ('::json', 'SELECT engage_predict(?, ?::json)'), ('::jsonb', 'SELECT engage_predict(?, ?::jsonb)')]:
        print('%s, UseServerSidePrepare=%d|%r' % (name, prepare, c.execute(sql, 'bit', row).fetchone()[0]))
PY
}

SKIP:
{
	skip 'npm is not installed', 1 unless runs('npm --version');
	skip 'npm cannot get pg here', 1 unless runs("cd '$dir' && timeout 120 npm install --no-audit --no-fund --fetch-retries=1 pg");
	ask('node-postgres', 5, 'ask.js', <<'JS', 'node', 'ask.js');
const { Client } = require('pg');
(async () => {
	const c = new Client();
	const row = process.env.ROW;
	await c.connect();
	for (const [name, query] of [
		['text', { text: 'SELECT engage_predict($1, $2) AS x', values: ['bit', row] }],
		['an object', { text: 'SELECT engage_predict($1, $2) AS x', values: ['bit', JSON.parse(row)] }],
		['prepared', { name: 'p', text: 'SELECT engage_predict($1, $2) AS x', values: ['bit', row] }],
		['::json', { text: 'SELECT engage_predict($1, $2::json) AS x', values: ['bit', row] }],
		['::jsonb', { text: 'SELECT engage_predict($1, $2::jsonb) AS x', values: ['bit', row] }]])
		console.log(name + '|' + (await c.query(query)).rows[0].x);
	await c.end();
})().catch(e => console.log(e.message));
JS
}

done_testing();
