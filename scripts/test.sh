#!/usr/bin/env bash
# test.sh - every test of engage, counted; "make test" runs this
#
#   scripts/test.sh               all of them
#   scripts/test.sh NAME...       only the tests with these names (predict, t/010_cancel, check_layers ...)
#
# Installs what is missing, builds, installs engage into the PostgreSQL that PG_CONFIG names, starts a
# private cluster and runs, several at a time:
#   test/sql/NAME.sql      pg_regress, each in a database of its own, against expected/NAME.out
#   test/specs/NAME.spec   isolation tests, likewise
#   test/t/NAME.pl         TAP; these start clusters of their own (test/t/EngageTest.pm)
#   test/check_NAME.sh     rules about the source, as TAP lines or as one test by exit status
# A regress or isolation file counts as one test, a TAP line as one.  The last line is
# "N passed, N failed"; the exit status is 0 only where something passed and nothing failed.
#
# Settings: PG_CONFIG, CC, WERROR=0 (see build.sh); JOBS (tests at a time, default: the cores); TEST_TIMEOUT (seconds for one file,
# default 600); KEEP=1 leaves the logs and says where.

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cluster.sh
. scripts/regress.sh

# Run one test file, leave "passed failed" in $work/NAME.count and its output in $work/NAME.log.
run_one()
{
	local kind=$1 name=$2 key=${2//\//_} status=0 passed failed start=$SECONDS
	local out=$work/$kind-$key log=$work/$kind-$key.log

	case "$kind" in
		regress | isolation)
			regress_file "$kind" "$name" "$out" "engage_${kind}_$name" >"$log" 2>&1 || status=$?
			;;
		tap) timeout -k 30 "$limit" perl -Itest/t "test/$name.pl" >"$log" 2>&1 </dev/null || status=$? ;;
		check) timeout -k 30 "$limit" bash "test/$name.sh" >"$log" 2>&1 </dev/null || status=$? ;;
	esac

	passed=$(grep -cE '^ok( |$)' "$log" || true)
	failed=$(grep -cE '^not ok( |$)' "$log" || true)
	case "$kind" in
		regress | isolation)
			passed=$((status == 0)) failed=$((status != 0))
			;;
		*)
			# a script without TAP lines is one test; one that dies is a failure beside its own lines
			if [ $((passed + failed)) -eq 0 ] && [ "$status" -eq 0 ] && ! grep -q '^1\.\.0' "$log"; then
				passed=1
			elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
				failed=1
			elif ! plan_is_kept "$log" $((passed + failed)); then
				failed=$((failed + 1))
			fi
			;;
	esac
	echo "$passed $failed" >"$out.count"

	if [ "$failed" -eq 0 ]; then
		printf 'ok      %-34s %4d  %3d s\n' "$name" "$passed" $((SECONDS - start))
	else
		{
			printf 'FAILED  %-34s %4d of %d  %3d s (exit status %d)\n' "$name" "$failed" \
				$((passed + failed)) $((SECONDS - start)) "$status"
			grep -vE '^ok( |$)' "$log" | tail -n 150 | sed 's/^/    /' || true
			[ ! -s "$out/regression.diffs" ] || head -n 200 "$out/regression.diffs" | sed 's/^/    /'
		} >"$out.report"
		cat "$out.report"
	fi
}

# Does a TAP log hold as many lines as it planned?  (A plan may be missing: "done_testing" prints one.)
plan_is_kept()
{
	local plan

	plan=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' "$1" | tail -n 1)
	[ -z "$plan" ] || [ "$plan" -eq "$2" ]
}

list_tests()
{
	local f

	for f in test/t/*.pl; do [ ! -e "$f" ] || echo "tap t/$(basename "$f" .pl)"; done
	for f in test/sql/*.sql; do [ ! -e "$f" ] || echo "regress $(basename "$f" .sql)"; done
	for f in test/specs/*.spec; do [ ! -e "$f" ] || echo "isolation $(basename "$f" .spec)"; done
	for f in test/check_*.sh; do [ ! -e "$f" ] || echo "check $(basename "$f" .sh)"; done
}

# Keep the tests that were named; a name that does not exist is an error, not zero tests.
select_tests()
{
	local wanted all chosen

	all=$(list_tests)
	if [ $# -eq 0 ]; then
		echo "$all"
		return
	fi
	for wanted in "$@"; do
		chosen=$(grep -E " (t/)?$wanted\$" <<<"$all") || { echo "test \"$wanted\" does not exist" >&2; return 1; }
		echo "$chosen"
	done
}

finish()
{
	local status=$?

	cluster_drop "$work/main" || true
	if [ -n "${KEEP:-}" ]; then
		echo "logs are in $work"
	else
		rm -rf "$work"
	fi
	exit "$status"
}

if [ "${1:-}" = "--one" ]; then
	work=$ENGAGE_TEST_WORK limit=$ENGAGE_TEST_LIMIT
	run_one "$2" "$3"
	exit 0
fi

selected=$(select_tests "$@")
started=$SECONDS
install_missing build test
WERROR=${WERROR-1} scripts/build.sh
PG_CONFIG=$(pg_config_path)

# the directory of a cluster must be open to the server's user, and a socket's path is short
work=$(mktemp -d /tmp/engage-test.XXXXXX)
chmod 755 "$work"
trap finish EXIT
trap 'exit 130' INT TERM
cluster_create "$work/main" fsync=off max_connections=100 max_prepared_transactions=10
eval "$(cluster_env "$work/main")"
regress_create_role
export PG_CONFIG ENGAGE_TEST_WORK=$work ENGAGE_TEST_LIMIT=${TEST_TIMEOUT:-600} ENGAGE_ROOT=$PWD

xargs -r -P "${JOBS:-$(nproc)}" -L 1 scripts/test.sh --one <<<"$selected"

reports=$(find "$work" -maxdepth 1 -name '*.report')
if [ -n "$reports" ]; then
	printf '\nfailed:\n'
	# shellcheck disable=SC2086
	grep -h '^FAILED' $reports
fi

# a test file that left no count died with its runner: that is a failure
cat "$work"/*.count 2>/dev/null | awk -v files="$(wc -l <<<"$selected")" -v seconds=$((SECONDS - started)) '
	{ passed += $1; failed += $2; counted++ }
	END {
		failed += files - counted
		printf "%d files in %d s\n%d passed, %d failed\n", files, seconds, passed, failed
		exit (failed > 0 || passed == 0)
	}'
