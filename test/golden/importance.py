#!/usr/bin/env python3
"""importance.py - importance and dependence against XGBoost, scikit-learn and plain numpy

Run by test/t/090_importance.pl.  The models are trained here and loaded into XGBoost's own package from
engage_export(); everything else is computed from XGBoost's predictions by scikit-learn, or by the
few lines below.  Tolerances: 1e-6 where both add up the same numbers; four standard errors where both shuffle.
"""
import tempfile

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import log_loss, roc_auc_score

from engage_models import Tap, export, load_table, rows, sql

tap = Tap()
CATEGORIES = ['multiple_lines', 'internet_service', 'online_security', 'online_backup', 'device_protection', 'tech_support',
              'streaming_tv', 'streaming_movies', 'contract', 'payment_method']


class Model(BaseEstimator, RegressorMixin):
    """A stored model in XGBoost's package, as scikit-learn wants it."""

    def __init__(self, name=None, columns=None):
        self.name, self.columns = name, columns

    def fit(self, x=None, y=None):
        with tempfile.NamedTemporaryFile(suffix='.ubj') as f:
            f.write(export(self.name, 'ubj'))
            f.flush()
            self.booster_ = xgb.Booster(model_file=f.name)
        self.types_ = ['c' if c in CATEGORIES else 'q' for c in self.columns]
        return self

    def matrix(self, x):
        return xgb.DMatrix(np.asarray(x, dtype=np.float32), feature_names=self.columns, feature_types=self.types_,
                           enable_categorical=True)

    def predict(self, x):
        return self.booster_.predict(self.matrix(x)).astype(float)

    def score_(self):
        return self.booster_

    def contributions(self, x):
        return self.booster_.predict(self.matrix(x), pred_contribs=True).astype(float)


def near(ours, theirs, tolerance=1e-6):
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * (1 + np.abs(b))))


def numbers(query):
    return np.array([[np.nan if v is None else float(v) for v in r] for r in rows(query)[1]])


# ---------------------------------------------------------------------------
# Data and models
# ---------------------------------------------------------------------------

sql('CREATE EXTENSION IF NOT EXISTS engage')
load_table('telco', 'telco_churn.csv')
header, table = rows('SELECT * FROM telco ORDER BY customer_id')
frame = pd.DataFrame(table, columns=header)
columns = [c for c in header if c not in ('customer_id', 'churn')]
codes = {c: sorted(set(frame[c]), key=lambda s: s.encode()) for c in CATEGORIES}
x = np.array([[codes[c].index(v) if c in codes else np.nan if v is None else float(v) for c, v in zip(columns, r)]
              for r in frame[columns].values.tolist()], dtype=np.float32)
churn = (frame.churn == 'Yes').to_numpy().astype(float)

common = ", key => 'customer_id', params => '{\"n_estimators\": 30, \"max_depth\": 4, \"learning_rate\": 0.2}'"
sql("SELECT engage_train('churn', 'telco', target => 'churn'%s)" % common)
sql("SELECT engage_train('charge', 'telco', target => 'monthly_charges', exclude => '{churn,total_charges}'%s)" % common)
sql("SELECT engage_train('contract', 'telco', target => 'contract', exclude => '{churn}'%s)" % common)
model = Model('churn', columns).fit()
ours = numbers("SELECT engage_predict('churn', t) FROM telco t ORDER BY customer_id")[:, 0]
tap.ok(near(ours, model.predict(x), 1e-7), 'XGBoost predicts what engage predicts')


def at(c):
    return columns.index(c)


# ---------------------------------------------------------------------------
# Importance
# ---------------------------------------------------------------------------

for name, cols in (('churn', columns), ('contract', [c for c in columns if c != 'contract'])):
    booster = Model(name, cols).fit().booster_
    for kind in ('weight', 'gain', 'total_gain', 'cover', 'total_cover'):
        theirs = booster.get_score(importance_type=kind)
        found = {r[0]: float(r[1]) for r in
                 rows("SELECT feature, importance FROM engage_importance('%s', method => '%s')" % (name, kind))[1]}
        tap.ok(set(found) == set(cols) and near([found[c] for c in cols], [theirs.get(c, 0) for c in cols]),
               '%s of %s as get_score() has it' % (kind, name))

