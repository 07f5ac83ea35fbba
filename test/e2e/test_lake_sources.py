"""A lake table that DuckDB writes is a source like every other: equal to the lake after each step, by reading what changed."""

import os
import random
import signal

import psycopg
import pytest

from box import wait_until
from lakes import Lake, bag

CREATE = "CREATE TABLE company_lake.events (id int, customer int, amount decimal(10,2), note text, happened timestamp, tags int[])"


@pytest.fixture
def lake(db):
    lake = Lake(db)
    with lake.duckdb() as duck:
        duck.execute(CREATE)
    return lake


def insert(first, count):
    return "INSERT INTO company_lake.events SELECT i, i % 7, (i % 1000) + 0.25, CASE WHEN i % 5 > 0 THEN 'note ' || i END, TIMESTAMP '2024-01-01 00:00:00' + INTERVAL (i) MINUTE, [i, NULL] " \
        f"FROM range({first}, {first + count}) r(i)"


def insert_of(first, count):
    """For a table that has more columns by now."""
    return insert(first, count).replace("events SELECT", "events (id, customer, amount, note, happened, tags) SELECT")


def source(db, name="events") -> dict:
    with db.connect() as connection:
        cursor = connection.execute("SELECT * FROM pgtrickle.lake_sources() WHERE name = %s::regclass", [name])
        return dict(zip([column.name for column in cursor.description], cursor.fetchone()))


def rows_here(db):
    columns = db.query("SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^lake_' ORDER BY attname")
    return bag(db.query("SELECT " + ", ".join(f"(extract(epoch FROM \"{name}\") * 1000000)::bigint" if type.startswith("timestamp") else f'"{name}"' for name, type in columns) + " FROM events"))


def rows_there(lake):
    with lake.duckdb() as duck:
        columns = sorted((name, type) for name, type, *_ in duck.execute("DESCRIBE company_lake.events").fetchall())
        return bag(duck.execute("SELECT " + ", ".join(f'epoch_us("{name}")' if type == "TIMESTAMP" else f'"{name}"' for name, type in columns) + " FROM company_lake.events").fetchall())


def caught_up(db):
    assert db.query("SELECT pgtrickle.wait_for_lake_source('events', '20s')") == [(True,)], source(db)


def statement_of(luck, step):
    first, low = 1000 * step + 1000, luck.randint(0, 1000 * step + 1000)
    return luck.choice([
        insert_of(first, luck.randint(1, 300)), insert_of(first, 3), f"INSERT INTO company_lake.events (id, note) VALUES ({first}, 'one')",
        f"DELETE FROM company_lake.events WHERE id BETWEEN {low} AND {low + luck.choice([1, 5, 400])}", f"DELETE FROM company_lake.events WHERE id % {luck.randint(3, 50)} = 0", "DELETE FROM company_lake.events WHERE note = 'one'",
        f"UPDATE company_lake.events SET amount = amount + 1 WHERE id BETWEEN {low} AND {low + luck.choice([1, 5, 400])}", f"UPDATE company_lake.events SET note = 'u{step}' WHERE id % {luck.randint(3, 50)} = 1",
        "CALL ducklake_merge_adjacent_files('company_lake')", "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)", "CALL ducklake_flush_inlined_data('company_lake')",
        f"ALTER TABLE company_lake.events ADD COLUMN c{step} int DEFAULT {step}", f"BEGIN; {insert_of(first, 5)}; DELETE FROM company_lake.events WHERE id < {low // 4}; UPDATE company_lake.events SET customer = 3 WHERE id % 11 = 0; COMMIT"])


