#!/usr/bin/env bash
# check_kmeans.sh - k-means gives the same with all bounds and threads; clusterings measured as scikit-learn does
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_kmeans.c src/algo/kmeans_distance.c \
	src/algo/kmeans_init.c src/algo/kmeans_engine.c src/algo/kmeans_lloyd.c src/algo/kmeans_batch.c src/algo/validity.c src/base/parallel.c \
	-o "$program" -lm -lpthread || { echo "not ok 1 - check_kmeans.c compiles"; echo "1..1"; exit 1; }
"$program"
