#!/usr/bin/env python3
"""shap.py - the exact Shapley values of src/algo/forest_shap*.c against other people's, and against all subsets

usage: shap.py LIBRARY LIMITS [bench]

Run by test/check_shap.sh, which compiles the files into LIBRARY, without a server, and into LIMITS, with limits that
small trees reach.  Oracles:
- libxgboost's pred_contribs and pred_interactions, on real data and made-up data, to 1e-5 of a row's largest value
  (it computes in single precision);
- the definition: every subset of the features, on small random forests with missing values, categories, covers of zero;
- exact fractions, on a tree of depth 64;
- the sum: contributions and base are the margin.
"bench" prints the speed and memory of ours against the library's, on one thread.
"""
import copy
import csv
import ctypes
import itertools
import json
import math
import os
import sys
import time
from fractions import Fraction

import numpy as np
import xgboost as xgb

from engage_models import DATA, Tap

tap = Tap()
CLOSE = 1e-5            # of the largest contribution of the row: the library's single precision
EXACT = 1e-12           # ours is double precision


# ---------------------------------------------------------------------------
# The library
# ---------------------------------------------------------------------------

ARRAYS = ('base', 'tree_group', 'tree_weight', 'tree_start', 'feature', 'value', 'left', 'right', 'flags', 'cat',
          'ncat', 'cover', 'gain')


class EgForest(ctypes.Structure):
    """src/algo/forest.h"""
    _fields_ = [(n, ctypes.c_int) for n in ('ntrees', 'nfeatures', 'ngroups', 'link')] + \
        [(n, ctypes.c_void_p) for n in ARRAYS] + [('ncat_bits', ctypes.c_int)] + \
        [(n, ctypes.c_void_p) for n in ('cat_bits', 'code', 'shap')]


def load(path):
    lib = ctypes.CDLL(path)
    lib.shap_forest.restype = ctypes.c_void_p
    lib.shap_bytes.restype = lib.shap_bytes_all.restype = ctypes.c_size_t
    lib.shap_forest.argtypes = lib.shap_bytes.argtypes = lib.shap_free.argtypes = [ctypes.c_void_p]
    lib.shap_call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
                              ctypes.c_void_p, ctypes.c_int]
    return lib


lib, limits = load(sys.argv[1]), load(sys.argv[2])
CONTRIBUTIONS, AGAINST, INTERACTIONS = 0, 1, 2


