"""What is published and how: append, types, errors, names, and coming back when the cause is gone."""

import collections
import os
import subprocess
import time

import psycopg
import pytest

from box import wait_until
from lakes import Lake, lake_rows, one_thread, source_rows

EVERY_TYPE = """CREATE TABLE every (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 real, f8 double precision, n numeric(12,3), wide numeric(38,10), free numeric,
    t text, v varchar(5), c char(4), nm name, e mood, dom positive, bytes bytea, u uuid, j json, jb jsonb, d date, ti time, ts timestamp, tz timestamptz,
    ints int[], texts text[], nums numeric(6,2)[], stamps timestamp[])"""
ROWS = [
    "1, true, 32767, 9223372036854775807, 3.4e38, 1.7e308, 999999999.999, 9999999999999999999999999999.9999999999, 12345678901234567890.123456789, "
    "'héllo 🌍', 'abc', 'ab', 'nm', 'happy', 7, '\\x00ff10', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{\"a\": [1, 2]}', '{\"b\": null}', '9999-12-31', '23:59:59.999999', "
    "'9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', '{1,NULL,-3}', '{\"a b\",NULL,\"\"}', '{1.50,-2.25}', '{2024-01-01}'",
    "2, false, -32768, -9223372036854775808, '-Infinity', 'NaN', -999999999.999, -0.0000000001, -0.000000001, "
    "'', '', '', '', 'sad', 1, '', '00000000-0000-0000-0000-000000000000', '[]', '\"x\"', '0001-01-01', '00:00', "
    "'0001-01-01 00:00:00', '0001-01-01 00:00:00+00', '{}', '{}', '{}', '{}'",
    "3" + ", NULL" * 26,
    "4, NULL, 0, 0, -0.0, 'Infinity', 0, 0, 0, '" + "x" * 3000 + "', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '1582-10-04', NULL, NULL, NULL, NULL, NULL, NULL, NULL",
    "5, NULL, 10, 1000, 1e-30, 1e-300, 10000.1, 10000.0001, 1e20, '" + "🌍" * 200 + "', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '1969-12-31', '12:00', '1969-12-31 23:59:59.5', '1969-12-31 23:59:59.5+00', NULL, NULL, NULL, NULL",
]


@pytest.fixture
def lake(db):
    return Lake(db)


