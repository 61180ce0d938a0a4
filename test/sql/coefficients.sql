-- the coefficients of linear models as a table, against statsmodels and scikit-learn on real data
-- (test/golden/update.py)
SET engage.progress = off;
SET client_min_messages = warning;
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
CREATE TABLE oracle (trial text, class text, term text, coefficient float8, std_error float8);
INSERT INTO oracle VALUES
	('three', 'Fiber optic', '(intercept)', -0.6992884356, 0.06384187379),
	('three', 'Fiber optic', 'tenure', 0.03141371504, 0.001922200059),
	('three', 'Fiber optic', 'senior_citizen', 0.8534297948, 0.08125277642),
	('three', 'Fiber optic', 'contract=One year', -1.103090915, 0.09303171613),
	('three', 'Fiber optic', 'contract=Two year', -1.812612324, 0.1144165439),
	('three', 'Fiber optic', 'churn=Yes', 1.177978272, 0.07339453944),
	('three', 'No', '(intercept)', -0.1038575046, 0.06610645702),
	('three', 'No', 'tenure', -0.03471975978, 0.002227540138),
	('three', 'No', 'senior_citizen', -0.9264675395, 0.1587730927),
	('three', 'No', 'contract=One year', 0.9930899135, 0.1029024738),
	('three', 'No', 'contract=Two year', 2.076450026, 0.1277330791),
	('three', 'No', 'churn=Yes', -0.9813848873, 0.1182876628),
	('common', 'DSL', '(intercept)', 0.2497126977, 0.03515581313),
	('common', 'DSL', 'tenure', 0.0007139967337, 0.001047501554),
	('common', 'DSL', 'senior_citizen', 0.02116230867, 0.06548520299),
	('common', 'DSL', 'contract=One year', 0.04893798199, 0.05049375238),
	('common', 'DSL', 'contract=Two year', -0.06483515644, 0.06036937181),
	('common', 'DSL', 'churn=Yes', -0.07867195495, 0.05068282821),
	('common', 'Fiber optic', '(intercept)', -0.3948804606, 0.03931596897),
	('common', 'Fiber optic', 'tenure', 0.02894161802, 0.001196970777),
	('common', 'Fiber optic', 'senior_citizen', 0.8776474868, 0.06165378765),
	('common', 'Fiber optic', 'contract=One year', -0.9211954325, 0.05670126036),
	('common', 'Fiber optic', 'contract=Two year', -1.67316272, 0.06951971278),
	('common', 'Fiber optic', 'churn=Yes', 1.062587152, 0.0490860813),
	('common', 'No', '(intercept)', 0.1451677628, 0.04050734968),
	('common', 'No', 'tenure', -0.02965561476, 0.001329488582),
	('common', 'No', 'senior_citizen', -0.8988097955, 0.0983154559),
	('common', 'No', 'contract=One year', 0.8722574505, 0.06145311846),
	('common', 'No', 'contract=Two year', 1.737997877, 0.07454329833),
	('common', 'No', 'churn=Yes', -0.9839151969, 0.06913287266);

SELECT m.model, t.task FROM (VALUES ('three', 'internet_service', 'logistic_regression', '{"penalty": "none"}', 'multiclass'),
	('common', 'internet_service', 'logistic_regression', '{"C": 0.1}', 'multiclass'),
	('sparse', 'internet_service', 'logistic_regression', '{"penalty": "l1", "C": 0.05}', 'multiclass')) m(model, target, algorithm, params, task),
	LATERAL engage_train(m.model, 'telco', target => m.target, key => 'customer_id', algorithm => m.algorithm, features => '{tenure,senior_citizen,contract,churn}',
	params => m.params::jsonb, task => m.task, test_size => 0) t;

-- several classes without a penalty: each compared with the first, as MNLogit does; with one: all around their mean
SELECT trial, count(*), max(abs(c.coefficient - o.coefficient) / greatest(abs(o.coefficient), 1e-2)) < 1e-4 AS same_coefficients,
	max(abs(c.std_error / o.std_error - 1)) < 1e-4 AS same_errors
