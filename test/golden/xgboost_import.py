#!/usr/bin/env python3
"""xgboost_import.py - models that XGBoost's own package trained score the same after engage_import(), bit for bit

Run by test/t/055_import.pl, which has the models of LightGBM and the damaged ones.  Tolerance: none.
"""
import json
import math
import sys

import numpy as np
import xgboost as xgb

from engage_models import Tap, SqlError, bits_differ, literal, rows, sql

tap = Tap()
rng = np.random.default_rng(5)
N = 3000
COLORS = ['amber', 'blue', 'cyan', 'green', 'navy', 'olive', 'red', 'zinc']
NAMES = ['a', 'B c', 'color', 'd', 'flag']
TYPES = ['float', 'float', 'c', 'int', 'i']


def make_data():
    """Numbers, a category column and booleans, each with values missing."""
    x = np.empty((N, 5), dtype=np.float32)
    x[:, 0] = rng.normal(size=N)
    x[:, 1] = np.round(rng.gamma(2, 50, size=N), 2)
    x[:, 2] = rng.integers(0, len(COLORS), size=N)
    x[:, 3] = rng.integers(-5, 100, size=N)
    x[:, 4] = rng.integers(0, 2, size=N)
    signal = x[:, 0] + 0.01 * x[:, 1] + np.array([0, 2, -1, 1, 0, -2, 3, 1])[x[:, 2].astype(int)] * (x[:, 4] + 0.5)
    for j in range(5):
        x[rng.random(N) < 0.1, j] = math.nan
    return x, signal + rng.normal(size=N)


def store(x):
    def text(v, j):
        if math.isnan(v):
            return '\\N'
        if j == 2:
            return COLORS[int(v)]
        return 'tf'[int(v == 0)] if j == 4 else repr(int(v)) if j == 3 else repr(float(v))
    # other types and another order than the model's features, and columns that it does not know
    lines = ['\t'.join([str(i)] + [text(r[j], j) for j in (4, 3, 2, 1, 0)]) for i, r in enumerate(x)]
    sql('CREATE EXTENSION IF NOT EXISTS engage;'
        'CREATE TABLE given (id int, flag bool, d int, color text, "B c" numeric, a float8);\n'
        'COPY given FROM STDIN;\n' + '\n'.join(lines) + '\n\\.\n')
    # float32 of a decimal number that printed a float32 is that float32
    sql("INSERT INTO given VALUES (%d, NULL, NULL, 'never seen', NULL, 'NaN')" % N)
    return np.vstack([x, np.full((1, 5), math.nan, dtype=np.float32)])


def scores(model, call, width):
    text = [r[0] for r in rows("SELECT %s(%s, g) FROM given g ORDER BY id" % (call, literal(model)))[1]]
    if call == 'engage_predict_proba':
        return np.array([[np.float32(json.loads(s)['c%d' % k]) for k in range(width)] for s in text])
    return np.array([float(s) for s in text])


def install(model, raw, more=''):
    return sql("SELECT engage_import(%s, '\\x%s'%s)" % (literal(model), bytes(raw).hex(), more))


def train(params, y, x, rounds=15, plain=False, **info):
    """A booster with names and a category column, or without either."""
    kind = {} if plain else dict(feature_names=NAMES, feature_types=TYPES, enable_categorical=True)
    d = xgb.DMatrix(x[:N], nthread=1, **kind)
    for field, values in dict(label=y, **info).items():
        if values is not None:
            getattr(d, 'set_' + field)(values) if field == 'group' else d.set_float_info(field, values)
    p = dict(dict(max_depth=5, tree_method='hist', nthread=1, seed=3), **params)
    return xgb.train(p, d, num_boost_round=rounds)


CATEGORIES = ", categories => '%s'" % json.dumps({'color': COLORS})


def check(what, booster, x, call='engage_predict', more=CATEGORIES, plain=False, expect=None, width=1, raw=None):
    kind = {} if plain else dict(feature_names=NAMES, feature_types=TYPES, enable_categorical=True)
    theirs = booster.predict(xgb.DMatrix(x, nthread=1, **kind), strict_shape=False) if expect is None else expect
    try:
        total = bad = 0
        worst = 0.0
        for form in ('json', 'ubj') if raw is None else ('raw',):
            model = 'import_%d_%s' % (tap.count, form)
            install(model, booster.save_raw(form) if raw is None else raw, more)
            ours = scores(model, call, width)
            n, diff = bits_differ(ours, theirs)
            total, bad, worst = total + ours.size, bad + n, max(worst, diff)
        if not tap.ok(bad == 0, '%s: %d scores are equal' % (what, total)):
            tap.note('%d differ, at most by %g' % (bad, worst))
    except Exception as e:
        tap.ok(False, what)
        tap.note(repr(e))