@pytest.mark.parametrize("seed, inlined", [(1, 0), (2, 10), (3, 10), (5, 50)])
def test_random_writes_of_duckdb(lake, seed, inlined):
    db, luck = lake.db, random.Random(seed)
    with lake.duckdb() as duck:
        duck.execute(f"CALL company_lake.set_option('data_inlining_row_limit', {inlined})")
        duck.execute(insert(0, 900))
    db.query("SELECT pgtrickle.create_lake_source('events')")
    db.query("CREATE TABLE customers (id int PRIMARY KEY, name text); INSERT INTO customers SELECT i, 'c' || i FROM generate_series(0, 6) i")
    db.query("SELECT pgtrickle.create_stream_table('spent', 'SELECT c.name, sum(e.amount) AS amount, count(*) AS n FROM events e JOIN customers c ON c.id = e.customer GROUP BY c.name')")
    caught_up(db)
    history = []
    for step in range(1, 21):
        with lake.duckdb() as duck:
            for _ in range(luck.choice([1, 1, 1, 2, 4])):  # several snapshots are read as one
                try:
                    statement = statement_of(luck, step)
                    history.append(statement)
                    duck.execute(statement)
                except Exception as error:
                    if "already exists" not in str(error):
                        raise
            if step % 10 == 0:
                duck.execute("CALL ducklake_expire_snapshots('company_lake', older_than => now())")
                history.append("expired")
        caught_up(db)
        assert rows_here(db) == rows_there(lake), history
        if step % 5 == 0:
            db.query(f"UPDATE customers SET name = name || '{step}' WHERE id = {step % 7}")
            assert db.query("SELECT pgtrickle.wait_for('spent')") == [(True,)]
            assert db.query("SELECT count(*) FROM (SELECT * FROM spent EXCEPT ALL SELECT c.name, sum(e.amount), count(*) FROM events e JOIN customers c ON c.id = e.customer GROUP BY c.name) x") == [(0,)]


