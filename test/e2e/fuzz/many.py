"""Many queries on one history: each pair of a query and a history costs a fraction of a second.

A case is a few small tables, a couple of dozen queries of the grammar as stream tables, some reading others,
and a short history; at each tick all are refreshed and compared with their queries in one statement.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import TransactionStatus

from . import productions    # noqa: F401  fills the registry
from .case import Case, Statement
from .grammar import Generator, reductions
from .run import Failure, Run, Tally
from .schema import random_shown, random_tables
from .writes import Writer

VIEWS = 20
ROLE = "fuzz_owner"


@dataclass
class GrammarView:
    name: str
    query: object
    used: list = field(default_factory=list)
    read: list = field(default_factory=list)
    mode: str = "DIFFERENTIAL"
    schedule: str = "1h"
    extras: bool = True                       # a refusal is an answer

    def sql(self):
        return self.query.sql()

    def reads(self):
        return set(self.read)

    def reads_each(self):
        return self.read

    def temporal(self):
        return "now()" in self.sql()

    def create(self):
        return (f"SELECT pgtrickle.create_stream_table(name => '{self.name}', schedule => '{self.schedule}', refresh_mode => '{self.mode}', "
                f"query => $q${self.sql()}$q$)")

    def reductions(self):
        return reductions(self.query)


@dataclass
class ManyTally(Tally):
    pairs: int = 0                            # of a query and a history, all of whose ticks were compared
    invalid: int = 0
    kept: Counter = field(default_factory=Counter)       # production → views maintained by their changes
    made: Counter = field(default_factory=Counter)       # production → views
    why: Counter = field(default_factory=Counter)        # reason → views that are recomputed
    errors: Counter = field(default_factory=Counter)     # of queries that the server itself refuses

    def __str__(self):
        lines = [f"{self.cases} histories, {self.pairs} pairs, {self.views - self.refused} of {self.views} views maintained by their changes, {self.ticks} ticks, "
                 f"{self.statements} statements, {self.invalid} queries invalid"]
        lines += [f"  {count:6} recomputed: {reason}" for reason, count in self.why.most_common()]
        lines += [f"  {count:6} invalid: {reason}" for reason, count in self.errors.most_common(10)]
        lines.append("  " + ", ".join(f"{name} {self.kept[name]}/{count}" for name, count in sorted(self.made.items())))
        return "\n".join(lines)


def make(seed, count=VIEWS):
    rng = random.Random(seed)
    tables = random_tables(rng)
    shown = random_shown(rng, tables)
    relations = {t.name: [(c.name, "numeric" if c.type == "numeric(10,2)" else c.type, c.moves) for c in t.columns] for t in [*tables, *shown]}
    views = []
    for n in range(count):
        chained = rng.random() < 0.2
        reach = relations | {v.name: [(c.name, c.type, False) for c in v.query.columns] for v in views[-3:] if len(v.read) < 4} if chained else relations
        generator = Generator(rng, reach, leaves=rng.choice([1, 2, 3, 4]))
        generator.depth = rng.choice([2, 3, 3, 4])
        made = generator.make("query", None, otherwise=lambda: None)
        if made is not None:
            views.append(GrammarView(f"v{n}", made, generator.used, generator.read))
    writer = Writer(rng, tables, views, calm=True, shown=shown)
    setup = [writer.insert(0, t, 6) for t in tables for _ in range(rng.randint(1, 2))]
    role = "" if rng.random() < 0.7 or any(s.kind == "FOREIGN TABLE" for s in shown) else ROLE
    if role:
        setup = [Statement(0, text) for text in grants(rng, writer)] + setup
    steps = writer.steps(rng.choice([6, 10, 14]))
    return Case(seed, [*tables, *shown], setup, views, steps, many=True, role=role)


def grants(rng, writer):
    """A role that sees of some tables what policies let through."""
    yield f"DO $$ BEGIN CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    yield f"GRANT USAGE, CREATE ON SCHEMA fuzz TO {ROLE}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA fuzz TO {ROLE}"
    for table in writer.tables:
        if rng.random() < 0.7:
            writer.hidden.append(table)
            yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
            yield f"CREATE POLICY one ON {table.name} USING ({writer.policy(table)})"
            if rng.random() < 0.3:
                yield f"CREATE POLICY two ON {table.name} {rng.choice(['', 'AS RESTRICTIVE'])} USING ({writer.policy(table)})"


class ManyRun(Run):
    """All views at once: what differs is looked at one by one."""

    def __init__(self, connect, case, tally=None):
        super().__init__(connect, case, tally or ManyTally())
        self.broken = []                      # views whose query fails by itself

    @contextmanager
    def as_owner(self, c):
        if self.case.role:
            c.execute(f"SET ROLE {self.case.role}")
        try:
            yield
        finally:
            if self.case.role and not c.broken and c.info.transaction_status != TransactionStatus.INERROR:
                c.execute("RESET ROLE")

    def create(self, c, view):
        before = self.tally.views
        try:
            with self.as_owner(c):
                super().create(c, view)
        except Failure as failure:
            said = self.query_error(view)
            if said is None or failure.kind != "error":
                raise
            self.tally.invalid += 1
            self.tally.errors[said] += 1
            return
        if self.tally.views > before:
            mode, reason = c.execute("SELECT effective_mode, mode_reason FROM pgtrickle.stream_table WHERE relid = %s::regclass", [view.name]).fetchone()
            for name in set(view.used):
                self.tally.made[name] += 1
                self.tally.kept[name] += mode == "DIFFERENTIAL"
            if mode != "DIFFERENTIAL":
                self.tally.why[re.sub(r"the aggregate (\w+).* has", r"the aggregate \1 has", reason)] += 1

    def check_shape(self, c, view):
        # The modifier of a type is not looked at: the planner folds a CASE, and says that of the branch it has kept.
        got, want = (c.execute(f"SELECT * FROM {item} LIMIT 0").pgresult for item in (view.name, f"({view.sql()}) q"))
        shape = lambda r: [(r.fname(i), r.ftype(i)) for i in range(r.nfields)]
        if shape(got) != shape(want):
            raise Failure("shape", f"{view.name} has {shape(got)}, its query {shape(want)}", self.step, "", view.name)

    def query_error(self, view):
        """What the server says to the query by itself, or None."""
        c = self.conns[0]
        if c.info.transaction_status != TransactionStatus.IDLE:
            c = self.conns[1] if self.conns[1].info.transaction_status == TransactionStatus.IDLE else self.conns[2]
        try:
            c.execute(f"SELECT count(*) FROM ({view.sql()}) q")
        except psycopg.Error as error:
            return str(error).splitlines()[0]
        return None

    def tick(self, c, step):
        if c.info.transaction_status == TransactionStatus.INERROR:
            return
        own = c.info.transaction_status == TransactionStatus.IDLE
        names = [name for name in step.views if name in self.alive]
        self.tally.ticks += 1
        at = ""
        try:
            if own:
                c.execute(f"BEGIN ISOLATION LEVEL {step.isolation}")
                self.began[step.conn] = self.epoch
            for at in names:
                self.tell(c, step, at)
                self.refresh(c, at)
            if not own:
                self.blocking.add(step.conn)
            if names and self.current(c):
                for name in self.differing(c, names):
                    self.compare(c, self.case.view(name))
            if own:
                c.execute("ROLLBACK" if step.rollback else "COMMIT")
        except psycopg.Error as e:
            if c.broken or not (self.excused(c, e) or self.owed_to_query(e, at) or self.lost_its_law(e, at)):
                raise
            if own:
                c.execute("ROLLBACK")

    def owed_to_query(self, error, name):
        """A query that fails by itself cannot be refreshed; its stream table is left out from there on."""
        view = self.case.view(name)
        if (error.sqlstate or "")[:2] not in ("22", "21") or view is None or self.query_error(view) is None:
            return False
        self.alive.discard(name)
        self.broken.append(name)
        return True

    def lost_its_law(self, error, name):
        """A new policy may ask for what has no law: a view that is to be DIFFERENTIAL says so, and is left out from there on."""
        if error.sqlstate != "0A000" or "row security" not in str(error) or "no differential law" not in str(error):
            return False
        self.alive.discard(name)
        self.broken.append(name)
        return True

    def differing(self, c, names):
        # READ COMMITTED sees what others have committed since the refresh; each is then looked at by itself no better.
        c.execute("SET enable_nestloop = off")
        try:
            with self.as_owner(c):
                return [name for (name,) in c.execute(" UNION ALL ".join(map(self.differs, names))).fetchall()]
        finally:
            if c.info.transaction_status != TransactionStatus.INERROR:
                c.execute("SET enable_nestloop = on")

    def differs(self, name):
        return (f"SELECT * FROM (WITH q AS MATERIALIZED ({self.case.view(name).sql()}) SELECT '{name}' WHERE "
                f"EXISTS (SELECT * FROM q EXCEPT ALL SELECT * FROM {name}) OR EXISTS (SELECT * FROM {name} EXCEPT ALL SELECT * FROM q)) d")

    def compare(self, c, view, fresh=True):
        if not fresh:
            return
        rows = c.execute(f"WITH q AS MATERIALIZED ({view.sql()}) SELECT * FROM (SELECT 'missing', x::text FROM (SELECT * FROM q EXCEPT ALL SELECT * FROM {view.name}) x "
                         f"UNION ALL SELECT 'unexpected', x::text FROM (SELECT * FROM {view.name} EXCEPT ALL SELECT * FROM q) x) d LIMIT 10").fetchall()
        if rows:
            raise Failure("wrong", "; ".join(f"{side} {row}" for side, row in rows), self.step, "", view.name)

    def finish(self):
        alive = len(self.alive)
        for conn in self.conns:
            if conn.info.transaction_status != TransactionStatus.IDLE:
                conn.execute("ROLLBACK")
        for name in reversed(self.broken):
            self.conns[0].execute("SELECT pgtrickle.drop_stream_table(%s, true)", [name])
        super().finish()
        self.tally.pairs += alive
