"""Spark, Trino and pyiceberg read what DuckDB reads: here through pyiceberg, which needs no JVM (test_iceberg_engines.py has)."""

import collections
import json
import os

import psycopg
import pytest

from box import wait_until
from engines import PyIceberg, alike, types_of
from lakes import Lake, seeded, source_rows
from test_lake_mirror import PARTITIONS, TABLES, change
from test_lake_modes import EVERY_TYPE, ROWS

iceberg = PyIceberg()


def iceberg_rows(lake, table, version=None, engine=iceberg):
    return alike(engine.rows(lake, table, version), types_of(lake.db, table))


@pytest.fixture
def lake(db):
    return Lake(db, options=json.dumps({"iceberg": "each commit"}))


def test_every_version_equals_its_source(db, lake):
    seed, random_ = seeded()
    for sql in [*TABLES.values(), *PARTITIONS]:
        db.query(sql)
    expected = {table: {} for table in TABLES}
    with db.connect() as connection:
        for _ in range(3):
            change(connection, random_)
        for table in TABLES:
            lake.publish(table)
        for _ in range(int(os.environ.get("LAKE_ROUNDS", 12))):
            for _ in range(random_.choice([0, 1, 1, 2, 5])):
                change(connection, random_)
            version = lake.publish_now()
            for table in TABLES:
                expected[table][version] = source_rows(db, table)
                assert iceberg_rows(lake, table) == expected[table][version], f"{table} at {version}, LAKE_SEED={seed}"
    for table, versions in expected.items():
        check_time_travel(lake, table, versions, iceberg)
    assert lake.files() == lake.listed_files()


def check_time_travel(lake, table, expected, engine):
    """A table that did not change has no snapshot of its own: the last one before is its state."""
    listed = engine.versions(lake, table)
    for version, rows in expected.items():
        of = max(one for one in listed if one <= version)
        assert iceberg_rows(lake, table, of, engine) == rows, f"{table} as of {version}, that is {of}, in {engine.name}"


def test_every_type(db, lake):
    db.query("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    db.query(EVERY_TYPE)
    lake.publish("every")
    lake.publish_now()
    assert iceberg_rows(lake, "every") == {}
    for row in ROWS:
        db.query(f"INSERT INTO every VALUES ({row})")
        lake.publish_now()
        assert iceberg_rows(lake, "every") == source_rows(db, "every")
    db.query("UPDATE every SET t = t || '!', id = id + 10; DELETE FROM every WHERE id = 11")
    lake.publish_now()
    assert iceberg_rows(lake, "every") == source_rows(db, "every")
    assert str(iceberg.table(lake, "every").schema().find_type("ints")) == "list<int>"


def test_an_interval_keeps_the_lag_and_publish_now_ends_it(db):
    lake = Lake(db, options=json.dumps({"iceberg": "1h"}))
    db.query("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake.publish("t", schedule="100ms")
    lake.publish("u", schedule="100ms", iceberg="off")
    wait_until(lambda: lake.status("t")["iceberg_snapshot"], "the first snapshot", 30)
    db.query("INSERT INTO t VALUES (2)")
    assert db.query("SELECT pgtrickle.wait_for_lake()") == [(True,)]
    assert len(lake.rows("t")) == 2 and len(iceberg_rows(lake, "t")) == 1
    version = lake.publish_now()
    assert len(iceberg_rows(lake, "t")) == 2 and lake.status("t")["iceberg_snapshot"] == version
    assert iceberg.catalog(lake).list_tables("main") == [("main", "t")]
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="unknown Iceberg policy"):
        lake.publish("pg_class", iceberg="sometimes")


@pytest.mark.slow
def test_the_metadata_does_not_grow(db):
    """Snapshots, manifests and metadata files are bounded, whatever the number of commits."""
    lake = Lake(db, options=json.dumps({"iceberg": "each commit", "iceberg_snapshots": 5}))
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off')")  # which would add snapshots of its own
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 1000) i")
    sizes = []
    for i in range(105):
        db.query(f"INSERT INTO t VALUES ({2000 + i}, 0); UPDATE t SET n = n + 1 WHERE id = {i + 1}; DELETE FROM t WHERE id = {500 + i}")
        if i == 0:
            lake.publish("t")  # after the first change: the load, which begins at once, is its snapshot
        lake.publish_now()
        metadata = [file for file in lake.files() if "/metadata/" in file]
        sizes.append((len([file for file in metadata if file.endswith(".json")]), len([file for file in metadata if "/snap-" in file])))
    assert max(sizes) <= (101, 6) and iceberg.versions(lake, "t") == list(range(101, 106))
    assert db.query("SELECT max(n) <= 2 * 9 FROM (SELECT count(*) AS n FROM pgtrickle.iceberg_manifest WHERE end_snapshot IS NULL) m") == [(True,)]
    assert iceberg_rows(lake, "t") == source_rows(db, "t") and lake.files() == lake.listed_files()


