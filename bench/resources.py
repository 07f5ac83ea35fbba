"""Memory under a large batch, and what an idle box costs."""

from __future__ import annotations

import os
import time

from figure import Figure, figure
from measure import PeakMemory, cpu_seconds, descendants, processes
from refresh import insert_orders
from shop import Shop, connect

MEGABYTE = 1 << 20


def postmaster(conn) -> int:
    return processes()[conn.info.backend_pid][0]


def lake_processes(server: int) -> dict[str, int]:
    """The server's own: others may run on this machine."""
    everyone = processes()
    return {f"trickle-lake {process}": process for process in descendants(server) if everyone.get(process, (0, ""))[1] == "trickle-lake"}


@figure("memory")
def memory(shop: Shop, options):
    """The scheduler's worker takes a batch of a fifth of the table (200,000 of 1 M), on 'calculated' schedules."""
    conn = shop.copy("memory", "calculated")
    other = connect(conn.info.dbname)
    work_mem = other.execute("SELECT setting::bigint * 1024 FROM pg_settings WHERE name = 'work_mem'").fetchone()[0]

    def workers():
        return {row.pid: row.pid for row in other.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'pg_trickle%'")}

    started = time.monotonic()
    with PeakMemory(workers) as watched:
        insert_orders(conn, shop.rows // 5, shop)
        caught_up = all(conn.execute("SELECT pgtrickle.wait_for(%s, pg_current_snapshot(), '2 min')", [view]).fetchone()[0]
                        for view in ("inventory_forecast", "revenue_by_day", "customer_lifetime_value", "product_performance"))
    peak = max(watched.peak.values(), default=0)
    other.close()
    conn.close()
    shop.drop_copies()
    yield Figure(f"memory of the refresh worker, {shop.rows // 5:,} rows at once", "< 64 MB + work_mem", f"{peak / MEGABYTE:.0f} MB", "",
                 caught_up and 0 < peak < 64 * MEGABYTE + work_mem,
                 {"bytes": peak, "work_mem": work_mem, "caught_up": caught_up, "seconds": time.monotonic() - started})


@figure("idle")
def idle(shop: Shop, options):
    """Five views on the tutorial's schedules and a lake, nobody writing; all processes of the server together."""
    seconds = options.seconds * 3
    conn = shop.copy("idle")
    conn.execute("SELECT pgtrickle.create_lake('idle_lake', %s)", [f"{os.environ['ONEBOX_LAKE']}/{conn.info.dbname}/"])
    conn.execute("SELECT pgtrickle.publish('revenue_by_day', 'idle_lake')")
    conn.execute("SELECT pgtrickle.publish_now('idle_lake')")
    server = postmaster(conn)
    time.sleep(options.seconds * 2)    # what the set-up left to do: checkpoint, autovacuum
    before, started = cpu_seconds(server), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(server) - before) / (time.monotonic() - started)
    conn.close()
    shop.drop_copies()
    yield Figure("idle box", "< 2 % of a core", f"{share * 100:.1f} %", "", share < 0.02, {"share": share, "seconds": seconds})
