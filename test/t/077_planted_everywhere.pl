# Every function of engage, called by everybody, with operators and functions planted in schema public: for each name
# of an operator and each pair of common types that the server has no operator for, one that fits better than a
# conversion; beside each function of the server that engage's SQL uses, overloads; beside each of engage, too.
# Nothing planted runs as anybody but its planter, and every call ends as it does where nothing is planted.
# Texts whose names mean something that was planted are refused: 076_names.pl has more of these.
#
# Roles, objects and calls are those of 071_gate.pl.  What a role writes into its own statement is its own affair, so
# the calls are bound before anything is planted.

use strict;
use warnings;
use EngageCalls;
use EngageGate;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(jit => 'off');
my @callers = qw(dba owner author grantee);
my @catalog = catalog($pg);
make_objects($pg);

# ---- texts that planted things fit: a comparison of types that differ, a function that takes a conversion
$pg->query(<<'SQL', user => 'author');
SET engage.progress = off;
SELECT engage_train('caught_operator', 'SELECT * FROM customers WHERE tenure >= 0.5 AND author.row(''a caught operator'', id)', target => 'churned', key => 'id',
	features => '{tenure,spend}', algorithm => 'logistic_regression');
SELECT engage_train('caught_function', 'SELECT * FROM customers WHERE length(plan::varchar) > 0 AND author.row(''a caught function'', id)', target => 'churned', key => 'id',
	features => '{tenure,spend}', algorithm => 'logistic_regression');
SELECT engage_policy('caught_rule', '{"layers": [{"name": "r", "rules": [{"name": "r", "when": "tenure >= 0.5", "score": 50}]}]}', source => 'customers');
SELECT engage_policy_grant('caught_rule', 'dba');
SQL

# ---- the calls, bound
my @calls;
my %bound;
$pg->query(<<'SQL');
CREATE SCHEMA bound;
GRANT USAGE ON SCHEMA bound TO PUBLIC;
CREATE FUNCTION bound.decided(OUT score int, OUT errors int) LANGUAGE sql BEGIN ATOMIC SELECT score, errors FROM engage_decide('caught_rule', '{"id": 1, "tenure": 5}'::jsonb); END;
SQL
foreach my $role (@callers)
{
	my $sql = '';
	my $n = 0;

	foreach my $call (grep { !$_->{pure} && !$_->{alone} } expand($role, given($role), @catalog))
	{
		my $name = "bound.${role}_" . $n++;

		# the answer of a function that returns nothing is not needed; a command for a scheduler is run as it stands
		$sql .= "CREATE FUNCTION $name() RETURNS " . ($call->{run} ? 'text' : 'void') . " LANGUAGE sql BEGIN ATOMIC $call->{sql}; END;\n";
		push @{ $bound{$role} }, { %$call, text => $call->{sql}, sql => "SELECT $name()" };
	}
	$pg->query($sql);
}
$pg->query('CREATE DATABASE before TEMPLATE postgres', database => 'template1');

# ---- functions of the server that stand in SQL of engage: in strings of C, and in the fragments
my %used;
foreach my $file (glob("$EngageTest::root/src/*/*.c $EngageTest::root/src/*/*/*.c $EngageTest::root/src/*/*/*/*.c $EngageTest::root/sql/*.sql"))
{
	open(my $in, '<', $file) or die "could not open $file: $!\n";
	my $text = do { local $/; <$in> };

	$text = join(' ', $text =~ /"((?:[^"\\\n]|\\.)*)"/g) if $file =~ /\.c$/;
	$used{$_} = 1 foreach $text =~ /\b([a-z_][a-z_0-9]*)\s?\(/g;
}
# and what people write into sources and rules
$used{$_} = 1 foreach qw(lower upper length abs round coalesce date_trunc extract now greatest count sum avg min max substr left right concat to_char random);
my $names = join(',', sort keys %used);

# A planted function is immutable, so that it is taken where a volatile one is not, and runs where a plan is made, too.
$pg->query(<<"SQL", user => 'planter', timeout => 120);
SET client_min_messages = warning;
SET search_path = pg_catalog, pg_temp;
CREATE FUNCTION planter.sprung(what text) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM planter.probe(''planted '' OPERATOR(pg_catalog.||) what); END';
DO \$\$
DECLARE
	types text[] := '{bool,int2,int4,int8,float4,float8,numeric,text,varchar,name,date,timestamp,timestamptz,interval,jsonb,_text,oid}';
	l text;
	r text;
	o record;
	operators int := 0;
	functions int := 0;
