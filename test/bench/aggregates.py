"""Metric aggregates against what the server does with the same column anyway."""

import os

from common import THREADS, Report, best_of, connect, ratio, seconds_text

AGGREGATE_ROWS = int(os.environ.get("AGGREGATE_ROWS", 10_000_000))

# what, call, reference, its call
LINES = (
    ("engage_auc", "engage_auc(score, truth)", "order"),
    ("engage_auc, weighted", "engage_auc(score, truth, weight)", "order"),
    ("engage_average_precision", "engage_average_precision(score, truth)", "order"),
    ("engage_rmse", "engage_rmse(score, weight)", "avg"),
    ("engage_mae", "engage_mae(score, weight)", "avg"),
    ("engage_logloss", "engage_logloss(score, truth)", "avg"),
    ("engage_brier", "engage_brier(score, truth)", "avg"),
)


def section_aggregates(_):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT setseed(0.42)")
    cursor.execute("DROP TABLE IF EXISTS scored")
    cursor.execute("CREATE TABLE scored AS SELECT s AS score, random() < s AS truth, random() AS weight"
                   f" FROM (SELECT random() AS s FROM generate_series(1, {AGGREGATE_ROWS}) OFFSET 0) r")
    cursor.execute("VACUUM (ANALYZE, FREEZE) scored")
    cursor.execute("SET work_mem = '2GB'; SET min_parallel_table_scan_size = 0")
    report = Report(f"Metric aggregates: {AGGREGATE_ROWS:,} rows; reference: ORDER BY the score, or avg(score)",
                    ("", "engage", "reference", "ratio"))
    for workers in (0, THREADS):
        cursor.execute(f"SET max_parallel_workers_per_gather = {workers}")
        how = f", {workers} workers and the leader" if workers else ""
        times = {
            "order": best_of(2, cursor, f"SELECT score FROM scored ORDER BY score OFFSET {AGGREGATE_ROWS - 1}"),
            "avg": best_of(3, cursor, "SELECT avg(score) FROM scored"),
        }
        for what, call, kind in LINES:
            seconds = best_of(2, cursor, f"SELECT {call} FROM scored")
            report.line(f"{what}{how}", seconds_text(seconds), seconds_text(times[kind]), ratio(seconds, times[kind]))
    cursor.execute("DROP TABLE scored")
    connection.close()