def test_every_type_there_and_back(db, lake):
    db.query("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    db.query(EVERY_TYPE)
    lake.publish("every")
    lake.publish_now()
    assert lake.rows("every") == {}
    for row in ROWS:
        db.query(f"INSERT INTO every VALUES ({row})")
        lake.publish_now()
        assert lake.rows("every") == source_rows(db, "every")
    db.query("UPDATE every SET t = t || '!', id = id + 10; DELETE FROM every WHERE id = 11")
    lake.publish_now()
    assert lake.rows("every") == source_rows(db, "every")
    with lake.duckdb() as duck:
        types = dict(row[:2] for row in duck.execute("DESCRIBE company_lake.every").fetchall())
    assert types == {"id": "INTEGER", "b": "BOOLEAN", "i2": "SMALLINT", "i8": "BIGINT", "f4": "FLOAT", "f8": "DOUBLE", "n": "DECIMAL(12,3)", "wide": "DECIMAL(38,10)",
                     "free": "DECIMAL(38,9)", "t": "VARCHAR", "v": "VARCHAR", "c": "VARCHAR", "nm": "VARCHAR", "e": "VARCHAR", "dom": "INTEGER", "bytes": "BLOB", "u": "UUID",
                     "j": "JSON", "jb": "JSON", "d": "DATE", "ti": "TIME", "ts": "TIMESTAMP", "tz": "TIMESTAMP WITH TIME ZONE",
                     "ints": "INTEGER[]", "texts": "VARCHAR[]", "nums": "DECIMAL(6,2)[]", "stamps": "TIMESTAMP[]"}


@pytest.mark.parametrize("type, value, harmless, sqlstate", [
    ("date", "infinity", "2024-01-01", "22003"), ("timestamptz", "-infinity", "2024-01-01", "22003"), ("timestamp", "294276-01-01", "2024-01-01", "22003"),
    ("numeric(10,2)", "NaN", "1", "22003"), ("numeric", "0.0123456789", "0.1", "22003"), ("numeric", "1e30", "1", "22003"), ("int[]", "{{1,2},{3,4}}", "{1}", "22003"),
])
def test_a_value_the_lake_cannot_hold_suspends_its_table_alone(db, lake, type, value, harmless, sqlstate):
    db.query(f"CREATE TABLE odd (id int PRIMARY KEY, x {type}); CREATE TABLE even (id int PRIMARY KEY); INSERT INTO odd VALUES (1, '{harmless}')")
    lake.publish("odd")
    lake.publish("even")
    lake.publish_now()
    before = lake.rows("odd")
    db.query(f"INSERT INTO odd VALUES (2, '{value}'); INSERT INTO even VALUES (1)")
    with pytest.raises(psycopg.Error, match='column "x" holds') as error:
        lake.publish_now()
    assert error.value.sqlstate == sqlstate
    assert lake.status("odd")["status"] == "SUSPENDED" and lake.status("even")["status"] == "ACTIVE"
    assert db.query("SELECT check_name, severity FROM pgtrickle.health_check() WHERE severity <> 'ok'") == [("lakes", "error")]
    assert lake.rows("odd") == before and lake.rows("even") == source_rows(db, "even")
    db.query(f"UPDATE odd SET x = '{harmless}'")
    lake.publish_now()
    assert lake.rows("odd") == source_rows(db, "odd") and lake.status("odd")["last_error"] is None
    assert lake.files() == lake.listed_files()


def test_append_keeps_what_is_deleted(db, lake):
    db.query("CREATE TABLE event (id int PRIMARY KEY, n int); INSERT INTO event VALUES (1, 1), (2, 2)")
    lake.publish("event", mode="append")
    lake.publish_now()
    db.query("DELETE FROM event WHERE id = 1; UPDATE event SET n = 20 WHERE id = 2; INSERT INTO event VALUES (3, 3)")
    lake.publish_now()
    db.query("BEGIN; INSERT INTO event VALUES (4, 4); DELETE FROM event WHERE id = 4; COMMIT; TRUNCATE event; INSERT INTO event VALUES (5, 5)")
    version = lake.publish_now()
    assert lake.rows("event") == collections.Counter([(1, 1), (2, 2), (2, 20), (3, 3), (5, 5)])
    with lake.duckdb() as duck, one_thread(duck):
        assert {kind for (kind,) in duck.execute(f"SELECT change_type FROM ducklake_table_changes('company_lake', 'main', 'event', 0, {version})").fetchall()} == {"insert"}


def test_truncate_reloads_in_one_snapshot(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)")
    lake.publish("t")
    first = lake.publish_now()
    db.query("BEGIN; TRUNCATE t; INSERT INTO t SELECT generate_series(50, 60); COMMIT")
    second = lake.publish_now()
    assert second == first + 1
    assert lake.rows("t") == source_rows(db, "t") and len(lake.rows("t", first)) == 100
    db.query("DELETE FROM t WHERE id > 55")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")


def test_changes_made_during_a_load_follow_it(db, lake):
    """The change log is not emptied behind the snapshot of a load that takes its time, however much is written meanwhile."""
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int, note text); INSERT INTO sale SELECT i, 0, repeat('x', 100) FROM generate_series(1, 1000) i")
    with db.connect() as hindrance, db.connect() as other:
        hindrance.execute("BEGIN; LOCK TABLE pgtrickle.publication_file IN ACCESS EXCLUSIVE MODE")   # what a load looks at after its snapshot
        lake.publish("sale", schedule="1s")
        wait_until(lambda: db.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'trickle-lake writer' AND datname = current_database() AND wait_event_type = 'Lock'"),
                   "the load to be hindered")
        other.execute("SET pg_trickle.log_segment_size = '1MB'")
        for turn in range(4):
            other.execute(f"DELETE FROM sale WHERE id % 7 = {turn}; UPDATE sale SET n = n + 1; INSERT INTO sale SELECT i, 7, 'new' FROM generate_series(2000, 12000) i ON CONFLICT DO NOTHING")
            for step in range(3):
                other.execute("SELECT pgtrickle._drain()")
        hindrance.execute("COMMIT")
    lake.publish_now()
    lake.publish_now()
    assert lake.rows("sale") == source_rows(db, "sale")


