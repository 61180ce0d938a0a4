#!/usr/bin/env bash
# cluster.sh - private PostgreSQL clusters for the demo, the tests and the benchmarks
#
#   scripts/cluster.sh create DIR [name=value ...]   initdb, settings, start
#   scripts/cluster.sh standby DIR FROM              a streaming standby of the cluster in FROM, started
#   scripts/cluster.sh start DIR | restart DIR
#   scripts/cluster.sh stop DIR [smart|fast|immediate]
#   scripts/cluster.sh kill DIR                      kill -9 of every process, as a power cut would
#   scripts/cluster.sh drop DIR                      stop and remove
#   scripts/cluster.sh env DIR                       shell lines that point libpq to it: eval "$(...)"
#
# A cluster lives in DIR alone: DIR/data, DIR/log and its socket.  It listens on no TCP port, so it
# cannot collide with another server, and only who may enter DIR (its owner and root) can connect.
# The server cannot run as root; for root it runs as $ENGAGE_SERVER_USER, by default postgres.

. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

pg_bindir()
{
	local c

	c=$(pg_config_path) || { echo "no PostgreSQL with development files found" >&2; return 1; }
	"$c" --bindir
}

# Run a command as the user that owns the clusters.
as_server()
{
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u "${ENGAGE_SERVER_USER:-postgres}" -- "$@"
	else
		"$@"
	fi
}

cluster_is_running()
{
	[ -f "$1/data/postmaster.pid" ] && as_server "$(pg_bindir)/pg_ctl" -D "$1/data" status >/dev/null 2>&1
}

cluster_start()
{
	local dir=$1

	if ! (cd "$dir" && as_server "$(pg_bindir)/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 120 start >/dev/null 2>&1); then
		echo "cluster in $dir did not start:" >&2
		tail -n 20 "$dir/log" >&2
		return 1
	fi
}

cluster_stop()
{
	local dir=$1 mode=${2:-fast}

	cluster_is_running "$dir" || return 0
	(cd "$dir" && as_server "$(pg_bindir)/pg_ctl" -D "$dir/data" -m "$mode" -w stop >/dev/null)
}

# The postmaster and all its children at once; returns when the last is gone, so that a start can follow.
cluster_kill()
{
	local pid pids

	pid=$(head -n 1 "$1/data/postmaster.pid")
	kill -STOP "$pid"
	pids="$pid $(pgrep -P "$pid" | tr '\n' ' ')"
	# shellcheck disable=SC2086
	kill -9 $pids
	for pid in $pids; do
		while [ -d "/proc/$pid" ]; do
			# dead, but its parent does not ask (as in containers without an init): to the next
			# start it would look like a running server
			if grep -q '^State:[[:blank:]]*Z' "/proc/$pid/status" 2>/dev/null; then
				rm -f "$1/data/postmaster.pid" "$1"/.s.PGSQL.*.lock
				break
			fi
			sleep 0.05
		done
	done
}

# An empty directory that only the server's user can enter.
cluster_directory()
{
	local dir=$1

	if [ -e "$dir/data" ]; then
		echo "$dir already holds a cluster" >&2
		return 1
	fi
	if [ ${#dir} -gt 80 ]; then
		echo "the path $dir is too long for a socket (80 characters at most)" >&2
		return 1
	fi
	mkdir -p "$dir"
	[ "$(id -u)" -ne 0 ] || chown "${ENGAGE_SERVER_USER:-postgres}" "$dir"
	chmod 700 "$dir"
}

cluster_create()
{
	local dir=$1 setting
	shift

	cluster_directory "$dir"
	(cd "$dir" && as_server "$(pg_bindir)/initdb" -D "$dir/data" -U postgres -A trust --locale=C \
		--encoding=UTF8 --no-sync >/dev/null)
	{
		echo "listen_addresses = ''"
		echo "port = 5432"
		echo "unix_socket_directories = '$dir'"
		echo "shared_buffers = 256MB"
		echo "max_wal_size = 2GB"
		echo "timezone = 'UTC'"
		echo "log_timezone = 'UTC'"
		for setting in "$@"; do
			echo "${setting%%=*} = '${setting#*=}'"
		done
	} >>"$dir/data/postgresql.conf"
	cluster_start "$dir"
}

cluster_standby()
{
	local dir=$1 from=$2

	cluster_directory "$dir"
	(cd "$dir" && as_server "$(pg_bindir)/pg_basebackup" -h "$from" -p 5432 -U postgres -D "$dir/data" \
		-R -X stream -c fast --no-sync)
	echo "unix_socket_directories = '$dir'" >>"$dir/data/postgresql.conf"
	cluster_start "$dir"
}

cluster_drop()
{
	local dir=$1

	cluster_stop "$dir" immediate || true
	if [ -e "$dir/data/PG_VERSION" ]; then
		rm -rf "$dir/data" "$dir/log" "$dir"/.s.PGSQL.*
		rmdir "$dir" 2>/dev/null || true
	fi
}

cluster_env()
{
	printf 'export PGHOST=%q PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PATH=%q:"$PATH"\n' "$1" "$(pg_bindir)"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -euo pipefail
	verb=${1:-}
	dir=${2:-}
	[ -z "$dir" ] || dir=$(realpath -m "$dir")
	shift 2 2>/dev/null || verb=usage
	case "$verb" in
		create | stop | standby) "cluster_$verb" "$dir" "$@" ;;
		start | kill | drop | env) "cluster_$verb" "$dir" ;;
		restart) cluster_stop "$dir"; cluster_start "$dir" ;;
		*) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
fi
