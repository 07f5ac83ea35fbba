"""Random statements, and transactions of several connections woven into each other."""

from .case import Copy, Create, Drop, Insert, Settle, Sleep, Statement, Tick
from .schema import VALUES, value
from .views import degree

KEYS = 8


class Writer:
    def __init__(self, rng, tables, views, scheduler=False, calm=False, shown=()):
        self.rng = rng
        self.tables = tables
        self.views = views
        self.scheduler = scheduler
        self.calm = calm           # little at once, no DDL
        self.shown = [s for s in shown if s.kind == "MATERIALIZED VIEW"]
        self.hidden = []           # tables with row security
        self.open = {}             # connection → savepoints of its open transaction
        self.degrees = {t.name: degree(views, t.name) for t in tables}

    # one statement ---------------------------------------------------------------

    def columns(self, table):
        return [c for c in table.columns if not c.generated]

    def row(self, table):
        return [value(self.rng, c, KEYS) for c in self.columns(table)]

    def insert(self, conn, table, most=4):
        rows = [self.row(table) for _ in range(self.rng.randint(1, most))]
        if self.rng.random() < 0.3:
            rows += [list(rows[0])] * self.rng.randint(1, 2)
        return Insert(conn, table.name, [c.name for c in self.columns(table)], rows)

    def where(self, table, alias=""):
        rng = self.rng
        c = rng.choice(table.columns)
        dot = alias + "." if alias else ""
        if rng.random() < 0.15:
            return f"{dot}{c.name} IS NULL"
        if c.name in ("id", "up"):
            return f"{dot}{c.name} {rng.choice(['=', '=', '<', '>'])} {rng.randrange(KEYS)}"
        if c.moves:
            return f"{dot}{c.name} {rng.choice(['<', '>'])} now()"
        return f"{dot}{c.name} {rng.choice(['=', '=', '<>', '>='])} {rng.choice(VALUES[c.type])}"

    def policy(self, table):
        """Of the row alone, or of what another table says of it."""
        rng = self.rng
        others = [t for t in self.tables if t is not table and t not in self.hidden]
        if not others or rng.random() < 0.6:
            return rng.choice([self.where(table, table.name), f"{self.where(table, table.name)} OR {self.where(table, table.name)}", "current_user LIKE 'fuzz%'"])
        other = rng.choice(others)
        pairs = [(a.name, b.name) for a in table.columns for b in other.columns if a.type == b.type]
        if not pairs:
            return f"EXISTS (SELECT FROM {other.name} o WHERE {self.where(other, 'o')})"
        a, b = rng.choice(pairs)
        return rng.choice([f"{a} IN (SELECT o.{b} FROM {other.name} o WHERE {self.where(other, 'o')})",
                           f"NOT EXISTS (SELECT FROM {other.name} o WHERE o.{b} = {table.name}.{a})"])

    def assign(self, table, alias=""):
        rng = self.rng
        picks = rng.sample(self.columns(table), min(len(self.columns(table)), rng.choice([1, 1, 2])))
        out = []
        for c in picks:
            form = rng.random()
            if form < 0.1:
                out.append(f"{c.name} = {alias or table.name}.{c.name}")
            elif form < 0.3 and c.type in ("int", "bigint", "numeric", "numeric(10,2)", "float8"):
                out.append(f"{c.name} = {alias or table.name}.{c.name} + 1")
            else:
                out.append(f"{c.name} = {value(rng, c, KEYS)}")
        return ", ".join(out)

    def upsert(self, conn, table):
        step = self.insert(conn, table)
        step.conflict = " ON CONFLICT DO NOTHING"
        if table.key and self.rng.random() < 0.7:
            rest = [c.name for c in self.columns(table) if c.name != table.key]
            if rest:
                name = self.rng.choice(rest)
                step.conflict = f" ON CONFLICT ({table.key}) DO UPDATE SET {name} = excluded.{name}" + self.rng.choice(["", f" WHERE {self.where(table, table.name)}"])
        return step

    def merge(self, conn, table):
        columns = self.columns(table)
        names = ", ".join(c.name for c in columns)
        by = table.key or columns[0].name
        rows = ", ".join("(" + ", ".join(f"{v}::{c.type}" for v, c in zip(self.row(table), columns)) + ")" for _ in range(self.rng.randint(1, 3)))
        matched = self.rng.choice([f"UPDATE SET {self.assign(table, 't')}", "DELETE", "DO NOTHING"])
        return Statement(conn, f"MERGE INTO {table.name} t USING (VALUES {rows}) s({names}) ON t.{by} = s.{by} "
                               f"WHEN MATCHED THEN {matched} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({', '.join('s.' + c.name for c in columns)})")

    def bulk(self, conn, table):
        """Many rows at once, so that the plan for bulk runs too."""
        rng = self.rng
        n = min(40 if self.calm else rng.choice([60, 300, 1200]), int(300_000 ** (1 / self.degrees[table.name])))
        items = []
        for c in self.columns(table):
            if c.name in ("id", "up"):
                items.append(f"100 + g" if c.name == "id" else f"CASE WHEN g % 9 > 0 THEN NULL::int END")
            else:
                values = [f"{value(rng, c)}::{c.type}" for _ in range(3)]
                items.append(f"(ARRAY[{', '.join(values)}])[1 + g % 3]")
        return Statement(conn, f"INSERT INTO {table.name} ({', '.join(c.name for c in self.columns(table))}) SELECT {', '.join(items)} FROM generate_series(1, {n}) g")

    def copy(self, conn, table):
        plain = lambda text: None if text == "NULL" else text[1:-1].replace("''", "'") if text.startswith("'") else text
        rows = []
        for _ in range(self.rng.randint(1, 4)):
            row = self.row(table)
            if any("now()" in f for f in row):
                row = [f if "now()" not in f else "'now'" for f in row]
            rows.append([plain(f) for f in row])
        return Copy(conn, table.name, [c.name for c in self.columns(table)], rows)

    def statement(self, conn):
        rng = self.rng
        if self.shown and rng.random() < 0.2:
            return Statement(conn, rng.choice(self.shown).refresh(rng))
        if self.hidden and rng.random() < 0.08:
            t = rng.choice(self.hidden)
            return Statement(conn, rng.choice([f"ALTER POLICY one ON {t.name} USING ({self.policy(t)})", f"ALTER POLICY one ON {t.name} USING ({self.policy(t)})",
                                               f"ALTER TABLE {t.name} {rng.choice(['DISABLE', 'ENABLE', 'ENABLE'])} ROW LEVEL SECURITY"]))
        t = rng.choice(self.tables)
        pick = rng.random()
        if pick < 0.30:
            return self.insert(conn, t)
        if pick < 0.50:
            return Statement(conn, f"UPDATE {t.name} SET {self.assign(t)} WHERE {self.where(t)}")
        if pick < 0.55:
            return Statement(conn, f"UPDATE {t.name} SET {self.assign(t)}")
        if pick < 0.68:
            return Statement(conn, f"DELETE FROM {t.name} WHERE {self.where(t)}")
        if pick < 0.76:
            return self.upsert(conn, t)
        if pick < 0.83:
            return self.merge(conn, t)
        if pick < 0.87:
            return self.copy(conn, t)
        if pick < 0.89:
            return self.bulk(conn, t)
        if pick < 0.91 and t.key:
            return Statement(conn, f"UPDATE {t.name} SET {t.key} = {t.key} + {rng.choice([1, 100, -100])} WHERE {self.where(t)}")
        if pick < 0.93:
            names = ", ".join(c.name for c in self.columns(t) if c.name != t.key)
            fresh = f"{t.key}, " if t.key else ""
            made = f"{t.key} + 1000, " if t.key else ""
            if names:
                return Statement(conn, f"WITH gone AS (DELETE FROM {t.name} WHERE {self.where(t)} RETURNING *) INSERT INTO {t.name} ({fresh}{names}) SELECT {made}{names} FROM gone")
        if pick < 0.94:
            return Statement(conn, f"DO $$ BEGIN {self.insert(conn, t).sql()}; UPDATE {t.name} SET {self.assign(t)}; RAISE 'undo'; EXCEPTION WHEN OTHERS THEN DELETE FROM {t.name} WHERE {self.where(t)}; END $$")
        if pick < 0.95:
            return Statement(conn, f"SELECT count(*) FROM (SELECT FROM {t.name} WHERE {self.where(t)} FOR UPDATE) locked")
        if pick < 0.96:
            return Statement(conn, f"TRUNCATE {t.name} CASCADE")
        if pick < 0.97:
            return Statement(conn, f"DELETE FROM {t.name}")
        if pick < 0.98 and t.partitions:
            return Statement(conn, f"DELETE FROM {t.name}_p{rng.randrange(3)}")
        return self.insert(conn, t, 8)

    def upkeep(self, conn):
        t = self.rng.choice(self.tables)
        return Statement(conn, self.rng.choice([f"VACUUM {t.name}", f"ANALYZE {t.name}", f"VACUUM FULL {t.name}", f"CREATE INDEX ON {t.name} ({t.columns[-1].name})",
                                                f"ALTER TABLE {t.name} ADD COLUMN extra{self.rng.randrange(1000)} int DEFAULT 7"]))

    def reshape(self, conn):
        """DDL that changes what state was made for, and rows that only then are possible."""
        rng = self.rng
        t = rng.choice(self.tables)
        c = rng.choice(self.columns(t))
        alter, some = f"ALTER TABLE {t.name}", f"WHERE {self.where(t)}"
        texts = [c for c in self.columns(t) if c.type == "text"]
        pick = rng.random()
        if pick < 0.25:
            forms = [f"{alter} ALTER COLUMN {c.name} DROP NOT NULL", f"UPDATE {t.name} SET {c.name} = NULL {some}"]
        elif pick < 0.35:
            forms = [f"DELETE FROM {t.name} WHERE {c.name} IS NULL", f"{alter} ALTER COLUMN {c.name} SET NOT NULL"]
        elif pick < 0.55 and t.key:
            forms = [f"{alter} DROP CONSTRAINT IF EXISTS {t.name}_pkey", f"UPDATE {t.name} SET {t.key} = {rng.randrange(KEYS)} {some}"]
        elif pick < 0.65 and t.key:
            forms = [f"DELETE FROM {t.name} WHERE {t.key} IN (SELECT {t.key} FROM {t.name} GROUP BY 1 HAVING count(*) > 1)", f"{alter} ADD PRIMARY KEY ({t.key})"]
        elif pick < 0.75:
            forms = [f"CREATE INDEX IF NOT EXISTS {t.name}_{c.name} ON {t.name} ({c.name})"]
        elif pick < 0.85:
            forms = [f"DROP INDEX IF EXISTS {t.name}_{c.name}"]
        elif texts:
            c = rng.choice(texts)
            forms = [f"UPDATE {t.name} SET {c.name} = (SELECT string_agg(md5({t.name}.{c.name} || i), '' ORDER BY i) FROM generate_series(1, 300) i) {some}"]
        else:
            forms = []
        return [Statement(conn, text) for text in forms]

    def transaction(self, conn):
        """A whole transaction for a connection that runs freely beside others."""
        rng = self.rng
        own = [self.statement(conn) for _ in range(rng.choice([1, 1, 2, 4]))]
        own = [s for s in own if not s.sql().startswith("TRUNCATE")]     # other snapshots would see it
        if len(own) > 2 and rng.random() < 0.5:
            own = own[:1] + [Statement(conn, "SAVEPOINT s")] + own[1:2] + [Statement(conn, "ROLLBACK TO s")] + own[2:]
        isolation = rng.choice(["", "", " ISOLATION LEVEL REPEATABLE READ"])
        return [Statement(conn, "BEGIN" + isolation)] + own + [Statement(conn, rng.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))]

    # many ------------------------------------------------------------------------

    def tick(self, conn):
        names = [v.name for v in self.views]
        return Tick(conn, self.rng.sample(names, self.rng.randint(1, len(names))), self.rng.choice(["REPEATABLE READ", "REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"]),
                    self.rng.random() < 0.08)

    def steps(self, count):
        rng = self.rng
        out = []
        while len(out) < count:
            conn = rng.choice([0, 0, 1, 1, 2])
            if conn in self.open:
                out.append(self.inside(conn))
            elif rng.random() < (0.03 if self.scheduler else 0.3):
                out.append(self.tick(conn))
            elif conn and rng.random() < 0.6:
                self.open[conn] = []
                out.append(Statement(conn, "BEGIN" + rng.choice(["", "", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE"])))
            elif self.calm and rng.random() < 0.9:
                out.append(self.statement(conn))
            elif rng.random() < 0.02:
                out.append(self.upkeep(conn))
            elif rng.random() < 0.05:
                out += self.reshape(conn)
            elif rng.random() < 0.02 and not self.scheduler:
                view = rng.choice(self.views)
                if not any(view.name in v.reads() for v in self.views):
                    out += [Drop(conn, view.name), Create(conn, view.name)]
            elif rng.random() < 0.05 or (rng.random() < 0.25 and any(v.temporal() for v in self.views)):
                out.append(Sleep(rng.choice([0.05, 0.12, 0.3])))
            elif self.scheduler and rng.random() < 0.1:
                self.open.clear()
                out.append(Settle())
            else:
                out.append(self.statement(conn))
        out += [Statement(conn, rng.choice(["COMMIT", "ROLLBACK"])) for conn in self.open]
        names = [v.name for v in self.views]
        return out + ([Settle()] if self.scheduler else [Tick(0, names), Tick(0, names)])

    def inside(self, conn):
        rng = self.rng
        points = self.open[conn]
        pick = rng.random()
        if pick < 0.12:
            points.append(f"s{len(points)}")
            return Statement(conn, f"SAVEPOINT {points[-1]}")
        if pick < 0.22 and points:
            name = rng.choice(points)
            verb = rng.choice(["ROLLBACK TO", "ROLLBACK TO", "RELEASE"])
            del points[points.index(name) + (verb != "RELEASE"):]
            return Statement(conn, f"{verb} {name}")
        if pick < 0.30 and not self.scheduler:
            return self.tick(conn)
        if pick < 0.48:
            del self.open[conn]
            return Statement(conn, rng.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        return self.statement(conn)
