"""TPC-H: tables, data, and changes that reach every one of the 22 queries.

The specification's refresh functions insert new orders and delete old ones; ours update the
other tables too, in the columns that the queries look at: a row takes over what another row says.
"""

from __future__ import annotations

import random

from . import HERE, copy_tables, generator, named_queries

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
QUERIES = named_queries("tpch.sql")

# What someone who joins by these columns has; without them some of the queries read lineitem as a whole for each row.
INDEXES = ("CREATE INDEX ON lineitem (l_partkey, l_suppkey)", "CREATE INDEX ON lineitem (l_suppkey)", "CREATE INDEX ON orders (o_custkey)",
           "CREATE INDEX ON partsupp (ps_suppkey)", "CREATE INDEX ON customer (c_nationkey)", "CREATE INDEX ON supplier (s_nationkey)")

# Columns that a row takes over from another one of its table, which the queries filter, group, join or add up by.
TAKEN = {
    "customer": ("c_acctbal", "c_mktsegment", "c_nationkey, c_phone", "c_comment"),
    "supplier": ("s_acctbal", "s_nationkey", "s_address", "s_comment"),
    "part": ("p_name", "p_brand, p_container", "p_type", "p_size", "p_brand, p_type, p_size"),
    "partsupp": ("ps_supplycost", "ps_availqty"),
    "orders": ("o_orderpriority", "o_orderdate", "o_orderstatus", "o_custkey", "o_comment"),
    "lineitem": ("l_quantity", "l_discount", "l_shipdate, l_commitdate, l_receiptdate", "l_partkey, l_suppkey", "l_returnflag", "l_shipmode, l_shipinstruct"),
}
# Values that the queries name, so that rows enter and leave even those that few rows of a small table are in.
NAMED = {
    "customer": ("c_mktsegment = 'BUILDING'", "c_nationkey = 7, c_phone = '17-100-200-3000'"),
    "supplier": ("s_nationkey = 3", "s_nationkey = 20", "s_nationkey = 7", "s_nationkey = 2"),
    "part": ("p_brand = 'Brand#23', p_container = 'MED BOX', p_size = 5", "p_type = 'ECONOMY ANODIZED STEEL'", "p_name = 'forest green'", "p_type = 'LARGE BRUSHED BRASS', p_size = 15",
             "p_type = 'PROMO BRUSHED TIN'"),
    "partsupp": ("ps_availqty = 1", "ps_supplycost = 1"),
    "orders": ("o_orderstatus = 'F'", "o_orderdate = '1995-03-01'"),
    "lineitem": ("l_quantity = 1", "l_quantity = 15, l_shipmode = 'AIR', l_shipinstruct = 'DELIVER IN PERSON'", "l_shipdate = '1996-01-15', l_receiptdate = '1996-02-01'",
                 "l_commitdate = l_receiptdate + 1"),
}
KEYS = {"customer": "c_custkey", "supplier": "s_suppkey", "part": "p_partkey", "partsupp": "ps_partkey, ps_suppkey", "orders": "o_orderkey", "lineitem": "l_orderkey, l_linenumber"}


def fill(conn, scale: float) -> None:
    duck = generator("tpch")
    duck.execute(f"CALL dbgen(sf = {scale})")
    conn.execute((HERE / "tpch_schema.sql").read_text())
    copy_tables(duck, conn, TABLES)
    duck.close()
    for statement in INDEXES:
        conn.execute(statement)
    conn.execute("VACUUM ANALYZE")


