-- ---------------------------------------------------------------------------
-- 62_log.sql: the prediction log, and performance once outcomes are known
-- (src/store/prediction_log.c, src/api/api_log.c)
-- ---------------------------------------------------------------------------

CREATE SEQUENCE engage.prediction_id_seq;

-- Scores that were given.  Partitions are made when a score of their month comes.  They are
-- plain tables with a primary key of their own: an index of the parent would be in the way of
-- the partitions' indexes when a dump is restored.
CREATE TABLE engage.prediction (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.prediction_id_seq'),
	model_id bigint NOT NULL,
	version_id bigint NOT NULL,
	version text NOT NULL,					-- outlives the version
	key text NOT NULL,
	scored_at timestamptz NOT NULL,
	score float8,
	class text,
	outputs float8[],						-- where a model has several
	experiment text,
	arm integer,							-- from 1
	shadow boolean NOT NULL DEFAULT false	-- logged, but not the answer
) PARTITION BY RANGE (scored_at);

SELECT pg_catalog.pg_extension_config_dump('engage.prediction', '');
SELECT pg_catalog.pg_extension_config_dump('engage.prediction_id_seq', '');

COMMENT ON TABLE engage.prediction IS 'logged scores; a partition for each month or day';

CREATE VIEW engage.predictions WITH (security_barrier) AS
SELECT m.name AS model,
	p.version,
	p.key,
	p.scored_at,
	p.score,
	p.class,
	p.outputs,
	p.experiment,
	p.arm,
	p.shadow,
	p.version_id,
	p.id
FROM engage.prediction p
JOIN engage.model m ON m.id = p.model_id
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.predictions IS 'logged scores of the models that the current user may use';

CREATE FUNCTION engage_log_predictions(
	model text,
	source text,
	key text,
	at timestamptz DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_log_predictions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_log_predictions(text, text, text, timestamptz)
IS 'score every row of a source and log key, version, score, time and arm; returns the rows logged';

CREATE FUNCTION engage.log_predictions(
	model text,
	source text,
	key text,
	at timestamptz DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_twin'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage.log_predictions(text, text, text, timestamptz) IS 'engage_log_predictions in jobs';

CREATE FUNCTION engage_predict_logged(model text, "row" record, key text)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_logged_row'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION engage_predict_logged(text, record, text)
IS 'engage_predict of a row that also writes the prediction log; key names a column';

CREATE FUNCTION engage_predict_logged(model text, "row" jsonb, key text)
RETURNS float8
AS 'MODULE_PATHNAME', 'engage_predict_logged_jsonb'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION engage_predict_logged(text, jsonb, text)
IS 'engage_predict of a JSON object that also writes the prediction log; key names a member';

CREATE FUNCTION engage.key_text("any")
RETURNS text
AS 'MODULE_PATHNAME', 'engage_key_text'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.key_text("any")
IS 'the text by which a key is known in the prediction log: equal keys have equal texts, whatever their type and the session''s settings';

CREATE FUNCTION engage_log_retention(
	keep interval,
	model text DEFAULT NULL,
	OUT partitions integer,
	OUT "rows" bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_log_retention'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_log_retention(interval, text)
IS 'remove old rows of the prediction log: those of a model, or whole partitions';

CREATE FUNCTION engage_erase(
	key text,
	model text DEFAULT NULL,
	OUT model text,
	OUT version text,
	OUT deployed boolean,
	OUT logged bigint,
	OUT training text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_erase'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION engage_erase(text, text)
IS 'remove the rows of a key from the prediction log, and say which versions were trained on rows of it';

CREATE FUNCTION engage_performance(
	model text,
	outcomes text,
	period text DEFAULT 'month',
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL,
	metric text DEFAULT NULL,
	intervals float8 DEFAULT 0.95,
	OUT period timestamptz,
	OUT version text,
	OUT n bigint,
	OUT metric text,
	OUT value float8,
	OUT lower float8,
	OUT upper float8,
	OUT at_training float8,
	OUT change float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_performance'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION engage_performance(text, text, text, timestamptz, timestamptz, text, float8)
IS 'metrics of logged scores once their outcomes are known, by period and version';
