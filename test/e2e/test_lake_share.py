"""Several trickle-lake programs at one lake: each table is one program's, and whoever comes or goes, no row is lost or doubled."""

import subprocess
import threading
import time

import pytest

from box import wait_until
from lakes import Lake, one_thread, seeded, source_rows

TABLES = [f"shard_{i}" for i in range(6)]


@pytest.fixture
def programs(db):
    """Starts programs beside the scheduler's, and ends them."""
    running = []

    def start() -> subprocess.Popen:
        # As the server's user, whose files it replaces.
        program = subprocess.Popen([db.box.bindir / "trickle-lake", "--conninfo", db.box.conninfo(db.name)], user=db.box.data.stat().st_uid)
        running.append(program)
        return program

    yield start
    for program in running:
        program.kill()
        program.wait()


def workers(db) -> list:
    return db.query("SELECT leads, tables::text[] FROM pgtrickle.lake_workers()")


def shares(db) -> list[int]:
    return sorted(len(tables) for _, tables in workers(db))


def test_others_stand_by_until_tables_are_shared(db, programs):
    lake = some_tables(db)
    programs()
    programs()
    wait_until(lambda: len(workers(db)) == 3, "all programs to be there")
    wait_until(lambda: shares(db) == [0, 0, 6], "one program to have all tables")
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'share_tables', 'on')")
    wait_until(lambda: shares(db) == [2, 2, 2], "the tables to be dealt out")
    assert sum(leads for leads, _ in workers(db)) == 1
    assert sorted(table for _, tables in workers(db) for table in tables) == TABLES
    for table in TABLES:
        db.query(f"INSERT INTO {table} VALUES (1000, 1)")
    lake.publish_now()
    for table in TABLES:
        assert lake.rows(table) == source_rows(db, table)
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'share_tables', 'off')")
    wait_until(lambda: shares(db) == [0, 0, 6], "one program to have all tables again")


def test_once_says_that_another_serves_the_lake(db, programs):
    some_tables(db)
    done = subprocess.run([db.box.bindir / "trickle-lake", "--conninfo", db.box.conninfo(db.name), "--once"], capture_output=True, text=True)
    assert done.returncode == 1 and "is served by another trickle-lake (55P03)" in done.stderr


def test_programs_come_and_go(db, programs):
    _, pick = seeded()
    lake = some_tables(db, schedule="100ms")
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'share_tables', 'on'), pgtrickle.set_lake_policy(NULL, 'upkeep_every', '1 second'), "
             "pgtrickle.set_lake_policy(NULL, 'merge_small_files', '4')")
    stop = threading.Event()

    def write():
        with db.connect() as connection:
            for i in range(1, 1 << 30):
                if stop.is_set():
                    return
                for table in TABLES[i % 2::2]:
                    connection.execute(f"INSERT INTO {table} VALUES ({1000 + i}, 0); UPDATE {table} SET n = n + 1 WHERE id % 7 = {i % 7}; DELETE FROM {table} WHERE id = {i}")
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    running = [programs(), programs()]
    try:
        for _ in range(8):
            time.sleep(pick.uniform(0.3, 1.5))
            if len(running) < 3 and pick.random() < 0.5:
                running.append(programs())
            elif running:
                running.pop(pick.randrange(len(running))).kill()
    finally:
        stop.set()
        writer.join()
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '120s')") == [(True,)]
    lake.publish_now()
    for table in TABLES:
        assert lake.rows(table) == source_rows(db, table)
    with lake.duckdb() as duck, one_thread(duck):
        last = duck.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('company_lake')").fetchone()[0]
        for table in TABLES:
            # A row is inserted into the lake and deleted from it once for each time that it was here.
            twice = duck.execute(f"SELECT id, change_type, count(*) FROM company_lake.table_changes('{table}', 0, {last}) WHERE change_type IN ('insert', 'delete') GROUP BY ALL HAVING count(*) > 1").fetchall()
            assert twice == []
    wait_until(lambda: db.query("SELECT * FROM pgtrickle.lake_upload") == [], "what was left behind to be removed")
    assert lake.files() == lake.listed_files()


def some_tables(db, **options) -> Lake:
    lake = Lake(db)
    for table in TABLES:
        db.query(f"CREATE TABLE {table} (id int PRIMARY KEY, n int); INSERT INTO {table} SELECT i, 0 FROM generate_series(1, 500) i")
        lake.publish(table, **options)
    lake.publish_now()
    return lake
