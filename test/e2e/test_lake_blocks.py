"""A load reads rows by blocks, column after column (lake/block.h), what comes later row by row: both bring the same rows and the same bounds."""

import json

import psycopg
import pytest

from lake_types import CHOICES, COLUMNS, TYPES
from lakes import Lake

ROWS = 3000    # some blocks
KEYS = {
    "one integer": "id int PRIMARY KEY",
    "others": "id int, PRIMARY KEY (id, u)",
    "none": "id int",
}


def values(name: str, nulls: bool) -> str:
    """An expression of i that takes each of the column's values, and now and then none."""
    of, several = COLUMNS[name]
    cases = " ".join(f"WHEN {n} THEN {sql}" for n, (sql, _) in enumerate(several))
    if nulls and name != "u":
        return f"CASE WHEN i % 7 <> {len(name) % 7} THEN (CASE i % {len(several)} {cases} END)::{of} END"
    return f"(CASE i % {len(several)} {cases} END)::{of}"


def tables(db, key: str, nulls: bool) -> None:
    db.query(f"CREATE EXTENSION hstore; {TYPES}")
    for table in ("loaded", "changed"):
        db.query(f"CREATE TABLE {table} ({KEYS[key]}, {', '.join(f'{name} {of}' for name, (of, _) in COLUMNS.items())})")
    db.query(f"INSERT INTO loaded SELECT i, {', '.join(values(name, nulls) for name in COLUMNS)} FROM generate_series(1, {ROWS}) i")


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_blocks_bring_what_rows_bring(db, key, nulls):
    tables(db, key, nulls)
    lake = Lake(db, options=json.dumps({"types": CHOICES}))
    lake.publish("loaded")
    lake.publish("changed")
    lake.publish_now()
    db.query("INSERT INTO changed TABLE loaded")
    lake.publish_now()
    with lake.duckdb() as duck:
        one, other = "company_lake.main.loaded", "company_lake.main.changed"
        assert duck.execute(f"SELECT (SELECT count(*) FROM {one}), (SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {other})), "
                            f"(SELECT count(*) FROM (FROM {other} EXCEPT ALL FROM {one}))").fetchone() == (ROWS, 0, 0)
    bounds = db.query("SELECT t.table_name, c.column_name, s.value_count, s.null_count, s.min_value, s.max_value, s.contains_nan "
                      "FROM lake.ducklake_file_column_stats s JOIN lake.ducklake_table t USING (table_id) JOIN lake.ducklake_column c USING (table_id, column_id) ORDER BY 1, s.column_id")
    of = {table: [row[1:] for row in bounds if row[0] == table] for table in ("loaded", "changed")}
    assert len(of["loaded"]) > len(COLUMNS)
    assert of["loaded"] == of["changed"]


def test_a_value_that_the_lake_does_not_have_is_told_with_its_row(db):
    db.query("CREATE TABLE visit (id int PRIMARY KEY, name text, at timestamp NOT NULL)")
    db.query(f"INSERT INTO visit SELECT i, 'n' || i, CASE i WHEN 2345 THEN 'infinity' ELSE timestamp '2024-01-01' END FROM generate_series(1, {ROWS}) i")
    lake = Lake(db)
    lake.publish("visit")
    with pytest.raises(psycopg.Error, match=r'column "at" holds an infinite timestamp.*, in the row \(id\) = \(2345\)'):
        lake.publish_now()
    assert lake.status("visit")["status"] == "SUSPENDED"
    db.query("UPDATE visit SET at = '2024-01-02' WHERE id = 2345")
    lake.publish_now()
    assert lake.status("visit")["status"] == "ACTIVE"
    with lake.duckdb() as duck:
        assert duck.execute('SELECT count(*), max("at")::varchar FROM company_lake.main.visit').fetchone() == (ROWS, "2024-01-02 00:00:00")
