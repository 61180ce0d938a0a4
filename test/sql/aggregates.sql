-- metric aggregates against scikit-learn (test/golden/aggregates.py), and as SQL uses them
\set root `echo "${ENGAGE_ROOT:-$PWD}"`
\set telco :root '/test/data/telco.sql'
\i :telco

CREATE TABLE t AS
SELECT customer_id AS id, tenure, (72 - tenure) / 72.0::float8 AS score, churn = 'Yes' AS truth,
	(churn = 'Yes')::int AS truth01, contract = 'Month-to-month' AS predicted, online_security, online_backup,
	total_charges::float8 AS actual, tenure * monthly_charges::float8 AS guess,
	monthly_charges::float8 AS monthly, monthly_charges::float8 / 10 AS w, senior_citizen
FROM telco ORDER BY customer_id;
ANALYZE t;

CREATE TABLE golden (metric text, expected float8);
INSERT INTO golden VALUES
	('auc', 0.7398671755286288),
	('gini', 0.47973435105725759),
	('average_precision', 0.48373688701217121),
	('ks_separation', 0.35736012242138382),
	('logloss', 0.96964821379366062),
	('brier', 0.28643754502763452),
	('ece10', 0.29502894915361189),
	('ece7', 0.29087983340432577),
	('accuracy', 0.65440863268493543),
	('precision', 0.42709677419354841),
	('recall', 0.88550026752273947),
	('f1', 0.57625348189415038),
	('mcc', 0.40510291068798987),
	('accuracy_text', 0.68820105068862703),
	('precision_text', 0.62750142938822184),
	('recall_text', 0.71081606217616577),
	('f1_text', 0.6665654418463407),
	('rmse', 67.250718488048165),
	('mae', 45.089156712172922),
	('mape', 0.032147930013405178),
	('r2', 0.99911968077386526),
	('pinball', 22.590536120591583),
	('auc_w', 0.75116507799297361),
	('gini_w', 0.50233015598594721),
	('average_precision_w', 0.54993225652728173),
	('ks_separation_w', 0.37136831925439151),
	('logloss_w', 0.83687142900848399),
	('brier_w', 0.24825630999866896),
	('ece10_w', 0.22494225191297332),
	('ece7_w', 0.22148485442099675),
	('accuracy_w', 0.66076481320785074),
	('precision_w', 0.46968460029114562),
	('recall_w', 0.86858593906383796),
	('f1_w', 0.60968455571671831),
	('mcc_w', 0.40680954217698823),
	('accuracy_text_w', 0.62278000844520887),
	('precision_text_w', 0.59458667352030059),
	('recall_text_w', 0.70868855436696621),
	('f1_text_w', 0.64664279821547288),
	('rmse_w', 76.925115215102394),
	('mae_w', 53.459530177039518),
	('mape_w', 0.027053232556174436),
	('r2_w', 0.9990239787699613),
	('pinball_w', 26.839271428759538),
	('ndcg_at_5', 0.40326763976866292),
	('ndcg_at_10_gain', 0.34830531909960771),
	('map_at_1', 0.31111111111111112),
	('precision_at_1', 0.31111111111111112),
	('recall_at_1', 0.2074074074074074),
	('hit_rate_at_1', 0.31111111111111112),
	('map_at_2', 0.3576388888888889),
	('precision_at_2', 0.3263888888888889),
	('recall_at_2', 0.43425925925925929),
	('hit_rate_at_2', 0.58055555555555549),
	('map_at_3', 0.40169753086419752),
	('precision_at_3', 0.29629629629629622),
	('recall_at_3', 0.55555555555555558),
	('hit_rate_at_3', 0.63888888888888895),
	('map_at_8', 0.4729475308641975),
	('precision_at_8', 0.14999999999999999),
	('recall_at_8', 0.73333333333333328),
	('hit_rate_at_8', 0.73333333333333328);

