"""One changed row where its place among others counts: in a window over one partition of all orders, in the top of them, as their least or greatest."""

from __future__ import annotations

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, execution_seconds

REPEATS = 31

# Name, query, and the seconds that a refresh may take.
VIEWS = {
    "moving": ("SELECT id, avg(total_usd) OVER (w ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS smooth, total_usd - lag(total_usd) OVER w AS step "
               "FROM orders WINDOW w AS (ORDER BY ordered_at, id)", 0.010),
    "range": ("SELECT id, sum(total_usd) OVER (ORDER BY ordered_at RANGE BETWEEN interval '10 minutes' PRECEDING AND CURRENT ROW) AS lately FROM orders", 0.010),
    "groups": ("SELECT id, min(total_usd) OVER w AS low, nth_value(total_usd, 2) OVER w AS second FROM orders "
               "WINDOW w AS (ORDER BY ordered_at, id GROUPS BETWEEN 6 PRECEDING AND 6 FOLLOWING EXCLUDE CURRENT ROW)", 0.010),
    "top_100": ("SELECT id, customer_id, total_usd FROM orders ORDER BY total_usd DESC, id LIMIT 100", 0.005),
    "top_3_of_each": ("SELECT customer_id, id, total_usd FROM (SELECT o.*, row_number() OVER (PARTITION BY customer_id ORDER BY total_usd DESC, id) AS place "
                      "FROM orders o) p WHERE place <= 3", 0.005),
    "latest_of_each": ("SELECT DISTINCT ON (product_id) product_id, id, ordered_at FROM orders ORDER BY product_id, ordered_at DESC, id", 0.005),
    "extremes": ("SELECT min(total_usd) AS least, max(total_usd) AS greatest, min(ordered_at) AS first_at, max(ordered_at) AS last_at FROM orders", 0.005),
}
CHANGES = {
    "one order": "UPDATE orders SET total_usd = total_usd + 1 WHERE id = %(order)s",
    "the first order": "UPDATE orders SET total_usd = total_usd + 1 WHERE id = (SELECT id FROM top_100 ORDER BY total_usd DESC, id LIMIT 1)",
    "the first order deleted": "DELETE FROM orders WHERE id = (SELECT id FROM top_100 ORDER BY total_usd DESC, id LIMIT 1)",
    "the least order deleted": "DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE total_usd = (SELECT least FROM extremes) LIMIT 1)",
}


@figure("one-row change of a window, a top or an extreme")
def one_row_in_order(shop: Shop, options):
    with shop.copy("windows", NEVER, views=False) as conn:
        conn.execute("SET synchronous_commit = off")
        recompute = {}
        for name, (query, _) in VIEWS.items():
            recompute[name] = median(execution_seconds(conn, query) for _ in range(3))
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [name, query, NEVER])
        took = {(change, name): [] for change in CHANGES for name in VIEWS}
        for turn in range(REPEATS + 2):    # the first two make the plans
            for change, statement in CHANGES.items():
                conn.execute(statement, {"order": 1 + turn * 7919 % shop.rows})
                for name in VIEWS:
                    with timed() as clock:
                        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
                    took[change, name].append(clock.seconds)
        wrong = {name for name in VIEWS if any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [name]).fetchone())}
    shop.drop_copies()
    for (change, name), seconds in took.items():
        refresh, most = median(seconds[2:]), VIEWS[name][1]
        yield Figure(f"{change} of {shop.rows:,} → {name}", f"≤ {milliseconds(most)}" + (", NOT EXACT" if name in wrong else ""), milliseconds(refresh),
                     f"1/{recompute[name] / refresh:,.0f}", refresh <= most and name not in wrong,
                     {"rows": shop.rows, "refresh_s": refresh, "query_s": recompute[name]})
