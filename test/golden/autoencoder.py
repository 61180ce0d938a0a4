#!/usr/bin/python3
"""What an autoencoder made of scikit-learn's MLPRegressor finds in test/data/wdbc.csv: AUC of its reconstruction error."""
import os

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

here = os.path.dirname(os.path.abspath(__file__))
d = pd.read_csv(os.path.join(here, '..', 'data', 'wdbc.csv'))
d = d[(d.diagnosis == 'benign') | (d.id % 10 == 0)]
x = StandardScaler().fit_transform(d.drop(columns=['id', 'diagnosis']))
auc = []
for seed in range(1, 6):
    net = MLPRegressor((15, 8, 15), activation='tanh', learning_rate_init=0.003, max_iter=50, batch_size=256, random_state=seed)
    e = ((net.fit(x, x).predict(x) - x) ** 2).sum(axis=1)
    auc.append(roc_auc_score(d.diagnosis == 'malignant', e))
print('AUC, five seeds:', np.round(auc, 4), 'mean', round(float(np.mean(auc)), 4))