def test_paths_are_the_same_to_the_byte(db, lake):
    """The trap that loses deletes silently: data file's name in its manifest, in the delete file, and in that one's bounds."""
    import pyarrow.parquet

    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)")
    lake.publish("t")
    lake.publish_now()
    for i in (1, 2):
        db.query(f"DELETE FROM t WHERE id % 10 = {i}")
        lake.publish_now()
    (task,) = iceberg.table(lake, "t").scan().plan_files()
    (delete,) = task.delete_files
    data = pyarrow.parquet.read_table(delete.file_path.removeprefix("file://"))
    assert set(data["file_path"].to_pylist()) == {task.file.file_path} and len(data) == 20
    assert delete.lower_bounds == delete.upper_bounds == {2147483546: task.file.file_path.encode()}
    assert task.file.file_path.startswith(f"file://{lake.path}/main/t/")
    fields = {field.name: field.field_id for field in pyarrow.parquet.ParquetFile(delete.file_path.removeprefix("file://")).schema_arrow for field in [FieldId(field)]}
    assert fields == {"file_path": 2147483546, "pos": 2147483545, "_ducklake_internal_snapshot_id": 2147483539}


class FieldId:
    def __init__(self, field):
        self.name, self.field_id = field.name, int(field.metadata[b"PARQUET:field_id"])


# Per column: a value of each of two files, and a filter that only the first one's row passes.
FILTERS = {
    "b": ("false", "true", "b = false"), "i2": ("2", "999", "i2 < 3"), "i8": ("-3", "9999999999", "i8 <= -3"), "f4": ("1.5", "1e9", "f4 = 1.5"),
    "f8": ("-0.0", "1e99", "f8 = 0.0"), "n": ("-12.345", "99999.999", "n = -12.345"), "free": ("0.5", "123456", "free < 1"), "t": ("'öld 🌍'", "'zzz'", "t = 'öld 🌍'"),
    "long": (f"repeat('ä', 300) || 'x'", "'b'", "long > 'ß'"), "d": ("'1969-12-31'", "'2999-01-01'", "d = '1969-12-31'"),
    "ts": ("'1969-12-31 23:59:59.5'", "'2999-01-01 00:00:00'", "ts < '1970-01-01T00:00:00'"),
    "tz": ("'2024-02-29 01:02:03.004+00'", "'2999-01-01 00:00:00+00'", "tz <= '2024-03-01T00:00:00+00:00'"),
}
EVERY_BOUND = "b bool, i2 int2, i8 int8, f4 real, f8 double precision, n numeric(12,3), free numeric, t text, long text, d date, ts timestamp, tz timestamptz"


def test_filters_find_the_rows_that_bounds_speak_of(db, lake):
    two_files(db, lake)
    for column, (_, _, where) in FILTERS.items():
        if column != "long":
            assert iceberg.rows(lake, "every", where=where, columns=("id",)) == [(1,)], where
            files = len(list(iceberg.table(lake, "every").scan(row_filter=where).plan_files()))
            assert files == 1 + column.startswith("f") * (column != "free"), f"{where} is to skip a file, but not the one with NaN"
    assert sorted(iceberg.rows(lake, "every", where="i2 is null", columns=("id",))) == [(3,), (4,)]
    assert iceberg.rows(lake, "every", where="f8 is nan", columns=("id",)) == [(4,)]
    assert iceberg.rows(lake, "every", where=f"long >= '{'ä' * 300}'", columns=("id",)) == [(1,)]


