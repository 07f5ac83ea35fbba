"""A lake table read in PostgreSQL is what was published, and what DuckDB reads, at every snapshot; pruning loses no row."""

import random
import threading

import psycopg
import pytest

from lakes import Lake, lake_rows, source_rows

EVERY_TYPE = """CREATE TABLE every (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 real, f8 double precision, n numeric(12,3), wide numeric(38,10), free numeric,
    t text, v varchar(20), u uuid, j jsonb, d date, ti time, ts timestamp, tz timestamptz, a int[], bytes bytea DEFAULT '\\xab00', words text[] DEFAULT ARRAY['a,"b', NULL, ''])"""


def some_rows(first: int, count: int, seed: int) -> str:
    """Rows with every kind of value in every column, a third of them NULL."""
    return f"""INSERT INTO every(id, b, i2, i8, f4, f8, n, wide, free, t, v, u, j, d, ti, ts, tz, a) SELECT i, random() < 0.5, CASE WHEN i % 3 > 0 THEN i % 30000 END, CASE WHEN i % 4 > 0 THEN i * 10000000001 END,
        (ARRAY[NULL, 'NaN', 'Infinity', '-0', (i / 7.0)::text])[1 + i % 5]::real, (ARRAY['NaN', NULL, '-Infinity', (i / 3.0)::text])[1 + i % 4]::float8,
        CASE WHEN i % 3 > 0 THEN (i - 500) / 7.0 END, CASE WHEN i % 5 > 0 THEN (i - 500) * 1234567890123456789012.3456789 END, (i - 500) / 8.0,
        (ARRAY[NULL, '', 'Ärger ' || i, 'zz''"' || i])[1 + i % 4], 'v' || i % 10, md5(i::text)::uuid,
        jsonb_build_object('i', i, 'x', NULL), '2024-02-28'::date + (i % 9), '00:00'::time + i * '1.000001 s'::interval, '1969-12-31 23:59:59.999999'::timestamp + i * '1 h'::interval,
        CASE WHEN i % 3 > 0 THEN '2024-01-01'::timestamptz + i * '1 m 0.000001 s'::interval END, CASE i % 4 WHEN 0 THEN '{{}}' WHEN 1 THEN ARRAY[i, NULL, -i] END
        FROM (SELECT setseed({seed} / 1000.0)) s, generate_series({first}, {first + count - 1}) i"""


@pytest.fixture
def lake(db):
    db.query(EVERY_TYPE)
    lake = Lake(db)
    lake.publish("every")
    db.query("CREATE SCHEMA h")
    return lake


def foreign(lake, table="every", name=None, **arguments):
    name = name or f"h.{table}"
    named = "".join(f", {key} => '{value}'" for key, value in arguments.items())
    lake.db.query(f"DROP FOREIGN TABLE IF EXISTS {name}; SELECT pgtrickle.create_lake_table('{name}', table_name => '{table}'{named})")
    return name


CONDITIONS = ["id = {}", "id < {}", "{} <= id", "id IN ({}, 3, NULL, 700)", "i2 > {}", "i8 >= {} * 10000000001", "f4 > {} / 7.0", "f8 = 'NaN'", "f8 > {} / 3.0", "f4 < 0", "n < ({} - 500) / 7.0",
              "wide > ({} - 500) * 1234567890123456789012.0", "free = ({} - 500) / 8.0", "t = 'Ärger {}'", "t > 'zz' COLLATE \"C\"", "t < 'b'", "t IS NULL", "t IS NOT NULL", "v = 'v3'", "u < md5('{}')::uuid", "d = '2024-03-01'",
              "d > '2024-03-06'", "ti < '00:00:{:02.0f}'", "ts < '1970-01-05'", "tz >= '2024-01-01'::timestamptz + {} * '1 m'::interval", "tz IS NULL", "b", "NOT b", "i8 IS NULL AND id > {}", "id = ANY (ARRAY(SELECT generate_series({}, {} + 3)))",
              "id > (SELECT {} + count(*) FROM pg_class WHERE false)", "id % 7 = 0", "false", "id > NULL::int"]


