# The examples of the documentation are run: every block ```sql of the pages, on real data, one database for each page, the blocks of
# a page one after the other.  An example that fails is a failure, and so is one whose result has other columns than
# the table shown below it.  Examples that are no SQL for this server stand in plain ``` blocks.

use strict;
use warnings;
use EngageTest;
use Test::More;

my $root = $EngageTest::root;

# the payments of a month
my $payments = <<'SQL';
CREATE TABLE payments AS SELECT i AS payment_id, 4200 + i % 100 AS card, i % 100 AS customer_id, timestamptz '2026-02-01' + i * interval '11 minutes' AS at,
	round((10 + (i * 7919) % 300)::numeric, 2)::float8 AS amount, 52.0 + (i % 7) / 10.0::float8 AS lat, 13.0 + (i % 5) / 10.0::float8 AS lon,
	(ARRAY['DE', 'FR', 'KP'])[1 + (i % 50 + 24) / 25] AS country, i % 400 AS account_days, (i * 31) % 17 = 0 AS fraud FROM generate_series(1, 5000) i;
SQL

# ---- what an example finds in its database beside the customers of the tutorial and the model churn
my %setup = (
	'reference/drift.md' => <<'SQL',
CREATE TABLE scores AS SELECT customer_id, engage_predict('churn', c) AS score, now() - customer_id * interval '5 minutes' AS scored_at FROM customers c;
ALTER TABLE customers ADD region text, ADD joined date;
UPDATE customers SET region = CASE WHEN customer_id % 3 = 0 THEN 'north' ELSE 'south' END, joined = current_date - customer_id % 365;
SQL
	'reference/log.md' => <<'SQL',
SELECT engage_log_predictions('churn', 'customers', 'customer_id', at => now() - interval '3 months');
CREATE TABLE decisions AS SELECT customer_id, churn AS churned, now() - interval '1 month' AS decided_at FROM customers;
CREATE TABLE offers_shown AS SELECT customer_id AS offer_id, customer_id / 7 AS visit_id, tenure, monthly_charges, (tenure / 24)::int AS bought FROM customers;
SELECT engage_train('results', 'offers_shown', target => 'bought', key => 'offer_id', group_by => 'visit_id', params => '{"n_estimators": 5}');
SELECT engage_log_predictions('results', 'offers_shown', 'offer_id');
ALTER TABLE customers ADD months integer, ADD churned boolean;
UPDATE customers SET months = tenure + 1, churned = churn = 'Yes';
SELECT engage_train('lifetime', 'customers', target => 'months', key => 'customer_id', event => 'churned', exclude => '{churn,tenure,total_charges}', params => '{"n_estimators": 5}');
SELECT engage_log_predictions('lifetime', 'customers', 'customer_id');
SQL
	'reference/experiment.md' => <<'SQL',
SELECT engage_train('churn', 'customers', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'never');
CREATE TABLE months AS SELECT customer_id, churn = 'No' AS stayed, now() + interval '1 month' AS at FROM customers;
SQL
	'reference/registry.md' => <<'SQL',
SELECT engage_train('churn', 'customers', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'always');
CREATE TABLE customer_features AS SELECT * FROM customers;
ALTER TABLE customer_features ADD PRIMARY KEY (customer_id);
SQL
	'reference/report.md' => <<'SQL',
ALTER TABLE customers ADD joined date;
UPDATE customers SET joined = date '2025-08-01' + customer_id % 365;
SQL
	'reference/velocity.md' => "$payments CREATE ROLE decision_service;
CREATE TABLE daily AS SELECT i % 10 AS customer, date '2026-01-01' + i / 10 AS day, ((i * 7919) % 13)::float8 AS logins FROM generate_series(1, 500) i;",
	'reference/decide.md' => "$payments
CREATE TABLE incoming AS SELECT * FROM payments WHERE payment_id <= 100;
CREATE TABLE decisions (payment_id bigint, score integer, action text, reasons text[], layers jsonb, version integer);
SELECT engage_train(m, 'payments', target => 'fraud', key => 'payment_id', exclude => '{at}', algorithm => 'decision_tree') FROM unnest('{fraud,odd payments}'::text[]) m;
SELECT engage_policy('card fraud', '{\"layers\": [{\"name\": \"models\", \"models\": [{\"model\": \"fraud\"}]}]}', source => 'payments');",
	'reference/segment.md' => <<'SQL',
CREATE TABLE rfm AS SELECT CASE WHEN customer_id % 2 = 0 THEN 'north' ELSE 'south' END AS region, tenure AS recency, customer_id % 9 AS frequency, monthly_charges AS amount FROM customers;
CREATE TABLE points AS SELECT customer_id AS id, ARRAY[tenure, monthly_charges]::float8[] AS f FROM customers;
SQL
	'reference/tune.md' => 'DELETE FROM customers WHERE customer_id > 600',	# for sixty trials
	'reference/sample.md' => 'DROP TABLE customers CASCADE',
	'algorithms/glm.md' => <<'SQL',
ALTER TABLE customers ADD visits integer, ADD spend float8;
UPDATE customers SET visits = customer_id % 7, spend = CASE WHEN customer_id % 3 > 0 THEN monthly_charges ELSE 0 END;
SQL
	'security.md' => 'CREATE ROLE analysts',
	'operations.md' => 'CREATE TABLE customers_last_month AS SELECT * FROM customers WHERE customer_id % 2 = 0',
	'reference/monitor.md' => <<'SQL',
CREATE TABLE customers_last_month AS SELECT * FROM customers WHERE customer_id % 2 = 0;
DELETE FROM customers WHERE customer_id > 900;	-- too few: an alert
ALTER SEQUENCE engage.alert_id_seq RESTART WITH 12;
SQL
);

