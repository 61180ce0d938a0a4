"""Decisions in layers: one statement each, against SELECT 1 through the same connection."""

import statistics
import time

from common import Report, connect

DECISIONS = 5_000
POLICY = """{"layers": [
    {"name": "rules", "rules": [
        {"name": "coins", "when": "cvc_match IS FALSE AND amount < 4", "score": 60},
        {"name": "large on a new device", "when": "new_device AND amount > 500", "score": 72},
        {"name": "abroad at night", "when": "country <> home_country AND extract(hour FROM at) < 5", "score": 40}]},
    {"name": "velocity", "velocity": "cards", "key": "card_id", "at": "at", "amount": "amount", "lat": "lat", "lon": "lon",
        "limits": {"count_1m": 3, "kmh": 500, "sum_24h": 5000}},
    {"name": "models", "models": [%s]}], "explain": {"from": 31, "features": 3}}"""


def milliseconds(cursor, sql, rows):
    """Time of each statement, client and server on one machine; the first hundred are warming up."""
    found = []
    for row in rows:
        start = time.perf_counter()
        cursor.execute(sql, row)
        cursor.fetchall()
        found.append(1000 * (time.perf_counter() - start))
    return sorted(found[100:])


def line(report, name, found):
    report.line(name, *(f"{statistics.quantiles(found, n=1000)[q - 1]:.3f} ms" for q in (500, 950, 990)))


def section_decide(directory):
    report = Report(f"Decisions: {DECISIONS:,} statements in one session, of jsonb rows; 3 rules, a velocity, models of 150 and 100 trees and an"
                    " autoencoder, features told from 31 points on", ("", "p50", "p95", "p99"))
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET client_min_messages = warning")
    cursor.execute("CREATE TABLE payments AS SELECT * FROM engage_sample_events(100000)")
    cursor.execute("ALTER TABLE payments ADD PRIMARY KEY (event_id)")
    cursor.execute("SELECT engage_velocity_track('cards', 'payments', 'card_id', 'at', 'amount', 'lat', 'lon')")
    cursor.execute("SELECT engage_train('card_fraud', 'SELECT * FROM payments', target => 'is_fraud', key => 'event_id',"
                   " exclude => '{card_id,merchant,fraud}', params => '{\"n_estimators\": 150, \"max_depth\": 5}')")
    cursor.execute("SELECT engage_train('odd', 'SELECT * FROM payments', key => 'event_id', exclude => '{card_id,merchant,fraud,is_fraud}',"
                   " algorithm => 'anomaly_ensemble', params => '{\"contamination\": 0.02}')")
    cursor.execute("SELECT to_jsonb(p)::text FROM payments p ORDER BY event_id DESC LIMIT %s", (DECISIONS,))
    rows = cursor.fetchall()
    line(report, "SELECT 1, with the row", milliseconds(cursor, "SELECT 1, %s::jsonb", rows))
    for name, models in (("boosting", '{"model": "card_fraud"}'),
                         ("boosting, isolation forest and autoencoder", '{"model": "card_fraud", "weight": 0.8}, {"model": "odd", "weight": 0.2}')):
        cursor.execute("SELECT engage_policy('bench', %s, source => 'payments')", (POLICY % models,))
        line(report, f"engage_decide, {name}", milliseconds(cursor, "SELECT * FROM engage_decide('bench', %s::jsonb)", rows))
    cursor.execute("SELECT engage_policy_drop('bench'), engage_drop('card_fraud'), engage_drop('odd'), engage_velocity_untrack('cards')")
    cursor.execute("DROP TABLE payments")
    connection.close()
