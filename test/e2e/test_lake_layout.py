"""Partitions and sort order: the same rows in other files, of which a query reads those it needs."""

import collections
import datetime
import decimal
import os
import re
import uuid

import psycopg
import pyarrow.parquet as parquet
import pytest
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import BinaryType, BooleanType, DateType, DecimalType, IntegerType, LongType, StringType, TimestampType, TimestamptzType, UUIDType

from engines import PyIceberg
from lakes import Lake, bag, lake_rows, seeded, source_rows
from test_lake_history import UPKEEP, versions
from test_lake_mirror import PARTITIONS, TABLES, change

LAYOUTS = {
    "sale": ["year(at),month(at)", "bucket(4,customer)", "customer,bucket(3,note)", "day(at)", ""],
    "pair": ["a", "bucket(3,a)", "b", ""],
    "heap": ["a,b", "bucket(2,b)", ""],
    "loose": ["bucket(3,v)", "k", ""],
    "part": ["region", "bucket(5,id)", ""],
}
SORTS = {"sale": ["at DESC,id", "note nulls first", ""], "pair": ["b", ""], "heap": ["b desc", ""], "loose": ["v", ""], "part": ["v,id desc", ""]}
FILTERS = {"sale": ["customer", "note"], "pair": ["a", "b"], "heap": ["a", "b"], "loose": ["k", "v"], "part": ["region", "id"]}


def check_filters(db, duck, table: str, random_) -> None:
    """No file is left out that holds a row which is asked for."""
    current = " AND valid_to IS NULL" if db.query(f"SELECT mode FROM pgtrickle.publication WHERE table_name = '{table}'") == [("history",)] else ""
    for column in FILTERS[table]:
        counts = db.query(f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1")
        for value, count in random_.sample(counts, min(5, len(counts))):
            found = duck.execute(f"SELECT count(*) FROM company_lake.{table} WHERE {column} = ?{current}", [value]).fetchone()[0]
            assert found == count, f"{table} with {column} = {value}"


def test_layouts_change_and_no_row_does(db):
    seed, random_ = seeded()
    for sql in [*TABLES.values(), *PARTITIONS]:
        db.query(sql)
    lake = Lake(db, options='{"iceberg": "each commit"}')
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '3')")
    seen = {table: {} for table in TABLES}
    modes = {table: random_.choice(["mirror", "mirror", "history"]) for table in TABLES}
    with db.connect() as connection:
        for _ in range(4):
            change(connection, random_)
        for table in TABLES:
            lake.publish(table, mode=modes[table], partition_by=as_array(random_.choice(LAYOUTS[table])), sort_by=as_array(random_.choice(SORTS[table])))
        for _ in range(int(os.environ.get("LAKE_ROUNDS", 15))):
            for _ in range(random_.choice([0, 1, 1, 2, 5])):
                change(connection, random_)
            if random_.random() < 0.3:
                table = random_.choice(list(TABLES))
                layout = random_.choice([one for one in LAYOUTS[table] if modes[table] == "mirror" or "bucket" not in one])
                db.query(f"SELECT pgtrickle.set_lake_layout('{table}', '{as_array(layout)}', '{as_array(random_.choice(SORTS[table]))}')")
            version = lake.publish_now()
            with lake.duckdb() as duck:
                for table in TABLES:
                    rows = seen[table][version] = source_rows(db, table)
                    assert (versions(duck, table, "valid_to IS NULL") if modes[table] == "history" else lake_rows(duck, table)) == rows, f"{table} at {version}, LAKE_SEED={seed}"
                    check_filters(db, duck, table, random_)
                    check_iceberg(lake, duck, table, random_)
                random_.choice(UPKEEP)(db, duck)
    with lake.duckdb() as duck:
        for table, then in seen.items():
            for version, rows in then.items():
                if modes[table] == "mirror":
                    assert lake_rows(duck, table, version) == rows, f"{table} as of {version}, LAKE_SEED={seed}"
    assert lake.files() == lake.listed_files()


