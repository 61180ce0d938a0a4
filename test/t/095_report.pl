# 095_report.pl - the page of engage_report: what is on it, in what shape, and how a browser takes it
use strict;
use warnings;
use EngageTest;
use File::Temp qw(tempdir);
use Test::More;

my $pg = EngageTest->new;
my %types = (customer_id => 'integer', churn => 'text', tenure => 'integer', monthly_charges => 'numeric',
	total_charges => 'numeric', senior_citizen => 'integer');
$pg->load_csv('telco', 'telco_churn.csv', \%types);
my $quiet = 'SET engage.progress = off; SET client_min_messages = error;';

sub train
{
	my ($model, $arguments) = @_;
	$pg->query("$quiet SELECT version FROM engage_train('$model', 'telco', key => 'customer_id', $arguments)");
}

sub elements
{
	my ($page, $pattern) = @_;
	return scalar(() = $page =~ /$pattern/g);
}

# what holds for every page
sub check_page
{
	my ($page, $what) = @_;

	subtest $what => sub {
		like($page, qr/\A<!DOCTYPE html>\n<html lang="en">.*<\/html>\s*\z/s, 'is a whole page');
		is(elements($page, '<h1>'), 1, 'has one main heading');
		is(elements($page, '<svg'), elements($page, '<svg[^>]*role="img"'), 'every picture says that it is one');
		is(elements($page, '<svg'), elements($page, '<svg[^>]*aria-labelledby='), 'and what it shows');
		is(elements($page, '<script'), 0, 'has no script');
		is(elements($page, '(?:src|href)="(?!#|data:)|@import|url\('), 0, 'loads nothing');
		my %ids;
		$ids{$1}++ while $page =~ /\sid="([^"]*)"/g;
		is(join(' ', grep { $ids{$_} > 1 } sort keys %ids), '', 'no id occurs twice');
		my @lost = grep { !$ids{$_} } $page =~ /aria-labelledby="([^" ]+)/g;
		is("@lost", '', 'every label exists');
		cmp_ok(length $page, '<', 1_500_000, 'is not too large');
	};
}

train('churn', "target => 'churn', params => '{\"n_estimators\": 60, \"max_depth\": 4, \"early_stopping_rounds\": 10}'");
my $churn = $pg->query("$quiet SELECT engage_report('churn', options => '{\"examples\": 3}')");
check_page($churn, 'two classes');
like($churn, qr/probability that churn is Yes/, 'it says what is predicted');
like($churn, qr/Measured on the 14\d\d rows that training did not see/, 'and on which rows it was measured');
my ($auc) = $pg->query("SELECT round((metrics->>'auc')::numeric, 4) FROM engage.versions WHERE model = 'churn'") =~ /(\S+)/;
$auc =~ s/0+$//;
like($churn, qr/ROC curve<\/span> <span class="value">$auc</, 'the AUC is that of the training');
is(elements($churn, '<h3>customer_id \d+: 0\.\d+'), 3, 'three examples');
is(elements($churn, 'raises churn risk by'), elements($churn, 'typical') ? elements($churn, 'raises churn risk by') : -1,
	'with reasons in words');
cmp_ok(elements($churn, '<svg'), '>=', 6 + 2 + 4 + 3 + 1, 'and all pictures');

train('charges', "target => 'total_charges', exclude => ARRAY['churn'], algorithm => 'linear_regression'");
check_page($pg->query("$quiet SELECT engage_report('charges')"), 'numbers');
train('contract', "target => 'contract', algorithm => 'random_forest', params => '{\"n_estimators\": 20, \"max_depth\": 6}'");
check_page($pg->query("$quiet SELECT engage_report('contract')"), 'three classes');
check_page($pg->query("$quiet SELECT engage_report('contract', options => '{\"class\": \"Two year\"}')"),
	'three classes, one of them looked at');
train('near', "target => 'churn', algorithm => 'knn', background => 0");
my $near = $pg->query("$quiet SELECT engage_report('near', 'SELECT * FROM telco WHERE customer_id < 500')");
check_page($near, 'a model that cannot be explained');
unlike($near, qr/What drives it/, 'its drivers are left out');
train('spread', "target => 'monthly_charges', task => 'quantile', params => '{\"n_estimators\": 20}'");
check_page($pg->query("$quiet SELECT engage_report('spread')"), 'quantiles');

