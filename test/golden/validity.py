#!/usr/bin/python3
"""Golden numbers for test/sql/segments.sql: scikit-learn on telco_churn.csv."""
import os

import pandas as pd
from sklearn import metrics

here = os.path.dirname(os.path.abspath(__file__))
d = pd.read_csv(os.path.join(here, '..', 'data', 'telco_churn.csv'))
x = d[['tenure', 'monthly_charges']]


def put(name, value):
    print(f"\t('{name}', {float(value)!r}),")


put('silhouette', metrics.silhouette_score(x, d.contract))
put('davies_bouldin', metrics.davies_bouldin_score(x, d.contract))
put('calinski_harabasz', metrics.calinski_harabasz_score(x, d.contract))
put('adjusted_rand', metrics.adjusted_rand_score(d.contract, d.internet_service))