class Forest:
    """trees: dicts of lists feature (-1: leaf), value, left, right, default_left, cover, and cats: the categories
    that go right at some of the nodes."""

    def __init__(self, trees, nfeatures, ngroups=1, base=0.0, group=None, weight=None):
        start = np.cumsum([0] + [len(t['feature']) for t in trees])
        cat = np.full(start[-1], -1, np.int32)
        ncat = np.zeros(start[-1], np.int32)
        words = []
        for t, s in zip(trees, start):
            for k, codes in t.get('cats', {}).items():
                bits = np.zeros(max(codes) // 32 + 1 if len(codes) else 0, np.uint32)
                for c in codes:
                    bits[c // 32] |= np.uint32(1 << (c % 32))
                cat[s + k], ncat[s + k] = len(words), len(bits)
                words += list(bits)

        def join(key, kind):
            return np.concatenate([np.asarray(t[key]) for t in trees] + [np.zeros(0)]).astype(kind)
        self.arrays = dict(
            base=np.broadcast_to(np.asarray(base, np.float32), (ngroups,)).copy(),
            tree_group=np.asarray(np.zeros(len(trees)) if group is None else group, np.int32),
            tree_weight=np.asarray(np.ones(len(trees)) if weight is None else weight, np.float32),
            tree_start=start.astype(np.int32), feature=join('feature', np.int32), value=join('value', np.float32),
            left=join('left', np.int32), right=join('right', np.int32), flags=join('default_left', np.uint8),
            cat=cat, ncat=ncat, cover=join('cover', np.float32), gain=np.zeros(start[-1] + 1, np.float32),
            cat_bits=np.asarray(words + [0], np.uint32))
        given = EgForest(ntrees=len(trees), nfeatures=nfeatures, ngroups=ngroups, ncat_bits=len(words))
        for name, a in self.arrays.items():
            setattr(given, name, a.ctypes.data)
        self.trees, self.n, self.groups = trees, nfeatures, ngroups
        self.group, self.weight = self.arrays['tree_group'], self.arrays['tree_weight'].astype(float)
        self.base = self.arrays['base'].astype(float)
        self.given, self.lib = given, lib
        self.handle = self.lib.shap_forest(ctypes.byref(given))

    def limited(self):
        """The same forest in the other library."""
        other = copy.copy(self)
        other.lib = limits
        other.handle = limits.shap_forest(ctypes.byref(self.given))
        return other

    def call(self, what, x, background, shape, interrupts=-1):
        x = np.ascontiguousarray(x, np.float32)
        b = None if background is None else np.ascontiguousarray(background, np.float32)
        out = np.full(shape, np.nan)
        n = len(x) if b is None else len(b)
        self.cancelled = self.lib.shap_call(what, self.handle, x.ctypes.data, n, None if b is None else b.ctypes.data,
                                       out.ctypes.data, interrupts)
        return out

    def explain(self, x, interrupts=-1):
        return self.call(CONTRIBUTIONS, x, None, (len(x), self.groups, self.n + 1), interrupts)

    def against(self, x, background, interrupts=-1):
        return self.call(AGAINST, x, background, (self.groups, self.n + 1), interrupts)

    def interactions(self, x, interrupts=-1):
        return self.call(INTERACTIONS, x, None, (self.groups, self.n + 1, self.n + 1), interrupts)

    def free(self):
        self.lib.shap_free(self.handle)


# ---------------------------------------------------------------------------
# The definition
# ---------------------------------------------------------------------------

def goes_left(t, k, v):
    if not math.isfinite(v):
        return bool(t['default_left'][k])
    if k in t.get('cats', {}):
        return int(v) not in t['cats'][k] or v < 0
    return np.float32(v) < np.float32(t['value'][k])


def left_share(t, k):
    left, right = (max(np.float32(t['cover'][t[side][k]]), 0) for side in ('left', 'right'))
    return float(left) / (float(left) + float(right)) if left + right > 0 else 0.5


def expected(t, x, known, k=0):
    """The tree's value when only the known features are."""
    f = t['feature'][k]
    if f < 0:
        return float(np.float32(t['value'][k]))
    if f in known:
        return expected(t, x, known, t['left' if goes_left(t, k, x[f]) else 'right'][k])
    share = left_share(t, k)
    return share * expected(t, x, known, t['left'][k]) + (1 - share) * expected(t, x, known, t['right'][k])


def games(forest, value):
    """value(tree, subset) for each group and subset of the features, as arrays over bit masks."""
    v = np.zeros((forest.groups, 1 << forest.n))
    for mask in range(1 << forest.n):
        known = {j for j in range(forest.n) if mask >> j & 1}
        for t, g, w in zip(forest.trees, forest.group, forest.weight):
            v[g, mask] += w * value(t, known)
    return v + forest.base[:, None]


def shapley(v, n):
    out = np.zeros((len(v), n + 1))
    for mask in range(1 << n):
        size = bin(mask).count('1')
        for j in range(n):
            if not mask >> j & 1:
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                out[:, j] += weight * (v[:, mask | 1 << j] - v[:, mask])
    out[:, n] = v[:, 0]
    return out


def shapley_pairs(v, n):
    out = np.zeros((len(v), n + 1, n + 1))
    for i, j in itertools.combinations(range(n), 2):
        for mask in range(1 << n):
            if mask >> i & 1 or mask >> j & 1:
                continue
            size = bin(mask).count('1')
            weight = math.factorial(size) * math.factorial(n - size - 2) / (2 * math.factorial(n - 1))
            delta = v[:, mask | 1 << i | 1 << j] - v[:, mask | 1 << i] - v[:, mask | 1 << j] + v[:, mask]
            out[:, i, j] += weight * delta
            out[:, j, i] += weight * delta
    phi = shapley(v, n)
    for j in range(n):
        out[:, j, j] = phi[:, j] - out[:, j].sum(axis=1)
    out[:, n, n] = phi[:, n]
    return out


def random_tree(rng, n, depth, categories, zero_covers):
    t = dict(feature=[], value=[], left=[], right=[], default_left=[], cover=[], cats={})

    def add(level, cover):
        k = len(t['feature'])
        leaf = level == depth or (level > 0 and rng.random() < 0.25)
        for name, v in (('feature', -1), ('value', rng.normal()), ('left', -1), ('right', -1),
                        ('default_left', 0), ('cover', cover)):
            t[name].append(v)
        if leaf:
            return k
        f = int(rng.integers(n))
        t['feature'][k], t['default_left'][k] = f, int(rng.integers(2))
        if f in categories:
            t['cats'][k] = sorted(int(c) for c in rng.choice(70, size=rng.integers(0, 40), replace=False))
        share = rng.choice([0, 1]) if zero_covers and rng.random() < 0.2 else rng.random()
        if zero_covers and rng.random() < 0.1:
            cover = 0
        t['left'][k] = add(level + 1, cover * share)
        t['right'][k] = add(level + 1, cover * (1 - share))
        return k
    add(0, 1000.0)
    return t


def random_rows(rng, n, rows, categories):
    x = rng.normal(size=(rows, n)).astype(np.float32)
    for j in categories:
        x[:, j] = rng.integers(-1, 80, size=rows)
    x[rng.random(x.shape) < 0.15] = math.nan
    x[rng.random(x.shape) < 0.03] = math.inf
    return x


def check_definition():
    rng = np.random.default_rng(11)
    before = lib.shap_bytes_all()
    for what, n, depth, categories, zero, groups in (
            ('numbers', 6, 4, (), False, 1), ('many tests of few features', 3, 7, (), False, 1),
            ('categories', 6, 4, (1, 4, 5), False, 1), ('covers of zero', 6, 5, (2,), True, 1),
            ('three outputs', 5, 4, (0,), False, 3), ('one feature', 1, 5, (), False, 1),
            ('eight features', 8, 8, (3,), False, 1), ('single leaves', 4, 0, (), False, 2)):
        worst = np.zeros(3)
        alone = cut = True
        for repeat in range(2 if n > 6 else 4):
            trees = [random_tree(rng, n, depth if i else min(depth, 2), categories, zero) for i in range(2 * groups + 1)]
            f = Forest(trees, n, groups, rng.normal(size=groups), np.arange(len(trees)) % groups, rng.normal(size=len(trees)))
            x = random_rows(rng, n, 2, categories)
            b = random_rows(rng, n, 4, categories)
            ours = f.explain(x)
            other = f.limited()
            cut = cut and equal(other.explain(x), ours) and equal(other.against(x[0], b), f.against(x[0], b)) and \
                equal(other.interactions(x[1]), f.interactions(x[1]))
            other.free()
            for r in range(len(x)):
                v = games(f, lambda t, known: expected(t, x[r], known))
                worst[0] = max(worst[0], np.abs(ours[r] - shapley(v, n)).max())
                alone = alone and (f.explain(x[r:r + 1])[0] == ours[r]).all()
                worst[1] = max(worst[1], np.abs(f.interactions(x[r]) - shapley_pairs(v, n)).max())
            v = np.mean([games(f, lambda t, known: expected(t, [x[0][j] if j in known else y[j] for j in range(n)], range(n)))
                         for y in b], axis=0)
            worst[2] = max(worst[2], np.abs(f.against(x[0], b) - shapley(v, n)).max())
            f.free()
        for kind, w in zip(('contributions', 'interactions', 'against a background'), worst):
            if not tap.ok(w < EXACT, 'all subsets, %s: %s' % (what, kind)):
                tap.note(w)
        tap.ok(alone, 'all subsets, %s: a row alone gives the same bits' % what)
        tap.ok(cut, 'all subsets, %s: so do trees in pieces, without tables' % what)
    tap.ok(lib.shap_bytes_all() == before, 'nothing is left of it in memory')


def equal(a, b):
    """But for the order of sums."""
    return np.abs(a - b).max() <= EXACT * max(1, np.abs(b).max())


def check_background_sizes():
    rng = np.random.default_rng(3)
    f = Forest([random_tree(rng, 12, 6, (2,), False) for i in range(5)], 12)
    x = random_rows(rng, 12, 1, (2,))[0]
    b = random_rows(rng, 12, 200, (2,))
    one = np.mean([f.against(x, b[i:i + 1]) for i in range(len(b))], axis=0)
    tap.ok(np.abs(f.against(x, b) - one).max() < EXACT, 'a background is the mean of its rows')
    same = f.against(x, np.tile(x, (3, 1)))
    tap.ok((same[0, :12] == 0).all(), 'against itself a row has no reasons')
    f.free()


# ---------------------------------------------------------------------------
# Deep trees: fractions
# ---------------------------------------------------------------------------

def chain_shapley(features, shares, values, n):
    """A chain of tests that the row always passes (right); the left child is a leaf.  Exact."""
    phi = [Fraction(0)] * n

    def leaf(v, elements):
        # elements: feature -> (o, z); coefficients of the product of z (1 - t) + o t
        poly = [Fraction(1)]
        for o, z in elements.values():
            new = [Fraction(0)] * (len(poly) + 1)
            for i, c in enumerate(poly):
                new[i] += c * z
                new[i + 1] += c * (o - z)
            poly = new
        for j, (o, z) in elements.items():
            # divide by the factor z + (o - z) t, from the highest coefficient down or the lowest up
            quotient = [Fraction(0)] * (len(poly) - 1)
            if z != 0:
                for i in range(len(quotient)):
                    quotient[i] = (poly[i] - (quotient[i - 1] * (o - z) if i else 0)) / z
            else:
                quotient = poly[1:]
            phi[j] += v * (o - z) * sum(c / (i + 1) for i, c in enumerate(quotient))
    path = {}
    for f, share, v in zip(features, shares, values):
        o, z = path.get(f, (1, Fraction(1)))
        leaf(v, {**path, f: (0, z * share)})
        path[f] = (o, z * (1 - share))
    leaf(values[-1], path)
    return phi


def check_deep():
    rng = np.random.default_rng(8)
    for what, n, length in (('64 features', 64, 64), ('20 features, 60 tests', 20, 60), ('100 features', 100, 100)):
        features = [i % n for i in range(length)] if n >= 64 else [int(j) for j in rng.integers(n, size=length)]
        t = dict(feature=[], value=[], left=[], right=[], default_left=[], cover=[], cats={})
        left = rng.integers(1, 1000, size=length)
        covers = np.append(np.cumsum(left[::-1])[::-1] + 500, 500)
        values = [Fraction(int(v), 64) for v in rng.integers(-200, 200, size=length + 1)]
        for i in range(length):
            for feature, value, cover in ((features[i], 0.0, covers[i]), (-1, float(values[i]), left[i])):
                t['feature'].append(feature)
                t['value'].append(value)
                t['cover'].append(cover)
                t['default_left'].append(0)
                t['left'].append(2 * i + 1 if feature >= 0 else -1)
                t['right'].append(2 * i + 2 if feature >= 0 else -1)
        for name, v in (('feature', -1), ('value', float(values[-1])), ('cover', 500), ('default_left', 0),
                        ('left', -1), ('right', -1)):
            t[name].append(v)
        f = Forest([t], n)
        x = np.ones((1, n))
        shares = [Fraction(int(left[i]), int(covers[i])) for i in range(length)]
        exact = np.array([float(p) for p in chain_shapley(features, shares, values, n)])
        ours = f.explain(x)[0, 0]
        worst = np.abs(ours[:n] - exact).max() / np.abs(exact).max()
        if not tap.ok(worst < 1e-11, 'depth %d, %s: exact fractions' % (length, what)):
            tap.note(worst)
        pairs = f.interactions(x[0])[0]
        worst = np.abs(pairs.sum(axis=1)[:n] - exact).max() / np.abs(exact).max()
        tap.ok(worst < 1e-11 and np.abs(pairs - pairs.T).max() == 0, 'depth %d, %s: interactions add up' % (length, what))
        # everything that the row has is what the background lacks: the values of two rows, and all else between
        zero = np.zeros((1, n)) - 1
        against = f.against(x[0], zero)[0]
        worst = abs(against.sum() - float(values[-1]))
        if not tap.ok(worst < 1e-11, 'depth %d, %s: against a background adds up' % (length, what)):
            tap.note(worst)
        f.free()


# ---------------------------------------------------------------------------
# libxgboost
# ---------------------------------------------------------------------------

def read_xgboost(b):
    """The model as a forest, from the JSON that the library writes."""
    learner = json.loads(bytes(b.save_raw('json')))['learner']
    booster, weight, trees = learner['gradient_booster'], None, []
    if 'gbtree' in booster:
        weight, booster = booster['weight_drop'], booster['gbtree']
    for t in booster['model']['trees']:
        left = np.array(t['left_children'])
        inner = left >= 0
        trees.append(dict(feature=np.where(inner, t['split_indices'], -1), value=t['split_conditions'],
                          left=np.where(inner, left, -1), right=np.where(inner, t['right_children'], -1),
                          default_left=np.array(t['default_left'], int), cover=t['sum_hessian'], cats={}))
        for k, s, n in zip(t['categories_nodes'], t['categories_segments'], t['categories_sizes']):
            trees[-1]['cats'][k] = t['categories'][s:s + n]
    param = learner['learner_model_param']
    base = np.array([float(v) for v in param['base_score'].strip('[]').split(',')])
    name = learner['objective']['name']
    if name.startswith('binary:logistic') or name == 'reg:logistic':
        base = np.log(base / (1 - base))
    elif name in ('count:poisson', 'reg:gamma', 'reg:tweedie', 'survival:cox'):
        base = np.log(base)
    return Forest(trees, int(param['num_feature']), max(1, int(param['num_class'])), base, booster['model']['tree_info'], weight)


def telco():
    """Rows, feature types, names and the churn flag of the real data; texts as codes, blanks missing."""
    with open(os.path.join(DATA, 'telco_churn.csv')) as f:
        rows = list(csv.DictReader(f))
    names = [c for c in rows[0] if c.lower() not in ('customerid', 'churn', 'customer_id')]
    x = np.full((len(rows), len(names)), np.nan, np.float32)
    types = []
    for j, c in enumerate(names):
        try:
            x[:, j] = [float(r[c]) if r[c].strip() else math.nan for r in rows]
            types.append('float')
        except ValueError:
            words = sorted({r[c] for r in rows})
            x[:, j] = [words.index(r[c]) for r in rows]
            types.append('c')
    churn = [c for c in rows[0] if c.lower() == 'churn'][0]
    y = np.array([r[churn].strip().lower() in ('yes', 'true', 't', '1') for r in rows], np.float32)
    rng = np.random.default_rng(1)
    x[rng.random(x.shape) < 0.03] = math.nan
    return x, types, y


def train(params, x, y, types=None, rounds=40, **info):
    d = xgb.DMatrix(x, label=y, nthread=1, feature_types=types, enable_categorical=types is not None)
    for name, v in info.items():
        d.set_group(v) if name == 'group' else d.set_float_info(name, v)
    return xgb.train(dict(dict(nthread=1, seed=2, tree_method='hist'), **params), d, rounds)


def against_library(what, b, x, types=None, pairs=3):
    d = xgb.DMatrix(x, nthread=1, feature_types=types, enable_categorical=types is not None)
    theirs = b.predict(d, pred_contribs=True, strict_shape=True)
    margin = b.predict(d, output_margin=True, strict_shape=True)
    f = read_xgboost(b)
    ours = f.explain(x)
    other = f.limited()
    same = equal(other.explain(x), ours) and equal(other.interactions(x[0]), f.interactions(x[0]))
    tap.ok(same and equal(other.against(x[0], x[1:9]), f.against(x[0], x[1:9])), '%s: the same in small pieces' % what)
    other.free()
    scale = np.abs(theirs).max(axis=2, keepdims=True)
    worst = (np.abs(ours - theirs) / scale).max()
    if not tap.ok(worst < CLOSE, '%s: contributions of %d rows' % (what, len(x))):
        tap.note(worst)
    worst = (np.abs(ours.sum(axis=2) - margin) / scale[:, :, 0]).max()
    if not tap.ok(worst < CLOSE, '%s: they add up to the margin' % what):
        tap.note(worst)
    if pairs:
        d = xgb.DMatrix(x[:pairs], nthread=1, feature_types=types, enable_categorical=types is not None)
        theirs = b.predict(d, pred_interactions=True, strict_shape=True)
        ours = np.array([f.interactions(x[r]) for r in range(pairs)])
        worst = (np.abs(ours - theirs) / np.abs(theirs).max(axis=(2, 3), keepdims=True)).max()
        if not tap.ok(worst < CLOSE, '%s: interactions' % what):
            tap.note(worst)
    f.free()


def check_library():
    x, types, y = telco()
    rng = np.random.default_rng(4)
    some = x[rng.choice(len(x), 300, replace=False)]
    signal = x[:, [j for j, t in enumerate(types) if t == 'float'][-1]]
    signal = np.nan_to_num(signal, nan=np.nanmean(signal))
    grade = np.clip(np.floor(signal / (signal.max() / 4)), 0, 3)
    b = train({'objective': 'binary:logistic'}, x, y, types)
    against_library('telco', b, some, types)
    against_library('telco, a base score', train({'objective': 'binary:logistic', 'base_score': 0.2}, x, y, types), some, types, 0)
    b = train({'objective': 'binary:logistic', 'max_cat_to_onehot': 1, 'max_depth': 9}, x, y, types)
    against_library('telco, category sets', b, some, types, 1)
    b = train({'objective': 'binary:logistic', 'max_depth': 15, 'min_child_weight': 0, 'reg_lambda': 0.1}, x, y, types, 5)
    against_library('telco, depth 15', b, some[:100], types, 0)
    b = train({'objective': 'binary:logistic', 'grow_policy': 'lossguide', 'max_depth': 0, 'max_leaves': 60}, x, y, types)
    against_library('telco, leaf by leaf', b, some, types, 1)
    b = train({'objective': 'multi:softprob', 'num_class': 4}, x, grade, types, 15)
    against_library('telco, four classes', b, some, types, 2)
    b = train({'objective': 'binary:logistic', 'booster': 'dart', 'rate_drop': 0.3}, x, y, types)
    against_library('telco, dart', b, some, types, 2)
    against_library('telco, poisson', train({'objective': 'count:poisson'}, x, grade, types), some, types, 1)
    against_library('telco, gamma', train({'objective': 'reg:gamma'}, x, signal + 1, types), some, types, 0)
    against_library('telco, regression', train({}, x, signal, types), some, types, 1)
    b = train({'num_parallel_tree': 4, 'subsample': 0.5, 'colsample_bynode': 0.5}, x, signal, types, 3)
    against_library('telco, a forest', b, some, types, 0)
    groups = np.full(len(x) // 50, 50)
    n = groups.sum()
    b = train({'objective': 'rank:pairwise'}, x[:n], grade[:n], types, 10, group=groups)
    against_library('telco, ranking', b, some, types, 0)
    b = train({'objective': 'binary:logistic', 'max_depth': 1}, x, y, types)
    against_library('telco, stumps', b, some, types, 1)


# ---------------------------------------------------------------------------
# Speed, memory, cancelling
# ---------------------------------------------------------------------------

def speed_model(rows=20000, columns=49):
    rng = np.random.default_rng(1)
    x = rng.random((rows, columns)).astype(np.float32)
    x[:, ::3] = np.round(x[:, ::3] * 100)
    signal = np.sin(6 * x[:, 1]) + x[:, 4] * x[:, 5] * 2 + 0.02 * x[:, 0] + x[:, 7] - x[:, 8] + 0.01 * x[:, 9] * x[:, 10]
    x[rng.random(x.shape) < 0.02] = math.nan
    y = (signal + rng.normal(size=rows) > 2.5).astype(np.float32)
    return train({'objective': 'binary:logistic', 'max_depth': 7, 'learning_rate': 0.1, 'subsample': 0.8,
                  'colsample_bytree': 0.8, 'nthread': os.cpu_count()}, x, y, None, 100), x


def best(times, call):
    least = math.inf
    for i in range(times):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return least


def speeds(rows=500):
    """Seconds of the first call, of a row alone and of a row in a block; the library's for the same; bytes."""
    b, x = speed_model(100000 if rows > 500 else 20000)
    b.set_param({'nthread': 1})
    f = read_xgboost(b)
    empty = lib.shap_bytes(f.handle)
    first = best(1, lambda: f.explain(x[:1]))
    kept = lib.shap_bytes(f.handle) - empty
    block = xgb.DMatrix(x[:rows], nthread=1)
    one = [xgb.DMatrix(x[i:i + 1], nthread=1) for i in range(20)]
    b.predict(block, pred_contribs=True)
    result = dict(
        nodes=len(f.arrays['feature']), first=first, bytes=kept,
        row=best(5, lambda: [f.explain(x[i:i + 1]) for i in range(20)]) / 20,
        library_row=best(3, lambda: [b.predict(d, pred_contribs=True) for d in one]) / 20,
        block=best(5, lambda: f.explain(x[:rows])) / rows,
        library_block=best(2, lambda: b.predict(block, pred_contribs=True)) / rows,
        pairs=best(3, lambda: f.interactions(x[0])),
        library_pairs=best(1, lambda: b.predict(one[0], pred_interactions=True)),
        against=best(3, lambda: f.against(x[0], x[1:101])))
    f.free()
    return result


def check_speed():
    s = speeds()
    tap.note(', '.join('%s %.4g' % (k, v) for k, v in s.items()))
    tap.ok(s['library_row'] > 5 * s['row'], 'a row alone: at least 5 times as fast as the library')
    tap.ok(s['library_block'] > 5 * s['block'], 'a row in a block: at least 5 times as fast as the library')
    tap.ok(s['row'] < 1e-3, 'a row takes less than a millisecond')
    tap.ok(s['bytes'] < 64 * s['nodes'], 'what is kept is below 64 bytes a node')


def check_cancel():
    rng = np.random.default_rng(2)
    f = Forest([random_tree(rng, 8, 5, (), False) for i in range(30)], 8)
    x = random_rows(rng, 8, 3, ())
    given = lib.shap_bytes(f.handle)
    stopped = []
    for call in (lambda i: f.explain(x, i), lambda i: f.against(x[0], x, i), lambda i: f.interactions(x[0], i)):
        call(10)
        stopped.append(f.cancelled and lib.shap_bytes(f.handle) == given)
    tap.ok(all(stopped), 'cancelled while it is made: nothing is kept')
    whole = f.explain(x)
    kept = lib.shap_bytes(f.handle)
    stopped = []
    for call in (lambda i: f.explain(x, i), lambda i: f.against(x[0], x, i), lambda i: f.interactions(x[0], i)):
        call(10)
        stopped.append(f.cancelled)
    tap.ok(all(stopped), 'cancelled while it explains')
    tap.ok((f.explain(x) == whole).all() and lib.shap_bytes(f.handle) == kept, 'and the next call is as good')
    f.free()


def main():
    if sys.argv[3:] == ['bench']:
        s = speeds(3000)
        print('100 trees, depth 7, 49 columns, %d nodes; one thread' % s['nodes'])
        print('first call %.2f ms, keeps %d kB' % (s['first'] * 1e3, s['bytes'] / 1024))
        for name in ('row', 'block', 'pairs'):
            print('%-6s %9.1f us, libxgboost %9.1f us: %.1f times' %
                  (name, s[name] * 1e6, s['library_' + name] * 1e6, s['library_' + name] / s[name]))
        print('against 100 background rows: %.2f ms' % (s['against'] * 1e3))
        return
    check_definition()
    check_background_sizes()
    check_deep()
    check_library()
    check_cancel()
    check_speed()
    tap.done()


if __name__ == '__main__':
    main()
