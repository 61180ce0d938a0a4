#!/usr/bin/env python3
"""Fit scikit-learn's KMeans on standardized arrays in memory: what engage's is measured against.

usage: raw_clusters.py DATA.npy K SEEDS

Prints one JSON object: mean seconds and inertia over the seeds, and mean seconds of an iteration.  One seeding, Lloyd's
iterations to convergence with scikit-learn's default tolerance.  Both precisions are timed, and the faster counts.
"""

import json
import sys
import time
import warnings

import numpy as np
from sklearn.cluster import KMeans

warnings.filterwarnings("ignore")
x = np.load(sys.argv[1])
k, seeds = int(sys.argv[2]), int(sys.argv[3])
best = None
for precision in (np.float32, np.float64):
    rows = np.ascontiguousarray(x, dtype=precision)
    seconds, inertia, iterations = [], [], 0
    for seed in range(seeds):
        model = KMeans(k, n_init=1, algorithm="lloyd", random_state=seed)
        start = time.perf_counter()
        model.fit(rows)
        seconds.append(time.perf_counter() - start)
        inertia.append(float(model.inertia_))
        iterations += model.n_iter_
    if best is None or sum(seconds) < best["seconds"] * seeds:
        best = {"seconds": sum(seconds) / seeds, "inertia": sum(inertia) / seeds, "iterations": iterations / seeds}
print(json.dumps(best))
