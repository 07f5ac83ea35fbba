"""Runs a case on a database and compares; raises Failure at the first deviation."""

import re
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import psycopg
from psycopg.pq import TransactionStatus

from .case import Alter, Copy, Create, Drop, Insert, Settle, Sleep, Statement, Tick, difference, told

SCHEMA = "fuzz"

# What the server rightly says to random statements: constraints, locks, serialization, aborted transactions, overflow.
EXPECTED = {"23505", "23503", "23502", "23514", "23P01", "55P03", "40001", "40P01", "25P02", "25P01", "3B001", "22003", "21000", "27000", "0A000", "25001", "42P10", "55006",
            "2BP01", "42P16", "54000"}

BLOCKING = ("TRUNCATE", "VACUUM", "ALTER", "CREATE", "DROP", "CLUSTER", "REFRESH")


@dataclass
class Failure(Exception):
    kind: str                      # wrong, error, crash, refused, shape, leak, stale
    detail: str
    step: int = -1                 # the step it happened at
    sqlstate: str = ""
    view: str = ""

    def same_as(self, other):
        return self.sign() == other.sign()

    def sign(self):
        """What makes two failures the same one: for errors the message without names and numbers."""
        said = re.sub(r'"[^"]*"|\d+', "?", self.detail.splitlines()[0]) if self.kind in ("error", "refused") and self.detail else ""
        return self.kind, self.sqlstate, re.sub(r"creating \S+: ", "", said)

    def __str__(self):
        return f"{self.kind} at step {self.step} {self.view} {self.sqlstate}: {self.detail}"


@dataclass
class Tally:
    cases: int = 0
    ticks: int = 0
    views: int = 0
    statements: int = 0
    refused: int = 0
    altered: int = 0
    refreshes: Counter = field(default_factory=Counter)    # by mode
    reasons: dict = field(default_factory=dict)


