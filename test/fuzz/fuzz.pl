# fuzz.pl - damaged models, rows and parameters: clean errors or answers, never a crash
#
#	perl -Itest/t test/fuzz/fuzz.pl [SEED [MUTANTS]]		(defaults: 1, 500 of each kind)
#
# Each kind of input is damaged MUTANTS times by a generator with a seed, so that a finding can be
# repeated.  An artifact of our own gets its checksum put right again, else nothing behind it would
# be tested.  A mutant that imports is scored, described and exported too, and then rolled back.
# Only the SQLSTATEs of @clean may come back: an internal error (XX000) is a finding like a crash.
# The mutants are tried in one backend; when it dies, the server's log names the last one, and it
# is left in a file.
use strict;
use warnings;
use EngageTest;
use Test::More;

my $seed = $ARGV[0] // 1;
my $mutants = $ARGV[1] // 500;

# data corrupted, not supported, limits, cancelled; wrong values, names, texts, JSON, columns, numbers; no memory;
# no background rows
my %clean = map { $_ => 1 } qw(55000 XX001 0A000 54000 57014 22023 42602 42701 42703 42804 22021 22P02 22P05 22000 22003
	22030 22032 22004 22007 22008 53200 42704 42883 38000);

# ---------------------------------------------------------------------------
# Chance: xorshift, the same on every machine
# ---------------------------------------------------------------------------

my $state = 88172645463325252 ^ ($seed * 2654435761);

sub chance
{
	my ($n) = @_;

	$state ^= $state << 13;
	$state ^= $state >> 7;
	$state ^= $state << 17;
	return ($state >> 11) % $n;
}

sub one_of { return $_[ chance(scalar @_) ]; }

my @words = map { pack('V', $_) } 0, 1, 2, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0xfffffffe, 0xffffffff, 0x7f800000, 0x7fc00000, 0xff800000, 0x00000001, 0x3f800000;
my @numbers = qw(0 1 -1 2 -2 3 7 255 256 32767 65535 65536 16777216 2147483647 2147483648 -2147483648 4294967295
	4294967296 1e10 1e38 1e39 -1e39 1e308 1e999 NaN nan inf -inf 0.5 1e-320 null true "" [] {} "x" 99999999999999999999);

# A damaged copy of some bytes.
sub mutate
{
	my ($whole, $text) = @_;
	my $s = $whole;

	foreach (0 .. chance(3))
	{
		my $n = length $s;
		last if $n == 0;
		my $at = chance($n);
		my $kind = chance($text ? 12 : 9);

		if    ($kind == 0) { substr($s, $at, 1) = chr(ord(substr($s, $at, 1)) ^ (1 << chance(8))); }
		elsif ($kind == 1) { substr($s, $at, 1) = chr(chance(256)); }
		elsif ($kind == 2) { $s = substr($s, 0, $at); }
		elsif ($kind == 3) { substr($s, $at, chance(9)) = ''; }
		elsif ($kind == 4) { substr($s, $at, 0) = join('', map { chr(chance(256)) } 0 .. chance(8)); }
		elsif ($kind == 5) { substr($s, $at, 4) = one_of(@words); }
		elsif ($kind == 6) { substr($s, $at, 4) = reverse one_of(@words); }
		elsif ($kind == 7) { substr($s, $at, 0) = substr($s, chance($n), chance(64)); }
		elsif ($kind == 8) { substr($s, $at, 8) = one_of(@words) . one_of(@words); }
		else
		{
			# a number of the text becomes another one, or a word goes
			my @spots;
			push @spots, [ $-[0], $+[0] - $-[0] ] while $s =~ /(?:-?\d[\d.eE+-]*|\w+)/g;
			next unless @spots;
			my $spot = one_of(@spots);
			substr($s, $spot->[0], $spot->[1]) = $kind == 11 ? '' : one_of(@numbers);
		}
	}
	return $s eq $whole ? mutate($whole, $text) : $s;
}

my @crc_table = map {
	my $c = $_;
	$c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 foreach 1 .. 8;
	$c;
} 0 .. 255;

# The container with the checksum that it should have.
sub with_checksum
{
	my ($s) = @_;
	return $s if length $s < 4;
	my $body = substr($s, 0, -4);
	my $crc = 0xffffffff;

	$crc = $crc_table[ ($crc ^ $_) & 0xff ] ^ ($crc >> 8) foreach unpack('C*', $body);
	return $body . pack('V', $crc ^ 0xffffffff);
}

# ---------------------------------------------------------------------------
# The server
# ---------------------------------------------------------------------------

my $pg = EngageTest->new(statement_timeout => '120s', log_min_messages => 'log', log_min_error_statement => "panic");

$pg->query(<<'EOS');
SET engage.progress = off;
SET engage.threads = 1;
CREATE TABLE small AS SELECT i AS id, i % 7 AS n, (i * 37 % 101)::float8 AS x,
	CASE WHEN i % 11 > 0 THEN 'c' || i % 5 END AS c, date '2024-01-01' + i AS d, ARRAY[i % 3, i % 4]::float4[] AS v,
	(i * 37 % 101 > 50) <> (i % 5 = 1) AS y, i % 3 AS k, i % 20 AS q
FROM generate_series(1, 400) i;
SELECT engage_train('fuzz_bin', 'small', target => 'y', key => 'id', exclude => '{k,q}', params => '{"n_estimators":3,"max_depth":3}',
	background => 3);
