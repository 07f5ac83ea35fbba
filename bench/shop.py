"""The databases of the bench: the tutorial's shop of one size, with and without stream tables.

The plain one is filled once a run by the demo's generator; the others are copies of it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

DEMO = Path(__file__).parent.parent / "demo"
sys.path.append(str(DEMO))

import generator    # noqa: E402
import queries      # noqa: E402

NEVER = "1000h"     # the schedule of stream tables that only the bench refreshes


class Shop:
    def __init__(self, rows: int):
        self.rows = rows
        self.copies: set[str] = set()
        self.server = connect(os.environ.get("PGDATABASE", "postgres"))
        self.plain = f"bench_{rows}"
        self.customers = max(50, min(20_000, rows // 50))
        self.products = max(20, min(2_000, rows // 250))

    def open(self) -> None:
        drop(self.server, self.plain)
        self.server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.plain)))
        with connect(self.plain) as conn:
            conn.execute((DEMO / "schema.sql").read_text())
            generator.fill(conn, self.rows, customers=self.customers, products=self.products)
            conn.execute("VACUUM ANALYZE")
            conn.execute("CHECKPOINT")

    def copy(self, name: str, schedule: str | None = None, views: bool = True) -> psycopg.Connection:
        """A fresh copy with the extension and the five stream tables, all on `schedule` or each on its own."""
        name = f"{self.plain}_{name}"
        drop(self.server, name)
        self.copies.add(name)
        self.server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
                            .format(sql.Identifier(name), sql.Identifier(self.plain)))
        conn = connect(name)
        conn.execute("CREATE EXTENSION pg_trickle")
        if views:
            create_views(conn, schedule)
            conn.execute("VACUUM ANALYZE")
        return conn

    def drop_copies(self) -> None:
        for name in self.copies:
            drop(self.server, name)
        self.copies.clear()

    def close(self) -> None:
        self.drop_copies()
        drop(self.server, self.plain)
        self.server.close()


def create_views(conn, schedule: str | None) -> None:
    for view in queries.stream_tables():
        if schedule:
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [view.name, view.query, schedule])
        else:
            conn.execute(view.statement)


def connect(database: str) -> psycopg.Connection:
    return psycopg.connect(dbname=database, autocommit=True, row_factory=namedtuple_row, application_name="bench")


@contextmanager
def fresh(server, database: str):
    """A connection to a database of this name with the extension, which is gone afterwards."""
    drop(server, database)
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    try:
        with connect(database) as conn:
            conn.execute("CREATE EXTENSION pg_trickle; SET synchronous_commit = off")
            yield conn
    finally:
        drop(server, database)


def drop(server, database: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def execution_seconds(conn, query: str) -> float:
    """What the server needs for a query, its rows not sent anywhere."""
    plan = conn.execute(f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {query}").fetchone()[0]
    return plan[0]["Execution Time"] / 1000