-- every metric, weighted and not: those that differ (none), and how many were compared
CREATE VIEW measured AS SELECT
	engage_auc(score, truth) AS auc,
	engage_gini(score, truth) AS gini,
	engage_average_precision(score, truth) AS average_precision,
	engage_ks_separation(score, truth) AS ks_separation,
	engage_logloss(score, truth) AS logloss,
	engage_brier(score, truth) AS brier,
	engage_ece(score, truth) AS ece10,
	engage_ece(score, truth, 7) AS ece7,
	engage_accuracy(predicted, truth) AS accuracy,
	engage_precision(predicted, truth) AS precision,
	engage_recall(predicted, truth) AS recall,
	engage_f1(predicted, truth) AS f1,
	engage_mcc(predicted, truth) AS mcc,
	engage_accuracy(online_security, online_backup) AS accuracy_text,
	engage_precision(online_security, online_backup, 'No') AS precision_text,
	engage_recall(online_security, online_backup, 'No') AS recall_text,
	engage_f1(online_security, online_backup, 'No') AS f1_text,
	engage_rmse(guess, actual) AS rmse,
	engage_mae(guess, actual) AS mae,
	engage_mape(guess, actual) AS mape,
	engage_r2(guess, actual) AS r2,
	engage_pinball(guess, actual, 0.8) AS pinball,
	engage_auc(score, truth, w) AS auc_w,
	engage_gini(score, truth, w) AS gini_w,
	engage_average_precision(score, truth, w) AS average_precision_w,
	engage_ks_separation(score, truth, w) AS ks_separation_w,
	engage_logloss(score, truth, w) AS logloss_w,
	engage_brier(score, truth, w) AS brier_w,
	engage_ece(score, truth, 10, w) AS ece10_w,
	engage_ece(score, truth, 7, w) AS ece7_w,
	engage_accuracy(predicted, truth, w) AS accuracy_w,
	engage_precision(predicted, truth, w) AS precision_w,
	engage_recall(predicted, truth, w) AS recall_w,
	engage_f1(predicted, truth, w) AS f1_w,
	engage_mcc(predicted, truth, w) AS mcc_w,
	engage_accuracy(online_security, online_backup, w) AS accuracy_text_w,
	engage_precision(online_security, online_backup, 'No', w) AS precision_text_w,
	engage_recall(online_security, online_backup, 'No', w) AS recall_text_w,
	engage_f1(online_security, online_backup, 'No', w) AS f1_text_w,
	engage_rmse(guess, actual, w) AS rmse_w,
	engage_mae(guess, actual, w) AS mae_w,
	engage_mape(guess, actual, w) AS mape_w,
	engage_r2(guess, actual, w) AS r2_w,
	engage_pinball(guess, actual, 0.8, w) AS pinball_w
FROM t;
CREATE VIEW compared AS
SELECT key AS metric, value::float8 AS value, expected, abs(value::float8 - expected) <= 1e-9 * greatest(1, abs(expected)) AS ok
FROM measured, jsonb_each_text(to_jsonb(measured)) JOIN golden ON metric = key;
SELECT * FROM compared WHERE ok IS NOT TRUE;
SELECT count(*) AS compared, count(*) FILTER (WHERE ok) AS equal FROM compared;

