#!/usr/bin/env python3
"""neighbors.py - the numbers of scikit-learn that test/sql/neighbors.sql compares with; run by hand, prints SQL

The rows are the same integer formulas as there.  Neighbors: standardized numbers and one column for each
category, agreement to 1e-5.  Bayes: GaussianNB on the numbers, CategoricalNB on the categories, and their
product; agreement to 1e-6.
"""
import numpy as np
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

i = np.arange(1, 401)
x = np.column_stack([i * 7919 % 1009 / 1009, i * 104729 % 2003 / 7, i * 31 % 97]).astype('float32').astype(float)
c = i * 13 // 5 % 4
y = 10 * x[:, 0] + np.where(x[:, 1] > 120, 5, 0) + x[:, 2] / 20 + np.where(c == 2, 3, 0)
k = np.where(y > 12, 2, np.where(y > 8, 1, 0))
fit = i % 4 > 0
at = np.isin(i, [4, 100, 204, 308, 400])

z = StandardScaler().fit(x[fit]).transform(x)
z = np.column_stack([z] + [c == v for v in range(4)])
cases = [KNeighborsRegressor(7, algorithm='brute').fit(z[fit], y[fit]).predict(z[at]),
         KNeighborsRegressor(7, weights='distance', metric='manhattan', algorithm='brute').fit(z[fit], y[fit]).predict(z[at]),
         KNeighborsClassifier(9, weights='distance', algorithm='brute').fit(z[fit], y[fit] > 9).predict_proba(z[at])[:, 1],
         *KNeighborsClassifier(9, algorithm='brute').fit(z[fit], k[fit]).predict_proba(z[at]).T]
print('-- knn: id, mean of 7, weighted by distance, binary by distance, three classes of 9')
for row in zip(i[at], *cases):
    print('\t(%d, %.6f, %.6f, %.6f, %.6f, %.6f, %.6f),' % row)

g = GaussianNB().fit(x[fit], k[fit])
n = CategoricalNB(min_categories=4).fit(c[fit, None], k[fit])
# the classes' frequencies are in both, and count once
both = g.predict_joint_log_proba(x[at]) + n.predict_joint_log_proba(c[at, None]) - np.log(g.class_prior_)
both = np.exp(both - both.max(axis=1, keepdims=True))
both /= both.sum(axis=1, keepdims=True)
print('-- naive_bayes: id, numbers (3), category (3), both (3)')
for row in zip(i[at], *g.predict_proba(x[at]).T, *n.predict_proba(c[at, None]).T, *both.T):
    print('\t(%d, %s),' % (row[0], ', '.join('%.7f' % v for v in row[1:])))
