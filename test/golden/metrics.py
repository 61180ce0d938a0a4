#!/usr/bin/env python3
"""Golden values of src/eval/metrics*.c, from scikit-learn 1.2.

metrics.py          prints a JSON array of cases, inputs and expected values
metrics.py --sql    prints the same as a temporary table golden_metrics

Expected values are scikit-learn's at full precision; compare at 1e-9.  null
is an undefined value.  Four things are engage's own and computed here from
their definition: a fraction 0/0 is undefined, rows of weight 0 make no class
present and no truth vary, MAPE leaves out rows of truth 0, and log loss clips
at 1e-15 (scikit-learn 1.2 left that default for the machine epsilon).  A query
of one row, which scikit-learn refuses, has the NDCG 1 if the row is relevant
and else 0.  Concordance and lift, which scikit-learn lacks, come from the
plain double loop.
"""

import json
import math
import sys
import warnings

import numpy as np
from sklearn import metrics as sk

EPS = 1e-15


def ratio(a, b):
    return float(a) / float(b) if b > 0 else None


def numbers(case):
    y, p, w = case["truth"], case["score"][:, 0], case["weight"]
    out = {k: None for k in ("rmse", "mae", "r2", "mape", "median_absolute_error", "bias")}
    if case["task"] == "count":
        out["poisson_deviance"] = None
    if len(y) == 0:
        return out
    out["rmse"] = math.sqrt(sk.mean_squared_error(y, p, sample_weight=w))
    out["mae"] = sk.mean_absolute_error(y, p, sample_weight=w)
    out["median_absolute_error"] = sk.median_absolute_error(y, p, sample_weight=w)
    out["bias"] = float(np.average(p - y, weights=w))
    if len(np.unique(y if w is None else y[w > 0])) > 1:
        out["r2"] = sk.r2_score(y, p, sample_weight=w)
    k = (y != 0) & (True if w is None else w > 0)
    if k.any():
        out["mape"] = sk.mean_absolute_percentage_error(
            y[k], p[k], sample_weight=None if w is None else w[k])
    if case["task"] == "count" and (p > 0).all() and (y >= 0).all():
        out["poisson_deviance"] = sk.mean_poisson_deviance(y, p, sample_weight=w)
    return out


def at_threshold(y, p, w, threshold):
    (tn, fp), (fn, tp) = sk.confusion_matrix(y, p >= threshold, labels=[0, 1], sample_weight=w)
    return (ratio(tp + tn, tp + tn + fp + fn), ratio(tp, tp + fp), ratio(tp, tp + fn),
            ratio(2 * tp, 2 * tp + fp + fn))


def lift(y, p, w):
    """Each row's chance of being in the top tenth, ties sharing what is left."""
    ones = np.ones(len(y)) if w is None else w
    top, hits = 0.1 * ones.sum(), 0.0
    for i in range(len(y)):
        above, tied = ones[p > p[i]].sum(), ones[p == p[i]].sum()
        if tied > 0:
            hits += ones[i] * y[i] * min(max((top - above) / tied, 0.0), 1.0)
    return hits / top / np.average(y, weights=ones)


def binary(case):
    y, p, w = case["truth"], case["score"][:, 0], case["weight"]
    names = ("auc average_precision log_loss log_loss_base brier accuracy precision recall f1 "
             "best_threshold best_accuracy best_precision best_recall best_f1 positive_rate "
             "lift_top_decile")
    out = dict.fromkeys(names.split())
    if len(y) == 0:
        return out
    out["log_loss"] = sk.log_loss(y, p, sample_weight=w, labels=[0, 1], eps=EPS)
    share = float(np.average(y, weights=w))
    out["positive_rate"] = share
    out["log_loss_base"] = sk.log_loss(y, np.full(len(y), share), sample_weight=w,
                                       labels=[0, 1], eps=1e-300)
    if share in (0.0, 1.0):
        out["log_loss_base"] = 0.0
    out["brier"] = float(np.average((p - y) ** 2, weights=w))
    if len(np.unique(y)) == 2:
        assert abs(out["brier"] - sk.brier_score_loss(y, p, sample_weight=w)) < 1e-12
    out["accuracy"], out["precision"], out["recall"], out["f1"] = at_threshold(y, p, w, 0.5)
    if 0.0 < share < 1.0:
        out["auc"] = sk.roc_auc_score(y, p, sample_weight=w)
    if share > 0.0:
        out["average_precision"] = sk.average_precision_score(y, p, sample_weight=w)
        _, _, thresholds = sk.precision_recall_curve(y, p, sample_weight=w)
        f1 = [at_threshold(y, p, w, t)[3] for t in thresholds]
        best = max(t for t, f in zip(thresholds, f1) if f >= max(f1) - 1e-12)
        out["best_threshold"] = float(best)
        (out["best_accuracy"], out["best_precision"], out["best_recall"],
         out["best_f1"]) = at_threshold(y, p, w, best)
        out["lift_top_decile"] = lift(y, p, w)
    return out


