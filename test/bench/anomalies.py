"""Isolation forests against scikit-learn's: fit, and scores of all rows."""

import json

from common import SIZES, THREADS, Report, best_of, connect, export, make_numbers, mb, peak_mb, ratio, reference, run, seconds_text, session


def measure(cursor, params):
    """Best seconds of three: training, and the mean score of all rows."""
    fit = min(run(cursor, "SELECT version FROM engage_train('strange', 'numbers', key => 'customer_id', exclude => '{churn,spend}',"
                          " algorithm => 'isolation_forest', params => %s, deploy => 'always')", (json.dumps(params),))[0] for _ in range(3))
    return fit, best_of(3, cursor, "SELECT avg(engage_predict('strange', n)) FROM numbers n")


def section_anomalies(directory):
    report = Report(f"Isolation forests: 20 numbers, 100 trees of 256 rows, {THREADS} threads; reference: scikit-learn on arrays in memory",
                    ("", "engage", "scikit-learn", "ratio", "peak", "scikit-learn"))
    connection = connect()
    for rows in SIZES:
        make_numbers(connection.cursor(), "numbers", rows, 20)
        data = export(connection.cursor(), "numbers", "", directory, share=1)
        theirs = reference("raw_anomaly.py", data, THREADS)
        for level, name in ((0, ""), (19, ", hyperplanes in all columns (reference: splits on one)")):
            ours, cursor = session()
            fit, score = measure(cursor, {"extension_level": level})
            peak = peak_mb(ours.info.backend_pid)
            ours.close()
            report.line(f"fit{name}, {rows:,} rows", seconds_text(fit), seconds_text(theirs["fit"]), ratio(fit, theirs["fit"]),
                        mb(peak), mb(theirs["peak_mb"]))
            report.line(f"scores of all{name}, {rows:,} rows", seconds_text(score), seconds_text(theirs["score"]), ratio(score, theirs["score"]),
                        "", "")
    cursor = connection.cursor()
    cursor.execute("SELECT engage_drop('strange')")
    cursor.execute("DROP TABLE numbers")
    connection.close()
