-- ---------------------------------------------------------------------------
-- 82_plot_segments.sql: pictures of segments and anomalies (src/api/api_plot_segments.c,
-- src/api/api_plot_clusters.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_components(
	model text,
	components integer DEFAULT 2,
	OUT component integer,
	OUT share float8,
	OUT feature text,
	OUT loading float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_components'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 40;
COMMENT ON FUNCTION engage_components(text, integer)
IS 'principal components of the training rows stored with a model of segments';

CREATE FUNCTION engage_projection(
	model text,
	source text,
	sample integer DEFAULT 2000,
	seed bigint DEFAULT 1,
	OUT segment integer,
	OUT name text,
	OUT x float8,
	OUT y float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_projection'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2000;
COMMENT ON FUNCTION engage_projection(text, text, integer, bigint)
IS 'a sample of rows in the plane of the first two principal components, with their segments';

CREATE FUNCTION engage_silhouettes(
	model text,
	source text,
	sample integer DEFAULT 2000,
	seed bigint DEFAULT 1,
	OUT segment integer,
	OUT name text,
	OUT width float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_silhouettes'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2000;
COMMENT ON FUNCTION engage_silhouettes(text, text, integer, bigint)
IS 'how well each row of a sample lies in its segment, the best of each segment first';

CREATE FUNCTION engage_cluster_curve(
	model text,
	OUT k integer,
	OUT criterion text,
	OUT value float8,
	OUT other text,
	OUT other_value float8,
	OUT chosen boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_cluster_curve'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 12;
COMMENT ON FUNCTION engage_cluster_curve(text)
IS 'what a training that chose the number of segments saw at each of them';

CREATE FUNCTION engage_condensed_tree(
	model text,
	OUT parent integer,
	OUT child integer,
	OUT density float8,
	OUT size bigint,
	OUT segment integer,
	OUT name text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_condensed_tree'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 500;
COMMENT ON FUNCTION engage_condensed_tree(text)
IS 'how the clusters of a model of hdbscan split, and rows leave them, as the density grows';

CREATE FUNCTION engage_anomaly_histogram(
	model text,
	source text,
	bins integer DEFAULT 50,
	target text DEFAULT NULL,
	OUT lower float8,
	OUT upper float8,
	OUT class text,
	OUT count bigint,
	OUT threshold float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_anomaly_histogram'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION engage_anomaly_histogram(text, text, integer, text)
IS 'scores of a model of anomalies on a source in bins of equal width, by the truth where there is one';

-- ---------------------------------------------------------------------------
-- pictures
-- ---------------------------------------------------------------------------

-- "tenure 0.61, contract=Two year 0.5": the strongest loadings of a component
CREATE FUNCTION engage.loadings_text(model text, component integer)
RETURNS jsonb
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT jsonb_build_object('share', min(c.share), 'loadings', string_agg(format('%s %s', c.feature,
			to_char(c.loading, 'FMSG0.00')), ', ' ORDER BY abs(round(c.loading::numeric, 6)) DESC, c.feature COLLATE "C"))
	FROM (SELECT * FROM engage_components(model) a WHERE a.component = loadings_text.component
		ORDER BY abs(round(a.loading::numeric, 6)) DESC, a.feature COLLATE "C" LIMIT 4) c;
END;
COMMENT ON FUNCTION engage.loadings_text(text, integer) IS 'share and strongest loadings of a principal component';

CREATE FUNCTION engage_plot_segments(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	sample integer DEFAULT 2000,
	seed bigint DEFAULT 1)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('segments', jsonb_build_object(
			'x_share', x.c -> 'share', 'x_loadings', x.c -> 'loadings',
			'y_share', y.c -> 'share', 'y_loadings', y.c -> 'loadings', 'rows', p.rows),
		engage.plot_options(options, format('Segments of %s', model)))
	FROM (SELECT jsonb_agg(to_jsonb(r)) AS rows FROM engage_projection(model, source, sample, seed) r) p,
		engage.loadings_text(model, 1) x(c), engage.loadings_text(model, 2) y(c);
END;
COMMENT ON FUNCTION engage_plot_segments(text, text, jsonb, integer, bigint)
IS 'picture: rows of a source in the plane in which they differ most, by segment';

CREATE FUNCTION engage_plot_silhouette(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	sample integer DEFAULT 2000,
	seed bigint DEFAULT 1)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('silhouette', jsonb_agg(to_jsonb(r)),
		engage.plot_options(options, format('How well rows lie in the segments of %s', model)))
	FROM engage_silhouettes(model, source, sample, seed) r;
END;
COMMENT ON FUNCTION engage_plot_silhouette(text, text, jsonb, integer, bigint)
IS 'picture: silhouette widths of a sample of rows by segment';

CREATE FUNCTION engage_plot_elbow(model text, options jsonb DEFAULT '{}')
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('elbow', jsonb_build_object('criterion', min(r.criterion), 'other', min(r.other),
			'chosen', min(r.k) FILTER (WHERE r.chosen),
			'rows', jsonb_agg(jsonb_build_object('k', r.k, 'value', r.value, 'other', r.other_value) ORDER BY r.k)),
		engage.plot_options(options, format('How many segments %s has', model)))
	FROM engage_cluster_curve(model) r;
END;
COMMENT ON FUNCTION engage_plot_elbow(text, jsonb)
IS 'picture: what each number of segments was worth, when the training chose it';

CREATE FUNCTION engage_plot_condensed_tree(model text, options jsonb DEFAULT '{}')
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('condensed_tree', jsonb_agg(jsonb_build_object('parent', r.parent, 'child', r.child, 'size', r.size,
			'density', nullif(r.density, 'Infinity'), 'segment', r.segment, 'name', r.name)),
		engage.plot_options(options, format('How the clusters of %s split', model)))
	FROM engage_condensed_tree(model) r;
END;
COMMENT ON FUNCTION engage_plot_condensed_tree(text, jsonb)
IS 'picture: clusters of a model of hdbscan as the density grows, the selected ones outlined';

CREATE FUNCTION engage_plot_anomaly(
	model text,
	source text,
	options jsonb DEFAULT '{}',
	bins integer DEFAULT 50,
	log boolean DEFAULT true,
	target text DEFAULT NULL)
RETURNS text
LANGUAGE SQL VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT engage_draw('anomaly', jsonb_build_object('threshold', min(r.threshold), 'log', coalesce(log, true),
			'rows', jsonb_agg(to_jsonb(r))),
		engage.plot_options(options, format('Anomaly scores of %s', model)))
	FROM engage_anomaly_histogram(model, source, bins, target) r;
END;
COMMENT ON FUNCTION engage_plot_anomaly(text, text, jsonb, integer, boolean, text)
IS 'picture: scores of a model of anomalies, its threshold and the bands';
