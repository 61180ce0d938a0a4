-- ---------------------------------------------------------------------------
-- 64_experiment.sql: A/B tests of versions
-- (src/store/experiment.c, src/eval/sequential.c, src/api/api_experiment.c)
-- ---------------------------------------------------------------------------

CREATE SEQUENCE engage.experiment_id_seq;

-- name, model, arms, weights and key never change: backends keep them
CREATE TABLE engage.experiment (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.experiment_id_seq'),
	name text NOT NULL,
	model_id bigint NOT NULL,
	key text NOT NULL,						-- column whose value routes a row
	version_ids bigint[] NOT NULL,
	versions text[] NOT NULL,
	weights float8[] NOT NULL,				-- they add up to 1
	shadow boolean NOT NULL,
	planned bigint NOT NULL,				-- keys of an arm at which the test is sharpest
	started timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_by name NOT NULL,
	ended timestamptz,
	winner text,
	CONSTRAINT experiment_pkey PRIMARY KEY (id),
	CONSTRAINT experiment_name_key UNIQUE (name)
);

-- the running one, found by the query that finds the deployed version
ALTER TABLE engage.model ADD COLUMN experiment bigint;

SELECT pg_catalog.pg_extension_config_dump('engage.experiment', '');
SELECT pg_catalog.pg_extension_config_dump('engage.experiment_id_seq', '');

COMMENT ON TABLE engage.experiment IS 'A/B tests: which versions of a model answer which share of keys';

CREATE VIEW engage.experiments WITH (security_barrier) AS
SELECT e.name AS experiment,
	m.name AS model,
	e.versions,
	e.weights,
	e.key,
	e.shadow,
	e.planned,
	(m.experiment = e.id) IS TRUE AS running,
	e.started,
	e.started_by,
	e.ended,
	e.winner
FROM engage.experiment e
JOIN engage.model m ON m.id = e.model_id
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.experiments IS 'A/B tests of the models that the current user may use';

CREATE FUNCTION engage_experiment_start(
	name text,
	model text,
	versions text[],
	weights float8[] DEFAULT NULL,
	key text DEFAULT NULL,
	shadow boolean DEFAULT false,
	planned bigint DEFAULT 10000)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_experiment_start'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_experiment_start(text, text, text[], float8[], text, boolean, bigint)
IS 'let several versions of a model answer, each for its share of the keys';

CREATE FUNCTION engage_experiment_finish(name text, winner text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'engage_experiment_finish'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_experiment_finish(text, text)
IS 'end an A/B test and deploy the winner; returns the version that is deployed then';

CREATE FUNCTION engage_experiment_arm(name text, key text)
RETURNS integer
AS 'MODULE_PATHNAME', 'engage_experiment_arm'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION engage_experiment_arm(text, text) IS 'the arm of an A/B test that answers for a key';

CREATE FUNCTION engage_experiment_results(
	name text,
	outcomes text,
	measure text DEFAULT NULL,
	larger_is_better boolean DEFAULT true,
	alpha float8 DEFAULT 0.05,
	OUT arm integer,
	OUT version text,
	OUT measure text,
	OUT n bigint,
	OUT value float8,
	OUT difference float8,
	OUT lower float8,
	OUT upper float8,
	OUT lift float8,
	OUT p_value float8,
	OUT verdict text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_experiment_results'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION engage_experiment_results(text, text, text, boolean, float8)
IS 'arms of an A/B test against the first, with intervals and p-values that hold however often one looks';

CREATE FUNCTION engage_experiment_sample_size(
	baseline_rate float8,
	lift float8,
	power float8 DEFAULT 0.8,
	alpha float8 DEFAULT 0.05)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_experiment_sample_size'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_experiment_sample_size(float8, float8, float8, float8)
IS 'keys that each of two arms needs to find a relative lift of a rate, looking once';
