"""Standard benchmarks as stream tables, for the tests (exact after every change) and the bench (how fast).

    tpch.py, tpch.sql, tpch_schema.sql    TPC-H: 22 queries, DuckDB's generator, changes of every table
    tpcds.py                              TPC-DS: 99 queries and their tables, as DuckDB tells them
    nexmark.py, nexmark.sql               Nexmark: people, auctions and bids as they come in
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import duckdb
import psycopg

HERE = Path(__file__).parent
NEVER = "1000h"     # the schedule of stream tables that only their test refreshes


def named_queries(file: str) -> dict[str, str]:
    """Queries of a file by the name in the comment above each."""
    pieces = re.split(r"^-- (\w+): .*\n", (HERE / file).read_text(), flags=re.MULTILINE)[1:]
    return {name: text.strip().removesuffix(";") for name, text in zip(pieces[::2], pieces[1::2])}


def generator(extension: str) -> duckdb.DuckDBPyConnection:
    duck = duckdb.connect(config={"extension_directory": os.environ["ONEBOX_DUCKDB_EXTENSIONS"]})
    duck.execute(f"LOAD {extension}")
    return duck


def copy_tables(duck, conn, tables) -> None:
    """Tables of DuckDB into tables of the same name and columns."""
    with tempfile.TemporaryDirectory() as directory:
        for table in tables:
            file = Path(directory) / f"{table}.csv"
            duck.execute(f"COPY {table} TO '{file}' (FORMAT csv, HEADER false)")
            with open(file, "rb") as rows, conn.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
                while data := rows.read(1 << 20):
                    copy.write(data)
            file.unlink()


def create(conn, queries: dict[str, str]) -> dict[str, str]:
    """A stream table for each query, by its name, maintained by changes if it can be; how each is (see modes)."""
    for name, query in queries.items():
        try:
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [name, query, NEVER])
        except psycopg.errors.FeatureNotSupported:
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'AUTO')", [name, query, NEVER])
    return modes(conn)


def modes(conn) -> dict[str, str]:
    """Stream table → DIFFERENTIAL, or why it is recomputed."""
    return dict(conn.execute("SELECT relid::regclass::text, CASE effective_mode WHEN 'FULL' THEN mode_reason ELSE effective_mode END FROM pgtrickle.stream_table ORDER BY 1").fetchall())


def tick(conn, names) -> None:
    """Refreshes all of them in one transaction, under one snapshot."""
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    for name in names:
        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
    conn.execute("COMMIT")


def differences(conn, queries: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Stream table → rows that it lacks and rows that it has too many, for those that are not equal to their query."""
    def count(name, query):
        return (f"SELECT * FROM (WITH q AS MATERIALIZED ({query}) SELECT '{name}' AS name, (SELECT count(*) FROM (SELECT * FROM q EXCEPT ALL SELECT * FROM {name}) d) AS missing, "
                f"(SELECT count(*) FROM (SELECT * FROM {name} EXCEPT ALL SELECT * FROM q) d) AS unexpected) compared")

    rows = conn.execute(" UNION ALL ".join(count(name, query) for name, query in queries.items())).fetchall()
    return {name: (missing, unexpected) for name, missing, unexpected in rows if missing or unexpected}


def contents(conn, names) -> dict[str, tuple[int, str]]:
    """Stream table → its rows and a digest of them, to see whether it has changed."""
    return {name: conn.execute(f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t").fetchone() for name in names}