BEGIN
	FOREACH l IN ARRAY types LOOP
		FOREACH r IN ARRAY types LOOP
			EXECUTE format('CREATE FUNCTION planter.truth(pg_catalog.%I, pg_catalog.%I) RETURNS pg_catalog.bool LANGUAGE plpgsql IMMUTABLE AS %L', l, r,
				format('BEGIN PERFORM planter.sprung(%L); RETURN NULL; END', 'operator between ' || l || ' and ' || r));
			EXECUTE format('CREATE FUNCTION planter.first(pg_catalog.%I, pg_catalog.%I) RETURNS pg_catalog.%I LANGUAGE plpgsql IMMUTABLE AS %L', l, r, l,
				format('BEGIN PERFORM planter.sprung(%L); RETURN NULL; END', 'operator between ' || l || ' and ' || r));
			FOR o IN SELECT n.oprname, bool_and(n.oprresult = 'bool'::regtype) AS truth FROM pg_operator n
				WHERE n.oprnamespace = 'pg_catalog'::regnamespace AND n.oprkind = 'b' AND n.oprname <> '=>'
					AND EXISTS (SELECT FROM pg_operator p JOIN unnest(types) t ON p.oprleft = ('pg_catalog.' || quote_ident(t))::regtype WHERE p.oprname = n.oprname)
					AND NOT EXISTS (SELECT FROM pg_operator e WHERE e.oprname = n.oprname AND e.oprleft = ('pg_catalog.' || quote_ident(l))::regtype
						AND e.oprright = ('pg_catalog.' || quote_ident(r))::regtype)
				GROUP BY 1
			LOOP
				EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = pg_catalog.%I, RIGHTARG = pg_catalog.%I, FUNCTION = planter.%s)', o.oprname, l, r,
					CASE WHEN o.truth THEN 'truth' ELSE 'first' END);
				operators := operators + 1;
			END LOOP;
		END LOOP;
	END LOOP;

	-- one argument of each type, no arguments, any number of them, and what there is with one more that nobody need give
	FOR o IN SELECT p.proname, min(p.prorettype::regtype::text) FILTER (WHERE t.typtype <> 'p') AS result
		FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (string_to_array('$names', ',')::name[]) GROUP BY 1
	LOOP
		FOR l IN SELECT 'pg_catalog.' || quote_ident(t) FROM unnest(types) t
			UNION ALL SELECT unnest('{"","VARIADIC pg_catalog.text[]","VARIADIC anyarray","anyelement","anyelement, anyelement","pg_catalog.text, VARIADIC pg_catalog.text[]"}'::text[])
			UNION ALL SELECT x || ', pg_catalog.int4 DEFAULT 0' FROM (SELECT (SELECT string_agg(a::regtype::text, ', ' ORDER BY i) FROM unnest(p.proargtypes) WITH ORDINALITY u (a, i)) AS x
				FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = o.proname AND p.pronargs BETWEEN 1 AND 4) q
		LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L', o.proname, l, coalesce(o.result, 'text'),
					format('BEGIN PERFORM planter.sprung(%L); RETURN NULL; END', 'function ' || o.proname || '(' || l || ')'));
				functions := functions + 1;
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END LOOP;

	-- engage's own: the row's very type, fewer arguments, one more, texts; with the names and columns of the original
	FOR o IN SELECT p.proname, p.pronargs, p.pronargdefaults, p.proargnames,
			ARRAY(SELECT t::regtype::text FROM unnest(p.proargtypes) WITH ORDINALITY u (t, i) ORDER BY i) AS argtypes,
			(SELECT string_agg(format('%I %s', p.proargnames[i], t::regtype), ', ' ORDER BY i) FROM unnest(p.proallargtypes) WITH ORDINALITY u (t, i)
				WHERE p.proargmodes[i] IN ('o', 't')) AS columns
		FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'engage') AND p.prokind = 'f' AND p.pronamespace = 'public'::regnamespace
	LOOP
		FOR l IN SELECT (SELECT string_agg(CASE WHEN o.proargnames[i] <> '' THEN quote_ident(o.proargnames[i]) || ' ' ELSE '' END || t, ', ' ORDER BY i) FROM unnest(v.list) WITH ORDINALITY u (t, i))
				|| v.more FROM (VALUES (array_replace(o.argtypes, 'record', 'public.customers'), ''), (o.argtypes, ', planted integer DEFAULT 0'),
				(array_fill('text'::text, ARRAY[o.pronargs]), ''), (array_fill('text'::text, ARRAY[least(o.pronargs, 2)]), '')) v (list, more)
			UNION ALL SELECT (SELECT string_agg(t, ', ' ORDER BY i) FROM unnest(o.argtypes[1:k]) WITH ORDINALITY u (t, i)) FROM generate_series(o.pronargs - o.pronargdefaults, o.pronargs - 1) k
			UNION ALL SELECT unnest('{"","VARIADIC text[]","text, public.customers","text, anyelement"}'::text[])
		LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', o.proname, l,
					CASE WHEN o.columns IS NULL THEN 'text' ELSE 'TABLE (' || o.columns || ')' END,
					format('BEGIN PERFORM planter.sprung(%L); %s; END', 'function ' || o.proname || '(' || l || ')', CASE WHEN o.columns IS NULL THEN 'RETURN NULL' ELSE 'RETURN' END));
				functions := functions + 1;
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END LOOP;
	CREATE TABLE planter.planted AS SELECT operators AS operators, functions AS functions;
