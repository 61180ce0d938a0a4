#!/usr/bin/env bash
# demo.sh - engage from nothing to predictions; "make demo" runs this
#
#   scripts/demo.sh [DIR]      install what is missing, build, train and score in a cluster of its own
#   scripts/demo.sh --remove [DIR]
#
# The cluster in DIR (default: $ENGAGE_DEMO or /tmp/engage-demo) is made anew each time, listens on no
# network port and stays up afterwards, to look around in.

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cluster.sh

remove=""
if [ "${1:-}" = "--remove" ]; then
	remove=1
	shift
fi
dir=$(realpath -m "${1:-${ENGAGE_DEMO:-/tmp/engage-demo}}")
again="scripts/demo.sh --remove"
[ "$dir" = /tmp/engage-demo ] || again+=" $dir"

if [ -n "$remove" ]; then
	cluster_drop "$dir"
	echo "removed $dir"
	exit 0
fi

started=$SECONDS
install_missing build demo
scripts/build.sh
PG_CONFIG=$(pg_config_path)
export PG_CONFIG

if [ -e "$dir/data/PG_VERSION" ]; then
	cluster_drop "$dir"
fi
cluster_create "$dir"
eval "$(cluster_env "$dir")"
if ! psql -X -v report="$dir/report.html" -v watched="$dir/watched.html" \
	-v personas="$dir/personas.svg" -f scripts/demo.sql; then
	echo "the demo failed; the server's log is $dir/log, remove the cluster by: $again" >&2
	exit 1
fi

cat <<END

The demo took $((SECONDS - started)) s. Its cluster is still running; to look around:

    $(pg_bindir)/psql -h $dir -U postgres postgres

A model on one page:    $dir/report.html
The model watched:      $dir/watched.html
The segments:           $dir/personas.svg

Try:  SELECT * FROM engage.models;
      SELECT * FROM engage_parameters('xgboost');
      SELECT engage_describe('churn');

To stop and remove it:

    $again
END
