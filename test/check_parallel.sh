#!/usr/bin/env bash
# check_parallel.sh - the team of threads: same results, errors, memory bound; no data race that ThreadSanitizer sees
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
program=$(mktemp)
trap 'rm -f "$program"' EXIT
compile()
{
	"${CC:-cc}" "$@" -g -O1 -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_parallel.c \
		src/base/parallel.c -o "$program" -lpthread
}

# the sanitizer is not everywhere, and where it is it may not start (address space layout)
if compile -fsanitize=thread 2>/dev/null; then
	if out=$("$program" 2>&1) || grep -q 'data race\|^not ok' <<<"$out"; then
		echo "$out" | grep -v '^1\.\.'
		ok=ok
		! grep -q 'data race' <<<"$out" || ok='not ok'
		echo "$ok 7 - without a data race"
		echo '1..7'
		[ "$ok" = ok ] && ! grep -q '^not ok' <<<"$out"
		exit
	fi
fi
compile || { echo "not ok 1 - check_parallel.c compiles"; echo "1..1"; exit 1; }
"$program"
