#!/usr/bin/env python3
"""Fit scikit-learn's isolation forest on arrays in memory and score them: what engage's is measured against.

usage: raw_anomaly.py DATA.npz THREADS

Prints one JSON object: the best seconds of three fits and of three scorings, with one job or with THREADS,
whichever is faster, and the peak memory of this process.
"""

import json
import sys
import time

import numpy as np
from sklearn.ensemble import IsolationForest

x = np.ascontiguousarray(np.load(sys.argv[1])["x"], dtype=np.float32)
fits, scores = [], []
for jobs in (None, int(sys.argv[2])):
    for _ in range(3):
        forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=jobs)
        start = time.perf_counter()
        forest.fit(x)
        fitted = time.perf_counter()
        forest.score_samples(x)
        fits.append(fitted - start)
        scores.append(time.perf_counter() - fitted)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
print(json.dumps({"fit": min(fits), "score": min(scores), "peak_mb": peak}))
