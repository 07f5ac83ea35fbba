"""A database that was dumped and restored has its stream tables, followed and exact, whatever has changed on the way."""

import re
import subprocess
import tempfile

import pytest

from box import Database
from lakes import Lake, source_rows

VIEWS = {
    "by_customer": ("1h", "SELECT c.id, c.name, count(o.id) AS orders, sum(o.total) AS total, max(o.at) AS last FROM customer c "
                          "LEFT JOIN orders o ON o.customer = c.id GROUP BY c.id, c.name"),
    "recent": ("calculated", "SELECT o.id, c.name, o.total FROM orders o JOIN customer c ON c.id = o.customer WHERE o.at > now() - interval '1 day'"),
    "names": ("1h", "SELECT DISTINCT name FROM customer"),
    "busy": ("30s", "SELECT name, orders FROM by_customer WHERE orders > 1"),
    "nightly": ("30 2 * * mon-fri", "SELECT name, count(*) AS n FROM customer GROUP BY name"),
    "at_once": ("calculated", "SELECT customer, sum(total) AS total FROM orders GROUP BY customer"),
    "ranked": ("1h", "SELECT id, rank() OVER (ORDER BY total DESC) FROM by_customer"),
}
STRANGERS = ("SELECT relname FROM pg_class c WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind IN ('r', 'S') AND NOT EXISTS (SELECT FROM pg_depend d "
             "WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')")


class Copy:
    """What pg_dump says of a database, restored into another of the same box."""

    def __init__(self, db, *options):
        self.box, self.origin, self.name = db.box, db.name, f"{db.name}_copy"
        self.box.query(f'CREATE DATABASE "{self.name}" TEMPLATE template0')
        if "--format=directory" in options:
            self.load_directory(*options)
        else:
            self.load(*options)

    def script(self, *options):
        return self.box.run("pg_dump", *options, database=self.origin).stdout

    def load(self, *options, stop=True):
        """What it says on the way."""
        return self.box.run("psql", "--no-psqlrc", "--quiet", f"--set=ON_ERROR_STOP={int(stop)}", database=self.name, input=self.script(*options)).stderr

    def load_directory(self, *options):
        with tempfile.TemporaryDirectory() as directory:
            self.box.run("pg_dump", *options, "--jobs=3", f"--file={directory}/dump", database=self.origin)
            self.box.run("pg_restore", "--exit-on-error", "--jobs=3", f"--dbname={self.name}", f"{directory}/dump")

    def query(self, sql):
        return self.box.query(sql, self.name)

    def connect(self, **options):
        return self.box.connect(self.name, **options)

    def duckdb(self, lake=None):
        return self.box.duckdb(self.name, lake)

    def differing(self):
        return [name for name in VIEWS if self.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{name}')") != [(0, 0)]]

    def drop(self):
        self.box.query(f'DROP DATABASE "{self.name}" WITH (FORCE)')


@pytest.fixture
def shop(db):
    db.query("CREATE TABLE customer (id int PRIMARY KEY, name text)")
    db.query("CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customer, total numeric(10,2), at timestamptz DEFAULT now())")
    db.query("INSERT INTO customer SELECT i, 'c' || i % 7 FROM generate_series(1, 20) i")
    db.query("INSERT INTO orders SELECT i, 1 + i % 15, i, now() - i * interval '1 hour' FROM generate_series(1, 60) i")
    for name, (schedule, query) in VIEWS.items():
        db.query(f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '{schedule}')")
    db.query("CREATE INDEX mine ON by_customer (total)")
    db.query("SELECT pgtrickle.alter_stream_table('busy', schedule => '2m')")
    db.query("SELECT pgtrickle.pause_stream_table('names')")
    db.query("SELECT pgtrickle.alter_stream_table('at_once', refresh_mode => 'IMMEDIATE')")
    return db


@pytest.fixture
def restore(shop):
    copies = []
    yield lambda *options: copies.append(Copy(shop, *options)) or copies[-1]
    for copy in copies:
        copy.drop()


def test_a_dump_brings_stream_tables_back(shop, restore):
    copy = restore()
    assert copy.query("SELECT count(*) FROM by_customer") == [(20,)]
    assert ("restored", "warning") in copy.query("SELECT check_name, severity FROM pgtrickle.health_check()")
    # What changes before the stream tables are followed again is not lost, and rows that are right are left alone.
    copy.query("INSERT INTO customer VALUES (21, 'new')")
    before = copy.query("SELECT id, ctid::text FROM by_customer")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert copy.query("SELECT id FROM by_customer WHERE id = 21") == [(21,)]
    assert set(before) <= set(copy.query("SELECT id, ctid::text FROM by_customer"))

    described = "SELECT name, schedule, period, refresh_mode, effective_mode, status, query, settings FROM pgtrickle.stream_tables_info ORDER BY name"
    assert copy.query(described) == shop.query(described)
    copy.query("INSERT INTO orders VALUES (1000, 21, 5), (1001, 21, 6)")
    copy.query("UPDATE customer SET name = 'renamed' WHERE id = 1")
    copy.query("DELETE FROM orders WHERE id < 10")
    assert copy.differing() == []
    assert copy.query("SELECT mode FROM pgtrickle.refresh_stream_table('by_customer')") == [("NO_DATA",)]
    assert copy.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'") == [(1,)]
    assert copy.query(STRANGERS) == []
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(0,)]
    for name in reversed(VIEWS):
        copy.query(f"SELECT pgtrickle.drop_stream_table('{name}')")


