#!/usr/bin/env python3
"""update.py - what scikit-learn and statsmodels learn from all of the Telco data at once

Prints the rows of the table "oracle" of test/sql/update.sql and test/sql/coefficients.sql: a trial, a class, a
term, a coefficient on the original scale, and its standard error.

  all      LogisticRegression(C=1) of churn, numbers scaled to deviation 1; errors of statsmodels' Logit
  three    MNLogit of internet_service, whose classes are compared with the first
  common   LogisticRegression(C=0.1) of the same, errors from the inverse second derivatives, centred
  spend    OLS of monthly_charges

Needs scikit-learn 1.2 and statsmodels 0.13 (Debian: python3-sklearn, python3-statsmodels).
"""
import os
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

warnings.simplefilter('ignore')
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')
telco = pd.read_csv(os.path.join(data, 'telco_churn.csv'))
lines = []


def say(trial, label, term, estimate, error):
    lines.append("\t('%s', %s, '%s', %.10g, %s)" % (trial, "'%s'" % label if label else 'NULL', term, estimate,
                                                   'NULL' if error is None else '%.10g' % error))


def columns(numbers, categories):
    x = {c: telco[c].astype(float) for c in numbers}
    for c in categories:
        counts = telco[c].value_counts()
        reference = sorted(counts[counts == counts.max()].index)[0]
        for k in sorted(counts.index):
            if k != reference:
                x[c + '=' + k] = (telco[c] == k).astype(float)
    return pd.DataFrame(x)


def deviations(x):
    return np.array([1 if '=' in c else x[c].std(ddof=0) for c in x])


# ---- two classes, penalized
x = columns(['tenure', 'senior_citizen', 'female', 'monthly_charges'], ['contract', 'internet_service'])
y = (telco['churn'] == 'Yes').astype(int)
sd = deviations(x)
m = LogisticRegression(C=1, solver='newton-cg', tol=1e-12, max_iter=10000).fit(x / sd, y)
logit = sm.Logit(y, sm.add_constant(x)).fit(disp=0, tol=1e-12)
for j, c in enumerate(x):
    say('all', 'Yes', c, m.coef_[0, j] / sd[j], logit.bse[c])
say('all', 'Yes', 'auc', roc_auc_score(y, m.predict_proba(x / sd)[:, 1]), None)

# ---- three classes, compared with the first
x = columns(['tenure', 'senior_citizen'], ['contract', 'churn'])
labels = sorted(telco['internet_service'].unique())
y = telco['internet_service'].map({k: i for i, k in enumerate(labels)})
mn = sm.MNLogit(y, sm.add_constant(x)).fit(disp=0, maxiter=200, tol=1e-14)
p, e = np.asarray(mn.params), np.asarray(mn.bse)
for k in range(1, 3):
    for j, c in enumerate(['(intercept)'] + list(x)):
        say('three', labels[k], c, p[j, k - 1], e[j, k - 1])

# ---- the same with a penalty: covariance of the coefficients less their mean over the classes
sd = deviations(x)
m = LogisticRegression(C=0.1, solver='newton-cg', tol=1e-13, max_iter=10000, multi_class='multinomial').fit(x / sd, y)
p = m.predict_proba(x / sd)
z = np.column_stack([np.ones(len(x)), x / sd])
d = z.shape[1]
h = np.block([[(z * (p[:, k] * ((k == l) - p[:, l]))[:, None]).T @ z for l in range(3)] for k in range(3)])
h += np.diag(np.tile(np.r_[0, np.full(d - 1, 10.0)], 3))
centre = np.kron(np.eye(3) - 1 / 3, np.eye(d))
error = np.sqrt(np.diag(centre @ np.linalg.pinv(h) @ centre.T)).reshape(3, d)
for k in range(3):
    say('common', labels[k], '(intercept)', m.intercept_[k], error[k, 0])
    for j, c in enumerate(x):
        say('common', labels[k], c, m.coef_[k, j] / sd[j], error[k, j + 1] / sd[j])

# ---- a number
x = columns(['tenure', 'senior_citizen', 'female'], ['contract', 'internet_service'])
ols = sm.OLS(telco['monthly_charges'].astype(float), sm.add_constant(x)).fit()
say('spend', None, '(intercept)', ols.params['const'], ols.bse['const'])
for c in x:
    say('spend', None, c, ols.params[c], ols.bse[c])

print(',\n'.join(lines) + ';')