def check_iceberg(lake, duck, table: str, random_) -> None:
    """pyiceberg's rows are DuckDB's, all of them and under a filter by a key of partitions."""
    engine = PyIceberg()
    assert bag(engine.rows(lake, table)) == lake_rows(duck, table), table
    for column in FILTERS[table]:
        values = duck.execute(f"SELECT DISTINCT {column} FROM company_lake.{table} WHERE {column} IS NOT NULL").fetchall()
        for (value,) in random_.sample(values, min(3, len(values))):
            found = len(engine.rows(lake, table, where=f"{column} = {value!r}", columns=(column,)))
            assert found == duck.execute(f"SELECT count(*) FROM company_lake.{table} WHERE {column} = ?", [value]).fetchone()[0], f"{table} with {column} = {value}"
    if table == "sale":
        moment = random_.choice(duck.execute("SELECT DISTINCT epoch_us(\"at\") FROM company_lake.sale WHERE \"at\" IS NOT NULL").fetchall() or [(0,)])[0]
        text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=moment)).isoformat()
        found = len(engine.rows(lake, table, where=f"at >= '{text}+00:00'", columns=("id",)))
        assert found == duck.execute("SELECT count(*) FROM company_lake.sale WHERE epoch_us(\"at\") >= ?", [moment]).fetchone()[0]


MONTHS, HOURS = (-14, -2, 10, 22, 34), (-9528, -768, 7992, 16752, 25536)  # since 1970, of the last of November of 1968 to 1972


def test_iceberg_has_the_partitions(db):
    """Each layout is a spec; values are Iceberg's; what cannot be told stands under the spec without fields."""
    db.query("CREATE TABLE t (id int PRIMARY KEY, region text, at timestamptz, d date, flag bool, u uuid DEFAULT gen_random_uuid())")
    db.query("INSERT INTO t SELECT i, 'r' || i % 2, '1968-11-30Z'::timestamptz + i % 5 * interval '1 year', date '1969-12-31' + i % 2, i % 2 = 0 FROM generate_series(1, 20) i; INSERT INTO t(id) VALUES (0)")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("t")
    lake.publish_now()
    layouts = [("region,d,flag", ["region", "d", "flag"], {("r0", -1, True), ("r1", 0, False)}), ("year(at),month(at)", ["at_month"], {(one,) for one in MONTHS}),
               ("u", [], {()}), ("day(d),u,hour(at)", ["d_day", "at_hour"], {(d, hour) for d in (-1, 0) for hour in HOURS}),
               ("year(d),region", ["d_year", "region"], {(-1, "r0"), (0, "r1")}), ("month(at)", ["at_month"], set())]
    for layout, keys, values in layouts:
        db.query(f"SELECT pgtrickle.set_lake_layout('t', '{as_array(layout)}'); TRUNCATE t")
        db.query("INSERT INTO t SELECT i, 'r' || i % 2, '1968-11-30Z'::timestamptz + i % 5 * interval '1 year', date '1969-12-31' + i % 2, i % 2 = 0 FROM generate_series(1, 20) i; INSERT INTO t(id) VALUES (0)")
        lake.publish_now()
        table = PyIceberg().table(lake, "t")
        assert [field.name for field in table.spec().fields] == keys
        files = [task.file for task in table.scan().plan_files()]
        told = {tuple(as_number(value) for value in file.partition) for file in files if file.spec_id == table.spec().spec_id}
        assert told == values | {(None,) * len(keys)}
        # DuckLake's November of 1968 to 1972 is one file, and five of Iceberg's months.
        assert (layout == "month(at)") == ({file.spec_id for file in files} != {table.spec().spec_id})
        assert bag(PyIceberg().rows(lake, "t")) == lake.rows("t") and len(PyIceberg().rows(lake, "t", where="region = 'r1'")) == 10
    fields = {field.field_id: (field.source_id, str(field.transform)) for spec in PyIceberg().table(lake, "t").specs().values() for field in spec.fields}
    assert len(fields) == len(set(fields.values())) == 7
    # A column that a spec speaks of is renamed, another takes its name, and both go.
    db.query("ALTER TABLE t RENAME COLUMN region TO zone; ALTER TABLE t ADD region int, ADD at_year int; INSERT INTO t VALUES (50, 'r9')")
    lake.publish_now()
    assert bag(PyIceberg().rows(lake, "t")) == lake.rows("t") and len(PyIceberg().rows(lake, "t", where="zone = 'r1'")) == 10
    db.query("SELECT pgtrickle.set_lake_layout('t', '{zone,year(at)}'); INSERT INTO t VALUES (51, 'r8', now())")
    lake.publish_now()
    assert [field.name for field in PyIceberg().table(lake, "t").spec().fields] == ["zone", f"at_year_{max(fields) + 1}"]
    db.query("DELETE FROM t WHERE id % 3 = 0")
    lake.publish_now()
    before = PyIceberg().rows(lake, "t")
    version = PyIceberg().versions(lake, "t")[-1]
    db.query("ALTER TABLE t DROP COLUMN zone; DELETE FROM t WHERE id % 7 = 0; INSERT INTO t(id) VALUES (60)")
    lake.publish_now()
    assert bag(PyIceberg().rows(lake, "t")) == lake.rows("t") and bag(PyIceberg().rows(lake, "t", version)) == bag(before)
    table = PyIceberg().table(lake, "t")
    assert table.spec().fields == ()
    told = {field.source_id for task in table.scan().plan_files() for file in [task.file, *task.delete_files] for field in table.specs()[file.spec_id].fields}
    assert told <= {field.field_id for field in table.schema().fields}, "Trino reads no file by a field whose column is gone"
    assert lake.files() == lake.listed_files()


