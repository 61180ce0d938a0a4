#!/usr/bin/python3
"""Numbers for test/sql/hdbscan.sql, and labels of algorithm hdbscan against other implementations.

Needs numpy, scipy, pandas and scikit-learn, and r-cran-dbscan for the comparison with R (Debian packages).

1. The length of the minimum spanning tree is scipy's, over the full matrix of mutual reachabilities.
2. Hierarchy, labels, strengths and outlier scores are computed here from the papers (Campello, Moulavi,
   Sander 2013; Campello et al. 2015), from the root down: the longest edges that still hold a set of rows
   together are removed, and its connected components are found anew.
3. R's dbscan::hdbscan() takes one edge of equal ones after the other, so a row through which two clusters meet
   may have another label.  Its outlier scores let clusters go on below min_cluster_size, until rows are alone, so
   that eps_max is the shortest edge within; the same is computed here for comparison.

Usage: test/golden/hdbscan.py [PROGRAM]; PROGRAM is test/check_hdbscan.c, compiled as check_hdbscan.sh does.
"""
import os, subprocess, sys, tempfile
import numpy as np, pandas as pd
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")


def scaled(x):
    """As prepare.c does: deviation of the population, then single precision; missing is the mean, and a column says so."""
    columns = []
    for v in np.asarray(x, float).T:
        z = (v - np.nanmean(v)) * (1 / np.nanstd(v))
        columns.append(np.where(np.isnan(z), 0, z))
        if np.isnan(v).any():
            columns.append(np.isnan(v) * 1.0)
    return np.array(columns).T.astype(np.float32)


def distances(x):
    d = np.zeros((len(x), len(x)))
    for j in range(x.shape[1]):
        away = np.subtract.outer(x[:, j].astype(float), x[:, j].astype(float))
        d += away * away
    return np.sqrt(d)


def reachability(d, min_samples):
    core = np.sort(d, axis=1)[:, min_samples - 1]
    return np.maximum(d, np.maximum.outer(core, core)), core


def spanning_tree(m):
    """Sparse, since scipy takes what is near 0 in a dense matrix for an absent edge."""
    return minimum_spanning_tree(csr_matrix(np.where(m == 0, 1e-300, m)))


def hierarchy(m, min_size):
    """Clusters as dicts and, for each row, its last cluster and the density at which it leaves.

    From the root down: the largest distance that still holds a set together is removed, and what is
    connected by smaller ones is looked for anew.
    """
    n = len(m)
    tree = spanning_tree(m).tocoo()
    clusters = [dict(parent=-1, birth=0.0, rows=np.arange(n))]
    last, density = np.zeros(n, int), np.full(n, np.inf)
    todo = [(0, np.arange(n))]
    a, b, w = tree.row, tree.col, tree.data
    while todo:
        k, rows = todo.pop()
        inside = np.zeros(n, bool)
        inside[rows] = True
        own = inside[a] & inside[b]
        # the set is connected by edges up to this one
        top = w[own].max()
        keep = own & (w < top)
        place = np.full(n, -1)
        place[rows] = np.arange(len(rows))
        g = coo_matrix((np.ones(keep.sum()), (place[a[keep]], place[b[keep]])), (len(rows), len(rows)))
        _, part = connected_components(g, directed=False)
        value = 1 / top if top > 1e-300 else np.inf
        sets = [rows[part == p] for p in range(part.max() + 1)]
        large = [s for s in sets if len(s) >= min_size]
        for s in sets:
            if len(s) < min_size:
                last[s], density[s] = k, value
        if len(large) == 1:
            todo.append((k, large[0]))
        else:
            for s in large:
                clusters.append(dict(parent=k, birth=value, rows=s))
                todo.append((len(clusters) - 1, s))
    return clusters, last, density


def answer(clusters, last, density, method="eom", epsilon=0.0):
    k = len(clusters)
    stability, death = np.zeros(k), np.zeros(k)
    for i in range(k):
        own = last == i
        stability[i] = (density[own] - clusters[i]["birth"]).sum()
        death[i] = max([x for x in density[own] if np.isfinite(x)] or [0])
    for i in range(1, k):
        c = clusters[i]
        stability[c["parent"]] += len(c["rows"]) * (c["birth"] - clusters[c["parent"]]["birth"])
        death[c["parent"]] = max(death[c["parent"]], c["birth"])
    children = {i: [j for j in range(k) if clusters[j]["parent"] == i] for i in range(k)}

    def best(i):
        below = [best(j) for j in children[i]]
        total, chosen = sum(b[0] for b in below), sum((b[1] for b in below), [])
        if method == "leaf":
            return (0, [i] if i > 0 and not children[i] else chosen)
        return (stability[i], [i]) if i > 0 and stability[i] >= total else (total, chosen)

    chosen = best(0)[1]
    if epsilon > 0:
        wide = set()
        for i in chosen:
            while 1 / clusters[i]["birth"] < epsilon and clusters[i]["parent"] > 0:
                i = clusters[i]["parent"]
            wide.add(i)

        def above(i):
            while clusters[i]["parent"] >= 0:
                i = clusters[i]["parent"]
                yield i
        chosen = [i for i in wide if not any(j in wide for j in above(i))]
    label, strength = np.full(len(last), -1), np.zeros(len(last))
    for number, i in enumerate(sorted(chosen, key=lambda i: -len(clusters[i]["rows"]))):
        rows = clusters[i]["rows"]
        label[rows] = number
        strength[rows] = np.minimum(density[rows] / death[i], 1)
    deepest = death.copy()
    for i in range(k - 1, 0, -1):
        p = clusters[i]["parent"]
        deepest[p] = max(deepest[p], deepest[i])
    with np.errstate(invalid="ignore"):
        glosh = np.where(np.isinf(density), 0, np.maximum(0, 1 - density / deepest[last]))
    return label, strength, glosh


