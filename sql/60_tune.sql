-- ---------------------------------------------------------------------------
-- 60_tune.sql: cross-validation and search for parameters
-- (src/api/api_crossval.c, src/api/api_tune.c, src/store/tune.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_cross_validate(
	source text,
	target text DEFAULT NULL,
	algorithm text DEFAULT 'xgboost',
	params jsonb DEFAULT '{}',
	task text DEFAULT NULL,
	key text DEFAULT NULL,
	features text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	weight text DEFAULT NULL,
	class_weight text DEFAULT NULL,
	folds integer DEFAULT 5,
	repeats integer DEFAULT 1,
	stratified boolean DEFAULT true,
	group_by text DEFAULT NULL,
	time_column text DEFAULT NULL,
	seed bigint DEFAULT 1,
	metric text DEFAULT NULL,
	event text DEFAULT NULL,
	positive text DEFAULT NULL,
	partition_by text DEFAULT NULL,
	calibrate text DEFAULT NULL,
	intervals float8 DEFAULT NULL,
	OUT repeat integer,
	OUT fold integer,
	OUT rows_train bigint,
	OUT rows_test bigint,
	OUT metrics jsonb,
	OUT seconds float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'engage_cross_validate'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 6;
COMMENT ON FUNCTION engage_cross_validate(text, text, text, jsonb, text, text, text[], text[], text, text,
	integer, integer, boolean, text, text, bigint, text, text, text, text, text, float8)
IS 'measure an algorithm on folds of a source: a row for each fold, and one with means, deviation and stability';

-- ---------------------------------------------------------------------------
-- Searches and what they tried; written by src/store/tune.c alone
-- ---------------------------------------------------------------------------

CREATE SEQUENCE engage.tuning_id_seq;

-- one call of engage_tune
CREATE TABLE engage.tuning (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.tuning_id_seq'),
	model text NOT NULL,
	who name NOT NULL,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	setting jsonb NOT NULL,					-- what makes its trials comparable
	metric text NOT NULL,
	fingerprint text NOT NULL,				-- of the rows
	CONSTRAINT tuning_pkey PRIMARY KEY (id)
);
CREATE INDEX tuning_model_idx ON engage.tuning (model);

-- one set of parameters that was tried
CREATE TABLE engage.trial (
	tuning bigint NOT NULL,
	trial integer NOT NULL,
	algorithm text NOT NULL,
	params jsonb NOT NULL,
	scores jsonb NOT NULL,					-- metric of each fold that was run
	gaps jsonb,								-- difference between the groups in each
	mean float8,
	deviation float8,
	gap float8,
	loss float8,							-- what the search made small
	seconds float8 NOT NULL,
	state text NOT NULL,
	message text,							-- why it failed
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT trial_pkey PRIMARY KEY (tuning, trial),
	CONSTRAINT trial_state_check CHECK (state IN ('complete', 'pruned', 'failed', 'stopped'))
);

SELECT pg_catalog.pg_extension_config_dump('engage.tuning', '');
SELECT pg_catalog.pg_extension_config_dump('engage.trial', '');
SELECT pg_catalog.pg_extension_config_dump('engage.tuning_id_seq', '');

COMMENT ON TABLE engage.tuning IS 'searches for parameters: one call of engage_tune each';
COMMENT ON TABLE engage.trial IS 'sets of parameters that a search tried, with their scores';

-- of several complete trials of one search, rank 1 was trained
CREATE VIEW engage.trials WITH (security_barrier) AS
SELECT s.model,
	t.tuning,
	CASE WHEN t.state = 'complete' THEN
		rank() OVER (PARTITION BY t.tuning ORDER BY (t.state = 'complete') DESC, t.loss, t.trial) END AS rank,
	t.trial,
	t.algorithm,
	t.params,
	s.metric,
	t.mean,
	t.deviation,
	t.scores,
	t.gap,
	t.loss,
	t.seconds,
	t.state,
	CASE WHEN engage.plays(s.who) THEN t.message END AS message,
	s.who,
	t.at
FROM engage.trial t
JOIN engage.tuning s ON s.id = t.tuning
WHERE engage.plays(s.who)
	OR EXISTS (SELECT FROM engage.models m WHERE m.model = s.model);
COMMENT ON VIEW engage.trials IS
	'leaderboard: trials of the current user, and of the models that the current user may use';

CREATE FUNCTION engage_tune(
	model text,
	source text,
	target text DEFAULT NULL,
	algorithms text[] DEFAULT ARRAY['xgboost'],
	params jsonb DEFAULT '{}',
	space jsonb DEFAULT NULL,
	trials integer DEFAULT 50,
	folds integer DEFAULT 5,
	repeats integer DEFAULT 1,
	metric text DEFAULT NULL,
	strategy text DEFAULT 'tpe',
	prune text DEFAULT 'median',
	time_limit interval DEFAULT NULL,
	min_improvement float8 DEFAULT 0.05,
	deploy text DEFAULT 'better',
	task text DEFAULT NULL,
	key text DEFAULT NULL,
	features text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	weight text DEFAULT NULL,
	class_weight text DEFAULT NULL,
	test_size float8 DEFAULT 0.2,
	split text DEFAULT NULL,
	stratified boolean DEFAULT true,
	group_by text DEFAULT NULL,
	time_column text DEFAULT NULL,
	event text DEFAULT NULL,
	positive text DEFAULT NULL,
	fairness_column text DEFAULT NULL,
	fairness_weight float8 DEFAULT 1,
	fairness text DEFAULT 'positive_rate',
	seed bigint DEFAULT 1,
	resume boolean DEFAULT false,
	partition_by text DEFAULT NULL,
	calibrate text DEFAULT NULL,
	intervals float8 DEFAULT NULL,
	OUT model text,
	OUT version text,
	OUT algorithm text,
	OUT task text,
	OUT rows_train bigint,
	OUT rows_test bigint,
	OUT metrics jsonb,
	OUT deployed boolean,
	OUT seconds float8,
	OUT tuning bigint,
	OUT trials integer,
	OUT params jsonb,
	OUT metric text,
	OUT mean float8,
	OUT deviation float8)
RETURNS record
AS 'MODULE_PATHNAME', 'engage_tune'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_tune(text, text, text, text[], jsonb, jsonb, integer, integer, integer, text, text,
	text, interval, float8, text, text, text, text[], text[], text, text, float8, text, boolean, text, text, text,
	text, text, float8, text, bigint, boolean, text, text, float8)
IS 'search algorithms and parameters on folds, train the winner, deploy it when it is better';

CREATE PROCEDURE engage_tune_commit(
	model text,
	source text,
	target text DEFAULT NULL,
	algorithms text[] DEFAULT ARRAY['xgboost'],
	params jsonb DEFAULT '{}',
	space jsonb DEFAULT NULL,
	trials integer DEFAULT 50,
	folds integer DEFAULT 5,
	repeats integer DEFAULT 1,
	metric text DEFAULT NULL,
	strategy text DEFAULT 'tpe',
	prune text DEFAULT 'median',
	time_limit interval DEFAULT NULL,
	min_improvement float8 DEFAULT 0.05,
	deploy text DEFAULT 'better',
	task text DEFAULT NULL,
	key text DEFAULT NULL,
	features text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	weight text DEFAULT NULL,
	class_weight text DEFAULT NULL,
	test_size float8 DEFAULT 0.2,
	split text DEFAULT NULL,
	stratified boolean DEFAULT true,
	group_by text DEFAULT NULL,
	time_column text DEFAULT NULL,
	event text DEFAULT NULL,
	positive text DEFAULT NULL,
	fairness_column text DEFAULT NULL,
	fairness_weight float8 DEFAULT 1,
	fairness text DEFAULT 'positive_rate',
	seed bigint DEFAULT 1,
	resume boolean DEFAULT false,
	partition_by text DEFAULT NULL,
	calibrate text DEFAULT NULL,
	intervals float8 DEFAULT NULL)
AS 'MODULE_PATHNAME', 'engage_tune_commit'
LANGUAGE C;
COMMENT ON PROCEDURE engage_tune_commit(text, text, text, text[], jsonb, jsonb, integer, integer, integer, text, text,
	text, interval, float8, text, text, text, text[], text[], text, text, float8, text, boolean, text, text, text,
	text, text, float8, text, bigint, boolean, text, text, float8)
IS 'engage_tune that commits after each trial, so that a cancel keeps what was tried';

CREATE FUNCTION engage_forget_trials(model text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engage_forget_trials'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_forget_trials(text) IS 'remove the trials of a model that the current user made';
