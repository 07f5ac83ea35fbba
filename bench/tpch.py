"""TPC-H: what a refresh of each of the 22 queries costs, as a part of running it; after 0.1 % of the rows and after one row has changed."""

from __future__ import annotations

import math

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import connect, drop, execution_seconds
from standard import NEVER, differences, modes, tpch

SHARE = 0.001       # of the orders; of the other tables as much
ROUNDS = 3          # of an insert set, a delete set and an update set
SINGLE = 11         # single rows


@figure("tpch", alone=True)
def tpch_refreshes(shop, options):
    database = "bench_tpch"
    drop(shop.server, database)
    shop.server.execute(f"CREATE DATABASE {database}")
    try:
        with connect(database) as conn:
            yield from measure(conn, options.scale)
    finally:
        drop(shop.server, database)


def measure(conn, scale: float):
    conn.execute("CREATE EXTENSION pg_trickle; SET synchronous_commit = off")
    with timed() as filling:
        tpch.fill(conn, scale)
    query = {name: median(execution_seconds(conn, text) for _ in range(3)) for name, text in tpch.QUERIES.items()}
    create = {}
    for name, text in tpch.QUERIES.items():
        with timed() as clock:
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s)", [name, text, NEVER])
        create[name] = clock.seconds
    conn.execute("VACUUM ANALYZE")
    how, orders = modes(conn), conn.execute("SELECT count(*) FROM orders").fetchone()[0]
    many, one = after_many(conn, max(1, round(orders * SHARE))), after_one(conn)
    wrong = differences(conn, tpch.QUERIES)
    for name in tpch.QUERIES:
        recomputed = "" if how[name] == "DIFFERENTIAL" else ", recomputed"
        values = {"scale": scale, "query_s": query[name], "many_s": many[name], "one_s": one[name], "create_s": create[name], "how": how[name]}
        yield Figure(f"tpch {name}, 0.1 % changed{recomputed}", "≥ 1 × its query" + (", NOT EXACT" if name in wrong else ""), milliseconds(many[name]), times(query[name] / many[name]),
                     many[name] <= query[name] and name not in wrong, values)
        yield Figure(f"tpch {name}, one lineitem changed{recomputed}", "", milliseconds(one[name]), times(query[name] / one[name]), None, values)
    yield mean("0.1 % changed", 20, {name: query[name] / many[name] for name in query})
    yield mean("one lineitem changed", 100, {name: query[name] / one[name] for name in query})
    yield Figure("tpch, all 22 made", "", milliseconds(sum(create.values())), times(sum(create.values()) / sum(query.values())), None, {"fill_s": filling.seconds, "create_s": create})


def after_many(conn, orders: int) -> dict[str, float]:
    changes = tpch.Changes(conn, orders)
    took = {name: [] for name in tpch.QUERIES}
    for n in range(ROUNDS):
        for change in (changes.insert, changes.delete, changes.update):
            change()
            refresh_each(conn, took)
    return {name: median(seconds) for name, seconds in took.items()}


def after_one(conn) -> dict[str, float]:
    changes = tpch.Changes(conn, 1, seed=2)
    took = {name: [] for name in tpch.QUERIES}
    for n in range(SINGLE + 2):    # the first two make the plans
        changes.one_lineitem()
        refresh_each(conn, took)
    return {name: median(seconds[2:]) for name, seconds in took.items()}


def refresh_each(conn, took: dict[str, list[float]]) -> None:
    for name in tpch.QUERIES:
        with timed() as clock:
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
        took[name].append(clock.seconds)


def mean(what: str, goal: float, ratios: dict[str, float]) -> Figure:
    found = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    return Figure(f"tpch, geometric mean, {what}", f"≥ {goal} × its query", "", times(found), found >= goal, {"ratios": ratios})


def times(ratio: float) -> str:
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"
