"""A database that was dumped and restored has its stream tables, followed and exact, whatever has changed on the way."""

import tempfile

import pytest

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
STRANGERS = ("SELECT relname FROM pg_class c WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind = 'r' AND relname !~ '^log_' "
             "AND NOT EXISTS (SELECT FROM pgtrickle.state s WHERE s.relid = c.oid) AND NOT EXISTS (SELECT FROM pgtrickle.arrangement a WHERE a.relid = c.oid)")


class Copy:
    """What pg_dump says of a database, restored into another of the same box."""

    def __init__(self, db, *options):
        self.box, self.origin, self.name = db.box, db.name, f"{db.name}_copy"
        self.box.query(f'CREATE DATABASE "{self.name}" TEMPLATE template0')
        if "--format=directory" in options:
            self.load_directory(*options)
        else:
            self.load(*options)

    def load(self, *options, stop=True):
        """What it says on the way."""
        script = self.box.run("pg_dump", *options, database=self.origin).stdout
        return self.box.run("psql", "--no-psqlrc", "--quiet", f"--set=ON_ERROR_STOP={int(stop)}", database=self.name, input=script).stderr

    def load_directory(self, *options):
        with tempfile.TemporaryDirectory() as directory:
            self.box.run("pg_dump", *options, "--jobs=3", f"--file={directory}/dump", database=self.origin)
            self.box.run("pg_restore", "--exit-on-error", "--jobs=3", f"--dbname={self.name}", f"{directory}/dump")

    def query(self, sql):
        return self.box.query(sql, self.name)

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


def test_a_dump_without_state_is_as_good(restore):
    """--exclude-table-data makes the dump smaller; a stream table that comes without its rows gets them again."""
    copy = restore("--exclude-table-data=pgtrickle_state.*", "--exclude-table-data=by_customer")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert copy.differing() == []


def test_a_dump_is_restored_by_many_at_once(restore):
    copy = restore("--format=directory")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    assert copy.query("SELECT tgenabled, count(*) FROM pg_trigger WHERE tgname ~ '^pg_trickle' AND tgenabled <> 'A' GROUP BY 1") == []
    copy.query("INSERT INTO customer VALUES (21, 'new')")
    assert copy.differing() == []


@pytest.mark.parametrize("options", [[], ["--disable-triggers"]])
def test_data_restored_into_stream_tables_that_are_there(restore, options):
    """They follow the tables that are loaded; their own rows and their state, which are in the dump as well, are refused."""
    copy = restore("--schema-only")
    assert copy.query("SELECT pgtrickle.restore_stream_tables()") == [(len(VIEWS),)]
    said = copy.load("--data-only", *options, stop=False)
    for name in VIEWS:
        assert f'stream table "{name}" cannot be changed directly' in said
    assert "cannot be loaded" in said
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
