"""A physical standby: our workers keep quiet in recovery, what stream tables are can be looked at, and after the promotion they go on from where they were."""

import os
import shutil
import socket
import subprocess

import psycopg
import pytest

from box import wait_until

VIEWS = {
    "grouped": ("calculated", "DIFFERENTIAL", "SELECT g, count(*) AS n, sum(x) AS s, min(x) AS least FROM t GROUP BY g"),
    "joined": ("calculated", "DIFFERENTIAL", "SELECT t.id, u.name FROM t JOIN u ON u.g = t.g"),
    "above": ("calculated", "DIFFERENTIAL", "SELECT n, count(*) AS times FROM grouped GROUP BY n"),
    "hourly": ("1h", "AUTO", "SELECT id, rank() OVER (PARTITION BY g ORDER BY x) AS r FROM t"),
    "nightly": ("@daily", "FULL", "SELECT g, string_agg(name, ',' ORDER BY name) AS names FROM u GROUP BY g"),
    "at_once": ("calculated", "IMMEDIATE", "SELECT g, count(*) AS n FROM t GROUP BY g"),
}


class Standby:
    """A copy of a box's cluster that follows it by streaming, beside it, run by the same user."""

    def __init__(self, box, root):
        self.box, self.data, self.sockets = box, root / "data", root / "run"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        owner = box.data.stat()
        self.who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.getuid() == 0 else {}
        root.mkdir()
        self.sockets.mkdir()
        for directory in (root, self.sockets):
            os.chown(directory, owner.st_uid, owner.st_gid)
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "--checkpoint=fast")
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", root / "log", "-o", f"-p {self.port} -k {self.sockets}")

    def run(self, program, *arguments):
        done = subprocess.run([self.box.bindir / program, *arguments], env=self.box.env, cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **self.who)
        assert done.returncode == 0, done.stderr

    def query(self, sql, database):
        with psycopg.connect(host="127.0.0.1", port=self.port, user=self.box.user, password=self.box.password, dbname=database, autocommit=True) as c:
            cursor = c.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def follow(self, database):
        """Waits until all that was committed is replayed here: a tick does not wait for its commit to be flushed, so a flushed message makes sure of it."""
        [(sent,)] = database.query("SELECT pg_logical_emit_message(false, 'standby', 'follow', flush => true)::text")
        wait_until(lambda: self.query(f"SELECT pg_last_wal_replay_lsn() >= '{sent}'", database.name) == [(True,)], "the standby to follow")

    def stop(self):
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.data)
        shutil.rmtree(self.data.parent, ignore_errors=True)


@pytest.fixture
def shop(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, g int, x int)")
    db.query("CREATE TABLE u (g int, name text)")
    db.query("INSERT INTO t SELECT i, i % 7, i FROM generate_series(1, 500) i")
    db.query("INSERT INTO u SELECT i % 7, 'u' || i FROM generate_series(1, 20) i")
    for name, (schedule, mode, query) in VIEWS.items():
        db.query(f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '{schedule}', '{mode}')")
    return db


@pytest.fixture
def standby(shop, scratch_directory):
    standby = Standby(shop.box, scratch_directory / f"standby_{shop.name}")
    yield standby
    standby.stop()


def write(query, turn):
    query(f"INSERT INTO t SELECT {1000 * turn} + i, i % 9, i FROM generate_series(1, 20) i")
    query(f"UPDATE t SET x = x + 1, g = g + 1 WHERE id % 11 = {turn}")
    query(f"DELETE FROM t WHERE id % 13 = {turn}")
    query(f"INSERT INTO u VALUES ({turn}, 'turn {turn}')")


@pytest.mark.slow
def test_stream_tables_go_on_after_the_promotion(shop, standby):
    at = lambda sql: standby.query(sql, shop.name)
    write(shop.query, 1)
    assert shop.query("SELECT pgtrickle.wait_for('grouped'), pgtrickle.wait_for('above')") == [(True, True)]
    standby.follow(shop)

    # In recovery: no scheduler, and all can be read.
    assert at("SELECT pg_is_in_recovery(), count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle scheduler%' OR backend_type LIKE 'trickle-lake%'") == [(True, 0)]
    assert {name for (name,) in at("SELECT name FROM pgtrickle.pgt_status()")} == set(VIEWS)
    assert at("SELECT count(*) FROM pgtrickle.health_check()")[0][0] > 0
    assert at("TABLE grouped EXCEPT ALL SELECT g, count(*), sum(x), min(x) FROM t GROUP BY g") == []
    with pytest.raises(psycopg.Error) as refused:
        at("SELECT pgtrickle.refresh_stream_table('grouped')")
    assert refused.value.sqlstate == "25006"

    # What is written last is in the log, and not yet in the stream tables that have a schedule.
    write(shop.query, 2)
    standby.follow(shop)
    before = dict(at("SELECT pgt_name, max(refresh_id) FROM pgtrickle.pgt_refresh_history GROUP BY 1"))
    at("SELECT pg_promote()")
    wait_until(lambda: at("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle scheduler%' AND datname = current_database()") == [(1,)], "the scheduler")
    write(at, 3)
    assert at("SELECT pgtrickle.wait_for('joined'), pgtrickle.wait_for('above')") == [(True, True)]
    for name in VIEWS:
        assert at(f"SELECT missing, unexpected FROM pgtrickle.verify('{name}')") == [(0, 0)], name
    # Nothing but the one that is recomputed anyway was made anew.
    made = at("SELECT pgt_name, refresh_id, mode FROM pgtrickle.pgt_refresh_history WHERE mode IN ('FULL', 'INITIAL', 'REBUILD') AND pgt_name <> 'nightly'")
    assert [row for row in made if row[1] > before.get(row[0], 0)] == []
