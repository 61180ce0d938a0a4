#!/usr/bin/env python3
"""xgboost_scores.py - models that engage trains score as XGBoost's own package scores them, bit for bit

Run by test/t/050_xgboost.pl.  Each case trains through SQL on real data, exports the model as UBJSON
and JSON, loads both into xgboost, and compares its predictions with engage_predict() for every row of
the table and of a damaged copy (values missing, categories never seen).  The package gets its vectors
from test/golden/engage_models.py, which shares no code with engage.

Tolerance: none.  Every single precision score must be the same number: the links call the C library's
expf and exp, and libxgboost on the same machine calls the same ones.

Then training itself: the same parameters, rows and seed given to the package must make the same
model, and the quality must be the same where rows and columns are drawn at random.
"""
import json
import os
import sys
import time

import numpy as np
import xgboost as xgb

from engage_models import (Tap, auc, bits_differ, encode, export, feature_types, literal, load_table, names,
                           read_schema, rows, sql)
from settled import settle

tap = Tap()


# ---------------------------------------------------------------------------
# Data
# ---------------------------------------------------------------------------

def damaged(table, key, keep=()):
    """A copy with every fifth value or so missing, and some texts that no training saw."""
    header, types = [], {}
    for line in sql("SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
                    " AND attnum > 0 ORDER BY attnum" % literal(table)).splitlines():
        c, t = line.split('|')
        header.append(c)
        types[c] = t
    items = []
    for i, c in enumerate(header):
        h = "abs(hashint4extended(%s::int, %d)) %% 100" % (key, 1000 + i)
        if c == key or c in keep:
            items.append(c)
        elif types[c] == 'text':
            items.append("CASE WHEN %s < 15 THEN NULL WHEN %s < 20 THEN 'never seen' ELSE %s END AS %s" % (h, h, c, c))
        elif types[c] == 'double precision':
            items.append("CASE WHEN %s < 15 THEN NULL WHEN %s < 18 THEN 'NaN' WHEN %s < 20 THEN '-inf' ELSE %s END AS %s"
                         % (h, h, h, c, c))
        else:
            items.append("CASE WHEN %s < 18 THEN NULL ELSE %s END AS %s" % (h, c, c))
    sql("CREATE TABLE %s_damaged AS SELECT %s FROM %s" % (table, ', '.join(items), table))


def load():
    sql("CREATE EXTENSION IF NOT EXISTS engage")
    load_table('telco', 'telco_churn.csv')
    load_table('credit', 'credit.csv')
    load_table('mlc', 'mlc_churn.csv')
    load_table('ames', 'ames.csv')
    sql("CREATE TABLE sample AS SELECT * FROM engage_sample_customers(3000, 7)")

    # a column that says which rows are held out, so that the package can be given the same
    for table, key in KEYS.items():
        sql("ALTER TABLE %s ADD held_out boolean; UPDATE %s SET held_out = abs(hashint4(%s::int)) %% 5 = 0"
            % (table, table, key))
    sql("ALTER TABLE telco ADD seen boolean; UPDATE telco SET seen = churn = 'Yes', tenure = tenure + 1;"
        "ALTER TABLE credit ADD relevance int; UPDATE credit SET relevance = least(4, amount / 500)")
    for table, key in KEYS.items():
        damaged(table, key, ('held_out', 'seen'))


KEYS = {'telco': 'customer_id', 'credit': 'id', 'mlc': 'customer_id', 'ames': 'id', 'sample': 'customer_id'}


# ---------------------------------------------------------------------------
# Scores
# ---------------------------------------------------------------------------

def train(model, table, target, params, **arguments):
    a = dict(key=KEYS[table], split='held_out', seed=11, deploy='always')
    if table == 'telco' and 'event' not in arguments:
        a['exclude'] = "'{seen}'"
    a.update(arguments)
    text = ', '.join("%s => %s" % (k, v if k in ('seed', 'exclude', 'features') else literal(v)) for k, v in a.items())
    sql("SET engage.progress = off; SET engage.threads = 1; SELECT version FROM engage_train(%s, %s, target => %s, params => %s, %s)"
        % (literal(model), literal(table), literal(target), literal(json.dumps(params)), text))


