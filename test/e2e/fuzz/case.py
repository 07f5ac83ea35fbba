"""A case: tables, views and what is done to them, as plain data.  It prints as a script."""

import copy
from dataclasses import dataclass, field


@dataclass
class Statement:
    conn: int
    text: str

    def sql(self):
        return self.text


@dataclass
class Insert:
    """Rows are kept apart so that they can be left out one by one."""
    conn: int
    table: str
    columns: list
    rows: list
    conflict: str = ""

    def sql(self):
        rows = ", ".join("(" + ", ".join(r) + ")" for r in self.rows)
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES {rows}{self.conflict}"


@dataclass
class Copy:
    conn: int
    table: str
    columns: list
    rows: list                     # of text fields, None is NULL

    def sql(self):
        return f"COPY {self.table} ({', '.join(self.columns)}) FROM STDIN"

    def data(self):
        return "".join("\t".join("\\N" if f is None else f for f in r) + "\n" for r in self.rows)


@dataclass
class Tick:
    """Refresh these views in one transaction, the connection's own if it is in one, and compare each."""
    conn: int
    views: list
    isolation: str = "REPEATABLE READ"
    rollback: bool = False
    recomputed: dict = None        # views that AUTO is told to recompute, from how many rows on (0: it is left to the query's plan); the others it is told to follow; None: it is not told


@dataclass
class Create:
    conn: int
    view: str


@dataclass
class Drop:
    conn: int
    view: str


@dataclass
class Alter:
    """Another query and mode for the view of this name."""
    conn: int
    to: object


@dataclass
class Sleep:
    seconds: float
    conn: int = 0


@dataclass
class Settle:
    """Everybody commits; the scheduler must bring every view up to date by itself."""
    conn: int = 0


@dataclass
class Case:
    seed: int
    tables: list
    setup: list
    views: list
    steps: list = field(default_factory=list)
    scheduler: bool = False
    many: bool = False             # many views, compared all at once
    role: str = ""                 # who owns and compares the views; he is no superuser

    def view(self, name):
        return next((v for v in self.views if v.name == name), None)

    def without_view(self, name):
        """The case without the view and without those that read it."""
        case = copy.deepcopy(self)
        gone = {name}
        for v in case.views:
            if v.reads() & gone:
                gone.add(v.name)
        case.views = [v for v in case.views if v.name not in gone]
        for s in case.steps:
            if isinstance(s, Tick):
                s.views = [n for n in s.views if n not in gone]
        case.steps = [s for s in case.steps if not (isinstance(s, Tick) and not s.views) and not (isinstance(s, (Create, Drop)) and s.view in gone)
                      and not (isinstance(s, Alter) and (s.to.name in gone or s.to.reads() & gone))]
        return case

    def created_later(self):
        return {s.view for s in self.steps if isinstance(s, Create)}


def difference(view):
    """SQL whose rows are what the view lacks and what it has too much, at most ten."""
    exact = [c.name for c in view.columns() if not c.loose]
    loose = len(exact) < len(view.columns())

    def both(columns):
        return (f"SELECT 'missing' AS side, x::text FROM (SELECT {columns} FROM q EXCEPT ALL SELECT {columns} FROM v) x "
                f"UNION ALL SELECT 'unexpected', x::text FROM (SELECT {columns} FROM v EXCEPT ALL SELECT {columns} FROM q) x")

    checks = [both("*")] if loose or not exact else []
    if exact:
        checks.append(both(", ".join(f"{c}::text" for c in exact)))
    return (f"WITH q AS MATERIALIZED ({view.sql()}), v AS MATERIALIZED (SELECT * FROM {view.name}) "
            f"SELECT * FROM ({' UNION ALL '.join(checks)}) d LIMIT 10")


def told(step, name):
    """Statements that leave AUTO no choice, by what it remembers of the costs."""
    if step.recomputed is None:
        return
    yield "SET pg_trickle.weighed_rows = 0"
    yield f"DELETE FROM pgtrickle.cost WHERE id = (SELECT id FROM pgtrickle.stream_table WHERE relid = '{name}'::regclass)"
    if step.recomputed.get(name) == 0:
        yield f"INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'INITIAL', 0, 0, 1e9 FROM pgtrickle.stream_table WHERE relid = '{name}'::regclass"
        return
    slow_from, recomputing = (step.recomputed[name], 1e3) if name in step.recomputed else (1e9, 1e9)
    yield (f"INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, c.* FROM pgtrickle.stream_table, (SELECT 'DIFFERENTIAL', rows, rows, CASE WHEN rows < {slow_from:.0f} THEN 1 ELSE 1e12 END "
           f"FROM unnest(ARRAY[1, 1, 8, 8, 64, 64, 512, 512]) rows UNION ALL SELECT 'FULL', 1, 1, {recomputing:.0f}) c WHERE relid = '{name}'::regclass")


def script(case):
    """The case as SQL; steps of other connections than the first are marked."""
    out = [f"-- seed {case.seed}"]
    for t in case.tables:
        out += [d + ";" for d in t.ddl()]
    out += [s.sql() + ";" for s in case.setup]
    later = case.created_later()
    out += [v.create() + ";" for v in case.views if v.name not in later]
    talking = {s.conn for s in case.steps if not isinstance(s, (Sleep, Settle))}
    for s in case.steps:
        mark = f"/* connection {s.conn} */ " if len(talking) > 1 else ""
        if isinstance(s, Tick):
            out.append(f"{mark}-- tick, in the connection's own transaction if it is in one, else BEGIN ISOLATION LEVEL {s.isolation} … {'ROLLBACK' if s.rollback else 'COMMIT'}")
            for name in s.views:
                out += [f"{mark}{text};" for text in told(s, name)]
                out.append(f"{mark}SELECT pgtrickle.refresh_stream_table('{name}');")
                out.append(f"{mark}SELECT * FROM pgtrickle.verify('{name}');")
        elif isinstance(s, Create):
            out.append(mark + case.view(s.view).create() + ";")
        elif isinstance(s, Drop):
            out.append(f"{mark}SELECT pgtrickle.drop_stream_table('{s.view}');")
        elif isinstance(s, Alter):
            out.append(mark + s.to.alter() + ";")
        elif isinstance(s, Sleep):
            out.append(f"SELECT pg_sleep({s.seconds});")
        elif isinstance(s, Settle):
            out.append("-- everybody commits; wait for the scheduler, then verify every view")
        elif isinstance(s, Copy):
            out.append(f"{mark}{s.sql()};\n{s.data()}\\.")
        else:
            out.append(f"{mark}{s.sql()};")
    return "\n".join(out) + "\n"
