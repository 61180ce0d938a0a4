#!/usr/bin/env bash
# check_sketch.sh - quantiles of the sketch against the sorted numbers
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_sketch.c src/eval/sketch.c \
	-o "$program" -lm || { echo "not ok 1 - check_sketch.c compiles"; echo "1..1"; exit 1; }
"$program"
