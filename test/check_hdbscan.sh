#!/usr/bin/env bash
# check_hdbscan.sh - hdbscan's spanning tree and hierarchy against comparing all pairs of rows
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -D_GNU_SOURCE -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_hdbscan.c \
	src/algo/hdbscan_search.c src/algo/hdbscan_span.c src/algo/hdbscan_tree.c src/algo/hdbscan_select.c \
	src/algo/neighbors_order.c src/base/parallel.c -o "$program" -lm -lpthread ||
	{ echo "not ok 1 - check_hdbscan.c compiles"; echo "1..1"; exit 1; }
"$program"
