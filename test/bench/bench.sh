#!/usr/bin/env bash
# bench.sh - the speed table: engage against the raw library, in one run on one machine
#
#   test/bench/bench.sh               the table of README.md (about 10 minutes, 8 GB of disk)
#   test/bench/bench.sh SECTION...    some of: main point growth
#
# Settings: ROWS (default 1000000), THREADS (2), GROWTH_ROWS ("10000 100000 1000000"),
# BENCH_DIR (where the private cluster and the exported data live, default a directory in /var/tmp).
# Ratios are what counts: both sides run on the same rows, threads and parameters.

set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/cluster.sh

install_missing build bench
make -s -j "$(nproc)" PG_CONFIG="$(pg_config_path)" all
as_root make -s PG_CONFIG="$(pg_config_path)" install >/dev/null

dir=${BENCH_DIR:-$(mktemp -d /var/tmp/engage-bench.XXXXXX)}
mkdir -p "$dir"
chmod 755 "$dir"
finish()
{
	cluster_drop "$dir/cluster" || true
	[ -n "${BENCH_DIR:-}" ] || rm -rf "$dir"
}
trap finish EXIT

cluster_create "$dir/cluster" shared_buffers=4GB max_wal_size=8GB synchronous_commit=off max_connections=200 \
	max_parallel_maintenance_workers="$((${THREADS:-2} - 1))" max_parallel_workers_per_gather=0 jit=off autovacuum=off
eval "$(cluster_env "$dir/cluster")"
mkdir -p "$dir/export"
chmod 777 "$dir/export"

# the interpreter that Debian's packages belong to, whatever else is on the path
/usr/bin/python3 test/bench/bench.py --export "$dir/export" "$@"
