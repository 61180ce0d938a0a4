package EngageTest;

# EngageTest.pm - private clusters and sessions for the TAP tests
#
#	use EngageTest;
#	use Test::More;
#
#	my $pg = EngageTest->new(work_mem => '8MB');	# a fresh cluster, started; engage created
#	is($pg->query('SELECT 1 + 1'), '2', 'unaligned output, fields by "|", rows by newline');
#	my ($status, $out, $err) = $pg->psql('SELECT 1 / 0');	# does not die
#	like($pg->error('SELECT 1 / 0'), qr/division by zero/, 'the error, with SQLSTATE');
#	my $s = $pg->session;				# psql in the background; keeps its transaction
#	$s->query('BEGIN');
#	$s->send('SELECT pg_sleep(10)');		# does not wait; $s->pid is its backend
#	$pg->wait_for("SELECT state = 'active' FROM pg_stat_activity WHERE pid = ...");
#	my ($out2, $err2) = $s->finish;			# waits for what was sent
#	$s->close;
#	$pg->kill9; $pg->start;				# a power cut, and recovery
#	$pg->restart('immediate');
#	my $standby = $pg->standby; $standby->catch_up;
#	done_testing;
#
# Methods that run SQL take an SQL text and named options: user, database, timeout (seconds, 300).
# Clusters and sessions are removed when the test ends, however it ends.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Run;
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

our $root = abs_path(dirname(__FILE__) . '/../..');

my @clusters;
my @sessions;
my $owner = $$;

# an END block runs on exit, not on a signal: "timeout" and Ctrl-C must clean up, too
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub { exit 130 };

# a session whose backend was terminated is a result, not the end of the test
$SIG{PIPE} = 'IGNORE';

