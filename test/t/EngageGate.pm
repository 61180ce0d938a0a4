package EngageGate;

# EngageGate.pm - probes in every text that engage stores, and the judgement of what they report
#
# A probe is a function that tries what its rights do not cover: it makes a superuser, runs a program, changes
# role, writes, leaves settings behind.  It then reports by a warning where it stands and as whom it ran:
#
#	probe|place|user|superuser|restricted, definer or free|read only|search_path|what worked
#
# Roles: dba is a superuser.  author wrote the texts whose places begin with "a ", and owner owns their models
# and policies; owner wrote those with "b ", dba those with "c ".  grantee was granted all of them.  deputy is a
# member of author and owner, stranger of nothing.  planter may create in schema public and in the database.
# Each has a schema of its own name with its own probes:
#
#	R.probe(place)		tries and reports, always
#	R.row(place, id)	volatile: does so for the row with id 1 (for sources)
#	R.rule(place, id)	stable: the same (for rules)
#	R.fold(place)		immutable: runs when a query with it is planned
#	R.label			a type with a cast to text that tells who it runs as

use strict;
use warnings;
use EngageTest;
use Exporter qw(import);
use POSIX ();
use Storable qw(retrieve store);

our @EXPORT = qw(@roles @callers make_objects probes_sql source given quote run_calls run_jobs judge places_that_fire);
our @callers = qw(dba owner author grantee stranger deputy);
our @roles = (@callers, 'planter');

# who wrote the text of a place
my %authors = (a => 'author', b => 'owner', c => 'dba');

# ----------
# Probes
# ----------