SELECT engage_train('fuzz_multi', 'small', target => 'k', key => 'id', exclude => '{y,q,d,v}', task => 'multiclass',
	params => '{"n_estimators":2,"max_depth":2,"max_cat_to_onehot":1}', background => 0);
SELECT engage_train('fuzz_quant', 'small', target => 'x', key => 'id', exclude => '{y,q,c,v}', task => 'quantile',
	params => '{"n_estimators":2,"max_depth":2,"min_child_weight":5}', background => 2);
SELECT engage_train('fuzz_plain', 'small', target => 'y', key => 'id', features => '{n,x}', params => '{"n_estimators":3,"max_depth":3}',
	background => 0);
SELECT engage_train('fuzz_dart', 'small', target => 'x', key => 'id', features => '{n,c}',
	params => '{"n_estimators":3,"max_depth":2,"booster":"dart","rate_drop":0.5}', background => 1);

-- the other sections: curves, intervals, and a seal
SELECT engage_train('fuzz_isotonic', 'small', target => 'y', key => 'id', features => '{n,x}', params => '{"n_estimators":2,"max_depth":2}',
	calibrate => 'isotonic', intervals => 0.8, background => 0);
SELECT engage_train('fuzz_sigmoid', 'small', target => 'k', key => 'id', features => '{n,c}', task => 'multiclass',
	algorithm => 'naive_bayes', calibrate => 'sigmoid', intervals => 0.8, background => 1);
SELECT engage_train('fuzz_range', 'small', target => 'x', key => 'id', features => '{n,c}', algorithm => 'linear_regression',
	intervals => 0.8, background => 1);

-- models within models: other columns, words, days and classes; calibrated; three levels
SELECT engage_train('fuzz_no', 'small', target => 'y', key => 'id', features => '{n,c,d}', algorithm => 'logistic_regression', positive => 'false', background => 0);
SELECT engage_train('fuzz_ens', 'SELECT * FROM small WHERE id > 30 AND c <> ''c3''', target => 'y', key => 'id', exclude => '{k,q,v}', algorithm => 'ensemble', background => 0,
	params => '{"method":"average","members":["fuzz_no","fuzz_isotonic",{"algorithm":"naive_bayes"}]}');
SELECT engage_train('fuzz_nest', 'small', target => 'y', key => 'id', algorithm => 'ensemble', background => 0,
	params => '{"method":"stacking","trust":true,"members":["fuzz_ens","fuzz_no"]}');
SELECT engage_drop('fuzz_no');

-- one of every algorithm, with few rows and small parameters: what is stored is short, and each byte of it counts
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT a.algorithm, t AS task,
			(SELECT coalesce(jsonb_object_agg(p.name, v), '{}') FROM engage_parameters(a.algorithm) p
			 JOIN (VALUES ('n_estimators', 3), ('max_depth', 3), ('epochs', 2), ('max_samples', 0.5), ('n_init', 1), ('k', 3), ('k_max', 3)) x(name, v)
			 USING (name)) AS params
		FROM engage_algorithms() a, unnest(a.tasks) WITH ORDINALITY t(t, o)
		WHERE (t.o = 1 OR t IN ('clustering', 'anomaly')) AND a.algorithm NOT IN ('ensemble', 'xgboost') ORDER BY 1, 2 LOOP
		EXECUTE format('SELECT engage_train(%L, ''SELECT * FROM small WHERE id <= 70'', target => %L, task => %L, algorithm => %L, params => %L, features => %L,
			background => 0%s)', format('every_%s_%s', r.algorithm, r.task),
			CASE r.task WHEN 'binary' THEN 'y' WHEN 'multiclass' THEN 'k' WHEN 'count' THEN 'n' WHEN 'clustering' THEN NULL WHEN 'anomaly' THEN NULL ELSE 'x' END,
			r.task, r.algorithm, r.params, CASE WHEN r.task IN ('clustering', 'anomaly') THEN '{n,x,c}' ELSE '{q,c,d}' END,
			CASE WHEN r.task IN ('clustering', 'anomaly') THEN '' ELSE ', key => ''id''' END);
	END LOOP;
END $$;
SELECT engage_train('every_extended', 'small', algorithm => 'isolation_forest', features => '{n,x}', params => '{"n_estimators":3,"max_samples":30,"extension_level":1}',
	background => 0);

CREATE TABLE mutant (id int PRIMARY KEY, kind text, arguments text, data text, outcome text, message text);

-- try one mutant of a model; what happened as SQLSTATE, 'fine' when it scored
CREATE FUNCTION try_model(id int, arguments text, data bytea) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	version text;
	state text;
	message text;
	step text := 'import';
	card text;
	call text;
