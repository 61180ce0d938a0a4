# Every function of engage, called by everybody, with a probe in every text that engage stores: each text runs
# as its author, restricted and read-only, for who may have it run, and leaves nothing behind.  The same with
# temporary objects in the way of every name, after SET ROLE, in a READ ONLY transaction, and while a
# materialized view is refreshed.  073_planted.pl does it with functions and operators planted.
#
# The list of functions comes from the catalog: one that EngageCalls.pm does not say how to call fails the test.

use strict;
use warnings;
use EngageCalls;
use EngageGate;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(jit => 'off');

# ---- a function or a view without a line is a failure, and so is a line without a function
my @catalog = catalog($pg);
is(join("\n", missing(@catalog)), '', 'every function and view has a line');
$pg->query('CREATE DATABASE scratch');
$pg->query(<<'SQL', database => 'scratch');
CREATE EXTENSION engage;
CREATE FUNCTION engage_forgotten(model text) RETURNS text LANGUAGE sql RETURN model;
CREATE FUNCTION engage.forgotten_too(integer, jsonb) RETURNS integer LANGUAGE sql RETURN $1;
ALTER EXTENSION engage ADD FUNCTION engage_forgotten(text);
ALTER EXTENSION engage ADD FUNCTION engage.forgotten_too(integer, jsonb);
CREATE VIEW engage.unseen AS SELECT 1 AS n;
ALTER EXTENSION engage DROP FUNCTION engage_why(text, jsonb, integer, text, text);
ALTER EXTENSION engage DROP FUNCTION engage_why(text, record, integer, text, text);
ALTER EXTENSION engage DROP FUNCTION engage_why(text, text, integer, text, text);
ALTER EXTENSION engage DROP FUNCTION engage_why(text, json, integer, text, text);
SQL
my $missing = join("\n", missing(catalog($pg, database => 'scratch')));
like($missing, qr/^function public\.engage_forgotten\(text\) has no line: add to EngageCalls\.pm how it is called/m, 'a new function needs one');
like($missing, qr/^function engage\.forgotten_too\(integer, jsonb\) has no line/m, 'in schema engage, too');
like($missing, qr/^view engage\.unseen has no line/m, 'and a new view');
like($missing, qr/^there is no function why any more/m, 'a line without its function is found');
$pg->query('DROP DATABASE scratch');

# ---- two databases with the same objects, for two workers
make_objects($pg);
$pg->query("CREATE DATABASE $_ TEMPLATE postgres", database => 'template1') foreach 'one', 'two';

# Objects of the session in the way of the names in texts and in SQL of engage: relations of engage, of the server
# and of the texts' authors, aliases, types.  Whoever reads or converts with them is told by a warning.
sub temporary_sql
{
	my ($role) = @_;

	return <<"SQL";
DO \$\$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT c.relname, (SELECT pg_catalog.string_agg(pg_catalog.format('NULL::%s AS %I', a.atttypid::pg_catalog.regtype, a.attname), ', ' ORDER BY a.attnum)
			FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) AS columns
		FROM pg_catalog.pg_class c
		WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,p}') AND c.relnamespace OPERATOR(pg_catalog.=) ANY
			(ARRAY['engage', 'pg_catalog', 'public', 'author', 'owner', 'dba']::pg_catalog.regnamespace[])
		UNION
		SELECT n, '1 AS n' FROM pg_catalog.unnest('{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,source,rows,row,unnest,used,line,family,names,shown,current}'::pg_catalog.text[]) n
	LOOP
		BEGIN
			EXECUTE pg_catalog.format('CREATE TEMP VIEW %I AS SELECT %s FROM $role.probe(%L) AS probe WHERE probe', r.relname, r.columns,
				'temporary view ' OPERATOR(pg_catalog.||) r.relname);
			EXECUTE pg_catalog.format('GRANT SELECT ON pg_temp.%I TO PUBLIC', r.relname);
		-- columns of a pseudo-type, or there are two
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR r IN SELECT n FROM pg_catalog.unnest('{text,jsonb,json,int2,int4,int8,float4,float8,bool,oid,name,numeric,bytea,timestamptz,timestamp,date,interval,varchar,regclass,regtype,regproc,regrole,regprocedure}'::pg_catalog.text[]) n
	LOOP
		EXECUTE pg_catalog.format('CREATE DOMAIN pg_temp.%I AS pg_catalog.%1\$I CHECK ($role.probe(%L))', r.n, 'temporary type ' OPERATOR(pg_catalog.||) r.n);
	END LOOP;
END \$\$;
SQL
}

