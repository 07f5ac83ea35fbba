"""Rows that were loaded are found again by their keys, in whatever order the keys lay and whatever was done since (lake/runs.h)."""

import pytest

from lakes import Lake, bag, seeded, source_rows

ROWS = 30000
ORDERS = {
    "ascending": "i",
    "descending": "-i",
    "nearly": "i + hashint8(i) % 300",
    "several times over": "i % 5, i",
    "none": "hashint8(i)",
}
KEYS = {
    "dense": "i",
    "sparse": "i::bigint * 300000000000000 - 4500000000000000000",
}


def fill(db, order: str, key: str) -> None:
    db.query("CREATE TABLE sale (id bigint PRIMARY KEY, n int NOT NULL, note text)")
    db.query(f"INSERT INTO sale SELECT {KEYS[key]}, i, repeat('x', i % 9) FROM generate_series(1, {ROWS}) i ORDER BY {ORDERS[order]}")
    db.query("INSERT INTO sale VALUES (-9223372036854775808, 0, 'least'), (9223372036854775807, -1, 'most')")


def change(db, pick) -> None:
    n = pick.randint(1, ROWS)
    db.query(pick.choice([
        f"UPDATE sale SET note = 'changed' WHERE n BETWEEN {n} AND {n} + 20",
        f"UPDATE sale SET note = note || 'y' WHERE n % 997 = {n} % 997",
        f"DELETE FROM sale WHERE n BETWEEN {n} AND {n} + 300",
        f"DELETE FROM sale WHERE n % 499 = {n} % 499",
        f"WITH gone AS (DELETE FROM sale WHERE n % 1009 = {n} % 1009 RETURNING *) INSERT INTO sale SELECT id, n, 'again' FROM gone",
        f"UPDATE sale SET id = 9000000000000000000 + n WHERE n BETWEEN {n} AND {n} + 5 AND id < 9000000000000000000",
        f"INSERT INTO sale SELECT {n} * 1000003::bigint + i, {n}, 'new' FROM generate_series(1, 30) i ON CONFLICT DO NOTHING",
        "UPDATE sale SET n = n + 1 WHERE note IN ('least', 'most')",
    ]))


def in_runs(db) -> int:
    return db.query("SELECT coalesce(sum(coalesce(cardinality(keys), last_key - first_key + 1)), 0)::int FROM pgtrickle.publication_run")[0][0]


@pytest.mark.parametrize("part_size", ["64kB", "512MB"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("order", ORDERS)
def test_what_was_loaded_is_found(db, order, key, part_size):
    seed, pick = seeded()
    fill(db, order, key)
    lake = Lake(db)
    db.query(f"SELECT pgtrickle.set_lake_policy(NULL, 'load_part_size', '{part_size}')")
    lake.publish("sale")
    lake.publish_now()
    assert lake.rows("sale") == source_rows(db, "sale")
    assert in_runs(db) > ROWS * 0.9 or order in ("several times over", "none") or part_size == "64kB"
    assert db.query("SELECT FROM (SELECT first_key <= lag(last_key) OVER (ORDER BY first_key) AS both_have FROM pgtrickle.publication_run) r WHERE both_have") == []
    for turn in range(4):
        for _ in range(pick.randint(1, 5)):
            change(db, pick)
        lake.publish_now()
        assert lake.status("sale")["status"] == "ACTIVE"
        assert lake.rows("sale") == source_rows(db, "sale"), (seed, turn)


@pytest.mark.parametrize("salt", range(4))
def test_rows_in_no_order_are_not_written_twice(db, salt):
    """Nearly all of their runs would overlap, and give way to rows when the load ends."""
    db.query("CREATE TABLE sale (id bigint PRIMARY KEY)")
    db.query(f"INSERT INTO sale SELECT i FROM generate_series(1, 150000) i ORDER BY hashint8extended(i, {salt})")
    lake = Lake(db)
    lake.publish("sale")
    lake.publish_now()
    assert in_runs(db) == 0
    assert lake.rows("sale") == source_rows(db, "sale")


@pytest.mark.parametrize("mode", ["mirror", "history"])
def test_everything_again_ends_what_was_loaded(db, mode):
    """TRUNCATE, another key, another type: what is in a run still goes, and what was taken out of one does not go twice."""
    seed, pick = seeded()
    fill(db, "ascending", "dense")
    lake = Lake(db)
    lake.publish("sale", mode=mode)
    lake.publish_now()
    ways = ["TRUNCATE sale; INSERT INTO sale SELECT i, i, 'second' FROM generate_series(1, 5000) i", "ALTER TABLE sale DROP CONSTRAINT sale_pkey, ADD PRIMARY KEY (n)",
            "ALTER TABLE sale DROP CONSTRAINT sale_pkey, ADD PRIMARY KEY (n, id)"]
    for again in ways if mode == "history" else [*ways[:2], "ALTER TABLE sale ALTER note TYPE bytea USING note::bytea", ways[2]]:
        assert in_runs(db) > 0
        for _ in range(4):
            db.query(f"UPDATE sale SET note = 'changed' WHERE id % 101 = {pick.randint(0, 100)}; DELETE FROM sale WHERE id % 107 = {pick.randint(0, 106)}")
        lake.publish_now()
        assert now(lake, mode) == source_rows(db, "sale"), (seed, again)
        db.query(again)
        lake.publish_now()
        assert lake.status("sale")["status"] == "ACTIVE", lake.status("sale")
        assert now(lake, mode) == source_rows(db, "sale"), (seed, again)


def now(lake: Lake, mode: str):
    if mode == "mirror":
        return lake.rows("sale")
    with lake.duckdb() as duck:
        return bag(duck.execute("SELECT id, n, note FROM company_lake.main.sale WHERE valid_to IS NULL").fetchall())


def test_rows_of_runs_are_found_after_duckdb_has_compacted(db):
    seed, pick = seeded()
    fill(db, "nearly", "sparse")
    lake = Lake(db)
    lake.publish("sale")
    lake.publish_now()
    for turn in range(3):
        for _ in range(3):
            change(db, pick)
            lake.publish_now()
        with lake.duckdb() as duck:
            duck.execute("CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0)" if turn == 1 else "CALL ducklake_merge_adjacent_files('company_lake')")
        change(db, pick)
        lake.publish_now()
        assert lake.status("sale")["status"] == "ACTIVE"
        assert lake.rows("sale") == source_rows(db, "sale"), (seed, turn)


def test_no_run_is_left_of_what_is_not_published(db):
    fill(db, "ascending", "dense")
    lake = Lake(db)
    for mode in ("mirror", "append"):
        lake.publish("sale", mode=mode)
        lake.publish_now()
        assert (in_runs(db) > 0) == (mode == "mirror")
        db.query("SELECT pgtrickle.unpublish('sale', drop_lake_table => true)")
        assert in_runs(db) == 0