def test_random_histories(lake, request):
    db, luck = lake.db, random.Random(1)
    db.query(some_rows(1, 1000, 1))
    versions, next_id = {}, 1001
    for step in range(12):
        db.query(luck.choice([some_rows(next_id, luck.randint(1, 300), step), f"DELETE FROM every WHERE id % {luck.randint(2, 20)} = 0", f"UPDATE every SET free = free + 1, t = 'new' WHERE id % {luck.randint(2, 40)} = 1",
                              f"DELETE FROM every WHERE id BETWEEN {step * 50} AND {step * 50 + 60}; {some_rows(next_id + 500, 20, step)}"]))
        next_id += 1000
        if step in (4, 8):
            with lake.duckdb() as duck:
                duck.execute("CALL ducklake_merge_adjacent_files('company_lake')" if step == 4 else "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)")
        if step == 6:
            db.query("ALTER TABLE every ADD COLUMN extra int DEFAULT 7; ALTER TABLE every RENAME COLUMN words TO said; ALTER TABLE every DROP COLUMN bytes")
        version = lake.publish_now()
        name = foreign(lake)
        expected = source_rows(db, "every")
        assert source_rows(db, name) == expected
        versions[version] = expected
        with db.connect() as reader:
            for condition in CONDITIONS:
                condition = condition.format(*[luck.randint(1, next_id)] * 2) if ":02" not in condition else condition.format(luck.randint(0, 59))
                ours, theirs = [reader.execute(f"SELECT count(*), sum(id) FROM {table} WHERE {condition}").fetchall() for table in (name, "every")]
                assert ours == theirs, condition
    for version, expected in versions.items():
        assert source_rows(db, foreign(lake, name="h.then", version=version)) == expected


def test_what_duckdb_writes(lake):
    """Rows inlined into the catalog, deletions too; partitions; columns added with defaults, widened, renamed; nested types."""
    db = lake.db
    with lake.duckdb() as duck:
        duck.execute("CALL company_lake.set_option('data_inlining_row_limit', 20)")
        duck.execute("""CREATE TABLE company_lake.theirs (i int, small tinyint, u ubigint, h hugeint, t text, d date, ts timestamp, tz timestamptz, n decimal(5,2), b blob, f float,
            li int[], nest struct(x int, y text)[], m map(text, int))""")
        insert = "INSERT INTO company_lake.theirs SELECT i, i %% 100, 18446744073709551615 - i, i, 'té''s ' || i, DATE '2024-01-01' + i::int, TIMESTAMP '2024-01-01 00:00:00.5' + INTERVAL (i) HOUR, \
            TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i) MINUTE, i / 100, 'ab'::blob, i / 3, [i, NULL], [{'x': i, 'y': 'q\"' || i}], map {'k': i} FROM range(%d, %d) r(i)"
        duck.execute(insert % (0, 1000))
        duck.execute("CREATE TABLE company_lake.small (i int, t text, d date, ts timestamp, tz timestamptz, n decimal(5,2), b blob, f double, g boolean, l int[])")
        versions = []
        for statement in (
            "INSERT INTO company_lake.small SELECT i, 't' || i, DATE '2024-01-01' + i::int, TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR, TIMESTAMPTZ '2024-01-01 00:00:00+00', i / 7, '\\xAA'::blob, i / 3, i % 2 = 0, [i, NULL] FROM range(5) r(i)",
            "DELETE FROM company_lake.small WHERE i = 2", "UPDATE company_lake.small SET t = NULL WHERE i = 3", "ALTER TABLE company_lake.small ADD COLUMN more text DEFAULT 'dflt'",
            "ALTER TABLE company_lake.small ADD COLUMN none int", "INSERT INTO company_lake.small(i, more) VALUES (100, 'x')", "ALTER TABLE company_lake.small ALTER i TYPE bigint", "INSERT INTO company_lake.small(i) VALUES (5000000000)",
            "CALL ducklake_flush_inlined_data('company_lake')", "DELETE FROM company_lake.small WHERE i = 1", "INSERT INTO company_lake.small(i) SELECT range FROM range(1000, 1100)",
            "ALTER TABLE company_lake.small SET PARTITIONED BY (i)", "INSERT INTO company_lake.small(i, t) SELECT range % 3, range FROM range(60)", "ALTER TABLE company_lake.small RENAME t TO title",
            "DELETE FROM company_lake.small WHERE i = 0", "CALL ducklake_merge_adjacent_files('company_lake')", "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)"):
            duck.execute(statement)
            version = duck.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('company_lake')").fetchone()[0]
            assert source_rows(db, foreign(lake, "small")) == lake_rows(duck, "small"), statement
            versions.append((version, statement))
        for version, statement in versions:
            columns = [name for name, *_ in duck.execute(f"DESCRIBE SELECT * FROM company_lake.small AT (VERSION => {version})").fetchall()]
            expected = duck.execute(f"SELECT i, {'title' if 'title' in columns else 't'}, n, epoch_us(tz) FROM company_lake.small AT (VERSION => {version})").fetchall()
            name = foreign(lake, "small", "h.then", version=version)
            ours = db.query(f"SELECT i, {'title' if 'title' in columns else 't'}, n, (extract(epoch FROM tz) * 1000000)::bigint FROM {name}")
            assert sorted(ours, key=repr) == sorted(expected, key=repr), statement
        name = foreign(lake, "theirs")
        assert db.query(f"SELECT i, small, u, h, t, d, n, b, f::float8, li FROM {name}") == [
            (*row[:7], bytes(row[7]), *row[8:]) for row in duck.execute("SELECT i, small, u, h, t, d, n, b, f, li FROM company_lake.theirs ORDER BY i").fetchall()]
        assert db.query(f"SELECT nest, m FROM {name} WHERE i = 7") == [([{"x": 7, "y": 'q"7'}], {"k": 7})]
        duck.execute(insert % (1000, 1002))  # inlined now
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="inlined"):
        db.query(f"SELECT nest FROM {name}")
    assert db.query(f"SELECT count(*), max(i) FROM {name}") == [(1002, 1001)]