class Changes:
    """Refresh sets of `orders` orders each, with their lineitems; updates of as many rows in proportion."""

    def __init__(self, conn, orders: int, seed: int = 1):
        self.conn, self.orders, self.rng = conn, orders, random.Random(seed)
        self.sizes = {table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in KEYS}
        self.next = conn.execute("SELECT max(o_orderkey) FROM orders").fetchone()[0]

    def share(self, table: str) -> int:
        return max(1, round(self.sizes[table] * self.orders / self.sizes["orders"]))

    def pick(self, table: str, count: int) -> str:
        """A query for the keys of some rows. Blocks are sampled first, or a large table would be sorted to pick a few rows of it."""
        share = min(100, 100 * 20 * count / self.sizes[table] + 1)
        return f"SELECT {KEYS[table]} FROM {table} TABLESAMPLE BERNOULLI ({share:.4f}) REPEATABLE ({self.rng.randrange(10**6)}) ORDER BY hashint8({KEYS[table].split(',')[0]} # {self.rng.randrange(2**31)}) LIMIT {count}"

    def insert(self) -> None:
        """New orders after the likeness of old ones, by other customers; one in ten is large."""
        first, self.next = self.next + 1, self.next + self.orders
        self.conn.execute(f"SELECT setseed({self.rng.random()})")
        self.conn.execute(f"""
            CREATE TEMP TABLE fresh AS SELECT o_orderkey AS old, {first} - 1 + row_number() OVER () AS new, (random() * 60)::int - 30 AS later FROM ({self.pick('orders', self.orders)}) o;
            INSERT INTO orders SELECT new, 1 + (random() * {self.sizes['customer'] - 1})::int, o_orderstatus, o_totalprice + (random() * 1000)::numeric(15,2), o_orderdate + later,
                o_orderpriority, o_clerk, o_shippriority, CASE WHEN new % 9 = 0 THEN 'no special requests' ELSE o_comment END
            FROM fresh JOIN orders ON o_orderkey = old;
            INSERT INTO lineitem SELECT new, l_partkey, l_suppkey, l_linenumber, CASE WHEN new % 10 = 0 THEN 50 ELSE l_quantity END, l_extendedprice, l_discount, l_tax, l_returnflag,
                l_linestatus, l_shipdate + later, l_commitdate, l_receiptdate + later, l_shipinstruct, l_shipmode, l_comment
            FROM fresh JOIN lineitem ON l_orderkey = old;
            DROP TABLE fresh""")

    def delete(self) -> None:
        self.conn.execute(f"""
            CREATE TEMP TABLE old AS {self.pick('orders', self.orders)};
            DELETE FROM lineitem USING old WHERE l_orderkey = old.o_orderkey;
            DELETE FROM orders USING old WHERE orders.o_orderkey = old.o_orderkey;
            DROP TABLE old""")

    def update(self) -> None:
        for table in TAKEN:
            self.update_of(table)

    def update_of(self, table: str) -> None:
        self.take_over(table, self.rng.choice(TAKEN[table]), self.share(table))
        self.name(table, self.rng.choice(NAMED[table]), self.share(table))
        if table == "supplier":
            self.complain()

    def take_over(self, table: str, columns: str, count: int) -> None:
        """`count` rows take over these columns from as many others."""
        names, keys = columns.split(", "), KEYS[table].split(", ")
        same = " AND ".join(f"t.{key} = own.{key}" for key in keys)
        theirs = " AND ".join(f"o.{key} = other.{key}" for key in keys)
        self.conn.execute(f"""
            UPDATE {table} t SET {', '.join(f'{name} = o.{name}' for name in names)}
            FROM (SELECT *, row_number() OVER () AS n FROM ({self.pick(table, count)}) s) own, (SELECT *, row_number() OVER () AS n FROM ({self.pick(table, count)}) s) other, {table} o
            WHERE own.n = other.n AND {same} AND {theirs}""")

    def name(self, table: str, assignments: str, count: int) -> None:
        self.conn.execute(f"UPDATE {table} SET {assignments} WHERE ({KEYS[table]}) IN ({self.pick(table, count)})")

    def complain(self) -> None:
        """A supplier is complained about, or no longer."""
        self.conn.execute(f"""
            UPDATE supplier SET s_comment = CASE WHEN s_comment LIKE '%Customer%Complaints%' THEN 'quiet' ELSE 'Customer had some Complaints' END
            WHERE s_suppkey IN ({self.pick('supplier', 1)})""")

    def one_lineitem(self) -> None:
        """One lineitem has another quantity, price and discount."""
        self.conn.execute(f"UPDATE lineitem SET l_quantity = 51 - l_quantity, l_extendedprice = l_extendedprice + 1, l_discount = 0.1 - l_discount "
                          f"WHERE (l_orderkey, l_linenumber) IN ({self.pick('lineitem', 1)})")
