"""A lake table equals its source at every published snapshot, whatever was done to it between."""

import collections
import os

import duckdb
import pytest

from lakes import Lake, lake_rows, one_thread, seeded, source_rows

TABLES = {
    # by one integer, by several columns, by nothing at all, by a key with NULLs, in partitions
    "sale": "CREATE TABLE sale (id bigint PRIMARY KEY, customer int, usd numeric(10,2), at timestamptz, note text)",
    "pair": "CREATE TABLE pair (a text, b int, n int, PRIMARY KEY (a, b))",
    "heap": "CREATE TABLE heap (a int, b text)",
    "loose": "CREATE TABLE loose (k int, v text, UNIQUE NULLS NOT DISTINCT (k))",
    "part": "CREATE TABLE part (id int, region int, v float8, PRIMARY KEY (id, region)) PARTITION BY LIST (region)",
}
PARTITIONS = ["CREATE TABLE part_0 PARTITION OF part FOR VALUES IN (0, 1)", "CREATE TABLE part_1 PARTITION OF part DEFAULT"]

CHANGES = {
    "sale": ["INSERT INTO sale SELECT i, i % 7, i / 3.0, '2024-01-01'::timestamptz + i * interval '1h', repeat('x', i % 9) FROM generate_series({r}, {r} + 20) i ON CONFLICT DO NOTHING",
             "UPDATE sale SET usd = usd + 1 WHERE id % 5 = {r} % 5",
             "UPDATE sale SET id = (SELECT max(id) + 100000 FROM sale) WHERE id = (SELECT min(id) FROM sale)",
             "UPDATE sale SET note = NULL WHERE customer = {r} % 7",
             "DELETE FROM sale WHERE id % 9 = {r} % 9",
             "DELETE FROM sale WHERE id < (SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY id) FROM sale)",
             "MERGE INTO sale USING generate_series({r}, {r} + 5) g ON id = g WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (g, 1, 0, NULL, 'merged')"],
    "pair": ["INSERT INTO pair SELECT chr(97 + i % 5), i, i FROM generate_series({r}, {r} + 9) i ON CONFLICT (a, b) DO UPDATE SET n = excluded.n + 1",
             "UPDATE pair SET a = a || 'z' WHERE b % 6 = {r} % 6 AND length(a) < 4",
             "DELETE FROM pair WHERE b % 4 = {r} % 4"],
    "heap": ["INSERT INTO heap SELECT i % 4, NULLIF('v' || i % 3, 'v0') FROM generate_series(1, 15) i",
             "DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap LIMIT {r} % 12)",
             "UPDATE heap SET a = a + 1 WHERE ctid IN (SELECT ctid FROM heap ORDER BY random() LIMIT 5)"],
    "loose": ["INSERT INTO loose VALUES (NULL, 'n{r}') ON CONFLICT (k) DO UPDATE SET v = excluded.v",
              "INSERT INTO loose VALUES ({r} % 20, 'v') ON CONFLICT (k) DO UPDATE SET v = loose.v || '{r}'",
              "DELETE FROM loose WHERE k IS NULL OR k = {r} % 20"],
    "part": ["INSERT INTO part SELECT i, i % 4, i / 7.0 FROM generate_series({r}, {r} + 8) i ON CONFLICT DO NOTHING",
             "UPDATE part SET region = (region + 1) % 4 WHERE id % 3 = {r} % 3 AND NOT EXISTS (SELECT FROM part p WHERE p.id = part.id AND p.region = (part.region + 1) % 4)",
             "DELETE FROM part WHERE id % 5 = {r} % 5"],
}


def change(connection, random_):
    """One transaction of a few statements, some rolled back in part or in whole."""
    with connection.transaction(force_rollback=random_.random() < 0.1):
        for _ in range(random_.randint(1, 4)):
            table = random_.choice(list(TABLES))
            statement = "TRUNCATE " + table if random_.random() < 0.03 else random_.choice(CHANGES[table]).format(r=random_.randint(0, 60))
            with connection.transaction(force_rollback=random_.random() < 0.15):
                connection.execute(statement)