FROM oracle o, LATERAL (SELECT * FROM engage_coefficients(o.trial) c WHERE (c.class, c.term) = (o.class, o.term)) c GROUP BY trial ORDER BY trial;
SELECT m, count(*), count(DISTINCT class) AS classes, count(std_error) AS errors, count(*) FILTER (WHERE coefficient = 0) > 0 AS zeros
FROM unnest('{three,common,sparse}'::text[]) m, engage_coefficients(m) GROUP BY m ORDER BY m;
SELECT bool_and(abs(statistic - coefficient / std_error) < 1e-9 AND abs(odds_ratio / exp(coefficient) - 1) < 1e-12
	AND abs((lower + upper) / 2 - coefficient) < 1e-9 AND abs((upper - lower) / std_error / 2 - 1.959964) < 1e-5) AS consistent FROM engage_coefficients('three');

-- the table, whole: what a column, a category and a missing value are called
SELECT (engage_train('spend', 'SELECT *, CASE WHEN customer_id % 10 > 0 THEN tenure END AS months, CASE WHEN customer_id % 3 > 0 THEN contract END AS kind, ARRAY[female, partner] AS who FROM telco',
	target => 'monthly_charges', key => 'customer_id', algorithm => 'linear_regression', features => '{months,kind,who}', test_size => 0)).rows_train;
SELECT term, feature, category, round(coefficient::numeric, 4) AS coefficient, round(std_error::numeric, 4) AS std_error, round(statistic::numeric, 3) AS statistic,
	round(p_value::numeric, 4) AS p_value, round(lower::numeric, 4) AS lower, round(upper::numeric, 4) AS upper, odds_ratio, part, class FROM engage_coefficients('spend');
SELECT bool_and(b.upper - b.lower > 1.31 * (a.upper - a.lower)) AS wider FROM engage_coefficients('spend') a JOIN engage_coefficients('spend', 0.99) b USING (term);

-- a prediction is the sum of what the terms say
SELECT max(abs(engage_predict('spend', t) - (SELECT sum(coefficient * CASE WHEN term = '(intercept)' THEN 1 WHEN category IS NOT NULL THEN (kind = category)::int
	WHEN term LIKE '% is missing' THEN (CASE feature WHEN 'months' THEN months IS NULL ELSE kind IS NULL END)::int
	WHEN feature = 'months' THEN coalesce(months, mean) WHEN feature = 'who[1]' THEN who[1] ELSE who[2] END) FROM engage_coefficients('spend')))) < 1e-6 AS same
FROM (SELECT *, CASE WHEN customer_id % 10 > 0 THEN tenure END AS months, CASE WHEN customer_id % 3 > 0 THEN contract END AS kind, ARRAY[female, partner] AS who FROM telco) t,
	(SELECT avg(tenure) AS mean FROM telco WHERE customer_id % 10 > 0) m;

-- binary: the positive class; glm: factors; parts of a partitioned model; values that engage_fit makes
SELECT (engage_train('parts', 'telco', target => 'churn', key => 'customer_id', algorithm => 'logistic_regression', features => '{tenure,female}', partition_by => 'contract', test_size => 0)).rows_train;
SELECT part, class, count(*), count(DISTINCT coefficient) FROM engage_coefficients('parts') GROUP BY 1, 2 ORDER BY 1 NULLS FIRST;
SELECT (engage_train('months', 'telco', target => 'tenure', key => 'customer_id', algorithm => 'glm', features => '{contract}', task => 'count', test_size => 0)).rows_train;
SELECT term, round((odds_ratio * (SELECT avg(tenure) FROM telco WHERE contract = 'Month-to-month') / (SELECT avg(tenure) FROM telco WHERE contract = category))::numeric, 6) AS as_the_means
FROM engage_coefficients('months') WHERE category IS NOT NULL;
SELECT contract, c.term, c.class, round(c.coefficient::numeric, 4) AS coefficient
FROM (SELECT contract, engage_fit('logistic_regression', churn, ROW(tenure, internet_service)) AS model FROM telco GROUP BY contract) m, engage_coefficients(m.model) c ORDER BY 1, 2;