# what became of it: drift, performance, an experiment
unlike($churn, qr/Is it still good/, 'nothing is watched, nothing is said about it');
like($pg->query("$quiet SELECT engage_report('churn', 'SELECT * FROM telco WHERE customer_id < 900', '{\"examples\": 0}')"),
	qr/Is it still good\?<.*Drift since the training of churn\@1\.0\.0/s, 'a source of its own is compared with the training');
$pg->query(<<'SQL');
CREATE TABLE today AS SELECT * FROM telco t WHERE engage_held_out('churn', t);
UPDATE today SET contract = 'Month-to-month';
SELECT engage_log_predictions('churn', 'today', 'customer_id', at => now() - interval '20 days');
SELECT engage_log_predictions('churn', 'today', 'customer_id');
CREATE ROLE reader;
GRANT SELECT ON telco TO reader;
SELECT engage_grant('churn', 'reader');
CREATE SCHEMA watched;
ALTER TABLE today SET SCHEMA watched;
SET search_path = watched, public;
SELECT engage_monitor('churn', 'today', outcomes => 'SELECT * FROM today WHERE customer_id % 2 = 0');
SQL
my $watched = $pg->query("$quiet SELECT engage_report('churn', options => '{\"examples\": 0}')");
check_page($watched, 'a watched model');
like($watched, qr/Is it still good\?<.*Drift since the training of churn\@1\.0\.0.*Performance of churn by week/s, 'drift and performance of what is watched, under the search_path of then');
unlike($watched, qr/running experiment/, 'there is no experiment');
like($pg->error("SET ROLE reader; $quiet SELECT engage_report('churn', options => '{\"examples\": 0}')"), qr/42501: permission denied to run the source of model "churn"/,
	'the source of another role is not read for a reader');
unlike($pg->query("SET ROLE reader; $quiet SELECT engage_report('churn', 'telco', '{\"examples\": 0, \"current\": \"telco\"}')"), qr/Performance of churn/,
	"another role's sources are not run with the rights of the reader");