def our_scores(model, task, labels, table):
    """Header and rows of a table, and engage's scores of them."""
    call = {'multiclass': 'engage_predict_proba', 'quantile': 'engage_predict_quantiles'}.get(task, 'engage_predict')
    header, all_rows = rows("SELECT t.*, %s(%s, t) AS score FROM %s t ORDER BY %s"
                            % (call, literal(model), table, KEYS[table.replace('_damaged', '')]))
    text = [r[-1] for r in all_rows]
    if task == 'multiclass':
        # jsonb has 15 digits of a number: enough for single precision
        score = [[float(np.float32(json.loads(s)[c])) for c in labels] for s in text]
    elif task == 'quantile':
        score = [[float(v) for v in s[1:-1].split(',')] for s in text]
    else:
        score = [float(s) for s in text]
    return header[:-1], all_rows, np.array(score)


def their_scores(booster, x, columns, task):
    d = xgb.DMatrix(x, feature_names=names(columns), feature_types=feature_types(columns), nthread=1)
    p = booster.predict(d)
    return np.sort(p, axis=1) if task == 'quantile' else p


def same_scores(model, what, table, task):
    columns, labels = read_schema(export(model, 'engage'))
    boosters = []
    for form in ('ubj', 'json'):
        b = xgb.Booster({'nthread': 1})
        b.load_model(bytearray(export(model, form)))
        boosters.append(b)
    total = differ = differ_json = 0
    worst = 0.0
    for t in (table, table + '_damaged'):
        header, table_rows, ours = our_scores(model, task, labels, t)
        x = encode(columns, header, table_rows)
        theirs = their_scores(boosters[0], x, columns, task)
        n, diff = bits_differ(ours, theirs)
        total += ours.size
        differ += n
        worst = max(worst, diff)
        differ_json += bits_differ(ours, their_scores(boosters[1], x, columns, task))[0]
        if n and os.environ.get('VERBOSE'):
            i = np.argmax(np.abs(np.asarray(ours, dtype=np.float64) - theirs))
            tap.note('at %d: %s and %s' % (i, ours.flat[i], theirs.flat[i]))
    good = differ == 0 and differ_json == 0 and boosters[0].feature_names == names(columns)
    tap.ok(good, '%s: %d scores are equal' % (what, total))
    if not good:
        tap.note('%d of the UBJSON and %d of the JSON differ, at most by %g' % (differ, differ_json, worst))


