#!/usr/bin/env bash
# check_shapley.sh - sampled Shapley values and contributions to outputs, against slow and simple computations
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_shapley.c src/algo/shapley.c \
	src/algo/link.c -o "$program" -lm || { echo "not ok 1 - check_shapley.c compiles"; echo "1..1"; exit 1; }
"$program"
