#!/usr/bin/env python3
"""Fit one learner of scikit-learn or XGBoost on arrays in memory: what engage's learners are measured against.

usage: raw_learner.py DATA.npz LEARNER PARAMS_JSON THREADS REPEATS

Prints one JSON object: the best seconds of a fit over the repeats, the quality on held-out rows
(R2 or AUC), and the peak memory of this process with single precision.  Arrays are made in both
precisions, and the faster of the two counts.
"""

import json
import sys
import time
import warnings

import numpy as np

data = np.load(sys.argv[1])
learner, params, threads, repeats = sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
train = data["train"]
regression = learner == "linear_regression"
y = data["spend"] if regression else data["y"]


def make():
    if learner == "linear_regression":
        from sklearn.linear_model import LinearRegression
        return LinearRegression(**params)
    if learner == "logistic_regression":
        from sklearn.linear_model import LogisticRegression
        return LogisticRegression(**params)
    if learner == "mlp":
        from sklearn.neural_network import MLPClassifier
        return MLPClassifier(**params)
    if learner == "sklearn_forest":
        from sklearn.ensemble import RandomForestClassifier
        return RandomForestClassifier(n_jobs=threads, **params)
    from xgboost import XGBRFClassifier
    return XGBRFClassifier(n_jobs=threads, tree_method="hist", **params)


def peak_mb():
    # not getrusage: that counts the parent's memory before exec as ours
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


warnings.filterwarnings("ignore")
x_test, y_test = data["x"][~train], y[~train]
best, model, peak = None, None, None
for precision in [np.float32] if learner.endswith("forest") else [np.float32, np.float64]:
    x_train = np.ascontiguousarray(data["x"][train], dtype=precision)
    y_train = y[train].astype(precision)
    for _ in range(repeats):
        candidate = make()
        start = time.perf_counter()
        candidate.fit(x_train, y_train)
        seconds = time.perf_counter() - start
        if best is None or seconds < best:
            best, model = seconds, candidate
    del x_train
    peak = peak or peak_mb()

from sklearn.metrics import r2_score, roc_auc_score  # noqa: E402: not part of what is measured

if regression:
    quality = r2_score(y_test, model.predict(x_test))
else:
    quality = roc_auc_score(y_test, model.predict_proba(x_test)[:, 1])
print(json.dumps({"seconds": best, "quality": float(quality), "peak_mb": peak}))
