"""Mode 'history': the rows that are valid now are the table, those valid as of an earlier publish what it was then."""

import os
import threading

import psycopg
import pytest

from engines import PyIceberg, alike, column_values
from lakes import Lake, bag, lake_value, seeded, source_rows
from test_lake_columns import names
from test_lake_mirror import PARTITIONS, TABLES, change, check_changes

ENDS = ("valid_from", "valid_to", "from_snapshot", "to_snapshot")


def valid_at(moment) -> str:
    return f"valid_from <= '{moment}' AND (valid_to IS NULL OR valid_to > '{moment}')"


def made_by(version: int) -> str:
    return f"from_snapshot <= {version} AND (to_snapshot IS NULL OR to_snapshot > {version})"


def versions(duck, table: str, condition: str):
    columns = [column for column in duck.execute(f'DESCRIBE company_lake.main."{table}"').fetchall() if column[0] not in ENDS]
    return bag(duck.execute(f"SELECT {', '.join(map(lake_value, columns))} FROM company_lake.main.{table} WHERE {condition}").fetchall())


def iceberg_versions(db, lake, table: str, condition: str):
    data = PyIceberg().table(lake, table).scan(row_filter=condition).to_arrow().select(names(db, table))
    types = [type for (type,) in db.query(f"SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")]
    return alike(list(zip(*(column_values(column) for column in data.columns))), types)


def iso(db) -> str:
    """A moment as any client may ask for it."""
    return db.query("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00'")[0][0]


UPKEEP = [
    lambda db, duck: duck.execute("CALL ducklake_merge_adjacent_files('company_lake')"),
    lambda db, duck: duck.execute("CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0.2)"),
    lambda db, duck: duck.execute("CREATE OR REPLACE TABLE company_lake.theirs AS SELECT 1 AS x"),
    lambda db, duck: db.query("SELECT pgtrickle.lake_upkeep_now()"),
    lambda db, duck: None, lambda db, duck: None, lambda db, duck: None,
]


def test_every_moment_can_be_asked_for(db):
    seed, random_ = seeded()
    for sql in [*TABLES.values(), *PARTITIONS]:
        db.query(sql)
    lake = Lake(db, options='{"iceberg": "each commit"}')
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '3')")
    seen = {table: [] for table in TABLES}
    with db.connect() as connection:
        for _ in range(3):
            change(connection, random_)
        for table in TABLES:
            lake.publish(table, mode="history")
        for _ in range(int(os.environ.get("LAKE_ROUNDS", 20))):
            for _ in range(random_.choice([0, 1, 1, 2, 5])):
                change(connection, random_)
            version = lake.publish_now()
            moment = iso(db)
            with lake.duckdb() as duck:
                for table in TABLES:
                    seen[table].append((moment, version, source_rows(db, table)))
                    assert versions(duck, table, "valid_to IS NULL") == seen[table][-1][2], f"{table} at {version}, LAKE_SEED={seed}"
                random_.choice(UPKEEP)(db, duck)
    with lake.duckdb() as duck:
        for table, then in seen.items():
            for moment, version, rows in then:
                assert versions(duck, table, valid_at(moment)) == rows, f"{table} as of {moment}, LAKE_SEED={seed}"
                assert versions(duck, table, made_by(version)) == rows, f"{table} as of {version}, LAKE_SEED={seed}"
            assert duck.execute(f"SELECT count(*) FROM company_lake.{table} WHERE valid_to <= valid_from OR to_snapshot <= from_snapshot OR (valid_to IS NULL) <> (to_snapshot IS NULL)").fetchone() == (0,)
    for table, then in seen.items():
        for moment, version, rows in random_.sample(then, 4) + then[-1:]:
            assert iceberg_versions(db, lake, table, valid_at(moment)) == rows, f"{table} as of {moment} by pyiceberg, LAKE_SEED={seed}"
    assert db.query("SELECT status, count(*) FROM pgtrickle.lake_status() GROUP BY 1") == [("ACTIVE", len(TABLES))]


