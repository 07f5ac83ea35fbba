"""DuckLake 1.1: a new catalog of it, and one that was 1.0 and is migrated while it is in use. DuckDB 1.5.5 does not open it: there is no newer extension in PyPI."""

import pytest
from psycopg import errors
from pyarrow import parquet

from lakes import Lake, source_rows

# What DuckDB's migration does to a catalog without inlined rows.
MIGRATE = """ALTER TABLE lake.ducklake_data_file ADD COLUMN row_group_count BIGINT; ALTER TABLE lake.ducklake_delete_file ADD COLUMN row_group_count BIGINT;
    CREATE TABLE lake.ducklake_view_column_tag(view_id BIGINT, column_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR);
    UPDATE lake.ducklake_metadata SET value = '1.1' WHERE key = 'version'"""
BACK = """ALTER TABLE lake.ducklake_data_file DROP COLUMN row_group_count; ALTER TABLE lake.ducklake_delete_file DROP COLUMN row_group_count;
    DROP TABLE lake.ducklake_view_column_tag; UPDATE lake.ducklake_metadata SET value = '1.0' WHERE key = 'version'"""
COLUMNS = """SELECT c.relname, a.attname, a.atttypid::regtype::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'lake'::regnamespace AND c.relname LIKE 'ducklake%' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"""


@pytest.mark.parametrize("migrated", [False, True])
def test_a_catalog_of_version_1_1_is_written_to_the_letter(db, migrated):
    db.query("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 130000) i; COMMENT ON TABLE t IS 'a table'")
    lake = Lake(db, options="{}" if migrated else '{"ducklake_version": "1.1"}')
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off'), pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2')")
    lake.publish("t")
    if migrated:
        db.query("INSERT INTO t VALUES (0, 0)")
        lake.publish_now()
        db.query(MIGRATE)
    for change in ("UPDATE t SET n = n + 1 WHERE id < 5", "DELETE FROM t WHERE id % 1000 = 7", "INSERT INTO t SELECT -i, i FROM generate_series(1, 9) i; DELETE FROM t WHERE id = 3",
                   "INSERT INTO t VALUES (-20, 1)", "UPDATE t SET n = 0 WHERE id % 2 = 0"):
        db.query(change)
        lake.publish_now()
    db.query("SELECT pgtrickle.lake_upkeep_now()")
    assert {action for (action,) in db.query("SELECT action FROM pgtrickle.lake_upkeep_history WHERE error IS NULL")} >= {"merge", "rewrite"}

    # Every file says how many row groups it has; only those from before the migration do not.
    for kind in ("data", "delete"):
        files = db.query(f"SELECT path, row_group_count FROM lake.ducklake_{kind}_file WHERE begin_snapshot > {1 if migrated else 0}")
        assert files and all(count == parquet.read_metadata(lake.path / "main" / "t" / path).num_row_groups for path, count in files)
    if not migrated:
        assert max(count for (count,) in db.query("SELECT row_group_count FROM lake.ducklake_data_file")) == 2

    db.query("SELECT pgtrickle.create_lake_table('read_t', table_name => 't')")
    assert sorted(db.query("SELECT * FROM read_t")) == sorted(db.query("SELECT * FROM t"))
    columns = db.query(COLUMNS)
    db.query(BACK)   # what DuckDB 1.5.5 can be asked of
    assert lake.rows("t") == source_rows(db, "t")
    if not migrated:
        db.query(MIGRATE)
        assert db.query(COLUMNS) == columns
    db.query("SELECT pgtrickle.drop_lake('company_lake', cascade => true)")
    assert db.query("SELECT relname FROM pg_class WHERE relnamespace = 'lake'::regnamespace AND relkind = 'r'") == []


def test_a_catalog_that_was_migrated_to_an_unknown_version_is_refused_by_name(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake = Lake(db)
    lake.publish("t")
    lake.publish_now()
    db.query("UPDATE lake.ducklake_metadata SET value = '1.2' WHERE key = 'version'; INSERT INTO t VALUES (2)")
    with pytest.raises(errors.FeatureNotSupported, match='has version 1.2'):
        lake.publish_now()
    db.query("UPDATE lake.ducklake_metadata SET value = '1.0' WHERE key = 'version'")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")
    with pytest.raises(errors.InvalidParameterValue, match="not accepted"):
        Lake(db, name="other", schema="other", options='{"ducklake_version": "0.3"}')
