#!/usr/bin/env python3
"""What scikit-learn's MLPClassifier and MLPRegressor reach on test/data, for test/sql/mlp.sql.

The same layers, batches, step size, patience and share of validation rows as the defaults of engage;
numbers standardized, categories one-hot, missing numbers set to the mean.  Row i is held out in split
s when i % 5 = s.  A line for each table and split: mean and deviation over five random states.
"""

import os
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')
STATES = 5
SAME = dict(hidden_layer_sizes=(128, 64, 32), batch_size=256, max_iter=50, early_stopping=True,
            validation_fraction=0.1, n_iter_no_change=5, tol=1e-4)

# table, file, id, target, columns left out, metric
CASES = [
    ('telco', 'telco_churn.csv', 'customer_id', 'churn', [], 'auc'),
    ('credit', 'credit.csv', 'id', 'status', [], 'auc'),
    ('telco', 'telco_churn.csv', 'customer_id', 'contract', ['churn'], 'log_loss'),
    ('telco', 'telco_churn.csv', 'customer_id', 'total_charges', ['churn'], 'r2'),
]


def prepared(x):
    words = [c for c in x if x[c].dtype == object]
    numbers = [c for c in x if c not in words]
    return ColumnTransformer([
        ('words', make_pipeline(SimpleImputer(strategy='constant', fill_value='missing'),
                                OneHotEncoder(handle_unknown='ignore')), words),
        ('numbers', make_pipeline(SimpleImputer(), StandardScaler()), numbers)], sparse_threshold=0)


def reached(x, y, test, metric, state):
    if metric == 'r2':
        model = TransformedTargetRegressor(MLPRegressor(random_state=state, **SAME), transformer=StandardScaler())
    else:
        model = MLPClassifier(random_state=state, **SAME)
    model = make_pipeline(prepared(x), model).fit(x[~test], y[~test])
    if metric == 'r2':
        return r2_score(y[test], model.predict(x[test]))
    p = model.predict_proba(x[test])
    return log_loss(y[test], p) if metric == 'log_loss' else roc_auc_score(y[test] == model.classes_[1], p[:, 1])


def main():
    warnings.filterwarnings('ignore')
    for table, name, key, target, exclude, metric in CASES:
        d = pd.read_csv(os.path.join(DATA, name)).dropna(subset=[target])
        x, y = d.drop(columns=[key, target] + exclude), d[target].values
        for split in range(3):
            test = (d[key] % 5 == split).values
            values = [reached(x, y, test, metric, state) for state in range(STATES)]
            print('%-7s %-14s split %d  %-8s %.4f +- %.4f' % (table, target, split, metric,
                                                              np.mean(values), np.std(values)), flush=True)


if __name__ == '__main__':
    sys.exit(main())