def test_a_version_that_ends_keeps_its_row_id(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
    lake = Lake(db)
    lake.publish("t", mode="history")
    first = lake.publish_now()
    seen = {first: None}
    for sql in ("UPDATE t SET n = 20 WHERE id = 2", "DELETE FROM t WHERE id = 1", "TRUNCATE t", "INSERT INTO t VALUES (2, 5)"):
        db.query(sql)
        seen[lake.publish_now()] = None
    second, third, fourth, fifth = list(seen)[1:]
    with lake.duckdb() as duck:
        assert duck.execute("SELECT rowid, id, n, from_snapshot, to_snapshot FROM company_lake.t ORDER BY from_snapshot, id").fetchall() == [
            (0, 1, 1, first, third), (1, 2, 2, first, second), (2, 3, 3, first, fourth), (3, 2, 20, second, fourth), (4, 2, 5, fifth, None)]
        types = dict(row[:2] for row in duck.execute("DESCRIBE company_lake.t").fetchall())
        assert list(types.items())[:4] == [("valid_from", "TIMESTAMP WITH TIME ZONE"), ("valid_to", "TIMESTAMP WITH TIME ZONE"), ("from_snapshot", "BIGINT"), ("to_snapshot", "BIGINT")]
        # The moments are those of the publishes, in DuckLake's own snapshots too.
        moments = dict(duck.execute("SELECT from_snapshot, epoch_us(valid_from) FROM company_lake.t").fetchall())
        told = dict(db.query("SELECT snapshot_id, (extract(epoch FROM (commit_extra_info::jsonb->>'moment')::timestamptz) * 1000000)::bigint FROM lake.ducklake_snapshot_changes WHERE author = 'pg_trickle'"))
        assert moments == {version: told[version] for version in (first, second, fifth)}
        check_changes(duck, "t", seen)


def test_columns_change_under_a_history(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int, gone text); INSERT INTO t SELECT i, i, 'x' FROM generate_series(1, 20) i")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("t", mode="history")
    seen = []
    for sql in ("SELECT 1", "ALTER TABLE t ADD COLUMN note text", "UPDATE t SET note = 'n' || id WHERE id < 5", "ALTER TABLE t ADD COLUMN grade int DEFAULT 7",
                "ALTER TABLE t DROP COLUMN gone", "DELETE FROM t WHERE id > 15", "ALTER TABLE t RENAME COLUMN note TO remark", "ALTER TABLE t ALTER COLUMN n TYPE bigint",
                "UPDATE t SET n = n + 5000000000 WHERE id = 3"):
        db.query(sql)
        lake.publish_now()
        seen.append((iso(db), db.query("SELECT id, n FROM t ORDER BY id")))
        with lake.duckdb() as duck:
            assert versions(duck, "t", "valid_to IS NULL") == source_rows(db, "t"), sql
        assert iceberg_versions(db, lake, "t", "valid_to is null") == source_rows(db, "t"), sql
    with lake.duckdb() as duck:
        for moment, rows in seen:
            assert duck.execute(f"SELECT id, n FROM company_lake.t WHERE {valid_at(moment)} ORDER BY id").fetchall() == rows
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot append again: grade"):
        db.query("ALTER TABLE t ALTER COLUMN grade TYPE text")
        lake.publish_now()


def test_a_busy_lake_does_not_keep_a_history_out(db):
    """Its files name the lake snapshot, which others take all the time."""
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 2000) i")
    lake = Lake(db)
    lake.publish("t", mode="history")
    stop, failures = threading.Event(), []

    def write():
        try:
            with lake.duckdb() as duck:
                duck.execute("CREATE TABLE company_lake.theirs (x int)")
                while not stop.is_set():
                    duck.execute("INSERT INTO company_lake.theirs VALUES (1)")
        except Exception as error:  # for the main thread to report
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = {}
        for i in range(8):
            db.query(f"UPDATE t SET n = {i} WHERE id % 3 = {i % 3}")
            lake.publish_now()
            seen[lake.status("t")["snapshot_id"]] = source_rows(db, "t")
    finally:
        stop.set()
        thread.join()
    assert not failures
    with lake.duckdb() as duck:
        for version, rows in seen.items():
            assert versions(duck, "t", made_by(version)) == rows
        assert {v for (v,) in duck.execute("SELECT from_snapshot FROM company_lake.t").fetchall()} == set(seen)
    assert lake.files() == lake.listed_files()


def test_names_of_the_ends_are_taken(db):
    lake = Lake(db)
    db.query('CREATE TABLE t (id int PRIMARY KEY, "Valid_To" date); CREATE TABLE u (id int PRIMARY KEY)')
    with pytest.raises(psycopg.errors.DuplicateColumn, match='column "Valid_To" of public.t has the name'):
        lake.publish("t", mode="history")
    lake.publish("u", mode="history")
    lake.publish_now()
    db.query("ALTER TABLE u ADD COLUMN valid_from date")
    with pytest.raises(psycopg.Error, match="columns of public.u have changed"):
        lake.publish_now()
    db.query("ALTER TABLE u DROP COLUMN valid_from")
    lake.publish_now()
