#!/usr/bin/env bash
# test-next.sh - "make test" on the next Debian release: a newer PostgreSQL, compiler and XGBoost
#
#   scripts/test-next.sh [NAME...]         build and test a copy of this tree inside (see test.sh)
#   scripts/test-next.sh --prepare         create or update the system inside, no more
#   scripts/test-next.sh --run COMMAND...  run a command in the copy instead, for example scripts/demo.sh
#
# The release lives in a directory (about 1.7 GB) that is made once by debootstrap and kept.  Packages
# come from the mirror and through the proxy that this machine's apt uses.  Everything runs in a mount
# and process namespace of its own, so that no mount and no server can be left behind, however it ends.
#
# Settings: ENGAGE_NEXT_SUITE (trixie; forky has PostgreSQL 18 and XGBoost 3.3), ENGAGE_NEXT (the directory, default
# /var/tmp/engage-next, with -SUITE behind it for any but trixie), ENGAGE_NEXT_MIRROR.  Needs root.

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

suite=${ENGAGE_NEXT_SUITE:-trixie}
dir=/var/tmp/engage-next
[ "$suite" = trixie ] || dir+=-$suite
dir=${ENGAGE_NEXT:-$dir}
root=$dir/root

# The Debian mirror in the apt configuration of this machine.
debian_mirror()
{
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && !n++ { print $2 }'
}

create_root()
{
	local mirror=${ENGAGE_NEXT_MIRROR:-$(debian_mirror)} proxy="" script=/usr/share/debootstrap/scripts/$suite

	if [ -z "$mirror" ]; then
		echo "apt on this machine has no Debian mirror: set ENGAGE_NEXT_MIRROR" >&2
		return 1
	fi
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "$proxy" ] || export http_proxy=$proxy
	echo "creating $suite in $root"
	# a release that is younger than debootstrap is made as the newest that it knows
	[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
	rm -rf "$root.new"
	mkdir -p "$root.new"
	if ! debootstrap --variant=minbase "$suite" "$root.new" "$mirror" "$script" >"$dir/debootstrap.log" 2>&1; then
		tail -n 20 "$dir/debootstrap.log" >&2
		return 1
	fi
	mv "$root.new" "$root"
}

# Runs inside the namespace: mount, and hand over to the system inside.
inside()
{
	mount --bind /dev "$root/dev"
	mount --bind /dev/pts "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=1777 tmpfs "$root/run"
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive CC="${CC:-gcc}" JOBS="${JOBS:-$(nproc)}" KEEP="${KEEP:-}" \
		TEST_TIMEOUT="${TEST_TIMEOUT:-600}" bash -c 'cd /srv/engage && exec "$@"' bash "$@"
}

run_inside()
{
	unshare --mount --propagation private --pid --fork --kill-child "$PWD/scripts/test-next.sh" --inside "$@"
}

# What the system inside needs of this one: names, the proxy, and servers that start only when asked.
configure_root()
{
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	apt-config dump | grep -E '^Acquire::(http|https|Check-)' >"$root/etc/apt/apt.conf.d/99host" || true
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	mkdir -p "$root/etc/postgresql-common"
	echo "create_main_cluster = false" >"$root/etc/postgresql-common/createcluster.conf"
}

copy_tree()
{
	rm -rf "$root/srv/engage"
	mkdir -p "$root/srv/engage"
	tar -c --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='./sql/engage--?.?.?.sql' . |
		tar -x -C "$root/srv/engage" --no-same-owner
}

if [ "${1:-}" = "--inside" ]; then
	shift
	inside "$@"
fi

if [ "$(id -u)" -ne 0 ]; then
	exec sudo --preserve-env=ENGAGE_NEXT,ENGAGE_NEXT_SUITE,ENGAGE_NEXT_MIRROR,CC,JOBS,KEEP,TEST_TIMEOUT "$0" "$@"
fi

install_missing chroot
mkdir -p "$dir"
exec 9>"$dir/lock"
if ! flock -n 9; then
	echo "another run uses $dir" >&2
	exit 1
fi
[ -d "$root" ] || create_root
configure_root
copy_tree
run_inside scripts/packages.sh install build test

case "${1:-}" in
	--prepare) echo "ready: $root" ;;
	--run) shift; run_inside "$@" ;;
	*) run_inside scripts/test.sh "$@" ;;
esac