BEGIN
	RAISE LOG 'mutant %', id;
	BEGIN
		EXECUTE format('SELECT engage_import(''mutant'', $1%s)', arguments) INTO version USING data;
		step := 'describe';
		card := engage_describe('mutant');
		step := 'predict';
		BEGIN
			PERFORM engage_predict('mutant', s) FROM small s LIMIT 20;
			PERFORM engage_predict('mutant', '{}'::jsonb);
		EXCEPTION WHEN undefined_column OR datatype_mismatch OR data_exception THEN
			NULL;	-- the mutant has other columns
		END;
		step := 'classes';
		FOREACH call IN ARRAY '{engage_predict_class,engage_predict_proba,engage_segment}'::text[] LOOP
			BEGIN
				EXECUTE format('SELECT count(%s(''mutant'', s)) FROM small s WHERE id < 20', call);
			EXCEPTION WHEN undefined_column OR datatype_mismatch OR data_exception OR feature_not_supported OR wrong_object_type THEN
				NULL;	-- no classes, no segments
			END;
		END LOOP;
		step := 'segments';
		BEGIN
			PERFORM engage_segments('mutant', 'SELECT * FROM small WHERE id < 30');
			PERFORM engage_label_segment('mutant', 1, 'one');
			PERFORM engage_segment('mutant', s) FROM small s LIMIT 3;
		EXCEPTION WHEN undefined_column OR datatype_mismatch OR data_exception OR feature_not_supported OR wrong_object_type THEN
			NULL;
		END;
		step := 'drift';
		BEGIN
			PERFORM engage_baseline('mutant');
			PERFORM engage_drift('mutant', 'small');
		EXCEPTION WHEN undefined_column OR datatype_mismatch OR data_exception OR feature_not_supported
				OR object_not_in_prerequisite_state THEN
			NULL;
		END;
		step := 'explain';
		BEGIN
			PERFORM engage_explain_json('mutant', s, method => m) FROM small s, unnest('{auto,sampled}'::text[]) m LIMIT 6;
			PERFORM engage_interactions('mutant', s) FROM small s LIMIT 2;
		EXCEPTION WHEN undefined_column OR datatype_mismatch OR data_exception OR feature_not_supported
				OR object_not_in_prerequisite_state THEN
			NULL;	-- other columns, no background, no interactions
		END;
		step := 'export';
		IF arguments = '' THEN
			PERFORM length(engage_export('mutant', 'engage'));
		ELSE
			BEGIN
				PERFORM length(engage_export('mutant', 'json'));
				PERFORM length(engage_export('mutant', 'ubj'));
			EXCEPTION WHEN feature_not_supported THEN
				NULL;	-- it is not converted
			END;
		END IF;
		RAISE EXCEPTION USING ERRCODE = '01234', MESSAGE = 'fine';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	END;
	RETURN ARRAY[CASE WHEN state = '01234' THEN 'fine' ELSE state END, step || ': ' || message];
END $$;

