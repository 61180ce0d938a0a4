#!/usr/bin/env python3
"""kmeans.py - the numbers of scikit-learn that test/sql/kmeans.sql and test/check_kmeans.c compare with

Run by hand: /usr/bin/python3 test/golden/kmeans.py; prints what stands there.  Rows of the first part are the same
integer formulas as there.  The second part prepares real tables as engage does: numbers standardized, a missing one is the
mean and says so in a column of its own, a column for each category; the best inertia of ten seedings, full convergence.
"""
import os
import warnings

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.mixture import GaussianMixture

warnings.filterwarnings('ignore')
data = os.path.join(os.path.dirname(__file__), '..', 'data')


def blobs(n=1200):
    i = np.arange(1, n + 1)
    g = np.where(i % 12 < 5, 0, np.where(i % 12 < 9, 1, np.where(i % 12 < 11, 2, 3)))
    x = np.column_stack([i * 7919 % 1009 / 1009 + 3 * (g % 2), i * 104729 % 2003 / 2003 + 3 * (g // 2),
                         i * 31 % 97 / 97.0 + g])
    return x, g


def scaled(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def prepared(table, numbers, categories):
    columns = []
    for name in numbers:
        v = table[name].astype(float)
        columns.append(((v - v.mean()) / v.std(ddof=0)).fillna(0))
        if v.isna().any():
            columns.append(v.isna().astype(float))
    for name in categories:
        v = table[name]
        for word in sorted(v.dropna().unique()):
            columns.append((v == word).astype(float))
        if v.isna().any():
            columns.append(v.isna().astype(float))
    return np.column_stack(columns).astype(np.float32).astype(float)


def best(x, k):
    return KMeans(k, n_init=10, max_iter=1000, tol=0, random_state=0).fit(x)


def report(name, x, k):
    m = best(x, k)
    print(f'{name}: k {k}, inertia {m.inertia_:.6f}, silhouette {silhouette_score(x, m.labels_) if len(x) <= 2000 else 0:.8f}, '
          f'davies_bouldin {davies_bouldin_score(x, m.labels_):.8f}, calinski_harabasz {calinski_harabasz_score(x, m.labels_):.6f}, '
          f'sizes {sorted(np.bincount(m.labels_))[::-1]}')
    return m


if __name__ == '__main__':
    x, g = blobs()
    report('blobs, as they are', x, 4)
    m = report('blobs, scaled', scaled(x), 4)
    odd = np.arange(1, len(x) + 1) % 7 % 4
    print(f'adjusted Rand: of the groups {adjusted_rand_score(m.labels_, g):.8f}, of g and i % 7 % 4 '
          f'{adjusted_rand_score(g, odd):.8f}, of g and g / 2 {adjusted_rand_score(g, g // 2):.8f}')
    print(f'of labels i % 7 % 4: silhouette {silhouette_score(x, odd):.8f}, davies_bouldin {davies_bouldin_score(x, odd):.8f}, '
          f'calinski_harabasz {calinski_harabasz_score(x, odd):.8f}')
    unit = x / np.sqrt((x ** 2).sum(axis=1))[:, None]
    c = best(unit, 3)
    for _ in range(100):  # spherical: centers of length 1
        centers = np.array([unit[c.labels_ == j].mean(axis=0) for j in range(3)])
        centers /= np.sqrt((centers ** 2).sum(axis=1))[:, None]
        c.labels_ = np.argmax(unit @ centers.T, axis=1)
    print(f'cosine, k 3: inertia {((unit - centers[c.labels_]) ** 2).sum():.6f}')

    telco = pd.read_csv(os.path.join(data, 'telco_churn.csv'))
    t = prepared(telco, ['tenure', 'monthly_charges', 'total_charges'], ['contract', 'internet_service'])
    credit = pd.read_csv(os.path.join(data, 'credit.csv'))
    r = prepared(credit, ['seniority', 'time', 'age', 'expenses', 'income', 'assets', 'debt', 'amount', 'price'], ['home'])
    for k in (4, 8):
        report('telco', t, k)
        report('credit', r, k)

    for kind in ('full', 'diag', 'tied', 'spherical'):
        e = GaussianMixture(4, covariance_type=kind, n_init=3, tol=1e-8, max_iter=2000, random_state=0).fit(x)
        z = scaled(x)
        f = GaussianMixture(4, covariance_type=kind, n_init=3, tol=1e-8, max_iter=2000, random_state=0).fit(z)
        print(f'mixture {kind}: log-likelihood a row {e.score(x):.8f}, bic {e.bic(x):.4f}, aic {e.aic(x):.4f}; '
              f'scaled {f.score(z):.8f}, bic {f.bic(z):.4f}')
    for kind in ('full', 'diag', 'tied', 'spherical'):
        e = GaussianMixture(3, covariance_type=kind, n_init=10, tol=1e-7, max_iter=5000, random_state=0).fit(t[:, :3])
        print(f'mixture of telco numbers {kind}, k 3: {e.score(t[:, :3]):.6f}')
