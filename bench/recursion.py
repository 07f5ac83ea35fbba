"""What a change costs a recursion over a tree and over a graph of as many nodes as the shop has orders."""

from __future__ import annotations

import random

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, execution_seconds

TREE = """WITH RECURSIVE t AS (SELECT id, parent, 0 AS depth FROM node WHERE parent IS NULL
    UNION ALL SELECT n.id, n.parent, t.depth + 1 FROM t JOIN node n ON n.parent = t.id) SELECT * FROM t"""
GRAPH = """WITH RECURSIVE r(id) AS (SELECT 1 FROM node WHERE id = 1 UNION SELECT l.b FROM r JOIN link l ON l.a = r.id) SELECT * FROM r"""
CHANGES = {
    "a new leaf": ("INSERT INTO node VALUES (%(new)s, %(node)s)", "tree", 10),
    "a leaf moved": ("UPDATE node SET parent = %(node)s WHERE id = %(leaf)s", "tree", 10),
    "a new edge of a graph with cycles": ("INSERT INTO link VALUES (%(node)s, %(leaf)s)", "reached", 10),
    "an edge less of a graph with cycles": ("DELETE FROM link WHERE ctid = (SELECT ctid FROM link WHERE a = %(node)s LIMIT 1)", "reached", 10),
}


@figure("recursion")
def recursion(shop: Shop, options):
    rng, nodes = random.Random(1), shop.rows
    with shop.copy("recursion", NEVER, views=False) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute("CREATE TABLE node (id int PRIMARY KEY, parent int)")
        conn.execute("INSERT INTO node SELECT i, CASE WHEN i > 1 THEN (i + 2) / 4 END FROM generate_series(1, %s) i", [nodes])
        conn.execute("CREATE TABLE link (a int, b int)")
        conn.execute("INSERT INTO link SELECT i, 1 + abs(hashint8(3 * i + k)::bigint) %% %s FROM generate_series(1, %s) i, generate_series(1, 3) k", [nodes, nodes])
        conn.execute("CREATE INDEX ON node (parent)")
        conn.execute("CREATE INDEX ON link (a)")
        conn.execute("VACUUM ANALYZE")
        query = {}
        for name, text in (("tree", TREE), ("reached", GRAPH)):
            with timed() as plain:
                conn.execute(f"CREATE TABLE plain_copy AS {text}")
            conn.execute("DROP TABLE plain_copy")
            with timed() as clock:
                conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [name, text, NEVER])
            yield Figure(f"creating a recursion, {name}, {nodes:,} nodes", "≤ 4 × CREATE TABLE AS, with state", milliseconds(clock.seconds),
                         f"{clock.seconds / plain.seconds:.1f} ×", clock.seconds <= 4 * plain.seconds, {"create_s": clock.seconds, "table_as_s": plain.seconds})
            query[name] = execution_seconds(conn, text)
        for change, (statement, view, goal) in CHANGES.items():
            took = []
            for i in range(33):     # the first two make the plans
                conn.execute(statement, {"new": 10 * nodes + i, "node": rng.randint(1, nodes), "leaf": rng.randint(nodes // 2, nodes)})
                with timed() as clock:
                    conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [view])
                took.append(clock.seconds)
            refresh = median(took[2:])
            yield Figure(f"{change}, {nodes:,} nodes", f"≤ {goal} ms", milliseconds(refresh), f"1/{query[view] / refresh:,.0f}", refresh * 1000 <= goal,
                         {"refresh_s": refresh, "worst_s": max(took[2:]), "query_s": query[view]})
            for name in query:
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
        for view in ("tree", "reached"):
            wrong = any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [view]).fetchone())
            if wrong:
                yield Figure(f"recursion {view} exact", "equal to its query", "NOT EXACT", "", False, {})
    shop.drop_copies()
