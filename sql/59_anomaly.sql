-- ---------------------------------------------------------------------------
-- 59_anomaly.sql: scores of anomalies in words (src/api/api_anomaly.c)
-- ---------------------------------------------------------------------------

CREATE FUNCTION engage_anomaly_band(score float8, thresholds float8[] DEFAULT '{0.5,0.7,0.9}')
RETURNS text
AS 'MODULE_PATHNAME', 'engage_anomaly_band'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION engage_anomaly_band(float8, float8[])
IS 'low, medium, high or critical: between which thresholds a score lies';
