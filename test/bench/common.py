"""What the parts of the benchmark share: connections, tables, processes of the references, the report."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psycopg2

ROWS = int(os.environ.get("ROWS", 1_000_000))
SIZES = [int(n) for n in os.environ.get("SIZES", "100000 1000000").split()]
THREADS = int(os.environ.get("THREADS", 2))
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


def session():
    """A fresh backend, so that its peak memory is that of one statement."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET engage.progress = off")
    cursor.execute("SET engage.threads = %s", (THREADS,))
    return connection, cursor


# ---------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------

TERMS = ["1.5 * (u{i} - 0.5) * (u1 > 0.5)::int", "sin(6 * u{i})", "1.2 * (u{i} > 0.7)::int"]


def terms_of(count):
    return " + ".join(["2.0 * (u1 - 0.5)"] + [TERMS[i % 3].format(i=i) for i in range(2, count + 1)])


def fill_table(cursor, name, rows, columns, draws):
    cursor.execute("SELECT setseed(0.42)")
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
    uniform = ", ".join(f"random() AS u{i}" for i in range(1, draws + 1))
    cursor.execute(f"CREATE TABLE {name} AS SELECT id AS customer_id, {', '.join(columns)} "
                   f"FROM (SELECT id, {uniform} FROM generate_series(1::bigint, {rows}) id OFFSET 0) s")
    cursor.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (customer_id)")
    cursor.execute(f"VACUUM (ANALYZE, FREEZE) {name}")


def make_table(cursor, name, rows, columns=49):
    """A customer_id, `columns` features (one of them text, some with NULLs) and a churn flag."""
    numbers = columns - 1
    draws = min(numbers, 12)
    values = []
    for i in range(1, numbers + 1):
        source = f"u{(i - 1) % 12 + 1}" if i <= 12 else "random()"
        if i % 12 == 5:
            values.append(f"CASE WHEN random() < 0.05 THEN NULL ELSE ({source} * 1000)::real END AS f{i}")
        elif i % 3 == 0:
            values.append(f"({source} * 100)::integer::real AS f{i}")
        else:
            values.append(f"({source} * 10)::real AS f{i}")
    values.append("(ARRAY['free','basic','plus','pro','team','enterprise','trial','partner'])"
                  "[1 + (random() * 7.99)::int % 8] AS plan")
    values.append(f"random() < 1 / (1 + exp(2.0 - ({terms_of(draws)}))) AS churn")
    fill_table(cursor, name, rows, values, draws)


def make_numbers(cursor, name, rows, columns=49):
    """A customer_id, `columns` numbers without a NULL, which every learner takes, a churn flag and a spend."""
    values = [f"({f'u{i}' if i <= 12 else 'random()'} * 10)::real AS f{i}" for i in range(1, columns + 1)]
    values.append(f"random() < 1 / (1 + exp(2.0 - ({terms_of(12)}))) AS churn")
    values.append(f"({terms_of(12)} + random())::real AS spend")
    fill_table(cursor, name, rows, values, 12)


def export(cursor, name, where, directory, share=0.8):
    """The table as arrays in a file for the references, which train on as many rows as engage does."""
    path = os.path.join(directory, name + ".csv")
    with open(path, "w") as out:
        cursor.copy_expert(f"COPY (SELECT * FROM {name} {where} ORDER BY customer_id) TO STDOUT WITH (FORMAT csv, HEADER)", out)
    frame = pd.read_csv(path)
    os.remove(path)
    y = (frame.pop("churn") == "t").to_numpy(np.float32)
    frame.pop("customer_id")
    more = {}
    if "spend" in frame:
        more["spend"] = frame.pop("spend").to_numpy(np.float32)
    if "plan" in frame:
        frame["plan"] = frame["plan"].astype("category").cat.codes.to_numpy(np.float32)
    x = np.ascontiguousarray(frame.to_numpy(np.float32))
    types = ["c" if c == "plan" else "float" for c in frame.columns]
    target = os.path.join(directory, name + ".npz")
    np.savez(target, x=x, y=y, train=np.random.RandomState(1).rand(len(y)) < share, types=np.array(types), **more)
    return target


def reference(script, *args):
    """What a reference in a process of its own prints: one JSON object."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(THREADS), OPENBLAS_NUM_THREADS=str(THREADS))
    command = [sys.executable, os.path.join(HERE, script)] + [a if isinstance(a, str) else json.dumps(a) for a in args]
    out = subprocess.run(command, capture_output=True, text=True, env=environment)
    if out.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{out.stderr[-2000:]}")
    return json.loads(out.stdout.splitlines()[-1])


# ---------------------------------------------------------------------------
# The report
# ---------------------------------------------------------------------------

class Report:
    """Tables to read, or to put into docs/benchmarks.md; lines appear as they are measured."""

    markdown = False

    def __init__(self, title, columns):
        self.columns = columns
        self.widths = [max(44, len(columns[0]))] + [max(9, len(c)) for c in columns[1:]]
        if self.markdown:
            print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
        else:
            print(f"\n{title}")
            self.line(*columns)

    def line(self, *cells):
        if self.markdown:
            print(f"| {' | '.join(str(c) for c in cells)} |", flush=True)
        else:
            texts = [f"{cells[0]:<{self.widths[0]}}"] + [f"{c:>{w}}" for c, w in zip(cells[1:], self.widths[1:])]
            print("  ".join(texts), flush=True)

    @staticmethod
    def note(text):
        print(f"\n{text}" if Report.markdown else text, flush=True)


def ratio(a, b):
    return f"{a / b:.2f}"


def seconds_text(s):
    return f"{s:.3f} s" if s < 0.1 else f"{s:.2f} s"


def mb(n):
    return f"{n:.0f} MB"
