"""What capture costs those who write, and how soon what they wrote is seen."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time

from figure import Figure, figure
from measure import median, milliseconds, percentile, timed
from shop import Shop, connect

ROUNDS = 5
STATEMENTS = {
    "one-row INSERT": "INSERT INTO orders (customer_id, product_id, quantity, total_usd, status) VALUES (:customer, :product, 1, 9.90, 'shipped');",
    "one-row UPDATE": "UPDATE orders SET status = CASE status WHEN 'shipped' THEN 'cancelled' ELSE 'shipped' END WHERE id = :order;",
}


@figure("writers")
def writers(shop: Shop, options):
    """8 clients, asynchronous commit, with the five views on the tutorial's schedules and without; in turns."""
    seconds = options.seconds
    with_views = shop.copy("writers")
    without = shop.copy("writers_plain", views=False)
    for name, statement in STATEMENTS.items():
        rounds = [tuple(pgbench(conn.info.dbname, statement, shop, "-c", "8", "-j", "2", "-T", str(seconds)) for conn in (without, with_views))
                  for _ in range(ROUNDS)]
        kept = median(ours / plain for plain, ours in rounds)
        yield Figure(f"{name}, 8 clients: tps kept", "≥ 0.70", f"{median(ours for _, ours in rounds):,.0f} tps", f"{kept:.2f} ×", kept >= 0.70,
                     {"tps_without_and_with": rounds})
    with_views.close()
    without.close()
    shop.drop_copies()


def pgbench(database: str, statement: str, shop: Shop, *options: str) -> float:
    """Transactions a second."""
    script = f"\\set customer random(1, {shop.customers})\n\\set product random(1, {shop.products})\n\\set order random(1, {shop.rows})\n{statement}\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        run = subprocess.run(["pgbench", "-n", "-M", "prepared", *options, "-f", file.name, database], capture_output=True, text=True,
                             env=os.environ | {"PGOPTIONS": "-c synchronous_commit=off"}, check=False)
    if run.returncode:
        raise RuntimeError(f"pgbench: {run.stderr.strip()}")
    return float(re.search(r"tps = ([\d.]+)", run.stdout)[1])


@figure("bulk update")
def bulk_update(shop: Shop, options):
    """The writer's own time for 10,000 orders in one UPDATE."""
    rows = min(10_000, shop.rows // 10)
    with_views = shop.copy("update")
    without = shop.copy("update_plain", views=False)
    rounds = []
    for start in range(1, shop.rows - rows, shop.rows // 8):
        took = []
        for conn in (without, with_views):
            with timed() as clock:
                conn.execute("UPDATE orders SET status = CASE status WHEN 'shipped' THEN 'cancelled' ELSE 'shipped' END "
                             "WHERE id BETWEEN %s AND %s", [start, start + rows - 1])
            took.append(clock.seconds)
        rounds.append(tuple(took))
    with_views.close()
    without.close()
    shop.drop_copies()
    ratio = median(ours / plain for plain, ours in rounds)
    yield Figure(f"UPDATE of {rows:,} orders", "≤ 3 ×", milliseconds(median(ours for _, ours in rounds)), f"{ratio:.2f} ×", ratio <= 3,
                 {"seconds_without_and_with": rounds})


@figure("freshness")
def freshness(shop: Shop, options):
    """500 small transactions a second; every 50 ms one more whose coming is watched for in each view's frontier.

    A frontier is committed with the rows that are true for it, so a transaction that is visible in it is visible in the view.
    """
    seconds = options.seconds * 3
    conn = shop.copy("freshness", "calculated")
    database = conn.info.dbname
    watcher = connect(database)
    views = dict(conn.execute("SELECT pgt_id, pgt_name FROM pgtrickle.pgt_stream_tables").fetchall())
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set customer random(1, {shop.customers})\n\\set product random(1, {shop.products})\n{STATEMENTS['one-row INSERT']}\n")
        file.flush()
        load = subprocess.Popen(["pgbench", "-n", "-M", "prepared", "-c", "4", "-j", "1", "-R", "500", "-T", str(seconds + 2), "-f", file.name, database],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        delays = {name: [] for name in views.values()}
        end = time.monotonic() + seconds
        lost = 0
        while time.monotonic() < end:
            lost += watch_one(conn, watcher, views, delays)
            time.sleep(0.05)
        output, errors = load.communicate()
    conn.close()
    watcher.close()
    shop.drop_copies()
    tps = float(re.search(r"tps = ([\d.]+)", output)[1]) if load.returncode == 0 else 0
    worst = max(delays, key=lambda name: percentile(delays[name], 0.5) if delays[name] else 0)
    everything = [delay for some in delays.values() for delay in some]
    if not everything:
        yield Figure("freshness at 500 tx/s", "p50 ≤ 20 ms, p99 ≤ 200 ms", "nothing became visible", "", False, {"lost": lost})
        return
    p50, p99 = percentile(everything, 0.5), percentile(everything, 0.99)
    yield Figure(f"commit → visible at {tps:,.0f} tx/s, all five views", "p50 ≤ 20 ms, p99 ≤ 200 ms", f"p50 {milliseconds(p50)}, p99 {milliseconds(p99)}",
                 "", p50 <= 0.020 and p99 <= 0.200 and not lost and tps > 450,
                 {"tps": tps, "lost": lost, "slowest_view": worst,
                  "p50_p99_s": {name: (percentile(some, 0.5), percentile(some, 0.99)) for name, some in delays.items() if some}})


def watch_one(conn, watcher, views: dict[int, str], delays: dict[str, list[float]], patience: float = 5) -> int:
    """Commits one order, then looks every 2 ms until every view has it; returns how many views did not in time."""
    with conn.transaction():
        xid = conn.execute("INSERT INTO orders (customer_id, product_id, quantity, total_usd, status) VALUES (1, 1, 1, 9.90, 'shipped') "
                           "RETURNING pg_current_xact_id()::text").fetchone()[0]
    committed = time.perf_counter()
    waiting = dict(views)
    while waiting:
        seen = watcher.execute("SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pg_visible_in_snapshot(%s::xid8, frontier)", [xid]).fetchall()
        now = time.perf_counter()
        for (view,) in seen:
            if view in waiting:
                delays[waiting.pop(view)].append(now - committed)
        if now - committed > patience:
            break
        time.sleep(0.002)
    return len(waiting)
