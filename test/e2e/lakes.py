"""What lake tests share: a lake in a database, its tables read through DuckDB, and comparison with PostgreSQL."""

from __future__ import annotations

import collections
import os
import random
import struct
import threading
import time
from contextlib import contextmanager

import duckdb
import psycopg


class Lake:
    """A lake called company_lake in metadata schema `lake`, whose tables are published on demand."""

    def __init__(self, db, name: str = "company_lake", schema: str = "lake", options: str = "{}"):
        self.db, self.name, self.schema = db, name, schema
        self.path = db.box.lake / db.name / name
        db.query(f"SELECT pgtrickle.create_lake('{name}', '{self.path}', '{schema}', '{options}')")

    def publish(self, relation: str, **arguments) -> None:
        arguments.setdefault("schedule", "1h")
        named = "".join(f", {key} => '{value}'" for key, value in arguments.items())
        self.db.query(f"SELECT pgtrickle.publish('{relation}', '{self.name}'{named})")

    def publish_now(self) -> int:
        return self.db.query(f"SELECT pgtrickle.publish_now('{self.name}')")[0][0]

    def status(self, table: str) -> dict:
        with self.db.connect() as connection:
            cursor = connection.execute("SELECT * FROM pgtrickle.lake_status() WHERE table_name = %s", [table])
            return dict(zip([column.name for column in cursor.description], cursor.fetchone()))

    @contextmanager
    def duckdb(self):
        connection = self.db.duckdb(self.schema)
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, table: str, version: int | None = None) -> collections.Counter:
        with self.duckdb() as connection:
            return lake_rows(connection, table, version)

    def files(self) -> set[str]:
        return {str(file) for file in self.path.rglob("*") if file.is_file()}

    def files_and_listed(self) -> tuple[set[str], set[str]]:
        """Of one moment: nothing is being written, and no snapshot came in between, of the lake or of Iceberg, which may lag."""
        while True:
            listed, files = self.listed_files(), self.files()
            if not self.db.query("SELECT FROM pgtrickle.lake_upload") and listed == self.listed_files():
                return files, listed
            time.sleep(0.05)

    def listed_files(self) -> set[str]:
        """Every file that some snapshot names, or that is scheduled for removal."""
        s = self.schema
        return {str(self.path / path) for (path,) in self.db.query(f"""
            SELECT sc.path || t.path || f.path FROM (SELECT table_id, path FROM {s}.ducklake_data_file UNION ALL SELECT table_id, path FROM {s}.ducklake_delete_file) f
            JOIN (SELECT DISTINCT table_id, schema_id, path FROM {s}.ducklake_table) t USING (table_id) JOIN {s}.ducklake_schema sc USING (schema_id)
            UNION SELECT path FROM {s}.ducklake_files_scheduled_for_deletion
            UNION SELECT manifest_list FROM pgtrickle.iceberg_snapshot UNION SELECT path FROM pgtrickle.iceberg_manifest UNION SELECT path FROM pgtrickle.iceberg_metadata
            UNION SELECT path FROM pgtrickle.iceberg_file WHERE ours""")}


class Writer(threading.Thread):
    """Writes what statement() says until told to stop, and connects again whenever the server went."""

    def __init__(self, db, seed: int, pause: float):
        super().__init__()
        self.db, self.pick, self.pause, self.over = db, random.Random(seed), pause, threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                with self.db.connect(connect_timeout=5) as connection:
                    while not self.over.is_set():
                        connection.execute(self.statement())
                        time.sleep(self.pause)
            except psycopg.Error:
                time.sleep(0.2)

    def statement(self) -> str:
        raise NotImplementedError


def seeded() -> tuple[int, random.Random]:
    """A seed, of its own or LAKE_SEED, and random numbers from it; it is printed, so that a failure can be had again."""
    seed = int(os.environ.get("LAKE_SEED", random.randrange(1 << 30)))
    print(f"LAKE_SEED={seed}")
    return seed, random.Random(seed)


@contextmanager
def one_thread(duck: duckdb.DuckDBPyConnection):
    """For DuckDB's feed: of files that several threads open at once DuckDB 1.5.5 now and then tells that rows went when they had come."""
    duck.execute("SET threads = 1")
    yield
    duck.execute("RESET threads")


def comments(duck: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """What DuckDB shows: of the table (''), of its columns."""
    of = f"WHERE database_name = 'company_lake' AND table_name = '{table}' AND comment IS NOT NULL"
    return dict(duck.execute(f"SELECT '', comment FROM duckdb_tables() {of} UNION ALL SELECT column_name, comment FROM duckdb_columns() {of}").fetchall())


def lake_rows(connection: duckdb.DuckDBPyConnection, table: str, version: int | None = None) -> collections.Counter:
    """The rows as a bag, values in a form that both sides can be brought to."""
    columns = connection.execute(f"DESCRIBE company_lake.main.\"{table}\"").fetchall()
    at = "" if version is None else f" AT (VERSION => {version})"
    return bag(connection.execute(f"SELECT {', '.join(map(lake_value, columns))} FROM company_lake.main.\"{table}\"{at}").fetchall())


def lake_value(column) -> str:
    name, type = f'"{column[0]}"', column[1]
    if type.startswith("TIMESTAMP"):
        return f"epoch_us({name})" if not type.endswith("[]") else f"list_transform({name}, lambda x: epoch_us(x))"
    return f"{name}::varchar" if type == "JSON" else name


def source_rows(db, relation: str) -> collections.Counter:
    columns = db.query(f"SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")
    return bag(db.query(f"SELECT {', '.join(map(source_value, columns))} FROM {relation}"))


def source_value(column) -> str:
    name, type = f'"{column[0]}"', column[1]
    if type.startswith("timestamp") and type.endswith("[]"):
        return f"(SELECT CASE WHEN {name} IS NOT NULL THEN coalesce(array_agg((extract(epoch FROM x) * 1000000)::bigint ORDER BY n), '{{}}') END FROM unnest({name}) WITH ORDINALITY u(x, n))"
    if type.startswith("timestamp"):
        return f"(extract(epoch FROM {name}) * 1000000)::bigint"
    cast = {"json": "::text", "jsonb": "::text", "mood": "::text", "real": "::float8"}
    return name + cast.get(type, "")


def bag(rows) -> collections.Counter:
    return collections.Counter(tuple(map(plain, row)) for row in rows)


def plain(value):
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("<d", value)
    if isinstance(value, list):
        return tuple(map(plain, value))
    if isinstance(value, dict):
        return tuple((name, plain(of)) for name, of in value.items())
    return bytes(value) if isinstance(value, memoryview) else value
