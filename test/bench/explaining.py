"""engage_explain against XGBoost's pred_contribs: the same trees, the same rows, one thread."""

import os
import statistics

from common import Report, best_of, connect, export, make_table, ratio, reference, run, seconds_text

from boosting import ROUNDS, train

EXPLAIN_ROWS = int(os.environ.get("EXPLAIN_ROWS", 20_000))


def section_explain(directory):
    connection = connect()
    cursor = connection.cursor()
    make_table(cursor, "explained", max(EXPLAIN_ROWS, 50_000))
    train("explained")
    cursor.execute("SELECT engage_export('explained', 'ubj')")
    model = os.path.join(directory, "explained.ubj")
    with open(model, "wb") as out:
        out.write(bytes(cursor.fetchone()[0]))
    data = export(cursor, "explained", "", directory)
    library = reference("raw_explain.py", data, model, EXPLAIN_ROWS)

    cursor.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
    run(cursor, "SELECT count(*) FROM explained c, engage_explain('explained', c) e WHERE customer_id <= 100")
    seconds = best_of(3, cursor, f"SELECT sum(contribution) FROM explained c, engage_explain('explained', c, space => 'margin') e"
                      f" WHERE customer_id <= {EXPLAIN_ROWS}")
    values = best_of(3, cursor, f"SELECT max(engage_explain_json('explained', c)::text) FROM explained c"
                     f" WHERE customer_id <= {EXPLAIN_ROWS}")
    cursor.execute(f"SELECT sum(abs(contribution)) FROM explained c, engage_explain('explained', c, space => 'margin') e"
                   f" WHERE customer_id <= {EXPLAIN_ROWS}")
    total = cursor.fetchone()[0]
    single = []
    cursor.execute("PREPARE one(bigint) AS SELECT sum(contribution) FROM explained c, engage_explain('explained', c) e"
                   " WHERE customer_id = $1")
    for i in range(200):
        single.append(run(cursor, "EXECUTE one(%s)", (i + 1,))[0] * 1000)

    report = Report(f"Explanations: {EXPLAIN_ROWS:,} rows x 49 features, {ROUNDS} trees of depth 7, one thread;"
                    " reference: XGBoost's pred_contribs",
                    ("", "engage", "rows a second", "library", "rows a second", "library / engage"))
    for what, ours in (("engage_explain, a row for each feature", seconds), ("engage_explain_json, a value for each row", values)):
        report.line(what, seconds_text(ours), f"{EXPLAIN_ROWS / ours:,.0f}", seconds_text(library["seconds"]),
                    f"{EXPLAIN_ROWS / library['seconds']:,.0f}", ratio(library["seconds"], ours))
    one = statistics.median(single)
    report.line("one row", f"{one:.3f} ms", "", f"{library['one_ms']:.3f} ms", "", ratio(library["one_ms"], one))
    report.note(f"Sums of all absolute contributions differ by {abs(total - library['sum']) / library['sum']:.1e} of themselves.")
    cursor.execute("DROP TABLE explained")
    connection.close()
