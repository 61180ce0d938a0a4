# Drift of every shape: constant, tied, at the ends, missing, infinite columns that move in every way; every drift aggregate against plain loops
# over the rule of docs/reference/drift.md, and none may call stable what the distance of the distribution functions calls moved.

use strict;
use warnings;
use EngageTest;
use List::Util qw(max);
use Test::More;

my $n = 400;	# rows a side
my ($inf, $nan) = (9**9**9, 'NaN');
my $state = 7;
my $random = sub { $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) };

# all numbers are halves, so that single precision holds them
my %kind = (
	constant => sub { 7 },
	zero => sub { 0 },
	two => sub { $_[0] % 2 },
	rare => sub { $_[0] % 100 == 0 ? 1 : 0 },
	ten => sub { $_[0] % 10 },
	ties => sub { $_[0] % 5 < 3 ? 0 : $random->() % 1000 },
	ties_at_the_top => sub { $_[0] % 5 < 3 ? 0 : -($random->() % 1000) },
	ties_within => sub { $_[0] % 2 ? 500 : $random->() % 1000 },
	ends => sub { $_[0] % 2 ? -1000 : 1000 },
	uniform => sub { $random->() % 4096 },
	counts => sub { my $c = 0; $c++ while $random->() % 3 && $c < 30; return $c },
	outlier => sub { $_[0] == 17 ? 2**60 : $random->() % 4096 },
	often_missing => sub { $_[0] % 3 ? $random->() % 50 : undef },
	infinite => sub { $_[0] % 2 ? $inf : $random->() % 50 },
	infinite_below => sub { $_[0] % 2 ? -$inf : 3 });
