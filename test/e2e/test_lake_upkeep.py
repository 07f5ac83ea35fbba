"""Upkeep by policy: a lake of many small commits stays small, every snapshot that is kept reads as it did, and rows are found again."""

import random
import time

from box import wait_until
from engines import PyIceberg
from lakes import Lake, lake_rows, one_thread, seeded, source_rows


def upkeep(lake, **policies) -> int:
    for key, value in policies.items():
        lake.db.query(f"SELECT pgtrickle.set_lake_policy('{lake.name}', '{key}', '{value}')")
    return lake.db.query(f"SELECT pgtrickle.lake_upkeep_now('{lake.name}')")[0][0]


def quiet(db) -> Lake:
    """A lake whose upkeep runs when it is asked to."""
    lake = Lake(db)
    db.query(f"SELECT pgtrickle.set_lake_policy('{lake.name}', 'upkeep_every', 'off')")
    return lake


def live_files(lake) -> int:
    return lake.db.query(f"SELECT count(*) FROM {lake.schema}.ducklake_data_file WHERE end_snapshot IS NULL")[0][0]


def age(lake, interval: str) -> None:
    """Makes everything in the catalog older."""
    s = lake.schema
    lake.db.query(f"UPDATE {s}.ducklake_snapshot SET snapshot_time = snapshot_time - interval '{interval}'; "
                  f"UPDATE {s}.ducklake_files_scheduled_for_deletion SET schedule_start = schedule_start - interval '{interval}'")


def changes(lake, table: str) -> list:
    """DuckDB's feed of the table; a rewrite shows there as an update of rows to themselves, as after DuckDB's own."""
    rewrites = {id for id, changes in lake.db.query("SELECT snapshot_id, changes FROM pgtrickle.lake_snapshots()") if (changes or "").startswith("rewrite_delete")}
    with lake.duckdb() as duck, one_thread(duck):
        last = duck.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('company_lake')").fetchone()[0]
        return sorted(str(row) for row in duck.execute(f"SELECT * FROM company_lake.table_changes('{table}', 0, {last})").fetchall() if row[0] not in rewrites)


def some_history(db, lake, commits: int, seed: int) -> dict[int, dict]:
    """Random small commits on `sale` (a key) and `heap` (none); what each snapshot must read."""
    pick = random.Random(seed)
    db.query("CREATE TABLE IF NOT EXISTS sale (id int PRIMARY KEY, n int, note text, tags text[])")
    db.query("CREATE TABLE IF NOT EXISTS heap (a int, b numeric(8,2))")
    if not lake.db.query("SELECT 1 FROM pgtrickle.publication"):
        lake.publish("sale")
        lake.publish("heap")
    versions, last = {}, lake.publish_now()
    for _ in range(commits):
        for _ in range(pick.randint(1, 3)):
            low = pick.randint(1, 300)
            db.query(pick.choice([
                f"INSERT INTO sale SELECT i, {low}, 'note ' || i, ARRAY['a', NULL, i::text] FROM generate_series({low}, {low + 5}) i ON CONFLICT DO NOTHING",
                f"UPDATE sale SET n = n + 1 WHERE id BETWEEN {low} AND {low + 8}",
                f"UPDATE sale SET id = id + 1000 WHERE id = {low} AND NOT EXISTS (SELECT FROM sale WHERE id = {low} + 1000)",
                f"DELETE FROM sale WHERE id BETWEEN {low} AND {low + 3}",
                f"INSERT INTO heap SELECT i % 3, i FROM generate_series(1, 4) i",
                f"DELETE FROM heap WHERE ctid = ANY (ARRAY(SELECT ctid FROM heap LIMIT {low % 7}))",
            ]))
        if (version := lake.publish_now()) > last:
            versions[version] = {table: source_rows(db, table) for table in ("sale", "heap")}
    return versions


def check_versions(lake, versions: dict[int, dict]) -> None:
    with lake.duckdb() as duck:
        for version, tables in versions.items():
            for table, rows in tables.items():
                assert lake_rows(duck, table, version) == rows, f"{table} at {version}"


def test_turned_off_it_does_nothing(db):
    lake = Lake(db)
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', '1 day')")
    wait_until(lambda: db.query("SELECT next_at > now() + interval '1 hour' FROM pgtrickle.lake_upkeep_state") == [(True,)], "its first look")
    db.query("CREATE TABLE t (n int)")
    lake.publish("t")
    for n in range(9):
        db.query(f"INSERT INTO t VALUES ({n})")
        lake.publish_now()
    done = lambda: db.query("SELECT count(*) FROM pgtrickle.get_lake_upkeep_history()")[0][0]
    assert db.query("SELECT action FROM pgtrickle.lake_upkeep_plan()") and done() == 0
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off')")
    time.sleep(3)  # it looks once a second
    assert done() == 0
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', '1 hour')")  # another policy is a reason to look
    wait_until(lambda: done() > 0, "upkeep")


