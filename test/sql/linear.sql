-- linear, logistic and generalized linear models against scikit-learn and statsmodels, on real data; and what
-- must not break them.  The numbers of the table "oracle" are printed by test/golden/linear.py.
SET engage.progress = off;
SET client_min_messages = warning;
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco
ALTER TABLE telco ADD id integer GENERATED ALWAYS AS (customer_id) STORED, ADD w integer GENERATED ALWAYS AS (1 + tenure) STORED;
CREATE TABLE ames_text (line text);
CREATE TABLE credit (id integer, status text, seniority integer, home text, time integer, age integer, marital text,
	records text, job text, expenses integer, income integer, assets integer, debt integer, amount integer, price integer);
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy ames_text FROM '${ENGAGE_ROOT:-$PWD}/test/data/ames.csv' (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')" -c "\\copy credit FROM '${ENGAGE_ROOT:-$PWD}/test/data/credit.csv' (FORMAT csv, HEADER)"`
-- the few columns that are needed, by their place
CREATE TABLE ames AS
SELECT a[1]::int AS id, a[5]::int AS lot_area, length(a[18]) AS w, a[19]::int AS year_built, a[26]::int AS mas_vnr_area,
	a[39] AS central_air, a[43]::int AS gr_liv_area, a[50]::int AS tot_rms_abv_grd, a[55]::int AS garage_cars,
	a[58] AS paved_drive, a[73]::int AS sale_price, a[16] AS bldg_type
FROM (SELECT string_to_array(replace(line, '"', ''), ',') AS a FROM ames_text) s WHERE a[1] <> 'id';
SELECT count(*), sum(sale_price::bigint), min(length(bldg_type)) > 0 AS placed, count(DISTINCT central_air) FROM ames;

CREATE TABLE oracle (trial text, name text, estimate float8, std_error float8);
INSERT INTO oracle VALUES
	('ols', '(intercept)', -1624449.872, 69150.30738),
	('ols', 'lot_area', 0.7684246592, 0.1087905833),
	('ols', 'year_built', 831.2756955, 35.46164633),
	('ols', 'gr_liv_area', 79.32927508, 1.902982215),
	('ols', 'garage_cars', 22655.3286, 1428.651492),
	('ols', 'central_air=N', -8640.661065, 3660.962386),
	('ols', 'paved_drive=Dirt_Gravel', 3461.25068, 3620.496731),
	('ols', 'paved_drive=Partial_Pavement', 2212.320621, 5831.672431),
	('ols', 'row 1', 208155.6002, NULL),
	('ols', 'row 8', 182149.4084, NULL),
	('ols', 'row 1001', 219163.6022, NULL),
	('wls', '(intercept)', -1666507.158, 67473.31128),
	('wls', 'lot_area', 0.7781426902, 0.1069166194),
	('wls', 'year_built', 852.9918926, 34.60540439),
	('wls', 'gr_liv_area', 79.63717435, 1.851220499),
	('wls', 'garage_cars', 21418.01611, 1399.257261),
	('wls', 'central_air=N', -7538.004865, 3441.678431),
	('wls', 'paved_drive=Dirt_Gravel', 4202.535958, 3516.500622),
	('wls', 'paved_drive=Partial_Pavement', 1615.178714, 5493.129445),
	('wls', 'row 1', 206408.9167, NULL),
	('wls', 'row 8', 181318.9119, NULL),
	('wls', 'row 1001', 218577.6971, NULL),
	('origin', 'lot_area', 0.5684423419, 0.1182357956),
	('origin', 'year_built', -1.05517282, 1.60603315),
	('origin', 'gr_liv_area', 78.06519773, 2.07373103),
	('origin', 'garage_cars', 36257.3053, 1423.815612),
	('origin', 'central_air=N', -24454.92203, 3922.990584),
	('origin', 'paved_drive=Dirt_Gravel', -22019.39205, 3765.638553),
	('origin', 'paved_drive=Partial_Pavement', -24488.69428, 6235.550284),
	('origin', 'row 1', 193293.1583, NULL),
	('origin', 'row 8', 173181.2134, NULL),
	('origin', 'row 1001', 205273.8159, NULL),
	('ridge', '(intercept)', -1565707.502, NULL),
	('ridge', 'lot_area', 0.7886418561, NULL),
	('ridge', 'year_built', 802.9617331, NULL),
	('ridge', 'gr_liv_area', 76.54641656, NULL),
	('ridge', 'garage_cars', 23280.97742, NULL),
	('ridge', 'central_air=N', -5702.890491, NULL),
	('ridge', 'paved_drive=Dirt_Gravel', 540.4695058, NULL),
	('ridge', 'paved_drive=Partial_Pavement', 160.1150444, NULL),
	('ridge', 'row 1', 206635.5829, NULL),
	('ridge', 'row 8', 182280.7914, NULL),
	('ridge', 'row 1001', 218060.1596, NULL),
	('ridge_raw', '(intercept)', -1882731.253, NULL),
	('ridge_raw', 'lot_area', 0.8510059888, NULL),
	('ridge_raw', 'year_built', 967.256563, NULL),
	('ridge_raw', 'gr_liv_area', 85.57875699, NULL),
	('ridge_raw', 'garage_cars', 11231.3882, NULL),
	('ridge_raw', 'central_air=N', -1380.666939, NULL),
	('ridge_raw', 'paved_drive=Dirt_Gravel', -75.56502894, NULL),
	('ridge_raw', 'paved_drive=Partial_Pavement', 156.6865717, NULL),
	('ridge_raw', 'row 1', 204465.9549, NULL),
	('ridge_raw', 'row 8', 180306.6904, NULL),
	('ridge_raw', 'row 1001', 220617.0501, NULL),
	('lasso', '(intercept)', -1539569.821, NULL),
	('lasso', 'lot_area', 0.573836492, NULL),
	('lasso', 'year_built', 790.8945713, NULL),
	('lasso', 'gr_liv_area', 77.36479747, NULL),
	('lasso', 'garage_cars', 22298.78831, NULL),
	('lasso', 'central_air=N', -0, NULL),
	('lasso', 'paved_drive=Dirt_Gravel', -0, NULL),
	('lasso', 'paved_drive=Partial_Pavement', -0, NULL),
	('lasso', 'row 1', 201528.0056, NULL),
	('lasso', 'row 8', 182388.7343, NULL),
	('lasso', 'row 1001', 218166.3159, NULL),
	('net', '(intercept)', -1263530.766, NULL),
	('net', 'lot_area', 0.8347524568, NULL),
	('net', 'year_built', 661.5720676, NULL),
	('net', 'gr_liv_area', 59.57431555, NULL),
	('net', 'garage_cars', 23376.71766, NULL),
	('net', 'central_air=N', -2632.778947, NULL),
	('net', 'paved_drive=Dirt_Gravel', -1555.63671, NULL),
	('net', 'paved_drive=Partial_Pavement', -457.0772884, NULL),
	('net', 'row 1', 204621.9968, NULL),
	('net', 'row 8', 181507.2881, NULL),
	('net', 'row 1001', 209814.9766, NULL),
	('logit', '(intercept)', 0.789305485, 0.07140776783),
	('logit', 'tenure', -0.03222731104, 0.001953110463),
	('logit', 'senior_citizen', 0.3856911928, 0.08087164717),
	('logit', 'female', 0.01797681324, 0.06352277799),
	('logit', 'contract=One year', -0.8100015566, 0.1025272196),
	('logit', 'contract=Two year', -1.632251732, 0.168725982),
	('logit', 'internet_service=DSL', -1.146262676, 0.07333724534),
	('logit', 'internet_service=No', -2.165471596, 0.1163192891),
	('logit', 'row 1', 0.4082492337, NULL),
	('logit', 'row 8', 0.3404580891, NULL),
	('logit', 'row 1001', 0.6414564404, NULL),
	('logit_l2', '(intercept)', 0.3118903618, NULL),
	('logit_l2', 'tenure', -0.03080400182, NULL),
	('logit_l2', 'senior_citizen', 0.5811193754, NULL),
	('logit_l2', 'female', 0.02276634837, NULL),
	('logit_l2', 'contract=One year', -0.4722904023, NULL),
	('logit_l2', 'contract=Two year', -0.7121837751, NULL),
	('logit_l2', 'internet_service=DSL', -0.6500820531, NULL),
	('logit_l2', 'internet_service=No', -1.085550975, NULL),
	('logit_l2', 'row 1', 0.4142970928, NULL),
	('logit_l2', 'row 8', 0.34899372, NULL),
	('logit_l2', 'row 1001', 0.5297220912, NULL),
	('logit_l1', '(intercept)', 0.5572845997, NULL),
	('logit_l1', 'tenure', -0.03385996448, NULL),
	('logit_l1', 'senior_citizen', 0.4308281158, NULL),
	('logit_l1', 'female', 0, NULL),
	('logit_l1', 'contract=One year', -0.3633219893, NULL),
	('logit_l1', 'contract=Two year', -0.7513703611, NULL),
	('logit_l1', 'internet_service=DSL', -0.862316309, NULL),
	('logit_l1', 'internet_service=No', -1.664776738, NULL),
	('logit_l1', 'row 1', 0.4160787279, NULL),
	('logit_l1', 'row 8', 0.3444261288, NULL),
	('logit_l1', 'row 1001', 0.5793887964, NULL),
	('logit_net', '(intercept)', 0.5106192048, NULL),
	('logit_net', 'tenure', -0.0322572991, NULL),
	('logit_net', 'senior_citizen', 0.4899886588, NULL),
	('logit_net', 'female', 0, NULL),
	('logit_net', 'contract=One year', -0.5160221983, NULL),
	('logit_net', 'contract=Two year', -0.8888319813, NULL),
	('logit_net', 'internet_service=DSL', -0.8300670811, NULL),
	('logit_net', 'internet_service=No', -1.484639833, NULL),
	('logit_net', 'row 1', 0.4129689816, NULL),
	('logit_net', 'row 8', 0.3447898626, NULL),
	('logit_net', 'row 1001', 0.5707270501, NULL),
	('logit_weight', '(intercept)', -1.116236055, NULL),
	('logit_weight', 'tenure', -0.02352165613, NULL),
	('logit_weight', 'senior_citizen', 0.3340193436, NULL),
	('logit_weight', 'female', -0.09879681494, NULL),
	('logit_weight', 'contract=Month-to-month', 1.599457972, NULL),
	('logit_weight', 'contract=One year', 0.9213833441, NULL),
	('logit_weight', 'internet_service=DSL', -1.164155582, NULL),
	('logit_weight', 'internet_service=No', -2.378135557, NULL),
	('logit_weight', 'row 1', 0.3093302856, NULL),
	('logit_weight', 'row 8', 0.2660128236, NULL),
	('logit_weight', 'row 1001', 0.5547232914, NULL),
	('logit_missing', '(intercept)', 0.6708459191, NULL),
	('logit_missing', 'seniority', 0.06798158113, NULL),
	('logit_missing', 'income', 0.004072679938, NULL),
	('logit_missing', 'income is missing', -1.174977946, NULL),
	('logit_missing', 'assets', 1.648713427e-05, NULL),
	('logit_missing', 'assets is missing', -0.1542287447, NULL),
	('logit_missing', 'debt', -0.0001272927472, NULL),
	('logit_missing', 'debt is missing', -1.306605435, NULL),
	('logit_missing', 'home=ignore', -0.8790268531, NULL),
	('logit_missing', 'home=other', -1.000238349, NULL),
	('logit_missing', 'home=parents', -0.1289374014, NULL),
	('logit_missing', 'home=priv', -0.664909147, NULL),
	('logit_missing', 'home=rent', -0.8960399799, NULL),
	('logit_missing', 'home is missing', 0.0534498055, NULL),
	('logit_missing', 'job=freelance', -0.4192147289, NULL),
	('logit_missing', 'job=others', -0.4635216939, NULL),
	('logit_missing', 'job=partime', -1.220353756, NULL),
	('logit_missing', 'job is missing', -0.5056574527, NULL),
	('logit_missing', 'row 1', 0.6207660899, NULL),
	('logit_missing', 'row 8', 0.8145056805, NULL),
	('logit_missing', 'row 1001', 0.3346650998, NULL),
	('poisson', '(intercept)', 2.175055344, 0.5092346858),
	('poisson', 'gr_liv_area', 0.0003493652781, 1.286911117e-05),
	('poisson', 'year_built', -0.0004333332017, 0.0002595643405),
	('poisson', 'central_air=N', 0.02785024441, 0.03203204892),
	('poisson', 'row 1', 6.714512103, NULL),
	('poisson', 'row 8', 5.806878497, NULL),
	('poisson', 'row 1001', 6.668009158, NULL),
	('gamma', '(intercept)', 0.1908677936, 0.2725359365),
	('gamma', 'gr_liv_area', 0.0004908151959, 7.789641141e-06),
	('gamma', 'year_built', 0.005645792946, 0.0001391711597),
	('gamma', 'central_air=N', -0.2025618209, 0.01647108977),
	('gamma', 'row 1', 174453.2247, NULL),
	('gamma', 'row 8', 173777.4596, NULL),
	('gamma', 'row 1001', 217742.2854, NULL),
	('tweedie', '(intercept)', -33.16339862, 2.624005632),
	('tweedie', 'gr_liv_area', 0.0008535539845, 5.582611453e-05),
	('tweedie', 'year_built', 0.01836893748, 0.001333810788),
	('tweedie', 'central_air=N', -1.050646006, 0.2281853451),
	('tweedie', 'row 1', 70.33040635, NULL),
	('tweedie', 'row 8', 91.84238755, NULL),
	('tweedie', 'row 1001', 141.8893202, NULL),
	('poisson_l2', '(intercept)', 2.162880265, NULL),
	('poisson_l2', 'gr_liv_area', 0.0003294107616, NULL),
	('poisson_l2', 'year_built', -0.0004105319828, NULL),
	('poisson_l2', 'central_air=N', 0.01531366907, NULL),
	('poisson_l2', 'row 1', 6.710958584, NULL),
	('poisson_l2', 'row 8', 5.851782583, NULL),
	('poisson_l2', 'row 1001', 6.666645409, NULL),
	('gamma_l2', '(intercept)', 0.2937431021, NULL),
	('gamma_l2', 'gr_liv_area', 0.0004503394112, NULL),
	('gamma_l2', 'year_built', 0.005620578483, NULL),
	('gamma_l2', 'central_air=N', -0.07894269519, NULL),
	('gamma_l2', 'row 1', 172101.3789, NULL),
	('gamma_l2', 'row 8', 173923.3367, NULL),
	('gamma_l2', 'row 1001', 214380.8153, NULL),
	('tweedie_l2', '(intercept)', -33.61637175, NULL),
	('tweedie_l2', 'gr_liv_area', 0.0008423590315, NULL),
	('tweedie_l2', 'year_built', 0.01859958759, NULL),
	('tweedie_l2', 'central_air=N', -0.4365334667, NULL),
	('tweedie_l2', 'row 1', 68.97654238, NULL),
	('tweedie_l2', 'row 8', 91.12446218, NULL),
	('tweedie_l2', 'row 1001', 140.309761, NULL),
	('three', 'row 1 class 0', 0.006496117018, NULL),
	('three', 'row 1 class 1', 0.9403537712, NULL),
	('three', 'row 1 class 2', 0.05315011176, NULL),
	('three', 'row 8 class 0', 0.1620302245, NULL),
	('three', 'row 8 class 1', 0.8100385426, NULL),
	('three', 'row 8 class 2', 0.02793123293, NULL),
	('three', 'row 1001 class 0', 0.08700565017, NULL),
	('three', 'row 1001 class 1', 0.8759273148, NULL),
	('three', 'row 1001 class 2', 0.03706703507, NULL);

-- how each trial is trained: on all rows
CREATE TABLE trials (trial text, source text, algorithm text, target text, features text[], params jsonb, weight text);
INSERT INTO trials VALUES
	('ols', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{}', NULL),
	('wls', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{}', 'w'),
	('origin', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{"fit_intercept": false}', NULL),
	('ridge', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{"penalty": "l2", "alpha": 100}', NULL),
	('ridge_raw', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{"penalty": "l2", "alpha": 1000, "standardize": false}', NULL),
	('lasso', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{"penalty": "l1", "alpha": 2000, "tolerance": 1e-10}', NULL),
	('net', 'ames', 'linear_regression', 'sale_price', '{lot_area,year_built,gr_liv_area,garage_cars,central_air,paved_drive}', '{"penalty": "elasticnet", "alpha": 0.5, "l1_ratio": 0.3, "tolerance": 1e-10}', 'w'),
	('logit', 'telco', 'logistic_regression', 'churn', '{tenure,senior_citizen,female,contract,internet_service}', '{"penalty": "none"}', NULL),
	('logit_l2', 'telco', 'logistic_regression', 'churn', '{tenure,senior_citizen,female,contract,internet_service}', '{"C": 0.01}', NULL),
	('logit_l1', 'telco', 'logistic_regression', 'churn', '{tenure,senior_citizen,female,contract,internet_service}', '{"penalty": "l1", "C": 0.02}', NULL),
	('logit_net', 'telco', 'logistic_regression', 'churn', '{tenure,senior_citizen,female,contract,internet_service}', '{"penalty": "elasticnet", "C": 0.02, "l1_ratio": 0.4}', NULL),
	('logit_weight', 'telco', 'logistic_regression', 'churn', '{tenure,senior_citizen,female,contract,internet_service}', '{}', 'w'),
	('logit_missing', 'credit', 'logistic_regression', 'status', '{seniority,income,assets,debt,home,job}', '{}', NULL),
	('poisson', 'ames', 'glm', 'tot_rms_abv_grd', '{gr_liv_area,year_built,central_air}', '{}', NULL),
	('gamma', 'ames', 'glm', 'sale_price', '{gr_liv_area,year_built,central_air}', '{"objective": "gamma"}', NULL),
	('tweedie', 'ames', 'glm', 'mas_vnr_area', '{gr_liv_area,year_built,central_air}', '{"objective": "tweedie"}', NULL),
	('poisson_l2', 'ames', 'glm', 'tot_rms_abv_grd', '{gr_liv_area,year_built,central_air}', '{"alpha": 0.5}', 'w'),
	('gamma_l2', 'ames', 'glm', 'sale_price', '{gr_liv_area,year_built,central_air}', '{"objective": "gamma", "alpha": 0.1}', NULL),
	('tweedie_l2', 'ames', 'glm', 'mas_vnr_area', '{gr_liv_area,year_built,central_air}', '{"objective": "tweedie", "alpha": 0.3, "power": 1.5}', NULL),
	('three', 'three', 'logistic_regression', 'kind', '{gr_liv_area,year_built,central_air}', '{"tolerance": 1e-9}', NULL);
CREATE VIEW three AS SELECT *, CASE WHEN bldg_type IN ('OneFam', 'Twnhs') THEN 'b' WHEN bldg_type IN ('Duplex', 'TwoFmCon') THEN 'c' ELSE 'a' END AS kind FROM ames;

CREATE TABLE trained AS
SELECT t.trial, r.task, r.rows_test FROM trials t, engage_train(t.trial, t.source, target => t.target, algorithm => t.algorithm, params => t.params,
	features => t.features, weight => t.weight, key => 'id', test_size => 0, positive => CASE t.target WHEN 'status' THEN 'good' END,
	task => CASE WHEN t.algorithm <> 'logistic_regression' THEN 'regression' END) r;
SELECT task, count(*), sum(rows_test) AS held_out FROM trained GROUP BY task ORDER BY task;

-- the table of coefficients on the model card: name, estimate and standard error, to six digits
CREATE FUNCTION coefficients(model text) RETURNS TABLE (name text, estimate float8, std_error float8, line text) LANGUAGE plpgsql AS $$
DECLARE
	header text[];
	l text;
	cells text[];
	inside boolean := false;
BEGIN
	FOREACH l IN ARRAY string_to_array(engage_describe(model), E'\n') LOOP
		IF l ~ '^ {4}' AND inside THEN
			cells := regexp_split_to_array(trim(l), '\s\s+');
			IF header IS NULL THEN
				header := cells;
				CONTINUE;
			END IF;
			name := cells[1];
			estimate := cells[2]::float8;
			std_error := cells[array_position(header, 'std_error')]::float8;
			line := array_to_string(cells, ' ');
			RETURN NEXT;
		ELSE
			inside := l ~ '^  coefficients';
		END IF;
	END LOOP;
END $$;

CREATE FUNCTION off(a float8, b float8) RETURNS float8 LANGUAGE sql AS 'SELECT abs(a - b) / greatest(abs(b), 1e-3)';

CREATE TABLE predicted (trial text, name text, score float8);
DO $$
DECLARE
	t trials;
BEGIN
	FOR t IN SELECT * FROM trials WHERE trial <> 'three' LOOP
		EXECUTE format('INSERT INTO predicted SELECT %L, ''row '' || id, engage_predict(%L, r) FROM %I r', t.trial, t.trial, t.source);
	END LOOP;
END $$;
INSERT INTO predicted SELECT 'three', format('row %s class %s', id, k), (engage_predict_proba('three', t)->>('{a,b,c}'::text[])[k + 1])::float8
FROM three t, generate_series(0, 2) k;

-- predictions: 1e-8 where it is solved exactly, 1e-5 where it is approached
SELECT trial, count(*), max(off(score, estimate)) <= CASE WHEN trial ~ '^(ols|wls|origin|ridge)' THEN 1e-8 ELSE 1e-5 END AS same_predictions
FROM oracle LEFT JOIN predicted USING (trial, name) WHERE name LIKE 'row %' GROUP BY trial ORDER BY trial;

-- coefficients and standard errors: the card has six digits
SELECT trial, count(*), bool_and(c.name IS NOT NULL AND off(c.estimate, o.estimate) <= CASE WHEN trial ~ '^(ols|wls|origin|ridge)' THEN 1e-5 ELSE 1e-4 END) AS same_coefficients,
	bool_and(off(c.std_error, o.std_error) <= 1e-4) AS same_errors
FROM oracle o LEFT JOIN LATERAL coefficients(o.trial) c USING (name) WHERE o.name NOT LIKE 'row %' GROUP BY trial ORDER BY trial;
SELECT t.trial, count(*) FROM trials t, coefficients(t.trial) c WHERE t.trial <> 'three' AND NOT EXISTS (SELECT FROM oracle o WHERE o.trial = t.trial AND o.name = c.name) GROUP BY 1;

-- the multinomial model has a table for each class; odds ratios are exp(estimate)
SELECT engage_describe('three') ~ 'class  name +estimate +odds_ratio' AS classes, engage_describe('three') ~ 'converged +true' AS converged;
SELECT name, line FROM coefficients('logit') WHERE name = 'contract=Two year';

-- Student's t: p and the interval of statsmodels, to the digits of the card
SELECT line FROM coefficients('ols') WHERE name IN ('paved_drive=Partial_Pavement', 'central_air=N');

SELECT trim(l) AS quality FROM unnest(string_to_array(engage_describe('ols'), E'\n')) l WHERE l ~ '^  (r2|adjusted_r2|sigma|rank) ';

-- ---- what must not break them
CREATE TABLE hard AS
SELECT i AS id, i % 7 AS a, i % 7 * 2.5 + 1 AS twice, (i * 7919 % 101)::float8 AS b, i % 7 + (i * 7919 % 101) AS total, 3 AS same,
	CASE WHEN i % 7 >= 3 THEN 'y' ELSE 'n' END AS apart, CASE WHEN i * 31 % 53 > 20 THEN 'y' ELSE 'n' END AS mixed,
	CASE WHEN i % 10 = 0 THEN 'z' ELSE 'k' || i % 3 END AS c, 2.0 * (i % 7) + (i * 7919 % 101) + 5 AS exact,
	i * 37 % 11 AS counts, CASE WHEN i % 5 > 0 THEN i * 17 % 29 END AS holes
FROM generate_series(1, 400) i;

-- columns that others make up are dropped by name, and the fit is exact
SELECT (engage_train('hard1', 'hard', target => 'exact', algorithm => 'linear_regression', key => 'id', test_size => 0,
	features => '{a,twice,b,total,same}')).task;
SELECT trim(l) AS dropped FROM unnest(string_to_array(engage_describe('hard1'), E'\n')) l WHERE l ~ '^  (dropped|rank)';
SELECT count(*) FROM hard h WHERE abs(engage_predict('hard1', h) - exact) > 1e-6;
SELECT name, round(estimate::numeric, 4) AS estimate FROM coefficients('hard1');

-- classes that a column separates: finite coefficients, and a word about it
SET client_min_messages = notice;
DO $$
BEGIN
	PERFORM engage_train('hard2', 'hard', target => 'apart', algorithm => 'logistic_regression', key => 'id', test_size => 0,
		features => '{a,b}', params => '{"penalty": "none"}', deploy => 'never');
END $$;
SET client_min_messages = warning;
SELECT count(*) FROM hard h WHERE NOT (engage_predict('hard2@1.0.0', h) BETWEEN 0 AND 1) OR (engage_predict('hard2@1.0.0', h) > 0.5) <> (apart = 'y');
SELECT count(*), bool_and(abs(estimate) < 1000) AS finite FROM coefficients('hard2@1.0.0');

-- one column, a constant one alone, one row for each class, more columns than rows, weights of zero
SELECT (engage_train('hard3', 'hard', target => 'mixed', algorithm => 'logistic_regression', key => 'id', features => '{same}', test_size => 0)).task;
SELECT count(DISTINCT engage_predict('hard3', h)), round(avg(engage_predict('hard3', h))::numeric, 4) = round(avg((mixed = 'y')::int), 4) AS share FROM hard h;
SELECT (engage_train('hard4', 'SELECT * FROM hard WHERE id IN (20, 21)', target => 'mixed', algorithm => 'logistic_regression', key => 'id', test_size => 0,
	features => '{a,b,c,holes}', params => '{"penalty": "none"}')).rows_train;
SELECT (engage_train('hard5', 'SELECT * FROM hard WHERE id < 6', target => 'exact', algorithm => 'linear_regression', key => 'id', test_size => 0,
	features => '{a,b,c,holes,total,counts}')).rows_train;
SELECT count(*) FROM hard h WHERE id < 6 AND abs(engage_predict('hard5', h) - exact) > 1e-6;
SELECT (engage_train('hard6', 'SELECT *, (id % 2)::int AS w FROM hard', target => 'counts', algorithm => 'glm', key => 'id', test_size => 0, task => 'count',
	features => '{a,b,c,holes}', weight => 'w')).task;
SELECT (engage_train('hard7', 'SELECT * FROM hard WHERE id % 2 = 1', target => 'counts', algorithm => 'glm', key => 'id', test_size => 0, task => 'count',
	features => '{a,b,c,holes}')).task;
SELECT count(*) FROM hard h WHERE abs(engage_predict('hard6', h) - engage_predict('hard7', h)) > 1e-9;

-- targets that an objective does not take
SELECT engage_train('hard8', 'SELECT *, counts - 5 AS y FROM hard', target => 'y', algorithm => 'glm', features => '{a,b}', task => 'regression', key => 'id');
SELECT engage_train('hard8', 'hard', target => 'counts', algorithm => 'glm', features => '{a,b}', params => '{"objective": "gamma"}', task => 'regression', key => 'id');

-- too few iterations are told
SELECT (engage_train('hard9', 'hard', target => 'mixed', algorithm => 'logistic_regression', key => 'id', features => '{a,b,c,holes}',
	params => '{"max_iter": 1, "penalty": "l1", "tolerance": 1e-9}')).task;

-- many columns, and many classes: without second derivatives
CREATE TABLE wide AS SELECT i AS id, ARRAY(SELECT sin(i * j * 0.7) FROM generate_series(1, 500) j) AS v,
	CASE WHEN sin(i * 0.7) + sin(i * 3.5) + (i * 7919 % 97) / 97.0 > 0.4 THEN 'y' ELSE 'n' END AS y FROM generate_series(1, 600) i;
SELECT (metrics->>'auc')::float8 > 0.6 AS learned FROM engage_train('wide', 'wide', target => 'y', algorithm => 'logistic_regression', key => 'id', params => '{"C": 0.01}');
SELECT (metrics->>'auc')::float8 > 0.9 AS learned FROM engage_train('wide1', 'wide', target => 'y', algorithm => 'logistic_regression', key => 'id', params => '{"C": 0.1, "penalty": "l1"}');
SELECT count(*) BETWEEN 2 AND 60 AS sparse FROM coefficients('wide1') WHERE estimate <> 0;
