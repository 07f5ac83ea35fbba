"""A lake that has been written to for long: what a batch costs at ten times the size, how fresh readers are, how fast they scan after many commits."""

from __future__ import annotations

import os
import time

from psycopg import sql

from figure import Figure, figure
from lake import duckdb_reader
from measure import median, milliseconds, timed
from shop import Shop, connect, drop

CHANGED = 10_000
BATCHES = 8
COMMITS = 400


@figure("archive", alone=True)
def archive(shop: Shop, options):
    """--rows is the smaller of the two sizes; the other has ten times as many."""
    small = Mirror(shop, shop.rows)
    try:
        cost = median(small.batch(turn) for turn in range(BATCHES))
        yield from small.freshness()
        yield from small.reading()
    finally:
        small.close()
    large = Mirror(shop, shop.rows * 10)
    try:
        large_cost = median(large.batch(turn) for turn in range(BATCHES))
    finally:
        large.close()
    yield Figure(f"{CHANGED:,} changed rows into a mirror of {large.rows:,}", "≥ 10,000 rows/s", f"{CHANGED / large_cost:,.0f} rows/s", "", large_cost <= 1, {"seconds": large_cost})
    yield Figure(f"… beside a mirror of {small.rows:,}", "≤ 1.5 ×", milliseconds(large_cost), f"{large_cost / cost:.1f} ×", large_cost <= 1.5 * cost, {"small": cost, "large": large_cost})


class Mirror:
    """A table of orders, published, in a database of its own."""

    def __init__(self, shop: Shop, rows: int):
        self.shop, self.rows, self.name = shop, rows, f"bench_archive_{rows}"
        drop(shop.server, self.name)
        shop.server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        self.conn = connect(self.name)
        self.conn.execute("CREATE EXTENSION pg_trickle")
        self.conn.execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer int, product int, quantity int, total numeric(12,2), status text, ordered_at timestamptz)")
        self.conn.execute("INSERT INTO orders SELECT i, i %% 50021, i %% 997, i %% 7, (i %% 100000) * 0.25, CASE i %% 3 WHEN 0 THEN 'new' ELSE 'shipped' END, "
                          "'2026-01-01'::timestamptz + i * interval '3 s' FROM generate_series(1, %s) i", [rows])
        self.conn.execute("VACUUM ANALYZE orders")
        self.lake("bench_lake", "1000h")

    def lake(self, name: str, schedule: str, schema: str = "public") -> None:
        self.conn.execute("SELECT pgtrickle.create_lake(%s, %s, %s)", [name, f"{os.environ['ONEBOX_LAKE']}/{self.name}/{name}/", schema])
        self.conn.execute("SELECT pgtrickle.publish('orders', %s, schedule => %s)", [name, schedule])
        self.conn.execute("SELECT pgtrickle.publish_now(%s)", [name])

    def batch(self, turn: int) -> float:
        """Seconds that publishing takes; the changed rows lie all over the table."""
        step = self.rows // CHANGED
        self.conn.execute("UPDATE orders SET quantity = quantity + 1 WHERE id = ANY(ARRAY(SELECT g * %s + %s FROM generate_series(0, %s) g))", [step, turn % step + 1, CHANGED - 1])
        with timed() as clock:
            self.conn.execute("SELECT pgtrickle.publish_now('bench_lake')")
        return clock.seconds

    def freshness(self):
        """From the commit of 100 changed rows until DuckDB shows them, as a reader that looks again and again sees it."""
        reader = duckdb_reader(self.name)
        for schedule, goal, base in (("schedule => 'calculated'", 0.3, 1000), ("default schedule", 1.0, 2000)):
            self.conn.execute("SELECT pgtrickle.unpublish('orders', drop_lake_table => true)")
            self.conn.execute(f"SELECT pgtrickle.publish('orders', 'bench_lake'{', ' + schedule if '=>' in schedule else ''})")
            self.conn.execute("SELECT pgtrickle.publish_now('bench_lake')")
            took = []
            for turn in range(9):
                mark = base + turn
                self.conn.execute("UPDATE orders SET quantity = %s WHERE id BETWEEN %s AND %s", [mark, turn * 1000 + 1, turn * 1000 + 100])
                started = time.perf_counter()
                while reader.execute("SELECT count(*) FROM lake.orders WHERE quantity = ?", [mark]).fetchone()[0] < 100:
                    if time.perf_counter() - started > 30:
                        raise RuntimeError("100 changed orders are not in the lake after 30 s")
                    time.sleep(0.01)
                took.append(time.perf_counter() - started)
            yield Figure(f"100-row commit → read by DuckDB, {schedule}", f"≤ {goal} s", milliseconds(median(took)), "", median(took) <= goal, {"seconds": took})
        reader.close()

    def reading(self):
        """A scan after many small commits and their upkeep, beside one of a table just written."""
        self.conn.execute("SELECT pgtrickle.set_lake_policy('bench_lake', 'upkeep_every', '1 second')")
        for turn in range(COMMITS):
            first = turn * 7919 % (self.rows - 200)
            self.conn.execute("UPDATE orders SET quantity = quantity + 1 WHERE id BETWEEN %s AND %s", [first, first + 99])
            self.conn.execute("SELECT pgtrickle.publish_now('bench_lake')")
        self.conn.execute("SELECT pgtrickle.lake_upkeep_now('bench_lake')")
        files = self.conn.execute("SELECT files, delete_files FROM pgtrickle.lake_status()").fetchone()
        self.conn.execute("CREATE TABLE fresh AS TABLE orders")
        self.conn.execute("SELECT pgtrickle.publish('fresh', 'bench_lake', schedule => '1000h')")
        self.conn.execute("SELECT pgtrickle.publish_now('bench_lake')")
        reader = duckdb_reader(self.name)
        scan = {table: [] for table in ("orders", "fresh")}
        for _ in range(15):
            for table, seconds in scan.items():
                with timed() as clock:
                    reader.execute(f"SELECT status, count(*), sum(total), sum(quantity) FROM lake.{table} GROUP BY status").fetchall()
                seconds.append(clock.seconds)
        reader.close()
        ratio = median(scan["orders"]) / median(scan["fresh"])
        yield Figure(f"DuckDB's scan after {COMMITS} commits and upkeep, beside a fresh table", "≤ 1.3 ×", milliseconds(median(scan["orders"])), f"{ratio:.2f} ×", ratio <= 1.3,
                     {"seconds": scan["orders"], "fresh": scan["fresh"], "files": files.files, "delete_files": files.delete_files})

    def close(self) -> None:
        self.conn.close()
        drop(self.shop.server, self.name)
