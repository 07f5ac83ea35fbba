"""Tables, views and random writers for the tests that break things meanwhile."""

import random
import threading
import time

import psycopg

from box import wait_until
from fuzz.case import Copy
from fuzz.schema import Column, Table
from fuzz.writes import Writer

TABLES = [
    Table("product", [Column("id", "int", nullable=False), Column("kind", "text"), Column("price", "numeric(10,2)")], key="id"),
    Table("sale", [Column("id", "int"), Column("amount", "int"), Column("at", "timestamptz", moves=True), Column("note", "text")]),
]

VIEWS = {
    "rows": "SELECT id, amount, note FROM sale WHERE amount > 0",
    "by_kind": "SELECT p.kind, count(*) AS n, sum(s.amount) AS amount, max(p.price) AS price FROM sale s JOIN product p ON p.id = s.id GROUP BY p.kind",
    "per_product": "SELECT p.id, p.kind, count(s.id) AS n, count(DISTINCT s.note) AS notes FROM product p LEFT JOIN sale s ON s.id = p.id GROUP BY p.id, p.kind",
    "notes": "SELECT DISTINCT note FROM sale UNION ALL SELECT kind FROM product",
    "above": "SELECT n, count(*) AS kinds FROM by_kind GROUP BY n",
    "recent": "SELECT id, count(*) AS n FROM sale WHERE at >= now() - interval '2 seconds' GROUP BY id",
}


def create(db, schedule="calculated"):
    with db.connect() as c:
        for table in TABLES:
            for statement in table.ddl():
                c.execute(statement)
        c.execute("INSERT INTO product SELECT i, 'kind' || i % 3, i FROM generate_series(0, 7) i")
        c.execute("INSERT INTO sale SELECT i % 9, i % 5, now() + (i % 7) * interval '1 s', 'n' || i % 4 FROM generate_series(1, 500) i")
        for name, query in VIEWS.items():
            c.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", [name, query, schedule])


def check(db):
    """Every view equals its query, as it is and after one more refresh, under one snapshot.

    The scheduler rests meanwhile: a tick of its own would be a concurrent update of what this snapshot refreshes.
    """
    db.query("SELECT pgtrickle.pause_all()")
    wait_until(lambda: db.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%' "
                                "AND datname = current_database() AND xact_start IS NOT NULL") == [(0,)], "the tick to end", 60)
    with db.connect() as c:
        c.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for name, query in VIEWS.items():
            assert c.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [name]).fetchone() == (0, 0), name
        for name, query in VIEWS.items():
            c.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
            wrong = c.execute(f"SELECT 'missing', x::text FROM ({query} EXCEPT ALL SELECT * FROM {name}) x "
                              f"UNION ALL SELECT 'unexpected', x::text FROM (SELECT * FROM {name} EXCEPT ALL ({query})) x".replace(f"FROM ({query} EXCEPT", f"FROM (({query}) EXCEPT")).fetchall()
            assert not wrong, (name, wrong)
        c.execute("COMMIT")
    db.query("SELECT pgtrickle.resume_all()")


def follow(db, seconds=60):
    """Every view is brought up to date by the scheduler alone."""
    with db.connect() as c:
        for name in VIEWS:
            assert c.execute("SELECT pgtrickle.wait_for(name => %s, timeout => %s::interval)", [name, f"{seconds} seconds"]).fetchone()[0], \
                c.execute("SELECT * FROM pgtrickle.pgt_status()").fetchall()


class Writers:
    """Threads that write random transactions and outlive the server's death; acknowledged commits are remembered."""

    def __init__(self, db, count=3):
        self.db = db
        self.stop = threading.Event()
        self.acknowledged = [0] * count
        self.errors = []
        with db.connect() as c:
            c.execute("CREATE TABLE IF NOT EXISTS ledger (writer int PRIMARY KEY, last int)")
            c.execute("INSERT INTO ledger SELECT i, 0 FROM generate_series(0, %s) i", [count - 1])
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(count)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()

    def write(self, n):
        writer = Writer(random.Random(n), TABLES, [])
        c, number = None, 0
        while not self.stop.is_set():
            try:
                c = c or self.db.connect()
                number += 1
                statements = [s for s in writer.transaction(0)[1:-1]]
                c.execute("BEGIN")
                c.execute("UPDATE ledger SET last = %s WHERE writer = %s", [number, n])
                for s in statements:
                    if isinstance(s, Copy):
                        with c.cursor() as cur, cur.copy(s.sql()) as copy:
                            copy.write(s.data())
                    else:
                        c.execute(s.sql())
                c.execute("COMMIT")
                if self.db_has(c, n, number):
                    self.acknowledged[n] = number
            except psycopg.Error as e:
                if c is None or (e.sqlstate or "57P01").startswith("57P") or not self.rolled_back(c):
                    c = None
                    time.sleep(0.2)
            time.sleep(writer.rng.choice([0, 0.001, 0.01]))
        if c:
            c.close()

    @staticmethod
    def rolled_back(c):
        """False: the connection is lost, be it in this very moment."""
        try:
            c.execute("ROLLBACK")
            return True
        except psycopg.Error:
            return False

    @staticmethod
    def db_has(c, n, number):
        return c.execute("SELECT last = %s FROM ledger WHERE writer = %s", [number, n]).fetchone()[0]

    def check(self):
        """Nothing that was acknowledged is lost."""
        with self.db.connect() as c:
            for n, number in enumerate(self.acknowledged):
                assert number > 0, f"writer {n} never committed"
                assert c.execute("SELECT last FROM ledger WHERE writer = %s", [n]).fetchone()[0] >= number
