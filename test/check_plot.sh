#!/usr/bin/env bash
# check_plot.sh - every kind of picture, of good data and of data that nobody expects: is it XML, small,
# fit to stand beside others in a page, and are its colours far enough apart?
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- colours, without a server ------------------------------------------------------------------------
include=$("${PG_CONFIG:-pg_config}" --includedir-server)
lines=$("${CC:-cc}" -std=gnu99 -O1 -w -Isrc -I"$include" test/check_plot.c src/plot/theme.c -o "$work/colours" -lm 2>&1 &&
	"$work/colours") || lines="not ok: $lines"
ok "colours were computed" grep -q '^ok' <<<"$lines"
none "contrast of text is 4.5 at least, of marks 3, light and dark" "$(grep -v '^ok' <<<"$lines")"

if [ -z "${PGHOST:-}" ]; then
	echo "# no cluster: nothing is drawn (run by scripts/test.sh)"
	done_testing
fi

# ---- pictures -----------------------------------------------------------------------------------------
database=engage_check_plot
psql -qX -d postgres -c "DROP DATABASE IF EXISTS $database" \
	-c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" 2>/dev/null
trap 'rm -rf "$work"; psql -qX -d postgres -c "DROP DATABASE IF EXISTS $database"' EXIT

# A table of cases: kind, name, data, options.  Rows are made by formulas; random() would do, but for repeatability.
psql -qX -d "$database" -v ON_ERROR_STOP=1 >"$work/psql.log" 2>&1 <<'SQL'
CREATE EXTENSION engage;
CREATE FUNCTION u(i bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$ SELECT (hashint8(i)::bigint + 2147483648) / 4294967296.0 $$;
CREATE TABLE cases (kind text, name text, data jsonb, options jsonb DEFAULT '{}');

-- one row of each kind, in words that are to become its columns
CREATE TABLE rows (kind text, r jsonb);
INSERT INTO rows VALUES
	('importance', '{"feature": "L", "importance": 1, "deviation": 1}'),
	('bars', '{"label": "L", "value": 1, "deviation": 1, "series": "S"}'),
	('shap', '{"feature": "F", "contribution": 1, "value": 1}'),
	('waterfall', '{"feature": "L", "contribution": 1, "value": 1}'),
	('force', '{"feature": "L", "contribution": 1, "value": 1}'),
	('dependence', '{"x": 1, "value": 1, "feature_value": "1", "lower": 1, "upper": 1, "count": 1, "id": "S"}'),
	('roc', '{"fpr": 1, "tpr": 1, "series": "S"}'),
	('pr', '{"recall": 1, "precision": 1, "series": "S"}'),
	('calibration', '{"mean_predicted": 1, "observed_rate": 1, "count": 1, "series": "S"}'),
	('lift', '{"decile": 1, "lift": 1, "cumulative_gain": 1}'),
	('confusion', '{"actual": "S", "predicted": "S", "count": 1}'),
	('scores', '{"score": 1, "class": "S"}'),
	('learning', '{"round": 1, "value": 1, "series": "S"}'),
	('tuning', '{"trial": 1, "mean": 1, "loss": 1, "state": "complete", "algorithm": "S"}'),
	('drift', '{"feature": "L", "psi": 1, "chance": 1, "status": "stable", "kind": "number"}'),
	('performance', '{"period": 1, "value": 1, "version": "S", "lower": 1, "upper": 1, "at_training": 1, "n": 1}'),
	('experiment', '{"version": "L", "value": 1, "n": 1, "difference": 1, "lower": 1, "upper": 1, "verdict": "better"}'),
	('segments', '{"x": 1, "y": 1, "segment": "S", "name": "S"}'),
	('silhouette', '{"segment": "S", "width": 1, "name": "S"}'),
	('elbow', '{"k": 1, "value": 1, "other": 1}'),
	('condensed_tree', '{"density": 1, "size": 1, "parent": 1, "child": 1, "segment": "S", "name": "S"}'),
	('anomaly', '{"lower": 1, "upper": 1, "count": 1, "class": "S"}'),
	('lines', '{"x": 1, "y": 1, "series": "S", "low": 1, "high": 1}'),
	('scatter', '{"x": 1, "y": 1, "series": "S"}');

-- n rows of a kind: numbers by a formula of row and column, words by a list
CREATE FUNCTION make(k text, n int, numbers text, word text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE out jsonb; f text;
BEGIN
	EXECUTE format($q$
		SELECT jsonb_agg(o) FROM (SELECT i, jsonb_object_agg(m.key, CASE WHEN m.value::text = '"L"' THEN to_jsonb(coalesce($2, 'label ') || i)
			WHEN m.value::text = '"F"' THEN to_jsonb(coalesce($2, 'feature ') || i %% 20)
			WHEN m.value::text = '"S"' THEN to_jsonb(coalesce($2, 'series ') || i %% 3)
			WHEN m.value::text = '"complete"' THEN to_jsonb((ARRAY['complete', 'pruned'])[1 + i %% 2])
			WHEN m.key IN ('trial', 'round', 'decile') THEN to_jsonb(i)
			WHEN m.key = 'feature_value' THEN to_jsonb((%1$s)::text)
			ELSE to_jsonb(%1$s) END) AS o
		FROM rows r, generate_series(1, $3) i, jsonb_each(r.r) WITH ORDINALITY m(key, value, j) WHERE r.kind = $1 GROUP BY i) s $q$, numbers)
	INTO out USING k, word, n;
	RETURN out;
END $$;

INSERT INTO cases SELECT kind, 'null', NULL FROM rows;
INSERT INTO cases SELECT kind, 'none', '[]' FROM rows;
INSERT INTO cases SELECT kind, 'rows-none', '{"rows": []}' FROM rows;
INSERT INTO cases SELECT kind, 'one', make(kind, 1, 'u(i * 10 + j)') FROM rows;
INSERT INTO cases SELECT kind, 'ten', make(kind, 10, 'u(i * 10 + j)') FROM rows;
INSERT INTO cases SELECT kind, 'dark', make(kind, 10, 'u(i * 10 + j)'), '{"theme": "dark"}' FROM rows;
INSERT INTO cases SELECT kind, 'auto', make(kind, 10, 'u(i * 10 + j)'), '{"theme": "auto", "background": false}' FROM rows;
INSERT INTO cases SELECT kind, 'narrow', make(kind, 10, 'u(i * 10 + j)'), '{"width": 320, "height": 160}' FROM rows;
INSERT INTO cases SELECT kind, 'wide', make(kind, 10, 'u(i * 10 + j)'), '{"width": 4000, "height": 4000}' FROM rows;
INSERT INTO cases SELECT kind, 'equal', make(kind, 10, '0.5::float8') FROM rows;
INSERT INTO cases SELECT kind, 'zero', make(kind, 10, '0::float8') FROM rows;
INSERT INTO cases SELECT kind, 'minus', make(kind, 10, '-u(i * 10 + j)') FROM rows WHERE kind <> 'confusion';
INSERT INTO cases SELECT kind, 'huge', make(kind, 10, 'CASE WHEN i % 2 = 0 THEN 1.7e308::float8 ELSE 1e300::float8 END') FROM rows;
INSERT INTO cases SELECT kind, 'both-huge', make(kind, 10, 'CASE WHEN i % 2 = 0 THEN 1.7e308::float8 ELSE -1.7e308::float8 END')
	FROM rows WHERE kind <> 'confusion';
INSERT INTO cases SELECT kind, 'tiny', make(kind, 10, '5e-324::float8 * i') FROM rows;
INSERT INTO cases SELECT kind, 'close', make(kind, 10, '1e9::float8 + u(i) * 1e-7') FROM rows;
INSERT INTO cases SELECT kind, 'nan', make(kind, 30, 'CASE i % 3 WHEN 0 THEN ''NaN''::float8 WHEN 1 THEN ''Infinity''::float8 ELSE u(i * 10 + j) END') FROM rows;
INSERT INTO cases SELECT kind, 'all-nan', make(kind, 3, '''-Infinity''::float8') FROM rows;
INSERT INTO cases SELECT kind, 'labels', make(kind, 10, 'u(i * 10 + j)',
	E'<b>&"''\\x01\x01\x1f\x7f\t\n ]]> --> &amp; ' || U&'\FFFE\202E\0627\0644\65E5\672C\8A9E\+01F600'), jsonb_build_object('title',
	E'</title><script>alert(1)</script> & "x" ''y'' \x02', 'x_label', '<x> & "', 'y_label', '<y> & "', 'description', '<d> & "') FROM rows;
INSERT INTO cases SELECT kind, 'long', make(kind, 10, 'u(i * 10 + j)', repeat(U&'very long <\00e4> ', 2000)),
	jsonb_build_object('title', repeat('long & ', 2000), 'description', repeat('long & ', 2000)) FROM rows;
INSERT INTO cases SELECT kind, 'empty-words', make(kind, 10, 'u(i * 10 + j)', ''), '{"title": "", "x_label": "", "y_label": ""}' FROM rows;
INSERT INTO cases SELECT kind, 'many', make(kind, 10000, 'u(i * 10 + j)') FROM rows WHERE kind NOT IN ('confusion', 'lift', 'bars', 'experiment', 'anomaly');
INSERT INTO cases SELECT kind, 'many-smooth', make(kind, 10000, 'sin(i / 500.0 + j) / 2 + 0.5') FROM rows WHERE kind IN ('roc', 'lines');
INSERT INTO cases SELECT 'bars', 'many', make('bars', 100, 'u(i * 10 + j)'), '{"limit": 100}';
INSERT INTO cases SELECT 'lift', 'many', make('lift', 100, 'u(i * 10 + j)');
INSERT INTO cases SELECT 'confusion', 'many', jsonb_agg(jsonb_build_object('actual', 'class ' || a, 'predicted', 'class ' || b, 'count', hashint4(a * b) & 4095))
	FROM generate_series(1, 40) a, generate_series(1, 40) b;
INSERT INTO cases SELECT 'dependence', k || '-' || n, jsonb_build_object('kind', k, 'feature', 'a<b', 'feature2', 'c&d', 'rows', make('dependence', n, 'u(i * 10 + j)'))
	FROM unnest(ARRAY['partial', 'ice', 'ale', 'shap']) k, unnest(ARRAY[1, 50, 10000]) n;
INSERT INTO cases SELECT 'dependence', 'shap-coloured', jsonb_build_object('kind', 'shap', 'rows', (SELECT jsonb_agg(jsonb_build_object('x', u(i),
	'feature_value', u(i)::text, 'value', u(-i), 'x2', i % 5, 'feature2_value', 'word ' || i % 5)) FROM generate_series(1, 10000) i));
INSERT INTO cases SELECT 'dependence', 'ice-lines', jsonb_build_object('kind', 'ice', 'rows', (SELECT jsonb_agg(jsonb_build_object('x', i, 'id', k,
	'value', u(i * 1000 + k))) FROM generate_series(1, 50) i, generate_series(1, 1000) k));
INSERT INTO cases SELECT 'dependence', 'words-' || n, (SELECT jsonb_agg(jsonb_build_object('x', i, 'feature_value', 'a rather long word ' || i,
	'value', u(i), 'lower', 0, 'upper', 1, 'count', i)) FROM generate_series(1, n) i) FROM unnest(ARRAY[1, 20, 1000]) n;
INSERT INTO cases SELECT 'dependence', 'surface-' || n, jsonb_build_object('rows', (SELECT jsonb_agg(jsonb_build_object('x', i, 'x2', k,
	'feature_value', i::text, 'feature2_value', 'w' || k, 'value', u(i * 100 + k))) FROM generate_series(1, n) i, generate_series(1, n) k))
	FROM unnest(ARRAY[1, 2, 100]) n;
INSERT INTO cases SELECT 'scores', 'bins', (SELECT jsonb_agg(jsonb_build_object('lower', i / 40.0, 'upper', (i + 1) / 40.0, 'class', c, 'count', i * 3))
	FROM generate_series(0, 39) i, unnest(ARRAY['yes', 'no']) c);
INSERT INTO cases SELECT 'lines', 'times', (SELECT jsonb_agg(jsonb_build_object('x', t, 'y', u(extract(epoch FROM t)::bigint)))
	FROM generate_series('2024-01-01'::timestamptz, '2024-01-01'::timestamptz + s, s / 50) t)
	FROM unnest(ARRAY['10 seconds', '5 minutes', '2 hours', '1 day', '1 week', '3 months', '2 years', '40 years']::interval[]) s;
INSERT INTO cases SELECT 'lines', 'words', (SELECT jsonb_agg(jsonb_build_object('x', 'word ' || i, 'y', i)) FROM generate_series(1, 10000) i);
INSERT INTO cases SELECT 'lines', 'many-series', (SELECT jsonb_agg(jsonb_build_object('x', i, 'y', u(i * 99 + k), 'series', 's' || k))
	FROM generate_series(1, 200) i, generate_series(1, 50) k);
INSERT INTO cases SELECT kind, 'all-different', (SELECT jsonb_agg(r || jsonb_build_object('series', 's' || i, 'label', 'l' || i, 'feature', 'f' || i,
	'id', 'i' || i, 'algorithm', 'a' || i, 'x', i, 'fpr', u(i), 'recall', u(i), 'mean_predicted', u(i), 'round', i, 'trial', i, 'contribution', u(i)))
	FROM generate_series(1, 10000) i) FROM rows WHERE kind NOT IN ('confusion', 'lift', 'scores', 'experiment', 'anomaly');
INSERT INTO cases SELECT 'drift', 'words-' || n, (SELECT jsonb_agg(jsonb_build_object('feature', 'f' || i, 'psi', u(i) * u(-i) * 3,
	'status', (ARRAY['stable', 'moderate', 'significant', 'odd', NULL])[1 + i % 5], 'kind', (ARRAY['number', 'score'])[1 + i % 2])) FROM generate_series(1, n) i)
	FROM unnest(ARRAY[1, 5, 1000]) n;
INSERT INTO cases SELECT 'performance', 'weeks', (SELECT jsonb_agg(jsonb_build_object('period', '2026-01-05'::timestamptz + i * interval '7 days', 'version', '1.0.' || k,
	'value', 0.8 + u(i) / 10, 'lower', 0.7, 'upper', 0.95, 'at_training', 0.85 + k / 100.0)) FROM generate_series(1, n) i, generate_series(0, 2) k)
	FROM unnest(ARRAY[1, 2, 50, 500]) n;
INSERT INTO cases SELECT 'experiment', 'unbounded', '[{"version": "1.0.0", "value": 0, "verdict": "baseline"}, {"version": "1.0.1", "value": 0.1, "difference": 0.1, "verdict": "undecided"},
	{"version": "1.0.2", "value": 0.2, "verdict": "too few"}, {"version": "1.0.3", "value": 0.3, "difference": 0.3, "lower": 0.1, "verdict": "better"}]'::jsonb;
INSERT INTO cases SELECT kind, 'numbered', (SELECT jsonb_agg(jsonb_build_object('segment', CASE WHEN i % 40 > 0 THEN i % 40 END, 'name', CASE WHEN i % 2 = 0 THEN 'name ' || i % 40 END,
	'x', u(i), 'y', u(-i), 'width', 2 * u(i) - 1)) FROM generate_series(1, 10000) i) FROM unnest(ARRAY['segments', 'silhouette']) kind;
-- a tree of halves, as deep as there are clusters, and one without the root's own row
INSERT INTO cases SELECT 'condensed_tree', 'halves', (SELECT jsonb_agg(jsonb_build_object('parent', CASE WHEN i > 1 THEN i / 2 END, 'child', i, 'size', 2 ^ (11 - floor(log(2, i))),
	'density', i, 'segment', CASE WHEN i > 1000 THEN i END)) FROM generate_series(1, 1500) i);
INSERT INTO cases SELECT 'condensed_tree', 'chain', (SELECT jsonb_agg(jsonb_build_object('parent', i, 'child', i + 1, 'size', 10001 - i, 'density', sqrt(i), 'segment', nullif(i, 5000))) FROM generate_series(1, 5000) i);
INSERT INTO cases SELECT 'anomaly', 'log', jsonb_build_object('log', true, 'threshold', 0.62, 'rows', (SELECT jsonb_agg(jsonb_build_object('lower', i / 1000.0, 'upper', (i + 1) / 1000.0,
	'count', power(10, i % 16), 'class', c)) FROM generate_series(0, 999) i, unnest(ARRAY['yes', 'no']) c));
INSERT INTO cases SELECT 'scatter', 'coloured', (SELECT jsonb_agg(jsonb_build_object('x', u(i), 'y', u(-i), 'colour', u(i * 7))) FROM generate_series(1, 10000) i);
INSERT INTO cases SELECT 'scatter', 'diagonal', jsonb_build_object('diagonal', 'equal', 'rows', (SELECT jsonb_agg(jsonb_build_object('x', u(i), 'y', 100 * u(-i)))
	FROM generate_series(1, 100000) i));
CREATE TABLE pictures AS SELECT kind || '-' || name AS name, row_number() OVER () AS n, engage_draw(kind, data, options) AS svg FROM cases;
ALTER TABLE pictures ADD id text;
UPDATE pictures SET id = substring(left(svg, 200) from 'id="([a-z0-9]+)"');
SQL
none "every case can be drawn" "$(cat "$work/psql.log")"

query()
{
	psql -qAtX -v ON_ERROR_STOP=1 -d "$database" -c "$1"
}

none "pictures of at most 10,000 points are below 200 kB" \
	"$(query "SELECT name || ': ' || octet_length(svg) FROM pictures WHERE octet_length(svg) >= 200000 ORDER BY 1")"
none "every picture has a size, a role, a title and a description" "$(query "SELECT name FROM pictures WHERE svg !~
	'^<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"[a-z0-9]+\" viewBox=\"0 0 [0-9]+ [0-9]+\" width=\"[0-9]+\" height=\"[0-9]+\" role=\"img\" aria-labelledby=\"[a-z0-9]+-title [a-z0-9]+-desc\">'
	OR svg !~ '<title id=\"[a-z0-9]+-title\">[^<]+</title>' OR svg !~ '<desc id=\"[a-z0-9]+-desc\">[^<]+</desc>' ORDER BY 1")"
none "there are no scripts, links, fonts or files from elsewhere" "$(query "SELECT name FROM pictures
	WHERE svg ~* '<(script|a|image|use|foreignObject|link)[ >]|href|@import|@font-face|url\(|[ \"]on[a-z]+=' ORDER BY 1")"
none "no coordinate is not a number" "$(query "SELECT name FROM pictures WHERE svg ~* '=\"[^\"]*(nan|inf)' ORDER BY 1")"
none "other pictures have other ids, and no rule is without its picture's id" "$(query "SELECT a.name || ' ' || b.name FROM pictures a
	JOIN pictures b ON a.id = b.id AND a.n < b.n AND a.svg <> b.svg
	UNION ALL SELECT name FROM pictures, LATERAL substring(svg from '<style>(.*)</style>') style, LATERAL regexp_split_to_table(style, E'\n') line
	WHERE line <> '' AND line NOT LIKE '#%' AND line NOT IN ('}', '@media (prefers-color-scheme:dark){') ORDER BY 1")"
none "the same data makes the same picture" "$(query "SELECT p.name FROM cases c JOIN pictures p ON p.name = c.kind || '-' || c.name
	WHERE c.name IN ('ten', 'labels') AND engage_draw(c.kind, c.data, c.options) <> p.svg")"

# ---- XML ----------------------------------------------------------------------------------------------
if ! command -v xmllint >/dev/null; then
	echo "# xmllint is missing (package libxml2-utils): the pictures were not parsed"
	done_testing
fi
query "COPY (SELECT name || '-' || n || E'\x02' || svg || E'\x03' FROM pictures ORDER BY n) TO STDOUT (FORMAT csv, QUOTE E'\x04')" |
	perl -0777 -ne 'while (/([^\x02\x03\x04\n]+)\x02([^\x03]*)\x03/g) { open my $f, ">", "'"$work"'/$1.svg" or die; print $f $2 }'
count=$(find "$work" -name '*.svg' | wc -l)
ok "there are pictures to parse ($count)" test "$count" -eq "$(query 'SELECT count(*) FROM pictures')"
none "every picture is well-formed XML" "$(find "$work" -name '*.svg' -print0 | xargs -0 xmllint --noout 2>&1 | grep -F "$work" | sed "s|$work/||")"
done_testing
