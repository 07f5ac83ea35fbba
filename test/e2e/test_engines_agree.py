"""DuckDB, Spark, Trino and pyiceberg all return what PostgreSQL had, at every version of random histories over every type.

A history inserts, updates, deletes, changes keys, truncates, adds, drops, renames and retypes columns, lays the rows out
otherwise, compacts by both sides, expires snapshots, and kills the publisher within a publish.  What a row must be is known
from lake_types.py, not asked of anyone.  LAKE_SEED and LAKE_HISTORIES say which and how many.
"""

import collections
import json
import os
import random
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import duckdb
import psycopg
import pytest

import lake_types
from box import Database, wait_until
from engines import PyIceberg, Spark, Trino
from lakes import Lake, seeded
from test_iceberg_engines import NO_PARTITION_FOR_TRINO, refused_by_trino
from test_lake_types import as_pyiceberg_has_it
from test_lake_upkeep import age

pytestmark = pytest.mark.engines

COLUMNS = {name: of for name, of in lake_types.COLUMNS.items() if name != "ti"}  # Spark reads no table that has a time
WIDER = {"int2": "int", "int": "int8", "real": "float8", "numeric(12,3)": "numeric(20,3)"}
LAYOUTS = ["{}", '{"bucket(3,t)"}', "{e,b}", '{"year(ts)"}', '{"bucket(2,d)"}', "{i2}", "{i4,e}", '{"hour(tz)"}', "{dom}", '{"month(d)",i8}']