def test_merged_files_read_the_same_at_every_snapshot(db):
    lake = quiet(db)
    versions = some_history(db, lake, 25, 1)
    feed = changes(lake, "sale")
    before = live_files(lake)
    assert upkeep(lake, merge_small_files=2, rewrite_deleted_share="off") > 0
    assert live_files(lake) <= before / 4
    check_versions(lake, versions)
    assert changes(lake, "sale") == feed
    versions |= some_history(db, lake, 15, 2)
    check_versions(lake, versions)
    upkeep(lake)
    check_versions(lake, versions | some_history(db, lake, 3, 3))


def feed(before: dict, after: dict) -> list:
    """The changes from one state of `sale` to another, as table_changes tells them."""
    def told(kind: str, rows: dict) -> list:
        return [(kind, id, n) for id, n in rows.items()]

    both = [id for id in before if id in after and before[id] != after[id]]
    return sorted(told("delete", {id: n for id, n in before.items() if id not in after}) + told("insert", {id: n for id, n in after.items() if id not in before}) +
                  told("update_preimage", {id: before[id] for id in both}) + told("update_postimage", {id: after[id] for id in both}))


def test_the_feed_stays_true_through_upkeep(db):
    """Versions of a row come and go in files that are merged and rewritten in between."""
    seed, pick = seeded()
    lake = quiet(db)
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int); INSERT INTO sale SELECT i, 0 FROM generate_series(1, 60) i")
    lake.publish("sale")
    lake.publish_now()
    before, told = dict(db.query("SELECT id, n FROM sale")), {}
    for _ in range(30):
        for _ in range(pick.randint(1, 3)):
            some = f"id % 7 = {pick.randint(0, 6)}"
            db.query(pick.choice([f"UPDATE sale SET n = n + 1 WHERE {some}", f"UPDATE sale SET n = n + 1 WHERE id = {pick.randint(1, 80)}",
                                  f"INSERT INTO sale SELECT i, 0 FROM generate_series(1, 80) i WHERE {some.replace('id', 'i')} ON CONFLICT DO NOTHING", f"DELETE FROM sale WHERE id BETWEEN {(low := pick.randint(1, 80))} AND {low + 4}"]))
        version, after = lake.publish_now(), dict(db.query("SELECT id, n FROM sale"))
        if after != before:
            told[version], before = feed(before, after), after
        if pick.random() < 0.6:
            continue
        upkeep(lake, merge_small_files=pick.choice([2, 3, 5]), rewrite_deleted_share=pick.choice(["off", 0.2, 0.4, 0.8]))
        with lake.duckdb() as duck, one_thread(duck):
            for at, changes in told.items():
                got = duck.execute(f"SELECT change_type, id, n FROM company_lake.table_changes('sale', {at}, {at})").fetchall()
                assert sorted(got) == changes, f"{at}, LAKE_SEED={seed}"
            rows = duck.execute(f"SELECT snapshot_id, change_type, id, n FROM company_lake.table_changes('sale', 0, {version})").fetchall()
            for at, changes in told.items():
                assert sorted(row[1:] for row in rows if row[0] == at) == changes, f"{at} of all, LAKE_SEED={seed}"


def test_the_feed_is_true_of_files_of_one_commit_that_became_one(db):
    """All rows of such a file came with one snapshot, and the file still says of each with which."""
    lake = quiet(db)
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int); INSERT INTO sale VALUES (1, 0), (2, 0)")
    lake.publish("sale")
    lake.publish_now()
    db.query("UPDATE sale SET n = 1; INSERT INTO sale VALUES (7, 0), (8, 0)")
    lake.publish_now()
    assert live_files(lake) == 2
    upkeep(lake, merge_small_files=2, rewrite_deleted_share="off")
    assert live_files(lake) == 1
    db.query("UPDATE sale SET n = 2 WHERE id = 1; DELETE FROM sale WHERE id = 7")
    version = lake.publish_now()
    with lake.duckdb() as duck, one_thread(duck):
        assert sorted(duck.execute(f"SELECT change_type, id, n FROM company_lake.table_changes('sale', {version}, {version})").fetchall()) == [
            ("delete", 7, 0), ("update_postimage", 1, 2), ("update_preimage", 1, 1)]