def test_names_of_all_kinds(db, lake):
    db.query("""CREATE SCHEMA "odd schema"; CREATE TABLE "odd schema"."Or""der's" ("The Id" int PRIMARY KEY, "select" text, "ünï" int[]);
                INSERT INTO "odd schema"."Or""der's" VALUES (1, 'x', '{1}')""")
    lake.publish('"odd schema"."Or""der\'\'s"', table_name="my ''table/")
    lake.publish_now()
    with lake.duckdb() as duck:
        assert duck.execute("""SELECT "The Id", "select", "ünï" FROM company_lake."my 'table/" """).fetchall() == [(1, "x", [1])]


def test_tables_published_together_are_one_snapshot(db, lake):
    """Money moves between two tables in single transactions; no lake snapshot sees it halfway."""
    db.query("CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, n int); INSERT INTO a VALUES (1, 1000); INSERT INTO b VALUES (1, 0)")
    for table in "ab":
        lake.publish(table, schedule="100ms")
    deadline = time.monotonic() + 5
    with db.connect() as connection:
        while time.monotonic() < deadline:
            connection.execute("BEGIN; UPDATE a SET n = n - 1; SELECT pg_sleep(0.002); UPDATE b SET n = n + 1; COMMIT")
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '20s')") == [(True,)]
    with lake.duckdb() as duck:
        versions = [v for (v,) in duck.execute("SELECT snapshot_id FROM ducklake_snapshots('company_lake') WHERE snapshot_id > 0").fetchall()]
        sums = [duck.execute(f"SELECT (SELECT sum(n) FROM company_lake.a AT (VERSION => {v})) + (SELECT sum(n) FROM company_lake.b AT (VERSION => {v}))").fetchone()[0] for v in versions[1:]]
    assert len(sums) > 10 and set(sums) == {1000}
    assert lake.rows("a") == source_rows(db, "a") and lake.rows("b") == source_rows(db, "b")


def test_calculated_follows_at_once(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY)")
    lake.publish("t", schedule="calculated")
    lake.publish_now()
    for i in range(5):
        began = time.monotonic()
        db.query(f"INSERT INTO t VALUES ({i})")
        wait_until(lambda: lake.status("t")["rows"] == i + 1, "the row to be published", 10)
        assert time.monotonic() - began < 2
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '10s')") == [(True,)]


def test_a_store_that_cannot_be_written_is_tried_again(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake.publish("t", schedule="1s")
    lake.publish_now()
    aside = lake.path.with_name("aside")
    lake.path.rename(aside)
    lake.path.write_text("in the way")
    db.query("INSERT INTO t VALUES (2)")
    wait_until(lambda: lake.status("t")["status"] == "ERROR", "the error to be noticed", 20)
    with pytest.raises(psycopg.Error, match="publishing"):
        lake.publish_now()
    db.query("DELETE FROM t WHERE id = 1")
    lake.path.unlink()
    aside.rename(lake.path)
    wait_until(lambda: lake.status("t")["status"] == "ACTIVE", "the next try", 40)
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '20s')") == [(True,)]
    assert lake.rows("t") == source_rows(db, "t")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root only")
