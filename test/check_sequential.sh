#!/usr/bin/env bash
# check_sequential.sh - false alarms of tests that are looked at all the time; RUNS=10000 for the number in the docs
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_sequential.c src/eval/sequential.c \
	src/base/distribution.c -o "$program" -lm || { echo "not ok 1 - check_sequential.c compiles"; echo "1..1"; exit 1; }
"$program" "${RUNS:-400}"
