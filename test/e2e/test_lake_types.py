"""Every type there and back: random rows of edge values, read by DuckDB, pyiceberg and PostgreSQL; what a mapping cannot hold pauses."""

import collections
import json
import os
import random
import uuid

import psycopg
import pytest

from box import Database
from engines import PyIceberg
from lake_types import CHOICES, COLUMNS, ISO, NESTED, PLAIN, TYPES, canonical, create, every_value, rows
from lakes import Lake


@pytest.fixture
def lake(db):
    db.query(f"CREATE EXTENSION hstore; {TYPES}")
    return Lake(db, options=json.dumps({"iceberg": "each commit", "types": CHOICES}))


def read_by_duckdb(lake, table: str) -> collections.Counter:
    with lake.duckdb() as duck:
        return canonical(duck.execute(f"SELECT * FROM company_lake.main.{table}").to_arrow_table())


def read_by_pyiceberg(lake, table: str) -> collections.Counter:
    return canonical(PyIceberg().table(lake, table).scan().to_arrow())


def as_pyiceberg_has_it(rows, types=("int", *(type for type, _ in COLUMNS.values()))) -> collections.Counter:
    """Version 0.12 gives a NULL list of structs as an empty one, within a struct too."""
    def one(value, type):
        if type == "deep" and value is not None:
            return tuple((name, () if name == "pairs" and of is None else of) for name, of in value)
        return () if value is None and type in ("pair[]", "interval[]") else value

    mapped = collections.Counter()
    for row, n in rows.items():
        mapped[tuple(map(one, row, types))] += n
    return mapped


def check_readers(lake, table: str, expected) -> None:
    expected = collections.Counter(expected.values())
    place = 1 + list(COLUMNS).index("u")
    for reader in (read_by_duckdb, read_by_pyiceberg):
        got = collections.Counter()
        for row, n in reader(lake, table).items():
            got[row[:place] + (uuid.UUID(row[place]) if isinstance(row[place], str) else row[place],) + row[place + 1:]] = n
        wanted = as_pyiceberg_has_it(expected) if reader is read_by_pyiceberg else expected
        assert got == wanted, f"{reader.__name__}: {difference(wanted, got)}"
    columns = ", ".join(f"h.{name}::text" for name in COLUMNS)
    unequal = (f"SELECT count(*) FROM {table} h FULL JOIN (SELECT * FROM h.{table}) f USING (id) "
               f"WHERE ({columns}) IS DISTINCT FROM ({columns.replace('h.', 'f.')}) OR h.id IS NULL OR f.id IS NULL")
    with lake.db.connect() as connection:
        connection.execute(ISO)
        if connection.execute(unequal).fetchone() != (0,):
            for name in COLUMNS:
                for row in connection.execute(f"SELECT id, h.{name}::text, f.{name}::text FROM {table} h FULL JOIN h.{table} f USING (id) WHERE h.{name}::text IS DISTINCT FROM f.{name}::text").fetchall():
                    pytest.fail(f"psql: {name} {row}")


def difference(expected, got) -> str:
    """The columns of the first row that differs."""
    ids = {row[0]: row for row in got}
    for row in expected:
        other = ids.get(row[0])
        if other is None:
            return f"no row {row[0]}"
        odd = [(name, a, b) for name, a, b in zip(["id", *COLUMNS], row, other) if a != b]
        if odd:
            return str(odd)
    return "rows too many"


def foreign_with_its_types(lake, table: str) -> None:
    columns = ", ".join(f"{name} {'text' if type == 'json' else type}" for name, (type, _) in COLUMNS.items())
    lake.db.query(f"CREATE SCHEMA IF NOT EXISTS h; SELECT pgtrickle.create_lake_table('h.natural', table_name => '{table}')")
    server = lake.db.query("SELECT srvname FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw WHERE fdwname = 'pg_trickle_lake'")[0][0]
    lake.db.query(f"CREATE FOREIGN TABLE h.{table} (id int, {columns}) SERVER {server} OPTIONS (table_name '{table}')")