def in_r(x, min_size):
    """Labels and outlier scores of R's dbscan, whose min_samples is its min_cluster_size."""
    with tempfile.TemporaryDirectory() as folder:
        pd.DataFrame(x.astype(float)).to_csv(folder + "/x.csv", index=False, float_format="%.17g")
        code = (f'x <- as.matrix(read.csv("{folder}/x.csv")); h <- dbscan::hdbscan(x, minPts={min_size});'
                f'write.csv(data.frame(h$cluster, h$outlier_scores), "{folder}/o.csv", row.names=FALSE)')
        subprocess.run(["Rscript", "-e", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        o = pd.read_csv(folder + "/o.csv").to_numpy()
    return o[:, 0].astype(int) - 1, o[:, 1]


def program(path, x, min_size, min_samples, method, epsilon):
    with tempfile.NamedTemporaryFile() as f:
        x.astype(np.float32).tofile(f.name)
        out = subprocess.run([path, f.name, str(x.shape[0]), str(x.shape[1]), str(min_size), str(min_samples), method,
                              repr(epsilon), "2"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().split("\n")
    rows = np.array([line.split() for line in out[1:] if line], float)
    return float(out[0]), rows[:, 0].astype(int), rows[:, 1], rows[:, 2], rows[:, 3]


def data_sets():
    r = np.random.default_rng(5)
    moons = np.vstack([make_moons(1500, noise=0.06, random_state=1)[0], r.uniform(-2, 3, (150, 2))])
    blobs = np.vstack([make_blobs(1800, 5, centers=6, cluster_std=[.4, .6, .8, 1, 1.2, 1.4], random_state=3)[0],
                       r.uniform(-12, 12, (200, 5))])
    yield "moons", moons.astype(np.float32), 15
    yield "blobs", blobs.astype(np.float32), 20
    churn = pd.read_csv(DATA + "/mlc_churn.csv")
    yield "mlc_churn", scaled(churn[["total_day_minutes", "total_eve_minutes", "total_night_minutes",
                                     "total_intl_minutes"]]), 15
    yield "mlc_churn, all numbers", scaled(churn.select_dtypes("number").drop(columns="id", errors="ignore")), 10
    credit = pd.read_csv(DATA + "/credit.csv")
    yield "credit", scaled(credit[["age", "income", "amount", "price"]]), 15
    yield "credit, seniority", scaled(credit[["seniority"]]), 15


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else None
    for name, x, size in data_sets():
        d = distances(x)
        m, core = reachability(d, size)
        exact = spanning_tree(m).sum()
        tree = hierarchy(m, size)
        print(f"{name}: {x.shape[0]} x {x.shape[1]}, min_cluster_size = min_samples = {size}, tree of length {exact:.10g}")
        for method, epsilon in (("eom", 0.0), ("leaf", 0.0), ("eom", 0.3), ("leaf", 0.3)):
            label, strength, glosh = answer(*tree, method, epsilon)
            print(f"  {method} {epsilon}: sizes {[int((label == k).sum()) for k in range(label.max() + 1)]}, noise {(label < 0).sum()}, "
                  f"strengths {strength.sum():.6f}, outlier scores {glosh.sum():.6f}")
            if path:
                length, l, s, g, e = program(path, x, size, size, method, epsilon)
                print(f"    program: tree off by {abs(length - exact) / exact:.1e}, adjusted Rand {adjusted_rand_score(label, l):.12f}, "
                      f"noise other {((label < 0) != (l < 0)).sum()}, strengths off by {np.abs(s - strength).max():.1e}, "
                      f"scores by {np.abs(g - glosh).max():.1e}")
            if method == "eom" and epsilon == 0:
                try:
                    l, g = in_r(x, size)
                except (OSError, subprocess.CalledProcessError):
                    continue
                clusters, last, density = tree
                edges = spanning_tree(m).tocoo()
                shortest = np.zeros(len(clusters))
                for i, c in enumerate(clusters):
                    inside = np.isin(np.arange(len(x)), c["rows"])
                    shortest[i] = edges.data[inside[edges.row] & inside[edges.col]].min()
                own = np.full(len(x), np.inf)
                np.minimum.at(own, edges.row, edges.data)
                np.minimum.at(own, edges.col, edges.data)
                parents = {c["parent"] for c in clusters}
                ends = np.array([density[last == i].max(initial=0) if i not in parents else np.inf for i in range(len(clusters))])
                below = 1 - shortest[last] / np.where(density == ends[last], own, 1 / density)
                odd = int((np.abs(np.nan_to_num(g) - below) > 1e-9).sum())
                both = (l >= 0) & (label >= 0)
                print(f"    R: {l.max() + 1} clusters, adjusted Rand {adjusted_rand_score(label, l):.6f}, {((label < 0) != (l < 0)).sum()} rows "
                      f"noise in one only, of the others {adjusted_rand_score(label[both], l[both]):.6f}, "
                      f"{odd} other scores with the shortest edge as eps_max")


if __name__ == "__main__":
    main()
