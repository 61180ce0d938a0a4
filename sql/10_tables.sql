-- ---------------------------------------------------------------------------
-- 10_tables.sql: the registry's tables
--
-- Written by src/store/models*.c alone, as the extension's owner, after the
-- caller's rights were checked.  People read the views at the end.
--
-- There are no foreign keys and no triggers, so that the tables can become
-- reference tables of Citus; the code keeps them consistent.  Rows of
-- engage.version and engage.artifact are never updated, and the ids are never
-- used again: this is why a backend may keep a compiled model for ever.
-- ---------------------------------------------------------------------------

CREATE SCHEMA engage;
COMMENT ON SCHEMA engage IS 'models, versions and events of the extension engage';

CREATE SEQUENCE engage.model_id_seq;
CREATE SEQUENCE engage.version_id_seq;
CREATE SEQUENCE engage.deployment_id_seq;
CREATE SEQUENCE engage.event_id_seq;

-- a name with an owner and at most one deployed version
CREATE TABLE engage.model (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.model_id_seq'),
	name text NOT NULL,
	owner name NOT NULL,					-- a role's name: survives dump and restore
	created timestamptz NOT NULL DEFAULT pg_catalog.now(),
	deployed bigint,						-- version.id that scores now
	deployment bigint,						-- deployment.id that made it so
	split jsonb,							-- frozen split of the held-out rows
	CONSTRAINT model_pkey PRIMARY KEY (id),
	CONSTRAINT model_name_key UNIQUE (name)
);

-- never updated
CREATE TABLE engage.version (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.version_id_seq'),
	model_id bigint NOT NULL,
	major integer NOT NULL,
	minor integer NOT NULL,
	patch integer NOT NULL,
	created timestamptz NOT NULL DEFAULT pg_catalog.now(),
	created_by name NOT NULL,
	algorithm text NOT NULL,
	task text NOT NULL,
	recipe jsonb NOT NULL,					-- arguments of engage_train that made it
	params jsonb NOT NULL,					-- resolved hyper-parameters
	metrics jsonb,							-- on the held-out rows
	data jsonb NOT NULL,					-- rows, fingerprint, features, target
	seed bigint,
	library text,							-- "xgboost 1.7.4"
	extension text NOT NULL,				-- version of engage
	seconds float8,							-- that training took
	bytes bigint NOT NULL,					-- size of its artifacts
	CONSTRAINT version_pkey PRIMARY KEY (id),
	CONSTRAINT version_number_key UNIQUE (model_id, major, minor, patch)
);

-- who took over the source of a version after whom (engage_set_author); rows are replaced
CREATE TABLE engage.author (
	version_id bigint NOT NULL,
	author name NOT NULL,					-- whose rights the source is read with
	names jsonb NOT NULL,					-- what the names in the source mean to that role
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT author_pkey PRIMARY KEY (version_id)
);

-- the trained models themselves (docs/format.md), in chunks: a value holds 1 GB at most
CREATE TABLE engage.artifact (
	version_id bigint NOT NULL,
	part integer NOT NULL,					-- 0: the model for all rows without one of their own
	value text,								-- value of the partition column; NULL for part 0
	section text NOT NULL,					-- 'model': our container; 'library': the library's bytes;
											-- 'keys': hashes of remembered keys
	chunk integer NOT NULL,
	data bytea NOT NULL,
	CONSTRAINT artifact_pkey PRIMARY KEY (version_id, part, section, chunk),
	CONSTRAINT artifact_section_check CHECK (section IN ('model', 'library', 'keys'))
);
ALTER TABLE engage.artifact ALTER COLUMN data SET STORAGE EXTERNAL;

-- what was deployed after what: each row links to the one that a rollback returns to
CREATE TABLE engage.deployment (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.deployment_id_seq'),
	model_id bigint NOT NULL,
	version_id bigint NOT NULL,
	action text NOT NULL,
	previous bigint,						-- deployment.id; NULL at the beginning
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	by_role name NOT NULL,
	CONSTRAINT deployment_pkey PRIMARY KEY (id)
);
CREATE INDEX deployment_model_idx ON engage.deployment (model_id);

-- who but the owner may use a model; 'public' stands for everyone
CREATE TABLE engage.privilege (
	model_id bigint NOT NULL,
	role name NOT NULL,
	CONSTRAINT privilege_pkey PRIMARY KEY (model_id, role)
);

-- every change of the registry; outlives the model
CREATE TABLE engage.event (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.event_id_seq'),
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	who name NOT NULL,						-- current_user
	login name NOT NULL,					-- session_user
	model_id bigint NOT NULL,
	model text NOT NULL,
	version text,
	action text NOT NULL,
	detail jsonb,
	CONSTRAINT event_pkey PRIMARY KEY (id)
);
CREATE INDEX event_model_idx ON engage.event (model_id);

-- which role a name meant when it was stored, and in which cluster (src/store/roles.c)
CREATE TABLE engage.role (
	name name NOT NULL,
	role oid NOT NULL,
	cluster text NOT NULL,					-- its system identifier: oids of others mean nothing here
	CONSTRAINT role_pkey PRIMARY KEY (name)
);