def softmax(margin):
    """As the library does it: single precision, the sum in double."""
    e = np.exp(margin - margin.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, dtype=np.float64).astype(np.float32)[:, None]


def main():
    x, signal = make_data()
    z = store(x)
    binary = (signal > 1).astype(np.float32)
    positive = np.exp(signal / 3).astype(np.float32)
    classes = np.clip(np.floor(signal + 1), 0, 3).astype(np.float32)
    count = rng.poisson(positive).astype(np.float32)
    censored = np.where(rng.random(N) < 0.3, math.inf, positive).astype(np.float32)
    groups = dict(group=np.full(N // 30, 30, dtype=np.uint32))

    check('squared error', train({}, signal, z), z)
    check('squared error with a base score', train({'base_score': -3.25}, signal, z), z)
    check('absolute error', train({'objective': 'reg:absoluteerror'}, signal, z), z)
    check('pseudo-Huber', train({'objective': 'reg:pseudohubererror'}, signal, z), z)
    check('squared log error', train({'objective': 'reg:squaredlogerror'}, positive, z), z)
    check('logistic', train({'objective': 'binary:logistic'}, binary, z), z)
    check('logistic with a base score', train({'objective': 'binary:logistic', 'base_score': 0.2}, binary, z), z)
    check('logistic regression', train({'objective': 'reg:logistic'}, binary, z), z)
    check('hinge', train({'objective': 'binary:hinge'}, binary, z), z)
    check('gamma', train({'objective': 'reg:gamma'}, positive, z), z)
    check('tweedie', train({'objective': 'reg:tweedie'}, count, z), z)
    check('poisson', train({'objective': 'count:poisson'}, count, z), z)
    check('cox', train({'objective': 'survival:cox'}, positive, z), z)
    check('accelerated failure time', train({'objective': 'survival:aft'}, None, z, label_lower_bound=positive,
                                            label_upper_bound=censored), z)
    for objective in ('rank:pairwise', 'rank:ndcg'):
        check(objective, train({'objective': objective}, np.clip(count, 0, 4), z, **groups), z)
    labels = CATEGORIES + ", labels => '{c0,c1,c2,c3}'"
    check('softprob', train({'objective': 'multi:softprob', 'num_class': 4}, classes, z), z,
          call='engage_predict_proba', more=labels, width=4)
    check('dart', train({'booster': 'dart', 'rate_drop': 0.3, 'objective': 'binary:logistic'}, binary, z), z)
    check('a forest a round', train({'num_parallel_tree': 5, 'subsample': 0.5}, signal, z, rounds=3), z)
    check('category sets', train({'max_cat_to_onehot': 1, 'max_depth': 9}, signal, z), z)
    check('one category against the rest', train({'max_cat_to_onehot': 99, 'max_depth': 9}, signal, z), z)
    check('no tree at all', train({}, signal, z, rounds=0), z)

    # what the library says as a margin or a class is a probability here
    b = train({'objective': 'binary:logitraw'}, binary, z)
    m = b.predict(xgb.DMatrix(z, feature_names=NAMES, feature_types=TYPES, enable_categorical=True))
    try:
        install('logitraw', b.save_raw('ubj'), CATEGORIES)
        worst = np.max(np.abs(scores('logitraw', 'engage_predict', 1) - 1 / (1 + np.exp(-m.astype(np.float64)))))
        tap.ok(worst < 2e-7, 'logitraw: probabilities to %.0e' % 2e-7)
        b = train({'objective': 'multi:softmax', 'num_class': 4}, classes, z)
        d = xgb.DMatrix(z, feature_names=NAMES, feature_types=TYPES, enable_categorical=True)
        install('softmax', b.save_raw('ubj'), labels)
        p = scores('softmax', 'engage_predict_proba', 4)
        worst = np.max(np.abs(p - softmax(b.predict(d, output_margin=True))))
        tap.ok(worst < 2e-7, 'softmax: probabilities to %.0e' % 2e-7)
        ours = [r[0] for r in rows("SELECT engage_predict_class('softmax', g) FROM given g ORDER BY id")[1]]
        tap.ok(ours == ['c%d' % k for k in b.predict(d)], 'softmax: the same classes')
    except SqlError as e:
        tap.ok(False, 'logitraw and softmax')
        tap.note(e)

    # no names, no types: codes are numbers
    plain = z.copy()
    plain[:, 2] = math.nan
    b = train({}, signal, plain, plain=True)
    named = ", features => '{a,\"B c\",code,d,flag}'"
    sql("ALTER TABLE given ADD code float8")
    check('without names', b, plain, plain=True, more=named)
    try:
        install('nameless', b.save_raw('ubj'))
        tap.ok(False, 'a model without names needs them')
    except SqlError as e:
        tap.ok('has no feature names' in str(e) and '5 features' in str(e), 'a model without names needs them')

    # what older and newer versions of the library write
    b = train({'objective': 'binary:logistic', 'base_score': 0.3}, binary, plain, plain=True)
    doc = json.loads(bytes(b.save_raw('json')))
    for tree in doc['learner']['gradient_booster']['model']['trees']:
        for key in list(tree):
            if key.startswith('categor') or key in ('split_type', 'loss_changes', 'sum_hessian', 'base_weights'):
                del tree[key]
    for key in ('feature_names', 'feature_types', 'attributes'):
        doc['learner'].pop(key, None)
    check('a model as version 1.0 wrote it', b, plain, plain=True, more=named, raw=json.dumps(doc).encode())
    doc = json.loads(bytes(b.save_raw('json')))
    doc['learner']['learner_model_param']['base_score'] = '[3E-1]'
    doc['version'] = [3, 1, 0]
    check('a base score as version 3.1 writes it', b, plain, plain=True, more=named,
          raw=json.dumps(doc, indent=2).encode())
    check('JSON with white space before it', b, plain, plain=True, more=named, raw=b'\n ' + json.dumps(doc).encode())

    # a round trip through the package: trained here, loaded there, imported here
    sql("SET engage.progress = off; SELECT engage_train('home', 'SELECT g.*, a > 0 AS y FROM given g WHERE a IS NOT NULL',"
        " target => 'y', exclude => '{a,code}', key => 'id', params => '{\"n_estimators\":10}')")
    raw = bytes.fromhex(sql("SELECT encode(engage_export('home', 'json'), 'hex')"))
    b = xgb.Booster(model_file=bytearray(raw))
    install('away', b.save_raw('ubj'), CATEGORIES + ", labels => '{false,true}', target => 'y'")
    same = sql("SELECT count(*) FILTER (WHERE engage_predict('home', g) = engage_predict('away', g)"
               " AND engage_predict_class('home', g) = engage_predict_class('away', g)), count(*) FROM given g")
    tap.ok(same == '%d|%d' % (N + 1, N + 1), 'there and back: the same scores and classes')
    if same != '%d|%d' % (N + 1, N + 1):
        tap.note(same)

    # models that have no scores of ours
    for what, params, y, want in (
            ('a linear model', {'booster': 'gblinear', 'tree_method': 'auto'}, signal, 'booster "gblinear"'),
            ('two targets', {}, np.column_stack([signal, binary]), '2 outputs')):
        d = xgb.DMatrix(plain[:N], label=y, nthread=1)
        b = xgb.train(dict({'nthread': 1, 'tree_method': 'hist'}, **params), d, num_boost_round=2)
        for form in ('json', 'ubj'):
            try:
                install('no', b.save_raw(form), named)
                tap.ok(False, '%s is refused (%s)' % (what, form))
            except SqlError as e:
                if not tap.ok(' 0A000: ' in str(e) and want in str(e), '%s is refused (%s)' % (what, form)):
                    tap.note(e)
    b = train({}, signal, plain, plain=True)
    for what, raw, state in (('the old binary format', b.save_raw('deprecated'), '0A000'), ('no bytes', b'', 'XX001'),
                             ('other bytes', b'hello', 'XX001'), ('an empty object', b'{}', 'XX001')):
        try:
            install('no', raw, named)
            tap.ok(False, what + ' is refused')
        except SqlError as e:
            if not tap.ok(' %s: ' % state in str(e), what + ' is refused'):
                tap.note(e)
    tap.done()


if __name__ == '__main__':
    main()
