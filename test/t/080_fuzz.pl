# 080_fuzz.pl - a short round of test/fuzz/fuzz.pl, always the same
use strict;
use warnings;
use EngageTest;

@ARGV = ($ENV{FUZZ_SEED} // 1, $ENV{FUZZ_MUTANTS} // 400);
my $script = "$EngageTest::root/test/fuzz/fuzz.pl";
do $script or die $@ || "could not run $script: $!";