def test_rewritten_files_lose_their_deleted_rows_and_keep_row_ids(db):
    lake = quiet(db)
    versions = some_history(db, lake, 12, 4)
    with lake.duckdb() as duck:
        ids = duck.execute("SELECT rowid, id FROM company_lake.sale ORDER BY ALL").fetchall()
    upkeep(lake, merge_small_files=2, rewrite_deleted_share=0.01)
    assert db.query(f"SELECT count(*) FROM {lake.schema}.ducklake_delete_file d JOIN {lake.schema}.ducklake_data_file f USING (data_file_id) WHERE f.end_snapshot IS NULL") == [(0,)]
    with lake.duckdb() as duck:
        assert duck.execute("SELECT rowid, id FROM company_lake.sale ORDER BY ALL").fetchall() == ids
    check_versions(lake, versions)
    for seed in range(5, 8):   # rows are found in files that were rewritten again and again
        versions |= some_history(db, lake, 6, seed)
        upkeep(lake)
        check_versions(lake, versions)


def test_expired_snapshots_and_their_files_go_and_the_rest_stays(db):
    lake = quiet(db)
    some_history(db, lake, 10, 8)
    upkeep(lake, merge_small_files=2, rewrite_deleted_share=0.2)
    age(lake, "8 days")
    kept = some_history(db, lake, 4, 9)
    assert upkeep(lake) > 0
    check_versions(lake, kept)
    oldest, = db.query(f"SELECT min(snapshot_id) FROM {lake.schema}.ducklake_snapshot")[0]
    assert oldest == min(kept)
    age(lake, "2 days")   # files wait for readers that still hold what named them
    assert upkeep(lake) > 0
    check_versions(lake, kept)
    assert lake.files() == lake.listed_files()
    # What is left is named by a snapshot that Iceberg lists: merging leaves those as they are.
    assert db.query(f"SELECT count(*) FROM {lake.schema}.ducklake_files_scheduled_for_deletion WHERE schedule_start < now() - interval '1 day' "
                    "AND NOT EXISTS (SELECT FROM pgtrickle.iceberg_file WHERE file_id = data_file_id)") == [(0,)]
    for table in db.query("SELECT table_name FROM pgtrickle.lake_status()"):
        for version in PyIceberg().versions(lake, *table):
            assert version >= oldest and PyIceberg().rows(lake, *table, version) is not None


def test_files_nobody_named_go_when_they_are_old(db):
    import os, time
    lake = quiet(db)
    some_history(db, lake, 2, 10)
    orphan = next(lake.path.rglob("*.parquet")).parent / "ducklake-0190aaaa-0000-7000-8000-000000000000.parquet"
    other = orphan.parent / "notes.txt"
    young = orphan.parent / "ducklake-0190bbbb-0000-7000-8000-000000000000.parquet"
    for file in (orphan, other, young):
        file.write_bytes(b"x")
    for file in (orphan, other):
        os.utime(file, (time.time() - 4 * 86400,) * 2)
    db.query("UPDATE pgtrickle.lake_upkeep_state SET orphans_at = now() - interval '2 days'")
    upkeep(lake)
    assert not orphan.exists() and other.exists() and young.exists()


def test_a_day_of_small_commits_stays_small(db):
    """A commit a second for as long as the test has, with upkeep as if a minute had passed every tenth commit."""
    lake = quiet(db)
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int)")
    lake.publish("sale")
    most = 0
    for i in range(120):
        db.query(f"INSERT INTO sale SELECT i, {i} FROM generate_series({10 * i}, {10 * i + 9}) i; UPDATE sale SET n = n + 1 WHERE id % 97 = {i % 97}")
        lake.publish_now()
        if i % 10 == 9:
            upkeep(lake)
            most = max(most, live_files(lake))
    assert most <= 24
    assert lake.rows("sale") == source_rows(db, "sale")


def test_nothing_is_done_twice_and_the_dry_run_says_what_will_be(db):
    lake = quiet(db)
    some_history(db, lake, 25, 11)
    planned = db.query("SELECT action, table_name FROM pgtrickle.lake_upkeep_plan()")
    assert ("merge", "sale") in planned
    upkeep(lake)
    assert db.query("SELECT * FROM pgtrickle.lake_upkeep_plan()") == []
    assert upkeep(lake) == 0
    done = db.query("SELECT action, table_name FROM pgtrickle.get_lake_upkeep_history()")
    assert set(planned) <= set(done)
