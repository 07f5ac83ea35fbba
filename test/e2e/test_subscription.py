"""A table that a subscription writes is followed as any other: initial copy, changes, TRUNCATE, in every mode."""

import pytest

from box import Database, wait_until

VIEWS = {
    "later": ("1h", "DIFFERENTIAL", "SELECT g, count(*) AS n, sum(x) AS s, min(x) AS least FROM t GROUP BY g"),
    "soon": ("calculated", "DIFFERENTIAL", "SELECT a.id, b.x FROM t a JOIN t b ON a.g = b.g"),
    "at_once": ("calculated", "IMMEDIATE", "SELECT g, count(*) AS n, sum(x) AS s FROM t GROUP BY g"),
    "at_once_joined": ("calculated", "IMMEDIATE", "SELECT a.id, b.x FROM t a JOIN t b ON a.g = b.g"),
}
TABLE = "CREATE TABLE t (id int PRIMARY KEY, g int, x int)"
# Each is one transaction of the publisher, and of the subscription.
CHANGES = [
    "INSERT INTO t SELECT i, i % 5, i FROM generate_series(100, 130) i",
    "UPDATE t SET x = x + 1, g = g + 1 WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0",
    "BEGIN; UPDATE t SET id = id + 1000 WHERE id < 5; SAVEPOINT a; DELETE FROM t; ROLLBACK TO a; INSERT INTO t VALUES (999, 9, 9); COMMIT",
    "TRUNCATE t",
    "INSERT INTO t SELECT i, i % 5, i FROM generate_series(1, 20) i",
]


@pytest.fixture
def publisher(db):
    other = Database(db.box, f"{db.name}_publisher")
    other.query(TABLE)
    other.query("INSERT INTO t SELECT i, i % 5, i FROM generate_series(1, 50) i")
    other.query("CREATE PUBLICATION p FOR TABLE t")
    other.query(f"SELECT pg_create_logical_replication_slot('{db.name}', 'pgoutput')")
    yield other
    db.query("DROP SUBSCRIPTION IF EXISTS s")
    other.drop()


def test_what_a_subscription_writes_is_followed(db, publisher):
    db.query(TABLE)
    for name, (schedule, mode, query) in VIEWS.items():
        db.query(f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '{schedule}', '{mode}')")
    # Both are databases of one cluster, which cannot make the slot and wait for its own transaction.
    db.query(f"CREATE SUBSCRIPTION s CONNECTION '{db.box.conninfo(publisher.name)}' PUBLICATION p WITH (create_slot = false, slot_name = '{db.name}')")
    for change in ["", *CHANGES]:
        publisher.query(change or "SELECT 1")
        wanted = publisher.query("SELECT * FROM t ORDER BY id")
        wait_until(lambda: db.query("SELECT * FROM t ORDER BY id") == wanted, "the subscription to follow")
        # Of the IMMEDIATE ones without a refresh, which would mend them.
        for name in ("at_once", "at_once_joined"):
            query = VIEWS[name][2]
            assert db.query(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})") == [], (name, change)
        assert db.query("SELECT pgtrickle.wait_for('soon')") == [(True,)]
        for name in VIEWS:
            assert db.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{name}')") == [(0, 0)], (name, change)
