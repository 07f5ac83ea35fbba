"""What creating a stream table costs beside CREATE TABLE AS of its query, each the median of three."""

from __future__ import annotations

from figure import Figure, figure
from measure import median, milliseconds, timed
from shop import NEVER, Shop, queries


@figure("creating")
def creating(shop: Shop, options):
    with shop.copy("creating", NEVER, views=False) as conn:
        conn.execute("VACUUM ANALYZE")
        for view in queries.stream_tables():
            plain = []
            for _ in range(3):
                with timed() as clock:
                    conn.execute(f"CREATE TABLE plain_copy AS {view.query}")
                plain.append(clock.seconds)
                conn.execute("DROP TABLE plain_copy")
            created = []
            for again in range(3):
                if again:
                    conn.execute("SELECT pgtrickle.drop_stream_table(%s)", [view.name])
                with timed() as clock:
                    conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [view.name, view.query, NEVER])
                created.append(clock.seconds)
            state = conn.execute("SELECT (SELECT count(*) FROM pgtrickle.state s WHERE s.owner = t.id AND s.node > 0) + "
                                 "(SELECT count(*) FROM pgtrickle.uses u WHERE u.view = t.id) FROM pgtrickle.stream_table t WHERE t.relid = %s::regclass",
                                 [view.name]).fetchone()[0]
            times, goal = median(created) / median(plain), 4 if state else 2
            yield Figure(f"creating {view.name}", f"≤ {goal} × CREATE TABLE AS" + (", with state" if state else ""), milliseconds(median(created)),
                         f"{times:.1f} ×", times <= goal, {"create_s": median(created), "table_as_s": median(plain), "state_tables": state})
    shop.drop_copies()