CREATE FUNCTION try_row(id int, model text, data text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	j jsonb;
BEGIN
	RAISE LOG 'mutant %', id;
	BEGIN
		j := data::jsonb;
	EXCEPTION WHEN OTHERS THEN
		RETURN ARRAY['fine', 'no JSON'];
	END;
	BEGIN
		PERFORM engage_predict(model, j);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
		RETURN ARRAY[state, message];
	END;
	RETURN ARRAY['fine', 'scored'];
END $$;

CREATE FUNCTION try_params(id int, arguments text, data text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	j jsonb;
BEGIN
	RAISE LOG 'mutant %', id;
	BEGIN
		j := data::jsonb;
	EXCEPTION WHEN OTHERS THEN
		RETURN ARRAY['fine', 'no JSON'];
	END;
	BEGIN
		EXECUTE format('SELECT engage_train(''mutant'', ''tiny'', params => $1, deploy => ''never'', %s)', arguments) USING j;
		RAISE EXCEPTION USING ERRCODE = '01234', MESSAGE = 'fine';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
		RETURN ARRAY[CASE WHEN state = '01234' THEN 'fine' ELSE state END, message];
	END;
END $$;
CREATE TABLE tiny AS SELECT id, n, x, c, y FROM small WHERE id <= 40;
EOS

my $next = 0;

# Try a list of [arguments, text or bytes] with one of the functions; one test.
sub campaign
{
	my ($what, $call, $hex, @list) = @_;
	my $first = $next + 1;
	my $seconds = 100 + int(@list / 10);	# one that does not end is a finding, too
	my $sql = "\\copy mutant (id, kind, arguments, data) FROM STDIN CSV\n";

	foreach (@list)
	{
		$next++;
		my ($arguments, $data) = map { s/"/""/gr } $_->[0], $hex ? unpack('H*', $_->[1]) : $_->[1];
		$sql .= "$next,\"$what\",\"$arguments\",\"$data\"\n";
	}
	$pg->query("$sql\\.\n");
	my ($status, $out, $err) = $pg->psql(<<"EOS");
SET engage.progress = off;
SET engage.threads = 1;
SET engage.max_memory = '64MB';
SET statement_timeout = '${seconds}s';
DO \$\$
DECLARE
	m record;
	r text[];
BEGIN
	FOR m IN SELECT * FROM mutant WHERE id >= $first ORDER BY id LOOP
		r := $call;
		UPDATE mutant SET outcome = r[1], message = r[2] WHERE id = m.id;
	END LOOP;
END \$\$;
EOS
	if ($status != 0)
	{
		my ($culprit) = $pg->log =~ /.*mutant (\d+)/s;
		my $file = "/tmp/engage-fuzz-$$-" . ($culprit // 0);

		if (defined $culprit)
		{
			$pg->wait_for('SELECT true');
			my $data = $list[ $culprit - $first ][1];
			open(my $f, '>', $file) or die "could not write $file: $!\n";
			print {$f} $data;
			close $f;
		}
		fail("$what: the backend lives");
		diag($err, "\nseed $seed, mutant ", $culprit // 'unknown', ", left in $file");
		return;
	}
	my @odd = grep { !/^(fine|(\w{5}))\|/ or !($1 eq 'fine' || $clean{$1}) }
		split /\n/, $pg->query("SELECT outcome, count(*), min(id), regexp_replace(min(message), '[[:space:]]+', ' ', 'g') FROM mutant WHERE id >= $first GROUP BY 1");
	my $summary = $pg->query("SELECT string_agg(n || ' ' || outcome, ', ' ORDER BY n DESC) FROM"
			. " (SELECT outcome, count(*) AS n FROM mutant WHERE id >= $first GROUP BY 1) s");
	@odd = grep { !/^(22|42|0A)\w{3}\|/ } @odd if $what eq 'policies';	# rules are SQL: all its errors
	ok(!@odd, "$what: " . scalar(@list) . ' mutants, clean answers only');
	note($summary);
	note($pg->query("SELECT outcome || ' ' || message || ', ' || count(*) FROM mutant WHERE id >= $first GROUP BY outcome, message"))
		if $ENV{VERBOSE};
	diag("seed $seed: $_") foreach @odd;
	return;
}

sub exported
{
	my ($model, $form) = @_;

	return pack('H*', $pg->query("SELECT encode(engage_export('$model', '$form'), 'hex')"));
}

# ---------------------------------------------------------------------------
# Models
# ---------------------------------------------------------------------------

my @models = qw(fuzz_bin fuzz_multi fuzz_quant fuzz_plain fuzz_dart);
my $categories = ', categories => \'{"c": ["c0", "c1", "c2", "c3", "c4"]}\'';
my %arguments = (fuzz_bin => $categories, fuzz_multi => $categories, fuzz_quant => ', target => \'x\'',
	fuzz_plain => ', target => \'y\'', fuzz_dart => $categories);

my @own = map { [ '', exported($_, 'engage') ] } @models, qw(fuzz_isotonic fuzz_sigmoid fuzz_range fuzz_ens fuzz_nest);
push @own, [ '', pack('H*', $pg->query("SELECT encode(engage_fit('naive_bayes', y, ROW(n, x)), 'hex') FROM small WHERE id <= 20")) ];
is(join(' ', grep { my $tag = $_; grep { $_->[1] =~ /$tag/ } @own } qw(CALB CONF BASE SCOR SEAL)), 'CALB CONF BASE SCOR SEAL',
	'every section is there to be damaged');
campaign('own format, whole', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1, @own);
is($pg->query("SELECT count(*) FROM mutant WHERE outcome = 'fine'"), scalar @own, 'and those are imported');
campaign('own format, checksum as it was', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
	map { [ '', mutate($own[ chance(scalar @own) ][1]) ] } 1 .. $mutants / 2);
is($pg->query("SELECT count(*) FROM mutant WHERE kind = 'own format, checksum as it was' AND outcome = 'fine'"), '0',
	'and not one of those is imported');
campaign('own format, truncated', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
	map { [ '', with_checksum(substr($own[3][1], 0, 1 + chance(length($own[3][1]) - 1))) ] } 1 .. $mutants / 4);
campaign('own format, checksum put right', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
	map { [ '', with_checksum(mutate($own[ chance(scalar @own) ][1])) ] } 1 .. $mutants * 3);
my $all_models = $pg->query("SELECT string_agg(model, ' ' ORDER BY model) FROM engage.models");
my @every = map { [ '', exported($_, 'engage') ] } split /\n/, $pg->query("SELECT model FROM engage.models WHERE model LIKE 'every%' ORDER BY 1");
campaign('every algorithm, whole', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1, @every);
is($pg->query("SELECT count(*) FROM mutant WHERE kind = 'every algorithm, whole' AND outcome = 'fine'"), scalar @every, 'and those are imported');
campaign('every algorithm, checksum put right', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
	map { [ '', with_checksum(mutate($every[ $_ % @every ][1])) ] } 1 .. $mutants * 3);
foreach my $form ('ubj', 'json')
{
	my %raw = map { $_ => exported($_, $form) } @models;
	campaign("XGBoost, $form, whole", 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
		map { [ $arguments{$_}, $raw{$_} ] } @models);
	is($pg->query("SELECT count(*) FROM mutant WHERE outcome = 'fine' AND kind = 'XGBoost, $form, whole'"),
		scalar @models, 'and those are imported');
	campaign("XGBoost, $form", 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
		map { my $m = one_of(@models); [ $arguments{$m}, mutate($raw{$m}, $form eq 'json') ] } 1 .. $mutants);
}

my $lightgbm = <<'EOT';
tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=2
objective=binary sigmoid:1
feature_names=n c x
tree_sizes=1 2

Tree=0
num_leaves=3
num_cat=1
split_feature=1 0
split_gain=10 5
threshold=0 3.5
decision_type=1 10
left_child=-1 -2
right_child=1 -3
leaf_value=0.5 -0.25 1
leaf_count=10 20 30
internal_count=60 50
cat_boundaries=0 2
cat_threshold=10 1
is_linear=0

Tree=1
num_leaves=1
num_cat=0
leaf_value=0.25

end of trees

parameters:
end of parameters
EOT
campaign('LightGBM', 'try_model(m.id, m.arguments, decode(m.data, \'hex\'))', 1,
	map { [ ", labels => '{f,t}'", mutate($lightgbm, 1) ] } 1 .. $mutants);

# ---------------------------------------------------------------------------
# Rows and parameters
# ---------------------------------------------------------------------------

# A random JSON value, as text.
sub json_value
{
	my ($depth) = @_;
	my $kind = chance($depth > 2 ? 6 : 8);

	return one_of(qw(null true false)) if $kind == 0;
	return one_of(qw(0 1 -1 0.5 1e400 -1e400 1e-400 123456789012345678901234567890 2147483648 1e38 1e39 4 100)) if $kind <= 2;
	return one_of('"c1"', '""', '"NaN"', '"Infinity"', '"-inf"', '"2024-02-30"', '"2024-02-03"', '"infinity"',
		'"1 day"', '"\u00e9"', '"12abc"', '"1e5"', '"' . 'x' x 3000 . '"', '"hist"', '"dart"', '"{1,2}"') if $kind <= 5;
	return '[' . join(',', map { json_value($depth + 1) } 1 .. chance(4)) . ']' if $kind == 6;
	return '{' . join(',', map { "\"k$_\":" . json_value($depth + 1) } 1 .. chance(3)) . '}';
}

# values that fit, in their various spellings, and now and then one that does not
my %fitting = (
	n => [ qw(1 -5 1e3 null 2147483648 1.5 1e300), '"7"', '"NaN"', 'true' ], x => [ qw(0.1 1e38 1e39 -1e400 1e-400 null) ],
	c => [ '"c1"', '"c9"', '""', 'null', '1', '"' . 'x' x 9000 . '"' ], extra => [ '[[]]' ],
	d => [ '"2024-02-03"', '"2024-02-03T12:00:00Z"', '"infinity"', '"-infinity"', 'null', '"4713-01-01 BC"', '"5874897-12-31"',
		'"294276-12-31 23:59:59.999"', '"now"' ],
	v => [ '[1,2]', '[null,2]', '[1e39,-1e400]', '["1",2]', 'null', '[1]', '[[1,2]]', '[]', '[1,2,3]' ]);
campaign('rows', 'try_row(m.id, m.arguments, m.data)', 0, map {
	my @members = map { chance(40) ? "\"$_\":" . (chance(12) ? one_of(@{ $fitting{$_} }) : json_value(1)) : () } sort keys %fitting;
	[ 'fuzz_bin', chance(40) ? '{' . join(',', @members) . '}' : json_value(0) ];
} 1 .. $mutants * 2);

my %values = (
	integer => [ qw(0 1 2 3 5 1000 -1) ], number => [ qw(0 0.1 0.5 1 2 3 -1 1000 1e30 1e-30) ], boolean => [ qw(true false) ],
	numbers => [ '[0.5]', '[0.1,0.9]', '[0.9,0.1]', '[]', '0.3', '[0.5,0.5]' ],
	json => [ '{"n":1}', '{"x":-1,"c":0}', '{"c":1}', '{}', '[["n","x"]]', '[["c"],["x","n"]]', '[]', '[[]]', '[["z"]]' ]);
my @parameters;
foreach (split /\n/, $pg->query('SELECT name, type, range FROM engage_parameters()'))
{
	my ($name, $type, $range) = split /\|/;
	push @parameters, [ $name, $type eq 'word' ? [ map { "\"$_\"" } split /, /, $range ] : $values{$type} // ['"x"'] ];
}
campaign('parameters', 'try_params(m.id, m.arguments, m.data)', 0, map {
	my @members = ('"n_estimators":2', map {
		my ($name, $fitting) = @{ one_of(@parameters) };
		"\"$name\":" . (chance(15) ? one_of(@$fitting) : json_value(1));
	} 0 .. chance(4));
	@members = grep { !/num_parallel_tree|"n_estimators":.{3}/ } @members;
	[ one_of("target => 'y'", "target => 'x', task => 'quantile'", "target => 'x'", "target => 'n', task => 'multiclass'",
			"target => 'n', task => 'count'", "target => 'n', task => 'survival'"),
		chance(40) ? '{' . join(',', @members) . '}' : json_value(0) ];
} 1 .. $mutants);

# ---------------------------------------------------------------------------
# States of aggregates, and models as values: anybody may call these functions with any bytes
# ---------------------------------------------------------------------------

# An aggregate of one's own runs a combine and a final function on states that it is given; another
# one shows the state that a transition function leaves.
$pg->query(<<'EOS');
CREATE TABLE pair (n serial, combine regproc, final regproc, state regtype);
INSERT INTO pair (combine, final, state)
SELECT DISTINCT aggcombinefn, aggfinalfn, aggtranstype::regtype FROM pg_aggregate a JOIN pg_depend d ON d.objid = a.aggfnoid
WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND aggcombinefn <> 0 AND aggfinalfn <> 0
	AND aggtranstype IN ('bytea'::regtype, 'float8[]'::regtype);
CREATE TABLE seed_state (transition regprocedure, combine regproc, state text);
CREATE FUNCTION sample_argument(t oid) RETURNS text RETURN CASE t::regtype::text
	WHEN 'double precision' THEN 'x / 101' WHEN 'boolean' THEN 'y' WHEN 'integer' THEN 'y::int' WHEN 'text' THEN 'c'
	WHEN 'double precision[]' THEN '''{1,50,90}''' WHEN 'bigint' THEN 'id' WHEN 'jsonb' THEN '''{}'''
	WHEN 'timestamp with time zone' THEN 'timestamptz ''2024-01-01'' + id * interval ''7 minutes'''
	WHEN 'interval' THEN '''1 day''' WHEN 'interval[]' THEN '''{5 minutes,1 day}''' ELSE 'NULL' END;
-- of functions that want others than any of the type
CREATE FUNCTION sample_arguments(f text, types oid[]) RETURNS text RETURN CASE
	WHEN f LIKE '%kmeans%' THEN 'ARRAY[x, n, id]::float8[], 3' || CASE WHEN cardinality(types) > 3 THEN ', 7' ELSE '' END
	WHEN f LIKE '%clustering%' OR f LIKE '%silhouette%' OR f LIKE '%calinski%'
		THEN format('(id %% 3)::%s, ARRAY[x, n]::float8[]', types[1]::regtype) || CASE WHEN cardinality(types) > 3 THEN ', 20' ELSE '' END
	WHEN f LIKE '%velocity_accum' AND cardinality(types) IN (4, 6)
		THEN 'timestamptz ''2024-01-01'' + id * interval ''7 minutes'', x' || CASE cardinality(types) WHEN 6 THEN ', n, x' ELSE '' END || ', timestamptz ''2024-01-01 02:00'''
	ELSE (SELECT string_agg('(' || sample_argument(u) || ')::' || format_type(u, NULL), ', ' ORDER BY i) FROM unnest(types) WITH ORDINALITY v(u, i) WHERE i > 1) END;

DO $$
DECLARE
	p record;
	shown text;
BEGIN
	FOR p IN SELECT * FROM pair LOOP
		EXECUTE format('CREATE AGGREGATE hostile_%s(%s) (SFUNC = %s, STYPE = %2$s, FINALFUNC = %4$s)', p.n, p.state, p.combine, p.final);
	END LOOP;
	FOR p IN SELECT DISTINCT aggtransfn::oid AS f, aggcombinefn, aggtranstype::regtype AS t, agginitval, proargtypes::oid[] AS types
		FROM pg_aggregate a JOIN pg_depend d ON d.objid = a.aggfnoid JOIN pg_proc r ON r.oid = aggtransfn
		WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND aggcombinefn::oid IN (SELECT combine FROM pair)
			AND NOT proargtypes::oid[] @> ARRAY['"any"'::regtype::oid] LOOP
		BEGIN
			EXECUTE format('CREATE AGGREGATE shown(%s) (SFUNC = %s, STYPE = %s %s)',
				(SELECT string_agg(format_type(u, NULL), ', ' ORDER BY i) FROM unnest(p.types) WITH ORDINALITY v(u, i) WHERE i > 1),
				p.f::regproc, p.t, ', INITCOND = ' || quote_literal(p.agginitval));
			EXECUTE format('SELECT shown(%s)::text FROM small WHERE id < 30', sample_arguments(p.f::regproc::text, p.types)) INTO shown;
			RAISE EXCEPTION USING ERRCODE = '01234', MESSAGE = coalesce(shown, 'none');	-- and the aggregate is gone
		EXCEPTION WHEN SQLSTATE '01234' THEN
			GET STACKED DIAGNOSTICS shown = MESSAGE_TEXT;
			INSERT INTO seed_state SELECT p.f, p.aggcombinefn, shown WHERE shown <> 'none';
		WHEN data_exception THEN
			NULL;	-- needs other arguments
		END;
	END LOOP;
END $$;
CREATE AGGREGATE fit_state(text, "any", "any") (SFUNC = engage.fit_accum, STYPE = bytea);
CREATE AGGREGATE fit_state(text, "any", "any", jsonb) (SFUNC = engage.fit_accum, STYPE = bytea);
INSERT INTO seed_state SELECT NULL, 'engage.fit_combine', s FROM (
	SELECT fit_state('naive_bayes', y, ROW(n, x))::text FROM small WHERE id < 30
	UNION ALL SELECT fit_state('linear_regression', x, ARRAY[n, k])::text FROM small WHERE id < 30
	UNION ALL SELECT fit_state('decision_tree', k, ROW(n, c, d, v), '{"max_depth":2}')::text FROM small WHERE id < 60
	UNION ALL SELECT fit_state('logistic_regression', y, ROW(x, c), '{"C":0.5}')::text FROM small WHERE id < 60) f(s);

-- a damaged state: alone, with itself, with a good one, and with one more row.  What these say outside an
-- aggregate is elog's; else internal errors are findings.
CREATE FUNCTION try_state(id int, pair int, good text, data text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	p record;
	code text;
	message text;
	last text[] := '{fine,done}';
	sql text;
BEGIN
	RAISE LOG 'mutant %', id;
	SELECT * INTO p FROM pair WHERE n = try_state.pair;
	FOREACH sql IN ARRAY CASE WHEN p.combine = 'engage.fit_combine'::regproc
			THEN ARRAY['one row more', 'SELECT engage.fit_accum($1::bytea, ''naive_bayes'', y, ROW(n, x)) FROM small LIMIT 2'] ELSE '{}' END || ARRAY[
		format('SELECT hostile_%s(s::%s) FROM (VALUES ($1)) v(s)', p.n, p.state),
		format('SELECT hostile_%s(s::%s) FROM (VALUES ($1), ($2), ($1)) v(s)', p.n, p.state),
		format('SELECT hostile_%s(s::%s) FROM (VALUES ($2), ($1)) v(s)', p.n, p.state),
		format('SELECT %s($1::%s, $2::%2$s)', p.combine, p.state), format('SELECT %s($1::%s)', p.final, p.state)] LOOP
		BEGIN
			IF sql = 'one row more' THEN
				EXECUTE format('CREATE AGGREGATE longer(text, "any", "any") (SFUNC = engage.fit_accum, STYPE = bytea, FINALFUNC = engage.fit_final, INITCOND = %L)', data);
				PERFORM longer('naive_bayes', y, ROW(n, x)) FROM small WHERE small.id < 20;
				DROP AGGREGATE longer(text, "any", "any");
			ELSE
				EXECUTE sql USING data, good;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			IF code = 'XX000' AND message LIKE '%aggregate%' THEN
				CONTINUE;
			END IF;
			last := ARRAY[code, sql || ': ' || message];
			IF code = 'XX000' THEN
				RETURN last;
			END IF;
		END;
	END LOOP;
	RETURN last;
END $$;

CREATE FUNCTION try_value(id int, data bytea) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	last text[] := '{fine,scored}';
	code text;
	message text;
	sql text;
BEGIN
	RAISE LOG 'mutant %', id;
	FOREACH sql IN ARRAY ARRAY['SELECT engage_predict($1, ROW(n, x)) FROM small LIMIT 20', 'SELECT engage_predict($1, ARRAY[n, k]::float8[]) FROM small LIMIT 3',
		'SELECT engage_predict($1, to_jsonb(s)) FROM small s LIMIT 3', 'SELECT engage_predict_class($1, s) FROM small s LIMIT 3',
		'SELECT engage_predict_proba($1, s) FROM small s LIMIT 3'] LOOP
		BEGIN
			EXECUTE sql USING data;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			last := ARRAY[code, sql || ': ' || message];
			IF code = 'XX000' THEN
				RETURN last;
			END IF;
		END;
	END LOOP;
	RETURN last;
END $$;
EOS

my @states = map { [ split /\|/ ] } split /\n/,
	$pg->query('SELECT p.n, p.state, s.state FROM pair p JOIN seed_state s USING (combine)');
cmp_ok(scalar @states, '>', 20, scalar @states . ' states are there to be damaged');

# A damaged array of numbers.
sub mutate_array
{
	my ($text) = @_;
	my @v = split /,/, $text =~ s/[{}]//gr;

	foreach (0 .. chance(3))
	{
		my $at = @v ? chance(scalar @v) : 0;
		my $kind = chance(6);

		if    ($kind == 0) { $v[$at] = one_of(qw(0 -1 1e308 -1e308 NaN Infinity -Infinity NULL 4294967296 1e-320 2147483648)); }
		elsif ($kind == 1) { splice @v, $at, 1; }
		elsif ($kind == 2) { splice @v, $at, 0, one_of(qw(1 0 NULL 1e300)); }
		elsif ($kind == 3) { @v = (); }
		elsif ($kind == 4) { push @v, @v; }
		elsif (@v)         { return '{{' . join(',', @v) . '},{' . join(',', @v) . '}}'; }
	}
	return '{' . join(',', map { $_ // 'NULL' } @v) . '}';
}

sub mutate_state
{
	my ($type, $state) = @_;

	return mutate_array($state) if $type ne 'bytea';
	return '\\x' . unpack('H*', mutate(pack('H*', substr($state, 2)), 0));
}

my @bytes = grep { $_->[1] eq 'bytea' } @states;
my @fits = grep { $_->[0] == $pg->query("SELECT n FROM pair WHERE combine = 'engage.fit_combine'::regproc") } @bytes;
my %other = map { $_ => 1 } split /\n/, $pg->query("SELECT n FROM pair WHERE combine::text ~ 'clustering|groups|kmeans|velocity'");
my @others = grep { $other{ $_->[0] } } @bytes;
foreach my $list ([ 'states that are arrays', 1, grep { $_->[1] ne 'bytea' } @states ], [ 'states that are bytes', 2, @bytes ],
	[ 'states of engage_fit', 2, @fits ], [ 'states of clusterings, centers and velocity', 2, @others ])
{
	my ($what, $share, @seeds) = @$list;

	campaign($what, "try_state(m.id, split_part(m.arguments, ' ', 1)::int, split_part(m.arguments, ' ', 2), m.data)", 0,
		map { my $s = one_of(@seeds); [ "$s->[0] $s->[2]", mutate_state($s->[1], $s->[2]) ] } 1 .. $mutants * $share);
}

my @values = map { pack('H*', $_) } split /\n/, $pg->query(<<'EOS');
SELECT encode(engage_fit('naive_bayes', y, ROW(n, x)), 'hex') FROM small WHERE id <= 30
UNION ALL SELECT encode(engage_fit('linear_regression', x, ARRAY[n, k]), 'hex') FROM small WHERE id <= 30
UNION ALL SELECT encode(engage_fit('decision_tree', k, ROW(n, c, d, v), '{"max_depth":2}'), 'hex') FROM small WHERE id <= 60
EOS
push @values, map { pack('H*', substr($_->[2], 2)) } @fits;
campaign('models as values, and states in their place', 'try_value(m.id, decode(m.data, \'hex\'))', 1,
	map { [ '', chance(10) ? with_checksum(mutate(one_of(@values))) : mutate(one_of(@values)) ] } 1 .. $mutants * 2);

# ---------------------------------------------------------------------------
# Rollups of velocity trackers: their owner may write any bytes into them
# ---------------------------------------------------------------------------

$pg->query(<<'EOS');
CREATE TABLE event (card int, at timestamptz, amount float8, lat float8, lon float8);
INSERT INTO event SELECT i % 4, timestamptz '2024-01-01' + i * i * interval '1 minute', i % 19, i % 80, -i % 170 FROM generate_series(1, 300) i;
SELECT engage_velocity_track('event', 'event', 'card', 'at', 'amount', 'lat', 'lon');
CREATE FUNCTION try_rollup(id int, data bytea) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	last text[] := '{fine,read}';
	code text;
	message text;
	sql text;
BEGIN
	RAISE LOG 'mutant %', id;
	UPDATE event_velocity SET state = data WHERE key = 1;
	FOREACH sql IN ARRAY ARRAY['SELECT engage_velocity_state(''event'', 1, ''2024-01-20'')', 'SELECT engage_velocity_state(''event'', 1, ''2024-03-03 12:00'')',
		'SELECT engage_velocity_with(''event'', 1, ''2024-03-03 13:00'', 5, 1, 2)', 'INSERT INTO event VALUES (1, ''2024-03-03'', 1, 2, 3), (1, ''2024-03-04'', 5, 7, 8)',
		'SELECT engage_velocity_state(''event'', 1, ''2024-03-05'')', 'SELECT engage.velocity_join(state, state) FROM event_velocity'] LOOP
		BEGIN
			EXECUTE sql;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			last := ARRAY[code, sql || ': ' || message];
			IF code = 'XX000' THEN
				RETURN last;
			END IF;
		END;
	END LOOP;
	RETURN last;
END $$;
EOS
my $rollup = pack('H*', $pg->query("SELECT encode(state, 'hex') FROM event_velocity WHERE key = 1"));
campaign('rollups', 'try_rollup(m.id, decode(m.data, \'hex\'))', 1, map { [ '', mutate($rollup) ] } 1 .. $mutants * 2);
$pg->query("SELECT engage_velocity_untrack('event')");
$pg->query("SELECT engage_velocity_track('event', 'event', 'card', 'at', 'amount', 'lat', 'lon')");

# ---------------------------------------------------------------------------
# Policies
# ---------------------------------------------------------------------------

my $policy = <<'EOS';
{"layers": [{"name": "rules", "rules": [{"name": "a", "when": "n > 3 AND c = 'c1'", "score": 60, "reason": "odd"},
 {"name": "b", "when": "x / n > 20", "score": 100, "stop": true, "action": "block"}], "combine": "sum", "on_error": "skip", "weight": 2},
 {"name": "speed", "velocity": "event", "key": "k", "at": "seen", "amount": "x", "lat": "n", "lon": "n", "limits": {"count_1m": 5, "sum_24h": {"max": 100, "score": 60}}, "score": 70},
 {"name": "models", "models": [{"model": "fuzz_plain", "weight": 0.7}, {"model": "fuzz_multi", "class": "1"}], "combine": "noisy_or"}],
 "combine": "weighted", "bands": [{"from": 0, "action": "go"}, {"from": 31, "action": "stop"}], "explain": {"from": 10, "features": 2}, "on_error": "skip"}
EOS
$policy =~ s/\n//g;
$pg->query(<<"EOS");
CREATE VIEW decided AS SELECT *, timestamptz '2024-03-03' AS seen FROM small;
CREATE FUNCTION try_policy(id int, data text) RETURNS text[] LANGUAGE plpgsql AS \$\$
DECLARE
	state text;
	message text;
	j jsonb;
BEGIN
	RAISE LOG 'mutant %', id;
	BEGIN
		j := data::jsonb;
	EXCEPTION WHEN OTHERS THEN
		RETURN ARRAY['fine', 'no JSON'];
	END;
	BEGIN
		PERFORM engage_policy('mutant', j, source => 'decided');
		PERFORM engage_decide('mutant', w), engage_decide('mutant', to_jsonb(w)) FROM decided w LIMIT 5;
		PERFORM engage_decide('mutant', '{"n":null,"c":"","seen":"infinity","x":"NaN","k":1e9,"id":-1}'::jsonb);
		RAISE EXCEPTION USING ERRCODE = '01234', MESSAGE = 'fine';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
		RETURN ARRAY[CASE WHEN state = '01234' THEN 'fine' ELSE state END, message];
	END;
END \$\$;
SELECT engage_policy('good', \$\$$policy\$\$, source => 'decided');
SELECT engage_decide('good', w) FROM decided w LIMIT 5;
EOS
campaign('policies', 'try_policy(m.id, m.data)', 0, map {
	my $p = $policy;
	my @spots;
	push @spots, [ $-[0], $+[0] - $-[0] ] while $p =~ /"[^"]*"|[\d.]+|\[[^\[\]]*\]|\{[^{}]*\}/g;
	my $spot = one_of(@spots);
	my $other = one_of(@spots);
	substr($p, $spot->[0], $spot->[1]) = chance(2) ? json_value(0) : substr($p, $other->[0], $other->[1]);
	[ '', chance(3) ? $p : $p =~ s/\bn > 3\b/one_of(@numbers) . one_of(qw(= + < || - :: AND OR)) . one_of(qw(n x c k z NULL))/er ];
} 1 .. $mutants * 2);

is($pg->query("SELECT string_agg(model, ' ' ORDER BY model) FROM engage.models"), $all_models, 'nothing of all this is left');
is($pg->query("SELECT string_agg(policy, ' ') FROM engage.policies"), 'good', 'nor of the policies');
done_testing;
