#!/usr/bin/env bash
# check_isolation.sh - isolation forests and outlier factors against scikit-learn and numpy: test/golden/anomaly.py
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
python=${ENGAGE_PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import numpy, scipy, sklearn' 2>/dev/null; then
	echo "1..0 # SKIP $python has no module sklearn"
	exit 0
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
files="anomaly isolation isolation_grow isolation_team isolation_extended lof neighbors_order neighbors_search forest forest_code
	forest_compile link prepare"
# shellcheck disable=SC2086
if ! "${CC:-cc}" -O2 -fPIC -shared -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" test/check_isolation.c \
	$(printf 'src/algo/%s.c ' $files) src/base/bytes.c -o "$dir/anomaly.so" -lm; then
	echo "not ok 1 - check_isolation.c compiles"
	echo "1..1"
	exit 1
fi
OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 "$python" test/golden/anomaly.py "$dir/anomaly.so"
