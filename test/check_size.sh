#!/usr/bin/env bash
# check_size.sh - C files of at most 600 lines, unless the header comment says why: "size: reason"
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

long=$(find src -name '*.[ch]' | while read -r f; do
	lines=$(wc -l <"$f")
	[ "$lines" -le 600 ] || head -n 40 "$f" | grep -qE '^[[:blank:]]*\*?[[:blank:]]*size: [^ ]+' || echo "$f: $lines lines"
done)
none "no C file is longer than 600 lines without a reason" "$long"

# the longest function that a reader has to hold in the head
functions=$(find src -name '*.c' -print0 | xargs -0 -r awk '
	FNR == 1 { start = 0 }
	/^{/ { start = FNR }
	/^}/ { if (start && FNR - start > 150) print FILENAME ":" start ": " FNR - start " lines"; start = 0 }')
none "no function is longer than 150 lines" "$functions"
done_testing