def test_a_query_sees_the_lake_as_it_sees_the_tables(lake):
    db = lake.db
    db.query(some_rows(1, 100, 1))
    lake.publish_now()
    name = foreign(lake)
    with db.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchone() == (100,)
        db.query("DELETE FROM every WHERE id > 50")
        lake.publish_now()
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchone() == reader.execute("SELECT count(*) FROM every").fetchone() == (100,)
        reader.execute("COMMIT")
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchone() == (50,)
        # Live and history in one query, and a scan that is begun again for every row.
        assert reader.execute(f"SELECT count(*) FROM every e JOIN {name} h USING (id) WHERE e.t IS NOT DISTINCT FROM h.t").fetchone() == (50,)
        reader.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off")
        assert reader.execute(f"SELECT sum(x) FROM generate_series(1, 60) i CROSS JOIN LATERAL (SELECT count(*) AS x FROM {name} WHERE id = i OFFSET 0) q").fetchone() == (50,)
        with pytest.raises(psycopg.Error, match="cannot delete from foreign table"):
            reader.execute(f"DELETE FROM {name}")
        reader.execute("BEGIN; SAVEPOINT a")
        with pytest.raises(psycopg.errors.DivisionByZero):
            reader.execute(f"SELECT 1 / (id - 20) FROM {name}")
        reader.execute("ROLLBACK TO a")
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchone() == (50,)
        assert reader.execute(f"WITH RECURSIVE w AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM w WHERE i < 50 AND EXISTS (SELECT FROM {name} WHERE id = i)) SELECT count(*) FROM w").fetchone() == (50,)


def test_pruning_is_shown(lake):
    db = lake.db
    for part in range(4):
        db.query(some_rows(1 + part * 1000, 1000, part))
        lake.publish_now()
    name = foreign(lake)
    db.query(f"INSERT INTO every(id) SELECT generate_series(10000, {10000 + 3 * 122880 - 1})")
    lake.publish_now()

    def explain(condition, options="ANALYZE, TIMING OFF, SUMMARY OFF"):
        (plan,), = db.query(f"EXPLAIN (FORMAT JSON, {options}) SELECT id FROM {name} WHERE {condition}")
        return plan[0]["Plan"]

    assert {key: explain("id = 1500", "COSTS OFF")[key] for key in ("Files", "Files Pruned")} == {"Files": 5, "Files Pruned": 4}
    plan = explain("id BETWEEN 140000 AND 140010")
    assert (plan["Files Pruned"], plan["Row Groups"], plan["Row Groups Pruned"], plan["Actual Rows"]) == (4, 3, 2, 11)
    everything = explain("true")
    assert plan["Read"] < everything["Read"] / 2 and abs(everything["Plan Rows"] - everything["Actual Rows"]) < 2
    (plan,), = db.query(f"EXPLAIN (FORMAT JSON, ANALYZE) SELECT * FROM {name}")
    assert plan[0]["Plan"]["Read"] > everything["Read"]