def test_every_version_equals_its_source(db):
    seed, random_ = seeded()
    for sql in [*TABLES.values(), *PARTITIONS]:
        db.query(sql)
    lake = Lake(db)
    versions = {table: {} for table in TABLES}
    with db.connect() as connection:
        for _ in range(3):
            change(connection, random_)
        for table in TABLES:
            lake.publish(table)
        for _ in range(int(os.environ.get("LAKE_ROUNDS", 25))):
            for _ in range(random_.choice([0, 1, 1, 2, 5])):
                change(connection, random_)
            version = lake.publish_now()
            with lake.duckdb() as duck:
                for table in TABLES:
                    versions[table][version] = source_rows(db, table)
                    assert lake_rows(duck, table) == versions[table][version], f"{table} at {version}, LAKE_SEED={seed}"
    with lake.duckdb() as duck:
        for table, expected in versions.items():
            check_time_travel(duck, table, expected)
            check_changes(duck, table, expected)
    assert lake.files() == lake.listed_files()


def check_time_travel(duck, table, expected):
    for version, rows in expected.items():
        assert lake_rows(duck, table, version) == rows, f"{table} as of {version}"


def check_changes(duck, table, expected):
    """DuckLake's change feed between two versions is the difference between them, row ids and all."""
    for before, after in zip(list(expected), list(expected)[1:]):
        if before == after:
            continue
        net = collections.Counter()
        with one_thread(duck):
            changes = duck.execute(f"SELECT change_type, rowid FROM ducklake_table_changes('company_lake', 'main', '{table}', {before + 1}, {after})").fetchall()
        for kind, *row in changes:
            net[row[0]] += 1 if kind in ("insert", "update_postimage") else -1
        ids = lambda version: collections.Counter(row[0] for row in duck.execute(f"SELECT rowid FROM company_lake.main.{table} AT (VERSION => {version})").fetchall())
        had, has = ids(before), ids(after)
        assert max(has.values(), default=1) == 1, f"{table} at {after}: a row id twice"
        net = collections.Counter({key: value for key, value in net.items() if value})
        has.subtract(had)
        assert net == collections.Counter({key: value for key, value in has.items() if value}), f"changes of {table} from {before} to {after}"


def test_a_snapshot_says_of_when_and_of_what_it_is(db):
    """By time, DuckDB finds the newest snapshot that is not younger; each names the database snapshot and the place in the WAL."""
    db.query("CREATE TABLE t (id int PRIMARY KEY)")
    lake = Lake(db)
    lake.publish("t")
    versions = {lake.publish_now(): 0}
    for id in range(4):
        ((transaction,),) = db.query(f"INSERT INTO t VALUES ({id}) RETURNING pg_current_xact_id()")
        ((before,),) = db.query("SELECT pg_current_wal_lsn()")
        version = lake.publish_now()
        versions[version] = id + 1
        assert db.query(f"""SELECT pg_visible_in_snapshot('{transaction}', (i->>'snapshot')::pg_snapshot), (i->>'lsn')::pg_lsn BETWEEN '{before}' AND pg_current_wal_lsn(), i->'rows'
            FROM (SELECT commit_extra_info::jsonb AS i FROM lake.ducklake_snapshot_changes WHERE snapshot_id = {version}) c""") == [(True, True, {"t": 1})]
    times = dict(db.query("SELECT snapshot_id, snapshot_time FROM lake.ducklake_snapshot"))
    with lake.duckdb() as duck:
        def rows(at: str) -> int:
            return duck.execute(f"SELECT count(*) FROM company_lake.t AT (TIMESTAMP => {at})").fetchone()[0]

        for version, count in versions.items():
            at = f"'{times[version].isoformat()}'::timestamptz"
            assert rows(at) == count and rows(f"{at} + interval '1 hour'" if version == max(versions) else f"'{times[version + 1].isoformat()}'::timestamptz - interval '1 microsecond'") == count
        with pytest.raises(duckdb.Error, match="does not exist|No snapshot found"):
            rows(f"'{times[min(versions)].isoformat()}'::timestamptz - interval '1 microsecond'")
