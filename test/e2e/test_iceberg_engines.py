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
from test_lake_history import UPKEEP
from test_lake_mirror import PARTITIONS, TABLES, change
from test_lake_layout import now_in, widen
from test_lake_modes import EVERY_TYPE, ROWS

pytestmark = pytest.mark.engines


class World:
    """A database with lakes of its own name: an engine keeps what it knows of a catalog by that."""

    def __init__(self, box, name: str = "engines"):
        self.db = Database(box, name)
        self.lakes = 0

    def lake(self, **options) -> Lake:
        self.lakes += 1
        name = f"{self.db.name}{self.lakes}"
        return Lake(self.db, name, name, json.dumps({"iceberg": "each commit", **options}))


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


LAYOUTS = ["{region}", "{year(moment),month(moment)}", '{"bucket(4,n)",flag}', "{day(d)}", "{hour(moment),region}", '{"bucket(3,region)",d}', "{month(moment)}", "{n}", "{}"]
NO_PARTITION_FOR_TRINO = '"type" is null|[Ii]ceberg type:? .?unknown|Wrong class, expected java.lang.Long'
CHANGES = ["INSERT INTO laid SELECT i, CASE WHEN i % 7 > 0 THEN 'r' || i % 4 END, '1969-11-30 22:00Z'::timestamptz + i % 60 * interval '17 d 5 h', date '1969-12-20' + i % 30, "
           "NULLIF(i % 6, 5), i % 2 = 0 FROM generate_series({r}, {r} + 25) i ON CONFLICT DO NOTHING",
           "UPDATE laid SET n = n + 1, region = 'r' || id % 5 WHERE id % 5 = {r} % 5", "UPDATE laid SET moment = NULL, flag = NULL WHERE id % 11 = {r} % 11", "DELETE FROM laid WHERE id % 6 = {r} % 6"]


@pytest.fixture(scope="module")
def laid(box):
    """A table under one layout after another, compacted by both sides, and what it was at each version."""
    seed, random_ = seeded()
    box.start()
    world = World(box, "laid")
    db, lake = world.db, world.lake()
    db.query("CREATE TABLE laid (id int PRIMARY KEY, region text, moment timestamptz, d date, n int, flag bool)")
    lake.publish("laid", partition_by=random_.choice(LAYOUTS))
    expected = {}
    for _ in range(15):
        for _ in range(random_.choice([1, 2, 3])):
            db.query(random_.choice(CHANGES).format(r=random_.randint(0, 80)))
        if random_.random() < 0.4:
            db.query(f"SELECT pgtrickle.set_lake_layout('laid', '{random_.choice(LAYOUTS)}')")
        expected[lake.publish_now()] = source_rows(db, "laid")
        with lake.duckdb() as duck:
            random_.choice(UPKEEP)(db, duck)
    # Fields by a column that has another type, then another name, then none.
    for change, layout in (("SELECT", "{n,region}"), ("ALTER TABLE laid ALTER n TYPE bigint", '{n,"bucket(3,n)"}'), ("ALTER TABLE laid RENAME region TO zone", "{zone}"), ("ALTER TABLE laid DROP zone", "{year(moment)}")):
        db.query(f"{change}; {CHANGES[3].format(r=random_.randint(0, 80))}; INSERT INTO laid(id, n) SELECT i, i % 3 FROM generate_series(200, 230) i ON CONFLICT DO NOTHING")
        lake.publish_now()
        db.query(f"SELECT pgtrickle.set_lake_layout('laid', '{layout}'); UPDATE laid SET n = n + 1 WHERE id % 3 = 0")
        expected[lake.publish_now()] = source_rows(db, "laid")
    yield lake, expected, seed
    box.start()
    db.drop()


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


