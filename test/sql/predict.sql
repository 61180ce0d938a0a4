-- scoring wherever a row can stand: the same number everywhere
SET engage.progress = off;
SET client_min_messages = warning;
CREATE TABLE c AS SELECT * FROM engage_sample_customers(2000);
ALTER TABLE c ADD PRIMARY KEY (customer_id);
SELECT version FROM engage_train('churn', 'c', target => 'churn_30_day', key => 'customer_id',
	exclude => '{ltv_12_month, engagement_score}', params => '{"n_estimators":20,"max_depth":4}');

-- a row that is formed and taken apart again is the reference
CREATE TABLE score AS SELECT customer_id, engage_predict('churn', s) AS p FROM (SELECT * FROM c OFFSET 0) s;
SELECT count(*), count(DISTINCT p) > 500 AS varied FROM score;

-- the planner turns the row of a table, view or ROW(...) into columns
EXPLAIN (COSTS OFF) SELECT count(engage_predict('churn', c)) FROM c;
CREATE FUNCTION plan_has(query text, word text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		IF strpos(line, word) > 0 THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT plan_has('SELECT engage_predict(''churn'', c) FROM c', 'engage.predict_columns');
SELECT count(*) FROM c JOIN score s USING (customer_id) WHERE engage_predict('churn', c) IS DISTINCT FROM p;
CREATE VIEW v AS SELECT * FROM c;
SELECT plan_has('SELECT engage_predict(''churn'', v) FROM v', 'engage.predict_columns');
SELECT count(*) FROM v JOIN score s USING (customer_id) WHERE engage_predict('churn', v) IS DISTINCT FROM p;
WITH w AS (SELECT * FROM c) SELECT count(*) FROM w JOIN score s USING (customer_id)
WHERE engage_predict('churn', w) IS DISTINCT FROM p;
WITH w AS MATERIALIZED (SELECT * FROM c) SELECT count(*) FROM w JOIN score s USING (customer_id)
WHERE engage_predict('churn', w) IS DISTINCT FROM p;

-- LATERAL, prepared statements with generic plans, aggregates, filters, sorting
SELECT count(*) FROM c, LATERAL engage_predict('churn', c) x JOIN score s ON true
WHERE s.customer_id = c.customer_id AND x IS DISTINCT FROM s.p;
SET plan_cache_mode = force_generic_plan;
PREPARE one(text, bigint) AS SELECT engage_predict($1, c) = s.p FROM c JOIN score s USING (customer_id)
	WHERE customer_id = $2;
EXECUTE one('churn', 7);
EXECUTE one('churn@1.0.0', 8);
RESET plan_cache_mode;
SELECT count(*) FROM (SELECT customer_id FROM c ORDER BY engage_predict('churn', c) DESC, 1 LIMIT 10) a
JOIN (SELECT customer_id FROM score ORDER BY p DESC, 1 LIMIT 10) b USING (customer_id);

-- a name that changes from row to row
SELECT count(*) FILTER (WHERE engage_predict(CASE WHEN customer_id % 2 = 0 THEN 'churn' ELSE 'churn@1.0.0' END, c) = p)
FROM c JOIN score s USING (customer_id);

-- the NULL row of an outer join has no score; a row of NULLs has one
SELECT s.customer_id, engage_predict('churn', c) = s.p AS same, engage_predict_class('churn', c) IS NULL AS no_class
FROM score s LEFT JOIN c ON c.customer_id = s.customer_id AND c.customer_id < 3
WHERE s.customer_id < 5 ORDER BY 1;
SELECT engage_predict('churn', NULL::c) IS NULL AS null_row, engage_predict(NULL, c) IS NULL AS null_model
FROM c LIMIT 1;
CREATE TABLE nothing (LIKE c);
ALTER TABLE nothing ALTER COLUMN customer_id DROP NOT NULL;
INSERT INTO nothing DEFAULT VALUES;
SELECT engage_predict('churn', n) BETWEEN 0 AND 1 AS scored FROM nothing n;

-- dropped and added columns, another order, inheritance, partitions whose rows differ
CREATE TABLE parts (LIKE c) PARTITION BY RANGE (customer_id);
CREATE TABLE part1 (junk int, LIKE c);
ALTER TABLE part1 DROP COLUMN junk;
ALTER TABLE parts ATTACH PARTITION part1 FOR VALUES FROM (0) TO (1000);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (1000) TO (100000);
INSERT INTO parts SELECT * FROM c;
ALTER TABLE parts ADD COLUMN later int DEFAULT 7;
SELECT count(*) FROM parts t JOIN score s USING (customer_id) WHERE engage_predict('churn', t) IS DISTINCT FROM p;
SELECT count(*) FROM part1 t JOIN score s USING (customer_id) WHERE engage_predict('churn', t) IS DISTINCT FROM p;
CREATE TABLE child () INHERITS (c);
INSERT INTO child SELECT * FROM c WHERE customer_id = 5;
SELECT count(*) FROM c t JOIN score s USING (customer_id) WHERE engage_predict('churn', t) = p;
DROP TABLE child;

-- wider than a function may have arguments
CREATE TABLE wide AS SELECT * FROM c;
DO $$ BEGIN FOR i IN 1..80 LOOP EXECUTE format('ALTER TABLE wide ADD COLUMN more%s int DEFAULT %s', i, i); END LOOP; END $$;
SELECT plan_has('SELECT engage_predict(''churn'', w) FROM wide w', 'engage.predict_columns');
SELECT count(*) FROM wide w JOIN score s USING (customer_id) WHERE engage_predict('churn', w) IS DISTINCT FROM p;

-- materialized views, triggers
CREATE MATERIALIZED VIEW m AS SELECT *, engage_predict('churn', c) AS score_now FROM c;
SELECT count(*) FROM m JOIN score s USING (customer_id) WHERE score_now IS DISTINCT FROM p OR engage_predict('churn', m) IS DISTINCT FROM p;
CREATE TABLE scored (LIKE c);
ALTER TABLE scored ADD COLUMN p float8;
CREATE FUNCTION put_score() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.p := engage_predict('churn', NEW); RETURN NEW; END $$;
CREATE TRIGGER put_score BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION put_score();
INSERT INTO scored SELECT * FROM c;
SELECT count(*) FROM scored c JOIN score s USING (customer_id) WHERE c.p IS DISTINCT FROM s.p;

-- parallel workers
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
SELECT plan_has('SELECT sum(engage_predict(''churn'', c)) FROM c', 'Workers Planned: 2');
SELECT abs(sum(engage_predict('churn', c)) - (SELECT sum(p) FROM score)) < 1e-6 FROM c;
RESET ALL;
SET engage.progress = off;
SET client_min_messages = warning;

-- a deployment is seen by the next statement, in a function too, and not by a rolled back one
SELECT version FROM engage_train('churn', 'c', target => 'churn_30_day', key => 'customer_id', deploy => 'never',
	exclude => '{ltv_12_month, engagement_score}', params => '{"n_estimators":3,"max_depth":2}');
CREATE FUNCTION switch() RETURNS TABLE (step text, same boolean) LANGUAGE plpgsql AS $$
DECLARE row_ c%ROWTYPE; first float8; x float8;
BEGIN
	SELECT * INTO row_ FROM c WHERE customer_id = 11;
	first := engage_predict('churn', row_);
	FOR step IN SELECT unnest(ARRAY['before', '1.1.0', '1.0.0']) LOOP
		IF step <> 'before' THEN PERFORM engage_deploy('churn', step); END IF;
		x := engage_predict('churn', row_);
		same := x = first;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM switch();
BEGIN;
SELECT engage_deploy('churn', '1.1.0');
SELECT count(*) > 1000 AS other FROM c JOIN score s USING (customer_id) WHERE engage_predict('churn', c) <> p;
ROLLBACK;
SELECT count(*) FROM c JOIN score s USING (customer_id) WHERE engage_predict('churn', c) <> p;

-- what cannot be scored
SELECT engage_predict('churn', ROW(1, 2));
SELECT engage_predict('churn', s) FROM (SELECT customer_id, age FROM c) s LIMIT 1;
SELECT engage_predict('churn', s) FROM (SELECT *, 'x' AS twice FROM c) s LIMIT 0;
SELECT engage_predict('nobody', c) FROM c LIMIT 1;
SELECT engage_predict('churn@9.9.9', c) FROM c LIMIT 1;
SELECT engage_predict_quantiles('churn', c) FROM c LIMIT 1;
DROP VIEW v;
DROP MATERIALIZED VIEW m;
ALTER TABLE c ALTER COLUMN age TYPE text;
SELECT engage_predict('churn', c) FROM c LIMIT 1;

-- a remote table over a loopback server
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN EXECUTE format('CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
	current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')); END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER loop;
CREATE SCHEMA remote;
IMPORT FOREIGN SCHEMA public LIMIT TO (part2) FROM SERVER loop INTO remote;
SELECT count(*) FROM remote.part2 t JOIN score s USING (customer_id) WHERE engage_predict('churn', t) IS DISTINCT FROM p;
