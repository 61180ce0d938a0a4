#!/usr/bin/env bash
# check_symbols.sh - extensions share one name space: what the library exports starts with eg_ or engage_
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

ok "the library is built" test -f engage.so
foreign=$(nm -D --defined-only engage.so | awk '{ print $NF }' |
	grep -vE '^(eg_|engage_|pg_finfo_engage_|Pg_magic_func$|_PG_init$|_PG_fini$)')
none "exported symbols start with eg_ or engage_" "$foreign"
none "neither libxgboost nor OpenBLAS is linked: they are opened on first use" \
	"$(readelf -d engage.so | grep -E 'NEEDED.*(xgboost|blas|gomp|stdc\+\+)')"
none "no executable stack" "$(readelf -lW engage.so | grep -E 'GNU_STACK.*RWE')"

# every C function that SQL names exists, and every one that exists is named
sql=$(ls sql/[0-9][0-9]_*.sql 2>/dev/null)
# shellcheck disable=SC2086
named=$(cat $sql /dev/null | grep -oE "'MODULE_PATHNAME', *'[a-z0-9_]+'" | sed -E "s/.*'([a-z0-9_]+)'/\1/" | sort -u)
# a declaration without a symbol takes the function's own name
# shellcheck disable=SC2086
unnamed=$(cat $sql /dev/null | tr '\n\t' '  ' | sed 's/;/;\n/g' |
	grep -E "CREATE (OR REPLACE )?FUNCTION" | grep -E "'MODULE_PATHNAME' *(;|[A-Z])" |
	sed -E 's/.*FUNCTION +([a-z0-9_.]+) *\(.*/\1/; s/.*\.//' | sort -u)
have=$(nm -D --defined-only engage.so | awk '{ print $NF }' | sed -n 's/^pg_finfo_//p' | sort -u)
none "every C function that SQL names is in the library" \
	"$(comm -23 <(printf '%s\n%s\n' "$named" "$unnamed" | sed '/^$/d' | sort -u) <(echo "$have"))"
none "every SQL-callable function of the library is named in SQL" \
	"$(comm -13 <(printf '%s\n%s\n' "$named" "$unnamed" | sed '/^$/d' | sort -u) <(sed '/^$/d' <<<"$have"))"
done_testing