def test_partitions_hold_every_row(engine, laid):
    lake, expected, seed = laid
    assert iceberg_rows(lake, "laid", engine=engine) == list(expected.values())[-1], f"LAKE_SEED={seed}"
    lost = refused_by_trino(lake, "laid") if engine.name == "trino" else set()
    for version in lost:
        with pytest.raises(RuntimeError, match=NO_PARTITION_FOR_TRINO):
            engine.rows(lake, "laid", version)
    listed = engine.versions(lake, "laid")
    check_time_travel(lake, "laid", {version: rows for version, rows in expected.items() if max(one for one in listed if one <= version) not in lost}, engine)
    word = "" if engine.name == "pyiceberg" else "date "
    moment = {"spark": "timestamp '1971-03-04 05:00:00+00:00'", "trino": "timestamp '1971-03-04 05:00:00 UTC'", "pyiceberg": "'1971-03-04T05:00:00+00:00'"}[engine.name]
    for name, value in [("n", str(n)) for n in range(4)] + [("d", f"{word}'1969-12-{day}'") for day in (20, 25, 31)] + [("moment", moment), ("flag", "true")]:
        for operator in ("=", ">=", "<"):
            theirs = f"{name} {operator} {value}"
            ours = theirs if name != "moment" else f"moment {operator} '1971-03-04 05:00:00Z'"
            found = engine.rows(lake, "laid", where=theirs, columns=("id",))
            assert sorted(found) == lake.db.query(f"SELECT id FROM laid WHERE {ours} ORDER BY 1"), f"{theirs}, LAKE_SEED={seed}"
    for where in ("n is null", "moment is null", "flag is null"):
        assert sorted(engine.rows(lake, "laid", where=where, columns=("id",))) == lake.db.query(f"SELECT id FROM laid WHERE {where} ORDER BY 1"), f"{where}, LAKE_SEED={seed}"


def refused_by_trino(lake, table: str) -> set[int]:
    """Snapshots with files under a partition by a column that is gone by now, or by a value, other than NULL, of one that has become a bigint."""
    return {version for (version,) in lake.db.query(f"""
        SELECT DISTINCT n.snapshot FROM pgtrickle.iceberg_table t JOIN pgtrickle.iceberg_snapshot n ON n.iceberg_table = t.id
        JOIN pgtrickle.iceberg_manifest m ON m.iceberg_table = t.id AND m.begin_snapshot <= n.snapshot AND coalesce(m.end_snapshot > n.snapshot, true)
        JOIN pgtrickle._iceberg_specs(t.id) s ON s.spec = m.spec WHERE t.name = '{table}' AND NOT m.deletes AND m.added_files + m.existing_files > 0
        AND (s.lake_type IS NULL OR s.transform = 'identity' AND s.lake_type = 'int64' AND s.told_type <> 'int64' AND EXISTS (
             SELECT FROM {lake.schema}.ducklake_data_file f JOIN {lake.schema}.ducklake_file_partition_value v USING (data_file_id)
             WHERE f.table_id = t.table_id AND f.partition_id = m.spec AND v.partition_key_index = s.n AND v.partition_value IS NOT NULL
             AND f.begin_snapshot <= n.snapshot AND coalesce(f.end_snapshot > n.snapshot, true)))""")}


@pytest.mark.parametrize("mode", ["mirror", "append", "history"])
def test_a_partition_column_is_widened(engine, world, mode):
    lake = world.lake()
    name = f"widened_{mode}_{engine.name}"
    version, before = widen(world.db, lake, name, mode)
    for layout in (None, "{n,s}"):
        if layout:
            world.db.query(f"SELECT pgtrickle.set_lake_layout('{name}', '{layout}'); INSERT INTO {name} SELECT i, i % 3, i % 2 FROM generate_series(60, 69) i")
            lake.publish_now()
        rows = source_rows(world.db, name)
        assert now_in(engine, lake, name, mode) == rows
        for value in (0, 1, 1 << 40):
            assert now_in(engine, lake, name, mode, where=f"n = {value}") == {row: 1 for row in rows if row[1] == value}
        if engine.name == "trino":
            assert version in refused_by_trino(lake, name)
            with pytest.raises(RuntimeError, match="Wrong class, expected java.lang.Long"):
                now_in(engine, lake, name, mode, version)
        else:
            assert now_in(engine, lake, name, mode, version) == before


