"""The smallest case that still fails in the same way: leave pieces out while it does."""

import copy
import time

from .case import Copy, Insert, Sleep, Statement, Tick
from .schema import Shown


def shrink(case, failure, fails, seconds=90):
    """fails(case) → Failure or None.  Returns the smaller case and its failure."""
    return Shrinker(case, failure, fails, time.monotonic() + seconds).go()


class Shrinker:
    def __init__(self, case, failure, fails, deadline):
        self.case, self.failure, self.fails, self.deadline = case, failure, fails, deadline
        self.tries = 3 if any(v.temporal() for v in case.views) or case.scheduler else 1

    def go(self):
        cut = copy.deepcopy(self.case)
        if self.failure.step >= 0:
            cut.steps = cut.steps[:self.failure.step + 1]
            self.accept(cut)
        size = None
        while size != self.size() and time.monotonic() < self.deadline:
            size = self.size()
            self.views()
            self.steps()
            self.setup()
            self.rows()
            self.queries()
            self.tables()
            self.ticks()
            self.one_connection()
        return self.case, self.failure

    def size(self):
        from .case import script
        return len(script(self.case))

    def accept(self, case):
        """Takes the case if it fails in the same way."""
        if time.monotonic() > self.deadline:
            return False
        for _ in range(self.tries):
            got = self.fails(case)
            if got and got.same_as(self.failure):
                self.case, self.failure = case, got
                return True
        return False

    def thin(self, items_of):
        """Delta debugging on a list inside the case."""
        chunk = max(len(items_of(self.case)) // 2, 1)
        while True:
            at = 0
            while at < len(items_of(self.case)):
                smaller = copy.deepcopy(self.case)
                del items_of(smaller)[at:at + chunk]
                if not self.accept(smaller):
                    at += chunk
                if time.monotonic() > self.deadline:
                    return
            if chunk == 1:
                return
            chunk //= 2

    def steps(self):
        self.thin(lambda c: c.steps)

    def setup(self):
        self.thin(lambda c: c.setup)

    def views(self):
        for name in [v.name for v in reversed(self.case.views)]:
            if len(self.case.views) > 1 and self.case.view(name):
                self.accept(self.case.without_view(name))

    def tables(self):
        for name in [t.name for t in self.case.tables]:
            smaller = copy.deepcopy(self.case)
            smaller.tables = [t for t in smaller.tables if t.name != name]
            if any(name in (getattr(t, "parent", ""), getattr(t, "of", "")) for t in smaller.tables) or any(name in v.reads() for v in smaller.views):
                continue
            self.accept(smaller)
        for t in [t for t in self.case.tables if not isinstance(t, Shown)]:
            for change in ({"hole": False}, {"partitions": []}, {"parent": ""}, {"key": ""}):
                if any(getattr(t, k) != v for k, v in change.items()):
                    smaller = copy.deepcopy(self.case)
                    next(x for x in smaller.tables if x.name == t.name).__dict__.update(change)
                    self.accept(smaller)
            for c in list(t.columns):
                self.accept(self.without_column(t.name, c.name))

    def without_column(self, table, column):
        smaller = copy.deepcopy(self.case)
        t = next(x for x in smaller.tables if x.name == table)
        t.columns = [c for c in t.columns if c.name != column]
        for s in smaller.setup + smaller.steps:
            if isinstance(s, (Insert, Copy)) and s.table == table and column in s.columns:
                i = s.columns.index(column)
                s.columns = s.columns[:i] + s.columns[i + 1:]
                s.rows = [r[:i] + r[i + 1:] for r in s.rows]
        return smaller

    def rows(self):
        for part in ("setup", "steps"):
            for i in range(len(getattr(self.case, part))):
                step = getattr(self.case, part)[i]
                if isinstance(step, (Insert, Copy)) and len(step.rows) > 1:
                    self.thin(lambda c: getattr(c, part)[i].rows)

    def queries(self):
        for name in [v.name for v in self.case.views]:
            again = True
            while again and time.monotonic() < self.deadline:
                again = False
                for query in self.case.view(name).reductions():
                    smaller = copy.deepcopy(self.case)
                    smaller.view(name).query = query
                    if any(name in v.reads() for v in smaller.views) and not smaller.many:
                        offered = {a.name for a in query.offers()}
                        if any(f".{a.name} " in v.sql() + " " for v in smaller.views if name in v.reads() for a in self.case.view(name).query.offers() if a.name not in offered):
                            continue
                    if self.accept(smaller):
                        again = True
                        break
                    if time.monotonic() > self.deadline:
                        break

    def ticks(self):
        for i, step in enumerate(self.case.steps):
            if isinstance(step, Tick):
                for name in list(step.views):
                    smaller = copy.deepcopy(self.case)
                    if len(smaller.steps[i].views) > 1 and name in smaller.steps[i].views:
                        smaller.steps[i].views.remove(name)
                        self.accept(smaller)
                smaller = copy.deepcopy(self.case)
                if smaller.steps[i].rollback or smaller.steps[i].isolation != "READ COMMITTED":
                    smaller.steps[i].rollback = False
                    smaller.steps[i].isolation = "READ COMMITTED"
                    self.accept(smaller)

    def one_connection(self):
        if any(getattr(s, "conn", 0) for s in self.case.steps):
            smaller = copy.deepcopy(self.case)
            for s in smaller.steps:
                if not isinstance(s, Sleep):
                    s.conn = 0
            self.accept(smaller)
