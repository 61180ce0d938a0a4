#!/usr/bin/env python3
"""Train and predict with the raw library: what engage is measured against.

usage: raw.py DATA.npz THREADS PARAMS_JSON ROUNDS

Prints one JSON object: seconds to construct and train, to predict in memory with one and with all
threads, and the peak memory of this process.  A process of its own, so that memory is its own, too.
"""

import json
import sys
import time

import numpy as np
import xgboost as xgb

data = np.load(sys.argv[1])
threads = int(sys.argv[2])
params = json.loads(sys.argv[3])
rounds = int(sys.argv[4])
x, y, train = data["x"], data["y"], data["train"]
types = [str(t) for t in data["types"]]
x_train, y_train = x[train], y[train]

start = time.perf_counter()
matrix = xgb.DMatrix(x_train, label=y_train, feature_types=types, enable_categorical=True, nthread=threads)
construct = time.perf_counter() - start
booster = xgb.train(dict(params, nthread=threads, tree_method="hist", objective="binary:logistic"), matrix, rounds)
train_seconds = time.perf_counter() - start
with open("/proc/self/status") as status:  # not getrusage: that counts the parent's memory before exec as ours
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
del matrix

predict = {}
for n in sorted({1, threads}):
    booster.set_param({"nthread": n})
    best = None
    for _ in range(3):
        start = time.perf_counter()
        score = booster.inplace_predict(x)
        seconds = time.perf_counter() - start
        best = seconds if best is None or seconds < best else best
    predict[n] = best

print(json.dumps({
    "construct": construct,
    "train": train_seconds,
    "predict_one": predict[1],
    "predict_all": predict[threads],
    "peak_mb": peak / 1024,
    "score_sum": float(np.sum(score, dtype=np.float64)),
}))
