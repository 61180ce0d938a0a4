#!/usr/bin/env python3
"""Golden values of src/algo/calibrate.c, from scikit-learn 1.2.

calibrate.py FILE   prints the rows of the table golden in test/sql/calibrate.sql

FILE is what that test's table raw holds, as CSV: id, part, label, raw (an
array of probabilities, one for each class).  The rows with part "calibrate"
fit CalibratedClassifierCV(cv="prefit") around a classifier that says raw; it is
then asked about the first rows with part "test".  The sigmoid's classifier has a
decision function, the log odds of raw, as ours has.
"""

import csv
import sys

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV

ASKED = 8


class Raw(BaseEstimator, ClassifierMixin):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return X


class LogOdds(Raw):
    def decision_function(self, X):
        p = np.clip(X, 1e-7, 1 - 1e-7)
        f = np.log(p) - np.log1p(-p)
        return f[:, 1] if f.shape[1] == 2 else f


def main():
    tasks = {}
    for task, i, part, label, raw in csv.reader(open(sys.argv[1])):
        tasks.setdefault(task, {"calibrate": [], "test": []})[part].append(
            (int(i), label, [float(p) for p in raw.strip("{}").split(",")]))
    for task, parts in sorted(tasks.items()):
        fit = parts["calibrate"]
        asked = sorted(parts["test"])[:ASKED]
        for method in "isotonic", "sigmoid":
            base = (Raw if method == "isotonic" else LogOdds)()
            X = np.array([r[2] for r in fit])
            y = np.array([r[1] for r in fit])
            base.fit(X, y)
            model = CalibratedClassifierCV(base, method=method, cv="prefit").fit(X, y)
            for row, p in zip(asked, model.predict_proba(np.array([r[2] for r in asked]))):
                print("('%s', '%s', %d, '{%s}', '{%s}')," % (
                    task, method, row[0], ",".join("%.7f" % v for v in row[2]),
                    ",".join("%.7f" % v for v in p)))


if __name__ == "__main__":
    main()
