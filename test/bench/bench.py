#!/usr/bin/env python3
"""The speed table of engage: every line is measured against the raw library in the same run.

usage: bench.py --export DIR [main] [point] [growth]

Connects where libpq's environment points to.  bench.sh makes the cluster.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import psycopg2

ROWS = int(os.environ.get("ROWS", 1_000_000))
THREADS = int(os.environ.get("THREADS", 2))
GROWTH_ROWS = [int(n) for n in os.environ.get("GROWTH_ROWS", "10000 100000 1000000").split()]
PARAMS = {"max_depth": 7, "learning_rate": 0.1, "subsample": 0.8, "colsample_bytree": 0.8}
ROUNDS = 100
HERE = os.path.dirname(os.path.abspath(__file__))


def connect():
    connection = psycopg2.connect("")
    connection.autocommit = True
    return connection


def run(cursor, sql, args=None):
    """Seconds and the first row of a statement."""
    start = time.perf_counter()
    cursor.execute(sql, args)
    row = cursor.fetchone() if cursor.description else None
    return time.perf_counter() - start, row


def best_of(n, cursor, sql):
    return min(run(cursor, sql)[0] for _ in range(n))


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def make_table(cursor, name, rows, columns=49):
    """A customer_id, `columns` features (one of them text, some with NULLs) and a churn flag."""
    numbers = columns - 1
    draws = ", ".join(
        f"random() AS u{i}" for i in range(1, min(numbers, 12) + 1))
    values = []
    for i in range(1, numbers + 1):
        source = f"u{(i - 1) % 12 + 1}" if i <= 12 else f"random()"
        if i % 12 == 5:
            values.append(f"CASE WHEN random() < 0.05 THEN NULL ELSE ({source} * 1000)::real END AS f{i}")
        elif i % 3 == 0:
            values.append(f"({source} * 100)::integer::real AS f{i}")
        else:
            values.append(f"({source} * 10)::real AS f{i}")
    terms = ["2.0 * (u1 - 0.5)"]
    for i in range(2, min(numbers, 12) + 1):
        terms.append(["1.5 * (u{i} - 0.5) * (u1 > 0.5)::int", "sin(6 * u{i})", "1.2 * (u{i} > 0.7)::int"][i % 3]
                     .format(i=i))
    cursor.execute("SELECT setseed(0.42)")
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
    cursor.execute(
        f"CREATE TABLE {name} AS SELECT id AS customer_id, {', '.join(values)}, "
        f"(ARRAY['free','basic','plus','pro','team','enterprise','trial','partner'])[1 + (random() * 7.99)::int % 8] "
        f"AS plan, random() < 1 / (1 + exp(2.0 - ({' + '.join(terms)}))) AS churn "
        f"FROM (SELECT id, {draws} FROM generate_series(1::bigint, {rows}) id OFFSET 0) s")
    cursor.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (customer_id)")
    cursor.execute(f"VACUUM (ANALYZE, FREEZE) {name}")


def export(cursor, name, where, directory, share=0.8):
    """The table as numbers in a file for raw.py, which trains on as many rows as engage does."""
    path = os.path.join(directory, name + ".csv")
    with open(path, "w") as out:
        cursor.copy_expert(f"COPY (SELECT * FROM {name} {where} ORDER BY customer_id) TO STDOUT WITH (FORMAT csv, HEADER)", out)
    frame = pd.read_csv(path)
    os.remove(path)
    y = (frame.pop("churn") == "t").to_numpy(np.float32)
    frame.pop("customer_id")
    plan = frame["plan"].astype("category").cat.codes.to_numpy(np.float32)
    frame["plan"] = plan
    x = np.ascontiguousarray(frame.to_numpy(np.float32))
    types = ["c" if c == "plan" else "float" for c in frame.columns]
    target = os.path.join(directory, name + ".npz")
    np.savez(target, x=x, y=y, train=np.random.RandomState(1).rand(len(y)) < share, types=np.array(types))
    return target


def raw(data, rounds=ROUNDS, params=PARAMS):
    out = subprocess.run([sys.executable, os.path.join(HERE, "raw.py"), data, str(THREADS), json.dumps(params), str(rounds)],
                         check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def train(name, rounds=ROUNDS, params=PARAMS, model=None, test_size=0.2):
    """Train in a fresh backend; seconds, peak MB, metrics."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET engage.progress = off")
    cursor.execute("SET engage.threads = %s", (THREADS,))
    seconds, row = run(cursor,
                       "SELECT metrics->>'auc', version FROM engage_train(%s, %s, target => 'churn', key => 'customer_id', "
                       "params => %s, test_size => %s, deploy => 'always')",
                       (model or name, name, json.dumps(dict(params, n_estimators=rounds)), test_size))
    peak = peak_mb(connection.info.backend_pid)
    connection.close()
    return seconds, peak, row


