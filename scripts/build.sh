#!/usr/bin/env bash
# build.sh - build engage and install it into the PostgreSQL that PG_CONFIG names (else the newest)
#
# Settings: PG_CONFIG; CC; WERROR=1 (warnings are errors); PG_EXTRA (further make arguments)

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

config=$(pg_config_path) || { echo "no PostgreSQL development files found: scripts/packages.sh install build" >&2; exit 1; }
options=(-s PG_CONFIG="$config" WERROR="${WERROR:-0}")
[ -z "${CC:-}" ] || options+=(CC="$CC")

# objects of another server version or compiler do not fit: the stamp remembers what they were made with
stamp="$("$config" --version) ${CC:-} ${WERROR:-0} $config"
if [ "$(cat .build-stamp 2>/dev/null)" != "$stamp" ]; then
	make "${options[@]}" clean
	echo "$stamp" >.build-stamp
fi

make "${options[@]}" -j "$(nproc)" all
if [ -w "$("$config" --pkglibdir)" ] && [ -w "$("$config" --sharedir)/extension" ]; then
	make "${options[@]}" install >/dev/null
else
	as_root make "${options[@]}" install >/dev/null
fi
