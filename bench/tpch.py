"""TPC-H: what a refresh of each of the 22 queries costs, as a part of running it; after 0.1 % of the rows and after one row has changed.

A query is run beside each of its refreshes, over the same rows and under the same load.  What a change costs depends on which
table has changed, so each table has rounds of its own, and beside the median the kind of round stands in which a query does worst.
Rounds that change no table of a query count for nothing.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import execution_seconds, fresh
from standard import NEVER, differences, modes, tpch

SHARE = 0.001       # of the orders; of the other tables as much
ROUNDS = 2          # of each kind
SINGLE = 11         # single rows


@dataclass
class Took:
    """Seconds of a query and of the refreshes beside it, by the kind of round."""
    query: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refresh: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def ratio(self) -> float:
        return median(query / refresh for kind in self.query for query, refresh in zip(self.query[kind], self.refresh[kind]))

    def by_kind(self) -> dict[str, float]:
        return {kind: sum(self.query[kind]) / sum(self.refresh[kind]) for kind in self.query}

    def slowest(self) -> str:
        ratios = self.by_kind()
        return min(ratios, key=ratios.get)

    def refreshed(self, kind: str | None = None) -> float:
        return median(seconds for each in self.refresh if kind in (None, each) for seconds in self.refresh[each])


@figure("tpch", alone=True)
def tpch_refreshes(shop, options):
    with fresh(shop.server, "bench_tpch") as conn:
        yield from measure(conn, options.scale)


def measure(conn, scale: float):
    with timed() as filling:
        tpch.fill(conn, scale)
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
        worst = many[name].slowest()
        values = {"scale": scale, "query_s": dict(many[name].query), "many_s": dict(many[name].refresh), "kinds": many[name].by_kind(), "one_s": dict(one[name].refresh) if name in one else {}, "create_s": create[name], "how": how[name]}
        yield Figure(f"tpch {name}, 0.1 % changed{recomputed}", "", milliseconds(many[name].refreshed()), times(many[name].ratio()), None, values)
        yield Figure(f"tpch {name}, where it does worst: {worst}", "≥ 1 × its query" + (", NOT EXACT" if name in wrong else ""), milliseconds(many[name].refreshed(worst)),
                     times(many[name].by_kind()[worst]), many[name].by_kind()[worst] >= 1 and name not in wrong, values)
        if name in one:
            yield Figure(f"tpch {name}, one lineitem changed{recomputed}", "", milliseconds(one[name].refreshed()), times(one[name].ratio()), None, values)
    yield mean("0.1 % changed", 20, {name: took.ratio() for name, took in many.items()})
    yield mean("where each does worst", None, {name: min(took.by_kind().values()) for name, took in many.items()})
    yield mean("one lineitem changed", 100, {name: took.ratio() for name, took in one.items()})
    queries = sum(median(seconds for kind in took.query.values() for seconds in kind) for took in many.values())
    yield Figure("tpch, all 22 made", "", milliseconds(sum(create.values())), times(sum(create.values()) / queries), None, {"fill_s": filling.seconds, "create_s": create})


def kinds(changes) -> dict:
    """Kind of round → what changes, and the tables that it changes."""
    refresh_set = {"orders", "lineitem"}
    return {"insert": (changes.insert, refresh_set), "delete": (changes.delete, refresh_set),
            **{table: (partial(changes.update_of, table), {table}) for table in tpch.TAKEN}, "all tables": (changes.update, set(tpch.TAKEN))}


def reads(query: str) -> set[str]:
    return set(re.findall(r"\w+", query)) & set(tpch.TABLES)


def after_many(conn, orders: int) -> dict[str, Took]:
    changes = tpch.Changes(conn, orders)
    took = {name: Took() for name in tpch.QUERIES}
    for n in range(ROUNDS):
        for kind, (change, tables) in kinds(changes).items():
            change()
            refresh_each(conn, kind, tables, took)
    return took


def after_one(conn) -> dict[str, Took]:
    changes = tpch.Changes(conn, 1, seed=2)
    took = {name: Took() for name in tpch.QUERIES}
    for n in range(2):    # these make the plans
        changes.one_lineitem()
        refresh_each(conn, "one", {"lineitem"}, {name: Took() for name in tpch.QUERIES}, beside=False)
    for n in range(SINGLE):
        changes.one_lineitem()
        refresh_each(conn, "one", {"lineitem"}, took, beside=n == SINGLE // 2)
    for each in took.values():
        if each.query:
            each.query["one"] *= SINGLE
    return {name: each for name, each in took.items() if each.query}


def refresh_each(conn, kind: str, changed: set[str], took: dict[str, Took], beside: bool = True) -> None:
    """Those that read a table that has changed; beside: the query is run too."""
    for name, text in tpch.QUERIES.items():
        if not reads(text) & changed:
            continue
        with timed() as clock:
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
        took[name].refresh[kind].append(clock.seconds)
        if beside:
            took[name].query[kind].append(execution_seconds(conn, text))


def mean(what: str, goal: float | None, ratios: dict[str, float]) -> Figure:
    found = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    return Figure(f"tpch, geometric mean, {what}", f"≥ {goal} × its query" if goal else "", "", times(found), found >= goal if goal else None, {"ratios": ratios})


def times(ratio: float) -> str:
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"