def multiclass(case):
    y, p, w, k = case["truth"], case["score"], case["weight"], case["nclasses"]
    names = ("auc log_loss log_loss_base accuracy precision_macro recall_macro f1_macro "
             "precision_weighted recall_weighted f1_weighted")
    out = dict.fromkeys(names.split())
    if len(y) == 0:
        return out
    answer = p.argmax(axis=1)
    out["log_loss"] = sk.log_loss(y, p, sample_weight=w, labels=list(range(k)), eps=EPS)
    shares = np.array([np.average(y == c, weights=w) for c in range(k)])
    out["log_loss_base"] = -sum(s * math.log(s) for s in shares if s > 0)
    out["accuracy"] = sk.accuracy_score(y, answer, sample_weight=w)
    if w is not None:
        y, p, answer, w = y[w > 0], p[w > 0], answer[w > 0], w[w > 0]
    for average in ("macro", "weighted"):
        for name, f in (("precision", sk.precision_score), ("recall", sk.recall_score),
                        ("f1", sk.f1_score)):
            out[name + "_" + average] = f(y, answer, average=average, sample_weight=w,
                                          zero_division=0)
    areas = [sk.roc_auc_score(y == c, p[:, c], sample_weight=w)
             for c in range(k) if 0 < shares[c] < 1]
    if areas:
        out["auc"] = float(np.mean(areas))
    if len(areas) == k and np.allclose(p.sum(axis=1), 1.0):     # else it refuses
        area = sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=w)
        assert abs(out["auc"] - area) < 1e-12
    return out


def quantile(case):
    y, p, w, q = case["truth"], case["score"], case["weight"], case["quantiles"]
    out = dict.fromkeys(("pinball_loss", "interval_coverage", "interval_width"))
    if len(y) == 0:
        return out
    out["pinball_loss"] = float(np.mean(
        [sk.mean_pinball_loss(y, p[:, i], alpha=q[i], sample_weight=w) for i in range(len(q))]))
    if len(q) > 1:
        out["interval_coverage"] = float(np.average((y >= p[:, 0]) & (y <= p[:, -1]), weights=w))
        out["interval_width"] = float(np.average(p[:, -1] - p[:, 0], weights=w))
    return out


def ranking(case):
    y, p, w, g = case["truth"], case["score"][:, 0], case["weight"], case["group"]
    cutoffs = {"ndcg": None, "ndcg@5": 5, "ndcg@10": 10, "ndcg@3": 3}
    values = {name: [] for name in list(cutoffs) + ["map"]}
    weights = []
    if len(y) == 0:
        return dict.fromkeys(values)
    if g is None:
        g = np.zeros(len(y))
    for query in dict.fromkeys(g):
        rows = g == query
        weights.append(1.0 if w is None else w[rows].mean())
        for name, k in cutoffs.items():
            values[name].append(sk.ndcg_score(y[rows][None], p[rows][None], k=k)
                                if rows.sum() > 1 else float(y[rows][0] > 0))
        values["map"].append(sk.average_precision_score(y[rows] > 0, p[rows])
                             if (y[rows] > 0).any() else 0.0)
    return {name: float(np.average(v, weights=weights)) for name, v in values.items()}


def survival(case):
    t, p, w, e = case["truth"], case["score"][:, 0], case["weight"], case["event"]
    n = len(t)
    w = np.ones(n) if w is None else w
    e = np.ones(n) if e is None else e
    good = pairs = 0.0
    for i in range(n):
        for j in range(n):
            if e[i] and (t[i] < t[j] or (t[i] == t[j] and not e[j])):
                pairs += w[i] * w[j]
                good += w[i] * w[j] * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    return {"concordance": ratio(good, pairs)}