# name, table, target, parameters, arguments
SMALL = {'n_estimators': 30, 'max_depth': 5, 'learning_rate': 0.2}
CASES = [
    ('logistic', 'telco', 'churn', {'n_estimators': 50, 'max_depth': 4, 'learning_rate': 0.1, 'subsample': 0.8,
                                    'colsample_bytree': 0.8}, {}),
    ('logistic, defaults', 'sample', 'churn_30_day', {}, {'exclude': "'{ltv_12_month, engagement_score}'"}),
    ('logistic, scale_pos_weight, base_score', 'credit', 'status',
     dict(SMALL, scale_pos_weight=2.5, base_score=0.25), {'positive': 'bad'}),
    ('hinge', 'credit', 'status', dict(SMALL, objective='binary:hinge'), {}),
    ('squared error', 'ames', 'sale_price', SMALL, {}),
    ('squared error, base_score', 'ames', 'sale_price', dict(SMALL, base_score=180000.5), {}),
    ('squared log error', 'ames', 'sale_price', dict(SMALL, objective='reg:squaredlogerror', base_score=150000), {}),
    ('pseudo-Huber', 'ames', 'longitude', dict(SMALL, objective='reg:pseudohubererror', huber_slope=0.5), {}),
    ('absolute error', 'ames', 'sale_price', dict(SMALL, objective='reg:absoluteerror'), {}),
    ('gamma', 'ames', 'sale_price', dict(SMALL, objective='reg:gamma', n_estimators=60), {}),
    ('tweedie', 'mlc', 'total_intl_charge', dict(SMALL, objective='reg:tweedie', tweedie_variance_power=1.3),
     {'exclude': "'{total_intl_minutes}'"}),
    ('logistic regression', 'sample', 'email_open_rate', dict(SMALL, objective='reg:logistic'), {}),
    ('softprob', 'telco', 'payment_method', SMALL, {}),
    ('softprob of ten', 'sample', 'country', dict(SMALL, n_estimators=10, subsample=0.7), {}),
    ('poisson', 'mlc', 'number_customer_service_calls', SMALL, {'task': 'count'}),
    ('cox', 'telco', 'tenure', SMALL, {'event': 'seen', 'exclude': "'{churn, total_charges}'",
                                       'params_more': {'objective': 'survival:cox'}}),
    ('aft', 'telco', 'tenure', dict(SMALL, objective='survival:aft', aft_loss_distribution='logistic',
                                    aft_loss_distribution_scale=1.5), {'event': 'seen', 'exclude': "'{churn, total_charges}'"}),
    ('rank:ndcg', 'credit', 'relevance', SMALL, {'group_by': 'age', 'exclude': "'{amount}'"}),
    ('rank:pairwise', 'credit', 'relevance', dict(SMALL, objective='rank:pairwise'),
     {'group_by': 'age', 'exclude': "'{amount}'"}),
    ('quantiles', 'ames', 'sale_price', dict(SMALL, quantiles=[0.1, 0.5, 0.9]), {'task': 'quantile'}),
    ('dart', 'telco', 'churn', dict(SMALL, booster='dart', rate_drop=0.2, skip_drop=0.3), {}),
    ('dart, normalized as forests', 'ames', 'sale_price',
     dict(SMALL, booster='dart', rate_drop=0.3, one_drop=True, sample_type='weighted', normalize_type='forest'), {}),
    ('forest of 8 trees a round', 'credit', 'status', dict(n_estimators=5, num_parallel_tree=8, subsample=0.6,
                                                         colsample_bynode=0.5), {}),
    ('random forest, softprob', 'telco', 'contract', dict(n_estimators=1, num_parallel_tree=20, subsample=0.6,
                                                         colsample_bynode=0.4, learning_rate=1), {}),
    ('early stopping', 'mlc', 'churn', {'n_estimators': 400, 'learning_rate': 0.3, 'early_stopping_rounds': 8}, {}),
    ('early stopping of dart', 'mlc', 'churn', {'n_estimators': 60, 'early_stopping_rounds': 5, 'booster': 'dart',
                                                'rate_drop': 0.2, 'eval_metric': 'auc'}, {}),
    ('one-hot splits only', 'mlc', 'churn', dict(SMALL, max_cat_to_onehot=1000), {}),
    ('set splits only', 'mlc', 'churn', dict(SMALL, max_cat_to_onehot=1), {}),
    ('set splits of few', 'ames', 'sale_price', dict(SMALL, max_cat_to_onehot=2, max_cat_threshold=3), {}),
    ('monotone and interaction constraints', 'telco', 'churn',
     dict(SMALL, monotone_constraints={'tenure': -1, 'monthly_charges': 1},
          interaction_constraints=[['tenure', 'contract', 'monthly_charges'], ['internet_service', 'total_charges']]), {}),
    ('leaf by leaf', 'telco', 'churn', dict(n_estimators=30, grow_policy='lossguide', max_leaves=20, max_depth=0), {}),
    ('approx', 'ames', 'sale_price', dict(SMALL, tree_method='approx', max_bin=64), {}),
    ('exact', 'sample', 'engagement_score', dict(SMALL, tree_method='exact', n_estimators=10),
     {'exclude': "'{account_type, country, acquisition_channel, primary_device}'"}),
    ('weights and class weights', 'telco', 'churn', SMALL, {'weight': 'monthly_charges', 'class_weight': 'balanced'}),
    ('one tree that is a leaf', 'telco', 'churn', {'n_estimators': 1, 'gamma': 1e9}, {}),
    ('deep trees', 'sample', 'engagement_score', {'n_estimators': 5, 'max_depth': 24, 'min_child_weight': 0}, {}),
]


def task_of(model):
    return sql("SELECT task FROM engage.models WHERE model = %s" % literal(model))


def score_cases():
    for i, (what, table, target, params, arguments) in enumerate(CASES):
        model = 'case_%02d' % i
        arguments = dict(arguments)
        params = dict(params, **arguments.pop('params_more', {}))
        begin = time.time()
        try:
            train(model, table, target, params, **arguments)
            if os.environ.get('VERBOSE'):
                tap.note('trained in %.1f s' % (time.time() - begin))
            same_scores(model, what, table, task_of(model))
            if os.environ.get('VERBOSE'):
                tap.note('all in %.1f s' % (time.time() - begin))
        except Exception as e:
            tap.ok(False, what)
            tap.note(repr(e))


# ---------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------

def theirs_trained(model, table, target, params, rounds, truth):
    """Scores of the package's model of the same training rows; all truths; which rows were held out."""
    columns, _ = read_schema(export(model, 'engage'))
    header, table_rows = rows("SELECT t.*, %s AS truth FROM %s t ORDER BY %s" % (truth, table, KEYS[table]))
    out = np.array([r[header.index('held_out')] == 't' for r in table_rows])
    x = encode(columns, header, table_rows)
    y = np.array([float(r[-1]) for r in table_rows], dtype=np.float32)
    shape = dict(feature_names=names(columns), feature_types=feature_types(columns), nthread=1)
    d = xgb.QuantileDMatrix(x[~out], label=y[~out], max_bin=params.get('max_bin', 256), enable_categorical=True, **shape)
    booster = xgb.train(dict(params, nthread=1, tree_method='hist', seed=11), d, num_boost_round=rounds)
    booster, changed = settle(booster, x[~out])
    return booster.predict(xgb.DMatrix(x, **shape)), y, out, changed, (booster, columns, shape)


