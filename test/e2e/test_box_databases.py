"""The extension in its surroundings: several databases, dropped databases, dropped tables, a dropped extension, no preload."""

import psycopg
import pytest

from box import Database, wait_until


def rows(db, name):
    return db.query(f"SELECT * FROM {name}")


def test_every_database_is_served(box):
    box.start()
    databases = [Database(box, f"served_{n}") for n in range(3)]
    try:
        for n, db in enumerate(databases):
            db.query("CREATE TABLE t (x int)")
            db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
        for n, db in enumerate(databases):
            db.query(f"INSERT INTO t SELECT generate_series(1, {n + 1})")
        for n, db in enumerate(databases):
            wait_until(lambda: rows(db, "v") == [(n + 1,)], f"database {n} to be refreshed", 30)
    finally:
        for db in databases:
            db.drop()


def test_a_database_with_the_extension_can_be_dropped(box):
    """The scheduler's session does not stand in the way."""
    box.start()
    db = Database(box, "short_lived")
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
    db.query("INSERT INTO t VALUES (1)")
    wait_until(lambda: rows(db, "v") == [(1,)], "a refresh", 30)
    box.query("DROP DATABASE short_lived", "postgres")
    assert box.query("SELECT count(*) FROM pg_database WHERE datname = 'short_lived'") == [(0,)]


def test_a_database_can_be_copied(box):
    box.start()
    db, copy = Database(box, "original"), None
    try:
        db.query("CREATE TABLE t (x int)")
        db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
        box.query("CREATE DATABASE copied TEMPLATE original", "postgres")
        for name, count in (("copied", 2), ("original", 1)):
            box.query(f"INSERT INTO t SELECT generate_series(1, {count})", name)
            wait_until(lambda: box.query("SELECT * FROM v", name) == [(count,)], f"{name} to be refreshed", 60)
    finally:
        db.drop()
        box.query("DROP DATABASE IF EXISTS copied WITH (FORCE)")


def test_the_extension_goes_without_a_trace(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, x int)")
    db.query("CREATE TABLE u (id int PRIMARY KEY, x int)")
    for name, query in {"v": "SELECT x, count(*) AS n FROM t GROUP BY x", "w": "SELECT t.id, u.x FROM t LEFT JOIN u ON u.id = t.x", "x": "SELECT count(*) AS n FROM v"}.items():
        db.query(f"SELECT pgtrickle.create_stream_table('{name}', '{query}', '1h')")
    db.query("DROP EXTENSION pg_trickle CASCADE")
    db.query("INSERT INTO t VALUES (1, 1)")
    db.query("UPDATE t SET x = 2")
    db.query("TRUNCATE u")
    assert db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgtrickle%'") == []
    assert db.query("SELECT tgname FROM pg_trigger WHERE tgrelid IN ('t'::regclass, 'u'::regclass)") == []
    assert db.query("SELECT evtname FROM pg_event_trigger") == []
    db.query("CREATE EXTENSION pg_trickle")
    db.query("DROP TABLE IF EXISTS v, w, x")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT x, count(*) AS n FROM t GROUP BY x')")
    db.query("INSERT INTO t VALUES (2, 2)")
    wait_until(lambda: rows(db, "v") == [(2, 2)], "the new extension's scheduler", 30)


def test_a_dropped_table_is_no_stream_table_any_more(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
    db.query("SELECT pgtrickle.create_stream_table('w', 'SELECT count(*) AS n FROM t')")
    db.query("DROP TABLE v")
    assert db.query("SELECT name FROM pgtrickle.pgt_status()") == [("w",)]
    db.query("INSERT INTO t VALUES (1)")
    wait_until(lambda: rows(db, "w") == [(1,)], "the other one to follow", 30)
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t')")
    assert rows(db, "v") == [(1,)]


def test_a_stream_table_is_refreshed_in_a_database_renamed_meanwhile(box):
    box.start()
    db = Database(box, "before_rename")
    try:
        db.query("CREATE TABLE t (x int)")
        db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
        box.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'before_rename'", "postgres")
        for _ in range(20):
            try:
                box.query("ALTER DATABASE before_rename RENAME TO after_rename", "postgres")
                db.name = "after_rename"
                break
            except psycopg.errors.ObjectInUse:
                continue
        db.query("INSERT INTO t VALUES (1)")
        wait_until(lambda: rows(db, "v") == [(1,)], "a refresh", 60)
    finally:
        db.drop()


@pytest.mark.slow
def test_without_preload_it_says_so(own_box):
    """CREATE EXTENSION names the setting; after setting it and a restart all works."""
    own_box.query("ALTER SYSTEM SET shared_preload_libraries = 'plpgsql'")
    own_box.restart()
    own_box.query("CREATE DATABASE plain")
    with pytest.raises(psycopg.Error, match="shared_preload_libraries") as refused:
        own_box.query("CREATE EXTENSION pg_trickle", "plain")
    assert refused.value.sqlstate == "55000"
    assert refused.value.diag.message_hint
    assert own_box.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgtrickle%'", "plain") == [(0,)]
    own_box.query("ALTER SYSTEM RESET shared_preload_libraries")
    own_box.restart()
    own_box.query("CREATE EXTENSION pg_trickle", "plain")


@pytest.mark.slow
def test_without_preload_what_was_there_still_takes_writes(own_box):
    """A server started without the library still runs the applications; the views catch up later."""
    db = Database(own_box, "kept")
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
    own_box.query("ALTER SYSTEM SET shared_preload_libraries = 'plpgsql'")
    own_box.restart()
    db.query("INSERT INTO t VALUES (1)")
    own_box.query("ALTER SYSTEM RESET shared_preload_libraries")
    own_box.restart()
    wait_until(lambda: rows(db, "v") == [(1,)], "the view to catch up", 60)
