"""A table that a subscription writes is followed as any other, in every mode; a stream table is not written by one, and may be published."""

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


def warnings_of(db, *statements):
    said = []
    with db.connect() as connection:
        connection.add_notice_handler(lambda diagnostic: diagnostic.severity_nonlocalized == "WARNING" and said.append(diagnostic.message_primary))
        for statement in statements:
            connection.execute(statement)
    return said


def errors_of(db, kind):
    return db.query(f"SELECT {kind}_error_count FROM pg_stat_subscription_stats WHERE subname = 's'")[0][0]


def test_a_subscription_that_writes_a_stream_table_is_told_and_refused(db, publisher):
    publisher.query("CREATE TABLE v (g int PRIMARY KEY, n bigint)")
    publisher.query("INSERT INTO v VALUES (77, 77)")
    publisher.query("ALTER PUBLICATION p ADD TABLE v")
    db.query(TABLE)
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT coalesce(g, 0) AS g, count(*) AS n FROM t GROUP BY 1', 'calculated')")
    right = "SELECT missing, unexpected FROM pgtrickle.verify('v')"
    warning = ['subscription "s" writes to stream table v, which will refuse it']

    # The initial copy of it fails; what the query reads is followed all the same.
    assert warning == warnings_of(
        db, f"CREATE SUBSCRIPTION s CONNECTION '{db.box.conninfo(publisher.name)}' PUBLICATION p WITH (create_slot = false, slot_name = '{db.name}')")
    wait_until(lambda: errors_of(db, "sync") > 0, "the copy to be refused")
    wait_until(lambda: db.query("SELECT count(*) FROM t") == [(50,)], "the copy of the other table")
    assert db.query(right) == [(0, 0)]
    assert db.query("SELECT sum(n) FROM v") == [(50,)]

    # Without a copy each change is refused, and the subscription stays before it.
    publisher.query("ALTER PUBLICATION p DROP TABLE v")
    assert warnings_of(db, "ALTER SUBSCRIPTION s REFRESH PUBLICATION") == []
    publisher.query("INSERT INTO v VALUES (1, 10), (2, 10)")
    publisher.query("ALTER TABLE v REPLICA IDENTITY FULL")
    publisher.query("ALTER PUBLICATION p ADD TABLE v")
    assert warnings_of(db, "ALTER SUBSCRIPTION s REFRESH PUBLICATION WITH (copy_data = false)") == warning
    for kind, change in (("insert", "INSERT INTO v VALUES (78, 78)"), ("update", "UPDATE v SET n = 0 WHERE g = 1"),
                         ("delete", "DELETE FROM v WHERE g = 2"), ("truncate", "TRUNCATE v")):
        publisher.query(f"ALTER PUBLICATION p SET (publish = '{kind}')")
        before = errors_of(db, "apply")
        publisher.query(change)
        wait_until(lambda: errors_of(db, "apply") > before, f"the {kind} to be refused")
        assert db.query(right) == [(0, 0)], kind
        go_on_behind(db, publisher)


def go_on_behind(db, publisher):
    db.query("ALTER SUBSCRIPTION s DISABLE")
    wait_until(lambda: publisher.query(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{db.name}'") == [(False,)], "the subscription to stop")
    publisher.query(f"SELECT pg_replication_slot_advance('{db.name}', pg_current_wal_lsn())")
    db.query("ALTER SUBSCRIPTION s ENABLE")


def test_a_published_stream_table_is_followed_elsewhere(db):
    other = Database(db.box, f"{db.name}_reader")
    try:
        db.query(TABLE)
        db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT g, count(*) AS n, sum(x) AS s FROM t GROUP BY g', 'calculated')")
        # Rows of groups that may be NULL have no key that the server knows.
        db.query("ALTER TABLE v REPLICA IDENTITY FULL")
        db.query("CREATE PUBLICATION p FOR TABLE v")
        db.query(f"SELECT pg_create_logical_replication_slot('{other.name}', 'pgoutput')")
        other.query("CREATE TABLE v (g int, n bigint, s bigint)")
        other.query("SELECT pgtrickle.create_stream_table('total', 'SELECT sum(n) AS n FROM v', 'calculated')")
        other.query(f"CREATE SUBSCRIPTION s CONNECTION '{db.box.conninfo(db.name)}' PUBLICATION p WITH (create_slot = false, slot_name = '{other.name}')")
        for change in CHANGES:
            db.query(change)
            assert db.query("SELECT pgtrickle.wait_for('v')") == [(True,)]
            wanted = db.query("SELECT * FROM v ORDER BY g")
            wait_until(lambda: other.query("SELECT * FROM v ORDER BY g") == wanted, "the subscription to follow")
            assert other.query("SELECT pgtrickle.wait_for('total')") == [(True,)]
            assert other.query("SELECT missing, unexpected FROM pgtrickle.verify('total')") == [(0, 0)]
    finally:
        other.query("DROP SUBSCRIPTION IF EXISTS s")
        other.drop()