def test_every_type_and_every_edge(lake):
    db = lake.db
    db.query(create("every"))
    lake.publish("every")
    lake.publish_now()
    expected = {}
    foreign_with_its_types(lake, "every")
    for sql, row in every_value(1):
        db.query(f"INSERT INTO every VALUES {sql}")
        expected[row[0]] = row
    lake.publish_now()
    check_readers(lake, "every", expected)
    db.query("SELECT * FROM h.natural")


@pytest.mark.parametrize("mode", ["mirror", "history"])
def test_random_histories(lake, mode):
    seed = int(os.environ.get("LAKE_SEED", random.randrange(1 << 30)))
    print(f"LAKE_SEED={seed}")
    luck, db, expected, next_id = random.Random(seed), lake.db, {}, 1
    db.query(create("every"))
    lake.publish("every", mode=mode, partition_by=luck.choice(["{}", '{"bucket(3, t)"}', "{e,b}", '{"year(ts)"}', '{"bucket(2, d)"}', '{"bucket(2, r)"}', "{n}", '{"hour(tz)"}']),
                 sort_by=luck.choice(["{}", "{tz desc}", "{free,i4}", "{e,bytes desc}", "{r nulls first}"]))
    lake.publish_now()
    foreign_with_its_types(lake, "every")
    for step in range(8):
        for _ in range(luck.choice([1, 2, 4])):
            new = range(next_id, next_id := next_id + luck.randint(1, 40))
            for sql, row in rows(luck, new):
                db.query(f"INSERT INTO every VALUES {sql}")
                expected[row[0]] = row
            for id in luck.sample(sorted(expected), min(len(expected), luck.randint(0, 10))):
                del expected[id]
                db.query(f"DELETE FROM every WHERE id = {id}")
                if luck.random() < 0.6:
                    ((sql, row),) = rows(luck, [id])
                    db.query(f"INSERT INTO every VALUES {sql}")
                    expected[id] = row
        if luck.random() < 0.1:
            db.query("TRUNCATE every")
            expected.clear()
        lake.publish_now()
        if mode == "history":
            continue
        check_readers(lake, "every", expected)
        if step == 4:
            db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2'); SELECT pgtrickle.lake_upkeep_now()")
            check_readers(lake, "every", expected)
    if mode == "history":
        with lake.duckdb() as duck:
            lasting = canonical(duck.execute("SELECT * EXCLUDE (valid_from, valid_to, from_snapshot, to_snapshot, u) FROM company_lake.every WHERE valid_to IS NULL").to_arrow_table())
        place = 1 + list(COLUMNS).index("u")
        assert lasting == collections.Counter(row[:place] + row[place + 1:] for row in expected.values())


def test_intervals_of_ducklake_and_times_at_offset_0(db):
    lake = Lake(db, options=json.dumps({"iceberg": "off", "types": {"interval": "interval", "timetz": "utc"}}))
    db.query("CREATE TABLE t (id int PRIMARY KEY, i interval, z timetz, a interval[])")
    db.query("INSERT INTO t VALUES (1, '1 year 2 mons 3 days 04:05:06.789', '12:00+02', ARRAY['1 day', NULL]::interval[]), (2, '0', '01:00+02', '{}'), (3, NULL, NULL, NULL)")
    lake.publish("t")
    lake.publish_now()
    db.query("CREATE SCHEMA h; SELECT pgtrickle.create_lake_table('h.t')")
    def check():
        with lake.duckdb() as duck:
            assert dict(row[:2] for row in duck.execute("DESCRIBE company_lake.t").fetchall()) == {"id": "INTEGER", "i": "INTERVAL", "z": "TIME WITH TIME ZONE", "a": "INTERVAL[]"}
            assert duck.execute("SELECT id, i::varchar, z::varchar, a::varchar FROM company_lake.t ORDER BY id").fetchall() == [
                (1, "1 year 2 months 3 days 04:05:06.789", "10:00:00+00", "[1 day, NULL]"), (2, "00:00:00", "23:00:00+00", "[]"), (3, None, None, None)]
        assert db.query("SELECT id, i::text, z::text, a::text FROM h.t ORDER BY id") == [
            (1, "1 year 2 mons 3 days 04:05:06.789", "10:00:00+00", '{"1 day",NULL}'), (2, "00:00:00", "23:00:00+00", "{}"), (3, None, None, None)]
    check()
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2'); UPDATE t SET id = id")
    lake.publish_now()
    db.query("SELECT pgtrickle.lake_upkeep_now()")
    check()