def widen(db, lake, name: str, mode: str) -> tuple[int, collections.Counter]:
    """A table in partitions by an int that becomes a bigint; its last version before, and what it was then."""
    db.query(f"CREATE TABLE {name} (id int PRIMARY KEY, n int, s int2, at date); INSERT INTO {name} SELECT i, i % 4, i % 2, date '2024-01-01' + i FROM generate_series(1, 40) i")
    lake.publish(name, mode=mode, partition_by="{n}")
    lake.publish_now()
    db.query(f"INSERT INTO {name} VALUES (41, 4, 0), (42, NULL, 1); UPDATE {name} SET at = '2023-01-01' WHERE id = 5" if mode != "append" else f"INSERT INTO {name} VALUES (41, 4, 0), (42, NULL, 1)")
    version, rows = lake.publish_now(), source_rows(db, name)
    db.query(f"ALTER TABLE {name} ALTER n TYPE bigint; INSERT INTO {name} VALUES (50, 1 << 40, 1), (51, 1, 0)")
    lake.publish_now()
    return version, rows


def now_in(engine, lake, name: str, mode: str, version: int | None = None, where: str = "id > 0") -> collections.Counter:
    return bag(engine.rows(lake, name, version, where if mode != "history" else f"{where} AND valid_to IS NULL", ("id", "n", "s", "at")))


@pytest.mark.parametrize("mode", ["mirror", "append", "history"])
def test_a_widened_column_leaves_its_partitions(db, mode):
    """No file stands in a partition by a value that has come to be of another type; the next layout has it again."""
    lake, engine = Lake(db, options='{"iceberg": "each commit"}'), PyIceberg()
    version, before = widen(db, lake, "t", mode)
    for layout in ("", "n,s", "n"):
        if layout:
            db.query(f"SELECT pgtrickle.set_lake_layout('t', '{{{layout}}}'); INSERT INTO t SELECT i, i % 3, i % 2 FROM generate_series({60 + 10 * len(layout)}, {69 + 10 * len(layout)}) i")
            lake.publish_now()
        table = engine.table(lake, "t")
        told = [table.specs()[task.file.spec_id].fields for task in table.scan().plan_files()]
        assert [field.name.split("_")[0] for field in table.spec().fields] == [one for one in layout.split(",") if one]
        assert table.spec().fields in told and {field.field_id for fields in told for field in fields} <= {1001, 1002}
        assert now_in(engine, lake, "t", mode) == source_rows(db, "t")
        assert now_in(engine, lake, "t", mode, where="n = 1") == {row: 1 for row in source_rows(db, "t") if row[1] == 1}
        assert now_in(engine, lake, "t", mode, version) == before
    db.query("SELECT pgtrickle.set_lake_layout('t', '{s}'); INSERT INTO t VALUES (198, 1, 1)")
    lake.publish_now()
    spec = engine.table(lake, "t").spec()
    db.query("ALTER TABLE t ALTER s TYPE int; INSERT INTO t VALUES (199, 1, 1)")  # the same to Iceberg
    lake.publish_now()
    assert engine.table(lake, "t").spec() == spec and spec.fields and now_in(engine, lake, "t", mode) == source_rows(db, "t")
    assert lake.files() == lake.listed_files()


def as_number(value):
    return value.toordinal() - datetime.date(1970, 1, 1).toordinal() if isinstance(value, datetime.date) else value


