#!/usr/bin/env python3
"""Golden values of sql/50_evaluate.sql, from scikit-learn 1.2 and scipy.

aggregates.py            prints the expected rows of test/sql/aggregates.sql
aggregates.py evaluate   prints those of test/sql/evaluate.sql

The data are telco_churn.csv: a score with many ties, weights, missing values.
Compare at 1e-9.  engage's own and computed here from their definition: MAPE
leaves out rows of truth 0; NDCG, average precision and the other four of a
list cut at k are means over every order of equal scores.
"""

import csv
import itertools
import math
import os
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import calibration
from sklearn import metrics as sk

warnings.simplefilter("ignore")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "telco_churn.csv")
ROWS = list(csv.DictReader(open(DATA)))


def column(name, kind=float):
    return np.array([kind(r[name]) if r[name] != "" else math.nan for r in ROWS])


def put(name, value):
    print("\t('%s', %.17g)," % (name, value))


def ece(y, p, bins, w):
    edges = np.linspace(0, 1, bins + 1)
    ids = np.searchsorted(edges[1:-1], p)
    total = 0.0
    for b in range(bins):
        k = ids == b
        if k.any():
            total += w[k].sum() * abs(np.average(p[k], weights=w[k]) - np.average(y[k], weights=w[k]))
    return total / w.sum()


def ks(y, p, w):
    fpr, tpr, _ = sk.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    return float(np.max(np.abs(tpr - fpr)))


def order_metrics(relevant, k):
    """The four of one order of a list."""
    relevant = np.asarray(relevant, dtype=float)
    total = relevant.sum()
    if total == 0:
        return np.zeros(4)
    top = relevant[:k]
    ap = sum(top[i] * top[: i + 1].sum() / (i + 1) for i in range(len(top))) / min(total, k)
    return np.array([ap, top.sum() / k, top.sum() / total, float(top.any())])


def tied_metrics(score, relevant, k):
    """Mean of order_metrics over every order in which scores do not rise."""
    ties = [[r for s, r in zip(score, relevant) if s == v] for v in sorted(set(score), reverse=True)]
    orders = [list(itertools.chain(*o))
              for o in itertools.product(*[list(itertools.permutations(t)) for t in ties])]
    return np.mean([order_metrics(o, k) for o in orders], axis=0)


def ndcg(score, gain, k):
    if len(score) == 1:
        return 1.0 if gain[0] > 0 else 0.0
    return sk.ndcg_score([gain], [score], k=k)


def aggregates():
    tenure, monthly, total = column("tenure"), column("monthly_charges"), column("total_charges")
    y = column("churn", lambda s: float(s == "Yes"))
    score = (72 - tenure) / 72.0
    one = np.ones(len(y))
    for suffix, w in (("", one), ("_w", monthly / 10)):
        put("auc" + suffix, sk.roc_auc_score(y, score, sample_weight=w))
        put("gini" + suffix, 2 * sk.roc_auc_score(y, score, sample_weight=w) - 1)
        put("average_precision" + suffix, sk.average_precision_score(y, score, sample_weight=w))
        put("ks_separation" + suffix, ks(y, score, w))
        put("logloss" + suffix, sk.log_loss(y, score, eps=1e-15, sample_weight=w))
        put("brier" + suffix, sk.brier_score_loss(y, score, sample_weight=w))
        put("ece10" + suffix, ece(y, score, 10, w))
        put("ece7" + suffix, ece(y, score, 7, w))
        predicted = column("contract", lambda s: float(s == "Month-to-month"))
        put("accuracy" + suffix, sk.accuracy_score(y, predicted, sample_weight=w))
        put("precision" + suffix, sk.precision_score(y, predicted, sample_weight=w))
        put("recall" + suffix, sk.recall_score(y, predicted, sample_weight=w))
        put("f1" + suffix, sk.f1_score(y, predicted, sample_weight=w))
        put("mcc" + suffix, sk.matthews_corrcoef(y, predicted, sample_weight=w))
        security, backup = ([r[c] for r in ROWS] for c in ("online_security", "online_backup"))
        put("accuracy_text" + suffix, sk.accuracy_score(backup, security, sample_weight=w))
        for name, f in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            put(name + "_text" + suffix,
                f(backup, security, labels=["No"], average="macro", sample_weight=w))
        k = ~np.isnan(total)
        actual, guess, v = total[k], (tenure * monthly)[k], w[k]
        put("rmse" + suffix, math.sqrt(sk.mean_squared_error(actual, guess, sample_weight=v)))
        put("mae" + suffix, sk.mean_absolute_error(actual, guess, sample_weight=v))
        put("mape" + suffix, sk.mean_absolute_percentage_error(actual, guess, sample_weight=v))
        put("r2" + suffix, sk.r2_score(actual, guess, sample_weight=v))
        put("pinball" + suffix, sk.mean_pinball_loss(actual, guess, alpha=0.8, sample_weight=v))
    assert abs(ks(y, score, one) - stats.ks_2samp(score[y == 1], score[y == 0]).statistic) < 1e-12

    # one list for each tenure; then the first 150 customers in lists of 5, every order tried
    gain = y + 2 * column("senior_citizen")
    lists = [tenure == t for t in np.unique(tenure)]
    put("ndcg_at_5", np.mean([ndcg(monthly[l], y[l], 5) if y[l].any() else 0.0 for l in lists]))
    put("ndcg_at_10_gain", np.mean([ndcg(monthly[l], gain[l], 10) if gain[l].any() else 0.0 for l in lists]))
    ids = column("customer_id", int)
    small = [np.where((ids > 5 * i) & (ids <= 5 * i + 5))[0] for i in range(30)]
    for k in (1, 2, 3, 8):
        mean = np.mean([tied_metrics(np.floor(monthly[l] / 30), y[l], k) for l in small], axis=0)
        for name, value in zip(("map", "precision", "recall", "hit_rate"), mean):
            put("%s_at_%d" % (name, k), value)


