"""A lake that an earlier version has written reads as it did then, at every version, and goes on."""

import json

import pytest

import frozen

NAMES = sorted(folder.name for folder in frozen.FROZEN.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_lake_reads_as_it_did_and_goes_on(db, name):
    path = frozen.thaw(db, name)
    expected = json.loads((frozen.FROZEN / name / "expected.json").read_text())
    with db.duckdb(frozen.SCHEMA) as duck:
        assert frozen.what_it_reads(duck) == expected
        newest = duck.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('company_lake')").fetchone()[0]
    db.query(f"SELECT pgtrickle.create_lake('company_lake', '{path}', '{frozen.SCHEMA}')")
    db.query("CREATE TABLE fresh (id int PRIMARY KEY, note text); INSERT INTO fresh VALUES (1, 'new')")
    db.query("SELECT pgtrickle.publish('fresh', schedule => '1h')")
    db.query("SELECT pgtrickle.publish_now(), pgtrickle.lake_upkeep_now()")
    with db.duckdb(frozen.SCHEMA) as duck:
        assert duck.execute("SELECT * FROM company_lake.fresh").fetchall() == [(1, "new")]
        for table, versions in expected.items():
            for version, rows in versions.items():
                if version.isdigit():
                    assert frozen.rows(duck, f"company_lake.main.{table} AT (VERSION => {version})") == rows
        in_duckdb = duck.execute("SELECT * FROM company_lake.bag ORDER BY ALL").fetchall()
    db.query("SELECT pgtrickle.create_lake_table('read_bag', table_name => 'bag')")
    assert sorted(db.query("SELECT * FROM read_bag")) == sorted(in_duckdb)
    assert newest < db.query("SELECT pgtrickle.publish_now()")[0][0]
