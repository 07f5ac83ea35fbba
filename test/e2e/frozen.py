"""A lake as a version of trickle-lake left it: test/frozen/NAME has its catalog, its files and what they read.

    eval "$(./onebox env)"
    PYTHONPATH=test:test/e2e "$ONEBOX_PYTHON" test/e2e/frozen.py make ducklake_1_0

makes one in the running box. It is made once for each format and never again: test_lake_frozen.py holds later versions to it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from box import REPO, Box, Database
from lakes import Lake, comments, one_thread

FROZEN = REPO / "test" / "frozen"
SCHEMA = "lake"


class History(NamedTuple):
    tables: str
    published: dict[str, dict]   # how
    steps: list[str]             # each is one lake snapshot or more
    upkeep_after: str            # the step that has this in it


HISTORIES = {
    "ducklake_1_0": History(
        "CREATE TABLE kept (id int PRIMARY KEY, name text, price numeric(12,2), at timestamptz); CREATE TABLE bag (a int, b text[]); "
        "CREATE TABLE types (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(10,2), t text, y bytea, u uuid, j jsonb, d date, h time, ts timestamp, tz timestamptz, l int[])",
        {"kept": {}, "bag": {}, "types": {}},
        [
            "INSERT INTO kept SELECT i, 'name ' || i, i * 1.5, '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 hour' FROM generate_series(1, 60) i; "
            "INSERT INTO bag SELECT i % 5, ARRAY['a', NULL, i::text] FROM generate_series(1, 15) i; "
            "INSERT INTO types VALUES (1, true, 32767, -9223372036854775808, 1.5, 'Infinity', 99999999.99, 'é☃', '\\x00ff', '8c9b1a6c-2b1e-4f0a-9a55-000000000001', "
            "'{\"a\": [1, null]}', '0044-03-15 BC', '23:59:59.999999', '2026-06-30 12:00:00.000001', '1969-12-31 23:59:59.5+00', '{1,NULL,3}')",
            "UPDATE kept SET name = 'changed' WHERE id % 10 = 0; DELETE FROM kept WHERE id > 55",
            "ALTER TABLE kept ADD COLUMN note text; ALTER TABLE kept RENAME name TO title; INSERT INTO kept VALUES (500, 'late', 1, '2026-02-01 00:00:00+00', 'a note')",
            "DELETE FROM bag WHERE a = 2; INSERT INTO bag VALUES (2, NULL), (2, NULL)",
            "ALTER TABLE kept ALTER COLUMN id TYPE bigint; UPDATE kept SET id = 5000000000 WHERE id = 500",
            "UPDATE kept SET note = 'again' WHERE id < 4; DELETE FROM kept WHERE id BETWEEN 20 AND 25",
            "TRUNCATE bag; INSERT INTO bag VALUES (9, '{}'); INSERT INTO types(id) VALUES (2)",
        ],
        "BETWEEN 20"),
    "ducklake_1_0_laid_out": History(
        "CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, region text, amount numeric(10,2)); CREATE TABLE price (id int PRIMARY KEY, euros numeric(8,2)); CREATE TABLE bag (a int, b text[]); "
        "COMMENT ON TABLE sale IS 'it''s \"ours\": ☃'; COMMENT ON COLUMN sale.region IS 'where'",
        {"sale": {}, "price": {"mode": "history"}, "bag": {"mode": "append"}},
        [
            "SELECT pgtrickle.set_lake_layout('sale', '{year(at),region}', '{amount}'); "
            "INSERT INTO sale SELECT i, '2025-01-10 00:00:00+00'::timestamptz + i * interval '20 days', (ARRAY['north', 'it''s / south', NULL])[1 + i % 3], 100 - i FROM generate_series(1, 30) i; "
            "INSERT INTO price SELECT i, i FROM generate_series(1, 10) i; INSERT INTO bag VALUES (1, '{a}')",
            "UPDATE sale SET amount = amount + 0.5 WHERE id % 5 = 0; UPDATE price SET euros = euros * 2 WHERE id < 4; UPDATE bag SET a = 2",
            "UPDATE sale SET region = 'east' WHERE id % 7 = 0; DELETE FROM price WHERE id = 2; COMMENT ON TABLE sale IS 'changed'; COMMENT ON COLUMN sale.region IS NULL; COMMENT ON COLUMN sale.amount IS 'in euros'",
            "DELETE FROM sale WHERE id BETWEEN 10 AND 14; INSERT INTO price VALUES (2, 7); INSERT INTO bag VALUES (3, NULL), (3, NULL)",
            "SELECT pgtrickle.set_lake_layout('sale', '{\"bucket(4,id)\"}', NULL); INSERT INTO sale SELECT i, NULL, 'late', i FROM generate_series(50, 59) i; UPDATE price SET euros = 0 WHERE id > 8",
            "ALTER TABLE sale DROP COLUMN region; ALTER TABLE sale RENAME amount TO euros; UPDATE sale SET euros = 1 WHERE id < 3; TRUNCATE price; INSERT INTO price VALUES (1, 1)",
        ],
        "BETWEEN 10"),
}


def what_it_reads(duck) -> dict:
    """By table and version, and by table its change feed; rows as text, in order."""
    versions = [version for (version,) in duck.execute("SELECT snapshot_id FROM ducklake_snapshots('company_lake') ORDER BY 1").fetchall()]
    tables = [table for (table,) in duck.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'company_lake' AND schema_name = 'main' ORDER BY 1").fetchall()]
    read = {}
    for table in tables:
        read[table] = {}
        for version in versions:
            try:
                read[table][str(version)] = rows(duck, f"company_lake.main.{table} AT (VERSION => {version})")
            except Exception as error:
                if "does not exist" not in str(error):
                    raise
        with one_thread(duck):
            read[table]["changes"] = rows(duck, f"company_lake.table_changes('{table}', 0, {versions[-1]})")
        if told := comments(duck, table):
            read[table]["comments"] = told
    return read


def rows(duck, relation: str) -> list[str]:
    return [row for (row,) in duck.execute(f"SELECT CAST(r AS varchar) AS row FROM (SELECT * FROM {relation}) r ORDER BY 1").fetchall()]


def make(box: Box, name: str) -> None:
    folder, history = FROZEN / name, HISTORIES[name]
    db = Database(box, f"frozen_{name}")
    try:
        lake = Lake(db, schema=SCHEMA)
        db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off'), pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2')")
        db.query(history.tables)
        for table, options in history.published.items():
            lake.publish(table, iceberg="off", **options)
        for step in history.steps:
            db.query(step)
            lake.publish_now()
            if history.upkeep_after in step:
                db.query("SELECT pgtrickle.lake_upkeep_now()")
        with lake.duckdb() as duck:
            duck.execute("INSERT INTO company_lake.bag VALUES (77, ['theirs'])")
            expected = what_it_reads(duck)
        folder.mkdir(parents=True)
        shutil.copytree(lake.path / "main", folder / "data" / "main")
        dump = box.run("pg_dump", "--schema", SCHEMA, "--no-owner", "--no-privileges", "--inserts", database=db.name).stdout
        kept = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))]
        (folder / "catalog.sql").write_text("\n".join(kept).replace(f"{lake.path}/", "@DATA_PATH@") + "\n")
        (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    finally:
        db.drop()


def thaw(db: Database, name: str) -> Path:
    """Puts it into a database, its files below the box's lakes, and returns where they are."""
    path = db.box.lake / db.name / name
    shutil.copytree(FROZEN / name / "data", path)
    user = db.box.data.stat()
    for file in (db.box.lake / db.name, path, *path.rglob("*")):
        shutil.chown(file, user.st_uid, user.st_gid)
    db.query((FROZEN / name / "catalog.sql").read_text().replace("@DATA_PATH@", f"{path}/"))
    return path


if __name__ == "__main__":
    verb, name = sys.argv[1:]
    assert verb == "make"
    import os
    make(Box(Path(os.environ["ONEBOX_BOX"])), name)
