# "make installcheck" in a server that somebody else configured: files that would meet each other's models in one
# database, settings that change what numbers and dates look like, a role that is not called postgres.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $pg = EngageTest->new(extension => 0, datestyle => 'German', timezone => 'Asia/Tokyo', intervalstyle => 'iso_8601', bytea_output => 'escape',
	extra_float_digits => 0, default_transaction_isolation => 'repeatable read', compute_query_id => 'on');
$pg->query('CREATE ROLE dba SUPERUSER LOGIN; CREATE DATABASE dba OWNER dba');

my %env = $pg->env(user => 'dba', database => 'dba');
my $make = join(' ', map { "$_='$env{$_}'" } sort keys %env) . ' make -C ' . ($ENV{ENGAGE_ROOT} // '.');
my $out = `$make installcheck TESTS="aggregates train log segments held_out same_name" 2>&1`;
is($?, 0, 'six files pass');
like($out, qr/^6 passed, 0 failed$/m, 'and are counted') or diag($out);
is($pg->query("SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE '%engage%'"), '', 'no database stays');
is($pg->query("SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'"), 'dba,postgres', 'and no role');

$out = `$make installcheck TESTS="nosuch" 2>&1`;
isnt($?, 0, 'a file that does not exist is a failure');
like($out, qr/test "nosuch" does not exist/, 'with its name');
$pg->stop;
$out = `$make installcheck 2>&1`;
isnt($?, 0, 'a server that does not run');
like($out, qr/no server answers/, 'is said once');
done_testing();
