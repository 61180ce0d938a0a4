#!/usr/bin/env python3
"""The speed tables of engage: every line is measured against a reference in the same run.

usage: bench.py --export DIR [--markdown] [PART...]

Connects where libpq's environment points to.  bench.sh makes the cluster, and lists the parts.
"""

import argparse

import aggregates
import anomalies
import boosting
import clusters
import deciding
import explaining
import kernels
import learners
import searching
from common import Report, connect

PARTS = {
    "main": boosting.section_main,
    "point": boosting.section_point,
    "learners": learners.section_learners,
    "forests": learners.section_forests,
    "anomalies": anomalies.section_anomalies,
    "clusters": clusters.section_clusters,
    "decide": deciding.section_decide,
    "aggregates": aggregates.section_aggregates,
    "tuning": searching.section_tuning,
    "explain": explaining.section_explain,
    "kernels": kernels.section_kernels,
    "growth": boosting.section_growth,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, help="directory for exported data")
    parser.add_argument("--markdown", action="store_true", help="tables for docs/benchmarks.md")
    parser.add_argument("part", nargs="*", default=[], help=", ".join(PARTS))
    args = parser.parse_args()
    Report.markdown = args.markdown
    for name in args.part:
        if name not in PARTS:
            parser.error(f"there is no part \"{name}\"; parts: {', '.join(PARTS)}")
    connection = connect()
    connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS engage")
    connection.close()
    for name in args.part or PARTS:
        PARTS[name](args.export)


if __name__ == "__main__":
    main()
