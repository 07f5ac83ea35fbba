"""Exactly once: kill -9 anywhere loses nothing and repeats nothing."""

import os
import random
import signal
import threading
import time

import psycopg
import pytest

import workload
from box import wait_until

pytestmark = pytest.mark.slow

SOME_WRITES = """
    INSERT INTO sale SELECT i % 9, i, now(), 'x' || i FROM generate_series(1, 20) i;
    DELETE FROM sale WHERE ctid IN (SELECT ctid FROM sale LIMIT 15);
    UPDATE product SET price = price + 1 WHERE id % 2 = 0
"""


def pids(db, condition):
    return [pid for (pid,) in db.box.query(f"SELECT pid FROM pg_stat_activity WHERE {condition}", "postgres")]


def scheduler_of(db):
    return pids(db, f"backend_type LIKE 'pg_trickle%' AND datname = '{db.name}'")


def answers(db):
    try:
        return bool(db.query("SELECT 1"))
    except psycopg.OperationalError:
        return False


def test_the_server_killed_again_and_again(db):
    workload.create(db)
    with workload.Writers(db) as writers:
        for _ in range(4):
            time.sleep(random.uniform(0.7, 1.8))
            db.box.kill9()
            db.box.start()
        time.sleep(1)
    workload.follow(db)
    workload.check(db)
    writers.check()


def test_the_server_killed_in_the_middle_of_refreshes(db):
    """Manual refreshes as fast as they go, killed by a timer in the middle of one."""
    workload.create(db, "1h")
    for _ in range(3):
        killer = threading.Timer(random.uniform(0.5, 1.5), db.box.kill9)
        killer.start()
        with pytest.raises(psycopg.OperationalError), db.connect() as c:
            while True:
                c.execute(SOME_WRITES)
                for name in workload.VIEWS:
                    c.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
        killer.join()
        db.box.start()
    workload.check(db)


@pytest.mark.parametrize("victim", ["scheduler", "writer", "launcher"])
def test_one_process_killed(db, victim):
    """The server restarts all its processes then, and the scheduler comes back by itself."""
    workload.create(db)
    condition = {"scheduler": f"backend_type LIKE 'pg_trickle%' AND datname = '{db.name}'",
                 "writer": f"backend_type = 'client backend' AND datname = '{db.name}' AND pid <> pg_backend_pid()",
                 "launcher": "backend_type LIKE 'pg_trickle%' AND datname IS NULL OR backend_type LIKE 'pg_trickle launcher%'"}[victim]
    with workload.Writers(db):
        for _ in range(2):
            wait_until(lambda: answers(db) and pids(db, condition), f"a {victim}", 30)
            time.sleep(random.uniform(0.3, 1))
            for pid in pids(db, condition)[:1]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
            wait_until(lambda: answers(db), "the server to answer again", 60)
        time.sleep(0.5)
    workload.follow(db)
    workload.check(db)


def test_the_scheduler_terminated_by_an_administrator(db):
    """It is started again, and nobody else notices."""
    workload.create(db)
    wait_until(lambda: scheduler_of(db), "a scheduler", 30)
    with db.connect() as witness:
        before = scheduler_of(db)
        db.query(f"SELECT pg_terminate_backend({before[0]})")
        wait_until(lambda: scheduler_of(db) and scheduler_of(db) != before, "another scheduler", 60)
        db.query("INSERT INTO sale VALUES (1, 1, now(), 'after')")
        workload.follow(db)
        workload.check(db)
        assert witness.execute("SELECT 1").fetchone() == (1,)


def test_a_clean_restart(db):
    workload.create(db)
    with workload.Writers(db) as writers:
        time.sleep(1)
        db.box.restart()
        time.sleep(1)
    workload.follow(db)
    workload.check(db)
    writers.check()