@pytest.mark.parametrize("type, choice, says, hint", [
    ("interval", {}, "has type interval, which DuckLake cannot hold exactly", '{"interval": "struct"}'), ("timetz", {}, "time with time zone", '{"timetz": "text"}'),
    ("int8range", {}, "int8range", '{"other": "text"}'), ("inet[]", {"interval": "text"}, r"inet\[\]", '{"other": "text"}'), ("numeric(40,2)", {}, r"numeric\(40,2\)", '{"numeric": "text"}'),
    ("odd", {}, "type public.odd,", '{"interval": "struct"}'), ("interval", {"interval": "interval"}, "Iceberg does not have", "iceberg => 'off'"), ("odd[]", {"interval": "interval"}, "Iceberg does not have", "struct"),
    ("nothing", {}, "type public.nothing", '{"other": "text"}'),
])
def test_what_is_not_chosen_is_refused(db, type, choice, says, hint):
    db.query(f"CREATE TYPE odd AS (a int, i interval); CREATE TYPE nothing AS (); CREATE TABLE t (id int PRIMARY KEY, x {type})")
    Lake(db)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match=f'column "x" of public.t .*{says}') as error:
        db.query(f"SELECT pgtrickle.publish('t', types => '{json.dumps(choice)}')")
    assert hint in error.value.diag.message_hint
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="unknown choice of types"):
        db.query("""SELECT pgtrickle.publish('t', types => '{"interval": "rounded"}')""")


@pytest.mark.parametrize("type, value, harmless, choice", [
    ("interval", "infinity", "1 day", "struct"), ("interval", "-infinity", "1 day", "interval"), ("interval", "-1 day", "1 day", "interval"), ("interval", "00:00:00.0001", "00:00:01", "interval"),
    ("time", "24:00", "12:00", "struct"), ("timetz", "24:00+01", "12:00+01", "struct"), ("int[]", "[0:1]={1,2}", "{1,2}", "struct"), ("int[][]", "{1,2}", "{{1},{2}}", "struct"),
    ("int[][]", "{{{1}}}", "{{1}}", "struct"), ("numeric(8,2)[]", "{NaN}", "{1}", "struct"), ("odd", "(1,infinity)", "(1,2024-01-01)", "struct"), ("odd[]", '{"(1,-infinity)"}', "{}", "struct"),
])
def test_a_value_the_mapping_cannot_hold_pauses_and_is_named(db, type, value, harmless, choice):
    lake = Lake(db, options=json.dumps({"iceberg": "off", "types": {"interval": choice, "timetz": "utc"}}))
    db.query(f"CREATE TYPE odd AS (a int, d date); CREATE TABLE t (id int, part text, x {type}, PRIMARY KEY (part, id)); INSERT INTO t VALUES (1, 'p', '{harmless}')")
    lake.publish("t")
    lake.publish_now()
    before = lake.rows("t")
    db.query(f"INSERT INTO t VALUES (2, 'q', '{value}')")
    with pytest.raises(psycopg.DataError, match=r'column "x" holds .*, in the row \(id, part\) = \(2, q\); change it') as error:
        lake.publish_now()
    assert error.value.sqlstate == "22003" and lake.status("t")["status"] == "SUSPENDED" and lake.rows("t") == before
    db.query(f"UPDATE t SET x = '{harmless}'")
    lake.publish_now()
    assert lake.status("t")["status"] == "ACTIVE" and len(lake.rows("t")) == 2


