"""Spark 4 and Trino read what PostgreSQL had: one JVM a module, one engine at a time, for they take a gigabyte each.

Every engine reads the same lake: the tables after a random history with trickle-lake killed on the way, every snapshot
of it, every type, every filter that bounds could answer wrongly.
"""

import collections
import json
import os
import signal
import uuid

import pytest

import lake_types
from box import Database, wait_until
from engines import PyIceberg, Spark, Trino
from lakes import Lake, seeded, source_rows
from test_iceberg import FILTERS, check_time_travel, iceberg_rows, two_files
from test_lake_mirror import PARTITIONS, TABLES, change
from test_lake_modes import EVERY_TYPE, ROWS

pytestmark = pytest.mark.engines


class World:
    """A database with lakes of its own name: an engine keeps what it knows of a catalog by that."""

    def __init__(self, box):
        self.db = Database(box, "engines")
        self.lakes = 0

    def lake(self, **options) -> Lake:
        self.lakes += 1
        return Lake(self.db, f"lake{self.lakes}", f"lake{self.lakes}", json.dumps({"iceberg": "each commit", **options}))


@pytest.fixture(scope="module")
def world(box):
    box.start()
    world = World(box)
    yield world
    box.start()
    world.db.drop()


@pytest.fixture(scope="module")
def history(world):
    """A lake after a random history, and what its tables were at each version."""
    seed, random_ = seeded()
    db, lake = world.db, world.lake()
    for sql in [*TABLES.values(), *PARTITIONS]:
        db.query(sql)
    expected = {table: {} for table in TABLES}
    with db.connect() as connection:
        for table in TABLES:
            lake.publish(table)
        for round in range(10):
            for _ in range(random_.choice([1, 1, 2, 5])):
                change(connection, random_)
            if round % 4 == 2:
                for process in db.box.lake_processes():
                    os.kill(process, signal.SIGKILL)
                wait_until(lambda: db.box.lake_processes(), "trickle-lake to be started again", 60)
            version = lake.publish_now()
            for table in TABLES:
                expected[table][version] = source_rows(db, table)
    return lake, expected


