#!/usr/bin/env python3
# Numbers of test/sql/experiment.sql: sample sizes by statsmodels, the sequential test by numpy from its formula.
# Run with Debian's python3 (statsmodels 0.13.5, numpy, scipy).
import math

from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

print('-- sample sizes: baseline, lift, power, alpha, keys of an arm')
for p, lift, power, alpha in [(0.1, 0.1, 0.8, 0.05), (0.02, 0.25, 0.9, 0.01), (0.5, -0.05, 0.8, 0.05), (0.27, 0.05, 0.95, 0.1)]:
    h = proportion_effectsize(p * (1 + lift), p)
    n = NormalIndPower().solve_power(effect_size=abs(h), power=power, alpha=alpha, alternative='two-sided')
    print(f"\t({p}, {lift}, {power}, {alpha}, {math.ceil(n)}),")

print('-- 0/1 outcomes: keys and successes of two arms -> p, lower, upper (planned 10000, alpha 0.05)')


def sequential(n1, k1, n2, k2, planned=10000, alpha=0.05):
    p1, p2 = k1 / n1, k2 / n2
    v1, v2 = p1 * (1 - p1) * n1 / (n1 - 1), p2 * (1 - p2) * n2 / (n2 - 1)
    p = (k1 + k2) / (n1 + n2)
    pooled = p * (1 - p) * (n1 + n2) / (n1 + n2 - 1)
    shrink = lambda v, n: ((n - 1) * v + 10 * pooled) / (n - 1 + 10)
    v = shrink(v1, n1) / n1 + shrink(v2, n2) / n2
    tau2 = 7.9 * 2 * pooled / planned
    d = p2 - p1
    # the mixture by numerical integration of the likelihood ratio, not by its closed form
    from scipy.integrate import quad
    from scipy.stats import norm
    ratio = quad(lambda t: math.exp(norm.logpdf(d, t, math.sqrt(v)) - norm.logpdf(d, 0, math.sqrt(v))) *
                 norm.pdf(t, 0, math.sqrt(tau2)), -1, 1, points=[0, d], limit=500, epsabs=1e-12, epsrel=1e-12)[0]
    from scipy.optimize import brentq
    bound = lambda e: (quad(lambda t: math.exp(norm.logpdf(e, t, math.sqrt(v)) - norm.logpdf(e, 0, math.sqrt(v))) *
                            norm.pdf(t, 0, math.sqrt(tau2)), -1, 1, points=[0, e], limit=500)[0] - 1 / alpha)
    r = brentq(bound, 1e-6, 30 * math.sqrt(v))
    return min(1, 1 / ratio), d - r, d + r


for args in [(1000, 100, 1000, 150), (4000, 400, 4000, 480)]:
    print(args, *('%.6f' % x for x in sequential(*args)))