def test_rights(lake):
    db = lake.db
    db.query(some_rows(1, 10, 1))
    version = lake.publish_now()
    name = foreign(lake)
    db.query("DROP ROLE IF EXISTS analyst; CREATE ROLE analyst")
    try:
        with db.connect() as analyst:
            analyst.execute("SET ROLE analyst")
            refused = psycopg.errors.InsufficientPrivilege
            for statement in (f"SELECT FROM {name}", "CREATE SERVER mine FOREIGN DATA WRAPPER pg_trickle_lake OPTIONS (lake 'company_lake')", "SELECT pgtrickle.create_lake_table('mine', table_name => 'every')",
                              "CREATE FOREIGN TABLE mine (id int) SERVER company_lake OPTIONS (table_name 'every')", "SELECT pgtrickle._lake_table_ddl('company_lake', 'x', 'main', 'every', NULL, NULL)"):
                with pytest.raises(refused):
                    analyst.execute(statement)
            db.query(f"GRANT USAGE ON SCHEMA h TO analyst; GRANT SELECT ON {name} TO analyst")
            assert analyst.execute(f"SELECT count(*) FROM {name}").fetchone() == (10,)
            # What the analyst puts in the search path is not what the catalog is read with.
            db.query("CREATE SCHEMA evil AUTHORIZATION analyst")
            analyst.execute("CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'as %', current_user; END $$; CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = text, RIGHTARG = text)")
            analyst.execute("SET search_path = evil, pg_catalog")
            assert analyst.execute(f"SELECT count(*) FROM {name}").fetchone() == (10,)
            analyst.execute("RESET search_path")
            db.query("CREATE SCHEMA own AUTHORIZATION analyst; GRANT USAGE ON FOREIGN SERVER company_lake TO analyst")
            analyst.execute("SELECT pgtrickle.create_lake_table('own.every')")
            assert analyst.execute("SELECT count(*) FROM own.every").fetchone() == (10,)
            analyst.execute("DROP FOREIGN TABLE own.every")
            analyst.execute(f"IMPORT FOREIGN SCHEMA main LIMIT TO (every) FROM SERVER company_lake INTO own OPTIONS (version '{version}')")
        # A file that is not the lake's is not read, whatever the catalog says.
        for path in ("/etc/passwd", "../../../../../etc/passwd", "s3://bucket/file"):
            db.query(f"UPDATE lake.ducklake_data_file SET path = '{path}', path_is_relative = false")
            with pytest.raises(refused, match="not below its data path"):
                db.query(f"SELECT count(*) FROM {name}")
    finally:
        db.query("DROP OWNED BY analyst; DROP ROLE analyst")


def test_import_and_errors(lake):
    db = lake.db
    db.query(some_rows(1, 10, 1) + "; CREATE TABLE two (id int PRIMARY KEY)")
    lake.publish("two")
    first = lake.publish_now()
    db.query("INSERT INTO two VALUES (1)")
    lake.publish_now()
    foreign(lake)
    db.query("CREATE SCHEMA i; IMPORT FOREIGN SCHEMA main FROM SERVER company_lake INTO i")
    assert db.query("SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'i' ORDER BY 1") == [("every",), ("two",)]
    db.query(f"DROP FOREIGN TABLE i.two; IMPORT FOREIGN SCHEMA main EXCEPT (every) FROM SERVER company_lake INTO i OPTIONS (version '{first}')")
    assert db.query("SELECT count(*) FROM i.two") == [(0,)]
    db.query("CREATE FOREIGN TABLE i.cast (number text OPTIONS (column_name 'id'), row bigint OPTIONS (row_id 'true'), j jsonb) SERVER company_lake OPTIONS (table_name 'every')")
    assert db.query("SELECT number, j->>'i', row FROM i.cast WHERE number = '7'") == [("7", "7", 6)]
    for statement, error in (
        ("SELECT pgtrickle.create_lake_table('nothing')", "has no table"), ("SELECT pgtrickle.create_lake_table('x', 'nolake')", "does not exist"), ("SELECT pgtrickle.create_lake_table('x', table_name => 'every', version => 99)", "no snapshot 99"),
        ("SELECT pgtrickle.create_lake_table('x', table_name => 'every', at => '2000-01-01')", "no snapshot at"), ("IMPORT FOREIGN SCHEMA other FROM SERVER company_lake INTO i", "no schema"),
        ("CREATE FOREIGN TABLE i.x (id int) SERVER company_lake OPTIONS (colour 'red')", "unknown option"), ("CREATE FOREIGN TABLE i.x (id int) SERVER company_lake OPTIONS (version 'red')", "cannot be"),
        ("CREATE FOREIGN TABLE i.x (nothing int) SERVER company_lake OPTIONS (table_name 'every'); SELECT * FROM i.x", "not in the lake's table"), ("SELECT pgtrickle.create_lake_table(NULL)", "must not be null")):
        with pytest.raises(psycopg.Error, match=error):
            db.query(statement)
    for file in lake.path.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(psycopg.errors.UndefinedFile, match="is gone"):
        db.query("SELECT count(*) FROM h.every")


def test_a_long_scan_can_be_cancelled(lake):
    db = lake.db
    db.query("INSERT INTO every(id, t) SELECT i, repeat('x', 50) FROM generate_series(1, 300000) i")
    lake.publish_now()
    name = foreign(lake)
    with db.connect() as reader:
        timer = threading.Timer(0.5, reader.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            reader.execute(f"SELECT count(*) FROM {name} a, {name} b WHERE a.id + b.id < 0").fetchone()
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchone() == (300000,)