class History:
    def __init__(self, db, lake, luck):
        self.db, self.lake, self.luck = db, lake, luck
        self.columns = {name: COLUMNS[name] for name in luck.sample(sorted(COLUMNS), len(COLUMNS) - 6)}
        self.later = {name: of for name, of in COLUMNS.items() if name not in self.columns}
        self.now, self.next, self.seen = {}, 1, {}  # rows by id; versions: names, types, rows
        db.query(f"CREATE EXTENSION hstore; {lake_types.TYPES}; {lake_types.create('t', self.columns)}")
        lake.publish("t", partition_by=luck.choice([one for one in LAYOUTS if self.fits(one)]))
        # Upkeep is a step of the history: what is listed is still there when it is read.
        db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2'), pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off')")

    def fits(self, layout: str) -> bool:
        named = layout.strip("{}").replace('"', "").replace(")", "").split(",")
        return all(one.split("(")[-1] in self.columns or one.isdigit() or one.startswith("bucket(") for one in named if one)

    def value(self, name: str):
        return ("NULL", None) if self.luck.random() < 0.15 else self.luck.choice(self.columns[name][1])

    def some(self, most: int) -> list[int]:
        return self.luck.sample(sorted(self.now), min(len(self.now), self.luck.randint(1, most)))

    def insert(self) -> None:
        for id in range(self.next, self.next + self.luck.randint(1, 15)):
            chosen = {name: self.value(name) for name in self.columns}
            self.db.query(f"INSERT INTO t(id, {', '.join(chosen)}) VALUES ({id}, {', '.join(sql for sql, _ in chosen.values())})")
            self.now[id] = {name: value for name, (_, value) in chosen.items()}
            self.next = id + 1

    def update(self) -> None:
        for id in self.some(6):
            chosen = {name: self.value(name) for name in self.luck.sample(sorted(self.columns), 5)}
            self.db.query(f"UPDATE t SET {', '.join(f'{name} = {sql}' for name, (sql, _) in chosen.items())} WHERE id = {id}")
            self.now[id] |= {name: value for name, (_, value) in chosen.items()}

    def delete(self) -> None:
        for id in self.some(8):
            self.db.query(f"DELETE FROM t WHERE id = {id}")
            del self.now[id]

    def rekey(self) -> None:
        for id in self.some(4):
            self.db.query(f"UPDATE t SET id = {self.next} WHERE id = {id}")
            self.now[self.next] = self.now.pop(id)
            self.next += 1

    def truncate(self) -> None:
        self.db.query("TRUNCATE t")
        self.now.clear()

    def add_column(self) -> None:
        if not self.later:
            return
        name = self.luck.choice(sorted(self.later))
        type, values = self.columns[name] = self.later.pop(name)
        sql, value = self.luck.choice([("NULL", None), values[0]])
        self.db.query(f"ALTER TABLE t ADD {name} {type} DEFAULT {sql}; ALTER TABLE t ALTER {name} DROP DEFAULT")
        for row in self.now.values():
            row[name] = value

    def drop_column(self) -> None:
        name = self.luck.choice(sorted(self.columns))
        self.db.query(f"ALTER TABLE t DROP {name}")
        self.later[name] = self.columns.pop(name)
        for row in self.now.values():
            del row[name]

    def rename_column(self) -> None:
        name = self.luck.choice(sorted(self.columns))
        other = f"{name}_{len(self.seen)}" if name in COLUMNS else name.rpartition("_")[0] + "_x"
        if other not in self.columns:
            self.db.query(f"ALTER TABLE t RENAME {name} TO {other}")
            for of in (self.columns, *self.now.values()):
                of[other] = of.pop(name)

    def widen_column(self) -> None:
        names = [name for name, (type, _) in self.columns.items() if type in WIDER]
        if names:
            name = self.luck.choice(sorted(names))
            type, values = self.columns[name]
            if type == "real":  # from now on it is a double that is written
                values = [(sql, lake_types.number(float(sql.strip("'")))) for sql, _ in values]
            self.columns[name] = WIDER[type], values
            self.db.query(f"ALTER TABLE t ALTER {name} TYPE {WIDER[type]}")

    def retype_column(self) -> None:
        names = [name for name, (type, _) in self.columns.items() if type in ("int8", "int2")]
        if names:
            name = self.luck.choice(sorted(names))
            self.columns[name] = "text", [(f"'{value}'", str(value)) for _, value in self.columns[name][1]]
            self.db.query(f"ALTER TABLE t ALTER {name} TYPE text USING {name}::text")
            for row in self.now.values():
                row[name] = None if row[name] is None else str(row[name])

    def lay_out(self) -> None:
        self.db.query(f"SELECT pgtrickle.set_lake_layout('t', '{self.luck.choice([one for one in LAYOUTS if self.fits(one)])}')")

    CHANGES = [insert] * 5 + [update] * 5 + [delete] * 3 + [rekey] * 3 + [truncate] + [add_column] * 2 + [drop_column, rename_column, widen_column, retype_column] + [lay_out] * 2

    def kill(self) -> None:
        """kill -9 while it publishes, or just before or after."""
        def publish():
            try:
                self.lake.publish_now()
            except psycopg.Error:
                pass

        publishing = threading.Thread(target=publish)
        publishing.start()
        time.sleep(self.luck.random() * 0.15)
        for process in self.db.box.lake_processes():
            os.kill(process, signal.SIGKILL)
        publishing.join()
        wait_until(lambda: self.db.box.lake_processes(), "trickle-lake to be started again", 60)

    def upkeep(self) -> None:
        what = self.luck.choice(["merge", "rewrite", "ours", "expire", "none"])
        if what in ("ours", "expire"):
            if what == "expire":
                age(self.lake, "8 days")
            self.db.query("SELECT pgtrickle.lake_upkeep_now()")
        elif what != "none":
            compact(self.lake, "CALL ducklake_merge_adjacent_files('company_lake')" if what == "merge" else "CALL ducklake_rewrite_data_files('company_lake', delete_threshold => 0.2)")

    def run(self, steps: int) -> None:
        for step in range(steps):
            for _ in range(self.luck.randint(1, 5)):
                self.luck.choice(self.CHANGES)(self)
            if step in (2, steps - 2):
                self.kill()
            version = self.lake.publish_now()
            assert sorted(self.now) == [id for (id,) in self.db.query("SELECT id FROM t ORDER BY 1")]
            names = sorted(self.columns)
            self.seen[version] = (["id", *names], ["int", *(self.columns[name][0] for name in names)],
                                  collections.Counter(plain((id, *(row[name] for name in names))) for id, row in self.now.items()))
            self.upkeep()
        self.lake.publish_now()   # Iceberg lists no snapshot any more that the upkeep has expired


