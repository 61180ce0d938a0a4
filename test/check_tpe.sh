#!/usr/bin/env bash
# check_tpe.sh - the sampler of engage_tune beats random search on fixed functions, medians over seeds
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_tpe.c src/algo/tpe.c \
	-o "$program" -lm || { echo "not ok 1 - check_tpe.c compiles"; echo "1..1"; exit 1; }
"$program"
