"""A large table comes into the lake in parts: while it is written to, and while trickle-lake and PostgreSQL are killed.

What every lake snapshot must show is told by an audit of its own: each version of a row that came or went, and by which transaction.
"""

import os
import random
import signal
import time

import pytest

from box import wait_until
from lakes import Lake, Writer, bag, source_rows

WORKERS = 3
KEYS = {
    "integer": "PRIMARY KEY (id)",
    "pair": "PRIMARY KEY (name, id)",
    "text": "PRIMARY KEY (name)",
}
OPTIONS = {
    "integer": {},
    "pair": {"mode": "append"},
    "text": {"partition_by": '{"bucket(3, id)"}', "sort_by": "{n DESC}"},
}


class SaleWriter(Writer):
    def __init__(self, db, seed: int, rows: int):
        super().__init__(db, seed, pause=0.005)
        self.rows = rows

    def statement(self) -> str:
        id = self.pick.randint(1, self.rows)
        return self.pick.choice([
            f"UPDATE sale SET n = n + 1 WHERE id BETWEEN {id} AND {id + 20}",
            f"UPDATE sale SET n = n + 1 WHERE id = {id}; UPDATE sale SET n = n - 1 WHERE id = {id}",
            f"DELETE FROM sale WHERE id BETWEEN {id} AND {id + 5}",
            f"INSERT INTO sale SELECT i, 'k' || i, 0, 'new' FROM generate_series({id}, {id + 5}) i ON CONFLICT DO NOTHING",
            f"WITH gone AS (DELETE FROM sale WHERE id = {id} RETURNING *) INSERT INTO sale SELECT id + 1000000, name || 'x', n, note FROM gone ON CONFLICT DO NOTHING",
            f"BEGIN; DELETE FROM sale WHERE id = {id}; INSERT INTO sale VALUES ({id}, 'k{id}', -1, 'again') ON CONFLICT DO NOTHING; COMMIT",
            "VACUUM sale",
        ])


def make(db, key: str, rows: int) -> Lake:
    db.query(f"CREATE TABLE sale (id int NOT NULL, name text NOT NULL, n int, note text{', ' + KEYS[key] if key else ''})")
    db.query(f"INSERT INTO sale SELECT i, 'k' || i, 0, repeat('x', i % 97) FROM generate_series(1, {rows}) i")
    db.query("""
        CREATE TABLE audit (w int, row sale, xid xid8 DEFAULT pg_current_xact_id());
        INSERT INTO audit SELECT 1, s FROM sale s;
        CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP <> 'INSERT' THEN INSERT INTO audit VALUES (-1, OLD); END IF;
            IF TG_OP <> 'DELETE' THEN INSERT INTO audit VALUES (1, NEW); END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON sale FOR EACH ROW EXECUTE FUNCTION audit()""")
    if key != "integer":
        db.query("CREATE INDEX ON sale (id)")
    lake = Lake(db)
    db.query(f"SELECT pgtrickle.set_lake_policy(NULL, 'load_part_size', '64kB'), pgtrickle.set_lake_policy(NULL, 'load_workers', '{WORKERS}')")
    return lake