x_known = x[~np.isnan(x[:, at('total_charges')])]
for metric, scoring in (('auc', lambda m, a, b: roc_auc_score(b, m.predict(a))),
                        ('log_loss', lambda m, a, b: -log_loss(b, m.predict(a)))):
    theirs = permutation_importance(model, x, churn, scoring=scoring, n_repeats=6, random_state=3)
    found = {r[0]: (float(r[1]), float(r[2])) for r in
             rows("SELECT feature, importance, deviation FROM engage_importance('churn', 'telco', metric => '%s', "
                  "repeats => 6, sample => 10000)" % metric)[1]}
    mean = np.array([found[c][0] for c in columns])
    deviation = np.array([found[c][1] for c in columns])
    error = np.sqrt((deviation ** 2 + theirs.importances_std ** 2) / 5)
    worst = np.max(np.abs(mean - theirs.importances_mean) / (error + 1e-12) * (error > 0))
    tap.ok(worst < 4.5, 'permutation importance by %s as scikit-learn has it (worst: %.1f standard errors)' % (metric, worst))
    moved = (deviation > 0) & (theirs.importances_std > 0)
    ratio = np.median(deviation[moved] / theirs.importances_std[moved])
    tap.ok(np.all((mean == 0) == (theirs.importances_mean == 0)) and 0.5 < ratio < 2,
           'its zeros, and its deviations (%s): %.2f times theirs' % (metric, ratio))

charge_columns = [c for c in columns if c not in ('monthly_charges', 'total_charges')]
charge = Model('charge', charge_columns).fit()
xc = x[:, [at(c) for c in charge_columns]]
contributions = charge.contributions(xc)[:, :-1]
found = {r[0]: (float(r[1]), float(r[2])) for r in
         rows("SELECT feature, importance, deviation FROM engage_importance('charge', 'telco', 'shap', sample => 10000)")[1]}
tap.ok(near([found[c][0] for c in charge_columns], np.abs(contributions).mean(axis=0), 1e-4) and
       near([found[c][1] for c in charge_columns], np.abs(contributions).std(axis=0), 1e-4),
       'mean absolute contributions, and their deviation, as pred_contribs has them')

groups = {(r[0], r[1]): [float(v) for v in r[2:]] for r in
          rows("SELECT segment, feature, rows, prediction, base, contribution, magnitude "
               "FROM engage_explain_groups('charge', 'telco', 'churn')")[1]}
good = len(groups) == 2 * len(charge_columns)
for segment in ('Yes', 'No'):
    mine = (frame.churn == segment).to_numpy()
    for j, c in enumerate(charge_columns):
        good = good and near(groups[segment, c], [
            mine.sum(), charge.predict(xc[mine]).mean(), charge.contributions(xc)[0, -1],
            contributions[mine, j].mean(), np.abs(contributions[mine, j]).mean()], 1e-4)
tap.ok(good, 'contributions by segment')

# ---------------------------------------------------------------------------
# Partial dependence
# ---------------------------------------------------------------------------

found = numbers("SELECT x, value, deviation FROM engage_dependence('churn', 'telco', 'monthly_charges', sample => 10000)")
theirs = partial_dependence(model, x, [at('monthly_charges')], grid_resolution=20, kind='both', method='brute')
tap.ok(near(found[:, 0], theirs['values'][0]) and near(found[:, 1], theirs['average'][0]),
       'partial dependence and its grid as scikit-learn has them')
tap.ok(near(found[:, 2], theirs['individual'][0].std(axis=0), 1e-5), 'the deviation of its rows')

curves = rows("SELECT id, x, value FROM engage_dependence('churn', 'telco', 'monthly_charges', 'ice', sample => 10000, "
              "key => 'customer_id') ORDER BY id::int, x")[1]
tap.ok([r[0] for r in curves[::20]] == frame.customer_id.tolist() and
       near([float(r[2]) for r in curves], theirs['individual'][0].ravel()), 'a curve for each row')

known = "'SELECT * FROM telco WHERE total_charges IS NOT NULL'"
found = numbers("SELECT x, x2, value FROM engage_dependence('churn', %s, 'monthly_charges', grid => 8, sample => 10000, "
                "feature2 => 'total_charges')" % known)
theirs = partial_dependence(model, x_known, [at('monthly_charges'), at('total_charges')], grid_resolution=8, method='brute')
tap.ok(near(found[:, 2], theirs['average'][0].ravel()) and near(found[:8, 1], theirs['values'][1]) and
       near(found[::8, 0], theirs['values'][0]), 'a surface over two features')

found = rows("SELECT feature_value, value, count FROM engage_dependence('churn', 'telco', 'contract', sample => 10000)")[1]
expected = []
for k, word in enumerate(codes['contract']):
    moved = x.copy()
    moved[:, at('contract')] = k
    expected.append(model.predict(moved).mean())