def test_a_dump_without_the_rows_of_a_stream_table(restore):
    copy = restore("--exclude-table-data=by_customer")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert copy.differing() == []


def test_a_dump_is_restored_by_many_at_once(restore):
    copy = restore("--format=directory")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert copy.query("SELECT tgenabled, count(*) FROM pg_trigger WHERE tgname ~ '^pg_trickle' "
                      "AND tgenabled <> CASE tgname WHEN 'pg_trickle_guard_replica' THEN 'R' ELSE 'A' END GROUP BY 1") == []
    copy.query("INSERT INTO customer VALUES (21, 'new')")
    assert copy.differing() == []


@pytest.mark.parametrize("options", [[], ["--disable-triggers"], ["--inserts"]])
def test_data_restored_into_stream_tables_that_are_there(restore, options):
    """They follow the tables that are loaded; their own rows, which are in the dump as well, are refused, and their state is not in it."""
    copy = restore("--schema-only")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert "pgtrickle_state" not in copy.script("--data-only", *options)
    said = copy.load("--data-only", *options, stop=False)
    for name in VIEWS:
        assert f'stream table "{name}" cannot be changed directly' in said
    assert copy.differing() == []
    copy.query("UPDATE orders SET total = total + 1 WHERE id % 3 = 0")
    copy.query("DELETE FROM customer WHERE id > 15")
    assert copy.differing() == []


def test_a_dump_without_the_queries_says_so(shop, restore):
    shop.query("CREATE SCHEMA apart")
    shop.query("CREATE TABLE apart.t (x int)")
    shop.query("SELECT pgtrickle.create_stream_table('apart.v', 'SELECT x FROM apart.t', '1h')")
    copy = restore("--schema-only", "--exclude-schema=apart", "--exclude-schema=pgtrickle_state")
    copy.load("--schema=apart")
    assert ("apart.v came with a dump without its query and is not followed yet",) in copy.query("SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'restored'")