def two_files(db, lake, table="every"):
    db.query(f"CREATE TABLE {table} (id int PRIMARY KEY, {EVERY_BOUND}, u uuid)")
    lake.publish(table)
    for id, place in ((1, 0), (2, 1)):
        db.query(f"INSERT INTO {table} VALUES ({id}, {', '.join(values[place] for values in FILTERS.values())}, '{'80'[place] * 8}-0000-0000-0000-000000000000')")
        lake.publish_now()
    db.query(f"INSERT INTO {table} (id) VALUES (3)")
    lake.publish_now()
    db.query(f"INSERT INTO {table} (id, f4, f8) VALUES (4, 'NaN', 'NaN')")
    lake.publish_now()


def test_what_duckdb_does_is_followed(db, lake):
    """Its appends, its delete files, which have other field ids, and its compaction."""
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i")
    lake.publish("t")
    lake.publish_now()
    db.query("UPDATE t SET n = 0 WHERE id < 10")
    lake.publish_now()
    for theirs in ("INSERT INTO company_lake.t VALUES (1000, 1)", "DELETE FROM company_lake.t WHERE id BETWEEN 5 AND 20", "CALL ducklake_merge_adjacent_files('company_lake')",
                   "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)"):
        with lake.duckdb() as duck:
            duck.execute(theirs)
            expected = collections.Counter(duck.execute("SELECT * FROM company_lake.t").fetchall())
            newest = duck.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('company_lake')").fetchone()[0]
        wait_until(lambda: lake.status("t")["iceberg_snapshot"] == newest, f"Iceberg to follow {theirs}", 30)  # rows do not tell of compaction
        assert iceberg_rows(lake, "t") == expected
    db.query("DELETE FROM t WHERE id > 90; INSERT INTO t VALUES (200, 200)")
    lake.publish_now()
    assert iceberg_rows(lake, "t") == lake.rows("t")
    operations = [snapshot.summary.operation.value for snapshot in iceberg.table(lake, "t").metadata.snapshots]
    assert operations[:4] == ["append", "overwrite", "append", "delete"] and operations[-1] == "overwrite" and "replace" in operations
    with lake.duckdb() as duck:
        duck.execute("CALL ducklake_expire_snapshots('company_lake', older_than => now())")
        duck.execute("CALL ducklake_cleanup_old_files('company_lake', cleanup_all => true)")
    db.query("INSERT INTO t VALUES (201, 201)")
    lake.publish_now()
    for version in iceberg.versions(lake, "t"):
        iceberg.rows(lake, "t", version)  # no snapshot is listed whose files are gone
    assert iceberg_rows(lake, "t") == lake.rows("t")


def test_rows_inlined_by_another_client_are_told(db, lake):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)")
    lake.publish("t")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 100)")
        duck.execute("INSERT INTO company_lake.t VALUES (2, 2)")
    wait_until(lambda: lake.status("t")["iceberg_error"], "the hindrance to be told", 30)
    assert "ducklake_flush_inlined_data" in lake.status("t")["iceberg_error"]
    assert ("lakes", "warning") in db.query("SELECT check_name, severity FROM pgtrickle.health_check()")
    with lake.duckdb() as duck:
        duck.execute("CALL ducklake_flush_inlined_data('company_lake')")
    wait_until(lambda: not lake.status("t")["iceberg_error"], "the hindrance to be over", 30)
    assert iceberg_rows(lake, "t") == lake.rows("t") == {(1, 1): 1, (2, 2): 1}


def test_names_and_their_end(db, lake):
    """Iceberg's names are in small letters, as Trino wants them."""
    db.query("""CREATE TABLE "Orders" ("The Id" int PRIMARY KEY, "select" text); INSERT INTO "Orders" VALUES (1, 'x')""")
    lake.publish('"Orders"')
    lake.publish_now()
    assert iceberg.catalog(lake).list_tables("main") == [("main", "orders")]
    assert iceberg.rows(lake, "orders") == [(1, "x")]
    db.query("""SELECT pgtrickle.unpublish('"Orders"', drop_lake_table => true)""")
    assert iceberg.catalog(lake).list_tables("main") == []
    lake.publish('"Orders"')
    lake.publish_now()
    assert iceberg.rows(lake, "orders") == [(1, "x")]
    db.query("SELECT pgtrickle.drop_lake('company_lake', cascade => true)")
    assert db.query("SELECT to_regclass('lake.iceberg_tables')") == [(None,)]