def test_a_composite_that_is_altered_becomes_another_column(db):
    lake = Lake(db, options='{"iceberg": "each commit"}')
    db.query("CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair, ps pair[]); INSERT INTO t VALUES (1, '(1,x)', '{\"(2,y)\"}')")
    lake.publish("t")
    first = lake.publish_now()
    db.query("ALTER TYPE pair ADD ATTRIBUTE c date; INSERT INTO t VALUES (2, '(2,y,2024-01-01)', NULL)")
    lake.publish_now()
    both = {(1, (("a", 1), ("b", "x"), ("c", None)), ((("a", 2), ("b", "y"), ("c", None)),)): 1, (2, (("a", 2), ("b", "y"), ("c", 19723)), None): 1}
    assert read_by_duckdb(lake, "t") == both and read_by_pyiceberg(lake, "t") == as_pyiceberg_has_it(both, ("int", "pair", "pair[]"))
    db.query("ALTER TYPE pair RENAME ATTRIBUTE b TO d; ALTER TYPE pair DROP ATTRIBUTE a; UPDATE t SET id = 3 WHERE id = 1")
    lake.publish_now()
    assert read_by_duckdb(lake, "t") == {(3, (("d", "x"), ("c", None)), ((("d", "y"), ("c", None)),)): 1, (2, (("d", "y"), ("c", 19723)), None): 1}
    with lake.duckdb() as duck:
        assert duck.execute(f"SELECT p.b FROM company_lake.t AT (VERSION => {first})").fetchall() == [("x",)]


def test_a_lake_source_has_what_was_written(lake):
    db = lake.db
    columns = {name: COLUMNS[name] for name in ("iv", "spans", "ints", "texts", "r", "free", "net", "matrix", "p", "ps", "h")}
    db.query(create("every", columns))
    lake.publish("every")
    for sql, _ in every_value(1, columns):
        db.query(f"INSERT INTO every VALUES {sql}")
    lake.publish_now()
    db.query("SELECT pgtrickle.create_lake_source('mine', table_name => 'every')")
    for _ in range(2):
        assert db.query("SELECT pgtrickle.wait_for_lake_source('mine', '20s')") == [(True,)]
        same = ["iv", "spans", "ints", "texts"]
        texts, nested = ["r", "free", "net"], ["matrix", "p", "ps", "h"]
        for mine, its in [*((f"m.{c}", f"s.{c}") for c in same), *((f"m.{c}", f"s.{c}::text") for c in texts), *((f"m.{c}", f"to_jsonb(s.{c})") for c in nested)]:
            assert db.query(f"SELECT id, {its}, {mine} FROM every s FULL JOIN mine m USING (id) WHERE {its} IS DISTINCT FROM {mine}") == []
        db.query("UPDATE every SET id = id + 100, iv = -iv, matrix = '{{1,2}}' WHERE id > 2 AND id < 5; DELETE FROM every WHERE id = 6")
        lake.publish_now()


@pytest.mark.parametrize("type, key", [("text", "id"), ("text", "x"), ("text[]", "id"), ("jsonb", "id"), ("pair", "id")])
def test_text_that_is_not_utf8_pauses_and_its_row_is_named(box, type, key):
    box.start()
    db = Database(box, "ascii", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        db.query("ALTER DATABASE ascii SET client_encoding = 'UTF8'; CREATE TYPE pair AS (a int, b text)")
        lake = Lake(db)
        good, bad = {"text": ("'caf\u00e9'", "E'caf\\351'"), "text[]": ("ARRAY['\u00e9']", "ARRAY['ok', E'caf\\351']"), "jsonb": ("'[\"\u00e9\"]'", "to_jsonb(E'caf\\351'::text)"),
                     "pair": ("ROW(1, '\u00e9')::pair", "ROW(1, E'caf\\351')::pair")}[type]
        db.query(f"CREATE TABLE t (id int, x {type}, PRIMARY KEY ({key})); INSERT INTO t VALUES (1, {good})")
        lake.publish("t", partition_by='{"bucket(3, x)"}' if type == "text" else "{}")
        lake.publish_now()
        before = lake.rows("t")
        db.query(f"INSERT INTO t VALUES (2, {bad})")
        named = r"\(id\) = \(2\)" if key == "id" else r"\(x\) = \(.*\)"
        with pytest.raises(psycopg.DataError, match=rf'column "x" holds text that is not valid UTF-8, .*caf\\xe9.* in the row {named}'):
            lake.publish_now()
        assert lake.status("t")["status"] == "SUSPENDED" and lake.rows("t") == before
        db.query(f"UPDATE t SET x = {good.replace('1', '3')} WHERE id = 2" if key == "id" else "DELETE FROM t WHERE id = 2")
        lake.publish_now()
        assert lake.status("t")["status"] == "ACTIVE" and len(lake.rows("t")) == (2 if key == "id" else 1)
    finally:
        db.drop()
