"""The promises that the demo puts to the test, once nobody writes any more."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from shells import LAKE, Box, quoted

# Of the tests, and only if the engines are asked for.
sys.path += [str(Path(__file__).resolve().parent.parent / "test" / part) for part in ("", "e2e")]


@dataclass
class Outcome:
    promise: str
    held: bool
    evidence: str


def all_of(box: Box, conn, views, refreshes, archives: dict[str, str], readers=()):
    """Yields an outcome per check, as it is known; a check that cannot be made has failed."""
    for view in views:
        yield outcome(f"{view} equals its query", view_is_exact, conn, view)
    yield outcome("no refresh failed", no_refresh_failed, conn, refreshes)
    yield outcome("the lake takes a snapshot now", lake_snapshot, conn)
    for source, archive in archives.items():
        yield outcome(f"{LAKE}.{archive} equals {source}", lake_equals_source, box, conn, source, archive)
    for reader in readers:
        for source, archive in archives.items():
            yield outcome(f"{LAKE}.{archive} equals {source} in {reader.name}", reader.equals, conn, source, archive)
        reader.stop()


def outcome(promise: str, check, *args) -> Outcome:
    try:
        return Outcome(promise, *check(*args))
    except Exception as error:
        return Outcome(promise, False, str(error).strip())


def view_is_exact(conn, view: str):
    result = conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [view]).fetchone()
    rows = conn.execute(f"SELECT count(*) FROM {view}").fetchone()[0]
    return result.missing == 0 and result.unexpected == 0, difference(rows, result.missing, result.unexpected)


def no_refresh_failed(conn, refreshes):
    refreshes.look(conn)
    return refreshes.failed == 0, f"{refreshes.total():,} refreshes, {refreshes.failed:,} errors"


def lake_snapshot(conn):
    return True, f"snapshot {conn.execute('SELECT pgtrickle.publish_now(%s)', [LAKE]).fetchone()[0]}"


def lake_equals_source(box: Box, conn, source: str, archive: str):
    """DuckDB reads both and subtracts them either way, duplicates counted."""
    columns = box.duckdb_rows(f"DESCRIBE {LAKE}.{archive}")
    expected = [row[0] for row in conn.execute(f"SELECT * FROM {source} LIMIT 0").description]
    names = [column["column_name"] for column in columns]
    if names != expected:
        return False, f"columns {names}, expected {expected}"
    select = f"SELECT {', '.join(as_in_the_lake(**column) for column in columns)} FROM {source}"
    rows, missing, unexpected = box.duckdb_rows(f"""
        CREATE TEMP TABLE source AS FROM postgres_query('pg', {quoted(select)});
        CREATE TEMP TABLE lake AS FROM {LAKE}.{archive};
        SELECT (SELECT count(*) FROM lake) AS rows,
               (SELECT count(*) FROM (FROM source EXCEPT ALL FROM lake)) AS missing,
               (SELECT count(*) FROM (FROM lake EXCEPT ALL FROM source)) AS unexpected""")[0].values()
    return missing == 0 and unexpected == 0, difference(rows, missing, unexpected)


def as_in_the_lake(column_name: str, column_type: str, **_) -> str:
    """A numeric without precision gets the one that it has in the lake: DuckDB would read it as a double."""
    name = '"' + column_name.replace('"', '""') + '"'
    return f"{name}::{column_type.replace('DECIMAL', 'numeric')} AS {name}" if column_type.startswith("DECIMAL") else name


class Reader:
    """One of the engines that read Iceberg, started when it is asked for the first time: a JVM takes a gigabyte."""

    def __init__(self, kind, box: Box):
        self.kind, self.name, self.engine = kind, kind.name, None
        env = {name: value for name, value in os.environ.items() if box.on_s3 or name != "ONEBOX_S3_ENDPOINT"}
        server = SimpleNamespace(host=env["PGHOST"], port=env["PGPORT"], user=env["PGUSER"], password=env["PGPASSWORD"], env=env)
        self.lake = SimpleNamespace(name=LAKE, schema="public", path=box.data_path, db=SimpleNamespace(name=env["PGDATABASE"], box=server))

    def equals(self, conn, source: str, archive: str):
        import engines
        import lakes

        self.engine = self.engine or self.kind(Path(os.environ["ONEBOX_BOX"]) / "log" / f"{self.name}.log")
        database = SimpleNamespace(query=lambda sql: conn.execute(sql).fetchall())
        expected = lakes.source_rows(database, source)
        found = engines.alike(self.engine.rows(self.lake, archive), engines.types_of(database, source))
        return found == expected, difference(found.total(), (expected - found).total(), (found - expected).total())

    def stop(self) -> None:
        if self.engine:
            self.engine.stop()


def readers(box: Box) -> list[Reader]:
    import engines

    return [Reader(kind, box) for kind in (engines.PyIceberg, engines.Spark, engines.Trino)]


def difference(rows: int, missing: int, unexpected: int) -> str:
    return f"{rows:,} rows: {missing:,} missing, {unexpected:,} unexpected"
