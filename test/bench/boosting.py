"""XGBoost through engage against the library itself: the main table, one customer, growth."""

import os
import statistics
import subprocess
import tempfile

import json

from common import (ROWS, THREADS, Report, best_of, connect, export, make_table, mb, peak_mb, ratio, reference, run,
                    seconds_text, session)

GROWTH_ROWS = [int(n) for n in os.environ.get("GROWTH_ROWS", "10000 100000 1000000").split()]
PARAMS = {"max_depth": 7, "learning_rate": 0.1, "subsample": 0.8, "colsample_bytree": 0.8}
ROUNDS = 100


def raw(data, rounds=ROUNDS, params=PARAMS):
    return reference("raw.py", data, THREADS, params, rounds)


def train(name, rounds=ROUNDS, params=PARAMS, model=None, test_size=0.2):
    """Train in a fresh backend; seconds, peak MB, metrics."""
    connection, cursor = session()
    seconds, row = run(cursor,
                       "SELECT metrics->>'auc', version FROM engage_train(%s, %s, target => 'churn', key => 'customer_id', "
                       "params => %s, test_size => %s, deploy => 'always')",
                       (model or name, name, json.dumps(dict(params, n_estimators=rounds)), test_size))
    peak = peak_mb(connection.info.backend_pid)
    connection.close()
    return seconds, peak, row


def section_main(directory):
    connection = connect()
    cursor = connection.cursor()
    make_table(cursor, "bench", ROWS)
    data = export(cursor, "bench", "", directory)
    library = raw(data)
    seconds, peak, row = train("bench")

    scan = best_of(3, cursor, "SELECT max(plan) FROM bench")
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    one = best_of(3, cursor, "SELECT sum(engage_predict('bench', c)) FROM bench c")
    cursor.execute(f"SET max_parallel_workers_per_gather = {THREADS}; SET parallel_leader_participation = off")
    cursor.execute("SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0")
    several = best_of(3, cursor, "SELECT sum(engage_predict('bench', c)) FROM bench c")

    report = Report(f"XGBoost: {ROWS:,} rows x 49 features, {ROUNDS} trees of depth 7, {THREADS} threads",
                    ("", "engage", "library", "ratio"))
    for what, ours, theirs in (("train: read, learn, measure, store; construct and train", seconds, library["train"]),
                               ("score the table, one backend; one thread", one, library["predict_one"]),
                               (f"score the table, {THREADS} workers; {THREADS} threads", several, library["predict_all"])):
        report.line(what, seconds_text(ours), seconds_text(theirs), ratio(ours, theirs))
    report.line("peak memory of training", mb(peak), mb(library["peak_mb"]), ratio(peak, library["peak_mb"]))
    report.note(f"A scan that reads the last column: {scan:.2f} s; held-out AUC {float(row[0]):.4f}.")
    connection.close()


def pgbench(clients, seconds=8):
    """Transactions a second, p50 and p99 in ms, of one customer by primary key."""
    with tempfile.TemporaryDirectory() as directory:
        script = os.path.join(directory, "point.sql")
        with open(script, "w") as out:
            out.write(f"\\set id random(1, {ROWS})\n"
                      "SELECT engage_predict('bench', c) FROM bench c WHERE customer_id = :id;\n")
        result = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-f", script, "-c", str(clients), "-j", str(min(clients, 2)),
             "-T", str(seconds), "-l", "--log-prefix", os.path.join(directory, "log")],
            check=True, capture_output=True, text=True)
        latency = []
        for name in os.listdir(directory):
            if name.startswith("log"):
                with open(os.path.join(directory, name)) as log:
                    latency.extend(int(line.split()[2]) for line in log)
        latency.sort()
        tps = next(float(line.split("=")[1].split()[0]) for line in result.stdout.splitlines() if line.startswith("tps"))
        return tps, latency[len(latency) // 2] / 1000, latency[len(latency) * 99 // 100] / 1000


def section_point(_):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT to_regclass('bench') IS NOT NULL")
    if not cursor.fetchone()[0]:
        make_table(cursor, "bench", ROWS)
        train("bench")
    report = Report("One customer by primary key, prepared statement, clients on the same cores",
                    ("clients", "a second", "p50", "p99"))
    for clients in (1, 8, 64):
        tps, p50, p99 = pgbench(clients)
        report.line(str(clients), f"{tps:,.0f}", f"{p50:.3f} ms", f"{p99:.3f} ms")

    first = []
    for _ in range(10):
        fresh = connect()
        c = fresh.cursor()
        first.append(run(c, "SELECT engage_predict('bench', c) FROM bench c WHERE customer_id = 7")[0] * 1000)
        fresh.close()
    report.note(f"First call in a new backend: median {statistics.median(first):.1f} ms, worst {max(first):.1f} ms.")
    connection.close()


def growth_line(report, cursor, label, name, rounds, directory):
    data = export(cursor, name, "", directory)
    library = raw(data, rounds)
    seconds, peak, _ = train(name, rounds, model="growth")
    one = best_of(2, cursor, f"SELECT sum(engage_predict('growth', c)) FROM {name} c")
    os.remove(data)
    report.line(label, f"{seconds:.2f}", f"{library['train']:.2f}", ratio(seconds, library["train"]),
                f"{one:.3f}", f"{library['predict_one']:.3f}", ratio(one, library["predict_one"]), mb(peak))


def section_growth(directory):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    report = Report("Growth: seconds to train and to score all rows with one backend",
                    ("", "train", "library", "ratio", "score", "library", "ratio", "peak"))
    for rows in GROWTH_ROWS:
        make_table(cursor, "grow", rows)
        growth_line(report, cursor, f"{rows:,} rows, 49 columns, {ROUNDS} trees", "grow", ROUNDS, directory)
    for columns in (10, 49, 150, 500):
        make_table(cursor, "grow", 20000, columns)
        growth_line(report, cursor, f"20,000 rows, {columns} columns", "grow", ROUNDS, directory)
    make_table(cursor, "grow", 20000)
    for trees in (10, 100, 500, 2000):
        growth_line(report, cursor, f"20,000 rows, {trees} trees", "grow", trees, directory)
    connection.close()
