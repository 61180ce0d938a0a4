-- pictures of segments and anomalies, the numbers behind them, and the report of such models
SET engage.progress = off;
SET client_min_messages = warning;
\i test/data/telco.sql
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION found(svg text, pattern text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM regexp_matches(svg, pattern, ''g'')';
CREATE FUNCTION words(svg text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT m[1] FROM regexp_matches(svg, '<text[^>]*>(?:<title>[^<]*</title>)?([^<]*)</text>', 'g') m $$;
-- the error of a statement
CREATE FUNCTION error(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text; state text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
	RETURN concat_ws(' | ', state, sqlerrm, nullif(detail, ''), nullif(hint, ''));
END $$;

-- ---------------------------------------------------------------------------
-- principal components against scikit-learn (test/golden/pca.py): all rows are stored
-- ---------------------------------------------------------------------------
CREATE TABLE golden (component int, share float8, feature text, loading float8);
INSERT INTO golden VALUES
	(1, 0.381841564, 'tenure', 0.6657327),
	(1, 0.381841564, 'monthly_charges', 0.6241300),
	(1, 0.381841564, 'senior_citizen', 0.3477670),
	(1, 0.381841564, 'contract=Month-to-month', -0.1714622),
	(1, 0.381841564, 'contract=One year', 0.0524078),
	(1, 0.381841564, 'contract=Two year', 0.1190544),
	(2, 0.314253825, 'tenure', -0.5259011),
	(2, 0.314253825, 'monthly_charges', 0.3020962),
	(2, 0.314253825, 'senior_citizen', 0.6989654),
	(2, 0.314253825, 'contract=Month-to-month', 0.2994715),
	(2, 0.314253825, 'contract=One year', -0.0823243),
	(2, 0.314253825, 'contract=Two year', -0.2171472),
	(3, 0.202105558, 'tenure', -0.2603720),
	(3, 0.202105558, 'monthly_charges', 0.7024216),
	(3, 0.202105558, 'senior_citizen', -0.6223328),
	(3, 0.202105558, 'contract=Month-to-month', 0.1762852),
	(3, 0.202105558, 'contract=One year', -0.0386580),
	(3, 0.202105558, 'contract=Two year', -0.1376273);
SELECT version FROM engage_train('segments', 'SELECT customer_id, tenure, monthly_charges, senior_citizen, contract FROM telco', algorithm => 'kmeans',
	key => 'customer_id', params => '{"k": 4, "n_init": 2}', background => 10000);
SELECT count(*), max(abs(c.share - g.share)) < 1e-6 AS shares, max(abs(c.loading - g.loading)) < 1e-5 AS loadings
FROM engage_components('segments', 3) c JOIN golden g USING (component, feature);
-- all of them: orthogonal, of length 1, and the shares add up to 1; more than there are
SELECT max(component), abs(sum(share) FILTER (WHERE feature = 'tenure') - 1) < 1e-9 AS whole FROM engage_components('segments', 50);
SELECT count(*), max(abs(dot - (i = j)::int)) < 1e-9 AS orthonormal FROM (SELECT a.component AS i, b.component AS j, sum(a.loading * b.loading) AS dot
	FROM engage_components('segments', 4) a JOIN engage_components('segments', 4) b USING (feature) GROUP BY 1, 2) d;

-- the projection of all rows: mean 0, uncorrelated, variances as the shares say (numbers have variance 1)
SELECT count(*), abs(avg(x)) < 1e-4 AND abs(avg(y)) < 1e-4 AS centered, abs(corr(x, y)) < 1e-4 AS uncorrelated,
	abs(var_samp(y) / var_samp(x) - 0.314253825 / 0.381841564) < 1e-5 AS shares
FROM engage_projection('segments', 'telco', sample => 20000);
SELECT bool_and(p.n = s.rows) AS segments FROM (SELECT segment, count(*) AS n FROM engage_projection('segments', 'telco', 20000) GROUP BY 1) p
	JOIN engage_segments('segments', 'telco') s USING (segment);
-- a sample does not depend on the order of the rows, but on the seed
SELECT (SELECT jsonb_agg(r) FROM engage_projection('segments', 'SELECT * FROM telco ORDER BY customer_id', 100) r)
	= (SELECT jsonb_agg(r) FROM engage_projection('segments', 'SELECT * FROM telco ORDER BY tenure, churn', 100) r) AS order_free,
	(SELECT jsonb_agg(r) FROM engage_projection('segments', 'telco', 100) r) <> (SELECT jsonb_agg(r) FROM engage_projection('segments', 'telco', 100, 2) r) AS seeds;

-- silhouettes of all rows: their mean is that of the aggregate (which is checked against scikit-learn)
SELECT version FROM engage_train('plain', 'SELECT customer_id, tenure, monthly_charges FROM telco', algorithm => 'kmeans', key => 'customer_id',
	params => '{"k": 3, "scale": false, "n_init": 2}');
SELECT abs((SELECT avg(width) FROM engage_silhouettes('plain', 'telco', 20000))
	- (SELECT engage_silhouette(engage_predict('plain', t)::int, ARRAY[tenure, monthly_charges]::float8[], 0) FROM telco t)) < 1e-6 AS silhouette;
SELECT bool_and(width <= before) AS best_first, min(width) >= -1 AND max(width) <= 1 AS range
FROM (SELECT width, lag(width, 1, 1) OVER (PARTITION BY segment) AS before FROM engage_silhouettes('plain', 'telco', 500)) w;
-- the scaled space gives another one, near the metric of the training
SELECT abs(avg(width) - (SELECT (metrics ->> 'silhouette')::float8 FROM engage.versions WHERE model = 'segments')) < 0.02 AS near FROM engage_silhouettes('segments', 'telco');
SELECT version FROM engage_train('angles', 'SELECT customer_id, tenure, monthly_charges FROM telco', algorithm => 'kmeans', key => 'customer_id', params => '{"k": 3, "metric": "cosine"}');
SELECT abs(avg(width) - (SELECT (metrics ->> 'silhouette')::float8 FROM engage.versions WHERE model = 'angles')) < 0.03 AS near FROM engage_silhouettes('angles', 'telco');

-- ---------------------------------------------------------------------------
-- curve and tree
-- ---------------------------------------------------------------------------
SELECT version FROM engage_train('auto', 'SELECT customer_id, tenure, monthly_charges FROM telco', algorithm => 'kmeans', key => 'customer_id', params => '{"k": "auto", "k_max": 6}');
SELECT k, criterion, value = (SELECT max(value) FROM engage_cluster_curve('auto')) AS best, other, chosen = (value = (SELECT max(value) FROM engage_cluster_curve('auto'))) AS chosen
FROM engage_cluster_curve('auto') WHERE k <= 3;
SELECT count(*), bool_and(other_value < before) AS inertia_falls, count(*) FILTER (WHERE chosen) AS one
FROM (SELECT *, lag(other_value, 1, 'Infinity') OVER (ORDER BY k) AS before FROM engage_cluster_curve('auto')) c;
SELECT found(svg, '<circle') AS dots, found(svg, 'stroke-dasharray') > 0 AS chosen FROM engage_plot_elbow('auto') svg;
SELECT string_agg(w, ' | ') FROM words(engage_plot_elbow('auto')) w WHERE w ~ '[a-z]{3}' AND w !~ '^chosen';

SELECT version FROM engage_train('dense', 'SELECT customer_id, tenure, monthly_charges FROM telco WHERE customer_id <= 3000', algorithm => 'hdbscan', key => 'customer_id',
	params => '{"min_cluster_size": 50}');
-- every row leaves a cluster once, children have what their parents lose, densities grow
WITH t AS (SELECT * FROM engage_condensed_tree('dense')), c AS (SELECT * FROM t WHERE child IS NOT NULL)
SELECT (SELECT size FROM c WHERE parent IS NULL) = (SELECT sum(size) FROM t WHERE child IS NULL) AS rows,
	(SELECT bool_and(c.size = (SELECT sum(size) FROM t WHERE t.parent = c.child)) FROM c) AS sizes,
	(SELECT bool_and(t.density >= c.density) FROM t JOIN c ON t.parent = c.child) AS densities,
	(SELECT count(*) FROM c WHERE segment > 0) = (SELECT (metrics ->> 'clusters')::int FROM engage.versions WHERE model = 'dense') AS selected,
	(SELECT bool_and(n <= 100) FROM (SELECT count(*) AS n FROM t WHERE child IS NULL GROUP BY parent) n) AS steps;
SELECT found(svg, '>selected \(' || (SELECT metrics ->> 'clusters' FROM engage.versions WHERE model = 'dense') || '\)') AS selected, found(svg, 'not selected') > 0 AS legend
FROM engage_plot_condensed_tree('dense') svg;
-- noise is in no silhouette, and grey in the plane
SELECT min(segment) FROM engage_silhouettes('dense', 'telco', 1000);
SELECT count(*) FILTER (WHERE w ~ '^noise \(') AS noise FROM words(engage_plot_segments('dense', 'telco', sample => 1000)) w;

-- ---------------------------------------------------------------------------
-- anomalies
-- ---------------------------------------------------------------------------
SELECT version FROM engage_train('strange', 'SELECT customer_id, tenure, monthly_charges, contract FROM telco', key => 'customer_id', algorithm => 'isolation_forest',
	params => '{"contamination": 0.01}');
SELECT count(*), sum(h.count) = (SELECT count(*) FROM telco) AS rows, min(h.class) AS class,
	bool_and(h.count = (SELECT count(*) FROM (SELECT engage_predict('strange', t) AS s FROM telco t) s WHERE least(floor(s * 20), 19) = round((h.lower * 20)::numeric))) AS counts,
	abs(min(h.threshold) - (SELECT (metrics ->> 'threshold')::float8 FROM engage.versions WHERE model = 'strange')) < 1e-6 AS threshold
FROM engage_anomaly_histogram('strange', 'telco', 20) h;
SELECT class, sum(count) FROM engage_anomaly_histogram('strange', 'telco', target => 'churn') GROUP BY 1 ORDER BY 1;
SELECT class, sum(count) FROM engage_anomaly_histogram('strange', 'SELECT *, CASE WHEN senior_citizen = 1 THEN true END AS odd FROM telco', target => 'odd') GROUP BY 1 ORDER BY 1;
-- trained with the truth: two colours, unless nobody wants them
SELECT version FROM engage_train('known', 'SELECT customer_id, tenure, monthly_charges, senior_citizen AS odd FROM telco', target => 'odd', key => 'customer_id', algorithm => 'isolation_forest');
SELECT string_agg(w, ' | ') FROM words(engage_plot_anomaly('known', 'SELECT *, senior_citizen AS odd FROM telco')) w WHERE w ~ 'rows|^(medium|high|critical)$';
SELECT string_agg(w, ' | ') FROM words(engage_plot_anomaly('known', 'telco', target => '', log => false)) w WHERE w ~* 'rows';

-- ---------------------------------------------------------------------------
-- what is drawn
-- ---------------------------------------------------------------------------
SELECT engage_label_segment('segments', 1, 'Largest');
SELECT string_agg(w, ' | ') FROM words(engage_plot_segments('segments', 'telco')) w WHERE w ~ '^(Component [12]|Segments|Largest$|segment [234]$)';
SELECT string_agg(w, ' | ') FROM words(engage_plot_silhouette('segments', 'telco', '{"title": "T"}')) w WHERE w ~ '^(T$|Largest$|segment|Silhouette)';
SELECT string_agg(w, ' | ') FROM words(engage_draw('segments', '{"x_share": 0.5, "y_loadings": "tenure +1.00", "rows": [{"x": 0, "y": 0, "segment": 2, "name": "<b>"},
	{"x": 1, "y": 1, "segment": 1}, {"x": 2, "y": 1}, {"x": null, "y": 1}]}')) w WHERE w !~ '^-?[0-9.]+$';
SELECT string_agg(w, ' | ') FROM words(engage_draw('silhouette', '[{"segment": 2, "width": -0.5}, {"segment": 1, "width": 0.25}, {"segment": 1, "width": 0.75}]')) w WHERE w ~ 'segment|row|^-?0.50?$';
SELECT string_agg(w, ' | ') FROM words(engage_draw('elbow', '{"criterion": "bic", "rows": [{"k": 1, "value": 10}, {"k": 2, "value": 7}]}')) w WHERE w ~ '[A-Za-z]';
SELECT string_agg(w, ' | ') FROM words(engage_draw('condensed_tree', '[{"parent": 5, "child": 6, "size": 30, "density": 1, "segment": 1, "name": "A"}, {"parent": 5, "child": 7, "size": 20, "density": 1},
	{"parent": 5, "size": 10, "density": 0.5}, {"parent": 6, "size": 30, "density": 2}, {"parent": 7, "size": 20}, {"parent": 7, "child": 3, "size": 1}, {"size": 4}]')) w WHERE w ~ '[A-Za-z]';

-- ---------------------------------------------------------------------------
-- reports
-- ---------------------------------------------------------------------------
CREATE FUNCTION sections(html text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(m[1], ' | ') FROM regexp_matches(html, '<h2[^>]*>([^<]*)</h2>', 'g') m $$;
SELECT sections(html), found(html, '<svg') AS pictures, found(html, '>Largest<') > 0 AS name FROM engage_report('segments') html;
SELECT sections(html), found(html, '<svg') AS pictures FROM engage_report('dense', 'telco') html;
SELECT found(html, '<svg') AS pictures FROM engage_report('auto', 'telco') html;
SELECT sections(html), found(html, '<svg') AS pictures, found(html, 'customer_id [0-9]+: 0\.') AS strangest FROM engage_report('strange', options => '{"examples": 2}') html;
SELECT sections(html), found(html, 'Area under the ROC curve') > 0 AS auc FROM engage_report('known', options => '{"examples": 0}') html;

-- ---------------------------------------------------------------------------
-- errors
-- ---------------------------------------------------------------------------
SELECT version FROM engage_train('churn', 'telco', target => 'churn', key => 'customer_id', algorithm => 'naive_bayes', features => '{tenure,monthly_charges}');
SELECT version FROM engage_train('bare', 'SELECT customer_id, tenure, monthly_charges FROM telco', algorithm => 'kmeans', key => 'customer_id', params => '{"k": 2}', background => 0);
SELECT error(s) FROM unnest(ARRAY[
	'SELECT * FROM engage_components(''churn'')', 'SELECT * FROM engage_projection(''churn'', ''telco'')', 'SELECT engage_plot_silhouette(''churn'', ''telco'')',
	'SELECT engage_plot_elbow(''churn'')', 'SELECT engage_plot_elbow(''segments'')', 'SELECT engage_plot_condensed_tree(''segments'')', 'SELECT engage_plot_anomaly(''churn'', ''telco'')',
	'SELECT engage_plot_segments(''bare'', ''telco'')', 'SELECT engage_plot_segments(''segments'', ''telco'', sample => 1)', 'SELECT * FROM engage_components(''segments'', 0)',
	'SELECT engage_plot_segments(''segments'', NULL)', 'SELECT engage_plot_segments(''none'', ''telco'')', 'SELECT engage_plot_segments(''segments'', ''SELECT tenure FROM telco'')',
	'SELECT engage_plot_anomaly(''strange'', ''telco'', bins => 0)', 'SELECT engage_plot_anomaly(''strange'', ''telco'', target => ''tenure'')', 'SELECT engage_plot_anomaly(''strange'', ''telco'', target => ''nothing'')',
	'SELECT engage_plot_anomaly(''known'', ''telco'')', 'SELECT engage_draw(''anomaly'', (SELECT jsonb_agg(jsonb_build_object(''lower'', 0, ''upper'', 1, ''count'', 1, ''class'', i)) FROM generate_series(1, 9) i))',
	'SELECT engage_draw(''segments'', ''[{"x": 1}]'')']) s;
-- one row, no row
SELECT found(engage_plot_silhouette('segments', 'SELECT * FROM telco LIMIT 1'), 'There are no rows') > 0 AS one, found(engage_plot_segments('segments', 'SELECT * FROM telco LIMIT 1'), '<svg') AS dot;
SELECT error('SELECT engage_plot_segments(''segments'', ''SELECT * FROM telco WHERE false'')'), error('SELECT engage_plot_anomaly(''strange'', ''SELECT * FROM telco WHERE false'')');