END \$\$;
SQL
$pg->query('CREATE DATABASE after TEMPLATE postgres', database => 'template1');
my ($operators, $functions) = split /\|/, $pg->query('SELECT * FROM planter.planted');
cmp_ok($operators, '>', 5000, "$operators operators are planted");
cmp_ok($functions, '>', 1500, "$functions functions are planted");

# they do catch whoever calls without care
sub caught
{
	my ($sql) = @_;
	my (undef, undef, $err) = $pg->psql("BEGIN; $sql; ROLLBACK", user => 'owner', database => 'after', on_error_stop => 0);

	return join(' ', $err =~ /probe\|planted ([^|]*)/g) || $err;
}
like(caught('SELECT 1::pg_catalog.int4 >= 0.5'), qr/operator between int4 and numeric/, 'an operator catches');
like(caught("SELECT length('a'::pg_catalog.varchar)"), qr/function length\(pg_catalog\."varchar"\)/, 'a function of the server\'s name catches');
like(caught("SELECT engage_predict('b_query', c) FROM public.customers c LIMIT 1"), qr/function engage_predict\(model text, "row" public\.customers\)/, 'a function of engage\'s name catches');
like(caught("SELECT engage_retrain('b_query')"), qr/function engage_retrain\(/, 'with fewer arguments, too');

# ---- every call with them and without
my @jobs = map { my $role = $_; map { [ "$role $_", $bound{$role}, user => $role ] } 'before', 'after' } @callers;
my %pass = map { $_->[0] => [ @$_[ 1 .. $#$_ ] ] } run_jobs($pg, \@jobs, 'before', 'after');
my (%wrong, %tried);
foreach my $role (@callers)
{
	my ($before, $after) = @pass{ "$role before", "$role after" };

	foreach my $i (0 .. $#$after)
	{
		my $name = $after->[$i]{call}{function}{proname};
		my @outcome = map { $_->{lost} ? 'lost' : substr($_->{error} // 'fine', 0, 5) } $before->[$i], $after->[$i];

		$tried{$name}++;
		push @{ $wrong{$name}{$_} }, $role foreach judge($after->[$i]);
		push @{ $wrong{$name}{"$after->[$i]{call}{text}: " . ($after->[$i]{error} // 'fine') . ", not $outcome[0]"} }, $role if $outcome[0] ne $outcome[1];
	}
}
foreach my $name (sort keys %tried)
{
	my $found = $wrong{$name} // {};

	is(join("\n", map { "$_ [@{ $found->{$_} }]" } sort keys %$found), '', "planted: $name");
}

# ---- functions that can be called with nothing: as people write it, nobody is caught
foreach my $call (split /\n/, $pg->query("SELECT 'SELECT * FROM ' || p.proname || '()' FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'engage') AND p.prokind = 'f' AND p.pronamespace = 'public'::regnamespace AND p.pronargs = p.pronargdefaults
	AND p.prorettype <> 'trigger'::regtype GROUP BY p.proname ORDER BY 1"))
{
	is(caught($call) =~ s/^.*NOTICE.*\n?//mgr, '', "as it is written: $call");
}

# ---- a view of engage's, made and read where all is planted
foreach my $role (qw(dba owner))
{
	my (undef, undef, $err) = $pg->psql("BEGIN; SELECT bound.view(); SELECT * FROM $role.made; ROLLBACK" =~ s/SELECT bound\.view\(\)/
		(grep { $_->{function}{name} eq 'create_view' && $_->{text} =~ m{'b_query'} } @{ $bound{$role} })[0]{sql}/er, user => $role, database => 'after', on_error_stop => 0);
	unlike($err, qr/planted|ERROR/, "a view that $role makes calls nothing planted");
}

# ---- texts that now mean something planted are refused, and say what
foreach my $role (qw(dba author))
{
	foreach my $model (qw(caught_operator caught_function))
	{
		my $error = $pg->error("SELECT engage.retrain('$model')", user => $role, database => 'after') // '';

		like($error, qr/55000: .*now (means|runs|calls)|55000: .*planter/, "$role: $model is refused");
		unlike($error, qr/probe\|planted/, "$role: and nothing planted has run");
	}
	is($pg->query('SELECT * FROM bound.decided()', user => $role, database => 'before'), '50|0', "$role: where nothing is planted, the rule holds");
	my (undef, $out, $err) = $pg->psql('SELECT * FROM bound.decided()', user => $role, database => 'after');
	unlike($err, qr/probe\|planted/, "$role: a rule runs nothing planted");
	is($out, '0|1', "$role: but fails") or diag $err;
}
unlike($pg->log, qr/terminated by signal|PANIC/, 'no process crashed');

done_testing;
