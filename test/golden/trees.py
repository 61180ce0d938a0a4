#!/usr/bin/env python3
"""trees.py - the numbers of scikit-learn that test/sql/trees.sql compares with; run by hand, prints SQL

The rows are the same integer formulas as there.  One tree must be the same tree: its predictions agree
to 1e-5.  Forests are random: their quality must be within 0.015 of the mean of three seeds.
"""
import os

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

i = np.arange(1, 801)
x = np.column_stack([i * 7919 % 1009 / 1009, i * 104729 % 2003 / 7, i * 31 % 97]).astype('float32')
y = 10 * x[:, 0] + np.where(x[:, 1] > 120, 5, 0) + x[:, 2] / 20 + i * 17 % 10 / 10
k = np.where(y > 12, 2, np.where(y > 7, 1, 0))
fit = i % 4 > 0
probe = [20, 100, 204, 408, 612, 800]
at = np.isin(i, probe)

r = DecisionTreeRegressor(max_depth=4, min_samples_leaf=20).fit(x[fit], y[fit])
b = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20).fit(x[fit], y[fit] > 9)
m = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20).fit(x[fit], k[fit])
print('-- id, regression, binary, three classes; leaves %d %d %d' % (r.get_n_leaves(), b.get_n_leaves(), m.get_n_leaves()))
for row in zip(i[at], r.predict(x[at]), b.predict_proba(x[at])[:, 1], *m.predict_proba(x[at]).T):
    print('\t(%d, %.6f, %.6f, %.6f, %.6f, %.6f),' % row)

# the data of test/data/telco_churn.csv, every third customer held out
d = pd.read_csv(os.path.join(os.path.dirname(__file__), '..', 'data', 'telco_churn.csv'))
held = d.customer_id % 3 == 0
f = pd.get_dummies(d.drop(columns=['customer_id', 'churn'])).fillna(-1)
t = d.churn == 'Yes'
for name, model in (('random_forest', RandomForestClassifier), ('extra_trees', ExtraTreesClassifier)):
    auc = [roc_auc_score(t[held], model(100, max_depth=16, min_samples_leaf=5, random_state=s)
                         .fit(f[~held], t[~held]).predict_proba(f[held])[:, 1]) for s in range(3)]
    print('-- telco, %s: %.4f' % (name, np.mean(auc)))

# out of bag, on the rows that are not held out
auc = [roc_auc_score(t[~held], RandomForestClassifier(100, max_depth=16, min_samples_leaf=5, random_state=s, oob_score=True)
                     .fit(f[~held], t[~held]).oob_decision_function_[:, 1]) for s in range(3)]
print('-- telco, random_forest out of bag: %.4f' % np.mean(auc))