-- the same with integers for booleans
SELECT metric, value FROM golden JOIN (SELECT key, value::float8 FROM (SELECT
	engage_auc(score, truth01) AS auc,
	engage_gini(score, truth01) AS gini,
	engage_average_precision(score, truth01) AS average_precision,
	engage_ks_separation(score, truth01) AS ks_separation,
	engage_logloss(score, truth01) AS logloss,
	engage_brier(score, truth01) AS brier,
	engage_ece(score, truth01) AS ece10,
	engage_ece(score, truth01, 7) AS ece7,
	engage_accuracy(predicted::int, truth01) AS accuracy,
	engage_precision(predicted::int, truth01) AS precision,
	engage_recall(predicted::int, truth01) AS recall,
	engage_f1(predicted::int, truth01) AS f1,
	engage_mcc(predicted::int, truth01) AS mcc,
	engage_auc(score, truth01, w) AS auc_w,
	engage_gini(score, truth01, w) AS gini_w,
	engage_average_precision(score, truth01, w) AS average_precision_w,
	engage_ks_separation(score, truth01, w) AS ks_separation_w,
	engage_logloss(score, truth01, w) AS logloss_w,
	engage_brier(score, truth01, w) AS brier_w,
	engage_ece(score, truth01, 10, w) AS ece10_w,
	engage_ece(score, truth01, 7, w) AS ece7_w,
	engage_accuracy(predicted::int, truth01, w) AS accuracy_w,
	engage_precision(predicted::int, truth01, w) AS precision_w,
	engage_recall(predicted::int, truth01, w) AS recall_w,
	engage_f1(predicted::int, truth01, w) AS f1_w,
	engage_mcc(predicted::int, truth01, w) AS mcc_w
	FROM t) AS m, jsonb_each_text(to_jsonb(m))) AS m ON key = metric
WHERE abs(value - expected) <= 1e-9 * greatest(1, abs(expected)) IS NOT TRUE;

-- the same in parallel workers, and once more with one
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
ALTER TABLE t SET (parallel_workers = 3);
EXPLAIN (COSTS OFF) SELECT engage_auc(score, truth), engage_rmse(guess, actual), engage_ece(score, truth) FROM t;
SELECT * FROM compared WHERE ok IS NOT TRUE;
SET parallel_leader_participation = off;
SELECT count(*) FILTER (WHERE ok) AS equal FROM compared;
SELECT engage_auc(score, truth) = (SELECT expected FROM golden WHERE metric = 'auc') AS exact FROM t;
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
ALTER TABLE t RESET (parallel_workers);

-- ranked lists: one for each tenure, and lists of five in every order of their ties
SELECT metric, value, expected FROM golden JOIN (
	SELECT 'ndcg_at_5' AS name, avg(v) AS value FROM (SELECT engage_ndcg_at(monthly, truth, 5) AS v FROM t GROUP BY tenure) AS l
	UNION ALL
	SELECT 'ndcg_at_10_gain', avg(v) FROM (SELECT engage_ndcg_at(monthly, truth01 + 2 * senior_citizen, 10) AS v FROM t GROUP BY tenure) AS l
	UNION ALL
	SELECT key || '_at_' || k, value::float8 FROM (
		SELECT k, avg(m) AS map, avg(p) AS precision, avg(r) AS recall, avg(h) AS hit_rate FROM (
			SELECT k, engage_map_at(s, truth, k) AS m, engage_precision_at(s, truth, k) AS p,
				engage_recall_at(s, truth, k) AS r, engage_hit_rate_at(s, truth01, k) AS h
			FROM (SELECT floor(monthly / 30) AS s, * FROM t WHERE id <= 150) AS t, (VALUES (1), (2), (3), (8)) AS ks(k)
			GROUP BY k, (id - 1) / 5) AS l
		GROUP BY k) AS x, jsonb_each_text(to_jsonb(x) - 'k')) AS m ON name = metric
WHERE abs(value - expected) <= 1e-9 IS NOT TRUE;
SELECT count(*) FROM golden WHERE metric ~ '_at_';

-- GROUP BY, FILTER, OVER; a state may be finished many times
SELECT senior_citizen, round(engage_auc(score, truth)::numeric, 6) AS auc,
	round(engage_auc(score, truth) FILTER (WHERE tenure > 12)::numeric, 6) AS later FROM t GROUP BY 1 ORDER BY 1;
SELECT bool_and(running = alone) AS equal, count(*) FROM (
	SELECT id, engage_auc(score, truth) OVER (ORDER BY id) AS running,
		(SELECT engage_auc(score, truth) FROM t AS u WHERE u.id <= t.id) AS alone
	FROM t WHERE id <= 600) AS r WHERE running IS NOT NULL;
