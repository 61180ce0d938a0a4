#!/usr/bin/env bash
# docker-entrypoint.sh - start the server of the Docker image; the first time, create the cluster
#
# Settings: POSTGRES_PASSWORD (needed the first time), PGDATA.  Arguments go to postgres.

set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD to the password that the user postgres shall have}"
	"$bin/initdb" -D "$PGDATA" -U postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 \
		--locale=C.UTF-8 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	"$bin/pg_ctl" -D "$PGDATA" -w -o "-c listen_addresses=''" start
	"$bin/psql" -X -v ON_ERROR_STOP=1 -d template1 -c 'CREATE EXTENSION engage'
	"$bin/psql" -X -v ON_ERROR_STOP=1 -d postgres -c 'CREATE EXTENSION engage'
	"$bin/pg_ctl" -D "$PGDATA" -m fast -w stop
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' "$@"