def as_array(entries: str) -> str:
    return "{" + ",".join(f'"{one}"' for one in re.split(r",(?![^(]*\))", entries) if one) + "}"


def files_read(duck, query: str) -> int:
    plan = duck.execute(f"EXPLAIN ANALYZE {query}").fetchall()[0][1]
    found = re.search(r"Total Files Read:\s*(\d+)", plan)
    assert found, plan
    return int(found.group(1))


def test_a_query_reads_the_partitions_it_asks_for(db):
    db.query("CREATE TABLE sale (id int PRIMARY KEY, region text, at timestamptz, customer int)")
    db.query("INSERT INTO sale SELECT i, 'r' || i % 3, '2023-01-01Z'::timestamptz + i * interval '1 day', i * 7 FROM generate_series(0, 729) i")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("sale", partition_by="{region,year(at)}", sort_by="{at DESC}")
    lake.publish_now()
    db.query("CREATE TABLE by_bucket AS SELECT * FROM sale; ALTER TABLE by_bucket ADD PRIMARY KEY (id)")
    lake.publish("by_bucket", partition_by='{"bucket(8, customer)"}')
    lake.publish_now()
    with lake.duckdb() as duck:
        assert files_read(duck, "SELECT sum(id) FROM company_lake.sale") == 6
        assert files_read(duck, "SELECT sum(id) FROM company_lake.sale WHERE region = 'r1' AND \"at\" >= '2024-02-01 00:00:00+00'") == 1
        assert files_read(duck, "SELECT sum(id) FROM company_lake.sale WHERE \"at\" < '2024-01-01 00:00:00+00'") == 3
        assert files_read(duck, "SELECT sum(id) FROM company_lake.by_bucket") == 8
        assert files_read(duck, "SELECT sum(id) FROM company_lake.by_bucket WHERE customer = 77") == 1
        assert duck.execute("SELECT id FROM company_lake.by_bucket WHERE customer IN (77, 84)").fetchall() == [(11,), (12,)]
        # Another writer keeps to the layout, and its files are found beside ours.
        duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 0); INSERT INTO company_lake.by_bucket VALUES (5000, 'x', now(), 77)")
        assert sorted(duck.execute("SELECT id FROM company_lake.by_bucket WHERE customer = 77").fetchall()) == [(11,), (5000,)]
    assert len(list(PyIceberg().table(lake, "sale").scan(row_filter="region = 'r1' and at >= '2024-02-01T00:00:00+00:00'").plan_files())) == 1
    assert len(list(PyIceberg().table(lake, "sale").scan().plan_files())) == 6
    values = db.query("SELECT path, array_agg(partition_value ORDER BY partition_key_index) FROM lake.ducklake_data_file f JOIN lake.ducklake_file_partition_value v USING (data_file_id) "
                      "WHERE f.table_id = 1 GROUP BY 1 ORDER BY 2")
    assert [value for _, value in values] == [[f"r{region}", year] for region in range(3) for year in ("2023", "2024")]
    assert values[0][0].startswith("region=r0/at_year=2023/ducklake-")
    for file in (lake.path / "main" / "sale").rglob("*.parquet"):
        moments = parquet.read_table(file).column("at").to_pylist()
        assert moments == sorted(moments, reverse=True)
    # Upkeep merges within a partition.
    for day in range(8):
        db.query(f"INSERT INTO sale SELECT 1000 + {day} * 10 + i, 'r' || i % 3, '2024-06-01Z'::timestamptz + i * interval '1 hour', 1 FROM generate_series(0, 5) i")
        lake.publish_now()
    assert db.query("SELECT pgtrickle.lake_upkeep_now()")[0][0] > 0
    with lake.duckdb() as duck:
        assert lake_rows(duck, "sale") == source_rows(db, "sale")
        assert files_read(duck, "SELECT sum(id) FROM company_lake.sale WHERE region = 'r1' AND \"at\" >= '2024-02-01 00:00:00+00'") == 1
        assert duck.execute("SELECT count(*) FROM company_lake.sale WHERE region = 'r1'").fetchall() == db.query("SELECT count(*) FROM sale WHERE region = 'r1'")


