#!/usr/bin/env python3
"""Contributions by XGBoost itself, of the model that engage exported: what engage_explain is measured against.

usage: raw_explain.py DATA.npz MODEL.ubj ROWS

Prints one JSON object: seconds of pred_contribs for the first rows with one thread, milliseconds of a
single row, and the sum of all absolute contributions, by which one sees that both computed the same.
"""

import json
import sys
import time

import numpy as np
import xgboost as xgb

data = np.load(sys.argv[1])
rows = int(sys.argv[3])
x = data["x"][:rows]
types = [str(t) for t in data["types"]]
booster = xgb.Booster({"nthread": 1})
booster.load_model(sys.argv[2])
booster.set_param({"nthread": 1})


def contributions(part):
    matrix = xgb.DMatrix(part, feature_types=types, feature_names=booster.feature_names, enable_categorical=True, nthread=1)
    start = time.perf_counter()
    out = booster.predict(matrix, pred_contribs=True, validate_features=False)
    return time.perf_counter() - start, out


contributions(x[:100])
seconds, out = contributions(x)
one = sorted(contributions(x[i:i + 1])[0] for i in range(200))[100]
print(json.dumps({"seconds": seconds, "one_ms": one * 1000,
                  "sum": float(np.abs(out[:, :-1].astype(np.float64)).sum())}))
