-- ---------------------------------------------------------------------------
-- 99_trust.sql: nothing of whoever installs has come into what was installed
--
-- The extension is trusted: who owns the database creates it, the script runs as a
-- superuser.  Functions, operators and types in the schema that it is installed into may be that
-- role's, and one that fits better than the server's own would be taken for it in a view.  So all
-- that was made may refer to the server's own and to one another, and to nothing else.
-- ---------------------------------------------------------------------------

DO $check$
DECLARE
	stranger text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	WITH RECURSIVE ours AS (
		SELECT d.classid, d.objid
		FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		WHERE e.extname = 'engage' AND d.deptype = 'e'
		UNION
		-- rules of views, defaults, constraints, indexes, row types
		SELECT d.classid, d.objid
		FROM ours o JOIN pg_depend d ON d.refclassid = o.classid AND d.refobjid = o.objid
		WHERE d.deptype IN ('a', 'i')
	)
	SELECT pg_describe_object(d.refclassid, d.refobjid, 0) INTO stranger
	FROM ours o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.objid
	WHERE d.refobjid >= 16384::oid
		AND d.refclassid <> ALL (ARRAY['pg_extension', 'pg_namespace']::regclass[])
		AND NOT EXISTS (SELECT FROM ours s WHERE s.classid = d.refclassid AND s.objid = d.refobjid)
	LIMIT 1;
	IF stranger IS NOT NULL THEN
		RAISE EXCEPTION '% stands in the way of engage', stranger
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'The script of the extension would use it in place of one of the server''s own.',
				HINT = 'Install into a schema of its own: CREATE EXTENSION engage SCHEMA ...';
	END IF;
END
$check$;
