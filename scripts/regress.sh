#!/usr/bin/env bash
# regress.sh - run one file of pg_regress or of the isolation tester in a database of its own
#
# Sourced by test.sh (private cluster) and installcheck.sh (a running server).  Every file creates what it needs, and
# models have one namespace for each database: files that shared one would trip over each other.

. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

regress_role=regress_engage

# The superuser who runs the files, whatever the server's own is called.
regress_create_role()
{
	"$("$(pg_config_path)" --bindir)/psql" -X -qAt -d "${PGDATABASE:-postgres}" -v ON_ERROR_STOP=1 \
		-c "DROP ROLE IF EXISTS $regress_role" -c "CREATE ROLE $regress_role SUPERUSER" 2>&1 >/dev/null |
		{ grep -v 'does not exist, skipping' >&2 || true; }
}

# regress_file KIND NAME OUT DATABASE [OPTION...]: KIND is regress or isolation, results go to the directory OUT
regress_file()
{
	local kind=$1 name=$2 out=$3 database=$4 config tool
	local -x PGOPTIONS=${PGOPTIONS:-}
	shift 4

	config=$(pg_config_path) || { echo "no PostgreSQL with development files found" >&2; return 1; }
	tool=$(dirname "$("$config" --pgxs)")/../test
	case "$kind" in
		regress) tool=$tool/regress/pg_regress ;;
		isolation) tool=$tool/isolation/pg_isolation_regress ;;
	esac
	# what the server's configuration and the name of its superuser could change in the expected output
	PGOPTIONS="$PGOPTIONS -c extra_float_digits=1 -c bytea_output=hex -c compute_query_id=off"
	PGOPTIONS="$PGOPTIONS -c default_transaction_isolation=read\\ committed -c role=$regress_role"
	mkdir -p "$out"
	ln -sfn "$PWD/expected" "$out/expected"
	timeout -k 30 "${limit:-600}" "$tool" --inputdir=test --outputdir="$out" --load-extension=engage \
		--dbname="$database" --bindir="$("$config" --bindir)" --no-locale --encoding=UTF8 "$@" "$name"
}
