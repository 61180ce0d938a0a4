#!/usr/bin/env bash
# bench.sh - the speed tables: engage against the references, in one run on one machine
#
#   test/bench/bench.sh [--markdown] [PART...]
#
# Without parts all of them, which takes about 40 minutes and 8 GB of disk on two cores:
#
#   main        a million customers: train and score, against XGBoost             2 min
#   point       one customer by primary key, latency                              1 min
#   anomalies   isolation forests against scikit-learn                            1 min
#   clusters    k-means against scikit-learn; how cost grows                      3 min
#   decide      decisions in layers, latency                                      1 min
#   learners    linear, logistic, neural net, against scikit-learn                5 min
#   forests     random forests, against XGBoost's and scikit-learn's              4 min
#   aggregates  engage_auc and others over ten million rows                       2 min
#   tuning      50 trials and 5 folds, against the sum of their fits              8 min
#   explain     engage_explain against XGBoost's contributions                    2 min
#   kernels     kernels of OpenBLAS, a neural net with each                       1 min
#   growth      how cost grows with rows, columns and trees                      15 min
#
# --markdown prints the tables of docs/benchmarks.md and nothing else:
#
#   test/bench/bench.sh --markdown learners forests aggregates tuning >tables.md
#
# Settings: ROWS (default 1000000), SIZES ("100000 1000000", of learners and forests), THREADS (2),
# GROWTH_ROWS ("10000 100000 1000000"), AGGREGATE_ROWS (10000000), TUNING_ROWS (20000), TRIALS (50),
# EXPLAIN_ROWS (20000), BENCH_DIR (where the private cluster and the exported data live, default a
# directory in /var/tmp), BENCH_TIMEOUT (most seconds of the whole run, default 7200).
# Ratios are what counts: both sides run on the same rows, threads and parameters.

set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/cluster.sh

install_missing build bench >&2
make -s -j "$(nproc)" PG_CONFIG="$(pg_config_path)" all >&2
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
PYTHONDONTWRITEBYTECODE=1 timeout "${BENCH_TIMEOUT:-7200}" /usr/bin/python3 test/bench/bench.py --export "$dir/export" "$@"