# ---- examples that cannot run here, and why
my @left_out = (
	[ qr/\ACREATE EXTENSION engage;\s*\z/, 'is what made the database' ],
	[ qr/pg_read_binary_file\('\/srv/, 'reads a file that a user has' ],
);

sub read_file
{
	open(my $in, '<', $_[0]) or die "could not open $_[0]: $!";
	local $/;
	return scalar <$in>;
}

# The blocks of a page: line, SQL, and the column names of the table that follows, if one does.
sub blocks
{
	my ($text) = @_;
	my @blocks;

	while ($text =~ /^```sql\n(.*?)^```\n(?:\n```\n((?:(?!```)[^\n]*\n)*)```\n)?/gms)
	{
		my ($sql, $shown) = ($1, $2);
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		my @columns;

		@columns = map { s/^\s+|\s+$//gr } split /\|/, $1 if defined $shown && $shown =~ /\A([^\n]*)\n[-+]+\n/;
		push @blocks, { line => $line, sql => $sql, columns => \@columns };
	}
	return @blocks;
}

my $pg = EngageTest->new;

sub run_block
{
	my ($page, $db, $b) = @_;
	my $name = "$page, line $b->{line}";
	my ($why) = map { $_->[1] } grep { $b->{sql} =~ $_->[0] } @left_out;

	SKIP:
	{
		skip "$name: $why", 1 if $why;
		my $began = time;
		my ($status, $out, $err) = $pg->psql("\\pset format unaligned\n\\pset tuples_only off\n\\pset footer off\nSET engage.progress = off;\n$b->{sql}",
			database => $db);

		is($status, 0, $name) or diag("$b->{sql}\n$err");
		note(sprintf '%d s', time - $began) if time - $began > 2;
		return if $status != 0 || !@{ $b->{columns} };
		my $wanted = join('|', @{ $b->{columns} });
		ok((grep { $_ eq $wanted } split /\n/, $out), "$name: the columns shown are those of the result")
			or diag("shown: $wanted\nresult:\n" . substr($out, 0, 500));
	}
	return;
}

$pg->query('CREATE DATABASE base');
$pg->query('CREATE EXTENSION engage', database => 'base');
my ($first) = blocks(read_file("$root/docs/tutorial.md"));
my $customers = $first->{sql} =~ s/CREATE EXTENSION engage;//r;
$customers =~ s{'test/data/}{'$root/test/data/};
$pg->query("$customers\nDELETE FROM customers WHERE customer_id BETWEEN 1501 AND 6500;", database => 'base');
$pg->query("SELECT engage_train('churn', 'customers', target => 'churn', key => 'customer_id', params => '{\"n_estimators\": 20}')", database => 'base');

my @pages = map { s{^\Q$root\E/docs/}{}r } sort glob("$root/docs/reference/*.md"), glob("$root/docs/algorithms/*.md"), "$root/docs/security.md", "$root/docs/operations.md";
my @only = split /,/, $ENV{ENGAGE_DOCS} // '';
foreach my $page (@pages)
{
	next if @only && !grep { $page =~ /$_/ } @only;
	my @blocks = blocks(read_file("$root/docs/$page"));

	next unless @blocks;
	my $db = 'page_' . $page =~ s/\W/_/gr;
	$pg->query("CREATE DATABASE $db TEMPLATE base");
	$pg->query($setup{$page}, database => $db) if $setup{$page};
	run_block($page, $db, $_) foreach @blocks;
	$pg->query("DROP DATABASE $db");
}

# ---- the test itself can fail
my @broken = blocks("text\n```sql\nSELECT 1 AS a, nothing();\n```\n\n```\n a | b\n---+---\n 1 | 2\n```\n");
is(scalar @broken, 1, 'a block is found');
is("@{ $broken[0]{columns} }", 'a b', 'and the columns that are shown');
isnt(($pg->psql($broken[0]{sql}))[0], 0, 'and its error');
done_testing;