# scripts/cluster.sh VERB DIR ...; dies when it fails
sub cluster_sh
{
	my (@args) = @_;
	my $out = '';

	# the server must not inherit the pipe: it would never be closed
	my $log = File::Temp->new;
	my $pid = fork // die "could not fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>&', $log);
		open(STDERR, '>&', $log);
		exec("$root/scripts/cluster.sh", @args) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	my $status = $?;
	open(my $in, '<', $log->filename) or die "could not read the log: $!";
	{ local $/; $out = <$in> // ''; }
	die "cluster.sh @args failed:\n$out\n" if $status != 0;
	return $out;
}

sub new
{
	my ($class, %settings) = @_;
	my $extension = delete $settings{extension} // 1;
	my $self = $class->_object;

	cluster_sh('create', $self->{dir}, 'fsync=off', map { "$_=$settings{$_}" } sort keys %settings);
	$self->query('CREATE EXTENSION engage') if $extension;
	return $self;
}

# A streaming standby of this cluster.
sub standby
{
	my ($self) = @_;
	my $other = ref($self)->_object;

	$other->{primary} = $self;
	cluster_sh('standby', $other->{dir}, $self->{dir});
	return $other;
}

sub _object
{
	my ($class) = @_;
	my $top = tempdir('engage-tap.XXXXXX', DIR => '/tmp');

	chmod(0755, $top);
	my $self = bless { top => $top, dir => "$top/pg" }, $class;
	push @clusters, $self;
	return $self;
}

sub dir  { return $_[0]->{dir}; }
sub host { return $_[0]->{dir}; }

# What the server wrote to its log.
sub log
{
	my ($self) = @_;

	open(my $in, '<', "$self->{dir}/log") or return '';
	local $/;
	return scalar <$in>;
}

sub start   { cluster_sh('start', $_[0]->{dir}); return; }
sub stop    { cluster_sh('stop',  $_[0]->{dir}, $_[1] // 'fast'); return; }
sub kill9   { cluster_sh('kill',  $_[0]->{dir}); return; }

sub restart
{
	my ($self, $mode) = @_;

	$self->stop($mode);
	$self->start;
	return;
}

# Append settings and reload (or restart).
sub configure
{
	my ($self, %settings) = @_;
	my $restart = delete $settings{restart};

	foreach my $name (sort keys %settings)
	{
		$self->query("ALTER SYSTEM SET $name = '$settings{$name}'");
	}
	$restart ? $self->restart : $self->query('SELECT pg_reload_conf()');
	return;
}

# The environment of a client, and the command of psql.
sub env
{
	my ($self, %o) = @_;

	return (
		PGHOST => $self->{dir}, PGPORT => 5432,
		PGUSER => $o{user} // 'postgres', PGDATABASE => $o{database} // 'postgres',
		PGOPTIONS => '', PGAPPNAME => 'engage test');
}

sub bindir
{
	my $config = $ENV{PG_CONFIG} // 'pg_config';

	chomp(my $dir = `$config --bindir`);
	return $dir;
}

sub psql_command
{
	return (bindir() . '/psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-f', '-', @_);
}

# Run SQL; returns exit status, output and errors.
sub psql
{
	my ($self, $sql, %o) = @_;
	my ($out, $err) = ('', '');
	my %env = $self->env(%o);
	local @ENV{ keys %env } = values %env;
	my @options = ('-v', 'ON_ERROR_STOP=' . ($o{on_error_stop} // 1));

	my $limit = $o{timeout} // 300;
	my $run = IPC::Run::harness([ psql_command(@options) ], '<', \$sql, '>', \$out, '2>', \$err,
		IPC::Run::timeout($limit, exception => "timed out after $limit s"));
	if (!eval { $run->run; 1 } && $@ =~ /timed out/)
	{
		$run->kill_kill;
		return (124, $out, "$err\ntimed out after $limit s");
	}
	chomp $out;
	chomp $err;
	return ($run->result(0) // 1, $out, $err);
}

# Output of SQL that must succeed.
sub query
{
	my ($self, $sql, %o) = @_;
	my ($status, $out, $err) = $self->psql($sql, %o);

	die "query failed: $sql\n$err\n" if $status != 0;
	return $out;
}

# Error text of SQL that must fail ("ERROR:  22012: division by zero ..."); undef where it succeeds.
sub error
{
	my ($self, $sql, %o) = @_;
	my ($status, $out, $err) = $self->psql($sql, %o);

	return $status == 0 ? undef : $err;
}

# Poll until a query gives "t"; false after the timeout.
sub wait_for
{
	my ($self, $sql, %o) = @_;
	my $end = time + ($o{timeout} // 60);

	while (time < $end)
	{
		my ($status, $out) = $self->psql($sql, %o);
		return 1 if $status == 0 && $out eq ($o{expect} // 't');
		sleep 0.05;
	}
	return 0;
}

# On a standby: wait until it has replayed what its primary has written.
sub catch_up
{
	my ($self, %o) = @_;
	my $lsn = $self->{primary}->query('SELECT pg_current_wal_insert_lsn()');

	$self->wait_for("SELECT pg_last_wal_replay_lsn() >= '$lsn'", %o) or die "standby did not catch up\n";
	return;
}

# A dump of a database, as pg_dump writes it.
sub dump
{
	my ($self, %o) = @_;
	my ($out, $err) = ('', '');
	my %env = $self->env(%o);
	local @ENV{ keys %env } = values %env;

	IPC::Run::run([ bindir() . '/pg_dump', @{ $o{options} // [] } ], '>', \$out, '2>', \$err)
		or die "pg_dump failed: $err\n";
	return $out;
}

# Load a data set of test/data into a table: columns from the header, types from a hash, else text.
sub load_csv
{
	my ($self, $table, $file, $types, %o) = @_;
	my $path = "$root/test/data/$file";

	open(my $in, '<', $path) or die "could not open $path: $!\n";
	my $header = <$in>;
	$header =~ s/[\r\n]+$//;
	close $in;
	my @columns = map { s/"//gr } split /,/, $header;
	$self->query("CREATE TABLE $table (" . join(', ', map { "$_ " . ($types->{$_} // $types->{'*'} // 'text') } @columns)
			. ");\n\\copy $table FROM '$path' CSV HEADER\n", %o);
	return;
}

sub session
{
	my ($self, %o) = @_;

	return EngageTest::Session->new($self, %o);
}

END
{
	if ($$ == $owner)
	{
		my $status = $?;

		$_->kill foreach grep { defined } @sessions;
		foreach my $c (reverse @clusters)
		{
			if ($status != 0 && -e "$c->{dir}/log")
			{
				my @lines = split /\n/, $c->log;
				splice(@lines, 0, @lines - 30) if @lines > 30;
				Test::More::diag(join("\n", "server log of $c->{dir}:", @lines));
			}
			eval { cluster_sh('drop', $c->{dir}) };
			rmdir $c->{top};
		}
		$? = $status;
	}
}

package EngageTest::Session;

# psql in the background.  A marker after each statement tells when its answer is complete.

use Scalar::Util qw(weaken);

sub new
{
	my ($class, $cluster, %o) = @_;
	my $self = bless { in => '', out => '', err => '', count => 0, timeout => $o{timeout} // 300 }, $class;
	my %env = $cluster->env(%o);
	local @ENV{ keys %env } = values %env;

	$self->{timer} = IPC::Run::timer($self->{timeout});
	$self->{run} = IPC::Run::start([ EngageTest::psql_command('-v', 'ON_ERROR_STOP=0') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	push @sessions, $self;
	weaken($sessions[-1]);
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	return $self;
}

sub pid { return $_[0]->{pid}; }

# Send SQL without waiting for its end.
sub send
{
	my ($self, $sql) = @_;

	$self->{count}++;
	$self->{in} .= "$sql\n;\n\\echo <done $self->{count}>\n\\warn <done $self->{count}>\n";
	$self->{timer}->start($self->{timeout});
	$self->{run}->pump_nb while length $self->{in};
	return;
}

# Wait for the end of what was sent; returns output and errors since the last call.
sub finish
{
	my ($self) = @_;
	my $mark = "<done $self->{count}>\n";

	while (index($self->{out}, $mark) < 0 || index($self->{err}, $mark) < 0)
	{
		last unless eval { $self->{run}->pumpable };
		$self->{run}->pump;
		die "session timed out\n" if $self->{timer}->is_expired;
	}
	my ($out, $err) = @{$self}{qw(out err)};
	$self->{out} = $self->{err} = '';
	foreach ($out, $err)
	{
		s/<done \d+>\n//g;
		chomp;
	}
	return ($out, $err);
}

# Output of SQL; dies on an error.
sub query
{
	my ($self, $sql) = @_;

	$self->send($sql);
	my ($out, $err) = $self->finish;
	die "query failed: $sql\n$err\n" if $err =~ /^(psql:.*?)?(ERROR|FATAL|PANIC):/m;
	return $out;
}

# Is psql still there?  (It ends when its connection is terminated.)
sub alive
{
	my ($self) = @_;

	$self->{run}->pump_nb if $self->{run}->pumpable;
	return $self->{run}->pumpable;
}

sub close
{
	my ($self) = @_;

	return unless $self->{run};
	$self->{in} .= "\\q\n";
	eval { $self->{run}->finish };
	delete $self->{run};
	return;
}

sub kill
{
	my ($self) = @_;

	eval { $self->{run}->kill_kill } if $self->{run};
	delete $self->{run};
	return;
}

1;
