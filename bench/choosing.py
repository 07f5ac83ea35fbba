"""AUTO against recomputing, by the size of the change: once it knows what both take, it is not to be slower.

Who is first after a change sets the hint bits of its rows for the others, so they take turns; a ratio is the median of
those of two refreshes side by side.  How recomputing and comparing itself stands to the query is shown below.

choosing_first: the first batches of a stream table, of which nothing is known yet; 5 % of TPC-H's orders come with their lineitems
or go.  A first batch comes but once, so each query has a few stream tables.  With --full these are all that read the two.
"""

from __future__ import annotations

import re

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, execution_seconds, fresh, queries
from standard import tpch

VIEWS = ("revenue_by_day", "customer_lifetime_value", "product_performance")
SHARES = (1, 5, 20, 60)    # percent of the orders
LEARNING, ROUNDS = 3, 6
QUERIES = ("q01", "q04", "q05", "q06", "q12", "q18", "q21", "q22")
BATCHES, SHARE, COPIES = ("first", "second", "third"), 0.05, 3


@figure("choosing")
def choosing(shop: Shop, options):
    with shop.copy("choosing", NEVER, views=False) as conn:
        conn.execute("SET synchronous_commit = off")
        query = {view.name: view.query for view in queries.stream_tables() if view.name in VIEWS}
        for view in VIEWS:
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'AUTO')", [view, query[view], NEVER])
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'FULL')", ["full_" + view, query[view], NEVER])
        for share in SHARES:
            took = {name: [] for view in VIEWS for name in (view, "full_" + view, "query_" + view)}
            for round in range(LEARNING + ROUNDS):
                conn.execute("UPDATE orders SET total_usd = total_usd + 0.01 WHERE id %% 100 BETWEEN %s AND %s", [round, round + share - 1])
                for view in VIEWS:
                    for name in (view, "full_" + view)[::1 if round % 2 else -1]:
                        with timed() as clock:
                            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
                        took[name].append(clock.seconds)
                    took["query_" + view].append(execution_seconds(conn, query[view]))
            for view in VIEWS:
                auto, full, plain = (took[name][LEARNING:] for name in (view, "full_" + view, "query_" + view))
                ratio, over_plain = median(a / f for a, f in zip(auto, full)), median(f / p for f, p in zip(full, plain))
                mode, reason = conn.execute("SELECT mode, coalesce(reason, '') FROM pgtrickle.get_refresh_history(%s, 1)", [view]).fetchone()
                values = {"auto_s": took[view], "full_s": took["full_" + view], "query_s": took["query_" + view], "mode": mode, "reason": reason}
                yield Figure(f"{share} % of orders changed → {view}, {mode}", "≤ 1.1 × recomputing", milliseconds(median(auto)), f"{ratio:.2f} ×", ratio <= 1.1, values)
                yield Figure(f"{share} % of orders changed → {view}, recomputed", "", milliseconds(median(full)), f"{over_plain:.2f} × query", None, values)
    shop.drop_copies()


@figure("choosing_first", alone=True)
def first_batches(shop: Shop, options):
    with fresh(shop.server, "bench_choosing_first") as conn:
        tpch.fill(conn, options.scale)
        chosen = [query for query, text in tpch.QUERIES.items() if re.search(r"\b(orders|lineitem)\b", text)] if options.full else QUERIES
        for query in chosen:
            for copy in range(COPIES):
                for mode in ("auto", "full"):
                    conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", [f"{mode}_{query}_{copy}", tpch.QUERIES[query], NEVER, mode.upper()])
        conn.execute("VACUUM ANALYZE")
        orders = conn.execute("SELECT count(*) FROM orders").fetchone()[0]
        changes = tpch.Changes(conn, max(1, round(orders * SHARE)))
        for batch, change in zip(BATCHES, (changes.insert, changes.delete, changes.insert)):
            change()
            for query in chosen:
                yield beside_full(conn, query, batch)


def beside_full(conn, query: str, batch: str) -> Figure:
    conn.execute(tpch.QUERIES[query])    # sets the hint bits
    took = {"auto": [], "full": []}
    for copy in range(COPIES):
        for mode in ("auto", "full")[::1 if copy % 2 else -1]:
            with timed() as clock:
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [f"{mode}_{query}_{copy}"])
            took[mode].append(clock.seconds)
    ratio = median(auto / full for auto, full in zip(took["auto"], took["full"]))
    mode, reason = conn.execute("SELECT mode, coalesce(reason, '') FROM pgtrickle.get_refresh_history(%s, 1)", [f"auto_{query}_0"]).fetchone()
    return Figure(f"{batch} batch, 5 % of tpch → {query}, {mode}", "≤ 1.1 × recomputing", milliseconds(median(took["auto"])), f"{ratio:.2f} ×", ratio <= 1.1,
                  {"auto_s": took["auto"], "full_s": took["full"], "mode": mode, "reason": reason})
