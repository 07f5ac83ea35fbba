"""Clear no, and right afterwards: failures that need more than one session, or the scheduler, to show."""

import os
import subprocess
import threading
import time

import psycopg
import pytest

from box import wait_until


def rows(db, name):
    return db.query(f"SELECT * FROM {name} ORDER BY 1")


def verified(db, name):
    return db.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{name}')") == [(0, 0)]


def in_background(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def waiting(db):
    return db.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")[0][0]


def test_a_failing_view_stops_no_other_and_recovers_by_itself(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, x int)")
    db.query("SELECT pgtrickle.create_stream_table('ratio', 'SELECT id, 10 / x AS r FROM t')")
    db.query("SELECT pgtrickle.create_stream_table('total', 'SELECT sum(x) AS s FROM t')")
    db.query("SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n FROM ratio')")
    db.query("INSERT INTO t VALUES (1, 5), (2, 0)")
    wait_until(lambda: rows(db, "total") == [(5,)], "the other view", 30)
    status = lambda: db.query("SELECT status, consecutive_errors > 0, last_error LIKE '%division by zero%' FROM pgtrickle.pgt_status() WHERE name = 'ratio'")
    wait_until(lambda: status() == [("ERROR", True, True)], "the error to show", 30)
    assert rows(db, "ratio") == []
    assert db.query("SELECT last_sqlstate FROM pgtrickle.stream_tables_info WHERE name = 'ratio'") == [("22012",)]
    assert ("errors", "warning") in db.query("SELECT check_name, severity FROM pgtrickle.health_check()")
    db.query("UPDATE t SET x = 2 WHERE x = 0")
    wait_until(lambda: rows(db, "ratio") == [(1, 2), (2, 5)], "the view to recover", 60)
    wait_until(lambda: rows(db, "above") == [(2,)], "what reads it", 30)
    wait_until(lambda: status() == [("ACTIVE", False, None)], "the status to clear", 30)


def test_a_view_made_while_a_writer_is_open_misses_nothing(db):
    db.query("CREATE TABLE t (x int)")
    made = []
    with db.connect() as early:
        early.execute("BEGIN")
        early.execute("INSERT INTO t VALUES (1)")
        maker = in_background(lambda: made.append(db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n, sum(x) AS s FROM t', '1h')")))
        wait_until(lambda: made or waiting(db), "the creation to finish or wait", 20)
        early.execute("INSERT INTO t VALUES (10)")
        early.execute("COMMIT")
    maker.join()
    assert made
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(2, 11)]
    # A second view finds the log in place and the writer open.
    with db.connect() as early:
        early.execute("BEGIN")
        early.execute("INSERT INTO t VALUES (100)")
        db.query("SELECT pgtrickle.create_stream_table('w', 'SELECT count(*) AS n, sum(x) AS s FROM t', '1h')")
        early.execute("INSERT INTO t VALUES (1000)")
        early.execute("COMMIT")
    for name in ("v", "w"):
        db.query(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        assert rows(db, name) == [(4, 1111)]


def test_a_long_transaction_is_taken_once_when_it_commits(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '1h')")
    with db.connect() as long, db.connect() as lost:
        for c in (long, lost):
            c.execute("BEGIN")
            c.execute("INSERT INTO t VALUES (1)")
        for n in range(1, 6):
            db.query("INSERT INTO t VALUES (2)")
            db.query("SELECT pgtrickle.refresh_stream_table('v')")
            assert rows(db, "v") == [(n,)]
            long.execute("INSERT INTO t VALUES (3)")
        long.execute("COMMIT")
        db.query("SELECT pgtrickle.refresh_stream_table('v')")
        assert rows(db, "v") == [(11,)]
        lost.execute("ROLLBACK")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(11,)] and verified(db, "v")


def test_a_prepared_transaction_is_taken_once_when_it_commits(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '1h')")
    with db.connect() as c:
        c.execute("BEGIN")
        c.execute("INSERT INTO t VALUES (1)")
        c.execute("PREPARE TRANSACTION 'later'")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(0,)]
    db.query("COMMIT PREPARED 'later'")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(1,)]


def test_two_sessions_refresh_at_once(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '1h')")
    db.query("INSERT INTO t VALUES (1)")
    done = []
    with db.connect() as first:
        first.execute("BEGIN")
        first.execute("SELECT pgtrickle.refresh_stream_table('v')")
        second = in_background(lambda: done.append(db.query("SELECT pgtrickle.refresh_stream_table('v')")))
        wait_until(lambda: done or waiting(db), "the second to finish or wait", 20)
        first.execute("INSERT INTO t VALUES (2)")
        first.execute("COMMIT")
    second.join()
    assert done
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(2,)] and verified(db, "v")


def test_an_old_snapshot_takes_nothing_back(db):
    """A REPEATABLE READ transaction older than the view's frontier cannot move it back."""
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '1h')")
    with db.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        db.query("INSERT INTO t VALUES (1)")
        db.query("SELECT pgtrickle.refresh_stream_table('v')")
        try:
            old.execute("SELECT pgtrickle.refresh_stream_table('v')")
            old.execute("COMMIT")
        except psycopg.errors.SerializationFailure:
            old.execute("ROLLBACK")
    assert rows(db, "v") == [(1,)]
    db.query("INSERT INTO t VALUES (2)")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(2,)] and verified(db, "v")


