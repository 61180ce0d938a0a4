-- ---------------------------------------------------------------------------
-- 67_decide.sql: decisions by policy, in layers
-- (src/store/policy*.c, src/store/rules.c, src/api/api_policy.c, src/api/api_decide.c)
-- ---------------------------------------------------------------------------

CREATE SEQUENCE engage.policy_version_id_seq;
CREATE SEQUENCE engage.policy_deployment_id_seq;

-- the id comes from the models' sequence: events name either by model_id
CREATE TABLE engage.policy (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.model_id_seq'),
	name text NOT NULL,
	owner name NOT NULL,
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	deployed bigint,						-- policy_version.id that decides now
	deployment bigint,						-- policy_deployment.id that made it so
	CONSTRAINT policy_pkey PRIMARY KEY (id),
	CONSTRAINT policy_name_key UNIQUE (name)
);

-- never updated: backends keep what they read
CREATE TABLE engage.policy_version (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.policy_version_id_seq'),
	policy_id bigint NOT NULL,
	version integer NOT NULL,
	definition jsonb NOT NULL,
	columns jsonb NOT NULL,					-- [{"name": ..., "type": ..., "used": ...}]: of the source
	author name NOT NULL,					-- decisions run with its rights
	search_path text NOT NULL,				-- in force when it was saved
	names jsonb NOT NULL,					-- what the names in the rules meant then
	comment text,
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT policy_version_pkey PRIMARY KEY (id),
	CONSTRAINT policy_version_number_key UNIQUE (policy_id, version)
);

-- what was deployed after what: each row links to the one that a rollback returns to
CREATE TABLE engage.policy_deployment (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('engage.policy_deployment_id_seq'),
	policy_id bigint NOT NULL,
	version_id bigint NOT NULL,
	action text NOT NULL,
	previous bigint,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	by_role name NOT NULL,
	CONSTRAINT policy_deployment_pkey PRIMARY KEY (id)
);
CREATE INDEX policy_deployment_policy_idx ON engage.policy_deployment (policy_id);

CREATE TABLE engage.policy_privilege (
	policy_id bigint NOT NULL,
	role name NOT NULL,
	CONSTRAINT policy_privilege_pkey PRIMARY KEY (policy_id, role)
);

SELECT pg_catalog.pg_extension_config_dump('engage.policy', '');
SELECT pg_catalog.pg_extension_config_dump('engage.policy_version', '');
SELECT pg_catalog.pg_extension_config_dump('engage.policy_deployment', '');
SELECT pg_catalog.pg_extension_config_dump('engage.policy_privilege', '');
SELECT pg_catalog.pg_extension_config_dump('engage.policy_version_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('engage.policy_deployment_id_seq', '');

COMMENT ON TABLE engage.policy IS 'policies of decisions: a name, an owner, the deployed version';
COMMENT ON TABLE engage.policy_version IS 'versions of policies; rows are never updated';
COMMENT ON TABLE engage.policy_deployment IS 'which version of a policy was deployed after which';
COMMENT ON TABLE engage.policy_privilege IS 'who but the owner may decide with a policy';

CREATE VIEW engage.policies WITH (security_barrier) AS
SELECT p.name AS policy,
	p.owner,
	v.version AS deployed,
	d.at AS deployed_at,
	(SELECT count(*) FROM engage.policy_version w WHERE w.policy_id = p.id) AS versions,
	p.created
FROM engage.policy p
LEFT JOIN engage.policy_version v ON v.id = p.deployed
LEFT JOIN engage.policy_deployment d ON d.id = p.deployment
WHERE engage.plays(p.owner)
	OR EXISTS (SELECT FROM engage.policy_privilege g
			   WHERE g.policy_id = p.id AND (g.role = 'public' OR engage.plays(g.role)));
COMMENT ON VIEW engage.policies IS 'policies that the current user may decide with';

CREATE VIEW engage.policy_versions WITH (security_barrier) AS
SELECT p.name AS policy,
	v.version,
	(v.id = p.deployed) IS TRUE AS deployed,
	CASE WHEN engage.plays(p.owner, v.author) THEN v.definition END AS definition,
	v.columns,
	v.comment,
	v.author,
	v.created
FROM engage.policy_version v
JOIN engage.policy p ON p.id = v.policy_id
WHERE EXISTS (SELECT FROM engage.policies s WHERE s.policy = p.name);
COMMENT ON VIEW engage.policy_versions IS
	'versions of the policies that the current user may decide with';

CREATE VIEW engage.policy_events WITH (security_barrier) AS
SELECT e.id,
	e.at,
	e.who,
	e.login,
	e.model AS policy,
	e.version,
	e.action,
	engage.seen('event', e.detail, engage.plays(p.owner, e.who)) AS detail
FROM engage.event e
LEFT JOIN engage.policy p ON p.id = e.model_id
WHERE e.action LIKE 'policy %'
	AND ((e.who = current_user AND engage.plays(e.who))
		 OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
		 OR EXISTS (SELECT FROM engage.policies s WHERE s.policy = p.name));
COMMENT ON VIEW engage.policy_events IS
	'changes of the policies that the current user may decide with, and all that the current user made';

CREATE FUNCTION engage_policy(
	name text,
	definition jsonb,
	source text DEFAULT NULL,
	comment text DEFAULT NULL,
	deploy boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME', 'engage_policy'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy(text, jsonb, text, text, boolean)
IS 'save a version of a policy and deploy it; returns its number';

CREATE FUNCTION engage_policy_deploy(name text, version integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'engage_policy_deploy'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_deploy(text, integer)
IS 'make a version of a policy the one that decides';

CREATE FUNCTION engage_policy_rollback(name text)
RETURNS integer
AS 'MODULE_PATHNAME', 'engage_policy_rollback'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_rollback(text)
IS 'undo the last deployment of a policy; returns the version that decides now';

CREATE FUNCTION engage_policy_drop(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_policy_drop'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_drop(text) IS 'drop a policy with all its versions';

CREATE FUNCTION engage_policy_drop(name text, version integer)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_policy_drop_version'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_drop(text, integer)
IS 'drop a version of a policy that is not deployed';

CREATE FUNCTION engage_policy_grant(name text, role text)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_policy_grant'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_grant(text, text) IS 'let a role decide with a policy';

CREATE FUNCTION engage_policy_revoke(name text, role text)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_policy_revoke'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_revoke(text, text) IS 'no longer let a role decide with a policy';

CREATE FUNCTION engage_policy_set_owner(name text, role text)
RETURNS void
AS 'MODULE_PATHNAME', 'engage_policy_set_owner'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_policy_set_owner(text, text) IS 'give a policy to another role';

-- volatile: the result holds times that were measured, and a subquery around it is not flattened
CREATE FUNCTION engage_decide(
	policy text,
	"row" record,
	OUT score integer,
	OUT action text,
	OUT band text,
	OUT reasons text[],
	OUT errors integer,
	OUT layers jsonb,
	OUT version integer)
AS 'MODULE_PATHNAME', 'engage_decide_row'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION engage_decide(text, record)
IS 'run the layers of a policy on a row: score, action, reasons, time of each layer';

CREATE FUNCTION engage_decide(
	policy text,
	"row" jsonb,
	OUT score integer,
	OUT action text,
	OUT band text,
	OUT reasons text[],
	OUT errors integer,
	OUT layers jsonb,
	OUT version integer)
AS 'MODULE_PATHNAME', 'engage_decide_jsonb'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION engage_decide(text, jsonb)
IS 'run the layers of a policy on a JSON object: score, action, reasons, time of each layer';