-- models of an earlier format: as they were, but not to be updated
CREATE TABLE hard AS
SELECT i AS id, i % 7 AS a, (i * 7919 % 101)::float8 AS b, CASE WHEN i * 31 % 53 > 20 THEN 'y' ELSE 'n' END AS mixed,
	CASE WHEN i % 10 = 0 THEN 'z' ELSE 'k' || i % 3 END AS c, 2.0 * (i % 7) + (i * 7919 % 101) + 5 AS exact,
	i * 37 % 11 AS counts, CASE WHEN i % 5 > 0 THEN i * 17 % 29 END AS holes
FROM generate_series(1, 400) i;
CREATE TABLE stored (model text, bytes text, total numeric);
INSERT INTO stored VALUES ('old_linear', '
RUdNRAEAAAARAAAAbGluZWFyX3JlZ3Jlc3Npb24BAFRBU0sOAAAAAAAAAAoAAAByZWdyZXNzaW9u
U0NITbMAAAAAAAAAAgAAAAEAAABhAAcAAABpbnRlZ2VyAQAAAAAAAAAAAAAAAAAAAAEAAABjAQQA
AAB0ZXh0AQAAAAAAAAAAAAAABAAAAAIAAABrMAIAAABrMQIAAABrMgEAAAB6AQAAAAAAAAAAAAAA
AAAAGED2KFyPwvUHQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIQDMzMzMzM/M/AAAAAAAAAAAFAAAA
ZXhhY3QHAAAAbnVtZXJpYwAAAABQQVJNhwAAAAAAAACDAAAAeyJwZW5hbHR5IjogIm5vbmUiLCAi
YWxwaGEiOiAxLCAibDFfcmF0aW8iOiAwLjUsICJmaXRfaW50ZXJjZXB0IjogdHJ1ZSwgInN0YW5k
YXJkaXplIjogdHJ1ZSwgIm1heF9pdGVyIjogMTAwMDAsICJ0b2xlcmFuY2UiOiAxZS0wNn1EQVRB
EwEAAAAAAAAEAAAAbm9uZQAAAAAAAPA/AAAAAAAA4D+QAQAAAAAAAAAAAAABQOnB7lG6kz8AfzPz
rR2DPxCp7WWHPD1AAwAAAAIAAAAAAAAAAQD5KFyPwvUHQICZRnL5//8/BAAAAAEAAAAAAP////8B
AAAAAgAAAAMAAAABAAAAAQEAAABhAAQAAABjPWsxAAQAAABjPWsyAAMAAABjPXoAOBmFsAtNDUCf
qflXbn3ePx6cN/QgP+U/Do+D7nFZFsAHj/1e46dOQArXo3A9Csu8MzMzMzMz0z8zMzMzMzPTP5qZ
mZmZmbk/AAAAAACweEABcSi/HJiKC0DZZIVQB2TnP3UU647/MQ5Aa6CINiYyDkDFPHIhN1oVQPNK
3M8=', 24438), ('old_logistic', '
RUdNRAEAAAATAAAAbG9naXN0aWNfcmVncmVzc2lvbgEAVEFTSwoAAAAAAAAABgAAAGJpbmFyeVND
SE2vAAAAAAAAAAIAAAABAAAAYQAHAAAAaW50ZWdlcgEAAAAAAAAAAAAAAAAAAAABAAAAYgAQAAAA
ZG91YmxlIHByZWNpc2lvbgEAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAYQPYoXI/C9QdA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAFlAPQrXo3ANSUAAAAAAAAAAAAUAAABtaXhlZAQAAAB0ZXh0
AgAAAAEAAABuAQAAAHlQQVJNfwAAAAAAAAB7AAAAeyJwZW5hbHR5IjogImwyIiwgIkMiOiAxLCAi
bDFfcmF0aW8iOiAwLjUsICJmaXRfaW50ZXJjZXB0IjogdHJ1ZSwgInN0YW5kYXJkaXplIjogdHJ1
ZSwgIm1heF9pdGVyIjogMjAwLCAidG9sZXJhbmNlIjogMWUtMDZ9REFUQcIAAAAAAAAAAgAAAGwy
AAAAAAAA8D8AAAAAAADgP5ABAAAAAAAAAgAAAAEAXu2CagHKcMCAQpAutMxwwAMAAAACAAAAAAAA
AAEA+Shcj8L1B0CAmUZy+f//PwAAAAABAEEK16NwDUlAZIiYYJAcPUABAAAAAQEAAABhAAEAAABi
AESIYFs2WaM/jch5M2FEpz/gLl9oyKPaP3E9CtejMMu8ZmZmZmamzrwAAAAAAAAAAAHWLZF+Bj7Q
P6m4RoKkCao/tdc1VVGfbD/IeHP+', 241), ('old_glm', '
RUdNRAEAAAADAAAAZ2xtAQBUQVNLCQAAAAAAAAAFAAAAY291bnRTQ0hNpAAAAAAAAAACAAAAAQAA
AGEABwAAAGludGVnZXIBAAAAAAAAAAAAAAAAAAAABQAAAGhvbGVzAAcAAABpbnRlZ2VyAQAAAAAA
AAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAABhA9ihcj8L1B0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
PEBmZmZmZsYrQJiZmZmZmck/BgAAAGNvdW50cwcAAABpbnRlZ2VyAAAAAFBBUk2YAAAAAAAAAJQA
AAB7Im9iamVjdGl2ZSI6ICJwb2lzc29uIiwgInR3ZWVkaWVfdmFyaWFuY2VfcG93ZXIiOiAxLjUs
ICJhbHBoYSI6IDAsICJmaXRfaW50ZXJjZXB0IjogdHJ1ZSwgInN0YW5kYXJkaXplIjogdHJ1ZSwg
Im1heF9pdGVyIjogMjAwLCAidG9sZXJhbmNlIjogMWUtMDZ9REFUQfUAAAAAAAAAAgAAAAAAAPg/
AAAAAAAAAACQAQAAAAAAAAIAAAABQBKRQ4W3jkCdin1g1LiOQBP2tXuLHgBAAwAAAAIAAAAAAAAA
AQD5KFyPwvUHQICZRnL5//8/AAAAAAEBZ2ZmZmbGK0CTDGA4orggQAEAAAABAQAAAGEABQAAAGhv
bGVzABAAAABob2xlcyBpcyBtaXNzaW5nADD56OzpTjY/UUZaz250cz9WXjaZomOUP0AgOVGuq/k/
pHA9Ctej6L0K16NwPQoovpqZmZmZmck/AAAAAAAAAAABPlJyztOOrj+x3DQWZ+qGP+IVAqYkkGg/
U3VSUm53rD8gjVsz', 1998);
SELECT model, engage_import(model, decode(bytes, 'base64')) FROM stored;
SELECT model, (SELECT round(sum(engage_predict(model, h))::numeric, 6) FROM hard h) = total AS same, (SELECT string_agg(term, ', ') FROM engage_coefficients(model)) AS terms FROM stored;
SELECT engage_update('old_linear', 'hard');

-- rights, and what has no coefficients
CREATE ROLE engage_coefficients_other;
SET ROLE engage_coefficients_other;
SELECT * FROM engage_coefficients('spend');
RESET ROLE;
SELECT engage_grant('spend', 'engage_coefficients_other');
SET ROLE engage_coefficients_other;
SELECT count(*) FROM engage_coefficients('spend');
RESET ROLE;
SELECT (engage_train('trees', 'telco', target => 'churn', key => 'customer_id', features => '{tenure}', params => '{"n_estimators": 1}', deploy => 'always')).task;
SELECT * FROM engage_coefficients('trees');
SELECT * FROM engage_coefficients('nobody');
SELECT * FROM engage_coefficients(NULL::text);
SELECT * FROM engage_coefficients('spend', 1);
SELECT * FROM engage_coefficients('spend', 'NaN');
SELECT * FROM engage_coefficients('\x00'::bytea);
DROP OWNED BY engage_coefficients_other;
DROP ROLE engage_coefficients_other;