def test_cost_follows_the_change_and_compaction_is_none(lake):
    db = lake.db
    read = {}
    for size in (20_000, 200_000):
        with lake.duckdb() as duck:
            duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 0); DROP TABLE company_lake.events; " + CREATE)
            for part in range(4):
                duck.execute(insert(part * size // 4, size // 4))
        db.query("SELECT pgtrickle.create_lake_source('events')")
        db.query("SELECT pgtrickle.create_stream_table('by_customer', 'SELECT customer, count(*) AS n FROM events GROUP BY customer')")
        caught_up(db)
        loaded = source(db)
        assert loaded["rows_changed"] == size
        with lake.duckdb() as duck:
            duck.execute(insert(10_000_000, 10))
            duck.execute("DELETE FROM company_lake.events WHERE id = 17")
            duck.execute("UPDATE company_lake.events SET note = 'new' WHERE id = 4711")
        caught_up(db)
        read[size] = source(db)["bytes_read"] - loaded["bytes_read"]
        assert rows_here(db) == rows_there(lake)
        assert db.query("SELECT pgtrickle.wait_for('by_customer')") == [(True,)]
        before = db.query("SELECT xmin, * FROM by_customer ORDER BY customer")
        for compaction in ("CALL ducklake_merge_adjacent_files('company_lake')", "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)"):
            with lake.duckdb() as duck:
                duck.execute(compaction)
            caught_up(db)
            assert db.query("SELECT pgtrickle.wait_for('by_customer')") == [(True,)]
            assert rows_here(db) == rows_there(lake) and db.query("SELECT xmin, * FROM by_customer ORDER BY customer") == before
        db.query("SELECT pgtrickle.drop_stream_table('by_customer'); SELECT pgtrickle.drop_lake_source('events')")
    assert read[200_000] < 1.5 * read[20_000], read


def test_schema_changes_are_followed(lake):
    db = lake.db
    with lake.duckdb() as duck:
        duck.execute(insert(0, 50))
    db.query("SELECT pgtrickle.create_lake_source('events')")
    for statement in ("ALTER TABLE company_lake.events ADD COLUMN more text DEFAULT 'as before'", "ALTER TABLE company_lake.events RENAME note TO remark", insert_of(100, 5).replace("note, happened", "remark, happened"),
                      "ALTER TABLE company_lake.events DROP COLUMN tags", "ALTER TABLE company_lake.events ALTER id TYPE bigint", "UPDATE company_lake.events SET id = 5000000000 WHERE id = 7", "ALTER TABLE company_lake.events RENAME TO occurrences; ALTER TABLE company_lake.occurrences RENAME TO events"):
        with lake.duckdb() as duck:
            duck.execute(statement)
        caught_up(db)
        assert rows_here(db) == rows_there(lake), statement
    db.query("CREATE VIEW needs AS SELECT remark FROM events")
    with lake.duckdb() as duck:
        duck.execute("ALTER TABLE company_lake.events DROP COLUMN remark")
    wait_until(lambda: source(db)["status"] == "ERROR", "the view to be in the way")
    assert source(db)["last_sqlstate"] == "2BP01"
    db.query("DROP VIEW needs")
    caught_up(db)
    assert rows_here(db) == rows_there(lake) and source(db)["status"] == "ACTIVE"
    with lake.duckdb() as duck:
        duck.execute("DROP TABLE company_lake.events")
    wait_until(lambda: source(db)["last_sqlstate"] == "42P01", "the table to be missed")


def test_who_may_do_what(lake):
    db = lake.db
    with lake.duckdb() as duck:
        duck.execute(insert(0, 50))
    assert db.query("SELECT pgtrickle.create_lake_source('events')::text") == [("events",)]
    caught_up(db)
    for statement, sqlstate in (("DELETE FROM events", "42809"), ("INSERT INTO events(id, lake_file, lake_position) VALUES (1, 1, 1)", "42809"), ("TRUNCATE events", "42809"),
                                ("SET session_replication_role = replica; UPDATE events SET id = 1", "42809"),
                                ("ALTER TABLE events DISABLE TRIGGER _guard_lake_source; SET session_replication_role = replica; UPDATE events SET id = 1", "42809"), ("SELECT pgtrickle.create_lake_source('x', table_name => 'nothing')", "HV00R"),
                                ("SELECT pgtrickle.drop_lake('company_lake', true)", "2BP01"), ("SELECT pgtrickle.drop_lake_source('pg_class')", "42704"), ("SELECT pgtrickle.create_lake_source('events')", "42P07"), ("SELECT pgtrickle.create_lake_source(NULL)", "22004")):
        with pytest.raises(psycopg.Error) as error:
            db.query(statement)
        assert error.value.sqlstate == sqlstate, statement
    db.query("SELECT pgtrickle.create_stream_table('n', 'SELECT count(*) AS n FROM events')")
    with pytest.raises(psycopg.Error):
        db.query("SELECT pgtrickle.drop_lake_source('events')")
    db.query("SELECT pgtrickle.drop_stream_table('n'); SELECT pgtrickle.drop_lake_source('events', keep_table => true); DELETE FROM events WHERE id < 10")
    assert db.query("SELECT count(*) FROM events") == [(40,)] and db.query("SELECT count(*) FROM pgtrickle.lake_sources()") == [(0,)]


def test_kill_9(lake):
    """Whatever is killed, and whenever, what is read is read once."""
    db, luck = lake.db, random.Random(9)
    with lake.duckdb() as duck:
        duck.execute(insert(0, 2000))
    db.query("SELECT pgtrickle.create_lake_source('events')")
    db.query("SELECT pgtrickle.create_stream_table('by_customer', 'SELECT customer, count(*) AS n, sum(amount) AS amount FROM events GROUP BY customer')")
    for step in range(1, 13):
        with lake.duckdb() as duck:
            duck.execute(insert(step * 10000, luck.randint(1, 3000)))
            duck.execute(f"DELETE FROM company_lake.events WHERE id % 17 = {step}")
            duck.execute(f"UPDATE company_lake.events SET amount = amount + 1 WHERE id % 19 = {step}")
        for process in db.box.lake_processes():
            os.kill(process, signal.SIGKILL)
        if step % 4 == 0:
            db.box.kill9()
            db.box.start()
    wait_until(lambda: db.box.lake_processes() != [], "trickle-lake to be there again")
    caught_up(db)
    assert rows_here(db) == rows_there(lake)
    assert db.query("SELECT pgtrickle.wait_for('by_customer')") == [(True,)]
    assert bag(db.query("TABLE by_customer")) == bag(db.query("SELECT customer, count(*), sum(amount) FROM events GROUP BY customer"))