-- pg_dump saves the rows, and the sequences with them, so that new ids cannot collide
SELECT pg_catalog.pg_extension_config_dump('engage.model', '');
SELECT pg_catalog.pg_extension_config_dump('engage.version', '');
SELECT pg_catalog.pg_extension_config_dump('engage.author', '');
SELECT pg_catalog.pg_extension_config_dump('engage.artifact', '');
SELECT pg_catalog.pg_extension_config_dump('engage.deployment', '');
SELECT pg_catalog.pg_extension_config_dump('engage.privilege', '');
SELECT pg_catalog.pg_extension_config_dump('engage.event', '');
SELECT pg_catalog.pg_extension_config_dump('engage.role', '');
SELECT pg_catalog.pg_extension_config_dump('engage.model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('engage.version_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('engage.deployment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('engage.event_id_seq', '');

-- ---------------------------------------------------------------------------
-- Views: what the current user may see
--
-- Who may use a model sees columns, metrics, features and parameters.  SQL text
-- that is stored with it, its search_path and texts of errors, which quote SQL
-- and values of rows, are for the owner, the author and superusers: engage.seen()
-- keeps the members of documents that all may see (the list: src/store/seen.c).
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage.plays(role name) RETURNS boolean
	AS 'MODULE_PATHNAME', 'engage_plays' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage.plays(name) IS
	'does the current user have the rights of the role that a stored name stands for?';

CREATE FUNCTION engage.plays(owner name, author name) RETURNS boolean
	AS 'MODULE_PATHNAME', 'engage_plays_author' LANGUAGE C STABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage.plays(name, name) IS
	'does the current user have the rights of an owner or of an author?';

CREATE FUNCTION engage.seen(document text, whole jsonb, everything boolean) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'engage_seen' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage.seen(text, jsonb, boolean) IS
	'a recipe, data of a version, or detail of an event or a check, without what is not for everybody';

CREATE FUNCTION engage.role_missing(role name) RETURNS text
	AS 'MODULE_PATHNAME', 'engage_role_missing' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage.role_missing(name) IS
	'why a stored name stands for no role; NULL when it stands for one';

CREATE FUNCTION engage.role_renamed(role name) RETURNS name
	AS 'MODULE_PATHNAME', 'engage_role_renamed' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION engage.role_renamed(name) IS
	'the present name of the role that a stored name stood for, where it has another one';

-- whose rights the source of a version is read with
CREATE VIEW engage.version_author AS
SELECT v.id AS version_id, (v.recipe->>'author')::name AS author
FROM engage.version v;
COMMENT ON VIEW engage.version_author IS 'authors of versions; imported ones have none';

CREATE VIEW engage.models WITH (security_barrier) AS
SELECT m.name AS model,
	m.owner,
	v.major || '.' || v.minor || '.' || v.patch AS deployed,
	d.at AS deployed_at,
	v.algorithm,
	v.task,
	(SELECT count(*) FROM engage.version w WHERE w.model_id = m.id) AS versions,
	m.created
FROM engage.model m
LEFT JOIN engage.version v ON v.id = m.deployed
LEFT JOIN engage.deployment d ON d.id = m.deployment
WHERE engage.plays(m.owner)
	OR EXISTS (SELECT FROM engage.privilege p
			   WHERE p.model_id = m.id AND (p.role = 'public' OR engage.plays(p.role)));
COMMENT ON VIEW engage.models IS 'models that the current user may use';

CREATE VIEW engage.versions WITH (security_barrier) AS
SELECT m.name AS model,
	v.major || '.' || v.minor || '.' || v.patch AS version,
	(v.id = m.deployed) IS TRUE AS deployed,
	v.algorithm,
	v.task,
	v.metrics,
	v.params,
	engage.seen('recipe', v.recipe, s.everything) AS recipe,
	engage.seen('data', v.data, s.everything) AS data,
	v.seed,
	v.library,
	v.extension,
	v.seconds,
	v.bytes,
	v.created,
	v.created_by
FROM engage.version v
JOIN engage.model m ON m.id = v.model_id
JOIN engage.version_author a ON a.version_id = v.id
CROSS JOIN LATERAL engage.plays(m.owner, a.author) AS s (everything)
WHERE EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.versions IS
	'versions of the models that the current user may use; SQL in them is for owner and author';

CREATE VIEW engage.events WITH (security_barrier) AS
SELECT e.id,
	e.at,
	e.who,
	e.login,
	e.model,
	e.version,
	e.action,
	engage.seen('event', e.detail, engage.plays(m.owner, e.who)) AS detail
FROM engage.event e
LEFT JOIN engage.model m ON m.id = e.model_id
WHERE (e.who = current_user AND engage.plays(e.who))
	OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
	OR EXISTS (SELECT FROM engage.models s WHERE s.model = m.name);
COMMENT ON VIEW engage.events IS
	'changes of the models that the current user may use, and all that the current user made';

COMMENT ON TABLE engage.model IS 'models: a name, an owner, the deployed version';
COMMENT ON TABLE engage.version IS 'versions of models; rows are never updated';
COMMENT ON TABLE engage.author IS 'who took over the sources of versions';
COMMENT ON TABLE engage.artifact IS 'the trained models themselves, in chunks';
COMMENT ON TABLE engage.deployment IS 'what was deployed after what';
COMMENT ON TABLE engage.privilege IS 'who but the owner may use a model';
COMMENT ON TABLE engage.event IS 'every change of the registry';
COMMENT ON TABLE engage.role IS 'which roles the names in the registry stand for';
