"""Random tables, and values for their columns.

Few distinct values each, so that groups, joins and duplicates collide; equal values that
print differently (1, 1.0, 1.00) so that a change of representation counts as a change.
"""

from dataclasses import dataclass, field

TYPES = ["int", "bigint", "numeric(10,2)", "numeric", "float8", "text", "timestamptz", "bool", "date"]

FAMILY = {"int": "number", "bigint": "number", "numeric(10,2)": "number", "numeric": "number", "float8": "number",
          "text": "text", "timestamptz": "time", "bool": "bool", "date": "date"}

VALUES = {
    "int": ["0", "1", "2", "3", "-1"],
    "bigint": ["0", "1", "2", "10000000000", "-3"],
    "numeric(10,2)": ["0", "1.5", "2.25", "-1.5", "10", "99.99"],
    "numeric": ["0", "1", "1.0", "1.00", "2.5", "-3.25", "1000", "0.001"],
    "float8": ["0", "0.5", "1.25", "-2", "1024"],          # sums of these are exact in any order
    "text": ["''", "'a'", "'b'", "'A'", "'a '", "'ä'", "'it''s'"],
    "timestamptz": ["'2026-03-29 00:30:00+00'", "'2026-03-29 23:30:00+00'", "'2026-10-25 01:30:00+00'", "'2026-01-01 00:00:00+00'"],
    "bool": ["true", "false"],
    "date": ["'2026-01-01'", "'2026-01-02'", "'2026-03-29'"],
}


@dataclass
class Column:
    name: str
    type: str
    nullable: bool = True
    moves: bool = False            # timestamps around now(), for temporal filters
    generated: str = ""            # expression of a stored generated column


@dataclass
class Table:
    name: str
    columns: list
    key: str = ""                  # primary key column
    parent: str = ""               # foreign key of column `up` to the parent's key
    action: str = ""               # what the foreign key does
    partitions: list = field(default_factory=list)
    hole: bool = False             # a column was dropped before the first view

    def column(self, name):
        return next(c for c in self.columns if c.name == name)

    def ddl(self):
        parts = ["hole int"] if self.hole else []
        for c in self.columns:
            text = f"{c.name} {c.type}"
            if c.generated:
                text += f" GENERATED ALWAYS AS ({c.generated}) STORED"
            if c.name == self.key:
                text += " PRIMARY KEY"
            elif not c.nullable:
                text += " NOT NULL"
            if self.parent and c.name == "up":
                text += f" REFERENCES {self.parent} {self.action}"
            parts.append(text)
        out = [f"CREATE TABLE {self.name} ({', '.join(parts)})" + (f" PARTITION BY LIST ({self.key})" if self.partitions else "")]
        for n, values in enumerate(self.partitions):
            bound = f"FOR VALUES IN ({', '.join(values)})" if values else "DEFAULT"
            out.append(f"CREATE TABLE {self.name}_p{n} PARTITION OF {self.name} {bound}")
        if self.hole:
            out.append(f"ALTER TABLE {self.name} DROP COLUMN hole")
        return out


LOOPBACK = [
    "CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public",
    """DO $$ BEGIN EXECUTE format('CREATE SERVER IF NOT EXISTS fuzz FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, options %L)',
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), '-c lock_timeout=30 -c timezone=UTC'); END $$""",
    "CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER fuzz"]


@dataclass
class Shown:
    """A table as a materialized view or a foreign table shows it; nobody writes it."""
    name: str
    table: Table
    kind: str                      # MATERIALIZED VIEW, FOREIGN TABLE
    keyed: bool = False

    @property
    def of(self):
        return self.table.name

    @property
    def columns(self):
        return self.table.columns

    def ddl(self):
        if self.kind == "MATERIALIZED VIEW":
            key = [f"CREATE UNIQUE INDEX ON {self.name} ({self.table.key})"] if self.keyed else []
            return [f"CREATE MATERIALIZED VIEW {self.name} AS SELECT {', '.join(c.name for c in self.columns)} FROM {self.table.name}"] + key
        columns = ", ".join(f"{c.name} {c.type}" for c in self.columns)
        return LOOPBACK + [f"CREATE FOREIGN TABLE {self.name} ({columns}) SERVER fuzz OPTIONS (schema_name 'fuzz', table_name '{self.table.name}')"]

    def refresh(self, rng):
        return f"REFRESH MATERIALIZED VIEW {rng.choice(['', 'CONCURRENTLY '] if self.keyed else [''])}{self.name}"


def random_shown(rng, tables):
    """Some of the tables again."""
    kinds = rng.choice([[], ["MATERIALIZED VIEW"], ["MATERIALIZED VIEW"], ["FOREIGN TABLE"], ["MATERIALIZED VIEW", "FOREIGN TABLE"]])
    of = [(kind, rng.choice(tables)) for kind in kinds]
    return [Shown(f"{'m' if kind[0] == 'M' else 'f'}{t.name[1:]}", t, kind, bool(t.key) and rng.random() < 0.6) for kind, t in of]


def value(rng, column, keys=8):
    """A literal for the column."""
    if column.nullable and rng.random() < 0.2:
        return "NULL"
    if column.name in ("id", "up"):
        return str(rng.randrange(keys))
    if column.moves and rng.random() < 0.85:
        return f"(now() + interval '{rng.randrange(-900, 500)} ms')"
    if column.type in ("numeric", "float8") and rng.random() < 0.02:
        return "'NaN'"
    return rng.choice(VALUES[column.type])


def random_tables(rng):
    tables = []
    for n in range(rng.choice([1, 2, 2, 3, 3])):
        columns = []
        key = ""
        if rng.random() < 0.7:
            columns.append(Column("id", rng.choice(["int", "int", "bigint"]), nullable=False))
            key = "id"
        table = Table(f"t{n}", columns, key)
        parents = [t for t in tables if t.key]
        if parents and rng.random() < 0.5:
            table.parent = rng.choice(parents).name
            table.action = rng.choice(["ON DELETE CASCADE ON UPDATE CASCADE", "ON DELETE SET NULL ON UPDATE CASCADE",
                                       "ON DELETE CASCADE", "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"])
            columns.append(Column("up", "int"))
        for m, kind in enumerate(rng.sample(TYPES, rng.choice([2, 3, 3, 4]))):
            columns.append(Column(f"{'abcdef'[m]}{n}", kind, nullable=rng.random() < 0.75, moves=kind == "timestamptz" and rng.random() < 0.7))
        numbers = [c for c in columns if c.type == "int"]
        if numbers and rng.random() < 0.1:
            columns.append(Column(f"g{n}", "int", generated=f"{numbers[0].name} * 2"))
        if key and not table.parent and rng.random() < 0.15:
            table.partitions = [["0", "1", "2"], ["3", "4"], []]
        table.hole = rng.random() < 0.15
        tables.append(table)
    return tables