def compact(lake: Lake, call: str) -> None:
    """DuckDB does not try again by itself when our upkeep, once a minute, has compacted the same table in between."""
    for left in reversed(range(5)):
        try:
            with lake.duckdb() as duck:
                duck.execute(call)
            return
        except duckdb.TransactionException as e:
            if left == 0 or "another transaction has compacted it" not in str(e):
                raise


def plain(row) -> tuple:
    return tuple(str(value) if isinstance(value, uuid.UUID) else value for value in row)


def bag(rows) -> collections.Counter:
    found = collections.Counter()
    for row in rows:
        found[plain(row)] += 1
    return found


def read(engine, lake, version: int | None, names: list[str]) -> collections.Counter:
    if isinstance(engine, PyIceberg):
        return bag(lake_types.canonical(engine.table(lake, "t").scan(snapshot_id=version).to_arrow().select(names)).elements())
    return bag(lake_types.of_engine(row) for row in engine.rows(lake, "t", version, columns=map(engine.quoted, names)))


def read_by_duckdb(lake, version: int, names: list[str]) -> collections.Counter:
    with lake.duckdb() as duck:
        return bag(lake_types.canonical(duck.execute(f"SELECT {', '.join(names)} FROM company_lake.main.t AT (VERSION => {version})").to_arrow_table()).elements())


def difference(names, expected, got) -> str:
    more, fewer = sorted((got - expected).elements(), key=str), {row[0]: row for row in (expected - got).elements()}
    odd = [(name, fewer[row[0]][i], row[i]) for row in more if row[0] in fewer for i, name in enumerate(names) if row[i] != fewer[row[0]][i]]
    return f"column, expected, got: {odd[:5]}" if odd else f"too many: {[row[0] for row in more]}, missing: {sorted(fewer)}"


def check(history: History, engines, seed: int) -> None:
    lake = history.lake
    kept = {version for (version,) in lake.db.query(f"SELECT snapshot_id FROM {lake.schema}.ducklake_snapshot")}
    for version, (names, _, rows) in history.seen.items():
        if version in kept:
            got = read_by_duckdb(lake, version, names)
            assert got == rows, f"DuckDB at {version}, LAKE_SEED={seed}: {difference(names, rows, got)}"
    last, refused = max(history.seen), refused_by_trino(lake, "t")
    for engine in engines:
        listed = engine.versions(lake, "t")
        for version, (names, types, rows) in history.seen.items():
            of = max((one for one in listed if one <= version), default=None)
            if of is None:
                continue
            if engine.name == "trino" and of in refused:
                with pytest.raises(RuntimeError, match=NO_PARTITION_FOR_TRINO):
                    read(engine, lake, of, names)
                continue
            expected = bag(as_pyiceberg_has_it(rows, types).elements()) if engine.name == "pyiceberg" else rows
            for at in [of, *([None] if version == last else [])]:
                got = read(engine, lake, at, names)
                assert got == expected, f"{engine.name} at {version}, that is {at}, LAKE_SEED={seed}: {difference(names, expected, got)}"


def test_all_engines_return_what_postgresql_had(box, scratch_directory):
    first, _ = seeded()
    box.start()
    with ThreadPoolExecutor(2) as pool:
        starting = [pool.submit(engine, scratch_directory / f"agree_{engine.name}.log") for engine in (Spark, Trino)]
        databases = []
        try:
            for seed in range(first, first + int(os.environ.get("LAKE_HISTORIES", 3))):
                luck = random.Random(seed)
                db = Database(box, f"agree{seed}")
                databases.append(db)
                history = History(db, Lake(db, db.name, options=json.dumps({"iceberg": "each commit", "types": lake_types.CHOICES})), luck)
                history.run(8)
                check(history, [PyIceberg(), *(engine.result() for engine in starting)], seed)
        finally:
            for engine in starting:
                engine.result().stop()
            for db in databases:
                db.drop()
