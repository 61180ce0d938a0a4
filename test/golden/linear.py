#!/usr/bin/env python3
"""linear.py - what scikit-learn and statsmodels learn from the real data of test/sql/linear.sql

Prints the rows of that test's table "oracle": a trial, a coefficient on the original scale, its standard
error (statsmodels only), and for each trial the predictions of three rows as names "row <id>".  Everything
is computed in double precision; engage keeps features in single precision, and all features used here are
integers that fit.  scikit-learn's iterative solvers run to tolerances far below those of the test.

Needs scikit-learn 1.2 and statsmodels 0.13 (Debian: python3-sklearn, python3-statsmodels).
"""
import os
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn import linear_model as lm

warnings.simplefilter('ignore')
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')
ames = pd.read_csv(os.path.join(data, 'ames.csv'), keep_default_na=False)
telco = pd.read_csv(os.path.join(data, 'telco_churn.csv'))
credit = pd.read_csv(os.path.join(data, 'credit.csv'))

lines = []


def say(trial, name, estimate, error=None):
    lines.append("\t('%s', '%s', %.10g, %s)" % (trial, name, estimate, 'NULL' if error is None else '%.10g' % error))


def columns(table, numbers, categories=(), scale=False, weight=None):
    """Design matrix, names, what numbers were divided by, and what was taken off before."""
    weight = np.ones(len(table)) if weight is None else weight
    x, names, divisor, centre = [], [], [], []
    for c in numbers:
        v = table[c].to_numpy(float)
        lost = np.isnan(v)
        mean = np.average(v[~lost], weights=weight[~lost])
        v = np.where(lost, mean, v)
        sd = np.sqrt(np.average((v[~lost] - mean) ** 2, weights=weight[~lost])) if scale else 1.0
        x.append((v - (mean if scale else 0)) / sd)
        names.append(c)
        divisor.append(sd)
        centre.append(mean if scale else 0)
        if lost.any():
            x.append(lost.astype(float))
            names.append(c + ' is missing')
            divisor.append(1.0)
            centre.append(0.0)
    for c in categories:
        v = table[c].fillna('').astype(str)
        counts = pd.Series(weight).groupby(v[v != '']).sum()
        reference = sorted(counts[counts == counts.max()].index)[0]
        for k in sorted(counts.index):
            if k != reference:
                x.append((v == k).to_numpy(float))
                names.append(c + '=' + k)
                divisor.append(1.0)
                centre.append(0.0)
        if (v == '').any():
            x.append((v == '').to_numpy(float))
            names.append(c + ' is missing')
            divisor.append(1.0)
            centre.append(0.0)
    return np.column_stack(x), names, np.array(divisor), np.array(centre)


def report(trial, design, intercept, coef, predictions, ids, errors=None):
    _, names, divisor, centre = design
    coef = np.asarray(coef, float) / divisor
    if intercept is not None:
        say(trial, '(intercept)', intercept - (coef * centre).sum(), None if errors is None else errors[0])
    for j, name in enumerate(names):
        say(trial, name, coef[j], None if errors is None else errors[j + (intercept is not None)])
    for i in (0, 7, 1000):
        say(trial, 'row %d' % ids[i], predictions[i])


def stats(trial, table, result, design, intercept=True):
    p = np.asarray(result.params)
    report(trial, design, p[0] if intercept else None, p[1:] if intercept else p,
           np.asarray(result.predict()), table['id'], np.asarray(result.bse))


def fit(trial, table, model, design, y, weight=None, probability=False):
    m = model.fit(design[0], y, sample_weight=weight) if weight is not None else model.fit(design[0], y)
    predictions = m.predict_proba(design[0])[:, 1] if probability else m.predict(design[0])
    coef = np.ravel(m.coef_)
    intercept = float(np.ravel(m.intercept_)[0]) if m.fit_intercept else None
    report(trial, design, intercept, coef, predictions, table['id'])


telco['id'] = telco['customer_id']
numbers = ['lot_area', 'year_built', 'gr_liv_area', 'garage_cars']
price = ames['sale_price'].to_numpy(float)
plain = columns(ames, numbers, ['central_air', 'paved_drive'])
scaled = columns(ames, numbers, ['central_air', 'paved_drive'], scale=True)
one = sm.add_constant
w = ames['overall_cond'].str.len().to_numpy(float)

