"""TPC-DS as a list of what people write: 99 queries, as DuckDB's extension tells them when it is asked.

The tables are cut to the years that the queries speak of. PostgreSQL takes the texts as they are; where LIMIT
chooses among rows that ORDER BY holds equal, all columns are ordered by after that, or there would be several right answers.
"""

from __future__ import annotations

import random
import re

from . import copy_tables, generator

# Columns that are a key; of other tables it is the first.
KEYS = {
    "store_sales": "ss_item_sk, ss_ticket_number", "store_returns": "sr_item_sk, sr_ticket_number", "catalog_sales": "cs_item_sk, cs_order_number",
    "catalog_returns": "cr_item_sk, cr_order_number", "web_sales": "ws_item_sk, ws_order_number", "web_returns": "wr_item_sk, wr_order_number",
    "inventory": "inv_date_sk, inv_item_sk, inv_warehouse_sk",
}
FACTS = tuple(KEYS)
KEPT = {"date_dim": "d_year BETWEEN 1998 AND 2003", "inventory": "inv_item_sk % 3 = 0"}


def fill(conn, scale: float = 0.01) -> dict[str, str]:
    """Tables and data; the queries by their names."""
    duck = generator("tpcds")
    duck.execute(f"CALL dsdgen(sf = {scale})")
    tables = duck.execute("SELECT table_name, sql FROM duckdb_tables() ORDER BY 1").fetchall()
    for name, statement in tables:
        if name in KEPT:
            duck.execute(f"DELETE FROM {name} WHERE NOT ({KEPT[name]})")
        conn.execute(statement.replace("VARCHAR", "text"))
    copy_tables(duck, conn, [name for name, _ in tables])
    for name, _ in tables:
        conn.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({key(conn, name)})")
    conn.execute("VACUUM ANALYZE")
    queries = {f"q{number:02}": text.strip().removesuffix(";") for number, text in duck.execute("SELECT query_nr, query FROM tpcds_queries() ORDER BY 1").fetchall()}
    duck.close()
    return {name: without_ties(conn, text) for name, text in queries.items()}


def key(conn, table: str) -> str:
    return KEYS.get(table) or columns(conn, table)[0]


def columns(conn, table: str) -> list[str]:
    return [column.name for column in conn.execute(f"SELECT * FROM {table} LIMIT 0").description]


def without_ties(conn, text: str) -> str:
    limit = re.search(r"\s*LIMIT \d+$", text)
    if not limit or not orders_at_the_end(text):
        return text
    width = len(conn.execute(f"SELECT * FROM ({text}) q LIMIT 0").description)
    return text[:limit.start()] + "".join(f", {n + 1}" for n in range(width)) + limit.group()


def orders_at_the_end(text: str) -> bool:
    """Whether the last ORDER BY is that of the whole query, not of one inside."""
    after = re.split(r"ORDER\s+BY", text, flags=re.IGNORECASE)
    return len(after) > 1 and after[-1].count("(") == after[-1].count(")")


def page(modes: dict[str, str]) -> str:
    """docs/tpcds.md, from what modes() says of each query."""
    kept = sum(mode == "DIFFERENTIAL" for mode in modes.values())
    lines = ["# TPC-DS", "", "Made by `docs/tpcds.py`. Each of the 99 queries is a stream table, as DuckDB's extension tells it, and equal to its query after random changes "
             f"of every table (`test/e2e/test_tpcds.py`). {kept} are maintained by their changes; none is refused.", "", "| query | maintained | why not by its changes |", "|---|---|---|"]
    for name, mode in sorted(modes.items()):
        lines.append(f"| {name} | by its changes | |" if mode == "DIFFERENTIAL" else f"| {name} | recomputed, the difference applied | {mode} |")
    return "\n".join(lines) + "\n"


def kept_by_changes(text: str) -> list[str]:
    return re.findall(r"^\| (\w+) \| by its changes", text, flags=re.MULTILINE)


class Changes:
    """Sales come and go, and rows of every table take over columns of others."""

    def __init__(self, conn, seed: int = 1):
        self.conn, self.rng = conn, random.Random(seed)
        keyed = conn.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p' AND connamespace = 'public'::regnamespace ORDER BY 1").fetchall()
        self.tables = [name for (name,) in keyed if conn.execute(f"SELECT count(*) > 1 FROM {name}").fetchone()[0]]

    def delete_and_insert(self, share: float = 0.02) -> None:
        """Facts are deleted; what was deleted before comes back with other measures."""
        for table in FACTS:
            gone = f"gone_{table}"
            self.conn.execute(f"CREATE TABLE IF NOT EXISTS {gone} AS SELECT * FROM {table} LIMIT 0")
            self.conn.execute(f"UPDATE {gone} SET {self.rng.choice(self.measures(table))} = {self.rng.randint(1, 60)}")
            self.conn.execute(f"INSERT INTO {table} SELECT * FROM {gone}; TRUNCATE {gone}")
            keys = KEYS[table]
            self.conn.execute(f"WITH old AS (DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {table} WHERE abs(hashtext(({keys})::text || '{self.rng.random()}')) % 1000 < {share * 1000}) RETURNING *) INSERT INTO {gone} SELECT * FROM old")

    def measures(self, table: str) -> list[str]:
        return [name for name in columns(self.conn, table) if not name.endswith("_sk") and not name.endswith("_number")]

    def update(self) -> None:
        """In each table some rows take over some columns from others."""
        for table in self.tables:
            keys = key(self.conn, table).split(", ")
            names = self.rng.sample(others := [name for name in columns(self.conn, table) if name not in keys], min(3, len(others)))
            same, theirs = (" AND ".join(f"{a}.{k} = {b}.{k}" for k in keys) for a, b in (("t", "own"), ("o", "other")))
            self.conn.execute(f"UPDATE {table} t SET {', '.join(f'{name} = o.{name}' for name in names)} FROM {self.pick(table, keys)} own, {self.pick(table, keys)} other, {table} o "
                              f"WHERE own.n = other.n AND {same} AND {theirs}")

    def pick(self, table: str, keys: list[str]) -> str:
        names = ", ".join(keys)
        return f"(SELECT {names}, row_number() OVER () AS n FROM (SELECT {names} FROM {table} ORDER BY hashtext(({names})::text || '{self.rng.random()}') LIMIT (SELECT 2 + count(*) / 40 FROM {table})) s)"
