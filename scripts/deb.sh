#!/usr/bin/env bash
# deb.sh - a Debian package, postgresql-N-engage, for the PostgreSQL that PG_CONFIG names; "make deb"
#
#   scripts/deb.sh [DIR]       leaves the .deb in DIR (default: dist/)
#
# Built in a copy, so that the tree stays as it is.

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

install_missing build deb
major=$(pg_major)
dist=$(realpath -m "${1:-dist}")

# the name of the library's package differs between releases: take the installed one
xgboost=""
for name in libxgboost0 libxgboost0t64 libxgboost3; do
	! is_installed "$name" || xgboost=$name
done
[ -n "$xgboost" ] || { echo "the package of libxgboost is not installed" >&2; exit 1; }

work=$(mktemp -d /tmp/engage-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/engage" "$dist"
tar -c --exclude=./.git --exclude=./dist --exclude=./test --exclude='*.o' --exclude='*.so' --exclude=.build-stamp \
	--exclude='./sql/engage--?.?.?.sql' . | tar -x -C "$work/engage" --no-same-owner
cd "$work/engage"
sed -e "s/@PG@/$major/g" -e "s/@XGBOOST@/$xgboost/g" debian/control.in >debian/control
if ! dpkg-buildpackage -b -us -uc -rfakeroot >"$work/log" 2>&1; then
	tail -n 60 "$work/log" >&2
	exit 1
fi
cp "$work"/*.deb "$dist/"
ls "$dist"/postgresql-*-engage_*.deb
