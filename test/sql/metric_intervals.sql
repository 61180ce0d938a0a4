-- intervals of metrics: against the closed forms where there are some, and by how often they hold the truth
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
SET engage.progress = off;
SET client_min_messages = warning;

SELECT version FROM engage_train('churn', 'SELECT * FROM telco WHERE customer_id % 2 = 0', target => 'churn',
	key => 'customer_id', algorithm => 'decision_tree', params => '{"max_depth": 4}', test_size => 0);
CREATE TABLE rest AS SELECT * FROM telco WHERE customer_id % 2 = 1;
CREATE FUNCTION width(m jsonb, name text) RETURNS float8 IMMUTABLE LANGUAGE sql AS
$$ SELECT (m->'intervals'->name->>1)::float8 - (m->'intervals'->name->>0)::float8 $$;

-- accuracy: 2 x 1.96 x sqrt(p (1 - p) / n); AUC: Hanley and McNeil 1982.  200 replicates are right to 15 %
SELECT abs(width(m, 'accuracy') / (2 * 1.96 * sqrt(a * (1 - a) / n)) - 1) < 0.2 AS accuracy,
	abs(width(m, 'auc') / (2 * 1.96 * sqrt((auc * (1 - auc) + (np - 1) * (auc / (2 - auc) - auc ^ 2)
		+ (n - np - 1) * (2 * auc ^ 2 / (1 + auc) - auc ^ 2)) / (np * (n - np)))) - 1) < 0.25 AS auc
FROM (SELECT m, (m->>'accuracy')::float8 AS a, (m->>'auc')::float8 AS auc, (m->>'n')::float8 AS n,
		(SELECT count(*) FROM rest WHERE churn = 'Yes') AS np
	FROM engage_evaluate('churn', 'rest', intervals => 0.95) AS m) AS s;

-- every metric with a value has an interval around it; a wider share gives a wider one; the same call, the same answer
SELECT bool_and((i.value->>0)::float8 <= (m->>i.key)::float8 AND (m->>i.key)::float8 <= (i.value->>1)::float8) AS around,
	count(*) AS metrics
FROM engage_evaluate('churn', 'rest', intervals => 0.95) AS m, jsonb_each(m->'intervals') AS i;
SELECT width(engage_evaluate('churn', 'rest', intervals => 0.99), 'auc') >
	width(engage_evaluate('churn', 'rest', intervals => 0.5), 'auc') AS wider,
	engage_evaluate('churn', 'rest', intervals => 0.9) = engage_evaluate('churn', 'rest', intervals => 0.9) AS same,
	engage_evaluate('churn', 'rest') ? 'intervals' AS only_when_asked;

-- draws from the table as the population: how often does an interval of 90 % hold the table's value?
CREATE FUNCTION holds(metric text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	truth float8 := (engage_evaluate('churn', 'rest')->>metric)::float8;
	hits int := 0;
	m jsonb;
BEGIN
	FOR draw IN 1 .. 60 LOOP
		m := engage_evaluate('churn', format(
			'SELECT r.* FROM generate_series(1, 400) AS g, LATERAL (SELECT * FROM numbered '
			'WHERE n = 1 + (hashint8extended(g, %s) & 2147483647) %% %s) AS r',
			draw, (SELECT count(*) FROM rest)), intervals => 0.9);
		hits := hits + (truth BETWEEN (m->'intervals'->metric->>0)::float8
			AND (m->'intervals'->metric->>1)::float8)::int;
	END LOOP;
	RETURN hits / 60.0;
END $$;
CREATE TABLE numbered AS SELECT row_number() OVER (ORDER BY customer_id) AS n, * FROM rest;
CREATE INDEX ON numbered (n);
ANALYZE numbered;
SELECT holds('auc') BETWEEN 0.8 AND 1 AS auc, holds('log_loss') BETWEEN 0.8 AND 1 AS log_loss;

-- numbers, and few rows
SELECT version FROM engage_train('charges', 'telco', target => 'total_charges', key => 'customer_id',
	algorithm => 'linear_regression', exclude => '{churn}');
SELECT (m->'intervals'->'rmse'->>0)::float8 < (m->>'rmse')::float8 AS rmse, m->'intervals' ? 'r2' AS r2
FROM engage_evaluate('charges', 'telco', intervals => 0.95) AS m;
SELECT engage_evaluate('churn', 'SELECT * FROM rest LIMIT 1', intervals => 0.95)->'intervals' AS one_row;
SELECT engage_evaluate('churn', 'rest', intervals => 95);
SELECT engage_evaluate('churn', 'rest', intervals => 'NaN');