def test_a_cancelled_refresh_leaves_all_as_it_was(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT a.x, count(*) AS n, max(b.id) AS m FROM t a JOIN t b ON a.x = b.x GROUP BY a.x', '1h', 'DIFFERENTIAL')")
    db.query("INSERT INTO t SELECT i, i % 5 FROM generate_series(1, 3000) i")
    with db.connect() as c:
        c.execute("SET statement_timeout = '30ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            for _ in range(50):
                c.execute("SELECT pgtrickle.refresh_stream_table('v'); ")
                c.execute("UPDATE t SET x = (x + 1) % 5")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert verified(db, "v")
    db.query("DELETE FROM t WHERE id > 10")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert verified(db, "v")


def test_the_same_name_made_twice_at_once(db):
    """One of the two gets it, the other is told that it exists."""
    db.query("CREATE TABLE t (x int)")
    with db.connect() as first:
        first.execute("BEGIN")
        first.execute("SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')")
        outcome = []

        def again():
            try:
                outcome.append(db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')"))
            except psycopg.Error as e:
                outcome.append(e.sqlstate)

        second = in_background(again)
        wait_until(lambda: outcome or waiting(db), "the second to finish or wait", 20)
        first.execute("COMMIT")
        second.join()
    assert outcome[0] in ("42P07", "23505")
    db.query("INSERT INTO t VALUES (1)")
    db.query("SELECT pgtrickle.refresh_stream_table('v')")
    assert rows(db, "v") == [(1,)]


def test_a_source_dropped_with_cascade_under_the_scheduler(db):
    db.query("CREATE TABLE t (x int)")
    db.query("CREATE TABLE u (x int)")
    for name, table in (("v", "t"), ("w", "u")):
        db.query(f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT count(*) AS n FROM {table}')")
    db.query("INSERT INTO t VALUES (1)")
    db.query("DROP TABLE t CASCADE")
    db.query("INSERT INTO u VALUES (1)")
    wait_until(lambda: rows(db, "w") == [(1,)], "the other view to follow", 30)
    assert db.query("SELECT name FROM pgtrickle.pgt_status()") == [("w",)]


def test_wait_for_reads_ones_own_writes(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t')")
    for n in range(1, 6):
        db.query("INSERT INTO t VALUES (1)")
        assert db.query("SELECT pgtrickle.wait_for('v', timeout => '20 s')") == [(True,)]
        assert rows(db, "v") == [(n,)]
    db.query("SELECT pgtrickle.pause_stream_table('v')")
    db.query("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="not being refreshed"):
        db.query("SELECT pgtrickle.wait_for('v', timeout => '20 s')")
    db.query("SELECT pgtrickle.resume_stream_table('v')")
    assert db.query("SELECT pgtrickle.wait_for('v', timeout => '20 s')") == [(True,)]
    assert rows(db, "v") == [(6,)]


def test_a_window_moves_without_a_write(db):
    """Rows leave on time under a 'calculated' schedule, though nobody writes."""
    db.query("CREATE TABLE t (x int, at timestamptz)")
    db.query("SELECT pgtrickle.create_stream_table('v', $$SELECT count(*) AS n FROM t WHERE at > now() - interval '1 second'$$)")
    db.query("INSERT INTO t VALUES (1, now()), (2, now() + interval '1 second')")
    wait_until(lambda: rows(db, "v") == [(2,)], "both to show", 10)
    wait_until(lambda: rows(db, "v") == [(1,)], "the first to leave", 10)
    wait_until(lambda: rows(db, "v") == [(0,)], "the second to leave", 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root only")
def test_a_full_disk_is_outlived(box):
    box.start()
    disk = box.root / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=24m,mode=700,uid={box.data.stat().st_uid}", "tmpfs", disk], check=True)
    try:
        box.query(f"CREATE TABLESPACE small LOCATION '{disk}'")
        box.query("CREATE DATABASE small TABLESPACE small")
        run = lambda sql: box.query(sql, "small")
        run("CREATE EXTENSION pg_trickle")
        run("CREATE TABLE t (id int PRIMARY KEY, k int, x text)")
        run("SELECT pgtrickle.create_stream_table('v', 'SELECT k, count(*) AS n, max(x) AS m FROM t GROUP BY k')")
        with pytest.raises(psycopg.errors.DiskFull):
            for n in range(1000):
                run(f"INSERT INTO t SELECT i, i % 7777, repeat(md5(i::text), 4) FROM generate_series({n * 1000}, {n * 1000 + 999}) i")
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        run("INSERT INTO t VALUES (-1, -1, 'room again')")
        assert run("SELECT pgtrickle.wait_for('v', timeout => '60s')") == [(True,)]
        assert run("SELECT n FROM v WHERE k = -1") == [(1,)]
        assert run("SELECT missing, unexpected FROM pgtrickle.verify('v')") == [(0, 0)]
    finally:
        box.query("DROP DATABASE IF EXISTS small WITH (FORCE)")
        box.query("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", "--lazy", disk], check=True)