# ---- linear_regression
stats('ols', ames, sm.OLS(price, one(plain[0])).fit(), plain)
stats('wls', ames, sm.WLS(price, one(plain[0]), weights=w).fit(), plain)
stats('origin', ames, sm.OLS(price, plain[0]).fit(), plain, intercept=False)
fit('ridge', ames, lm.Ridge(alpha=100, solver='cholesky'), scaled, price)
fit('ridge_raw', ames, lm.Ridge(alpha=1000, solver='cholesky'), plain, price)
fit('lasso', ames, lm.Lasso(alpha=2000, tol=1e-12, max_iter=100000), scaled, price)
fit('net', ames, lm.ElasticNet(alpha=0.5, l1_ratio=0.3, tol=1e-12, max_iter=100000),
    columns(ames, numbers, ['central_air', 'paved_drive'], True, w), price, w)

# ---- logistic_regression
churn = (telco['churn'] == 'Yes').to_numpy(float)
tnumbers = ['tenure', 'senior_citizen', 'female']
tplain = columns(telco, tnumbers, ['contract', 'internet_service'])
tscaled = columns(telco, tnumbers, ['contract', 'internet_service'], scale=True)
tight = dict(tol=1e-10, max_iter=100000)
stats('logit', telco, sm.Logit(churn, one(tplain[0])).fit(disp=0, tol=1e-12), tplain)
fit('logit_l2', telco, lm.LogisticRegression(C=0.01, solver='newton-cg', **tight), tscaled, churn, probability=True)
fit('logit_l1', telco, lm.LogisticRegression(C=0.02, penalty='l1', solver='saga', **tight), tscaled, churn,
    probability=True)
fit('logit_net', telco, lm.LogisticRegression(C=0.02, penalty='elasticnet', l1_ratio=0.4, solver='saga', **tight),
    tscaled, churn, probability=True)
tw = 1 + telco['tenure'].to_numpy(float)
fit('logit_weight', telco, lm.LogisticRegression(C=1, solver='newton-cg', **tight),
    columns(telco, tnumbers, ['contract', 'internet_service'], True, tw), churn, tw, probability=True)

# missing values and categories, as engage prepares them
good = (credit['status'] == 'good').to_numpy(float)
clean = columns(credit, ['seniority', 'income', 'assets', 'debt'], ['home', 'job'], scale=True)
fit('logit_missing', credit, lm.LogisticRegression(C=1, solver='newton-cg', **tight), clean, good, probability=True)

# ---- glm
rooms = ames['tot_rms_abv_grd'].to_numpy(float)
area = ames['mas_vnr_area'].to_numpy(float)
gplain = columns(ames, ['gr_liv_area', 'year_built'], ['central_air'])
gscaled = columns(ames, ['gr_liv_area', 'year_built'], ['central_air'], scale=True)
families = sm.families
log = families.links.log()
stats('poisson', ames, sm.GLM(rooms, one(gplain[0]), families.Poisson()).fit(tol=1e-14), gplain)
stats('gamma', ames, sm.GLM(price, one(gplain[0]), families.Gamma(log)).fit(tol=1e-14), gplain)
stats('tweedie', ames, sm.GLM(area, one(gplain[0]), families.Tweedie(log, var_power=1.5)).fit(tol=1e-14, maxiter=500),
      gplain)
fit('poisson_l2', ames, lm.PoissonRegressor(alpha=0.5, tol=1e-10, max_iter=10000),
    columns(ames, ['gr_liv_area', 'year_built'], ['central_air'], True, w), rooms, w)
fit('gamma_l2', ames, lm.GammaRegressor(alpha=0.1, tol=1e-10, max_iter=10000), gscaled, price)
fit('tweedie_l2', ames, lm.TweedieRegressor(power=1.5, alpha=0.3, link='log', tol=1e-10, max_iter=10000), gscaled, area)

# ---- three classes
kind = pd.Categorical(ames['bldg_type'].isin(['OneFam', 'Twnhs']) * 1 + ames['bldg_type'].isin(['Duplex', 'TwoFmCon']) * 2)
three = lm.LogisticRegression(C=1, solver='newton-cg', multi_class='multinomial', **tight).fit(gscaled[0], kind.codes)
proba = three.predict_proba(gscaled[0])
for i in (0, 7, 1000):
    for k in range(3):
        say('three', 'row %d class %d' % (ames['id'][i], k), proba[i, k])

print(',\n'.join(lines) + ';')