SELECT bool_and(abs(moving - alone) < 1e-12) AS equal, count(*) FROM (
	SELECT id, engage_rmse(guess, actual) OVER (ORDER BY id ROWS 9 PRECEDING) AS moving,
		(SELECT engage_rmse(guess, actual) FROM t AS u WHERE u.id BETWEEN t.id - 9 AND t.id) AS alone
	FROM t WHERE id <= 200) AS r;
SELECT bool_and(whole = (SELECT engage_auc(score, truth) FROM t)) AS equal FROM (SELECT engage_auc(score, truth) OVER () AS whole FROM t) AS o;

-- many groups, hashed and sorted, small states and large ones
SELECT count(*), count(auc) FROM (SELECT engage_auc(score, truth) AS auc FROM t GROUP BY id % 1500) AS g;
SET enable_hashagg = off;
SELECT count(*) AS different FROM (
	SELECT id % 5 AS g, engage_auc(score, truth, w) AS a FROM t GROUP BY 1) AS s JOIN LATERAL (
	SELECT engage_auc(score, truth, w) AS b FROM t WHERE id % 5 = g) AS u ON abs(a - b) < 1e-12 IS NOT TRUE;
RESET enable_hashagg;
SELECT round(engage_auc(score, truth)::numeric, 12) = round((SELECT expected FROM golden WHERE metric = 'auc')::numeric, 12) AS equal
FROM t, generate_series(1, 20);

-- rows with a NULL are skipped, rows of weight 0 count for nothing, NaN is not hidden
SELECT engage_auc(score, truth) AS auc, engage_rmse(score, 1) AS rmse, engage_accuracy(truth, truth) AS accuracy
FROM (VALUES (0.1, false), (0.4, false), (0.35, true), (0.8, true), (NULL, true), (0.9, NULL)) AS v(score, truth);
SELECT engage_auc(score, truth, w), engage_average_precision(score, truth, w), engage_ks_separation(score, truth, w)
FROM (VALUES (0.1, false, 1), (0.4, false, 1), (0.35, true, 1), (0.8, true, 1), (0.9, false, 0), (0.01, true, 0)) AS v(score, truth, w);
SELECT engage_auc(s, t), engage_rmse(s, 1), engage_logloss(s, t), engage_ece(s, t), engage_ndcg_at(s, t, 3)
FROM (VALUES (float8 'NaN', true), (0.5, false), (0.2, true)) AS v(s, t);
SELECT engage_auc(s, t) FROM (VALUES (float8 '-Infinity', false), ('Infinity', true), (0, false), (-0.0, true)) AS v(s, t);

-- what is undefined is NULL: no rows, one class, a constant truth, nothing predicted
SELECT engage_auc(score, truth), engage_rmse(guess, actual), engage_r2(guess, actual), engage_ece(score, truth),
	engage_f1(predicted, truth), engage_ndcg_at(score, truth, 3) FROM t WHERE false;
SELECT engage_auc(score, true), engage_ks_separation(score, true), engage_average_precision(score, true),
	engage_average_precision(score, false), engage_r2(score, 0.1), engage_precision(false, truth),
	engage_mcc(false, truth), engage_mape(guess, 0) FROM t;
SELECT engage_ndcg_at(score, false, 3), engage_map_at(score, false, 3), engage_recall_at(score, false, 3),
	engage_hit_rate_at(score, false, 3), engage_precision_at(score, false, 3) FROM t;