BUCKETS = 24
RANDOM_VALUES = {
    # type of a column → Python's value of it, the type DuckDB and Iceberg know it by
    "smallint": (lambda r: r.choice([0, -1, -2**15, 2**15 - 1, r.randrange(-2**15, 2**15)]), IntegerType()),
    "int": (lambda r: r.choice([0, -1, -2**31, 2**31 - 1, r.randrange(-2**31, 2**31), r.randrange(-99, 99)]), IntegerType()),
    "bigint": (lambda r: r.choice([0, -1, -2**63, 2**63 - 1, r.randrange(-2**63, 2**63), r.randrange(-99, 99)]), LongType()),
    "text": (lambda r: "".join(r.choice("ab'\\/ %=é€🌍\n\u00a0") for _ in range(r.choice([0, 1, 2, 3, 4, 5, 8, 16]))), StringType()),
    "varchar(40)": (lambda r: "".join(r.choice("xyzßø") for _ in range(r.randrange(40))), StringType()),
    "colour": (lambda r: r.choice(["red", "grün", "blue"]), StringType()),
    "bytea": (lambda r: r.randbytes(r.randrange(0, 20)), BinaryType()),
    "date": (lambda r: r.choice([datetime.date(1970, 1, 1), datetime.date(1969, 12, 31), datetime.date.fromordinal(r.randrange(1, 3_600_000))]), DateType()),
    "timestamp": (lambda r: moment(r), TimestampType()),
    "timestamptz": (lambda r: moment(r).replace(tzinfo=datetime.timezone.utc), TimestamptzType()),
    "boolean": (lambda r: r.random() < 0.5, BooleanType()),
    "numeric(12,3)": (lambda r: decimal.Decimal(r.randrange(-10**12 + 1, 10**12)).scaleb(-3) if r.random() < 0.8 else decimal.Decimal(0), DecimalType(12, 3)),
    "uuid": (lambda r: uuid.UUID(int=r.getrandbits(128)), UUIDType()),
}


def moment(r) -> datetime.datetime:
    epoch = datetime.datetime(1970, 1, 1)
    return r.choice([epoch, epoch - datetime.timedelta(microseconds=1), datetime.datetime(1, 1, 1) + datetime.timedelta(days=r.randrange(3_600_000), microseconds=r.randrange(86_400_000_000))])


def accepted(db, transform: str, type: str) -> bool:
    try:
        db.query(f"SELECT pgtrickle._parse_layout('of_{spelt(type)}', 'partition', ARRAY['{transform}'], '{{}}')")
    except psycopg.errors.DatatypeMismatch:
        return False
    return True


def spelt(type: str) -> str:
    return re.sub(r"\W", "", type)


def partitions(db, duck, table: str) -> dict:
    """Of each row the partition that the catalog says of its file."""
    values = dict(db.query(f"SELECT regexp_replace(f.path, '.*/', ''), v.partition_value FROM lake.ducklake_data_file f JOIN lake.ducklake_file_partition_value v USING (data_file_id) "
                           f"JOIN lake.ducklake_table t ON t.table_id = f.table_id WHERE t.table_name = '{table}' AND f.end_snapshot IS NULL"))
    return {id: values[os.path.basename(file)] for id, file in duck.execute(f"SELECT id, filename FROM company_lake.{table}").fetchall()}


def test_partition_values_are_those_of_duckdb_and_iceberg(db):
    """Of random values of every type that is accepted.  DuckDB leaves out files by them, and what it spreads over files itself lies beside ours."""
    seed, random_ = seeded()
    db.query("CREATE TYPE colour AS ENUM ('red', 'grün', 'blue'); SET timezone = 'Asia/Kathmandu'")
    lake = Lake(db)
    taken = collections.Counter()
    with lake.duckdb() as duck:
        duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 0); SET timezone = 'UTC'")
        for type, (value, iceberg) in RANDOM_VALUES.items():
            rows = {id: value(random_) for id in range(120)}
            db.query(f"CREATE TABLE of_{spelt(type)} (id int PRIMARY KEY, v {type}); INSERT INTO of_{spelt(type)} VALUES (-1, NULL)")
            with db.connect() as connection:
                connection.cursor().executemany(f"INSERT INTO of_{spelt(type)} VALUES (%s, %s::{type})", rows.items())
            for transform in ("v", "year(v)", "month(v)", "day(v)", "hour(v)", f"bucket({BUCKETS}, v)"):
                if not accepted(db, transform, type):
                    continue
                ours, theirs = f"ours_{len(taken)}", f"theirs_{len(taken)}"
                taken[type, transform] = len(rows)
                lake.publish(f"of_{spelt(type)}", table_name=ours, partition_by=as_array(transform))
                lake.publish_now()
                db.query(f"SELECT pgtrickle.unpublish('of_{spelt(type)}', drop_lake_table => false)")
                duck.execute(f"CREATE TABLE company_lake.{theirs} AS FROM company_lake.{ours} LIMIT 0; ALTER TABLE company_lake.{theirs} SET PARTITIONED BY ({transform}); "
                             f"INSERT INTO company_lake.{theirs} FROM company_lake.{ours}")
                got = partitions(db, duck, ours)
                assert got == partitions(db, duck, theirs), f"{transform} of {type}, LAKE_SEED={seed}"
                if transform.startswith("bucket"):
                    of = BucketTransform(BUCKETS).transform(iceberg)
                    assert {id: int(bucket) for id, bucket in got.items() if id >= 0} == {id: of(as_iceberg(one)) for id, one in rows.items()}, f"{type}, LAKE_SEED={seed}"
    assert len(taken) == 10 + 3 * 3 + 2 + 10, taken   # by itself; year, month, day; hour; buckets