def test_a_widened_column_without_a_value_loses_no_snapshot(engine, world):
    """Trino looks at the type of values only: partitions of NULL are read as before."""
    lake, name = world.lake(), f"hollow_{engine.name}"
    world.db.query(f"CREATE TABLE {name} (id int PRIMARY KEY, n int); INSERT INTO {name}(id) SELECT generate_series(1, 5)")
    lake.publish(name, partition_by="{n}")
    hollow = lake.publish_now()
    world.db.query(f"INSERT INTO {name} VALUES (6, 2)")
    full = lake.publish_now()
    world.db.query(f"DELETE FROM {name} WHERE id = 6")
    again = lake.publish_now()
    world.db.query(f"ALTER TABLE {name} ALTER n TYPE bigint; INSERT INTO {name} VALUES (7, 1)")
    lake.publish_now()
    assert refused_by_trino(lake, name) == {full}
    assert len(engine.rows(lake, name)) == 6 and [len(engine.rows(lake, name, version)) for version in (hollow, again)] == [5, 5]


def test_other_partitions_are_not_read(engine, world):
    """What a query need not read is not there when it runs.  Bounds would not tell buckets apart."""
    lake = world.lake()
    name = f"kept_{engine.name}"
    world.db.query(f"CREATE TABLE {name} (id int PRIMARY KEY, customer int); INSERT INTO {name} SELECT i, i * 7 FROM generate_series(0, 729) i")
    lake.publish(name, partition_by='{"bucket(8,customer)"}')
    lake.publish_now()
    world.db.query(f"DELETE FROM {name} WHERE id % 10 = 0")
    lake.publish_now()
    table = PyIceberg().table(lake, name)
    (needed,) = [task.file.file_path for task in table.scan(row_filter="customer = 77").plan_files()]
    others = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files() if task.file.file_path != needed]
    assert len(others) == 7
    for file in others:
        os.rename(file, file + ".away")
    try:
        assert engine.rows(lake, name, where="customer = 77") == [(11, 77)]
    finally:
        for file in others:
            os.rename(file + ".away", file)
    assert len(engine.rows(lake, name)) == 657
    if engine.name != "pyiceberg":
        partitions = {"spark": f"SELECT partition.customer_bucket FROM {lake.name}.main.{name}.partitions", "trino": f'SELECT partition.customer_bucket FROM {lake.name}.main."{name}$partitions"'}
        assert sorted(engine.query(lake, partitions[engine.name])) == [(bucket,) for bucket in range(8)]


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


def comments(engine, lake, name: str) -> dict:
    """What an engine shows: of the table, of its columns."""
    if engine.name == "spark":
        rows = engine.query(lake, f"DESCRIBE TABLE EXTENDED {lake.name}.main.{name}")
        columns = rows[:rows.index(("", "", ""))]
        return {"": dict(row[:2] for row in rows)["Comment"], **{column: said for column, _, said in columns if said}}
    if engine.name == "trino":
        (said,), = engine.query(lake, f"SELECT comment FROM system.metadata.table_comments WHERE catalog_name = '{lake.name}' AND schema_name = 'main' AND table_name = '{name}'")
        return {"": said, **{column: of for column, _, _, of in engine.query(lake, f"SHOW COLUMNS FROM {lake.name}.main.{name}") if of}}
    table = engine.table(lake, name)
    return {"": table.properties["comment"], **{field.name: field.doc for field in table.schema().fields if field.doc}}


def test_comments_are_shown(engine, world):
    lake = world.lake()
    name = f"said_{engine.name}"
    world.db.query(f"CREATE TABLE {name} (id int PRIMARY KEY, n int); COMMENT ON TABLE {name} IS 'it''s \"ours\": ☃'; COMMENT ON COLUMN {name}.n IS 'a number'")
    lake.publish(name)
    lake.publish_now()
    assert comments(engine, lake, name) == {"": "it's \"ours\": ☃", "n": "a number"}
    world.db.query(f"COMMENT ON TABLE {name} IS 'changed'; COMMENT ON COLUMN {name}.n IS NULL; COMMENT ON COLUMN {name}.id IS 'a key'")
    lake.publish_now()
    assert comments(engine, lake, name) == {"": "changed", "id": "a key"}


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
