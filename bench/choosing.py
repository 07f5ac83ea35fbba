"""AUTO against recomputing, by the size of the change: once it knows what both take, it is not to be slower."""

from __future__ import annotations

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, queries

VIEWS = ("revenue_by_day", "customer_lifetime_value", "product_performance")
SHARES = (1, 5, 20, 60)    # percent of the orders
LEARNING, ROUNDS = 3, 3


@figure("choosing")
def choosing(shop: Shop, options):
    with shop.copy("choosing", NEVER, views=False) as conn:
        conn.execute("SET synchronous_commit = off")
        for view in queries.stream_tables():
            if view.name in VIEWS:
                conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'AUTO')", [view.name, view.query, NEVER])
                conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'FULL')", ["full_" + view.name, view.query, NEVER])
        for share in SHARES:
            took = {name: [] for view in VIEWS for name in (view, "full_" + view)}
            for round in range(LEARNING + ROUNDS):
                conn.execute("UPDATE orders SET total_usd = total_usd + 0.01 WHERE id %% 100 BETWEEN %s AND %s", [round, round + share - 1])
                for name in took:
                    with timed() as clock:
                        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
                    took[name].append(clock.seconds)
            for view in VIEWS:
                auto, full = median(took[view][LEARNING:]), median(took["full_" + view][LEARNING:])
                mode, reason = conn.execute("SELECT mode, coalesce(reason, '') FROM pgtrickle.get_refresh_history(%s, 1)", [view]).fetchone()
                yield Figure(f"{share} % of orders changed → {view}, {mode}", "≤ 1.1 × recomputing", milliseconds(auto), f"{auto / full:.2f} ×",
                             auto <= 1.1 * full, {"auto_s": took[view], "full_s": took["full_" + view], "mode": mode, "reason": reason})
    shop.drop_copies()