def check_snapshots(lake: Lake, table: str = "sale") -> int:
    """Every lake snapshot of the table is what the audit says of its moment.  How many there were."""
    snapshots = lake.db.query(f"SELECT snapshot_id, snapshot::text FROM pgtrickle.lake_snapshots('{lake.name}') WHERE snapshot IS NOT NULL ORDER BY 1")
    picked = snapshots[:3] + snapshots[3::max(1, len(snapshots) // 5)] + snapshots[-1:]
    for version, snapshot in picked:
        wanted = lake.db.query(f"SELECT (row).*, sum(w) FROM audit WHERE pg_visible_in_snapshot(xid, '{snapshot}') GROUP BY row HAVING sum(w) <> 0")
        expected = bag(row[:-1] for row in wanted for _ in range(row[-1]))
        got = lake.rows(table, version)
        assert got == expected, (version, snapshot, list((got - expected).items())[:5], list((expected - got).items())[:5])
    return len(snapshots)


def load_row(db, table="sale"):
    return db.query("SELECT parts, parts_begun, ended_at IS NOT NULL FROM pgtrickle.publication_load l JOIN pgtrickle.publication p ON p.id = l.publication "
                    f"WHERE table_name = '{table}'")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", KEYS)
def test_killed_while_loading(db, key):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    pick = random.Random(seed)
    rows = 150000
    lake = make(db, key, rows)
    writers = [SaleWriter(db, seed + i, rows) for i in range(2)]
    for writer in writers:
        writer.start()
    kills = 0
    try:
        time.sleep(0.5)
        lake.publish("sale", schedule="200ms", **OPTIONS[key])
        for turn in range(5):
            wait_until(lambda: db.box.lake_processes(), "trickle-lake to be started", 60)
            time.sleep(pick.uniform(0.1, 0.6))
            if turn == 2:
                db.box.kill9()
                db.box.start()
            else:
                for process in db.box.lake_processes():
                    os.kill(process, signal.SIGKILL)
            kills += 1
            print(load_row(db), db.query("SELECT status, rows_loaded, loaded_percent, load_remaining FROM pgtrickle.lake_status()"))
        wait_until(lambda: load_row(db) and load_row(db)[0][2], "the load to end", 120)
        time.sleep(1)
    finally:
        for writer in writers:
            writer.over.set()
        for writer in writers:
            writer.join()
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '120s')") == [(True,)]
    (parts, begun, ended), = load_row(db)
    print(f"{parts} parts, {begun} begun, {kills} kills")
    assert ended and parts > 20 and parts <= begun <= parts + kills * WORKERS
    assert db.query("SELECT * FROM pgtrickle.load_part") == db.query("SELECT * FROM pgtrickle.load_file") == []
    if key == "pair":  # append: what came after the load comes on top
        assert lake.rows("sale") >= source_rows(db, "sale")
        version, snapshot = db.query("SELECT snapshot_id, snapshot::text FROM pgtrickle.lake_snapshots() WHERE snapshot IS NOT NULL ORDER BY 1 LIMIT 1")[0]
        first = db.query(f"SELECT (row).* FROM audit WHERE pg_visible_in_snapshot(xid, '{snapshot}') GROUP BY row HAVING sum(w) <> 0")
        assert lake.rows("sale", version) == bag(first)
    else:
        assert lake.rows("sale") == source_rows(db, "sale")
        assert check_snapshots(lake) > 1
    db.query("SELECT pgtrickle.lake_upkeep_now()")
    wait_until(lambda: db.query("SELECT * FROM pgtrickle.lake_upload") == [], "what was left behind to be removed", 60)
    files, listed = lake.files_and_listed()
    assert files == listed


@pytest.fixture
def slow(db):
    """A lake into which a table of many parts takes a while to come."""
    return make(db, "integer", 100000)


def begun(db, parts: int = 3):
    wait_until(lambda: (load_row(db) or [(0, 0, False)])[0][1] >= parts, "the load to begin")


@pytest.mark.parametrize("change", [
    "VACUUM FULL sale",
    "CLUSTER sale USING sale_pkey",
    "TRUNCATE sale; INSERT INTO sale SELECT i, 'k', 7, 'after' FROM generate_series(1, 500) i",
    "ALTER TABLE sale ADD COLUMN more int DEFAULT 5",
    "ALTER TABLE sale ALTER n TYPE bigint",
    "ALTER TABLE sale DROP CONSTRAINT sale_pkey, ADD PRIMARY KEY (name, id)",
    "SELECT pgtrickle.set_lake_layout('sale', partition_by => ARRAY['bucket(3, id)'])",
])
def test_changed_while_loading(slow, change):
    db = slow.db
    db.query("DROP TABLE audit CASCADE; DROP FUNCTION audit CASCADE")
    slow.publish("sale", schedule="200ms")
    begun(db)
    db.query(change)
    db.query("DELETE FROM sale WHERE id % 10 = 3")
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '60s')") == [(True,)]
    assert slow.rows("sale") == source_rows(db, "sale")
    slow.publish_now()
    wait_until(lambda: db.query("SELECT * FROM pgtrickle.lake_upload") == [], "what was left behind to be removed", 60)
    files, listed = slow.files_and_listed()
    assert files == listed


