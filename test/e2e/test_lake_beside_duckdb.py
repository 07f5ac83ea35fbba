"""DuckDB clients write to the same lake: nobody's commits are lost, and no filter loses a row."""

import threading

import psycopg
import pytest

from lakes import Lake, lake_rows, source_rows

EVERY_TYPE = """CREATE TABLE every (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 real, f8 double precision, n numeric(12,3), free numeric,
    t text, bytes bytea, u uuid, j jsonb, d date, ti time, ts timestamp, tz timestamptz)"""
# Per column: a value of the first row, and one beyond it that DuckDB appends.
VALUES = {
    "b": ("false", "true"), "i2": ("2", "999"), "i8": ("3", "9999999999"), "f4": ("1.5", "1e9"), "f8": ("2.5", "1e99"), "n": ("12.345", "99999.999"),
    "free": ("0.5", "123456"), "t": ("'old'", "'zzz'"), "u": ("'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    "d": ("'2024-02-29'", "'2999-01-01'"), "ti": ("'01:02:03.5'", "'23:00:00'"), "ts": ("'2024-02-29 01:02:03.004'", "'2999-01-01 00:00:00'"),
    "tz": ("'2024-02-29 01:02:03.004+00'", "'2999-01-01 00:00:00+00'"),
}


def some_sales(db, count=1000):
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int, note text)")
    db.query(f"INSERT INTO sale SELECT i, i % 10, 'note ' || i FROM generate_series(1, {count}) i")


def test_old_rows_are_found_by_every_column_after_an_append(db):
    db.query(EVERY_TYPE)
    names = ", ".join(VALUES)
    db.query(f"INSERT INTO every (id, {names}, bytes, j) VALUES (1, {', '.join(old for old, _ in VALUES.values())}, '\\x00ff', '{{\"a\": 1}}'), (2{', NULL' * len(VALUES)}, NULL, NULL)")
    lake = Lake(db)
    lake.publish("every")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute(f"INSERT INTO company_lake.every (id, {names}) VALUES (1000, {', '.join(new for _, new in VALUES.values())})")
    for id in (3, 4):  # before and after a batch of ours on top of DuckDB's
        with lake.duckdb() as duck:
            for column, (old, new) in VALUES.items():
                found = duck.execute(f"SELECT id FROM company_lake.every WHERE {column} = {old}").fetchall()
                assert found == [(1,)], f"{column} = {old}"
                assert duck.execute(f"SELECT id FROM company_lake.every WHERE {column} = {new}").fetchall() == [(1000,)], f"{column} = {new}"
            assert duck.execute("SELECT id FROM company_lake.every WHERE id = 1").fetchall() == [(1,)]
        db.query(f"INSERT INTO every (id) VALUES ({id})")
        lake.publish_now()
    assert lake.rows("every") - source_rows(db, "every") != {}  # DuckDB's own row is still there


def test_appends_and_deletes_alongside(db):
    some_sales(db)
    lake = Lake(db)
    lake.publish("sale")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 0)")
        duck.execute("CREATE TABLE company_lake.theirs AS SELECT range AS x FROM range(10)")
        duck.execute("INSERT INTO company_lake.sale VALUES (100001, 1, 'theirs')")
        duck.execute("DELETE FROM company_lake.sale WHERE id IN (5, 6, 7)")
    db.query("DELETE FROM sale WHERE id BETWEEN 1 AND 20; UPDATE sale SET note = 'new' WHERE id BETWEEN 21 AND 30; INSERT INTO sale VALUES (2001, 1, 'ours')")
    version = lake.publish_now()
    with lake.duckdb() as duck:
        assert lake_rows(duck, "sale") == source_rows(db, "sale") + type(source_rows(db, "sale"))([(100001, 1, "theirs")])
        duck.execute("DELETE FROM company_lake.sale WHERE id IN (40, 41)")
        assert duck.execute("SELECT count(*) FROM company_lake.theirs").fetchall() == [(10,)]
    db.query("DELETE FROM sale WHERE id BETWEEN 35 AND 45")
    lake.publish_now()
    assert lake.rows("sale") - source_rows(db, "sale") == {(100001, 1, "theirs"): 1}
    assert lake.rows("sale", version) - source_rows(db, "sale") != {}


@pytest.mark.parametrize("maintenance", [
    "CALL ducklake_merge_adjacent_files('company_lake')",
    "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)",
])
def test_rows_are_found_again_after_compaction(db, maintenance):
    some_sales(db)
    db.query("CREATE TABLE heap AS SELECT i % 5 AS a FROM generate_series(1, 50) i")
    lake = Lake(db)
    lake.publish("sale")
    lake.publish("heap")
    lake.publish_now()
    for i in range(4):
        db.query(f"INSERT INTO sale SELECT i, 0, 'more' FROM generate_series({2000 + 10 * i}, {2009 + 10 * i}) i; INSERT INTO heap VALUES ({i})")
        db.query(f"UPDATE sale SET n = n + 1 WHERE id % 50 = {i}; DELETE FROM sale WHERE id % 90 = {i}; DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap WHERE a = {i} LIMIT 3)")
        lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute(maintenance)
    for i in range(2):
        db.query("UPDATE sale SET n = n + 1 WHERE id % 7 = 0; DELETE FROM sale WHERE id % 11 = 0; DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap LIMIT 9)")
        lake.publish_now()
        assert lake.rows("sale") == source_rows(db, "sale")
        assert lake.rows("heap") == source_rows(db, "heap")
    db.query("TRUNCATE sale")
    lake.publish_now()
    assert lake.rows("sale") == {}