@pytest.fixture(scope="module")
def types(world):
    db, lake = world.db, world.lake()
    db.query("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    db.query(EVERY_TYPE)
    # Spark reads no table that has a time; the others read it beside.
    db.query("CREATE TABLE timeless AS SELECT * FROM every LIMIT 0; ALTER TABLE timeless DROP COLUMN ti, ADD PRIMARY KEY (id); CREATE TABLE every_empty (id int)")
    for table in ("every", "timeless", "every_empty"):
        lake.publish(table)
    columns = ", ".join(name for (name,) in db.query("SELECT attname FROM pg_attribute WHERE attrelid = 'timeless'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"))
    for row in ROWS:
        db.query(f"INSERT INTO every VALUES ({row})")
        db.query(f"INSERT INTO timeless SELECT {columns} FROM every WHERE id = {row.split(',')[0]}")
        lake.publish_now()
    db.query("UPDATE every SET id = id + 10 WHERE id IN (1, 3); UPDATE timeless SET t = t || '!' WHERE id < 3; DELETE FROM timeless WHERE id = 3")
    lake.publish_now()
    return lake


@pytest.fixture(scope="module")
def edges(world):
    """Every value of every type, with the types that the lake holds as other ones, but for time."""
    lake, columns = world.lake(types=lake_types.CHOICES), {name: of for name, of in lake_types.COLUMNS.items() if name != "ti"}
    world.db.query(f"CREATE EXTENSION hstore; CREATE SCHEMA edges; ALTER DATABASE {world.db.name} SET search_path = edges, public")
    world.db.query(lake_types.TYPES)
    world.db.query(lake_types.create("edges", columns))
    lake.publish("edges")
    expected = collections.Counter()
    for sql, row in lake_types.every_value(1, columns):
        world.db.query(f"INSERT INTO edges VALUES {sql}")
        expected[row] += 1
    world.db.query(f"ALTER DATABASE {world.db.name} RESET search_path")
    lake.publish_now()
    return lake, expected, 1 + list(columns).index("u")


@pytest.fixture(scope="module")
def bounds(world):
    lake = world.lake()
    two_files(world.db, lake, "bounded")
    return lake


@pytest.fixture(scope="module", params=[Spark, Trino, PyIceberg], ids=lambda engine: engine.name)
def engine(request, scratch_directory):
    engine = request.param(scratch_directory / f"{request.param.name}.log")
    yield engine
    engine.stop()


def test_every_version_equals_its_source(engine, history):
    lake, expected = history
    for table, versions in expected.items():
        assert iceberg_rows(lake, table, engine=engine) == list(versions.values())[-1], table
        check_time_travel(lake, table, versions, engine)


def test_every_type(engine, types):
    for table in ("timeless", "every", "every_empty"):
        if table == "every" and engine.name == "spark":
            with pytest.raises(RuntimeError, match="time fields"):
                engine.rows(types, table)
        else:
            assert iceberg_rows(types, table, engine=engine) == source_rows(types.db, table), table


def test_every_value_of_every_type(engine, edges):
    lake, expected, place = edges
    if engine.name == "pyiceberg":
        return  # test_lake_types.py has it
    got = collections.Counter()
    for row in map(lake_types.of_engine, engine.rows(lake, "edges")):
        got[row[:place] + (uuid.UUID(row[place]) if isinstance(row[place], str) else row[place],) + row[place + 1:]] += 1
    assert got == expected


def test_filters_find_the_rows_that_bounds_speak_of(engine, bounds):
    for column, (_, _, where) in FILTERS.items():
        if engine.name != "pyiceberg":
            where = sql_of(engine, column, where)
        if column != "long" or engine.name != "pyiceberg":
            assert engine.rows(bounds, "bounded", where=where, columns=("id",)) == [(1,)], where
    for place, of in ((1, "8"), (2, "0")):  # Java orders uuid's halves as signed numbers
        uuid = f"{of * 8}-0000-0000-0000-000000000000"
        where = {"spark": f"u = '{uuid}'", "trino": f"u = uuid '{uuid}'", "pyiceberg": f"u = '{uuid}'"}[engine.name]
        assert engine.rows(bounds, "bounded", where=where, columns=("id",)) == [(place,)]
    if engine.name == "spark":  # NaN is above all, as in PostgreSQL
        assert sorted(engine.rows(bounds, "bounded", where="f8 > 1", columns=("id",))) == [(2,), (4,)]


def sql_of(engine, column: str, where: str) -> str:
    """The filters of test_iceberg.py in SQL: times with their type, floats as such."""
    if column in ("f4", "f8"):
        return where.replace("1.5", "real '1.5'" if engine.name == "trino" else "float('1.5')").replace("0.0", "double '0.0'" if engine.name == "trino" else "double('0.0')")
    if column in ("d", "ts", "tz"):
        name, operator, value = where.split(" ", 2)
        value = value.strip("'").replace("T", " ")
        if column == "d":
            return f"{name} {operator} date '{value}'"
        if engine.name == "trino":
            return f"{name} {operator} timestamp '{value.replace('+00:00', ' UTC')}'"
        return f"{name} {operator} {'timestamp' if column == 'tz' else 'timestamp_ntz'} '{value}'"
    return where


def test_the_pointer_is_followed(engine, world):
    """The next query sees the next snapshot, without a restart and without a cache in the way."""
    lake = world.lake()
    name = f"followed_{engine.name}"
    world.db.query(f"CREATE TABLE {name} (id int PRIMARY KEY)")
    lake.publish(name)
    for i in range(3):
        world.db.query(f"INSERT INTO {name} VALUES ({i})")
        version = lake.publish_now()
        assert len(engine.rows(lake, name)) == i + 1 and engine.versions(lake, name)[-1] == version
    world.db.query(f"TRUNCATE {name}")
    lake.publish_now()
    assert engine.rows(lake, name) == []