# What a refresh of somebody's materialized view calls.
sub refreshed
{
	my ($role, @calls) = @_;

	my @refreshed;

	foreach my $call (grep { !$_->{pure} && !$_->{alone} && $_->{function}{returns} !~ /^(void|internal|trigger)$/ } @calls)
	{
		my ($what, $from) = $call->{sql} =~ /^SELECT ([\w.]+\(.*\)|q::pg_catalog\.text)( FROM engage\.\w+ q| FROM public\.customers c WHERE .*|)$/ or next;

		push @refreshed, { %$call, run => 0, sql => "SET LOCAL ROLE $role;\nCREATE MATERIALIZED VIEW $role.refreshed AS SELECT ($what)::pg_catalog.text $from WITH NO DATA;\n"
				. "RESET ROLE;\nREFRESH MATERIALIZED VIEW $role.refreshed" };
	}
	return @refreshed;
}

# ---- the passes: name, callers, what differs
my @jobs;
foreach my $role (@callers)
{
	my @all = expand($role, given($role), @catalog);
	my @calls = grep { !$_->{pure} || $role eq 'dba' } @all;
	my @some = grep { !$_->{pure} && !$_->{alone} } @all;

	push @jobs, [ 'as they are', \@calls, user => $role ];
	push @jobs, [ 'temporary objects', \@some, user => $role, before => temporary_sql($role) ] if $role ne 'dba';
	push @jobs, [ 'SET ROLE', \@some, user => 'dba', role => $role, before => "SET ROLE $role;\n" ] if $role =~ /^(owner|author|stranger)$/;
	push @jobs, [ 'READ ONLY', \@some, user => $role, begin => 'BEGIN READ ONLY' ] if $role =~ /^(dba|deputy|grantee)$/;
	push @jobs, [ 'REFRESH', [ refreshed($role, @some) ], user => 'dba', role => $role ] if $role =~ /^(owner|author|grantee)$/;
}
my @done = run_jobs($pg, \@jobs, 'one', 'two');

# ---- by function and pass: what is wrong
my (%wrong, %fired, %error, %tried, %fine, %reports, @useless);
foreach my $job (@done)
{
	my ($pass, @results) = @$job;

	foreach my $r (@results)
	{
		my $name = $r->{call}{function}{proname};

		$fine{$pass}++ if !defined $r->{error};
		$reports{$pass} += @{ $r->{probes} };
		$tried{$pass}{$name}++;
		push @{ $wrong{$pass}{$name}{$_} }, $r->{role} foreach judge($r);
		foreach my $probe (grep { $_->[0] !~ /^(temporary|given)/ } @{ $r->{probes} })
		{
			$fired{ $probe->[0] }{ $probe->[1] }++;
		}
		my $outcome = $r->{lost} ? 'lost' : substr($r->{error} // 'fine', 0, 5);
		my $key = "$r->{role}: $r->{call}{sql}";
		if ($pass eq 'as they are')
		{
			$error{$key} = $outcome;
			push @useless, "$key\n\t$r->{error}" if $r->{role} eq 'dba' && defined $r->{error} && !$r->{call}{fails};
		}
		# a name that means something temporary is a reason to refuse; anything else should be as without
		push @{ $wrong{$pass}{$name}{"$r->{call}{sql}: $outcome, not $error{$key}"} }, $r->{role}
			if $pass eq 'temporary objects' && $outcome ne $error{$key} && $outcome ne '55000';
	}
}
is(join("\n", @useless), '', 'every call does its work for a superuser');
foreach my $pass ('as they are', 'temporary objects', 'SET ROLE', 'READ ONLY', 'REFRESH')
{
	cmp_ok($fine{$pass}, '>', 100, "$pass: $fine{$pass} calls did something");
	cmp_ok($reports{$pass}, '>', 100, "$pass: probes reported $reports{$pass} times");
	foreach my $name (sort keys %{ $tried{$pass} })
	{
		my $found = $wrong{$pass}{$name} // {};

		is(join("\n", map { my %roles = map { $_ => 1 } @{ $found->{$_} }; "$_ [" . join(' ', sort keys %roles) . ']' } sort keys %$found), '', "$pass: $name");
	}
}

# ---- a probe that never reports is a test that cannot fail
my %writer = (a => 'author', b => 'owner', c => 'dba');
foreach my $place (places_that_fire())
{
	ok($fired{$place}{ $writer{ substr($place, 0, 1) } }, "the probe of \"$place\" was run as its author");
}

# ---- the databases are as they were
foreach my $database ('one', 'two')
{
	is($pg->query("SELECT (SELECT count(*) FROM public.marks), (SELECT count(*) FROM engage.models WHERE model NOT LIKE 'new of %'), (SELECT count(*) FROM engage.policies),
		(SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper), to_regclass('public.made')", database => $database), $pg->query("SELECT 0, count(*), 3, 'postgres dba', NULL FROM engage.models"),
		"nothing was left in database $database");
}
unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
