#!/usr/bin/python3
"""Golden numbers for test/sql/drift.sql: scipy on the same numbers that the test makes in SQL."""
import csv
import os

import numpy as np
from scipy import stats
from scipy.spatial import distance

here = os.path.dirname(os.path.abspath(__file__))
rows = list(csv.DictReader(open(os.path.join(here, '..', 'data', 'telco_churn.csv'))))


def column(name):
    return np.array([float(r[name]) if r[name] != '' else np.nan for r in rows])


def put(name, value):
    print(f"\t('{name}', {float(value)!r}),")


current = column('tenure') > 24
v = column('monthly_charges')
ref, cur = v[~current], v[current]
put('ks', stats.ks_2samp(ref, cur, mode='asymp').statistic)
put('wasserstein', stats.wasserstein_distance(ref, cur))

# ten bins of equal weight of the reference: upper edges are values that occur
s = np.sort(ref)
edges = []
for k in range(1, 10):
    e = s[int(np.ceil(len(s) * k / 10)) - 1]
    if (not edges or e > edges[-1]) and e < s[-1]:
        edges.append(e)
r = np.histogram(ref, [-np.inf] + list(np.nextafter(edges, np.inf)) + [np.inf])[0]
c = np.histogram(cur, [-np.inf] + list(np.nextafter(edges, np.inf)) + [np.inf])[0]
pr, pc = r / r.sum(), c / c.sum()
put('psi', ((pc - pr) * np.log(pc / pr)).sum())
put('kl', stats.entropy(pc, pr))
put('js', distance.jensenshannon(pr, pc) ** 2)
chi2, p, _, _ = stats.chi2_contingency(np.array([r, c]), correction=False)
put('chi2', chi2)

# bins that are given, and two halves that nothing tells apart: the limit of the p-value, ties included
edges = [20, 40, 60, 80, 100]
r = np.histogram(ref, [-np.inf] + list(np.nextafter(edges, np.inf)) + [np.inf])[0]
c = np.histogram(cur, [-np.inf] + list(np.nextafter(edges, np.inf)) + [np.inf])[0]
pr, pc = r / r.sum(), c / c.sum()
put('psi_edges', ((pc - pr) * np.log(pc / pr)).sum())
put('kl_edges', stats.entropy(pc, pr))
put('js_edges', distance.jensenshannon(pr, pc) ** 2)
put('chi2_edges', stats.chi2_contingency(np.array([r, c]), correction=False)[0])
odd = column('customer_id') % 2 == 1
put('ks_halves', stats.ks_2samp(v[odd], v[~odd], mode='asymp').statistic)
put('ks_p_halves', stats.ks_2samp(v[odd], v[~odd], mode='asymp').pvalue)
put('wasserstein_halves', stats.wasserstein_distance(v[odd], v[~odd]))

# categories
words = np.array([x['payment_method'] for x in rows])
names = sorted(set(words))
r = np.array([(words[~current] == w).sum() for w in names])
c = np.array([(words[current] == w).sum() for w in names])
pr, pc = r / r.sum(), c / c.sum()
put('psi_text', ((pc - pr) * np.log(pc / pr)).sum())
put('kl_text', stats.entropy(pc, pr))
put('js_text', distance.jensenshannon(pr, pc) ** 2)
chi2, p, _, _ = stats.chi2_contingency(np.array([r, c]), correction=False)
put('chi2_text', chi2)

# small samples: exact and asymptotic p-values
x = v[:300]
half = np.arange(300) % 3 == 0
put('ks_p_small', stats.ks_2samp(np.unique(x)[::2], np.unique(x)[1::2] + 3, mode='exact').pvalue)
put('chi2_p_small', stats.chi2_contingency(np.array([[30, 20, 50], [25, 35, 40]]), correction=False)[1])
put('kl_small', stats.entropy([25, 35, 40], [30, 20, 50]))
