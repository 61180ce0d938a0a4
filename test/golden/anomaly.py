#!/usr/bin/env python3
"""Isolation forests, extended ones and local outlier factors against others; run by test/check_isolation.sh, prints TAP

usage: anomaly.py LIBRARY   (of test/check_isolation.c)
       anomaly.py           prints the numbers of scikit-learn that test/sql/anomaly.sql compares with

Scores are computed again from the stored bytes of the trees.  What is random is compared as means over
seeds with scikit-learn's IsolationForest and with an extended isolation forest written here.
"""
import csv
import ctypes
import os
import struct
import sys

import numpy as np
from scipy import stats
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

ISOLATION, LOF = 0, 1
HERE = os.path.dirname(os.path.abspath(__file__))


def wdbc():
    """Every benign row, and each tenth malignant one, which are the anomalies."""
    with open(os.path.join(HERE, "..", "data", "wdbc.csv")) as file:
        rows = list(csv.reader(file))[1:]
    strange = np.array([r[-1] == "malignant" for r in rows])
    x = np.array([[float(v) for v in r[1:-1]] for r in rows], dtype=np.float32)
    keep = ~strange | (np.array([int(r[0]) for r in rows]) % 10 == 0)
    return x[keep], strange[keep]


def prepared(x, fit=None):
    """As prepare.c: mean 0, deviation 1, single precision."""
    x = x.astype(np.float64)
    fit = x if fit is None else fit.astype(np.float64)
    return ((x - fit.mean(0)) / fit.std(0)).astype(np.float32).astype(np.float64)


def lof_numbers():
    x, _ = wdbc()
    z = prepared(x)
    print("-- local_outlier_factor: place, factor of 20 neighbors, of 5 by manhattan")
    a = LocalOutlierFactor(20, novelty=True, algorithm="brute").fit(z)
    b = LocalOutlierFactor(5, novelty=True, algorithm="brute", metric="manhattan").fit(z)
    for i in (0, 50, 100, 200, 300):
        q = prepared(x[i:i + 1] * np.float32(1.5), x)
        print("\t(%d, %.9f, %.9f)," % (i, -a.score_samples(q)[0], -b.score_samples(q)[0]))


if len(sys.argv) < 2:
    lof_numbers()
    sys.exit()

library = ctypes.CDLL(sys.argv[1], mode=os.RTLD_LAZY)
pointer, floats, doubles, integers = (ctypes.c_void_p, np.ctypeslib.ndpointer(np.float32, flags="C"),
                                      np.ctypeslib.ndpointer(np.float64, flags="C"),
                                      np.ctypeslib.ndpointer(np.int32, flags="C"))
library.eg_isolation_path.restype = ctypes.c_double
library.eg_isolation_path.argtypes = [ctypes.c_double]
library.anomaly_params.restype = pointer
library.anomaly_set.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_double]
library.anomaly_set_word.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_char_p]
library.anomaly_fit.restype = pointer
library.anomaly_fit.argtypes = [ctypes.c_int, pointer, floats, ctypes.c_size_t, ctypes.c_int, integers, ctypes.c_uint64]
library.anomaly_predict.argtypes = [ctypes.c_int, pointer, floats, ctypes.c_size_t, doubles]
library.anomaly_model_threshold.restype = ctypes.c_double
library.anomaly_model_threshold.argtypes = [ctypes.c_int, pointer]
library.anomaly_save.restype = pointer
library.anomaly_save.argtypes = [ctypes.c_int, pointer, ctypes.POINTER(ctypes.c_int)]
library.anomaly_load.restype = pointer
library.anomaly_load.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int]

count = failed = 0


def ok(good, what, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {what}{f' ({detail})' if detail else ''}", flush=True)


class Model:
    def __init__(self, which, x, seed=1, ncategories=None, **params):
        self.which = which
        p = library.anomaly_params(which)
        for name, value in params.items():
            if isinstance(value, str):
                library.anomaly_set_word(which, p, name.encode(), value.encode())
            else:
                library.anomaly_set(which, p, name.encode(), value)
        n = np.array(ncategories if ncategories is not None else [0] * x.shape[1], dtype=np.int32)
        self.x = np.ascontiguousarray(x, dtype=np.float32)
        self.model = library.anomaly_fit(which, p, self.x, len(x), x.shape[1], n, seed)

    def predict(self, x, model=None):
        x = np.ascontiguousarray(x, dtype=np.float32)
        out = np.zeros(len(x))
        library.anomaly_predict(self.which, model or self.model, x, len(x), out)
        return out

    def threshold(self):
        return library.anomaly_model_threshold(self.which, self.model)

    def bytes(self):
        n = ctypes.c_int()
        at = library.anomaly_save(self.which, self.model, ctypes.byref(n))
        return ctypes.string_at(at, n.value)

    def loaded(self):
        b = self.bytes()
        self.kept = b
        return library.anomaly_load(self.which, b, len(b))


# ---------------------------------------------------------------------------
# The stored bytes, read without any of our code
# ---------------------------------------------------------------------------

class Bytes:
    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, form, n=None):
        size = struct.calcsize("<" + form)
        v = np.frombuffer(self.b, dtype=np.dtype(form).newbyteorder("<"), count=1 if n is None else n, offset=self.at)
        self.at += size * (1 if n is None else n)
        return v[0] if n is None else v


