-- ---------------------------------------------------------------------------
-- 40_registry.sql: deploy, share, describe, move and drop models
-- (src/api/api_registry.c, api_registry_io.c, api_card.c; docs/reference/registry.md)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_deploy(model text, version text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_deploy(text, text) IS
	'make a version the one that engage_predict(model, ...) uses; returns the version';

CREATE FUNCTION engage_rollback(model text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_rollback(text) IS
	'undo the last deployment of a model; returns the version deployed now';

CREATE FUNCTION engage_drop(model text) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_drop(text) IS 'drop a model with all its versions';

-- a function of its own: with DEFAULT NULL a NULL by mistake would drop the whole model
CREATE FUNCTION engage_drop(model text, version text) RETURNS void
	AS 'MODULE_PATHNAME', 'engage_drop_version' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_drop(text, text) IS 'drop a version of a model that is not deployed';

CREATE FUNCTION engage_rename(model text, new_name text) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_rename(text, text) IS 'give a model another name';

CREATE FUNCTION engage_grant(model text, role text) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_grant(text, text) IS
	'allow a role, or ''public'', to score with a model and to describe it';

CREATE FUNCTION engage_revoke(model text, role text) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_revoke(text, text) IS 'take back what engage_grant allowed';

CREATE FUNCTION engage_set_owner(model text, role text) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_set_owner(text, text) IS 'give a model to another role';

CREATE FUNCTION engage_set_author(model text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_set_author(text) IS
	'take over the source of a version: it is read with the caller''s rights from now on; returns the version';

CREATE FUNCTION engage_model_version(model text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage_model_version(text) IS 'version that engage_predict(model, ...) uses now';

CREATE FUNCTION engage.model_version(model text) RETURNS text
	AS 'MODULE_PATHNAME', 'engage_twin' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION engage.model_version(text) IS 'engage_model_version in views';

CREATE FUNCTION engage_describe(model text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION engage_describe(text) IS
	'model card: recipe, data, metrics, features, versions, owner and grants as text';

CREATE FUNCTION engage_create_view(view_name text, model text, source text, key text DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_create_view(text, text, text, text) IS
	'create a view of a source''s keys with score, class or quantiles, and version';

CREATE FUNCTION engage_export(model text, format text DEFAULT 'ubj', part text DEFAULT NULL)
	RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION engage_export(text, text, text) IS
	'model as XGBoost reads it (ubj or json), or in the format of engage; part: a partition''s value';

CREATE FUNCTION engage_import(model text, data bytea, target text DEFAULT NULL,
	labels text[] DEFAULT NULL, features text[] DEFAULT NULL, categories jsonb DEFAULT NULL,
	deploy text DEFAULT 'always') RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION engage_import(text, bytea, text, text[], text[], jsonb, text) IS
	'add a model that XGBoost or LightGBM trained elsewhere; returns its version';
