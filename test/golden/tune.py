#!/usr/bin/env python3
"""Golden numbers of cross-validation and of the weights of ensembles.

tune.py telco    AUC of each ordered fold of test/sql/crossval.sql, from XGBoost itself
tune.py cv       mean AUC of shuffled folds, many times over: what a mean should be near to
tune.py blend    weights of test/check_blend.c, from scipy's general optimizers

Ordered folds are known from the outside: rows by day, cut into folds + 1 blocks, block f tested
after learning from all before it.  Compare at 0.003: the library bins its columns by sketches that
depend on the order of the rows.
"""

import os
import sys

import numpy as np
from scipy import optimize

MASK = (1 << 64) - 1


def telco():
    import pandas as pd

    here = os.path.dirname(os.path.abspath(__file__))
    d = pd.read_csv(os.path.join(here, "../data/telco_churn.csv"))
    x = d[["tenure", "monthly_charges", "total_charges", "paperless_billing"]].astype(float)
    return d, x, (d["churn"] == "Yes").astype(int)


def ordered_folds():
    import xgboost
    from sklearn.metrics import roc_auc_score

    d, x, y = telco()
    rows = np.argsort(d["customer_id"].values * 7919 % 7043, kind="stable")
    block = np.empty(len(rows), int)
    block[rows] = np.arange(len(rows)) * 6 // len(rows)
    for fold in range(1, 6):
        train, test = block < fold, block == fold
        dtrain = xgboost.DMatrix(x[train], y[train])
        b = xgboost.train({"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3},
                          dtrain, 20)
        auc = roc_auc_score(y[test], b.predict(xgboost.DMatrix(x[test])))
        print(fold, train.sum(), test.sum(), round(auc, 4))


def shuffled_folds():
    import xgboost
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    _, x, y = telco()
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, tree_method="hist")
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=1)
    auc = cross_val_score(model, x, y, cv=folds, scoring="roc_auc")
    print("mean", round(auc.mean(), 4), "deviation between folds", round(auc.std(ddof=1), 4))


# ---------------------------------------------------------------------------
# Weights of ensembles: the same random numbers as check_blend.c
# ---------------------------------------------------------------------------

def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def unit(key, n):
    return (mix((key + (n + 1) * 0x9E3779B97F4A7C15) & MASK) >> 11) / 9007199254740992.0


ROWS, MEMBERS, CLASSES = 300, 3, 3


def numbers():
    p = np.empty((ROWS, MEMBERS))
    y = np.empty(ROWS)
    w = np.array([0.5 + unit(4, i) for i in range(ROWS)])
    for i in range(ROWS):
        truth = 10 * unit(1, i)
        y[i] = truth + unit(2, i)
        for k in range(MEMBERS):
            p[i, k] = (0.5 + 0.4 * k) * truth + (k + 1) * unit(3, i * MEMBERS + k)
    return p, y, w


def classes(n):
    p = np.empty((ROWS, MEMBERS, n))
    y = np.array([int(n * unit(5, i)) for i in range(ROWS)])
    w = np.array([0.5 + unit(4, i) for i in range(ROWS)])
    for i in range(ROWS):
        for k in range(MEMBERS):
            v = [0.02 + unit(6, (i * MEMBERS + k) * n + c) ** 6 +
                 (c == y[i]) * (0.05 * k + 0.6 * (i % MEMBERS == k))
                 for c in range(n)]
            p[i, k] = np.array(v) / sum(v)
    return p, y, w


def shares_of(v):
    e = np.exp(np.append(v, 0) - max(0, v.max()))
    return e / e.sum()


def logistic(n):
    p, y, w = classes(n)
    logs = np.log(np.clip(p, 1e-6, 1 - 1e-6))

    def loss(t):
        z = np.einsum("k,ikc->ic", t[:MEMBERS], logs) + np.append(0, t[MEMBERS:])
        z -= z.max(axis=1, keepdims=True)
        ll = z[np.arange(ROWS), y] - np.log(np.exp(z).sum(axis=1))
        return -(w * ll).sum() + 0.5 * (t[:MEMBERS] ** 2).sum()

    return optimize.minimize(loss, np.zeros(MEMBERS + n - 1), method="BFGS",
                             options={"gtol": 1e-8}).x


def blend():
    p, y, w = numbers()
    s = np.sqrt(w)[:, None]
    best = None
    for used in range(1, 1 << MEMBERS):     # weights >= 0 and an intercept, by trying every subset
        cols = [k for k in range(MEMBERS) if used >> k & 1]
        a = np.column_stack([p[:, cols], np.ones(ROWS)])
        v = np.linalg.lstsq(a * s, y * s[:, 0], rcond=None)[0]
        if (v[:-1] < 0).any():
            continue
        r = (w * (y - a @ v) ** 2).sum()
        if best is None or r < best[0]:
            full = np.zeros(MEMBERS + 1)
            full[cols] = v[:-1]
            full[-1] = v[-1]
            best = (r, full)
    print("least squares", best[1])
    r = optimize.minimize(lambda v: (w * (y - p @ v) ** 2).sum() / w.sum(), np.ones(MEMBERS) / MEMBERS,
                          bounds=[(0, 1)] * MEMBERS, method="SLSQP", options={"ftol": 1e-15},
                          constraints={"type": "eq", "fun": lambda v: v.sum() - 1})
    print("shares", r.x)
    for n in (2, CLASSES):
        p, y, w = classes(n)
        truth = p[np.arange(ROWS), :, y]
        r = optimize.minimize(lambda v: -(w * np.log(truth @ shares_of(v))).sum(), np.zeros(MEMBERS - 1),
                              method="BFGS", options={"gtol": 1e-9})
        print("mixture", n, shares_of(r.x))
        print("logistic", n, logistic(n))


if __name__ == "__main__":
    {"telco": ordered_folds, "cv": shuffled_folds, "blend": blend}[sys.argv[1]]()