def as_iceberg(value):
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    return value.toordinal() - datetime.date(1970, 1, 1).toordinal() if isinstance(value, datetime.date) else value


@pytest.mark.parametrize("type, values", [("date", ["infinity", "-infinity"]), ("timestamp", ["infinity", "294276-12-31 23:59:59.999999"]), ("timestamptz", ["-infinity", "294247-01-09 04:00:55+00"])])
@pytest.mark.parametrize("transform", ["year", "month", "day", "hour", "bucket"])
def test_a_moment_that_is_none_pauses_whatever_it_is_partitioned_by(db, type, values, transform):
    if transform == "hour" and type == "date":
        return
    lake, last = Lake(db, options='{"iceberg": "each commit"}'), "9999-12-31" if type == "date" else "294246-12-31"
    db.query(f"CREATE TABLE t (id int PRIMARY KEY, x {type}); INSERT INTO t VALUES (0, '2024-02-29'), (1, NULL), (2, '4713-01-01 BC'), (3, '{last}')")
    lake.publish("t", partition_by='{"bucket(7, x)"}' if transform == "bucket" else f"{{{transform}(x)}}", sort_by="{x}")
    lake.publish_now()
    before = lake.rows("t")
    assert len(before) == 4
    for value in values:
        db.query(f"INSERT INTO t VALUES (4, '{value}')")
        with pytest.raises(psycopg.DataError, match=r'column "x" holds .*, in the row \(id\) = \(4\)') as error:
            lake.publish_now()
        assert error.value.sqlstate == "22003" and lake.status("t")["status"] == "SUSPENDED" and lake.rows("t") == before
        db.query("DELETE FROM t WHERE id = 4")
        lake.publish_now()
        assert lake.status("t")["status"] == "ACTIVE"


def test_columns_of_a_layout_go(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, region text, n int); INSERT INTO t SELECT i, 'r' || i % 2, i FROM generate_series(1, 20) i")
    lake = Lake(db)
    lake.publish("t", partition_by='{"bucket(2,n)",region}', sort_by="{n,id}")
    lake.publish_now()
    db.query("ALTER TABLE t RENAME COLUMN region TO zone; INSERT INTO t VALUES (30, 'r7', 7)")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")
    db.query("ALTER TABLE t DROP COLUMN zone; INSERT INTO t VALUES (31, 8)")
    lake.publish_now()
    with lake.duckdb() as duck:
        assert lake_rows(duck, "t") == source_rows(db, "t")
        assert sorted(duck.execute("SELECT id FROM company_lake.t WHERE n = 7").fetchall()) == [(7,), (30,)]
    assert db.query("SELECT kind, n FROM pgtrickle.publication_layout ORDER BY 1, 2") == [("sort", 0), ("sort", 1)]


def test_partitioned_and_sorted_by_one_column(db):
    db.query("CREATE TABLE t (id int PRIMARY KEY, b int); INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 30) i")
    lake = Lake(db)
    lake.publish("t", partition_by="{b}", sort_by="{b}")
    lake.publish_now()
    db.query("UPDATE t SET b = b + 1 WHERE id < 5; INSERT INTO t VALUES (100, NULL)")
    lake.publish_now()
    assert lake.rows("t") == source_rows(db, "t")
