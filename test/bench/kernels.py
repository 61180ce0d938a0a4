"""Kernels of OpenBLAS: the library's own choice, those for AVX2, and those of a processor that it does not know."""

import json
import os
import subprocess

from common import HERE, Report, connect, make_numbers, ratio, run, session

ROWS = 100_000


def environment(kernels):
    chosen = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return {**chosen, "OPENBLAS_CORETYPE": kernels} if kernels else chosen


def train():
    """Seconds of a neural net of 2 x 128 units, and what engage says of the kernels."""
    connection, cursor = session()
    cursor.execute("SET engage.threads = 1")
    params = json.dumps({"layers": [128, 128], "epochs": 5, "early_stopping_rounds": 0})
    seconds = min(run(cursor, "SELECT 1 FROM engage_train('net', 'numbers', target => 'churn', key => 'customer_id', exclude => '{spend}',"
                              " algorithm => 'mlp', params => %s, deploy => 'always')", (params,))[0] for _ in range(2))
    cursor.execute("SELECT current_setting('engage.blas_kernels')")
    said = cursor.fetchone()[0]
    cursor.execute("SELECT engage_drop('net')")
    connection.close()
    return seconds, said


def section_kernels(directory):
    report = Report(f"Kernels of OpenBLAS: sgemm of 512 x 512 x 512, and engage_train of an mlp on {ROWS:,} rows, one thread",
                    ("OPENBLAS_CORETYPE", "sgemm", "mlp", "against the own choice", "engage.blas_kernels"))
    connection = connect()
    make_numbers(connection.cursor(), "numbers", ROWS)
    connection.close()
    cluster = os.path.join(os.path.dirname(directory), "cluster")
    own = None
    for kernels in (None, "Haswell", "Prescott"):
        raw = json.loads(subprocess.run(["/usr/bin/python3", os.path.join(HERE, "raw_kernels.py")], env=environment(kernels), check=True,
                                        capture_output=True, text=True).stdout)
        subprocess.run([os.path.join(HERE, "../../scripts/cluster.sh"), "restart", cluster], env=environment(kernels), check=True)
        seconds, said = train()
        own = own or seconds
        report.line(kernels or "(not set)", f"{raw['gflops']:.0f} GFLOP/s", f"{seconds:.2f} s", ratio(seconds, own), said)
    subprocess.run([os.path.join(HERE, "../../scripts/cluster.sh"), "restart", cluster], env=environment(None), check=True)
    connection = connect()
    connection.cursor().execute("DROP TABLE numbers")
    connection.close()