tap.ok([r[0] for r in found] == codes['contract'] and near([float(r[1]) for r in found], expected) and
       [int(r[2]) for r in found] == [int(np.sum(frame.contract == w)) for w in codes['contract']], 'categories by their words')

found = numbers("SELECT x, value, count FROM engage_dependence('churn', 'telco', 'total_charges', grid => 5, sample => 10000)")
moved = x.copy()
moved[:, at('total_charges')] = np.nan
tap.ok(np.isnan(found[-1, 0]) and near(found[-1, 1:], [model.predict(moved).mean(), 11]), 'a point for missing values')

# ---------------------------------------------------------------------------
# Accumulated local effects
# ---------------------------------------------------------------------------


def moved_to(rows_, columns_, values):
    m = rows_.copy()
    for c, v in zip(columns_, values):
        m[:, c] = v
    return model.predict(m)


def ends(v, points):
    """Smallest value and quantiles that occur."""
    s = np.sort(v)
    return np.unique(np.concatenate([[s[0]], np.quantile(s, np.arange(1, points) / (points - 1), method='inverted_cdf')]))


def ale(rows_, c, points):
    v = rows_[:, c]
    z = ends(v, points)
    k = np.clip(np.searchsorted(z, v), 1, len(z) - 1)
    delta = moved_to(rows_, [c], [z[k]]) - moved_to(rows_, [c], [z[k - 1]])
    n = np.bincount(k, minlength=len(z))
    effect = np.concatenate([[0], np.cumsum((np.bincount(k, delta, len(z)) / np.maximum(n, 1))[1:])])
    return z, effect - np.sum((effect[1:] + effect[:-1]) / 2 * n[1:]) / n.sum(), n


for c, points in (('monthly_charges', 20), ('tenure', 11), ('total_charges', 7), ('senior_citizen', 20)):
    rows_ = x_known if c == 'total_charges' else x
    z, effect, n = ale(rows_, at(c), points)
    found = numbers("SELECT x, value, count FROM engage_dependence('churn', 'telco', '%s', 'ale', grid => %d, sample => 10000)"
                    % (c, points))
    tap.ok(near(found[:, 0], z, 1e-5) and near(found[:, 1], effect, 1e-5) and near(found[:, 2], n),
           'accumulated effects of %s' % c)


def ale_pair(rows_, a, b, points):
    za, zb = ends(rows_[:, a], points), ends(rows_[:, b], points)
    ka = np.clip(np.searchsorted(za, rows_[:, a]), 1, len(za) - 1)
    kb = np.clip(np.searchsorted(zb, rows_[:, b]), 1, len(zb) - 1)
    delta = (moved_to(rows_, [a, b], [za[ka], zb[kb]]) - moved_to(rows_, [a, b], [za[ka], zb[kb - 1]]) -
             moved_to(rows_, [a, b], [za[ka - 1], zb[kb]]) + moved_to(rows_, [a, b], [za[ka - 1], zb[kb - 1]]))
    shape = (len(za) - 1, len(zb) - 1)
    n, s = np.zeros(shape), np.zeros(shape)
    np.add.at(n, (ka - 1, kb - 1), 1)
    np.add.at(s, (ka - 1, kb - 1), delta)
    mean = s / np.maximum(n, 1)
    # empty cells: the nearest one that is not
    ma = (za[1:] + za[:-1]) / 2 / (za[-1] - za[0])
    mb = (zb[1:] + zb[:-1]) / 2 / (zb[-1] - zb[0])
    full = np.argwhere(n > 0)
    for p, q in np.argwhere(n == 0):
        near_ = full[np.argmin((ma[p] - ma[full[:, 0]]) ** 2 + (mb[q] - mb[full[:, 1]]) ** 2)]
        mean[p, q] = mean[tuple(near_)]
    f = np.zeros((len(za), len(zb)))
    f[1:, 1:] = mean.cumsum(axis=0).cumsum(axis=1)
    da, db = f[1:, :] - f[:-1, :], f[:, 1:] - f[:, :-1]
    fa = np.concatenate([[0], np.cumsum(np.sum(n * (da[:, 1:] + da[:, :-1]) / 2, axis=1) / n.sum(axis=1))])
    fb = np.concatenate([[0], np.cumsum(np.sum(n * (db[1:, :] + db[:-1, :]) / 2, axis=0) / n.sum(axis=0))])
    f = f - fa[:, None] - fb[None, :]
    corners = (f[1:, 1:] + f[1:, :-1] + f[:-1, 1:] + f[:-1, :-1]) / 4
    return za, zb, f - np.sum(n * corners) / n.sum(), n


