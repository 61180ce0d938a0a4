#!/usr/bin/env bash
# installcheck.sh - the SQL and isolation tests in a server that runs already; "make installcheck" runs this
#
#   scripts/installcheck.sh               all of them
#   scripts/installcheck.sh NAME...       only the files with these names
#
# libpq's variables (PGHOST, PGPORT, PGUSER ...) say which server; the role must be a superuser there, and
# engage must be installed ("make install").  Each file runs in a database "engage_check_NAME" of its own, which is
# dropped when the file has passed, as role regress_engage, which is dropped, too.  Differences are left in
# results/NAME/regression.diffs.  The last line is "N passed, N failed".
#
# Settings: PG_CONFIG, TEST_TIMEOUT (seconds for one file, default 600), EXTRA_REGRESS_OPTS.

set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/regress.sh
bindir=$("$(pg_config_path)" --bindir) || exit 1

limit=${TEST_TIMEOUT:-600} passed=0 failed=0

# the server is asked once, so that an absent one is one message and not fifty
if ! "$bindir/psql" -X -d "${PGDATABASE:-postgres}" -qAt -c 'SELECT 1' >/dev/null; then
	echo "no server answers: set PGHOST, PGPORT and PGUSER" >&2
	exit 1
fi
regress_create_role

check_file()
{
	local kind=$1 name=$2 out=results/$2 database=engage_check_$2 start=$SECONDS

	rm -rf "$out"
	mkdir -p "$out"
	# shellcheck disable=SC2086
	if regress_file "$kind" "$name" "$out" "$database" ${EXTRA_REGRESS_OPTS:-} >"$out/log" 2>&1; then
		passed=$((passed + 1))
		printf 'ok      %-24s %3d s\n' "$name" $((SECONDS - start))
		"$bindir/dropdb" --if-exists "$database" >/dev/null 2>&1
		rm -rf "$out"
	else
		failed=$((failed + 1))
		printf 'FAILED  %-24s %3d s\n' "$name" $((SECONDS - start))
		if [ -s "$out/regression.diffs" ]; then
			head -n 60 "$out/regression.diffs" | sed 's/^/    /'
		else
			tail -n 20 "$out/log" | sed 's/^/    /'
		fi
	fi
}

if [ $# -eq 0 ]; then
	for f in test/sql/*.sql test/specs/*.spec; do
		f=${f##*/}
		set -- "$@" "${f%.*}"
	done
fi
for name in "$@"; do
	if [ -e "test/sql/$name.sql" ]; then
		check_file regress "$name"
	elif [ -e "test/specs/$name.spec" ]; then
		check_file isolation "$name"
	else
		echo "test \"$name\" does not exist" >&2
		failed=$((failed + 1))
	fi
done
# it stays where a failed file has left its database
"$bindir/dropuser" --if-exists "$regress_role" >/dev/null 2>&1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
