"""What a refresh costs: one row changed, at one size and at four times that; many rows changed at once."""

from __future__ import annotations

import random

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, execution_seconds, queries

REPEATS = 31
FRESH_ORDER = ("INSERT INTO orders (customer_id, product_id, quantity, total_usd, status) "
               "VALUES (%(customer)s, %(product)s, 2, 19.90, 'shipped')")

# A one-row change of each source, and the views that it can reach.  A category takes all orders of its product along.
CHANGES = {
    "orders, new": (FRESH_ORDER, None),
    "orders, shipped": ("UPDATE orders SET status = CASE status WHEN 'shipped' THEN 'cancelled' ELSE 'shipped' END WHERE id = %(order)s", None),
    "orders, deleted": ("DELETE FROM orders WHERE id = %(order)s", None),
    "products, new": ("INSERT INTO products (sku, name, category, price_usd) VALUES (gen_random_uuid(), 'New', 'Audio', 9.90)",
                      {"inventory_health", "inventory_forecast", "product_performance"}),
    "products, stock": ("UPDATE products SET stock_count = stock_count + 7 WHERE id = %(product)s", {"inventory_health", "inventory_forecast"}),
    "products, category": ("UPDATE products SET category = CASE category WHEN 'Audio' THEN 'Books' ELSE 'Audio' END WHERE id = %(any_product)s", {"revenue_by_day", "product_performance"}),
    "customers, new": ("INSERT INTO customers (email, name) VALUES (gen_random_uuid(), 'New')", {"customer_lifetime_value"}),
    "customers, plan": ("UPDATE customers SET plan = CASE plan WHEN 'pro' THEN 'free' ELSE 'pro' END WHERE id = %(customer)s", {"customer_lifetime_value"}),
}


@figure("one-row change")
def one_row_change(shop: Shop, options):
    here = measure_changes(shop)
    for (change, view), (refresh, recompute) in here.items():
        yield Figure(f"{change} → {view}", "≤ 5 ms, ≤ 1/100 of its query", milliseconds(refresh), one_part_in(recompute / refresh),
                     refresh <= 0.005 and refresh <= recompute / 100,
                     {"rows": shop.rows, "refresh_s": refresh, "query_s": recompute})
    if options.full:
        bigger = Shop(shop.rows * 4)
        bigger.open()
        try:
            there = measure_changes(bigger)
        finally:
            bigger.close()
        for key, (refresh, recompute) in there.items():
            before = here[key][0]
            yield Figure(f"{key[0]} → {key[1]}, {bigger.rows:,} orders", "≤ 1.5 × the smaller", milliseconds(refresh),
                         f"{refresh / before:.2f} ×", refresh <= 1.5 * before,
                         {"rows": bigger.rows, "refresh_s": refresh, "query_s": recompute, "smaller_s": before})


def measure_changes(shop: Shop) -> dict[tuple[str, str], tuple[float, float]]:
    """(change, view) → median seconds of the view's refresh after it, and of its query."""
    rng = random.Random(1)
    views = queries.stream_tables()
    with shop.copy("refresh", NEVER) as conn:
        conn.execute("SET synchronous_commit = off")
        recompute = {view.name: median(execution_seconds(conn, view.query) for _ in range(3)) for view in views}
        found = {}
        for change, (statement, reached) in CHANGES.items():
            took = {view.name: [] for view in views}
            for _ in range(REPEATS + 2):    # the first two make the plans
                conn.execute(statement, {"customer": rng.randint(1, shop.customers), "product": popular(rng, shop.products),
                                         "any_product": rng.randint(1, shop.products), "order": rng.randint(1, shop.rows)})
                for view in views:    # in the order of their dependencies
                    with timed() as clock:
                        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [view.name])
                    took[view.name].append(clock.seconds)
            for view in views:
                if reached is None or view.name in reached:
                    found[change, view.name] = median(took[view.name][2:]), recompute[view.name]
    shop.drop_copies()
    return found


def one_part_in(parts: float) -> str:
    return f"1/{parts:,.0f}" if parts >= 10 else f"1/{parts:.1f}"


def popular(rng: random.Random, products: int) -> int:
    """Small numbers are the popular ones, whose groups are the largest."""
    return int(products * rng.random() ** 3) + 1


@figure("bulk insert")
def bulk_insert(shop: Shop, options):
    """A tenth as many orders again (100,000 of 1 M), in one transaction."""
    orders = shop.rows // 10
    with shop.copy("bulk", NEVER) as conn:
        insert_orders(conn, orders, shop)
        took = {}
        for view in queries.stream_tables():
            with timed() as clock:
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [view.name])
            took[view.name] = clock.seconds
        recompute = {view.name: median(execution_seconds(conn, view.query) for _ in range(3)) for view in queries.stream_tables()}
        wrong = {view.name for view in queries.stream_tables()
                 if any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [view.name]).fetchone())}
    shop.drop_copies()
    total, without = sum(took.values()), sum(recompute.values())
    yield Figure(f"{orders:,} new orders → all five views", "≤ 3 s, ≤ recomputing" + (", NOT EXACT" if wrong else ""), milliseconds(total),
                 f"{total / without:.2f} ×", total <= 3 and total <= without and not wrong,
                 {"refresh_s": took, "query_s": recompute, "not_exact": sorted(wrong)})


def insert_orders(conn, orders: int, shop: Shop) -> None:
    conn.execute("""
        INSERT INTO orders (customer_id, product_id, quantity, total_usd, status, ordered_at)
        SELECT 1 + (%(customers)s * random() ^ 2)::int %% %(customers)s, 1 + (%(products)s * random() ^ 3)::int %% %(products)s,
               1 + (random() * 3)::int, 1 + (random() * 9900)::int / 100.0,
               CASE WHEN random() < 0.9 THEN 'shipped' ELSE 'pending' END, now() - random() * interval '60 days'
        FROM generate_series(1, %(orders)s)""", {"orders": orders, "customers": shop.customers, "products": shop.products})
