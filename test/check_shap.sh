#!/usr/bin/env bash
# check_shap.sh - exact Shapley values of forests against libxgboost, all subsets and fractions: test/golden/shap.py
#
#	test/check_shap.sh bench	prints how fast they are instead
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
python=${ENGAGE_PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import numpy, xgboost' 2>/dev/null; then
	echo "1..0 # SKIP $python has no module xgboost"
	exit 0
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# build NAME OPTION...: the files as a library
build()
{
	local name=$1
	shift

	"${CC:-cc}" -O3 -fPIC -shared -std=gnu99 -w -fno-math-errno -Isrc -I"$("$pg_config" --includedir-server)" "$@" \
		test/check_shap.c src/algo/forest_shap*.c -o "$dir/$name.so" -lm
}

# once as it is, once with limits that small trees reach
if ! build shap || ! build limits -DSTATES_BYTES=2000 -DPIECE_NODES=4 -DPIECE_LEAST=1; then
	echo "not ok 1 - check_shap.c compiles"
	echo "1..1"
	exit 1
fi
PYTHONDONTWRITEBYTECODE=1 "$python" test/golden/shap.py "$dir/shap.so" "$dir/limits.so" "$@"