def evaluate():
    tenure, monthly = column("tenure"), column("monthly_charges")
    y = column("churn", lambda s: float(s == "Yes"))
    # the model of test/sql/evaluate.sql: two small trees
    raw = np.where(tenure <= 6.5, np.where(monthly <= 60.25, -0.5, 1.0), np.where(tenure <= 40.5, -0.75, -2.0))
    raw = raw + np.where(monthly <= 30.25, -0.75, np.where(tenure <= 20.5, 0.5, 0.25))
    score = 1 / (1 + np.exp(-raw))
    w = monthly / 10
    for suffix, w in (("", None), ("_w", monthly / 10)):
        fpr, tpr, t = sk.roc_curve(y, score, sample_weight=w)
        for i in range(1, len(t)):
            put("roc%s_%d_threshold" % (suffix, i), t[i])
            put("roc%s_%d_fpr" % (suffix, i), fpr[i])
            put("roc%s_%d_tpr" % (suffix, i), tpr[i])
        precision, recall, t = sk.precision_recall_curve(y, score, sample_weight=w)
        for i, j in enumerate(range(len(t) - 1, -1, -1)):
            put("pr%s_%d_threshold" % (suffix, i + 1), t[j])
            put("pr%s_%d_precision" % (suffix, i + 1), precision[j])
            put("pr%s_%d_recall" % (suffix, i + 1), recall[j])
        put("auc" + suffix, sk.roc_auc_score(y, score, sample_weight=w))
        put("log_loss" + suffix, sk.log_loss(y, score, eps=1e-15, sample_weight=w))
    true, mean = calibration.calibration_curve(y, score, n_bins=10)
    for i in range(len(true)):
        put("calibration_%d_mean" % (i + 1), mean[i])
        put("calibration_%d_rate" % (i + 1), true[i])
    cm = sk.confusion_matrix(y, score >= 0.5)
    for a in (0, 1):
        for p in (0, 1):
            put("confusion_%d_%d" % (a, p), cm[a][p])
    # thresholds, by trying each
    def counts(t):
        p = score >= t
        return [float(v) for v in (np.sum(p & (y == 1)), np.sum(p & (y == 0)), np.sum(~p & (y == 1)))]
    tries = [(t, counts(t)) for t in sorted(set(score), reverse=True)]
    put("threshold_f1", max(tries, key=lambda x: 2 * x[1][0] / (2 * x[1][0] + x[1][1] + x[1][2]))[0])
    n1, n0 = y.sum(), len(y) - y.sum()
    put("threshold_youden", max(tries, key=lambda x: x[1][0] / n1 - x[1][1] / n0)[0])
    put("threshold_recall", max((x for x in tries if x[1][0] / n1 >= 0.8),
                                key=lambda x: x[1][0] / (x[1][0] + x[1][1]))[0])
    put("threshold_precision", max((x for x in tries if x[1][0] / (x[1][0] + x[1][1]) >= 0.5),
                                   key=lambda x: x[1][0])[0])
    best = min(tries, key=lambda x: 5 * x[1][1] + 12 * x[1][2])
    put("threshold_cost", best[0])
    put("threshold_cost_value", 5 * best[1][1] + 12 * best[1][2])
    # lift: rows of equal score share, as the mean over their orders does
    n = len(y)
    values = sorted(set(score), reverse=True)
    edges, caught = [0.0], [0.0]
    for v in values:
        edges.append(edges[-1] + np.sum(score == v))
        caught.append(caught[-1] + np.sum(y[score == v]))
    gains = np.interp(np.arange(0, 11) * n / 10.0, edges, caught)
    for d in range(10):
        put("lift_%d" % (d + 1), (gains[d + 1] - gains[d]) / (n / 10.0) / (n1 / n))
        put("gain_%d" % (d + 1), gains[d + 1] / n1)


if __name__ == "__main__":
    evaluate() if sys.argv[1:] == ["evaluate"] else aggregates()