za, zb, f, n = ale_pair(x_known, at('tenure'), at('total_charges'), 9)
found = numbers("SELECT x, x2, value, count FROM engage_dependence('churn', 'telco', 'tenure', 'ale', grid => 9, sample => 10000, "
                "feature2 => 'total_charges')")
# tenure's ends are those of all rows here, and of rows with total charges there: the smallest differs
tap.ok(len(found) == f.size, 'accumulated effects of two features have a cell for each pair')
found = numbers("SELECT x, x2, value, count FROM engage_dependence('churn', %s, 'tenure', 'ale', grid => 9, sample => 10000, "
                "feature2 => 'total_charges')" % known)
tap.ok(near(found[:, 2].reshape(f.shape), f, 1e-5) and near(found[:, 3].reshape(f.shape)[1:, 1:], n) and
       near(found[:len(zb), 1], zb, 1e-5), 'accumulated effects of two features, %d of %d cells empty' % (np.sum(n == 0), n.size))

# categories: the order by classical scaling, the effects by moving rows to their neighbours
for c in ('payment_method', 'contract'):
    K, mine = len(codes[c]), x[:, at(c)].astype(int)
    distance = np.zeros((K, K))
    for j, other in enumerate(columns):
        if other == c:
            continue
        for p in range(K):
            for q in range(K):
                u, v = x[mine == p, j], x[mine == q, j]
                u, v = u[~np.isnan(u)], v[~np.isnan(v)]
                if other in codes:
                    m = len(codes[other])
                    distance[p, q] += np.abs(np.bincount(u.astype(int), minlength=m) / len(u) -
                                             np.bincount(v.astype(int), minlength=m) / len(v)).sum() / 2
                else:
                    s = np.sort(x[~np.isnan(x[:, j]), j])
                    points = s[(len(s) - 1) * np.arange(100) // 99]
                    distance[p, q] += np.max(np.abs(np.searchsorted(np.sort(u), points, 'right') / len(u) -
                                                    np.searchsorted(np.sort(v), points, 'right') / len(v)))
    centre = np.eye(K) - 1 / K
    values, vectors = np.linalg.eigh(-centre @ distance ** 2 @ centre / 2)
    line = vectors[:, -1] * (1 if vectors[0, -1] <= 0 else -1)
    order = np.argsort(line)
    place = np.argsort(order)[mine]
    here = model.predict(x)
    up = moved_to(x, [at(c)], [order[np.minimum(place + 1, K - 1)]]) - here
    down = here - moved_to(x, [at(c)], [order[np.maximum(place - 1, 0)]])
    effect = np.zeros(K)
    for k in range(1, K):
        effect[k] = effect[k - 1] + np.concatenate([down[place == k], up[place == k - 1]]).mean()
    effect -= np.mean(effect[place])
    found = rows("SELECT feature_value, value, count FROM engage_dependence('churn', 'telco', '%s', 'ale', sample => 10000)" % c)[1]
    tap.ok([r[0] for r in found] == [codes[c][k] for k in order] and near([float(r[1]) for r in found], effect, 1e-5) and
           [int(r[2]) for r in found] == [int(np.sum(mine == k)) for k in order], 'accumulated effects of the categories of %s' % c)

# ---------------------------------------------------------------------------
# Contributions by value
# ---------------------------------------------------------------------------

found = rows("SELECT id, x, second, value FROM engage_dependence('charge', 'telco', 'tenure', 'shap', sample => 10000, "
             "key => 'customer_id') ORDER BY id::int")[1]
j = charge_columns.index('tenure')
tap.ok(near([float(r[1]) for r in found], xc[:, j]) and near([float(r[3]) for r in found], contributions[:, j], 1e-4),
       'contributions of a feature as pred_contribs has them')

# the strongest companion: that of the largest interaction values, or nearly
pairs = np.abs(charge.booster_.predict(charge.matrix(xc[:1000]), pred_interactions=True)[:, j, :-1]).mean(axis=0)
pairs[j] = 0
second = found[0][2]
tap.note('companion %s; by interactions %s' % (second, [charge_columns[k] for k in np.argsort(-pairs)[:4]]))
tap.ok(second in [charge_columns[k] for k in np.argsort(-pairs)[:4]], 'the second feature is one of the strongest interactions')
tap.done()
