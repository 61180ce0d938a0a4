#!/usr/bin/env bash
# check_layers.sh - the rooms of src/: a file includes headers of its own room and of rooms below it
#
#	              api
#	   store     eval     plot
#	         algo
#	              base
#
# and what belongs to one room alone is used in no other.
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

# rooms that each room may include; engage.h (the settings) and headers of src/ itself are for all
declare -A below=(
	[base]="base"
	[algo]="algo base"
	[eval]="eval algo base"
	[plot]="plot base"
	[store]="store algo base"
	[api]="api store eval plot algo base"
)

# what rooms without tables may know of the server
server='postgres.h|miscadmin.h|fmgr.h|port.h|varatt.h|lib/stringinfo.h'
server+='|utils/(memutils|palloc|json|jsonb|builtins|numeric|timestamp|varlena).h'
server+='|port/pg_crc32c.h|port/pg_bitutils.h|portability/instr_time.h|storage/ipc.h|mb/pg_wchar.h|nodes/pg_list.h|common/[a-z0-9_]+.h'

includes()
{
	grep -nE '^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*"' "$1" |
		sed -E 's/^([0-9]+):[^"]*"([^"]*)".*/\1 \2/'
}

# Includes of our own headers by the files of a room that point up or sideways.
wrong_rooms()
{
	local room=$1 file line header target

	for file in $(find "src/$room" -name '*.[ch]'); do
		while read -r line header; do
			case "$header" in
				*/*)
					target=${header%%/*}
					[ -n "${below[$target]:-}" ] && [ -e "src/$header" ] || continue
					;;
				engage.h) continue ;;
				*)
					[ -e "src/$room/$header" ] || continue
					echo "$file:$line: \"$header\" is included without its room"
					continue
					;;
			esac
			case " ${below[$room]} " in
				*" $target "*) ;;
				*) echo "$file:$line: $room includes \"$header\"" ;;
			esac
		done < <(includes "$file")
	done
}

# Headers of the server that a room without tables includes.
wrong_server_headers()
{
	local room=$1 file line header

	for file in $(find "src/$room" -name '*.[ch]'); do
		while read -r line header; do
			[ -e "src/$header" ] && continue
			[[ $header =~ ^($server)$ ]] || echo "$file:$line: $room includes \"$header\""
		done < <(includes "$file")
	done
}

# only PATTERN FILE...: lines of code that match the pattern outside the files (grep patterns of paths)
only()
{
	local pattern=$1 line file allowed
	shift

	grep -rnE --include='*.[ch]' "$pattern" src | grep -vE '^[^:]*:[0-9]+:[[:blank:]]*(/\*|\*)' |
		while IFS= read -r line; do
			file=${line%%:*}
			for allowed in "$@"; do
				[[ $file == $allowed ]] && continue 2
			done
			echo "$line"
		done
}

for room in base algo eval plot store api; do
	none "$room includes only rooms below it" "$(wrong_rooms $room)"
done
for room in base algo eval plot; do
	none "$room knows little of the server" "$(wrong_server_headers $room)"
done
none "every room is known" "$(find src -mindepth 1 -maxdepth 1 -type d | while read -r d; do
	[ -n "${below[${d#src/}]:-}" ] || echo "$d"; done)"
none "SQL-callable functions are in api/ alone" "$(only 'PG_FUNCTION_INFO_V1' 'src/api/*')"
none "the module's magic is in engage.c alone" "$(only 'PG_MODULE_MAGIC' 'src/engage.c' 'src/base/compat.h')"
none "SPI is in store/ alone" "$(only '\bSPI_[a-z]|executor/spi\.h' 'src/store/*')"
none "libxgboost is in base/xgb.c alone" "$(only '\bXG(B|D)[A-Z][A-Za-z]+|\blibxgboost\.so' 'src/base/xgb.c')"
none "OpenBLAS is in base/blas.c alone" "$(only '\bcblas_|\bopenblas_|\blibopenblas' 'src/base/blas.c')"
none "threads are started in base/parallel.c alone" "$(only '\bpthread_create|#[[:blank:]]*pragma omp' 'src/base/parallel.c')"
none "libraries are opened in base/ alone" "$(only '\bdlopen *\(' 'src/base/xgb.c' 'src/base/blas.c')"
none "memory has an owner: no malloc" "$(only '(^|[^_a-z])(malloc|calloc|realloc|strdup) *\(' 'src/base/parallel.c' 'src/base/xgb.c')"
none "random numbers are seeded: no rand()" "$(only '(^|[^_a-z0-9])(rand|random|drand48|srand|srandom) *\(|pg_global_prng_state')"
# what a setting writes differently is no key: key_text.c alone writes keys; the others print rows of our own functions
# (call.c), arrays of text (tune.c), types whose text no setting changes (schema_convert.c), keys without a text (velocity)
none "values of users become text in few places" "$(only 'OutputFunctionCall|\bgetTypeOutputInfo' 'src/store/key*.c' 'src/store/schema_convert.c' \
	'src/store/call.c' 'src/store/tune.c' 'src/store/velocity_*.c')"
none "a source is put into a statement by eg_source_embed() alone" "$(only '(FROM |")\(%s(\\n)?\)' 'src/store/source_query.c')"
none "no variable-length jumps: setjmp is the server's" "$(only '\b(setjmp|longjmp|sigsetjmp|siglongjmp) *\(')"
done_testing