def test_a_full_disk_is_told_and_outlived(db):
    disk = db.box.lake / db.name
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs", disk], check=True)
    try:
        lake = Lake(db)
        db.query("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 1000) i")
        lake.publish("t", schedule="1s")
        lake.publish_now()
        before = lake.rows("t")
        db.query("INSERT INTO t SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1001, 100000) i; DELETE FROM t WHERE id = 1")
        with pytest.raises(psycopg.errors.DiskFull, match=f"data path {lake.path}/: .*No space left"):
            lake.publish_now()
        assert lake.rows("t") == before
        assert ("lakes", "warning") in db.query("SELECT check_name, severity FROM pgtrickle.health_check()")
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        wait_until(lambda: lake.status("t")["status"] == "ACTIVE", "the next try", 40)
        assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '20s')") == [(True,)]
        assert lake.rows("t") == source_rows(db, "t")
        assert lake.files() == lake.listed_files()
        db.query("SELECT pgtrickle.drop_lake('company_lake', cascade => true)")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_store_that_is_away_is_told_and_its_server_missed(db):
    db.query("CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint '127.0.0.1:9', scheme 'http', path_style 'true')")
    db.query("CREATE USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (access_key_id 'a', secret_access_key 'b')")
    db.query("SELECT pgtrickle.create_lake('away', 's3://bucket/prefix', options => '{\"server\": \"store\"}'); CREATE TABLE t (id int PRIMARY KEY)")
    db.query("INSERT INTO t VALUES (1); SELECT pgtrickle.publish('t', schedule => '1h')")
    with pytest.raises(psycopg.Error, match="data path s3://bucket/prefix/: .*127.0.0.1") as error:
        db.query("SELECT pgtrickle.publish_now()")
    assert error.value.sqlstate == "58030"
    db.query("DROP SERVER store CASCADE")
    with pytest.raises(psycopg.errors.UndefinedObject, match='foreign server "store" of data path s3://bucket/prefix/ does not exist'):
        db.query("SELECT pgtrickle.publish_now()")


def test_a_source_altered_or_dropped(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1); CREATE TABLE u (id int PRIMARY KEY)")
    lake.publish("t")
    lake.publish("u")
    lake.publish_now()
    db.query("ALTER TABLE t ADD COLUMN y tsvector")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="columns of public.t have changed"):
        lake.publish_now()
    db.query("ALTER TABLE t DROP COLUMN y")
    lake.publish_now()
    oid = db.query("SELECT 't'::regclass::oid")[0][0]
    db.query("DROP TABLE t")
    with pytest.raises(psycopg.errors.UndefinedTable, match="was dropped"):
        lake.publish_now()
    db.query(f"SELECT pgtrickle.unpublish({oid}::regclass)")
    db.query("INSERT INTO u VALUES (1)")
    lake.publish_now()
    assert lake.rows("u") == source_rows(db, "u") and len(lake.rows("t")) == 1


def test_unpublish_drops_the_lake_table_if_asked(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake.publish("t")
    version = lake.publish_now()
    db.query("SELECT pgtrickle.unpublish('t', drop_lake_table => true)")
    with lake.duckdb() as duck:
        assert duck.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'company_lake'").fetchall() == []
        assert len(lake_rows_at(duck, "t", version)) == 1
    lake.publish("t")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")


def lake_rows_at(duck, table, version):
    return duck.execute(f"SELECT * FROM company_lake.{table} AT (VERSION => {version})").fetchall()


def test_a_stream_table_and_its_source_go_together(db, lake):
    db.query("CREATE TABLE sale (id serial PRIMARY KEY, product int, usd numeric(10,2)); INSERT INTO sale (product, usd) SELECT i % 10, i / 7.0 FROM generate_series(1, 1000) i")
    db.query("SELECT pgtrickle.create_stream_table('revenue', 'SELECT product, sum(usd) AS usd, count(*) AS n FROM sale GROUP BY product')")
    lake.publish("sale")
    lake.publish("revenue")
    for change in ("UPDATE sale SET usd = usd + 1 WHERE id % 3 = 0", "DELETE FROM sale WHERE product = 3", "INSERT INTO sale (product) VALUES (77)", "TRUNCATE sale", "SELECT 1"):
        db.query(change)
        db.query("SELECT pgtrickle.wait_for('revenue')")
        lake.publish_now()
        for table in ("sale", "revenue"):
            assert lake.rows(table) == source_rows(db, table), change