class Run:
    def __init__(self, connect, case, tally=None, hold=30):
        self.case = replace(case, views=list(case.views))    # queries change
        self.tally = tally or Tally()
        self.conns = [connect() for _ in range(3)]
        self.hold = hold                       # ms that a statement waits for a lock
        self.step = -1
        self.alive = set()                     # views that exist
        self.mode = {}
        self.blocking = set()                  # connections whose open transaction others may wait for
        self.epoch = 0                         # counts what snapshots do not protect against
        self.began = {}                        # connection → epoch at its BEGIN
        self.undone = False                    # a creation failed: capture that it has left is removed some time

    def close(self):
        for c in self.conns:
            c.close()

    # the life of a case ----------------------------------------------------------

    def run(self):
        try:
            self.prepare()
            for self.step, step in enumerate(self.case.steps):
                self.take(step)
            self.finish()
        except psycopg.OperationalError as e:
            if all(not c.broken for c in self.conns):
                raise Failure("error", str(e), self.step, e.sqlstate or "") from e
            raise Failure("crash", str(e), self.step) from e
        except psycopg.Error as e:
            raise Failure("error", str(e), self.step, e.sqlstate or "") from e

    def prepare(self):
        c = self.conns[0]
        c.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        c.execute(f"CREATE SCHEMA {SCHEMA}")
        for conn in self.conns:
            conn.execute(f"SET search_path = {SCHEMA}, public")
            conn.execute(f"SET lock_timeout = {self.hold}")
            conn.execute("SET statement_timeout = '20s'")
            conn.execute("SET timezone = 'Europe/Berlin'")
            conn.execute(f"SET pg_trickle.kept_from = {-1 if self.case.seed % 2 else 10000}")
        for t in self.case.tables:
            for text in t.ddl():
                c.execute(text)
        for s in self.case.setup:
            self.write(s)
        later = self.case.created_later() - {s.view for s in self.case.steps if isinstance(s, Drop)}
        c.execute("SET lock_timeout = '5s'")
        for v in self.case.views:
            if v.name not in later:
                self.create(c, v)
        if self.case.seed % 4:
            self.wait_until_settled(c)
        c.execute(f"SET lock_timeout = {self.hold}")

    def wait_until_settled(self, c):
        """IMMEDIATE views that all transactions know of are kept in another way than those that some may not."""
        for _ in range(250):
            if not c.execute("SELECT FROM pgtrickle.stream_table t JOIN pgtrickle.consumer c USING (id) WHERE t.refresh_mode = 'IMMEDIATE' AND NOT c.settled").fetchall():
                return
            time.sleep(0.02)
        raise Failure("stale", "not settled in 5 seconds")

    def create(self, c, view):
        if not view.reads() <= self.alive | {t.name for t in self.case.tables}:
            return
        try:
            c.execute(view.create())
            self.mode[view.name] = view.mode
        except psycopg.Error as e:
            self.undone = True
            if self.excused(c, e):
                return
            if "FULL JOIN is only supported" in str(e) or self.of_another_shape(e):
                return           # no server can run the query
            if e.sqlstate == "0A000" and view.mode in ("DIFFERENTIAL", "IMMEDIATE"):
                if not view.extras and not (view.mode == "IMMEDIATE" and view.temporal()):
                    raise Failure("refused", str(e), self.step, e.sqlstate, view.name) from e
                self.tally.refused += 1
                try:
                    c.execute(view.create().replace(f"'{view.mode}'", "'AUTO'"))
                    self.mode[view.name] = "AUTO"
                except psycopg.Error as again:
                    if self.excused(c, again):
                        return
                    raise
            else:
                raise Failure("error", f"creating {view.name}: {e}", self.step, e.sqlstate or "", view.name) from e
        self.alive.add(view.name)
        self.epoch += 1
        self.tally.views += 1
        self.check_shape(c, view)
        if not self.case.scheduler:
            self.compare(c, view, fresh=self.steady(c, view))
        self.compare_elsewhere(c)

    def steady(self, c, view):
        """It is the same a moment later, if nothing is written: neither it nor a policy of what it reads asks for the time."""
        return not view.temporal() and c.execute("SELECT count(*) FROM pg_policies WHERE schemaname = 'fuzz' AND qual LIKE '%now()%'").fetchone()[0] == 0

    def check_shape(self, c, view):
        got, want = (c.execute(f"{q} LIMIT 0").pgresult for q in (f"SELECT * FROM {view.name}", f"SELECT * FROM ({view.sql()}) q"))
        shape = lambda r: [(r.fname(i).decode(), r.ftype(i), r.fmod(i)) for i in range(r.nfields)]
        if shape(got) != shape(want):
            raise Failure("shape", f"{view.name} has {shape(got)}, its query {shape(want)}", self.step, "", view.name)

    def finish(self):
        """Nothing may remain once the views are gone."""
        c = self.conns[0]
        for conn in self.conns:
            if conn.info.transaction_status != TransactionStatus.IDLE:
                conn.execute("ROLLBACK")
        self.blocking.clear()
        c.execute("SET lock_timeout = '5s'")
        for v in reversed(self.case.views):
            if v.name in self.alive:
                for _, missing, unexpected in [(v.name, *c.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [v.name]).fetchone())]:
                    if missing or unexpected:
                        raise Failure("wrong", f"verify says missing {missing}, unexpected {unexpected}", self.step, "", v.name)
                c.execute("SELECT pgtrickle.drop_stream_table(%s)", [v.name])
        c.execute("SELECT pgtrickle._drain()")     # capture for views that were not to be
        left = c.execute("SELECT 'source ' || relid::regclass FROM pgtrickle.source UNION ALL SELECT 'consumer ' || id FROM pgtrickle.consumer "
                         "UNION ALL SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind IN ('r', 'v', 'p') "
                         "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e') "
                         "UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger t JOIN pg_class r ON r.oid = tgrelid WHERE NOT tgisinternal AND r.relnamespace = %s::regnamespace", [SCHEMA]).fetchall()
        if left:
            raise Failure("leak", ", ".join(r[0] for r in left), self.step)
        c.execute(f"DROP SCHEMA {SCHEMA} CASCADE")

    # steps -----------------------------------------------------------------------

    def take(self, step):
        c = self.conns[step.conn]
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
        elif isinstance(step, Tick):
            self.tick(c, step)
        elif isinstance(step, Create):
            if step.view not in self.alive and c.info.transaction_status == TransactionStatus.IDLE:
                self.create(c, self.case.view(step.view))
        elif isinstance(step, Drop):
            self.drop(c, step)
        elif isinstance(step, Alter):
            self.alter(c, step.to)
        elif isinstance(step, Settle):
            self.settle()
        else:
            self.write(step)

    def write(self, step):
        c = self.conns[step.conn]
        self.tally.statements += 1
        text = step.sql()
        try:
            if isinstance(step, Copy):
                with c.cursor() as cur, cur.copy(text) as copy:
                    copy.write(step.data())
            else:
                c.execute(text)
        except psycopg.Error as e:
            if c.broken or e.sqlstate not in EXPECTED:
                raise
        word = text.split()[0]
        if word == "BEGIN":
            # READ COMMITTED takes a snapshot per statement, so nothing is ever too old for it.
            self.began[step.conn] = self.epoch if "ISOLATION" in text else None
        self.compare_immediate(c)
        if word in BLOCKING:
            self.epoch += 1
            if c.info.transaction_status == TransactionStatus.INTRANS:
                self.blocking.add(step.conn)
        if c.info.transaction_status == TransactionStatus.IDLE:
            if step.conn in self.blocking:
                self.epoch += 1
            self.blocking.discard(step.conn)

    def compare_immediate(self, c):
        """Whoever looks, in the middle of a transaction or outside of any, IMMEDIATE views are right."""
        if c.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.INTRANS) or not self.current(c):
            return
        for v in self.case.views:
            if v.name in self.alive and self.mode.get(v.name) == "IMMEDIATE":
                try:
                    self.compare(c, v)
                    self.tally.ticks += 1
                except psycopg.errors.LockNotAvailable:
                    return

    def compare_elsewhere(self, c):
        """Who is at work on what has become IMMEDIATE meanwhile sees it as it is, too."""
        for other in self.conns:
            if other is not c:
                self.compare_immediate(other)

    def current(self, c):
        """Whether the snapshot of this connection's transaction still shows what is there."""
        return self.began.get(self.conns.index(c)) in (None, self.epoch)

    def excused(self, c, error):
        """Whether an error of a refresh is owed to what other connections do, or to an old snapshot."""
        if error.sqlstate == "25P02":
            return True
        if error.sqlstate in ("42809", "42P01"):
            return not self.current(c)
        if error.sqlstate == "55P03":
            return self.case.scheduler or self.undone or any(getattr(t, "kind", "") == "FOREIGN TABLE" for t in self.case.tables) or any(other is not c and other.info.transaction_status != TransactionStatus.IDLE for other in self.conns)
        return error.sqlstate in ("40001", "40P01")

    def tick(self, c, step):
        if c.info.transaction_status == TransactionStatus.INERROR:
            return
        own = c.info.transaction_status == TransactionStatus.IDLE
        self.tally.ticks += 1
        try:
            if own:
                c.execute(f"BEGIN ISOLATION LEVEL {step.isolation}")
                self.began[step.conn] = self.epoch
            for name in step.views:
                if name not in self.alive:
                    continue
                self.tell(c, step, name)
                self.refresh(c, name)
                if not own:
                    self.blocking.add(step.conn)
                if self.current(c):
                    self.compare(c, self.case.view(name))
            if own:
                c.execute("ROLLBACK" if step.rollback else "COMMIT")
        except psycopg.Error as e:
            if c.broken or not self.excused(c, e):
                raise
            if own:
                c.execute("ROLLBACK")

    def refresh(self, c, name):
        self.tally.refreshes[c.execute("SELECT mode FROM pgtrickle.refresh_stream_table(%s)", [name]).fetchone()[0]] += 1

    def tell(self, c, step, name):
        for text in told(step, name):
            c.execute(text)

    def compare(self, c, view, fresh=True):
        if not fresh:
            return
        # Tables without statistics: a nested loop over two big results never ends.
        c.execute("SET enable_nestloop = off")
        try:
            rows = c.execute(difference(view)).fetchall()
            c.execute("SET enable_nestloop = on")
        except psycopg.errors.QueryCanceled:
            if c.info.transaction_status == TransactionStatus.IDLE:
                c.execute("SET enable_nestloop = on")
            return
        if rows:
            detail = "; ".join(f"{side} {row}" for side, row in rows)
            if c.info.transaction_status != TransactionStatus.INERROR:
                error = c.execute("SELECT last_error FROM pgtrickle.pgt_status() WHERE name = %s", [view.name]).fetchone()
                if error and error[0]:
                    detail += f" (last error: {error[0]})"
            raise Failure("wrong", detail, self.step, "", view.name)

    def of_another_shape(self, error):
        """The query was written for the columns that another view had before it was altered."""
        return self.tally.altered and error.sqlstate in ("42703", "42883", "42804", "42P10", "42725")

    def alter(self, c, view):
        """Another query; refused only if somebody reads a column that it would take away or change, or the query has no law."""
        if view.name not in self.alive or c.info.transaction_status != TransactionStatus.IDLE or not view.reads() <= self.alive | {t.name for t in self.case.tables}:
            return
        read = any(view.name in v.reads() for v in self.case.views if v.name in self.alive)
        for mode in dict.fromkeys((view.mode, "AUTO")):
            try:
                c.execute(view.alter(mode))
                break
            except psycopg.Error as e:
                self.undone = True
                if self.excused(c, e) or "FULL JOIN is only supported" in str(e) or self.of_another_shape(e) or (e.sqlstate == "2BP01" and read):
                    return
                if e.sqlstate != "0A000" or mode == "AUTO" or not (view.extras or view.temporal()):
                    raise Failure("error", f"altering {view.name}: {e}", self.step, e.sqlstate or "", view.name) from e
        self.mode[view.name] = mode
        self.case.views[[v.name for v in self.case.views].index(view.name)] = view
        self.epoch += 1
        self.tally.altered += 1
        self.check_shape(c, view)
        if not self.case.scheduler:
            self.compare(c, view, fresh=self.steady(c, view))
        self.compare_elsewhere(c)

    def drop(self, c, step):
        if step.view not in self.alive or c.info.transaction_status != TransactionStatus.IDLE:
            return
        if any(step.view in v.reads() for v in self.case.views if v.name in self.alive):
            return
        try:
            c.execute("SELECT pgtrickle.drop_stream_table(%s)", [step.view])
            self.alive.discard(step.view)
            self.epoch += 1
        except psycopg.Error as e:
            if not self.excused(c, e):
                raise

    def follow(self, c, view):
        """Stale is what nobody works at: a tick may have come upon a moment at which joins made millions of rows."""
        end = time.monotonic() + 300
        while not c.execute("SELECT pgtrickle.wait_for(name => %s, timeout => '10 seconds')", [view.name]).fetchone()[0]:
            status = c.execute("SELECT * FROM pgtrickle.pgt_status() WHERE name = %s", [view.name]).fetchone()
            at_work = c.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'pg_trickle scheduler' AND state = 'active'").fetchone()[0]
            if not at_work or time.monotonic() > end:
                raise Failure("stale", f"{view.name} did not follow in 10 seconds: {status}", self.step, "", view.name)

    def settle(self):
        for conn in self.conns:
            if conn.info.transaction_status != TransactionStatus.IDLE:
                try:
                    conn.execute("COMMIT")
                except psycopg.Error as e:      # a deferred constraint
                    if conn.broken or e.sqlstate not in EXPECTED:
                        raise
        self.blocking.clear()
        c = self.conns[0]
        for v in self.case.views:
            if v.name not in self.alive:
                continue
            self.follow(c, v)
            if v.temporal():
                continue
            self.compare(c, v)
            self.tally.ticks += 1
