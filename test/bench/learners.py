"""Linear models, neural nets and forests against scikit-learn and XGBoost's own forests."""

import json

from common import (SIZES, THREADS, Report, best_of, connect, export, make_numbers, mb, peak_mb, ratio, reference, run,
                    seconds_text, session)


def fit(source, algorithm, params, repeats=1):
    """Train in a fresh backend: best seconds of some, quality on held-out rows, peak MB."""
    target, other, metric = ("spend", "churn", "r2") if algorithm == "linear_regression" else ("churn", "spend", "auc")
    connection, cursor = session()
    best = None
    for _ in range(repeats):
        seconds, row = run(cursor,
                           f"SELECT metrics->>'{metric}' FROM engage_train('learner', %s, target => %s, key => 'customer_id',"
                           " exclude => ARRAY[%s], algorithm => %s, params => %s, deploy => 'always')",
                           (source, target, other, algorithm, json.dumps(params)))
        best = seconds if best is None else min(best, seconds)
    peak = peak_mb(connection.info.backend_pid)
    cursor.execute("SELECT engage_drop('learner')")
    connection.close()
    return best, float(row[0]), peak


def tables(directory):
    """For each size: cursor, name of the table, file of its arrays, seconds of a scan."""
    connection = connect()
    cursor = connection.cursor()
    for rows in SIZES:
        make_numbers(cursor, "numbers", rows)
        data = export(cursor, "numbers", "", directory)
        scan = best_of(3, cursor, "SELECT max(f49) FROM numbers")
        yield rows, data, scan
    cursor.execute("DROP TABLE numbers")
    connection.close()


def net(epochs):
    """The same net, batches and steps on both sides; neither stops early."""
    ours = {"layers": [64], "epochs": epochs, "batch_size": 200, "early_stopping_rounds": 0, "weight_decay": 0}
    theirs = {"hidden_layer_sizes": [64], "max_iter": epochs, "batch_size": 200, "alpha": 0,
              "n_iter_no_change": 1000, "random_state": 1}
    return ours, theirs


def section_learners(directory):
    report = Report(f"Learners: 49 numbers, {THREADS} threads; reference: scikit-learn on arrays in memory, plus a scan of the table",
                    ("", "engage", "reference", "scan", "ratio", "quality", "reference", "peak", "reference"))
    for rows, data, scan in tables(directory):
        repeats = 3 if rows <= 200_000 else 2
        for algorithm, theirs in (("linear_regression", {}), ("logistic_regression", {})):
            library = reference("raw_learner.py", data, algorithm, theirs, THREADS, repeats)
            seconds, quality, peak = fit("numbers", algorithm, {}, repeats)
            report.line(f"{algorithm}, {rows:,} rows", seconds_text(seconds), seconds_text(library["seconds"]),
                        seconds_text(scan), ratio(seconds, library["seconds"] + scan), f"{quality:.4f}",
                        f"{library['quality']:.4f}", mb(peak), mb(library["peak_mb"]))

        ours, theirs = net(10)
        library = reference("raw_learner.py", data, "mlp", theirs, THREADS, 1)
        seconds, quality, peak = fit("numbers", "mlp", ours)
        report.line(f"mlp [64], 10 epochs, {rows:,} rows", seconds_text(seconds), seconds_text(library["seconds"]),
                    seconds_text(scan), ratio(seconds, library["seconds"] + scan), f"{quality:.4f}",
                    f"{library['quality']:.4f}", mb(peak), mb(library["peak_mb"]))
        ours, theirs = net(2)
        fewer = reference("raw_learner.py", data, "mlp", theirs, THREADS, 1)
        ours_epoch = (seconds - fit("numbers", "mlp", ours)[0]) / 8
        epoch = (library["seconds"] - fewer["seconds"]) / 8
        report.line(f"mlp [64], an epoch, {rows:,} rows", seconds_text(ours_epoch), seconds_text(epoch), "",
                    ratio(ours_epoch, epoch), "", "", "", "")


def section_forests(directory):
    report = Report(f"Random forests: 49 numbers, {THREADS} threads; reference: XGBoost's XGBRFClassifier, arrays in memory",
                    ("", "engage", "XGBoost", "ratio", "AUC", "XGBoost", "peak", "XGBoost", "scikit-learn", "ratio", "AUC"))
    for rows, data, _ in tables(directory):
        for trees, depth in ((20, 7), (100, 7)) + (((20, 0),) if rows <= 200_000 else ()):
            # as many columns a node; XGBoost draws rows without replacement: as many different ones
            library = reference("raw_learner.py", data, "xgboost_forest",
                                {"n_estimators": trees, "max_depth": depth, "subsample": 0.632, "colsample_bynode": 1 / 7,
                                 "min_child_weight": 1}, THREADS, 1)
            seconds, quality, peak = fit("numbers", "random_forest", {"n_estimators": trees, "max_depth": depth})
            line = [f"{trees} trees, {f'depth {depth}' if depth else 'no limit of depth'}, {rows:,} rows",
                    seconds_text(seconds), seconds_text(library["seconds"]), ratio(seconds, library["seconds"]),
                    f"{quality:.4f}", f"{library['quality']:.4f}", mb(peak), mb(library["peak_mb"])]

            # for information, and not where it takes minutes
            if rows <= 200_000:
                sklearn = reference("raw_learner.py", data, "sklearn_forest",
                                    {"n_estimators": trees, "max_depth": depth or None, "min_samples_leaf": 5}, THREADS, 1)
                line += [seconds_text(sklearn["seconds"]), ratio(seconds, sklearn["seconds"]), f"{sklearn['quality']:.4f}"]
            else:
                line += ["", "", ""]
            report.line(*line)
