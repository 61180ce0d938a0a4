"""Tuning and cross-validation against the sum of the fits that they make."""

import json
import os

from common import THREADS, Report, connect, make_table, mb, peak_mb, ratio, run, seconds_text, session

TUNING_ROWS = int(os.environ.get("TUNING_ROWS", 20_000))
TRIALS = int(os.environ.get("TRIALS", 50))

SEARCHES = (
    ("xgboost", {"space": {"max_depth": [3, 8], "learning_rate": {"min": 0.03, "max": 0.3, "log": True},
                           "n_estimators": [20, 60]}}),
    ("random_forest", {"space": {"max_depth": [4, 16], "min_samples_leaf": [1, 50]}, "params": {"n_estimators": 30}}),
    ("logistic_regression", {"space": {"C": {"min": 0.001, "max": 100, "log": True}}}),
)


def tune(report, algorithm, spec):
    connection, cursor = session()
    seconds, row = run(cursor,
                       "SELECT trials, tuning, model || '@' || version FROM engage_tune('tuned', 'tuning', target => 'churn',"
                       " key => 'customer_id', algorithms => ARRAY[%s], space => %s, params => %s, trials => %s, folds => 3,"
                       " prune => 'none', deploy => 'always')",
                       (algorithm, json.dumps(spec["space"]), json.dumps(spec.get("params", {})), TRIALS))
    peak = peak_mb(connection.info.backend_pid)
    cursor.execute("SELECT sum(seconds) FROM engage.trials WHERE tuning = %s", (row[1],))
    fits = cursor.fetchone()[0]
    cursor.execute("SELECT params FROM engage.trials WHERE tuning = %s AND rank = 1", (row[1],))
    final, _ = run(cursor, "SELECT version FROM engage_train('final', 'tuning', target => 'churn', key => 'customer_id',"
                   " algorithm => %s, params => %s)", (algorithm, json.dumps(cursor.fetchone()[0])))
    cursor.execute("SELECT engage_drop('tuned'); SELECT engage_drop('final')")
    connection.close()
    report.line(f"{row[0]} trials of {algorithm}, 3 folds", seconds_text(seconds), seconds_text(fits),
                seconds_text(final), ratio(seconds, fits + final), mb(peak))


def cross_validate(report, algorithm, params):
    connection, cursor = session()
    seconds, row = run(cursor,
                       "SELECT seconds FROM engage_cross_validate('tuning', target => 'churn', key => 'customer_id',"
                       " algorithm => %s, params => %s) WHERE fold IS NULL", (algorithm, json.dumps(params)))
    peak = peak_mb(connection.info.backend_pid)
    connection.close()
    report.line(f"5 folds of {algorithm}", seconds_text(seconds), seconds_text(row[0]), "", ratio(seconds, row[0]), mb(peak))


def section_tuning(_):
    connection = connect()
    cursor = connection.cursor()
    make_table(cursor, "tuning", TUNING_ROWS)
    report = Report(f"Searching: {TUNING_ROWS:,} rows x 49 features, {THREADS} threads; reference: the sum of the fits that are made",
                    ("", "engage", "fits", "final training", "ratio", "peak"))
    for algorithm, spec in SEARCHES:
        tune(report, algorithm, spec)
    for algorithm, params in (("xgboost", {"n_estimators": 50}), ("random_forest", {"n_estimators": 50}),
                              ("logistic_regression", {})):
        cross_validate(report, algorithm, params)
    cursor.execute("DROP TABLE tuning")
    connection.close()
