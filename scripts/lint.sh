#!/usr/bin/env bash
# lint.sh - style, without a server: the source checks, the shell scripts, and clang-format's opinion
#
# The checks decide; clang-format and shellcheck advise where they are installed.

set -uo pipefail
cd "$(dirname "$0")/.."
status=0

for check in format layers size; do
	report=$(bash "test/check_$check.sh") || status=1
	grep -vE '^(ok|1\.\.)' <<<"$report"
done
for script in scripts/*.sh test/*.sh test/bench/*.sh .ci/run; do
	[ ! -e "$script" ] || bash -n "$script" || status=1
done
if command -v shellcheck >/dev/null; then
	shellcheck -S error scripts/*.sh test/*.sh || status=1
fi
if command -v clang-format >/dev/null; then
	differ=$(for f in src/*.[ch] src/*/*.[ch]; do
		clang-format --dry-run --Werror "$f" >/dev/null 2>&1 || echo "$f"
	done)
	[ -z "$differ" ] || echo "clang-format would change $(wc -l <<<"$differ") files (advice only)"
fi
[ "$status" -ne 0 ] || echo "no complaints"
exit "$status"