def test_rows_are_found_again_when_our_upkeep_comes_first(db):
    """DuckDB rewrites the file of some rows, a batch touches others, and our upkeep makes one file of all."""
    some_sales(db)
    lake = Lake(db)
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2'), pgtrickle.set_lake_policy(NULL, 'rewrite_deleted_share', 'off')")
    lake.publish("sale")
    lake.publish_now()
    db.query("DELETE FROM sale WHERE id % 3 = 0")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute("CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)")
    db.query("INSERT INTO sale SELECT i, 0, '' FROM generate_series(2000, 2800) i")
    lake.publish_now()
    assert db.query("SELECT pgtrickle.lake_upkeep_now()")[0][0] > 0
    db.query("UPDATE sale SET n = n + 1 WHERE id % 7 = 0; DELETE FROM sale WHERE id % 11 = 0")
    lake.publish_now()
    assert lake.rows("sale") == source_rows(db, "sale")
    with lake.duckdb() as duck:
        assert duck.execute("SELECT rowid FROM company_lake.sale WHERE id = 1").fetchall() == [(0,)]  # found, not loaded again


def test_a_compaction_that_forgets_bounds_loses_no_row(db):
    """A file has nothing but NULL in x, so DuckDB knows no bounds of x after its compaction; our next value must not become them."""
    db.query("CREATE TABLE t (id int PRIMARY KEY, x int)")
    lake = Lake(db)
    lake.publish("t")
    for rows in ("(1, 2), (2, 3), (3, 4)", "(10, NULL), (11, NULL)"):
        db.query(f"INSERT INTO t VALUES {rows}")
        lake.publish_now()
    db.query("DELETE FROM t WHERE id = 3")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute("CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)")
    db.query("INSERT INTO t VALUES (20, 500)")
    lake.publish_now()
    with lake.duckdb() as duck:
        assert [duck.execute(f"SELECT id FROM company_lake.t WHERE x = {x}").fetchall() for x in (2, 3, 500)] == [[(1,)], [(2,)], [(20,)]]
        assert duck.execute("SELECT x FROM company_lake.t ORDER BY x NULLS LAST").fetchall() == [(2,), (3,), (500,), (None,), (None,)]


def test_both_write_at_once(db):
    some_sales(db)
    lake = Lake(db)
    lake.publish("sale")
    lake.publish_now()
    done, failures = [], []

    def write():
        try:
            with lake.duckdb() as duck:
                duck.execute("CREATE TABLE company_lake.theirs (x int)")
                for i in range(30):
                    duck.execute(f"INSERT INTO company_lake.theirs VALUES ({i})")
                    done.append(i)
        except Exception as error:  # for the main thread to report
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    rounds = 0
    while thread.is_alive() or rounds < 5:
        db.query(f"UPDATE sale SET n = n + 1 WHERE id % 20 = {rounds % 20}; INSERT INTO sale VALUES ({10000 + rounds}, 0, ''); DELETE FROM sale WHERE id = {rounds + 1}")
        lake.publish_now()
        rounds += 1
    thread.join()
    assert not failures
    with lake.duckdb() as duck:
        assert sorted(x for (x,) in duck.execute("SELECT x FROM company_lake.theirs").fetchall()) == done
    assert lake.rows("sale") == source_rows(db, "sale")
    assert lake.files() == lake.listed_files()


@pytest.mark.parametrize("theirs, sqlstate", [("DROP TABLE company_lake.sale", "42P01"), ("ALTER TABLE company_lake.sale ADD COLUMN more int", "42P17")])
def test_a_table_taken_away_suspends_only_itself(db, theirs, sqlstate):
    some_sales(db)
    db.query("CREATE TABLE other (id int PRIMARY KEY)")
    lake = Lake(db)
    lake.publish("sale")
    lake.publish("other")
    lake.publish_now()
    with lake.duckdb() as duck:
        duck.execute(theirs)
    db.query("INSERT INTO sale VALUES (5000, 1, ''); INSERT INTO other VALUES (1)")
    with pytest.raises(Exception, match="another client") as error:
        lake.publish_now()
    assert error.value.sqlstate == sqlstate
    assert lake.status("sale")["status"] == "SUSPENDED"
    assert lake.rows("other") == source_rows(db, "other")
    db.query("SELECT pgtrickle.unpublish('sale')")
    lake.publish_now()


def test_compaction_that_sorts_is_told(db):
    """DuckDB counts row ids anew where it sorts what it merges: no row of ours is taken for another."""
    db.query("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t SELECT i, -i FROM generate_series(1, 5) i")
    lake = Lake(db)
    lake.publish("t")
    lake.publish_now()
    db.query("INSERT INTO t SELECT i, -i FROM generate_series(6, 10) i")
    lake.publish_now()
    before = lake.rows("t")
    with lake.duckdb() as duck:
        duck.execute("ALTER TABLE company_lake.t SET SORTED BY (b ASC)")
        duck.execute("CALL ducklake_merge_adjacent_files('company_lake')")
    db.query("DELETE FROM t WHERE a IN (2, 7)")
    with pytest.raises(psycopg.Error, match="another client has sorted the table"):
        lake.publish_now()
    assert lake.rows("t") == before
    assert lake.status("t")["status"] == "SUSPENDED"
