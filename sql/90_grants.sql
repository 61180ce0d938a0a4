-- ---------------------------------------------------------------------------
-- 90_grants.sql: every privilege in one place
--
-- The tables are nobody's but the extension's owner's: models are untrusted
-- bytes to the code that loads them, so nobody else writes them, and what a
-- model has learned is its owner's.  The views show what one may see.
-- ---------------------------------------------------------------------------

REVOKE ALL ON SCHEMA engage FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA engage FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA engage FROM PUBLIC;

GRANT USAGE ON SCHEMA engage TO PUBLIC;
GRANT SELECT ON engage.models, engage.versions, engage.events TO PUBLIC;
GRANT SELECT ON engage.trials TO PUBLIC;
GRANT SELECT ON engage.predictions, engage.experiments TO PUBLIC;
GRANT SELECT ON engage.monitors, engage.check_results, engage.alerts TO PUBLIC;
GRANT SELECT ON engage.schedules TO PUBLIC;
GRANT SELECT ON engage.segment_names TO PUBLIC;
GRANT SELECT ON engage.metrics TO PUBLIC;
GRANT SELECT ON engage.policies, engage.policy_versions, engage.policy_events TO PUBLIC;
GRANT SELECT ON engage.velocity_trackers TO PUBLIC;
GRANT SELECT ON engage.orphans TO PUBLIC;
