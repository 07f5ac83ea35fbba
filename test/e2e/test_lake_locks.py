"""trickle-lake has several connections: what one of them holds while another waits is no deadlock that the server could see.  So it locks what unpublish and
ALTER TABLE lock in their order, and its reader waits for nobody for long."""

import threading

import psycopg
import pytest

from box import wait_until
from lakes import Lake, source_rows


@pytest.fixture
def lake(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t SELECT i, i, 'b' FROM generate_series(1, 100) i")
    return Lake(db)


def wait_for_a_waiting(db, name):
    wait_until(lambda: db.query(f"SELECT pid FROM pg_stat_activity WHERE application_name = '{name}' AND datname = current_database() AND wait_event_type = 'Lock'"), f"{name} to wait")


class Publishing(threading.Thread):
    def __init__(self, lake):
        super().__init__()
        self.lake, self.error = lake, None
        self.start()

    def run(self):
        try:
            self.lake.publish_now()
        except psycopg.Error as error:
            self.error = error


@pytest.fixture
def hindrance(db):
    with db.connect() as connection:
        connection.execute("SET statement_timeout = '30s'")
        yield connection


def test_a_table_is_altered_when_its_load_is_about_to_begin(db, lake, hindrance):
    with db.connect() as first:
        first.execute("BEGIN; LOCK TABLE pgtrickle.publication_load")   # what is looked at before a load
        lake.publish("t")
        hindrance.execute("BEGIN; LOCK TABLE t")
    wait_for_a_waiting(db, "trickle-lake writer")
    hindrance.execute("ALTER TABLE t ALTER a TYPE bigint, DROP b; COMMIT")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")


@pytest.mark.parametrize("why", ["TRUNCATE t; INSERT INTO t VALUES (1, 1, 'new')", "ALTER TABLE t ADD c int DEFAULT 7"])
def test_a_table_is_altered_when_its_rows_are_about_to_be_read_again(db, lake, hindrance, why):
    lake.publish("t")
    lake.publish_now()
    db.query(why)
    hindrance.execute("BEGIN; LOCK TABLE t")
    publishing = Publishing(lake)
    wait_for_a_waiting(db, "trickle-lake reader")
    hindrance.execute("ALTER TABLE t ALTER a TYPE bigint, DROP b; COMMIT")
    publishing.join()
    assert publishing.error is None
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")


def test_unpublish_and_a_batch_do_not_wait_for_each_other(db, lake, hindrance):
    lake.publish("t")
    lake.publish_now()
    db.query("UPDATE t SET a = 0; CREATE TABLE other (id int PRIMARY KEY)")
    lake.publish("other")
    hindrance.execute("BEGIN; LOCK TABLE pgtrickle_state.lake_rows_" + str(db.query("SELECT id FROM pgtrickle.publication WHERE relid = 't'::regclass")[0][0]))
    publishing = Publishing(lake)
    wait_for_a_waiting(db, "trickle-lake writer")
    hindrance.execute("SELECT pgtrickle.unpublish('t'); COMMIT")
    publishing.join()
    db.query("INSERT INTO other VALUES (1)")
    lake.publish_now()
    assert lake.rows("other") == source_rows(db, "other")


def test_a_table_that_stays_locked_is_left_out(db, lake, hindrance):
    db.query("CREATE TABLE other (id int PRIMARY KEY)")
    for table in ("t", "other"):
        lake.publish(table)
    lake.publish_now()
    db.query("INSERT INTO other VALUES (1); TRUNCATE t; INSERT INTO t VALUES (1, 1, 'new')")
    hindrance.execute("BEGIN; ALTER TABLE t DROP a")
    publishing = Publishing(lake)
    wait_until(lambda: lake.status("t")["last_sqlstate"] == "55P03", "the table to be left out")
    wait_until(lambda: lake.rows("other") == source_rows(db, "other"), "the other table to be published")
    hindrance.execute("COMMIT")
    publishing.join()
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")
    assert lake.status("t")["last_sqlstate"] is None
