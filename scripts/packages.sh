#!/usr/bin/env bash
# packages.sh - the one list of the Debian packages that engage needs, and their installation
#
#   scripts/packages.sh list GROUP...       print the packages of the groups
#   scripts/packages.sh missing GROUP...    print those that are not installed
#   scripts/packages.sh install GROUP...    install those that are not installed
#
# Groups: build test demo bench deb chroot.  "a|b" takes the first that this release has.
# Other scripts source this file for pg_config_path, pg_major, as_root and install_missing.

# The pg_config to build with: $PG_CONFIG where it has server headers, else the newest installed.
pg_config_path()
{
	local c

	for c in "${PG_CONFIG:-pg_config}" $(ls -rv /usr/lib/postgresql/*/bin/pg_config 2>/dev/null); do
		if command -v "$c" >/dev/null 2>&1 && [ -f "$("$c" --pgxs 2>/dev/null)" ]; then
			command -v "$c"
			return 0
		fi
	done
	return 1
}

# Major version: of the server found, else of the one that this release would install.
pg_major()
{
	local c

	if c=$(pg_config_path); then
		"$c" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'
	elif [ -n "${PG_MAJOR:-}" ]; then
		echo "$PG_MAJOR"
	else
		apt-cache depends postgresql 2>/dev/null | awk '/Depends: postgresql-[0-9]+$/ && !n++ { sub(/.*-/, ""); print }'
	fi
}

# A server that was built by hand needs no server packages.
server_is_packaged()
{
	local c

	c=$(pg_config_path) || return 0
	case "$("$c" --bindir)" in
		/usr/lib/postgresql/*) return 0 ;;
		*) return 1 ;;
	esac
}

# The package where this release has it, else nothing: what needs it is skipped.
optional_package()
{
	if is_installed "$1" || apt-cache show "$1" >/dev/null 2>&1; then
		echo "$1"
	fi
}

package_list()
{
	local group server="" major cron=""

	major=$(pg_major)
	for group in "$@"; do
		case "$group" in
			build)
				server_is_packaged && server="postgresql-$major postgresql-server-dev-$major"
				echo gcc make libc6-dev $server "libxgboost0|libxgboost0t64|libxgboost3" libopenblas0-pthread
				;;
			test)
				! server_is_packaged || cron=$(optional_package "postgresql-$major-cron")
				# drivers of t/128_drivers; node-postgres comes by npm
				for p in python3-psycopg2 python3-pyodbc odbc-postgresql libpostgresql-jdbc-java; do
					optional_package "$p"
				done
				command -v javac >/dev/null || optional_package default-jdk-headless
				command -v npm >/dev/null || optional_package npm
				echo $cron $(optional_package prometheus-postgres-exporter) perl procps binutils libipc-run-perl libxml2-utils python3-numpy python3-xgboost
				;;
			demo)
				;;
			bench)
				echo procps time python3-numpy python3-pandas python3-xgboost python3-sklearn python3-psycopg2
				;;
			deb)
				echo dpkg-dev debhelper fakeroot
				;;
			chroot)
				echo debootstrap debian-archive-keyring util-linux
				;;
			*)
				echo "packages.sh: group \"$group\" does not exist; known: build test demo bench deb chroot" >&2
				return 1
				;;
		esac
	done | tr ' ' '\n' | sort -u
}

is_installed()
{
	case "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" in
		*" ok installed") return 0 ;;
		*) return 1 ;;
	esac
}

# What is missing of the groups, alternatives resolved; empty where all is there.
missing_packages()
{
	local entry choice first
	local -a choices

	for entry in $(package_list "$@"); do
		IFS='|' read -r -a choices <<<"$entry"
		first=""
		for choice in "${choices[@]}"; do
			is_installed "$choice" && continue 2
			if [ -z "$first" ] && apt-cache show "$choice" >/dev/null 2>&1; then
				first=$choice
			fi
		done
		echo "${first:-${choices[0]}}"
	done
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "need root for: $*" >&2
		return 1
	fi
}

install_missing()
{
	local missing

	command -v dpkg >/dev/null || { echo "not a Debian system: install the packages of $* by hand" >&2; return 0; }

	# without package lists, neither the server's version nor the alternatives can be told
	if [ -z "$(missing_packages "$@")" ]; then
		return 0
	fi
	if [ -z "${ENGAGE_APT_UPDATED:-}" ]; then
		as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || true
		export ENGAGE_APT_UPDATED=1
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	echo "installing:" $missing
	# shellcheck disable=SC2086
	install_quietly $missing
}

# Packages, but not their services: clusters and exporters are started by the tests that need them.
install_quietly()
{
	local policy=/usr/sbin/policy-rc.d ours="" status=0

	if [ ! -e "$policy" ]; then
		ours=1
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || status=$?
	[ -z "$ours" ] || as_root rm -f "$policy"
	case " $* " in
		*" prometheus-postgres-exporter "*) as_root systemctl disable prometheus-postgres-exporter >/dev/null 2>&1 || true ;;
	esac
	return "$status"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -euo pipefail
	verb=${1:-}
	shift || true
	case "$verb" in
		list) package_list "$@" ;;
		missing) missing_packages "$@" ;;
		install) install_missing "$@" ;;
		*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
fi
