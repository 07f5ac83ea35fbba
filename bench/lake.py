"""How fast a table comes into the lake, and a change after it."""

from __future__ import annotations

import os
import time

import duckdb

from figure import Figure, figure
from measure import PeakMemory, median, milliseconds, timed
from resources import lake_processes, postmaster
from shop import Shop

LAKE = "bench_lake"
MEGABYTE = 1 << 20


@figure("lake")
def lake(shop: Shop, options):
    conn = shop.copy("lake", views=False)
    try:
        conn.execute("SELECT pgtrickle.create_lake(%s, %s)", [LAKE, f"{os.environ['ONEBOX_LAKE']}/{conn.info.dbname}/"])
        server = postmaster(conn)
        with PeakMemory(lambda: lake_processes(server)) as memory:
            with timed() as clock:
                conn.execute("SELECT pgtrickle.publish('orders', %s, schedule => '1000h')", [LAKE])
                conn.execute("SELECT pgtrickle.publish_now(%s)", [LAKE])
        copied = copied_by_duckdb(conn.info.dbname)
        reader = duckdb_reader(conn.info.dbname)
        rows = reader.execute("SELECT count(*) FROM lake.orders").fetchone()[0]
        speed = shop.rows / clock.seconds
        yield Figure(f"{shop.rows:,} orders into the lake", "≥ 500,000 rows/s", f"{speed:,.0f} rows/s", f"{copied / clock.seconds:.2f} × the speed of DuckDB's CREATE TABLE AS",
                     speed >= 500_000 and rows == shop.rows, {"seconds": clock.seconds, "rows_in_lake": rows, "seconds_of_duckdb": copied})
        peak = max(memory.peak.values(), default=0)
        yield Figure("memory of trickle-lake meanwhile", "< 512 MB", f"{peak / MEGABYTE:.0f} MB", "", 0 < peak < 512 * MEGABYTE, {"bytes": peak})
        took = [change_to_readable(conn, reader, turn, shop) for turn in range(9)]
        yield Figure("100-row change → read by DuckDB", "≤ 1 s once due", milliseconds(median(took)), "", max(took) <= 1, {"seconds": took})
        reader.close()
    finally:
        conn.close()
        shop.drop_copies()


def duckdb_reader(database: str) -> duckdb.DuckDBPyConnection:
    reader = duckdb.connect(config={"extension_directory": os.environ["ONEBOX_DUCKDB_EXTENSIONS"]})
    reader.execute("LOAD ducklake; LOAD postgres_scanner")
    reader.execute(f"ATTACH 'ducklake:postgres:dbname={database}' AS lake (READ_ONLY)")
    return reader


def copied_by_duckdb(database: str) -> float:
    """Seconds that DuckDB takes for a copy of the orders as a table of the same lake, which it does not keep in step."""
    duck = duckdb.connect(config={"extension_directory": os.environ["ONEBOX_DUCKDB_EXTENSIONS"]})
    duck.execute("LOAD ducklake; LOAD postgres_scanner")
    duck.execute(f"ATTACH 'ducklake:postgres:dbname={database}' AS lake; ATTACH 'dbname={database}' AS shop (TYPE postgres, READ_ONLY)")
    with timed() as clock:
        duck.execute("CREATE TABLE lake.orders_copied AS FROM shop.orders")
    duck.close()
    return clock.seconds


def change_to_readable(conn, reader, turn: int, shop: Shop) -> float:
    """Updates 100 orders, says that publishing is due, and reads until the lake shows them."""
    mark = 1000 + turn
    first = 1 + turn * (shop.rows // 10)
    conn.execute("UPDATE orders SET quantity = %s WHERE id BETWEEN %s AND %s", [mark, first, first + 99])
    started = time.perf_counter()
    conn.execute("SELECT pgtrickle.publish_now(%s)", [LAKE])
    while reader.execute("SELECT count(*) FROM lake.orders WHERE quantity = ?", [mark]).fetchone()[0] < 100:
        if time.perf_counter() - started > 30:
            raise RuntimeError("100 changed orders are not in the lake 30 s after publish_now()")
        time.sleep(0.02)
    return time.perf_counter() - started
