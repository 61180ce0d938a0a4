#!/usr/bin/python3
"""Golden numbers for test/sql/plot_segments.sql: scikit-learn's PCA on telco_churn.csv."""
import os

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples
from sklearn.preprocessing import StandardScaler

here = os.path.dirname(os.path.abspath(__file__))
d = pd.read_csv(os.path.join(here, '..', 'data', 'telco_churn.csv'))
numbers = ['tenure', 'monthly_charges', 'senior_citizen']
x = pd.DataFrame(StandardScaler().fit_transform(d[numbers]), columns=numbers)
for word in sorted(d.contract.unique()):
    x[f'contract={word}'] = (d.contract == word).astype(float)
pca = PCA(svd_solver='full').fit(x)
for c in range(3):
    direction = pca.components_[c]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    for name, loading in zip(x.columns, direction):
        print(f"\t({c + 1}, {pca.explained_variance_ratio_[c]:.9f}, '{name}', {loading:.7f}),")

# silhouettes of the contracts in the plane of two scaled numbers
s = silhouette_samples(StandardScaler().fit_transform(d[['tenure', 'monthly_charges']]), d.contract)
for word in sorted(d.contract.unique()):
    print(f"-- {word} {s[d.contract == word].mean():.9f}")