def test_unpublished_while_loading(slow):
    slow.publish("sale")
    begun(slow.db)
    slow.db.query("SELECT pgtrickle.unpublish('sale')")
    wait_until(lambda: slow.db.query("SELECT * FROM pgtrickle.lake_upload") == [], "what was left behind to be removed", 100)
    assert slow.files() == set()
    slow.publish("sale")
    slow.publish_now()
    assert slow.rows("sale") == source_rows(slow.db, "sale")


def test_others_are_published_meanwhile_and_partitions_too(slow):
    db = slow.db
    db.query("CREATE TABLE small (id int PRIMARY KEY, n int); INSERT INTO small VALUES (1, 0); "
             "CREATE TABLE part (id int, region text, n int, PRIMARY KEY (region, id)) PARTITION BY LIST (region); "
             "CREATE TABLE part_a (n int, id int NOT NULL, region text NOT NULL); ALTER TABLE part ATTACH PARTITION part_a FOR VALUES IN ('a'); "
             "CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b'); INSERT INTO part SELECT i, CASE i % 3 WHEN 0 THEN 'a' ELSE 'b' END, 0 FROM generate_series(1, 30000) i")
    slow.publish("small", schedule="200ms")
    assert db.query("SELECT pgtrickle.wait_for_lake()") == [(True,)]
    slow.publish("sale", schedule="200ms")
    slow.publish("part", schedule="200ms")
    begun(db)
    seen = 0
    while not all(ended for _, _, ended in load_row(db) + load_row(db, "part")):
        db.query("UPDATE small SET n = n + 1; UPDATE part SET n = n + 1 WHERE id % 100 = 1; UPDATE part SET region = 'a' WHERE id IN (SELECT id FROM part WHERE region = 'b' LIMIT 3)")
        status = slow.status("sale")
        if status["status"] == "LOADING":
            seen = max(seen, slow.status("small")["snapshot_id"])
            assert status["rows_loaded"] is None or 0 <= status["loaded_percent"] <= 100
            assert status["frontier"] is None
    assert seen > 1  # the lake went on while sale was loaded
    slow.publish_now()
    for table in ("small", "sale", "part"):
        assert slow.rows(table) == source_rows(db, table)


@pytest.mark.parametrize("key, mode", [("", "mirror"), ("integer", "history")])
def test_loaded_in_one_go(db, key, mode):
    """Without a key, and as history: a crash begins it anew, and the status says how far it is."""
    lake = make(db, key, 20000)
    lake.publish("sale", mode=mode)
    wait_until(lambda: db.box.lake_processes(), "trickle-lake to be started", 60)
    for process in db.box.lake_processes():
        os.kill(process, signal.SIGKILL)
    lake.publish_now()
    assert load_row(db) == [(0, 0, True)]
    with lake.duckdb() as duckdb:
        assert bag(duckdb.execute("SELECT id, name, n, note FROM company_lake.sale").fetchall()) == source_rows(db, "sale")


def test_a_key_that_is_published_as_text(slow):
    """What changed meanwhile is found by the key as it is, not by its text."""
    db = slow.db
    db.query("CREATE TABLE span (long interval PRIMARY KEY, n int); INSERT INTO span SELECT i * interval '36 hours', i FROM generate_series(1, 60000) i")
    slow.publish("span", types='{"interval": "text"}', schedule="200ms")
    wait_until(lambda: (load_row(db, "span") or [(0, 0, False)])[0][1] >= 2, "the load to begin")
    db.query("UPDATE span SET n = -n WHERE n % 7 = 0; DELETE FROM span WHERE n % 10 = 3; UPDATE span SET long = long + interval '1 second' WHERE n % 1000 = 1")
    slow.publish_now()
    with slow.duckdb() as duckdb, db.connect() as connection:
        connection.execute("SET IntervalStyle = iso_8601")
        assert bag(duckdb.execute("SELECT long, n FROM company_lake.span").fetchall()) == bag(connection.execute("SELECT long::text, n FROM span").fetchall())