# table, target, the same as a number, parameters, do rows or columns come by chance?
TRAINED = [
    ('telco', 'churn', "(churn = 'Yes')::int", {'objective': 'binary:logistic', 'max_depth': 4, 'learning_rate': 0.1}, False),
    ('credit', 'status', "(status = 'good')::int", {'objective': 'binary:logistic', 'max_cat_to_onehot': 1}, False),
    ('mlc', 'churn', "(churn = 'yes')::int",
     {'objective': 'binary:logistic', 'grow_policy': 'lossguide', 'max_leaves': 16, 'max_depth': 0, 'reg_lambda': 2}, False),
    ('ames', 'sale_price', 'sale_price', {'objective': 'reg:squarederror', 'max_depth': 5, 'max_bin': 128}, False),
    ('sample', 'engagement_score', 'engagement_score', {'objective': 'reg:squarederror', 'colsample_bytree': 0.7}, False),
    ('telco', 'churn', "(churn = 'Yes')::int", {'objective': 'binary:logistic', 'max_depth': 4, 'learning_rate': 0.1,
                                                'subsample': 0.8, 'colsample_bytree': 0.8}, True),
    ('credit', 'status', "(status = 'good')::int", {'objective': 'binary:logistic', 'max_depth': 4, 'learning_rate': 0.1,
                                                    'subsample': 0.8, 'colsample_bytree': 0.8}, True),
    ('mlc', 'churn', "(churn = 'yes')::int", {'objective': 'binary:logistic', 'max_depth': 4, 'learning_rate': 0.1,
                                              'subsample': 0.8, 'colsample_bytree': 0.8}, True),
]


def trained_cases():
    """
    The package is given the rows in the order of their ids, which is not engage's.  The order matters where
    rows are drawn by chance; else it could only through the rounding of sums, and sums of some thousand
    single precision gradients in double precision are exact: the same model is expected to the last bit.
    """
    for i, (table, target, truth, params, chance) in enumerate(TRAINED):
        model = 'trained_%d' % i
        what = '%s, %s' % (table, 'rows drawn by chance' if chance else 'all rows')
        try:
            train(model, table, target, dict({k: v for k, v in params.items() if k != 'objective'}, n_estimators=40))
            theirs, y, out, changed, (booster, columns, shape) = theirs_trained(model, table, target, params, 40, truth)
            ours = our_scores(model, task_of(model), None, table)[2]
            differ, worst = bits_differ(ours, theirs)
            if not chance and not tap.ok(differ == 0, what + ': the same model as the package trains'):
                tap.note('%d of %d scores differ, at most by %g' % (differ, len(y), worst))
            if not chance:
                # the same rows with values that training had not seen
                header, damaged_rows, ours_damaged = our_scores(model, task_of(model), None, table + '_damaged')
                theirs_damaged = booster.predict(xgb.DMatrix(encode(columns, header, damaged_rows), **shape))
                differ, worst = bits_differ(ours_damaged, theirs_damaged)
                tap.ok(differ == 0 and changed > 100, what + ': missing values go where most training rows went')
                tap.note('%d nodes were settled; %d of %d scores of damaged rows differ' % (changed, differ, len(y)))
            if params['objective'] == 'binary:logistic':
                metric, (a, b) = 'auc', (auc(y[out], s[out]) for s in (ours, theirs))
            else:
                metric, (a, b) = 'r2', (1 - np.mean((y[out] - s[out]) ** 2) / np.var(y[out]) for s in (ours, theirs))
            told = float(sql("SELECT metrics->>%s FROM engage.versions WHERE model = %s" % (literal(metric), literal(model))))
            good = abs(told - a) < 1e-6 and abs(a - b) < (0.01 if chance else 1e-6)
            tap.ok(good, '%s: %s is what it should be' % (what, metric))
            tap.note('%s %.6f here, %.6f in the package, %.6f stored' % (metric, a, b, told))
        except Exception as e:
            tap.ok(False, what)
            tap.note(repr(e))


if __name__ == '__main__':
    load()
    score_cases()
    trained_cases()
    tap.done()