def test_a_dump_is_restored_by_another_role_than_a_superuser(shop, tmp_path):
    """Whoever may make views in pgtrickle_state; everything is his then, and what only a superuser may make is left out of the list."""
    box, name = shop.box, f"{shop.name}_copy"
    as_her = {"env": box.env | {"PGDATABASE": name, "PGUSER": "restorer", "PGPASSWORD": "secret"}}
    box.query("CREATE ROLE restorer LOGIN PASSWORD 'secret'")
    box.query(f'CREATE DATABASE "{name}" TEMPLATE template0 OWNER restorer')
    box.query("CREATE EXTENSION pg_trickle", name)
    box.query("GRANT CREATE ON SCHEMA pgtrickle_state TO restorer", name)
    try:
        box.run("pg_dump", "--format=custom", f"--file={tmp_path}/dump", database=shop.name)
        contents = box.run("pg_restore", "--list", f"{tmp_path}/dump").stdout.splitlines(keepends=True)
        (tmp_path / "list").write_text("".join(line for line in contents if not re.search(r" EXTENSION | TRIGGER .* pg_trickle_\d", line)))
        subprocess.run([box.bindir / "pg_restore", "--exit-on-error", "--no-owner", f"--use-list={tmp_path}/list", f"--dbname={name}", f"{tmp_path}/dump"],
                       check=True, capture_output=True, **as_her)
        box.query("REVOKE CREATE ON SCHEMA pgtrickle_state FROM restorer", name)
        assert box.query("SELECT pgtrickle.restore_stream_tables()", name) == [(len(VIEWS),)]
        assert box.query("SELECT DISTINCT owner::text FROM pgtrickle.stream_tables_info", name) == [("restorer",)]
        subprocess.run([box.bindir / "psql", "--set=ON_ERROR_STOP=1", "--command=INSERT INTO customer VALUES (21, 'new'); UPDATE orders SET total = total + 1 WHERE id < 9"],
                       check=True, capture_output=True, **as_her)
        assert [v for v in VIEWS if box.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{v}')", name) != [(0, 0)]] == []
    finally:
        box.query(f'DROP DATABASE "{name}" WITH (FORCE)')
        box.query("DROP ROLE restorer")


def test_a_copy_is_published_anew(shop, restore):
    """Into a lake of its own; the original's is not touched, and nothing of its books is in the way."""
    original = Lake(shop)
    original.publish("by_customer", types='{"interval": "text"}', sort_by="{total}")
    original.publish("orders")
    original.publish_now()
    files = original.files()
    copy = restore()
    assert copy.query("SELECT count(*) FROM pgtrickle.lake_status()") == [(0,)]
    assert copy.query(STRANGERS) == []
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    shop.query("DELETE FROM orders WHERE id < 5")
    own = Lake(copy, schema="own_lake")
    for relation in ("orders", "by_customer"):
        own.publish(relation)
    copy.query("DELETE FROM orders WHERE id > 50")
    own.publish_now()
    for relation in ("orders", "by_customer"):
        assert own.rows(relation) == source_rows(copy, relation)
    copy.query("SELECT pgtrickle.drop_lake('company_lake', cascade => true)")
    assert copy.query(STRANGERS) == []
    original.publish_now()
    assert original.rows("orders") == source_rows(shop, "orders")
    assert files <= original.files()


@pytest.mark.slow
def test_a_whole_cluster_is_dumped_and_restored(own_box):
    """pg_dumpall | psql: with the roles that own stream tables, and their rights."""
    own_box.query("CREATE ROLE seller LOGIN")
    shop = Database(own_box, "shop")
    shop.query("GRANT CREATE ON SCHEMA public TO seller")
    ask = "SELECT g, n FROM per_group ORDER BY g"
    with shop.connect() as connection:
        connection.execute("SET ROLE seller")
        connection.execute("CREATE TABLE item (id int PRIMARY KEY, g int)")
        connection.execute("INSERT INTO item SELECT i, i % 3 FROM generate_series(1, 30) i")
        connection.execute("SELECT pgtrickle.create_stream_table('per_group', 'SELECT g, count(*) AS n, count(DISTINCT id % 5) AS d FROM item GROUP BY g', '1h')")
    before = shop.query(ask)
    script = own_box.run("pg_dumpall", "--no-role-passwords").stdout
    shop.drop()
    own_box.query("DROP ROLE seller")
    own_box.run("psql", "--no-psqlrc", "--quiet", database="postgres", input=script)
    # The rows are there without a full refresh: those of the dump are right.
    [(places,)] = shop.query("SELECT array_agg(ctid::text ORDER BY g) FROM per_group")
    assert shop.query("SELECT pgtrickle.restore_stream_tables()") == [(1,)]
    assert shop.query("SELECT array_agg(ctid::text ORDER BY g) FROM per_group") == [(places,)]
    assert shop.query(ask) == before
    assert shop.query("SELECT name, owner::text, status, effective_mode FROM pgtrickle.stream_tables_info") == [("per_group", "seller", "ACTIVE", "DIFFERENTIAL")]
    shop.query("UPDATE item SET g = g + 1 WHERE id % 4 = 0")
    assert shop.query("SELECT missing, unexpected FROM pgtrickle.verify('per_group')") == [(0, 0)]
