#!/usr/bin/env bash
# check_format.sh - how the source looks: tabs, 100 columns, block comments, no loose ends
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

text=$(find src sql scripts test docs -type f \( -name '*.[ch]' -o -name '*.sql' -o -name '*.sh' -o -name '*.md' -o -name '*.pl' \
	-o -name '*.pm' -o -name '*.py' -o -name '*.spec' \) -not -name 'engage--*.sql'
	ls Makefile engage.control ./*.md 2>/dev/null)
code=$(find src -name '*.[ch]')

# shellcheck disable=SC2086
{
	none "no white space at the end of a line" "$(grep -nE '[[:blank:]]+$' $text)"
	none "no carriage returns" "$(grep -lF $'\r' $text)"
	none "files end in one newline" "$(for f in $text; do
		[ ! -s "$f" ] || { [ -z "$(tail -c 1 "$f")" ] && [ -n "$(tail -c 2 "$f" | tr -d '\n')" ]; } || echo "$f"; done)"
	# a message stays in one piece, to be found by grep
	none "no line of C is longer than 100 columns, but for messages" "$(for f in $code; do
		expand -t 4 "$f" | awk -v f="$f" '
			length($0) > 100 && !/^ *(\(?err(msg|detail|hint|context)[a-z_]*\(|\.help = |"|ereport\()/ { print f ":" NR ": " length($0) " columns" }'; done)"
	none "C is indented by tabs" "$(grep -nE '^	* {4,}[^ *]' $code | grep -vE ':	+ {1,3}[^ ]')"
	none "comments of C are /* blocks */" "$(sed -E 's/"([^"\\]|\\.)*"/""/g; s#/\*.*\*/##g' $code /dev/null | grep -nE '(^|[^:])//' )"
	none "no code is commented out or left to do" "$(grep -nE '#if 0|\b(FIXME|XXX|TODO)\b' $code)"
	none "C is ASCII" "$(LC_ALL=C grep -nP '[^\x00-\x7F]' $code)"
	none "the first include of a C file is postgres.h" "$(for f in $(find src -name '*.c'); do
		grep -m 1 '^#include' "$f" | grep -qxF '#include "postgres.h"' || echo "$f"; done)"
	none "headers are guarded" "$(for f in $(find src -name '*.h'); do
		grep -qE '^#ifndef [A-Z0-9_]+_H$' "$f" || echo "$f"; done)"
	none "a C file opens with its name" "$(for f in $code; do
		head -n 4 "$f" | grep -qwF "$(basename "$f")" || echo "$f"; done)"
}
done_testing
