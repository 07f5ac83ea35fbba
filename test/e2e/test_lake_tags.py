"""Comments, and the query of a stream table, are tags in the lake: DuckDB shows them, in every snapshot as they were then."""

import lakes
from box import wait_until
from engines import PyIceberg
from lakes import Lake


def comments(lake) -> dict:
    """Those of t; None: the table has none."""
    with lake.duckdb() as duck:
        return {"": None, **lakes.comments(duck, "t")}


def changes(db) -> tuple:
    return db.query("""SELECT c.changes_made, s.schema_version, s.next_file_id, (SELECT count(*) FROM lake.ducklake_schema_versions)
                       FROM lake.ducklake_snapshot s JOIN lake.ducklake_snapshot_changes c USING (snapshot_id) ORDER BY s.snapshot_id DESC LIMIT 1""")[0]


def test_comments_come_change_and_go(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, note text, n int); INSERT INTO t VALUES (1, 'a', 1)")
    db.query("COMMENT ON TABLE t IS 'it''s \"ours\": ☃'; COMMENT ON COLUMN t.note IS 'a note'; COMMENT ON INDEX t_pkey IS 'no tag'")
    lake = Lake(db)
    lake.publish("t")
    first = lake.publish_now()
    assert comments(lake) == {"": "it's \"ours\": ☃", "note": "a note"}
    assert changes(db)[0] == 'created_table:"main"."t",inserted_into_table:1'

    # By themselves, in a snapshot as DuckDB's own COMMENT makes it.
    db.query("COMMENT ON TABLE t IS 'changed'; COMMENT ON COLUMN t.note IS NULL; COMMENT ON COLUMN t.n IS 'a number'")
    assert lake.publish_now() == first + 1
    assert comments(lake) == {"": "changed", "n": "a number"}
    assert changes(db) == ("altered_table:1", 2, 1, 1)
    assert db.query("SELECT key, value, begin_snapshot, end_snapshot FROM lake.ducklake_tag ORDER BY 3") == [("comment", "it's \"ours\": ☃", first, first + 1), ("comment", "changed", first + 1, None)]
    assert db.query("SELECT column_id, value, begin_snapshot, end_snapshot FROM lake.ducklake_column_tag ORDER BY 1") == [(2, "a note", first, first + 1), (3, "a number", first + 1, None)]
    assert lake.publish_now() == first + 1, "nothing has changed"

    # With the rows, and with the columns that carry them.
    db.query("COMMENT ON TABLE t IS NULL; INSERT INTO t VALUES (2, 'b', 2)")
    lake.publish_now()
    assert comments(lake) == {"": None, "n": "a number"} and changes(db)[0] == "inserted_into_table:1,altered_table:1"
    db.query("ALTER TABLE t RENAME n TO m; ALTER TABLE t DROP COLUMN note; ALTER TABLE t ADD COLUMN late date; COMMENT ON COLUMN t.late IS 'came late'")
    lake.publish_now()
    assert comments(lake) == {"": None, "m": "a number", "late": "came late"}
    db.query("ALTER TABLE t ALTER COLUMN late TYPE text")
    lake.publish_now()
    assert comments(lake) == {"": None, "m": "a number", "late": "came late"}

    # What somebody says in DuckDB stays where we say nothing.
    with lake.duckdb() as duck:
        duck.execute("COMMENT ON TABLE company_lake.t IS 'theirs'; COMMENT ON COLUMN company_lake.t.id IS 'theirs, too'; COMMENT ON COLUMN company_lake.t.m IS 'and this'")
    db.query("COMMENT ON COLUMN t.m IS 'ours again'")
    lake.publish_now()
    assert comments(lake) == {"": "theirs", "id": "theirs, too", "m": "ours again", "late": "came late"}
    assert lake.status("t")["status"] == "ACTIVE"


def test_a_comment_on_a_table_on_calculated_follows_by_itself(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY)")
    lake = Lake(db)
    lake.publish("t", schedule="calculated")
    lake.publish_now()
    db.query("COMMENT ON TABLE t IS 'by itself'")
    wait_until(lambda: comments(lake)[""] == "by itself", "the comment in the lake")


def test_the_query_of_a_stream_table_is_a_tag(db):
    db.query("CREATE TABLE s (k int, n int); SELECT pgtrickle.create_stream_table('t', 'SELECT k, sum(n) AS n FROM s GROUP BY k', '1h')")
    lake = Lake(db)
    lake.publish("t")
    lake.publish_now()

    def tags():
        with lake.duckdb() as duck:
            return duck.execute("SELECT tags FROM duckdb_tables() WHERE database_name = 'company_lake' AND table_name = 't'").fetchone()[0]

    assert tags() == {"stream_table_query": "SELECT k, sum(n) AS n FROM s GROUP BY k"}
    db.query("SELECT pgtrickle.alter_stream_table('t', query => 'SELECT k, max(n) AS n FROM s GROUP BY k')")
    lake.publish_now()
    assert tags() == {"stream_table_query": "SELECT k, max(n) AS n FROM s GROUP BY k"}


def test_iceberg_has_them_without_a_snapshot_of_its_own(db):
    db.query("""CREATE TABLE s (k int, n int); SELECT pgtrickle.create_stream_table('t', 'SELECT k, sum(n) AS n FROM s GROUP BY k', '1h');
                COMMENT ON TABLE t IS 'totals'; COMMENT ON COLUMN t.k IS 'a key'""")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("t")
    lake.publish_now()

    def told():
        table = PyIceberg().table(lake, "t")
        said = {key: value for key, value in table.properties.items() if key in ("comment", "stream_table_query")}
        return said, {field.name: field.doc for field in table.schema().fields if field.doc}, len(table.snapshots())

    query = "SELECT k, sum(n) AS n FROM s GROUP BY k"
    assert told() == ({"comment": "totals", "stream_table_query": query}, {"k": "a key"}, 1)
    db.query("COMMENT ON TABLE t IS NULL; COMMENT ON COLUMN t.k IS 'another'")
    lake.publish_now()
    assert told() == ({"stream_table_query": query}, {"k": "another"}, 1)
    with lake.duckdb() as duck:
        duck.execute("COMMENT ON TABLE company_lake.t IS 'theirs'")
    db.query("INSERT INTO s VALUES (1, 1)")
    db.query("SELECT pgtrickle.refresh_stream_table('t')")
    lake.publish_now()
    assert told() == ({"comment": "theirs", "stream_table_query": query}, {"k": "another"}, 2)