my @attempts = (
	'alter role' => 'ALTER ROLE planter SUPERUSER',
	'program' => q(COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'),
	'set role' => q(SELECT pg_catalog.set_config('role', 'planter', false)),
	'reset role' => q(SELECT pg_catalog.set_config('role', 'none', false)),
	'session authorization' => q(SELECT pg_catalog.set_config('session_authorization', 'planter', false)),
	'create role' => 'CREATE ROLE made',
	'grant' => 'GRANT ALL ON public.secret TO planter',
	'update' => 'UPDATE public.marks SET n = 1',
	'delete' => 'DELETE FROM public.marks',
	'truncate' => 'TRUNCATE public.marks',
	'create table' => 'CREATE TABLE public.made (n int)',
	'temporary table' => 'CREATE TEMP TABLE made (n int)',
	'listen' => 'LISTEN probe',
	'prepare' => 'PREPARE probe AS SELECT 1',
	'held cursor' => 'DECLARE probe CURSOR WITH HOLD FOR SELECT 1',
	'nextval' => q(SELECT pg_catalog.nextval('public.marks_seq')),
	'secret' => 'SELECT pg_catalog.count(*) FROM public.secret');

# What a superuser's own text may do, restricted and read-only as it is.
my %superusers_right = map { $_ => 1 } qw(program secret);

sub quote
{
	my ($s) = @_;

	return "'" . ($s =~ s/'/''/gr) . "'";
}

# The probes of one role, made by that role.  Names in them are qualified, since they run under any path.
sub probes_sql
{
	my ($role) = @_;
	my $attempts = join(', ', map { quote($_) } @attempts);

	return <<"SQL";
CREATE FUNCTION $role.report(place text, path text) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS \$probe\$
DECLARE
	attempts text[] := ARRAY[$attempts];
	worked text := '';
	state text := 'free';
	was_read_only text := current_setting('transaction_read_only');
BEGIN
	BEGIN
		PERFORM set_config('role', current_user::text, false);
		RAISE EXCEPTION USING ERRCODE = 'PROBE';
	EXCEPTION WHEN SQLSTATE 'PROBE' THEN NULL;
	WHEN OTHERS THEN
		state := CASE WHEN SQLERRM LIKE '%within security-restricted operation%' THEN 'restricted'
			WHEN SQLERRM LIKE '%within security-definer function%' THEN 'definer' ELSE SQLERRM END;
	END;
	FOR i IN 1 .. cardinality(attempts) / 2 LOOP
		BEGIN
			EXECUTE attempts[2 * i];
			RAISE EXCEPTION USING ERRCODE = 'PROBE';
		EXCEPTION WHEN SQLSTATE 'PROBE' THEN worked := concat_ws(',', nullif(worked, ''), attempts[2 * i - 1]);
		WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	BEGIN
		PERFORM set_config('transaction_read_only', 'off', false);
		IF was_read_only = 'on' AND current_setting('transaction_read_only') = 'off' THEN worked := concat_ws(',', nullif(worked, ''), 'read write'); END IF;
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	-- these stay, if they can: the caller looks for them
	BEGIN
		PERFORM set_config('probe.mark', 'left', false), set_config('work_mem', '77MB', false);
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	BEGIN
		INSERT INTO public.marks VALUES (1);
		worked := concat_ws(',', nullif(worked, ''), 'insert');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	RAISE WARNING 'probe|%|%|%|%|%|%|%', place, current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), state, was_read_only, path, worked;
	RETURN true;
END \$probe\$;
CREATE FUNCTION $role.probe(place text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS
	'BEGIN RETURN $role.report(place, pg_catalog.current_setting(''search_path'')); END';
-- cheap, so that it is asked before conditions of engage's, such as which rows were held out
CREATE FUNCTION $role.row(place text, id int) RETURNS boolean LANGUAGE plpgsql VOLATILE COST 1 AS
	'BEGIN IF id OPERATOR(pg_catalog.=) 1 THEN RETURN $role.probe(place); END IF; RETURN true; END';
CREATE FUNCTION $role.rule(place text, id int) RETURNS boolean LANGUAGE plpgsql STABLE COST 1 AS
	'BEGIN IF id OPERATOR(pg_catalog.=) 1 THEN RETURN $role.probe(place); END IF; RETURN true; END';
CREATE FUNCTION $role.fold(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	'BEGIN RETURN $role.probe(place); END';
-- a type of the role's own, and what an assignment of it runs
CREATE TYPE $role.label AS (word text);
CREATE FUNCTION $role.word($role.label) RETURNS text LANGUAGE plpgsql AS
	'BEGIN RAISE WARNING ''probe|own cast|%|f|||||'', current_user; RETURN (\$1).word; END';
CREATE CAST ($role.label AS text) WITH FUNCTION $role.word($role.label) AS ASSIGNMENT;
SQL
}

# ----------
# Objects
# ----------

# A source with probes: a row's, and one that runs when it is planned.
sub source
{
	my ($role, $place, $from) = @_;

	$from //= 'customers';
	return "SELECT * FROM $from WHERE $role.row('$place', id) AND $role.fold('$place, planned')";
}

# The source that a role gives with a call: names in it are qualified, for the path of the session is anybody's.
sub given
{
	my ($role) = @_;

	return source($role, 'given', 'public.customers');
}

# Superuser's part: roles, tables that everybody may read (nothing but engage is to stop anybody).
sub ground_sql
{
	my $sql = <<'SQL';
CREATE ROLE dba LOGIN SUPERUSER;
CREATE ROLE owner LOGIN;
CREATE ROLE author LOGIN;
CREATE ROLE grantee LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE planter LOGIN;
CREATE ROLE deputy LOGIN IN ROLE owner, author;
GRANT CREATE ON SCHEMA public TO planter;
CREATE TABLE public.customers AS
SELECT g AS id, (g * 7919) % 61 AS tenure, ((g * 104729) % 1000)::float8 / 10 AS spend, (ARRAY['basic', 'pro', 'gold'])[1 + g % 3] AS plan,
	date '2024-01-01' + g % 300 AS since, (g * 7919) % 61 + g % 7 > 34 AS churned
FROM generate_series(1, 150) g;
CREATE TABLE public.marks (n int);
CREATE SEQUENCE public.marks_seq;
CREATE TABLE public.secret AS SELECT 'the secret'::text AS word;
GRANT SELECT ON public.customers TO PUBLIC;
GRANT ALL ON public.marks, public.marks_seq TO PUBLIC;
SQL
	$sql .= "GRANT CREATE ON DATABASE :DBNAME TO planter;\n";
	$sql .= "CREATE SCHEMA $_ AUTHORIZATION $_; GRANT USAGE ON SCHEMA $_ TO PUBLIC;\n" foreach @roles;
	return $sql;
}

# What each writer of texts declares; $p is the prefix of his objects' names and places.
sub declare_sql
{
	my ($p) = @_;
	my $role = $authors{$p};
	my $query = quote(source($role, "$p query"));
	my $monitor = quote(source($role, "$p monitor"));
	my $outcomes = quote(source($role, "$p outcomes"));
	my $quick = "target => 'churned', key => 'id', features => '{tenure,spend,plan}', deploy => 'always'";

	return <<"SQL";
CREATE TABLE $role.guarded AS TABLE public.customers;
ALTER TABLE $role.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY guard ON $role.guarded USING ($role.rule('$p row security', id));
CREATE VIEW $role.watched AS SELECT * FROM $role.guarded WHERE $role.row('$p view', id) AND $role.fold('$p view, planned');
GRANT SELECT ON $role.guarded, $role.watched TO PUBLIC;
SELECT engage_train('${p}_query', $query, $quick, params => '{"n_estimators": 3}');
SELECT engage_retrain('${p}_query', deploy => 'never');
SELECT engage_train('${p}_table', 'guarded', $quick, algorithm => 'logistic_regression');
SELECT engage_train('${p}_view', 'watched', $quick, algorithm => 'logistic_regression');
SELECT engage_monitor('${p}_query', $monitor, outcomes => $outcomes, policy => 'rollback', cooldown => '0',
	thresholds => '{"drift": 0.2, "auc": {"min": 0.01}, "rows": {"min": 1}, "prediction_mean": {"shift": 9}}');
SELECT engage_monitor('${p}_view', 'watched', outcomes => 'guarded', policy => 'retrain', cooldown => '0', thresholds => '{"age": 0, "auc": {"min": 0.01}}');
CREATE DOMAIN $role.nick AS text CHECK ($role.rule('$p domain', length(VALUE)));
CREATE TYPE $role.pair AS (a $role.nick, b int);
CREATE FUNCTION $role.to_pair(text) RETURNS $role.pair LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM $role.probe(''$p cast''); RETURN ROW(\$1, 1)::$role.pair; END';
CREATE CAST (text AS $role.pair) WITH FUNCTION $role.to_pair(text) AS ASSIGNMENT;
CREATE TABLE $role.events (card int, at timestamptz, amount float8);
INSERT INTO $role.events SELECT 1, timestamptz '2024-01-01' + g * interval '1 min', g FROM generate_series(1, 9) g;
SELECT engage_velocity_track('${p}_speed', '$role.events', 'card', 'at', 'amount');
GRANT SELECT ON $role.${p}_speed_velocity TO PUBLIC;
SELECT engage_policy('${p}_policy', '{"explain": {"from": 0}, "layers": [
	{"name": "r", "rules": [{"name": "one", "when": "rule(''$p rule'', id)", "score": 50}, {"name": "two", "when": "fold(''$p rule, planned'') AND nick = ''x'' AND (pair).b = 1", "score": 40}]},
	{"name": "v", "velocity": "${p}_speed", "key": "id", "limits": {"count_24h": 0}},
	{"name": "m", "models": [{"model": "${p}_query"}]}]}',
	source => ${\ quote("SELECT *, 'a'::$role.nick AS nick, ROW('a', 1)::$role.pair AS pair FROM customers WHERE $role.row('$p policy source', id) AND $role.fold('$p policy source, planned')")});
SELECT engage_policy_grant('${p}_policy', 'grantee');
GRANT INSERT ON $role.events TO PUBLIC;
SELECT engage_create_view('$role.scored', '${p}_query', ${\ quote(source($role, "$p created view"))}, 'id');
GRANT SELECT ON $role.scored TO PUBLIC;
SELECT engage_set_wording('${p}_query', '{"none": "$role.probe(wording)", "sentence": "{name}\$\$; SELECT $role.probe(''wording'')"}');
SELECT engage_log_predictions('${p}_query', 'SELECT * FROM customers', 'id');
SQL
}

# Models of all kinds, each with a source of its own.
sub kinds_sql
{
	my $train = sub {
		my ($name, $rest) = @_;
		return "SELECT engage_train('a_$name', " . quote(source('author', "a $name")) . ", key => 'id', $rest);\n";
	};
	my $numbers = "features => '{tenure,spend}'";

	return join('',
		$train->('kmeans', "algorithm => 'kmeans', $numbers, params => '{\"k\": 2}'"),
		$train->('curve', "algorithm => 'kmeans', $numbers"),
		$train->('hdbscan', "algorithm => 'hdbscan', $numbers, params => '{\"min_cluster_size\": 5}'"),
		$train->('anomaly', "algorithm => 'isolation_forest', $numbers, params => '{\"n_estimators\": 5}'"),
		$train->('spend', "target => 'spend', features => '{tenure,plan}', algorithm => 'linear_regression', intervals => 0.8"),
		$train->('quantile', "target => 'spend', features => '{tenure,plan}', task => 'quantile', params => '{\"n_estimators\": 3}'"),
		$train->('set', "target => 'plan', features => '{tenure,spend}', algorithm => 'naive_bayes', intervals => 0.8"),
		$train->('remember', "target => 'churned', $numbers, algorithm => 'logistic_regression', remember => 'id'"),
		$train->('ensemble', "target => 'churned', features => '{tenure,spend,plan}', algorithm => 'ensemble', params => '{\"method\": \"average\", \"members\": [\"a_query\"]}'"),
		"SELECT engage_tune('a_tuned', " . quote(source('author', 'a tuned')) . ", 'churned', key => 'id', $numbers, trials => 2, folds => 2, algorithms => '{logistic_regression}');\n",
		"SELECT engage_experiment_start('a_trial', 'a_query', ARRAY['1.0.0', '1.0.1'], key => 'id');\n",
		"SELECT engage_log_predictions('a_query', 'SELECT * FROM customers', 'id');\n",
		"SELECT engage_label_segment('a_kmeans', 1, 'first');\n",
		"CREATE TABLE author.fitted AS SELECT engage_fit('logistic_regression', churned, ARRAY[tenure, spend], '{}'::jsonb, 'binary', ARRAY['tenure', 'spend']) AS model FROM customers;\n",
		"GRANT SELECT ON author.fitted TO PUBLIC;\n");
}

# All of it in a fresh database.  Texts are written under the path "$user", public, with names that are not qualified.
sub make_objects
{
	my ($pg, %o) = @_;
	my @steps = ([ 'postgres', ground_sql() ]);
	my $quiet = "SET engage.progress = off; SET client_min_messages = error;\n";

	push @steps, map { [ $_, probes_sql($_) . "CREATE TABLE events (card int, at timestamptz, amount float8); INSERT INTO events VALUES (1, '2024-01-01', 5);" ] }
		grep { my $r = $_; !grep { $_ eq $r } values %authors } @roles;
	push @steps, map { [ $authors{$_}, $quiet . probes_sql($authors{$_}) . declare_sql($_) ] } sort keys %authors;
	push @steps, [ 'author', $quiet . kinds_sql() ];
	# opened by dba, who has the right: alerts to acknowledge
	push @steps, [ 'dba', <<'SQL' ];
SET client_min_messages = error;
SELECT engage_check();
SELECT engage_set_owner(model, 'owner') FROM engage.models;
SELECT engage_policy_set_owner(policy, 'owner') FROM engage.policies;
SELECT engage_grant(model, r) FROM engage.models, unnest(ARRAY['grantee', 'author']) r;
CREATE TABLE public.exported AS SELECT engage_export('a_query') AS theirs, engage_export('a_query', 'engage') AS ours;
GRANT SELECT ON public.exported TO PUBLIC;
TRUNCATE public.marks;
SQL
	$pg->query($_->[1], %o, user => $_->[0]) foreach @steps;
	return;
}

# ----------
# Calls
# ----------

# What no text may change, of the session and of the cluster.
my @state = ('current user' => 'current_user', 'session user' => 'session_user', map({ $_ => "pg_catalog.current_setting('$_')" } qw(transaction_read_only search_path work_mem row_security)),
	'setting of a probe' => "COALESCE(pg_catalog.current_setting('probe.mark', true), '')", superusers => '(SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolsuper)',
	map({ $_->[0] => "(SELECT pg_catalog.count(*) FROM $_->[1])" } [ 'roles', 'pg_catalog.pg_roles' ], [ 'rows written', 'public.marks' ], [ 'channels', 'pg_catalog.pg_listening_channels()' ],
		[ 'prepared statements', 'pg_catalog.pg_prepared_statements' ], [ 'cursors', 'pg_catalog.pg_cursors' ]),
	'grant on secret' => "pg_catalog.has_table_privilege('planter', 'public.secret', 'SELECT')");
my $state = 'SELECT ' . join(', ', @state[ map { 2 * $_ + 1 } 0 .. $#state / 2 ]);

# What differs: "superusers: 3 (was 2)".
sub changes
{
	my @before = split /\|/, $_[0], -1;
	my @after = split /\|/, $_[1], -1;

	return join(', ', map { $before[$_] eq $after[$_] ? () : "$state[2 * $_]: $after[$_] (was $before[$_])" } 0 .. $#before);
}

# Each call in a transaction of its own that is rolled back, all in one session; named options: user, who logs in;
# role, the calling one; database; before, SQL at the beginning; begin, of each transaction.  For each call its
# probes, its first error, and whether the state was another than before.
sub run_calls
{
	my ($pg, $calls, %o) = @_;
	my $role = $o{role} // $o{user};
	my $begin = $o{begin} // 'BEGIN';
	my $script = "SET engage.progress = off; SET client_min_messages = warning;\n" . ($o{before} // '')
		. "\\set ON_ERROR_ROLLBACK on\n$begin;\n\\echo <before>\n$state;\nROLLBACK;\n";
	my $n = 0;

	foreach my $call (@$calls)
	{
		my $end = $call->{run} ? "\n\\gexec\n" : ";\n";

		$script .= "\\warn <$n>\n" . ($call->{alone} ? '' : "$begin;\n") . "\\o /dev/null\n$call->{sql}$end\\o\n\\echo <$n>\n$state;\n"
			. ($call->{alone} ? '' : "ROLLBACK;\n") . "DEALLOCATE ALL; UNLISTEN *; RESET work_mem; RESET probe.mark;\n";
		$n++;
	}
	my ($status, $out, $err) = $pg->psql($script, user => $o{user}, database => $o{database}, on_error_stop => 0, timeout => 600);
	my %state = $out =~ /^<(\w+)>\n(.*)$/mg;
	my (undef, %said) = split /^<(\d+)>\n/m, $err;
	my @results;

	$n = 0;
	foreach my $call (@$calls)
	{
		my $said = $said{$n} // '';
		my ($error) = $said =~ /(?:ERROR|FATAL|PANIC):  (.*)/;
		my %r = (call => $call, role => $role, super => $role eq 'dba', error => $error, probes => [ map { [ split /\|/, $_, -1 ] } $said =~ /WARNING:  01000: probe\|(.*)/g ]);

		$r{lost} = 1 if !defined $state{$n};
		$r{state} = changes($state{before}, $state{$n}) if defined $state{$n} && $state{$n} ne ($state{before} // '');
		push @results, \%r;
		$n++;
	}
	return @results;
}

# [name, calls, options of run_calls()], divided among the databases, which are worked on at the same time;
# gives [name, results] in the order of the jobs.
sub run_jobs
{
	my ($pg, $jobs, @databases) = @_;
	my @workers;

	foreach my $worker (0 .. $#databases)
	{
		my $pid = fork // die "could not fork: $!";
		if ($pid == 0)
		{
			my @mine = map { $_ % @databases == $worker ? $_ : () } 0 .. $#$jobs;
			my %done = eval { map { my (undef, $calls, @o) = @{ $jobs->[$_] }; $_ => [ run_calls($pg, $calls, @o, database => $databases[$worker]) ] } @mine };

			store({ error => $@, done => \%done }, "$pg->{top}/worker.$worker");
			POSIX::_exit(0);
		}
		push @workers, $pid;
	}
	my %done;
	foreach my $worker (0 .. $#databases)
	{
		waitpid($workers[$worker], 0);
		my $got = retrieve("$pg->{top}/worker.$worker");
		unlink "$pg->{top}/worker.$worker";
		die $got->{error} if $got->{error};
		%done = (%done, %{ $got->{done} });
	}
	return map { [ $jobs->[$_][0], @{ $done{$_} } ] } 0 .. $#$jobs;
}

# ----------
# Judgement
# ----------

my %member = (dba => [ 'dba', 'owner', 'author' ], owner => ['owner'], author => ['author'], deputy => [ 'owner', 'author' ], grantee => [], stranger => []);

# whose policies a role may decide with: owner owns them all
my %may_decide = (%member, owner => [qw(dba owner author)], deputy => [qw(dba owner author)], grantee => [qw(dba owner author)]);

# What is wrong with a call: each thing once.
sub judge
{
	my ($r) = @_;
	my ($role, $name) = ($r->{role}, $r->{call}{function}{name});
	my %wrong;

	foreach my $probe (@{ $r->{probes} })
	{
		my ($place, $user, $super, $context, $read_only, $path, $worked) = @$probe;
		my ($prefix, $kind) = $place =~ /^([abc]) (.*)$/;
		my $author = defined $prefix ? $authors{$prefix} : $place =~ /^planted/ ? 'planter' : $role;
		my $what = $place =~ s/, planned$//r;

		# who takes a source over has it run as himself, but not with a superuser's rights
		my $taken = $name eq 'set_author' && $user eq $role && $super ne 't';
		if ($place =~ /^temporary/)
		{
			$wrong{"$what stood in the way and ran as $user"} = 1;
			next;
		}
		$wrong{"$what: ran as $user, not $author"} = 1 if $user ne $author && !$taken;
		next if $place eq 'own cast';
		my @worked = grep { !($author eq 'dba' && $user eq 'dba' && $superusers_right{$_}) } split /,/, $worked;
		$wrong{"$what: worked: @worked"} = 1 if @worked;
		# what a role has planted for itself need not be restricted
		next if $place =~ /^planted/;
		$wrong{"$what: not restricted ($context)"} = 1 if $context ne 'restricted';
		$wrong{"$what: not read-only"} = 1 if $read_only ne 'on';
		next if !defined $prefix;
		$wrong{"$what: temporary objects are not last in the path $path"} = 1 if $path !~ /(^|, )pg_temp$/;
		my $may = $kind =~ /^(rule|domain|cast)/ ? \%may_decide : \%member;
		$wrong{"$what: ran for $role"} = 1 if !$taken && !grep { $_ eq $author } @{ $may->{$role} };
		$wrong{"$what: ran at all"} = 1 if $kind =~ /^(created view|policy source)/;
	}
	$wrong{'the session ended'} = 1 if $r->{lost};
	$wrong{"left behind: $r->{state}"} = 1 if defined $r->{state};
	$wrong{"internal error: $r->{error}"} = 1 if defined $r->{error} && $r->{error} =~ /^XX000/;
	return sort keys %wrong;
}

# The places that must have reported as their authors, or the test has not tried them.
sub places_that_fire
{
	my @each = ('query', 'query, planned', 'row security', 'view', 'view, planned', 'monitor', 'monitor, planned', 'outcomes', 'rule', 'rule, planned');

	# row security is not for superusers
	return (grep({ $_ ne 'c row security' } map { my $p = $_; map { "$p $_" } @each } sort keys %authors), map { ("a $_", "a $_, planned") } qw(kmeans curve hdbscan anomaly spend quantile set remember ensemble tuned));
}

1;
