"""settled.py - a booster of XGBoost's package in which missing values go where most training rows went

In each node that met no missing value in training, the default direction becomes the child with more cover (sum of
hessians; the right one in a tie).  Nodes that met one keep theirs.  Independent of engage: rows are sent through the
JSON of the package's model with numpy.
"""
import json

import numpy as np
import xgboost as xgb


def walk(tree, x, weight):
    """Does a row of x that counts meet each node with a missing value?"""
    left = np.array(tree['left_children'])
    right = np.array(tree['right_children'])
    feature = np.array(tree['split_indices'])
    value = np.array(tree['split_conditions'], dtype=np.float32)
    default = np.array(tree['default_left'], dtype=bool)
    kind = tree['split_type']
    sets = {}
    for node, begin, size in zip(tree['categories_nodes'], tree['categories_segments'], tree['categories_sizes']):
        sets[node] = tree['categories'][begin:begin + size]
    met = np.zeros(len(left), dtype=bool)
    pending = [(0, np.arange(len(x)) if weight is None else np.flatnonzero(weight > 0))]
    while pending:
        node, here = pending.pop()
        if left[node] == -1:
            continue
        v = x[here, feature[node]]
        gap = np.isnan(v)
        met[node] = gap.any()
        with np.errstate(invalid='ignore'):
            goes_left = ~np.isin(v, sets[node]) if kind[node] == 1 else v < value[node]
        goes_left = np.where(gap, default[node], goes_left)
        pending.append((left[node], here[goes_left]))
        pending.append((right[node], here[~goes_left]))
    return met


def settle(booster, x, weight=None):
    """The booster changed; how many of its nodes were."""
    model = json.loads(booster.save_raw('json'))
    gb = model['learner']['gradient_booster']
    trees = (gb['gbtree'] if gb['name'] == 'dart' else gb)['model']['trees']
    changed = 0
    for tree in trees:
        met = walk(tree, np.asarray(x, dtype=np.float32), weight)
        cover = np.array(tree['sum_hessian'], dtype=np.float32)
        for node, child in enumerate(tree['left_children']):
            if child == -1 or met[node]:
                continue
            new = int(cover[child] > cover[tree['right_children'][node]])
            changed += new != int(tree['default_left'][node])
            tree['default_left'][node] = new
    settled = xgb.Booster({'nthread': 1})
    settled.load_model(bytearray(json.dumps(model).encode()))
    return settled, changed
