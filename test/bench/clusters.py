"""k-means: engage_train on a table against scikit-learn on standardized arrays in memory."""

import json
import os

import numpy as np

from common import Report, best_of, connect, mb, peak_mb, ratio, reference, run, seconds_text, session

ROWS, COLUMNS, SEEDS = 100_000, 20, 3


def make(cursor, groups, directory):
    """Standardized rows, around `groups` places or none, as a table and as a file."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, COLUMNS))
    if groups:
        x += random.normal(size=(groups, COLUMNS))[random.integers(0, groups, ROWS)]
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    path = os.path.join(directory, "points.npy")
    np.save(path, x)
    text = os.path.join(directory, "points.csv")
    np.savetxt(text, x, fmt="%.9g", delimiter=",")
    columns = ", ".join(f"f{i} real" for i in range(COLUMNS))
    cursor.execute("DROP TABLE IF EXISTS points")
    cursor.execute(f"CREATE TABLE points ({columns})")
    with open(text) as rows:
        cursor.copy_expert("COPY points FROM STDIN WITH (FORMAT csv)", rows)
    os.remove(text)
    cursor.execute("VACUUM (ANALYZE) points")
    return path


def fit(params):
    """Mean seconds, inertia and iterations over the seeds, each in a training of its own."""
    connection, cursor = session()
    found = []
    for seed in range(SEEDS):
        seconds, row = run(cursor, "SELECT (metrics->>'inertia')::float8, (metrics->>'iterations')::int FROM engage_train('points', 'points',"
                           " algorithm => 'kmeans', params => %s, seed => %s, deploy => 'always')", (json.dumps(params), seed + 1))
        found.append((seconds, *row))
    cursor.execute("SELECT engage_drop('points')")
    connection.close()
    return [sum(v) / SEEDS for v in zip(*found)]


def section_clusters(directory):
    report = Report(f"k-means: {ROWS:,} rows of {COLUMNS} numbers, one seeding, to convergence, mean of {SEEDS} seeds; engage_train whole,"
                    " with its metrics, against scikit-learn's KMeans on arrays in memory, plus a scan of the table",
                    ("", "engage", "scikit-learn", "scan", "ratio", "iterations", "scikit-learn", "inertia", "scikit-learn"))
    connection = connect()
    cursor = connection.cursor()
    for name, groups, k in (("noise", 0, 8), ("8 groups", 8, 8), ("noise", 0, 30), ("100 groups", 100, 100)):
        data = make(cursor, groups, directory)
        scan = best_of(3, cursor, "SELECT max(f19) FROM points")
        theirs = reference("raw_clusters.py", data, str(k), str(SEEDS))
        seconds, inertia, iterations = fit({"k": k, "n_init": 1})
        report.line(f"{name}, k = {k}", seconds_text(seconds), seconds_text(theirs["seconds"]), seconds_text(scan),
                    ratio(seconds, theirs["seconds"] + scan), f"{iterations:.0f}", f"{theirs['iterations']:.0f}",
                    f"{inertia:,.0f}", f"{theirs['inertia']:,.0f}")
    cursor.execute("DROP TABLE points")
    connection.close()
    growth()


def grow(report, name, algorithm, rows, columns, params):
    """One line: engage_train in a session of its own, on rows around eight places."""
    connection = connect()
    cursor = connection.cursor()
    numbers = ", ".join(f"(engage_sample_random(i, {j + 1}, 1) + engage_sample_random(i, {j + 101}, 1) + ((i % 8) * {(j * 7 + 3) % 11}) % 5)::real AS f{j}"
                        for j in range(columns))
    cursor.execute("DROP TABLE IF EXISTS points")
    cursor.execute(f"CREATE TABLE points AS SELECT {numbers} FROM generate_series(1, {rows}) i")
    cursor.execute("VACUUM (ANALYZE) points")
    ours, cursor = session()
    before = peak_mb(ours.info.backend_pid)
    seconds, row = run(cursor, "SELECT coalesce(metrics->>'k', metrics->>'clusters', '') FROM engage_train('points', 'points', algorithm => %s,"
                       " params => %s, deploy => 'always')", (algorithm, json.dumps(params)))
    report.line(f"{name}, {rows:,} x {columns}", seconds_text(seconds), mb(peak_mb(ours.info.backend_pid) - before))
    cursor.execute("SELECT engage_drop('points')")
    cursor.execute("DROP TABLE points")
    ours.close()
    connection.close()


def growth():
    report = Report("How cost grows: engage_train whole, and how much the backend's peak memory grew by it (shared buffers that it touched included)",
                    ("", "seconds", "memory"))
    for rows, columns, k in ((10_000, 20, 8), (100_000, 20, 8), (1_000_000, 20, 8), (100_000, 10, 8), (100_000, 50, 8), (100_000, 100, 8),
                             (100_000, 20, 4), (100_000, 20, 32), (100_000, 20, 128)):
        grow(report, f"kmeans, k = {k}", "kmeans", rows, columns, {"k": k, "n_init": 1})
    for rows, columns in ((10_000, 10), (50_000, 10), (100_000, 10), (200_000, 10), (50_000, 3), (50_000, 20)):
        grow(report, "hdbscan", "hdbscan", rows, columns, {"min_cluster_size": 50, "min_samples": 10})
    for rows, columns, trees in ((10_000, 20, 100), (100_000, 20, 100), (1_000_000, 20, 100), (100_000, 100, 100), (100_000, 20, 1000)):
        grow(report, f"isolation_forest, {trees} trees", "isolation_forest", rows, columns, {"n_estimators": trees})
