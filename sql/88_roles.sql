-- ---------------------------------------------------------------------------
-- 88_roles.sql: what roles have left that are gone
-- (src/store/roles.c, src/api/api_roles.c; docs/operations.md)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_admit_role(role text) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_admit_role(text) IS
	'let a role have what an earlier role of its name has left; returns how many objects that is';

-- every place where the name of a role stands for rights
CREATE VIEW engage.role_use AS
SELECT m.owner AS role, 'model' AS object, m.name, m.id AS model_id, m.owner,
	'engage_set_owner(%1$L, %2$L)' AS renamed,
	'engage_set_owner(%1$L, ''a role'')' AS gone
FROM engage.model m
UNION ALL
SELECT a.author, 'source of version', m.name || '@' || v.major || '.' || v.minor || '.' || v.patch, m.id, m.owner,
	'engage_set_author(%1$L), as %2$I',
	'engage_set_author(%1$L), as a role that may read it'
FROM engage.version v
JOIN engage.model m ON m.id = v.model_id
JOIN engage.version_author a ON a.version_id = v.id
WHERE a.author IS NOT NULL
UNION ALL
SELECT p.role, 'grant on model', m.name, m.id, m.owner,
	'engage_grant(%1$L, %2$L), engage_revoke(%1$L, %3$L)',
	'engage_revoke(%1$L, %3$L)'
FROM engage.privilege p
JOIN engage.model m ON m.id = p.model_id
WHERE p.role <> 'public'
UNION ALL
SELECT w.author, 'monitor', m.name, m.id, m.owner,
	'engage_monitor(%1$L, ...), as %2$I',
	'engage_monitor(%1$L, ...), as a role that may read its sources, or engage_unmonitor(%1$L)'
FROM engage.monitor w
JOIN engage.model m ON m.id = w.model_id
UNION ALL
SELECT p.owner, 'policy', p.name, NULL, p.owner,
	'engage_policy_set_owner(%1$L, %2$L)',
	'engage_policy_set_owner(%1$L, ''a role'')'
FROM engage.policy p
UNION ALL
SELECT v.author, 'version of policy', p.name || '@' || v.version, NULL, p.owner,
	CASE WHEN v.id = p.deployed THEN 'engage_policy(%4$L, ...), as %2$I; then ' ELSE '' END
		|| 'engage_policy_drop(%4$L, %5$s)',
	CASE WHEN v.id = p.deployed THEN 'engage_policy(%4$L, ...), as a role that its rules may run as; then ' ELSE '' END
		|| 'engage_policy_drop(%4$L, %5$s)'
FROM engage.policy_version v
JOIN engage.policy p ON p.id = v.policy_id
UNION ALL
SELECT g.role, 'grant on policy', p.name, NULL, p.owner,
	'engage_policy_grant(%1$L, %2$L), engage_policy_revoke(%1$L, %3$L)',
	'engage_policy_revoke(%1$L, %3$L)'
FROM engage.policy_privilege g
JOIN engage.policy p ON p.id = g.policy_id
WHERE g.role <> 'public'
UNION ALL
-- the rollup is a table and has an owner of its own; its maker counts when it is gone
SELECT t.created_by, 'velocity tracker', t.name, NULL, t.created_by,
	'engage_velocity_untrack(%1$L)',
	'engage_velocity_untrack(%1$L)'
FROM engage.velocity_tracker t
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.rollup);
COMMENT ON VIEW engage.role_use IS 'places where the name of a role stands for rights';

CREATE VIEW engage.orphan AS
SELECT u.object, u.name, u.role, r.missing, u.model_id, u.owner,
	pg_catalog.format(CASE WHEN n.name IS NULL THEN u.gone ELSE u.renamed END,
		u.name, n.name, u.role, pg_catalog.split_part(u.name, '@', 1), pg_catalog.split_part(u.name, '@', 2)) AS remedy
FROM engage.role_use u
CROSS JOIN LATERAL engage.role_missing(u.role) AS r (missing)
CROSS JOIN LATERAL engage.role_renamed(u.role) AS n (name)
WHERE r.missing IS NOT NULL;
COMMENT ON VIEW engage.orphan IS 'what roles have left that are gone, all of it';

CREATE VIEW engage.orphans WITH (security_barrier) AS
SELECT o.object, o.name, o.role, o.missing, o.remedy
FROM engage.orphan o
WHERE engage.plays(o.owner)
	OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW engage.orphans IS
	'what roles have left that are gone: of one''s own models, or all for members of pg_read_all_stats';