def ratio(a, b):
    return f"{a / b:.2f} x"


def section_main(export_directory):
    connection = connect()
    cursor = connection.cursor()
    print(f"\n{ROWS:,} rows x 49 features, {ROUNDS} trees of depth 7, {THREADS} threads", flush=True)
    make_table(cursor, "bench", ROWS)
    data = export(cursor, "bench", "", export_directory)
    library = raw(data)
    seconds, peak, row = train("bench")

    columns = [f"f{i}" for i in range(1, 49)] + ["plan"]
    scan = best_of(3, cursor, "SELECT " + ", ".join(f"max({c})" for c in columns[-1:]) + " FROM bench")
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    one = best_of(3, cursor, "SELECT sum(engage_predict('bench', c)) FROM bench c")
    cursor.execute(f"SET max_parallel_workers_per_gather = {THREADS}; SET parallel_leader_participation = off")
    cursor.execute("SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0")
    several = best_of(3, cursor, "SELECT sum(engage_predict('bench', c)) FROM bench c")

    table = [
        ("train on all rows: read, learn, measure on held-out rows, store", seconds, library["train"], "construct and train"),
        ("score the table, one backend", one, library["predict_one"], "predict in memory, one thread"),
        (f"score the table, {THREADS} workers", several, library["predict_all"], f"predict in memory, {THREADS} threads"),
    ]
    print(f"{'':66} {'engage':>8} {'library':>8}  ratio")
    for what, ours, theirs, _ in table:
        print(f"{what:66} {ours:7.2f}s {theirs:7.2f}s  {ratio(ours, theirs)}")
    print(f"{'peak memory of training':66} {peak:6.0f}MB {library['peak_mb']:6.0f}MB  {ratio(peak, library['peak_mb'])}")
    print(f"a scan that reads the last column: {scan:.2f} s; held-out AUC {float(row[0]):.4f}", flush=True)
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
    print("\none customer by primary key, prepared statement, client on the same cores")
    for clients in (1, 8, 64):
        tps, p50, p99 = pgbench(clients)
        print(f"{clients:4} clients: {tps:8.0f} a second, p50 {p50:.3f} ms, p99 {p99:.3f} ms", flush=True)

    first = []
    for _ in range(10):
        fresh = connect()
        c = fresh.cursor()
        first.append(run(c, "SELECT engage_predict('bench', c) FROM bench c WHERE customer_id = 7")[0] * 1000)
        fresh.close()
    print(f"first call in a new backend: median {statistics.median(first):.1f} ms, worst {max(first):.1f} ms", flush=True)
    connection.close()


def growth_line(cursor, label, name, rounds, directory, where=""):
    data = export(cursor, name, where, directory)
    library = raw(data, rounds)
    seconds, peak, _ = train(name, rounds, model="growth")
    one = best_of(2, cursor, f"SELECT sum(engage_predict('growth', c)) FROM {name} c")
    os.remove(data)
    print(f"{label:28} {seconds:8.2f} {library['train']:8.2f} {ratio(seconds, library['train']):>8}"
          f" {one:8.3f} {library['predict_one']:8.3f} {ratio(one, library['predict_one']):>8} {peak:7.0f}", flush=True)


def section_growth(directory):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    print(f"\n{'growth':28} {'train':>8} {'library':>8} {'':>8} {'score':>8} {'library':>8} {'':>8} {'peak MB':>7}")
    for rows in GROWTH_ROWS:
        make_table(cursor, "grow", rows)
        growth_line(cursor, f"{rows:,} rows", "grow", ROUNDS, directory)
    for columns in (10, 49, 150, 500):
        make_table(cursor, "grow", 20000, columns)
        growth_line(cursor, f"20,000 rows, {columns} columns", "grow", ROUNDS, directory)
    make_table(cursor, "grow", 20000)
    for trees in (10, 100, 500, 2000):
        growth_line(cursor, f"20,000 rows, {trees} trees", "grow", trees, directory)
    connection.close()


def main():
    sections = {"main": section_main, "point": section_point, "growth": section_growth}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, help="directory for exported data")
    parser.add_argument("section", nargs="*", default=[], help=", ".join(sections))
    args = parser.parse_args()
    connection = connect()
    connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS engage")
    connection.close()
    for name in args.section or sections:
        sections[name](args.export)


if __name__ == "__main__":
    main()
