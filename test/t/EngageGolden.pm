package EngageGolden;

# EngageGolden.pm - run a script of test/golden against a cluster, its TAP lines being ours
#
#	use EngageGolden;
#	EngageGolden::need('numpy', 'xgboost');		# skips the whole test where Debian's Python lacks them
#	EngageGolden::run($pg, 'xgboost_scores.py');

use strict;
use warnings;
use EngageTest;
use Test::More ();

# Debian's own: the xgboost of another Python could bring another library than engage loads
our $python = $ENV{ENGAGE_PYTHON} // '/usr/bin/python3';

sub need
{
	foreach my $module (@_)
	{
		Test::More::plan(skip_all => "$python has no module $module")
			if system("$python -c 'import $module' >/dev/null 2>&1") != 0;
	}
	return;
}

sub run
{
	my ($pg, $script) = @_;
	my %env = $pg->env;
	local @ENV{ keys %env, 'PATH', 'ENGAGE_ROOT', 'PYTHONDONTWRITEBYTECODE' } =
		(values %env, EngageTest::bindir() . ":$ENV{PATH}", $EngageTest::root, 1);
	my $planned = -1;
	my $count = 0;

	open(my $out, '-|', $python, "$EngageTest::root/test/golden/$script") or die "could not run $script: $!\n";
	while (my $line = <$out>)
	{
		chomp $line;
		if ($line =~ /^(not )?ok \d+ - (.*)/)
		{
			$count++;
			Test::More::ok(!$1, $2);
		}
		elsif ($line =~ /^1\.\.(\d+)/)
		{
			$planned = $1;
		}
		else
		{
			Test::More::note($line =~ s/^# ?//r);
		}
	}
	close $out;
	Test::More::is($planned, $count, "$script ran to its end");
	return;
}

1;
