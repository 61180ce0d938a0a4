# shellcheck shell=bash
# tap.sh - the few words that the check_*.sh scripts share, printing TAP

tap_count=0
tap_failed=0

# ok DESCRIPTION COMMAND...: the command succeeds
ok()
{
	local what=$1
	shift

	tap_count=$((tap_count + 1))
	if "$@"; then
		echo "ok $tap_count - $what"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $what"
	fi
}

# none DESCRIPTION TEXT: the text, a list of offences, is empty
none()
{
	ok "$1" test -z "$2"
	if [ -n "$2" ]; then
		head -n 40 <<<"$2" | cut -c 1-200 | sed 's/^/#   /'
	fi
}

done_testing()
{
	echo "1..$tap_count"
	exit $((tap_failed > 0))
}