my %shift = (
	none => sub { $_[0] },
	above => sub { 2**40 + ($_[0] // 0) * 0 },
	below => sub { -2**40 },
	half_above => sub { $_[1] % 2 ? 2**40 : $_[0] },
	half_below => sub { $_[1] % 2 ? -2**40 : $_[0] },
	between => sub { defined $_[0] ? $_[0] + 0.5 : undef },
	just_below => sub { defined $_[0] ? $_[0] - 0.5 : undef },
	collapsed => sub { 0.5 },
	half_missing => sub { $_[1] % 2 ? undef : $_[0] },
	all_missing => sub { undef },
	half_nan => sub { $_[1] % 2 ? $nan : $_[0] },
	half_infinite => sub { $_[1] % 2 ? $inf : $_[0] },
	outlier => sub { $_[1] == 3 ? 2**100 : $_[0] });
my (@name, @ref, @cur);
foreach my $k (sort keys %kind)
{
	my @rows = map { $kind{$k}->($_) } 0 .. $n - 1;

	foreach my $s (sort keys %shift)
	{
		push @name, "${k}_$s";
		push @ref, [@rows];
		push @cur, [ map { my $v = $shift{$s}->($rows[$_], $_); defined $v && $v eq $inf - $inf ? undef : $v } 0 .. $n - 1 ];
	}
}

# ---- the oracle: what the page says, in loops
my $present = sub { return sort { $a <=> $b } grep { defined $_ && $_ ne $nan } @{ $_[0] } };

# bins as tests of a value: each [from, to], a frequent value alone
sub bins_of
{
	my ($bins, @s) = @_;
	my ($below, $wanted, %count, @cut) = (0, 1);

	$count{$_}++ foreach @s;
	foreach my $v (sort { $a <=> $b } keys %count)
	{
		my $crossed = 0;

		$below += $count{$v};
		$crossed = 1, $wanted++ while $wanted < $bins && $below >= @s * $wanted / $bins;
		push @cut, [ $v, '<' ], [ $v, '<=' ] if $count{$v} >= @s / $bins;
		push @cut, [ $v, '<=' ] if $count{$v} < @s / $bins && $crossed && $v < $s[-1];
	}
	return @cut;
}

sub histogram
{
	my ($cut, $values) = @_;
	my @count = (0) x (@$cut + 2);

	foreach my $v (@$values)
	{
		my $b = 0;

		if (!defined $v || $v eq $nan) { $count[-1]++; next }
		$b++ while $b < @$cut && !($cut->[$b][1] eq '<' ? $v < $cut->[$b][0] : $v <= $cut->[$b][0]);
		$count[$b]++;
	}
	return [ map { $_ / @$values } @count ];
}

sub measures
{
	my ($r, $c) = @_;
	my %m = (psi => 0, kl => 0, js => 0, chi2 => 0);

	foreach my $i (0 .. $#$r)
	{
		my ($x, $y) = ($r->[$i], $c->[$i]);
		my ($fx, $fy) = (max($x, 1e-4), max($y, 1e-4));

		$m{psi} += ($fy - $fx) * log($fy / $fx);
		$m{kl} += $y * log($y / $fx) if $y > 0;
		$m{js} += $x / 2 * log(2 * $x / ($x + $y)) if $x > 0;
		$m{js} += $y / 2 * log(2 * $y / ($x + $y)) if $y > 0;
		$m{chi2} += $n * ($x - $y)**2 / ($x + $y) if $x + $y > 0;
	}
	$m{kl} = max($m{kl}, 0);
	return \%m;
}

sub distance
{
	my ($r, $c) = @_;
	my ($most, $at, %d) = (0, 0);

	return undef if !@$r || !@$c;
	$d{$_} += 1 / @$r foreach @$r;
	$d{$_} -= 1 / @$c foreach @$c;
	foreach my $v (sort { $a <=> $b } keys %d) { $at += $d{$v}; $most = max($most, abs $at) }
	return $most;
}

# ---- the rows
my $pg = EngageTest->new;
my $sql = sub { my ($v) = @_; return !defined $v ? '\N' : $v eq $nan ? 'NaN' : $v == $inf ? 'Infinity' : $v == -$inf ? '-Infinity' : sprintf('%.17g', $v) };
my $csv = $pg->dir . '/shapes.txt';
open my $out, '>', $csv or die "$csv: $!";
foreach my $side (0, 1)
{
	foreach my $i (0 .. $n - 1)
	{
		print $out join("\t", $side * $n + $i, $side ? 't' : 'f', ($i * 7919) % 400 < 200 ? 't' : 'f', map { $sql->(($side ? \@cur : \@ref)->[$_][$i]) } 0 .. $#name), "\n";
	}
}
close $out or die "$csv: $!";
$pg->query("CREATE TABLE shapes (id int, now boolean, y boolean, " . join(', ', map { "$_ float8" } @name) . "); COPY shapes FROM '$csv'");

# ---- the aggregates
my %wrong;
foreach my $i (0 .. $#name)
{
	my @r = $present->($ref[$i]);
	my @c = $present->($cur[$i]);
	my $ks = distance(\@r, \@c);
	my $missing = abs(@r - @c) / $n;

	foreach my $bins (10, 5, 20)
	{
		my @cut = bins_of($bins, @r);
		my $want = measures(histogram(\@cut, $ref[$i]), histogram(\@cut, $cur[$i]));
		my @got = split /\|/, $pg->query("SELECT engage_psi(v, c, $bins), engage_kl(v, c, $bins), engage_js(v, c, $bins), engage_chi2(v, c, $bins),
			engage_chi2_p(v, c, $bins), engage_ks(v, c) FROM (SELECT $name[$i] AS v, now AS c FROM shapes) q");

		foreach my $m ([ psi => 0 ], [ kl => 1 ], [ js => 2 ], [ chi2 => 3 ])
		{
			push @{ $wrong{"$m->[0], $bins bins"} }, "$name[$i]: $got[$m->[1]], not $want->{$m->[0]}"
				if abs($got[ $m->[1] ] - $want->{ $m->[0] }) > 1e-9 * max(1, abs $want->{ $m->[0] });
		}
		push @{ $wrong{ks} }, "$name[$i]: " . ($got[5] // 'NULL') . ", not " . ($ks // 'NULL')
			if defined $ks ? abs($got[5] - $ks) > 1e-9 : ($got[5] // '') ne '';

		# a bin that is no single value holds less than two of the parts: what is farther apart shows
		my $moved = ($ks // 1) > 2 / $bins + 0.05 || $missing > 0.2;
		my $same = ($ks // 0) < 1e-9 && $missing == 0;

		push @{ $wrong{"moved, but stable in $bins bins"} }, "$name[$i]: @got" if $moved && ($got[0] < 0.1 || $got[1] < 0.01 || $got[2] < 0.005 || $got[4] > 1e-4);
		push @{ $wrong{"the same, but moved in $bins bins"} }, "$name[$i]: @got" if $same && ($got[0] > 1e-12 || $got[3] > 1e-9 || $got[4] < 1);
	}
}
foreach my $m (map { my $b = $_; map { "$_, $b bins" } qw(psi kl js chi2) } 10, 5, 20)
{
	is(join("\n", @{ $wrong{$m} // [] }), '', "$m: " . @name . ' shapes as by hand');
}
is(join("\n", @{ $wrong{ks} // [] }), '', 'ks');
foreach my $bins (10, 5, 20)
{
	is(join("\n", @{ $wrong{"moved, but stable in $bins bins"} // [] }), '', "$bins bins: what moved shows in psi, kl, js and chi2");
	is(join("\n", @{ $wrong{"the same, but moved in $bins bins"} // [] }), '', "$bins bins: what stayed is stable");
}

# ---- engage_drift() of a model that was trained on the reference; infinity is missing to it
my @learn = grep { scalar(grep { defined $_ && $_ ne $nan && abs($_) != $inf } @{ $ref[$_] }) } 0 .. $#name;
$pg->query("SET client_min_messages = error; SELECT engage_train('m', 'SELECT y, " . join(', ', map { $name[$_] } @learn) . " FROM shapes WHERE NOT now', target => 'y',
	algorithm => 'xgboost', params => '{\"n_estimators\": 2}', test_size => 0)");
my %got = map { my @f = split /\|/, $_, -1; $f[0] => \@f }
	split /\n/, $pg->query("SELECT feature, psi, status, ks, js FROM engage_drift('m', 'SELECT * FROM shapes WHERE now', multivariate => false) WHERE kind = 'number'");
my (@hidden, @false);
foreach my $i (@learn)
{
	my $finite = sub { return [ grep { abs($_) != $inf } $present->($_[0]) ] };
	my ($r, $c) = ($finite->($ref[$i]), $finite->($cur[$i]));
	my $ks = distance($r, $c);
	my $missing = abs(@$r - @$c) / $n;
	my (undef, $psi, $status, $model_ks, $js) = @{ $got{ $name[$i] } // [ '', 0, 'absent', 0, 0 ] };

	push @hidden, "$name[$i]: ks $ks, missing $missing; psi $psi, $status, ks $model_ks, js $js"
		if (defined $ks && $ks > 0.25 || $missing > 0.2) && ($status eq 'stable' || $js < 0.005) || defined $ks && $ks > $model_ks + 0.2;
	push @false, "$name[$i]: psi $psi, $status" if ($ks // 0) < 1e-9 && $missing == 0 && ($status ne 'stable' || $psi > 0.02);
}
is(scalar(keys %got), scalar(@learn), 'engage_drift has a row for each shape');
is(join("\n", @hidden), '', 'engage_drift: what moved shows');
is(join("\n", @false), '', 'engage_drift: what stayed is stable');
done_testing();