$pg->query("$quiet SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'decision_tree', deploy => 'never');
	SELECT engage_experiment_start('tree', 'churn', versions => ARRAY(SELECT version FROM engage.versions WHERE model = 'churn' ORDER BY created), key => 'customer_id');
	SELECT engage_log_predictions('churn', 'telco', 'customer_id')");
my $outcomes = 'SELECT customer_id AS key, churn AS outcome FROM telco';
$watched = $pg->query("$quiet SELECT engage_report('churn', options => '{\"examples\": 0, \"current\": \"watched.today\", \"outcomes\": \"$outcomes\"}')");
check_page($watched, 'a model in an experiment');
like($watched, qr/Performance of churn by week.*Experiment tree.*Brier score/s, 'with outcomes: performance and the experiment');
like($pg->error("SELECT engage_report('churn', options => '{\"outcomes\": \"telco\"}')"), qr/source of outcomes has no column "key"/, 'outcomes that are none');
$pg->query("SELECT engage_experiment_finish('tree'); DROP TABLE watched.today");
like($pg->query("$quiet SELECT engage_report('churn', options => '{\"examples\": 0}')"), qr/What the monitor watches could not be read: relation (?:&quot;|")today(?:&quot;|") does not exist/,
	'a source that is gone is no reason to have no report');

# names that want to be markup
$pg->query(q{CREATE TABLE odd AS SELECT customer_id AS id, churn AS "</style><script>alert(1)</script>",
	tenure AS "a <b> & ""c"" 'd'", contract || ' <i>&amp;' AS "ümläut ☃" FROM telco});
$pg->query("$quiet SELECT version FROM engage_train('odd', 'odd', target => '</style><script>alert(1)</script>', key => 'id',
	params => '{\"n_estimators\": 20}')");
my $odd = $pg->query("$quiet SELECT engage_report('odd', options => '{\"title\": \"<img src=x>\", \"examples\": 2}')");
check_page($odd, 'hostile names');
unlike($odd, qr/<img|<i>&amp;|<b> &/, 'names stay text');
like($odd, qr/ümläut ☃/, 'and keep their letters');

# errors
train('no_test', "target => 'churn', algorithm => 'decision_tree', test_size => 0");
like($pg->error("SELECT engage_report('no_test')"), qr/55000: the report of model "no_test" needs a source/, 'nothing held out');
$pg->query("$quiet SELECT version FROM engage_train('no_key', 'telco', target => 'churn', algorithm => 'decision_tree')");
like($pg->error("SELECT engage_report('no_key')"), qr/needs a source.*trained without a key/s, 'no key');
like($pg->error("SELECT engage_report('churn', options => '{\"exmaples\": 1}')"),
	qr/22023: unknown option "exmaples".*examples/s, 'unknown option');
like($pg->error("SELECT engage_report('churn', options => '{\"examples\": 500}')"),
	qr/option "examples" is 500, but must be between 0 and 50/, 'too many examples');
like($pg->error("SELECT engage_report('churn', options => '{\"theme\": \"pink\"}')"), qr/light, dark or auto/, 'unknown theme');
like($pg->error("SELECT engage_report('churn', 'SELECT 1 AS x')"), qr/42703/, 'a source without the columns');
like($pg->error("SELECT engage_report('nobody')"), qr/42704: model "nobody" does not exist/, 'unknown model');

# a browser: nothing is wider than the window, nothing complains
SKIP:
{
	my ($chromium) = grep { -x } qw(/usr/bin/chromium /usr/bin/chromium-browser);
	skip 'there is no chromium here', 3 if !$chromium;
	my $dir = tempdir(CLEANUP => 1);
	my %pages = (churn => $churn, odd => $odd, watched => $watched);
	my $frames = '';
	for my $name (sort keys %pages)
	{
		my $text = $pages{$name};
		$text =~ s/&/&amp;/g;
		$text =~ s/"/&quot;/g;
		$frames .= qq{<iframe id="$name-$_" width="$_" height="900" srcdoc="$text"></iframe>\n} for (390, 1280);
	}
	open(my $file, '>', "$dir/page.html") or die "could not write $dir/page.html: $!";
	print $file qq{<!DOCTYPE html><html><body><pre id="result">no script ran</pre>$frames<script>
addEventListener("load", function () {
	var out = [];
	document.querySelectorAll("iframe").forEach(function (f) {
		var d = f.contentDocument, e = d.documentElement, w = f.contentWindow.innerWidth;
		var wide = Array.prototype.filter.call(d.querySelectorAll("body *"), function (x) {
			return !x.closest(".scroll") && !x.closest("svg > *") && x.getBoundingClientRect().right > w + 1; });
		out.push(f.id + " " + (e.scrollWidth <= w && wide.length === 0 ? "fits" : "is " + e.scrollWidth + " wide, " +
			wide.slice(0, 3).map(function (x) { return x.tagName + "." + x.className; }).join(",")));
		var small = Array.prototype.filter.call(d.querySelectorAll("svg"), function (x) { return x.getBoundingClientRect().width < 300; });
		out.push(f.id + " " + (small.length === 0 ? "large enough" : small.length + " pictures too small"));
	});
	document.getElementById("result").textContent = out.join("\\n");
});
</script></body></html>};
	close($file);
	my $command = "timeout 120 $chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
		. ' --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage'
		. " --user-data-dir=$dir/profile --enable-logging=stderr --window-size=1400,1000 --virtual-time-budget=20000"
		. " --dump-dom file://$dir/page.html 2>$dir/err";
	my $dom = `$command`;
	my ($result) = $dom =~ /<pre id="result">(.*?)<\/pre>/s;
	skip 'chromium does not start here', 3 if !defined $result && $dom eq '';
	is(join("\n", grep { !/ (?:fits|large enough)$/ } split /\n/, $result // 'no result'), '',
		'at 390 and at 1280 pixels everything fits');
	is(scalar(split /\n/, $result // ''), 12, 'all pages were looked at');
	open(my $err, '<', "$dir/err") or die;
	is(join('', grep { /CONSOLE/ } <$err>), '', 'the console is empty');
}
done_testing;