EXPECTED = {"regression": numbers, "count": numbers, "binary": binary, "multiclass": multiclass,
            "quantile": quantile, "ranking": ranking, "survival": survival}


def make(rng, task, n, weighted=False, digits=2, flat=False, one=False, classes=4, extras=True):
    """One case; digits rounds the scores, so that few digits make ties."""
    case = {"task": task, "weight": None, "group": None, "event": None, "nclasses": 0,
            "quantiles": None}
    x = rng.normal(size=n)
    if task == "regression":
        y = np.round(2.0 * x + rng.normal(size=n), 1)
        score = 2.0 * x
    elif task == "count":
        y = rng.poisson(np.exp(x)).astype(float)
        score = np.exp(0.8 * x) + 0.1
    elif task == "binary":
        y = (x + rng.normal(size=n) > 0.5).astype(float)
        score = 1.0 / (1.0 + np.exp(-1.5 * x))
        case["nclasses"] = 2
    elif task == "multiclass":
        y = rng.randint(0, classes, size=n).astype(float)
        raw = rng.normal(size=(n, classes)) + 1.5 * (y[:, None] == np.arange(classes))
        score = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        case["nclasses"] = classes
    elif task == "quantile":
        case["quantiles"] = np.array([0.1, 0.5, 0.9])
        y = np.round(x + rng.normal(size=n), 1)
        score = x[:, None] + np.array([-1.25, 0.0, 1.25])
    elif task == "ranking":
        y = np.maximum(0.0, np.round(x + rng.normal(size=n))).clip(0, 4)
        score = x
        case["group"] = np.sort(rng.randint(0, max(1, n // 8), size=n)).astype(float)
    else:
        y = np.round(rng.exponential(np.exp(-x)), 1)
        score = np.exp(x)
        if extras:
            case["event"] = (rng.uniform(size=n) < 0.7).astype(float)
    if one:
        y = np.full(n, 1.0)
    if flat:
        score = np.full(score.shape, 0.5)
    case["truth"] = y
    case["score"] = np.round(score, digits).reshape(n, -1) if n else \
        np.zeros((0, score.shape[1] if score.ndim > 1 else 1))
    if weighted:
        case["weight"] = np.round(rng.exponential(size=n), 2) + 0.01
        case["weight"][:: 7] = 0.0
        if n == 1:
            case["weight"][:] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case["expected"] = EXPECTED[task](case)
    return case


def cases(seed=20240501, n=40):
    rng = np.random.RandomState(seed)
    result = []
    for task in EXPECTED:
        for name, kw in (("plain", {}), ("weights", {"weighted": True}),
                         ("ties", {"digits": 1}), ("tied_weights", {"digits": 1, "weighted": True}),
                         ("constant_score", {"flat": True}), ("constant_truth", {"one": True})):
            result.append(dict(make(rng, task, n, **kw), name=task + "_" + name))
        result.append(dict(make(rng, task, 1), name=task + "_one_row"))
        result.append(dict(make(rng, task, 0), name=task + "_no_rows"))
    result.append(dict(make(rng, "survival", n, extras=False), name="survival_all_seen"))
    result.append(dict(make(rng, "multiclass", 25, classes=12), name="multiclass_absent_classes"))
    return result


def plain(v):
    return v.tolist() if isinstance(v, np.ndarray) else v


def sql_array(v):
    if v is None:
        return "NULL"
    return "'{" + ",".join(repr(float(x)) for x in np.ravel(v)) + "}'"


def main():
    made = cases()
    if "--sql" not in sys.argv[1:]:
        print(json.dumps([{k: plain(v) for k, v in c.items()} for c in made], indent=1))
        return
    print("CREATE TEMP TABLE golden_metrics (name text, task text, width int, nclasses int,\n"
          "\ttruth float8[], score float8[], weight float8[], \"group\" float8[],\n"
          "\tevent float8[], quantiles float8[], expected jsonb);")
    for c in made:
        print("INSERT INTO golden_metrics VALUES ('%s', '%s', %d, %d, %s, '%s');" % (
            c["name"], c["task"], c["score"].shape[1], c["nclasses"],
            ", ".join(sql_array(c[k]) for k in ("truth", "score", "weight", "group", "event",
                                                "quantiles")),
            json.dumps(c["expected"])))


if __name__ == "__main__":
    main()
