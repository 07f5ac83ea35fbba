"""trickle-lake killed at any moment: nothing is lost, nothing comes twice, no file is left over."""

import os
import random
import signal
import threading
import time

from box import wait_until
from engines import PyIceberg
from lakes import Lake, bag, source_rows


def test_killed_again_and_again(db):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    random_ = random.Random(seed)
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int, note text); CREATE TABLE heap (a int, b text)")
    db.query("INSERT INTO sale SELECT i, 0, repeat('x', 50) FROM generate_series(1, 50000) i")
    lake = Lake(db)
    lake.publish("sale", schedule="100ms", iceberg="each commit")
    lake.publish("heap", schedule="100ms", iceberg="200ms")
    stop = threading.Event()

    def write():
        with db.connect() as connection:
            i = 0
            while not stop.is_set():
                i += 1
                connection.execute(f"UPDATE sale SET n = n + 1 WHERE id % 997 = {i % 997}; DELETE FROM sale WHERE id = {i * 7 % 50000}; "
                                   f"INSERT INTO sale VALUES ({100000 + i}, 0, 'new'); INSERT INTO heap VALUES ({i % 5}, 'x'), ({i % 5}, 'x'); "
                                   f"DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap LIMIT 1)")
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):  # each time it is started again a little later
            wait_until(lambda: db.box.lake_processes(), "trickle-lake to be started", 60)
            time.sleep(random_.uniform(0.0, 1.5))
            for process in db.box.lake_processes():
                os.kill(process, signal.SIGKILL)
            time.sleep(0.1)
    finally:
        stop.set()
        writer.join()
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '120s')") == [(True,)]
    assert lake.rows("sale") == source_rows(db, "sale")
    assert lake.rows("heap") == source_rows(db, "heap")
    lake.publish_now()
    for table in ("sale", "heap"):
        assert bag(PyIceberg().rows(lake, table)) == source_rows(db, table)
    assert lake.files() == lake.listed_files()
    assert db.query("SELECT * FROM pgtrickle.lake_upload") == []


def test_one_that_is_told_to_end_comes_back_soon(db):
    """However often: only failures make it wait longer and longer."""
    Lake(db)
    seen = set()
    for _ in range(6):
        wait_until(lambda: set(db.box.lake_processes()) - seen, "trickle-lake to be started again", 10)
        for process in db.box.lake_processes():
            seen.add(process)
            os.kill(process, signal.SIGTERM)