-- errors
SELECT engage_auc(score, tenure) FROM t;
SELECT engage_auc(score, truth, -1) FROM t;
SELECT engage_rmse(guess, actual, 'Infinity') FROM t;
SELECT engage_logloss(score * 100, truth) FROM t;
SELECT engage_pinball(guess, actual, 1.5) FROM t;
SELECT engage_ece(score, truth, 0) FROM t;
SELECT engage_ece(score, truth, 5 + id % 2) FROM t;
SELECT engage_ndcg_at(score, truth, 0) FROM t;
SELECT engage_ndcg_at(score, truth, 3 + id % 2) FROM t;
SELECT engage_ndcg_at(score, -1.0, 3) FROM t;
SET engage.max_memory = '1MB';
SELECT engage_auc(score, truth) FROM t, generate_series(1, 30);
RESET engage.max_memory;

-- the parts as functions: a state is a value; what somebody made up is refused
SELECT engage.mean_final(engage.rmse_accum(engage.rmse_accum('{0,0}', 3, 1), 5, 4));
SELECT engage.auc_final(engage.scores_accum(engage.scores_accum(engage.scores_accum('', 0.3, false), 0.7, true), 0.2, true));
SELECT engage.auc_final(engage.scores_combine(engage.scores_accum('', 0.3, false), engage.scores_accum('', 0.7, true)));
DO $$
DECLARE
	s bytea := '';
	r record;
BEGIN
	FOR r IN SELECT score, truth FROM t WHERE id <= 800 LOOP
		s := engage.scores_accum(s, r.score, r.truth);
	END LOOP;
	RAISE NOTICE '%', engage.auc_final(s) = (SELECT engage_auc(score, truth) FROM t WHERE id <= 800);
END $$;
SELECT engage.rmse_accum('{0,0,0}', 3, 1);
SELECT engage.rmse_accum('{0,NULL}', 3, 1);
SELECT engage.auc_final('\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabb');
SELECT engage.auc_final('\x00');
SELECT engage.auc_final(engage.scores_accum('', 0.3, false, 2)), engage.auc_final(engage.ranked_accum('', 0.3, false, 2));
SELECT engage.scores_combine(engage.scores_accum('', 0.3, false, 2), engage.scores_accum('', 0.3, false));
DO $$
DECLARE
	good bytea := engage.scores_accum(engage.scores_accum('', 0.3, false, 2), 0.7, true, 1);
	refused int := 0;
BEGIN
	FOR n IN 0 .. length(good) - 1 LOOP
		FOR bit IN 0 .. 7 LOOP
			BEGIN
				PERFORM engage.auc_final(set_bit(good, n * 8 + bit, 1 - get_bit(good, n * 8 + bit)));
				PERFORM engage.scores_accum(set_bit(good, n * 8 + bit, 1 - get_bit(good, n * 8 + bit)), 0.5, true, 1);
				PERFORM engage.scores_combine(good, set_bit(good, n * 8 + bit, 1 - get_bit(good, n * 8 + bit)));
			EXCEPTION WHEN invalid_parameter_value THEN
				refused := refused + 1;
			END;
		END LOOP;
		BEGIN
			PERFORM engage.auc_final(substr(good, 1, n));
		EXCEPTION WHEN invalid_parameter_value THEN
			refused := refused + 1;
		END;
	END LOOP;
	RAISE NOTICE 'some were refused: %', refused > 100;
END $$;

-- every aggregate: a state that is a plain value, a combine function, concrete types
SELECT count(*) AS aggregates, count(*) FILTER (WHERE aggcombinefn = 0 OR aggtranstype NOT IN ('float8[]'::regtype, 'bytea'::regtype)
	OR proparallel <> 's' OR aggfinalmodify <> 'r' OR proargtypes::regtype[] && ARRAY['record', 'anyelement', 'internal']::regtype[]) AS wrong
FROM pg_aggregate JOIN pg_proc ON oid = aggfnoid WHERE proname ~ '^engage_(auc|average_precision|logloss|brier|accuracy|precision|recall|f1|mcc|rmse|mae|mape|r2|pinball|ks_separation|gini|ece|ndcg_at|map_at|precision_at|recall_at|hit_rate_at)$';