class Trees:
    """Trees that split on one column."""

    def __init__(self, b):
        r = Bytes(b)
        self.psi, level = int(r.take("I")), r.take("I")
        r.take("Q")
        r.take("d", 4)
        assert level == 0 and r.take("B") == 0
        self.n, nodes, self.ncols, groups, words = (int(v) for v in r.take("I", 5))
        assert groups == 1
        r.take("B", 2)
        r.take("f", 1)
        r.take("i", self.n)
        r.take("f", self.n)
        self.start = r.take("i", self.n + 1)
        self.feature = r.take("i", nodes)
        self.value = r.take("f", nodes)
        self.left, self.right = r.take("i", nodes), r.take("i", nodes)
        self.flags = r.take("B", nodes)
        self.cover, _ = r.take("f", nodes), r.take("f", nodes)
        self.set = np.full(nodes, -1)
        if words:
            self.set, self.words = r.take("i", nodes), (r.take("i", nodes), r.take("I", words))[1]
        assert r.at == len(b)

    def goes_left(self, i, v):
        if not np.isfinite(v):
            return bool(self.flags[i] & 1)
        if self.set[i] >= 0:
            return not int(self.words[self.set[i] + int(v) // 32]) >> (int(v) % 32) & 1
        return v < self.value[i]

    def path(self, t, x):
        i, depth, start = self.start[t], 0, self.start[t]
        while self.feature[i] >= 0:
            i = start + (self.left[i] if self.goes_left(i, x[self.feature[i]]) else self.right[i])
            depth += 1
        return depth + c(self.cover[i])

    def score(self, x):
        h = [np.mean([self.path(t, row) for t in range(self.n)]) for row in x]
        return 2 ** (-np.array(h) / c(self.psi))

    def sound(self, height):
        """Covers add up; leaves are as long as depth and cover say; no tree is too high."""
        for t in range(self.n):
            a, b = self.start[t], self.start[t + 1]
            depth = np.zeros(b - a, dtype=int)
            if self.cover[a] != self.psi:
                return False
            for k in range(b - a):
                i = a + k
                if self.feature[i] < 0:
                    good = abs(self.value[i] - depth[k] - c(self.cover[i])) < 1e-5 and depth[k] <= height
                else:
                    left, right = self.left[i], self.right[i]
                    depth[left] = depth[right] = depth[k] + 1
                    good = self.cover[a + left] + self.cover[a + right] == self.cover[i] and \
                        min(self.cover[a + left], self.cover[a + right]) > 0
                if not good:
                    return False
        return True


class Planes:
    """Trees of hyperplanes; the prepared columns follow from the rows, which have neither gaps nor categories."""

    def __init__(self, b, ncols):
        # sizes that tell where the trees begin: they end with the bytes
        r = Bytes(b)
        self.psi, self.level = int(r.take("I")), int(r.take("I"))
        for at in range(45, len(b) - 16):
            n, nodes, splits, terms = struct.unpack_from("<4I", b, at)
            if terms == self.level + 1 and at + 16 + 4 * (n + 1) + 12 * nodes + 8 * splits * terms == len(b):
                break
        else:
            raise AssertionError("no trees")
        r.at = at + 16
        self.n, self.terms = n, terms
        self.start = r.take("i", n + 1)
        node = np.frombuffer(b, dtype=[("value", "<f4"), ("left", "<i4"), ("split", "<i4")], count=nodes, offset=r.at)
        r.at += 12 * nodes
        self.value, self.left, self.split = node["value"], node["left"], node["split"]
        self.index = r.take("i", splits * terms).reshape(splits, terms)
        self.weight = r.take("f", splits * terms).reshape(splits, terms)
        assert r.at == len(b)

    def score(self, z):
        h = np.zeros(len(z))
        for t in range(self.n):
            for j, row in enumerate(z):
                k = 0
                while True:
                    i = self.start[t] + k
                    if self.left[i] == 0:
                        break
                    s = self.split[i]
                    k = self.left[i] + (self.weight[s].astype(float) @ row[self.index[s]] > self.value[i])
                h[j] += self.value[i]
        return 2 ** (-h / self.n / c(self.psi))


def c(n):
    """The paper's: 2 H(n - 1) - 2 (n - 1) / n, H(i) = ln(i) + Euler's constant."""
    return 0.0 if n <= 1 else 1.0 if n == 2 else 2 * (np.log(n - 1.0) + np.euler_gamma) - 2 * (n - 1.0) / n


# ---------------------------------------------------------------------------
# An extended isolation forest of its own (Hariri et al., algorithms 1 to 3)
# ---------------------------------------------------------------------------

def extended_tree(z, e, limit, level, random):
    if e >= limit or len(z) <= 1:
        return e + c(len(z))
    normal = random.standard_normal(z.shape[1])
    normal[random.choice(z.shape[1], z.shape[1] - level - 1, replace=False)] = 0
    p = random.uniform(z.min(0), z.max(0))
    left = (z - p) @ normal <= 0
    return normal, p, extended_tree(z[left], e + 1, limit, level, random), extended_tree(z[~left], e + 1, limit, level, random)


def extended_paths(tree, z, out, rows):
    if not isinstance(tree, tuple):
        out[rows] += tree
        return
    left = (z[rows] - tree[1]) @ tree[0] <= 0
    extended_paths(tree[2], z, out, rows[left])
    extended_paths(tree[3], z, out, rows[~left])


def extended_scores(fit, z, trees, psi, level, random):
    h = np.zeros(len(z))
    for _ in range(trees):
        sample = fit[random.choice(len(fit), psi, replace=False)]
        extended_paths(extended_tree(sample, 0, int(np.ceil(np.log2(psi))), level, random), z, h, np.arange(len(z)))
    return 2 ** (-h / trees / c(psi))


# ---------------------------------------------------------------------------
# Checks
# ---------------------------------------------------------------------------

def check_formula():
    n = np.array([0, 1, 2, 3, 4, 5, 10, 100, 256, 1000, 100000])
    ok(np.abs([library.eg_isolation_path(float(v)) for v in n] - _average_path_length(n)).max() < 1e-12,
       "c(n) is scikit-learn's, and so the paper's")
    one = np.zeros((1, 3))
    ok(np.allclose(Model(ISOLATION, one).predict(one), 0.5), "a single row has the score 0.5")
    two = np.array([[0.0], [1.0]])
    ok(np.allclose(Model(ISOLATION, two).predict(np.array([[0.0], [1.0], [9.0]])), 0.5), "two rows are a split apart: 2^(-1 / c(2)) = 0.5")
    same = np.ones((50, 2))
    ok(np.allclose(Model(ISOLATION, same).predict(same), 0.5), "rows that are all the same have the score 0.5")

    # three rows: the outer one is alone with the chance of its gap, else a split later
    three = np.array([[0.0], [1.0], [4.0]])
    s = np.mean([Model(ISOLATION, three, seed=k, n_estimators=1000).predict(three) for k in range(5)], axis=0)
    h = np.array([0.25 * 1 + 0.75 * 2, 2, 0.75 * 1 + 0.25 * 2])
    ok(np.abs(-np.log2(s) * c(3) - h).max() < 0.02, "paths of three rows are as long as chance says", f"{-np.log2(s) * c(3)} against {h}")


def check_trees(x):
    m = Model(ISOLATION, x)
    t = Trees(m.bytes())
    ok(t.n == 100 and t.psi == 256 and t.sound(8), "100 trees of 256 rows, covers and leaves as they should be")
    q = np.vstack([x[::7], x[::50] * np.float32(3)])
    ok(np.abs(t.score(q) - m.predict(q)).max() < 1e-6, "scores follow from the stored trees by the paper's formula")
    ok((m.predict(q, m.loaded()) == m.predict(q)).all(), "saved and loaded, the same scores")
    ok(Model(ISOLATION, x).bytes() == m.bytes() and Model(ISOLATION, x, seed=2).bytes() != m.bytes(), "a seed, a model")

    random = np.random.RandomState(1)
    mixed = np.column_stack([x[:, :4], random.randint(0, 5, len(x)), random.randint(0, 70, len(x))]).astype(np.float32)
    mixed[random.rand(*mixed.shape) < 0.2] = np.nan
    m = Model(ISOLATION, mixed, ncategories=[0, 0, 0, 0, 5, 70], max_samples=100)
    t = Trees(m.bytes())
    ok(t.psi == 100 and t.sound(7), "missing values and categories: trees are sound")
    ok(np.abs(t.score(mixed) - m.predict(mixed)).max() < 1e-6, "and scores follow from them")
    m = Model(ISOLATION, mixed, ncategories=[0, 0, 0, 0, 5, 70], max_features=0.5)
    t = Trees(m.bytes())
    used = [len(set(t.feature[t.start[k]:t.start[k + 1]]) - {-1}) for k in range(t.n)]
    ok(max(used) == 3 and len(set(t.feature)) == 7, "max_features bounds the columns of a tree")
    ok(Trees(Model(ISOLATION, x, max_samples=0.5).bytes()).psi == round(0.5 * len(x)), "max_samples up to 1 is a share")


def check_chance():
    random = np.random.RandomState(2)
    x = random.rand(200, 4).astype(np.float32)
    t = Trees(Model(ISOLATION, x, n_estimators=4000, max_samples=1.0).bytes())
    root = t.start[:-1]
    p = stats.chisquare(np.bincount(t.feature[root], minlength=4)).pvalue
    ok(p > 1e-3, "columns are as likely as each other", f"p = {p:.3f}")
    low, high = x.min(0)[t.feature[root]], x.max(0)[t.feature[root]]
    p = stats.kstest((t.value[root] - low) / (high - low), "uniform").pvalue
    ok(p > 1e-3, "thresholds are uniform between smallest and largest value", f"p = {p:.3f}")
    three = np.repeat([[0.0], [1.0], [2.0]], [150, 40, 10], axis=0)
    t = Trees(Model(ISOLATION, three, ncategories=[3], n_estimators=6000, max_samples=1.0).bytes())
    p = stats.chisquare(np.bincount(t.words[t.set[t.start[:-1]]], minlength=8)[1:7]).pvalue
    ok(p > 1e-3, "sets of categories are as likely as each other", f"p = {p:.3f}")
    gaps = np.where(random.rand(200, 1) < 0.3, np.nan, x[:, :1])
    t = Trees(Model(ISOLATION, gaps, n_estimators=4000, max_samples=1.0).bytes())
    p = stats.binomtest(int((t.flags[t.start[:-1]] & 1).sum()), 4000).pvalue
    ok(p > 1e-3, "missing values go either way", f"p = {p:.3f}")
    ten = np.arange(10.0).reshape(-1, 1)
    t = Trees(Model(ISOLATION, ten, n_estimators=8000, max_samples=2).bytes())
    pair = np.array([random.choice(10, 2, replace=False) for _ in range(20000)])
    drawn = pair.min(1) + random.rand(20000) * np.ptp(pair, axis=1)
    p = stats.ks_2samp(t.value[t.start[:-1]], drawn).pvalue
    ok(p > 1e-3 and t.psi == 2, "rows are as likely as each other, and drawn once", f"p = {p:.3f}")


def alike(ours, theirs):
    """Means over seeds that differ by chance alone: in standard errors at most 6, and on average as chance has it."""
    error = np.sqrt(ours.var(0, ddof=1) / len(ours) + theirs.var(0, ddof=1) / len(theirs))
    away = np.abs(ours.mean(0) - theirs.mean(0)) / error
    rank = stats.spearmanr(ours.mean(0), theirs.mean(0)).statistic
    return away.max() < 6 and 0.3 < away.mean() < 1.5 and rank > 0.98, \
        f"rank correlation {rank:.4f}, in standard errors {away.mean():.2f} apart, {away.max():.1f} at most"


def check_sklearn(x, strange):
    seeds = range(20)
    ours = np.array([Model(ISOLATION, x, seed=k).predict(x) for k in seeds])
    theirs = np.array([-IsolationForest(n_estimators=100, max_samples=256, random_state=k).fit(x).score_samples(x) for k in seeds])
    good, how = alike(ours, theirs)
    ok(good, "scores are scikit-learn's, means over 20 seeds", how)
    a, b = roc_auc_score(strange, ours.mean(0)), roc_auc_score(strange, theirs.mean(0))
    ok(abs(a - b) < 0.01, "AUC on malignant samples among benign ones", f"{a:.4f}, scikit-learn {b:.4f}")
    for share in (0.01, 0.05, 0.5):
        m = Model(ISOLATION, x, contamination=share)
        called = (m.predict(x) >= m.threshold()).sum()
        ok(called == np.ceil(share * (len(x) - 1)), f"contamination {share} calls as many rows anomalies as scikit-learn", str(called))
    m = Model(ISOLATION, np.ones((40, 2)), contamination=0.1)
    ok((m.predict(np.ones((1, 2))) < m.threshold()).all(), "equal rows are not anomalies, whatever the share")
    ok(Model(ISOLATION, x).threshold() == 0.5, "auto is 0.5")


def check_extended(x, strange):
    z = prepared(x)
    for level in (1, 29):
        m = Model(ISOLATION, x, extension_level=level)
        p = Planes(m.bytes(), x.shape[1])
        ok(np.abs(p.score(z[::9]) - m.predict(x[::9])).max() < 1e-6, f"extension level {level}: scores follow from the stored hyperplanes")
        ok((m.predict(x, m.loaded()) == m.predict(x)).all(), "saved and loaded, the same scores")
        full = p.weight[(p.weight != 0).all(1)]
        ok(len(full) > 0.99 * len(p.weight) and stats.kstest(full[:400].ravel(), "norm").pvalue > 1e-3,
           f"slopes are normal in {level + 1} columns")
        seeds = range(20)
        ours = np.array([Model(ISOLATION, x, seed=k, extension_level=level).predict(x) for k in seeds])
        theirs = np.array([extended_scores(z, z, 100, 256, level, np.random.RandomState(k)) for k in seeds])
        good, how = alike(ours, theirs)
        a, b = roc_auc_score(strange, ours.mean(0)), roc_auc_score(strange, theirs.mean(0))
        ok(good and abs(a - b) < 0.01, f"extension level {level}: as the same algorithm in numpy, means over 20 seeds",
           f"{how}, AUC {a:.4f} and {b:.4f}")
    m = Model(ISOLATION, x, extension_level=1000)
    ok(np.array_equal(m.predict(x), Model(ISOLATION, x, extension_level=29).predict(x)), "more than all columns are all")
    ok(np.allclose(Model(ISOLATION, np.ones((50, 2)), extension_level=1).predict(np.ones((3, 2))), 0.5),
       "hyperplanes: rows that are all the same have the score 0.5")


def check_lof(x, strange):
    random = np.random.RandomState(3)
    q = (x[random.randint(0, len(x), 100)] * random.uniform(0.7, 1.5, (100, x.shape[1]))).astype(np.float32)
    z, zq = prepared(x), prepared(q, x)
    for k, metric in ((20, "euclidean"), (5, "manhattan"), (1, "euclidean"), (len(x) - 1, "euclidean")):
        m = Model(LOF, x, n_neighbors=k, metric=metric)
        s = LocalOutlierFactor(k, novelty=True, algorithm="brute", metric=metric).fit(z)
        for rows, prep in ((q, zq), (x, z)):
            score = m.predict(rows)
            factor = 1.5 * score / (1 - score)
            theirs = -s.score_samples(prep)
            worst = (np.abs(factor - theirs) / theirs).max()
            ok(worst < 1e-6, f"{k} neighbors, {metric}: factors are scikit-learn's", f"to {worst:.0e}")
        ok((m.predict(q, m.loaded()) == m.predict(q)).all(), "saved and loaded, the same scores")
    for share in (0.02, 0.1):
        m = Model(LOF, x, contamination=share)
        s = LocalOutlierFactor(20, novelty=True, contamination=share).fit(z)
        ok(((m.predict(q) >= m.threshold()) == (s.predict(zq) < 0)).all(), f"contamination {share}: the same rows are called anomalies")
    m = Model(LOF, x)
    ok(m.threshold() == 0.5, "auto is the score of factor 1.5")
    a = roc_auc_score(strange, m.predict(x))
    b = roc_auc_score(strange, -LocalOutlierFactor(20, novelty=True).fit(z).score_samples(z))
    ok(abs(a - b) < 1e-9, "AUC on malignant samples among benign ones", f"{a:.4f}")
    same = np.ones((50, 2))
    ok(np.isfinite(Model(LOF, same).predict(same)).all() and np.allclose(Model(LOF, same[:1]).predict(same), 0.4),
       "rows that are all the same, and a single one")
    large = (random.randn(300, 3) * 1e38).clip(-3e38, 3e38)
    ok(np.isfinite(Model(LOF, large).predict(large)).all() and np.isfinite(Model(ISOLATION, large).predict(large)).all() and
       np.isfinite(Model(ISOLATION, large, extension_level=2).predict(large)).all(), "numbers up to 3e38")


x, strange = wdbc()
check_formula()
check_trees(x)
check_chance()
check_sklearn(x, strange)
check_extended(x, strange)
check_lof(x, strange)
print(f"1..{count}")
sys.exit(failed > 0)
