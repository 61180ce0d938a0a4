#!/usr/bin/env bash
# check_blend.sh - the weights of ensembles equal those that scipy's optimizers find
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CC:-cc}" -O2 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_blend.c src/algo/blend.c \
	src/base/linalg.c -o "$program" -lm || { echo "not ok 1 - check_blend.c compiles"; echo "1..1"; exit 1; }
"$program"
