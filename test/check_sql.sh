#!/usr/bin/env bash
# check_sql.sh - what every function of the install script has: a comment, a volatility, a parallel label
#
# The labels are looked for in the text, since the catalog cannot tell a default from a decision; the
# rest is asked of the catalog of a database that the extension is created in.
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

# One line a statement: comments, strings and bodies taken out first.
statements=$(cat sql/[0-9][0-9]_*.sql /dev/null | perl -0777 -ne '
	s{/\*.*?\*/}{ }gs; s{--[^\n]*}{ }g;
	s{(\$[a-zA-Z_]*\$).*?\1}{body}gs;
	s{\bBEGIN ATOMIC\b.*?\bEND;}{body;}gs;
	s{\x27(?:[^\x27]|\x27\x27)*\x27}{\x27\x27}gs;
	s{\s+}{ }g; s{; ?}{;\n}g; print')
functions=$(grep -E '^ ?CREATE (OR REPLACE )?FUNCTION' <<<"$statements")
aggregates=$(grep -E '^ ?CREATE (OR REPLACE )?AGGREGATE' <<<"$statements")

none "every function says IMMUTABLE, STABLE or VOLATILE" \
	"$(grep -vwE 'IMMUTABLE|STABLE|VOLATILE' <<<"$functions" | sed '/^$/d')"
none "every function says PARALLEL SAFE, RESTRICTED or UNSAFE" \
	"$(grep -vE 'PARALLEL (SAFE|RESTRICTED|UNSAFE)' <<<"$functions" | sed '/^$/d')"
none "every aggregate has a parallel label" \
	"$(grep -viE 'parallel *= *(safe|restricted|unsafe)' <<<"$aggregates" | sed '/^$/d')"
none "SECURITY DEFINER comes with a search_path" \
	"$(grep -wE 'SECURITY DEFINER' <<<"$functions" | grep -vE 'SET search_path *(=|TO)')"
none "nothing is created OR REPLACE or IF NOT EXISTS: that takes over objects of others" \
	"$(grep -wE 'CREATE OR REPLACE|IF NOT EXISTS' <<<"$statements")"

query()
{
	psql -qAtX -v ON_ERROR_STOP=1 -d "$database" -c "$1"
}

if [ -z "${PGHOST:-}" ]; then
	echo "# no cluster: the catalog is not asked (run by scripts/test.sh)"
	done_testing
fi
database=engage_check_sql
psql -qX -d postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" 2>/dev/null
ok "the extension can be created in a schema of its own" \
	query "CREATE SCHEMA ml; CREATE EXTENSION engage SCHEMA ml"
trap 'psql -qX -d postgres -c "DROP DATABASE IF EXISTS $database"' EXIT

members="FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'engage')"

none "every function has a comment" \
	"$(query "SELECT p.oid::regprocedure $members AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1")"
none "comments are phrases of at most 160 characters" \
	"$(query "SELECT p.oid::regprocedure $members AND (length(obj_description(p.oid, 'pg_proc')) > 160
		OR obj_description(p.oid, 'pg_proc') ~ '\.\$') ORDER BY 1")"
none "functions start with engage_ or live in schema engage" \
	"$(query "SELECT p.oid::regprocedure $members AND p.proname !~ '^engage_' AND p.pronamespace <> to_regnamespace('engage')
		ORDER BY 1")"
none "every table, view and type in schema engage has a comment" \
	"$(query "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('engage')
		AND c.relkind IN ('r', 'v', 'p') AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1")"
none "every table has a primary key, and neither foreign keys nor triggers" \
	"$(query "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('engage') AND c.relkind = 'r'
		AND (NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p')
			OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'f')
			OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid)) ORDER BY 1")"
none "the rows of every table are dumped" \
	"$(query "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('engage') AND c.relkind = 'r'
		AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'engage') ORDER BY 1")"
none "no aggregate has a state of type internal, and each can be combined" \
	"$(query "SELECT p.oid::regprocedure FROM pg_aggregate AS a JOIN pg_proc AS p ON a.aggfnoid = p.oid
		WHERE p.oid IN (SELECT p.oid $members) AND (a.aggtranstype = 'internal'::regtype OR a.aggcombinefn = 0) ORDER BY 1")"
none "no function that PUBLIC may call runs as its owner without a fixed search_path" \
	"$(query "SELECT p.oid::regprocedure $members AND p.prosecdef
		AND NOT coalesce(p.proconfig::text ~ 'search_path=', false) ORDER BY 1")"
ok "the extension can be dropped" query "DROP EXTENSION engage"
none "and leaves nothing behind" \
	"$(query "SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE p.proname ~ '^engage_'
		UNION ALL SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('engage')")"
done_testing
