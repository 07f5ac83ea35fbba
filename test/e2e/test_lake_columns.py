"""Columns of a published table change and its lake table follows: nothing stops, and every earlier snapshot reads as it did."""

import psycopg
import pytest

from engines import PyIceberg, alike, column_values
from lakes import Lake, bag, lake_value, source_rows


def rows_at(lake, table: str, version: int):
    with lake.duckdb() as duck:
        source = f"company_lake.main.{table} AT (VERSION => {version})"
        columns = duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        return [name for name, *_ in columns], bag(duck.execute(f"SELECT {', '.join(map(lake_value, columns))} FROM {source}").fetchall())


def names(db, table: str) -> list[str]:
    return [name for (name,) in db.query(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")]


def iceberg_rows(db, lake, table: str):
    data = PyIceberg().table(lake, table).scan().to_arrow().select(names(db, table))
    types = [type for (type,) in db.query(f"SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")]
    return alike(list(zip(*(column_values(column) for column in data.columns))), types)


class Versions:
    """What each snapshot must read."""

    def __init__(self, db, lake, table: str):
        self.db, self.lake, self.table, self.seen = db, lake, table, {}

    def publish(self) -> None:
        version = self.lake.publish_now()
        names_now, rows = names(self.db, self.table), source_rows(self.db, self.table)
        read, got = rows_at(self.lake, self.table, version)
        assert sorted(read) == sorted(names_now)
        order = [read.index(name) for name in names_now]
        assert type(got)({tuple(row[i] for i in order): n for row, n in got.items()}) == rows
        self.seen[version] = read, got

    def check(self) -> None:
        for old, what in self.seen.items():
            assert rows_at(self.lake, self.table, old) == what, f"at {old}"


STEPS = [
    ("a column comes", "ALTER TABLE t ADD COLUMN note text", False),
    ("one with a value", "ALTER TABLE t ADD COLUMN grade int DEFAULT 7", True),
    ("one goes", "ALTER TABLE t DROP COLUMN name", False),
    ("another of its name comes", "ALTER TABLE t ADD COLUMN name bigint", False),
    ("one gets another name", "ALTER TABLE t RENAME COLUMN note TO remark", False),
    ("one is widened", "ALTER TABLE t ALTER COLUMN n TYPE bigint", True),
    ("one gets more digits", "ALTER TABLE t ALTER COLUMN price TYPE numeric(12,2)", True),
    ("one gets another type", "ALTER TABLE t ALTER COLUMN grade TYPE text USING 'grade ' || grade", True),
    ("a list comes", "ALTER TABLE t ADD COLUMN tags text[]", False),
    ("one may be NULL", "ALTER TABLE t ALTER COLUMN must DROP NOT NULL", False),
]


def test_columns_come_go_and_change(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, name text, n int, price numeric(8,2), must int NOT NULL DEFAULT 1)")
    db.query("INSERT INTO t SELECT i, 'name ' || i, i, i / 7.0 FROM generate_series(1, 500) i")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("t")
    versions = Versions(db, lake, "t")
    versions.publish()
    for i, (what, statement, reload) in enumerate(STEPS):
        db.query(f"UPDATE t SET n = n + 1 WHERE id % 50 = {i}; DELETE FROM t WHERE id = {100 + i}")   # logged before, published after
        db.query(statement)
        db.query(f"INSERT INTO t (id, n, price) VALUES ({1000 + i}, {i}, 1.5); UPDATE t SET n = n + 1 WHERE id % 40 = {i}")
        loaded = db.query("SELECT min(file) FROM pgtrickle.publication_file")[0][0]
        versions.publish()
        assert (db.query("SELECT min(file) FROM pgtrickle.publication_file")[0][0] != loaded) == reload, what
        assert iceberg_rows(db, lake, "t") == source_rows(db, "t"), what
    db.query("UPDATE t SET tags = ARRAY['x', NULL], remark = 'r', must = NULL WHERE id % 9 = 0")
    versions.publish()
    assert lake.status("t")["status"] == "ACTIVE"
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2')")
    versions.check()
    db.query("SELECT pgtrickle.lake_upkeep_now()")
    versions.check()
    versions.publish()


def test_columns_of_a_table_without_a_key(db):
    db.query("CREATE TABLE t (a int, b text)")
    db.query("INSERT INTO t SELECT i % 5, 'b' FROM generate_series(1, 40) i")
    lake = Lake(db)
    lake.publish("t")
    versions = Versions(db, lake, "t")
    for statement in ("SELECT 1", "ALTER TABLE t ADD COLUMN c int", "ALTER TABLE t DROP COLUMN b", "ALTER TABLE t RENAME COLUMN c TO d",
                      "ALTER TABLE t ADD COLUMN id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "ALTER TABLE t DROP CONSTRAINT t_pkey"):
        db.query(statement)
        versions.publish()
        db.query("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 3); UPDATE t SET a = a + 1 WHERE a = 2; INSERT INTO t (a) VALUES (1), (1)")
        versions.publish()
    versions.check()


def test_a_change_that_is_rolled_back_is_none(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, b text)")
    lake = Lake(db)
    lake.publish("t")
    versions = Versions(db, lake, "t")
    versions.publish()
    with db.connect() as connection, pytest.raises(ZeroDivisionError), connection.transaction():
        connection.execute("ALTER TABLE t ADD COLUMN c int")
        raise ZeroDivisionError
    db.query("INSERT INTO t VALUES (1, 'x')")
    versions.publish()
    versions.check()


def test_what_the_lake_cannot_hold_pauses_with_the_reason_and_goes_on_when_it_is_gone(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake = Lake(db)
    lake.publish("t")
    versions = Versions(db, lake, "t")
    versions.publish()
    db.query("ALTER TABLE t ADD COLUMN r tsvector; INSERT INTO t VALUES (2)")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="columns of public.t have changed to what the lake cannot hold.*: r;"):
        lake.publish_now()
    assert lake.status("t")["status"] == "SUSPENDED"
    db.query("ALTER TABLE t DROP COLUMN r; INSERT INTO t VALUES (3)")
    versions.publish()
    assert lake.status("t")["status"] == "ACTIVE"


def test_a_table_on_calculated_follows_by_itself(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)")
    lake = Lake(db)
    lake.publish("t", schedule="calculated")
    lake.publish_now()
    db.query("ALTER TABLE t ADD COLUMN note text; UPDATE t SET note = 'x'; ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1, 1, 'x')")
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '60s')") == [(True,)]
    assert lake.rows("t") == source_rows(db, "t")


def test_appended_rows_keep_what_they_were(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int)")
    lake = Lake(db)
    lake.publish("t", mode="append")
    db.query("INSERT INTO t VALUES (1, 1)")
    lake.publish_now()
    db.query("ALTER TABLE t ADD COLUMN note text DEFAULT 'none'")
    db.query("INSERT INTO t VALUES (2, 2, 'two')")
    lake.publish_now()
    assert lake.rows("t") == bag([(1, 1, None), (2, 2, "two")])
    db.query("ALTER TABLE t ALTER COLUMN n TYPE text")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot append again: n"):
        lake.publish_now()


QUERIES = [
    ("a column comes", "SELECT id % 7 AS k, count(*) AS n, sum(n) AS s FROM t GROUP BY 1"),
    ("one in between", "SELECT id % 7 AS k, count(*) AS n, max(name) AS name, sum(n) AS s FROM t GROUP BY 1"),
    ("one goes", "SELECT id % 7 AS k, count(*) AS n, sum(n) AS s FROM t GROUP BY 1"),
    ("one gets another name", "SELECT id % 7 AS k, count(*) AS number, sum(n) AS s FROM t GROUP BY 1"),
    ("one gets another type", "SELECT id % 7 AS k, count(*)::int AS number, sum(n)::text AS s FROM t GROUP BY 1"),
    ("other rows", "SELECT id % 5 AS k, count(*)::int AS number, sum(n)::text AS s FROM t WHERE n > 3 GROUP BY 1"),
]


def test_a_published_stream_table_gets_other_queries(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, name text, n int)")
    db.query("INSERT INTO t SELECT i, 'name ' || i, i FROM generate_series(1, 500) i")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT id % 7 AS k, count(*) AS n FROM t GROUP BY 1', '1h')")
    lake = Lake(db)
    lake.publish("v")
    versions = Versions(db, lake, "v")
    versions.publish()
    for i, (what, query) in enumerate(QUERIES):
        db.query(f"UPDATE t SET n = n + 1 WHERE id % 50 = {i}; DELETE FROM t WHERE id = {100 + i}")
        db.query(f"SELECT pgtrickle.alter_stream_table('v', query => $q${query}$q$)")
        versions.publish()
        db.query(f"UPDATE t SET n = n + 1 WHERE id % 40 = {i}")
        db.query("SELECT pgtrickle.refresh_stream_table('v')")
        versions.publish()
    versions.check()
    assert db.query("SELECT missing + unexpected FROM pgtrickle.verify('v')") == [(0,)]
