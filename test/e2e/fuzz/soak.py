"""Cases one after the other on databases of their own; a failing one is shrunk and shown."""

import hashlib
import os
import random
import time

import psycopg

from .case import Alter, Case, Create, Tick, script
from .many import ManyRun, ManyTally
from .many import make as make_many
from .query import Available
from .run import Failure, Run, Tally
from .schema import random_tables
from .shrink import shrink
from .views import degree, random_view
from .writes import Writer


MOST_DEGREES = 6    # five equal rows are 15,625 then


def make(seed, scheduler=False, immediate=False, alters=False):
    """The case of a seed."""
    rng = random.Random(seed)
    tables = random_tables(rng)
    relations = {t.name: [Available(c.name, c.type, False, c.moves) for c in t.columns] for t in tables}
    views = []
    for n in range(rng.choice([1, 1, 2, 2, 3, 4])):
        view = random_view(rng, f"v{n}", relations, "calculated" if scheduler else "1h")
        while any(degree([*views, view], t.name) > MOST_DEGREES for t in tables):
            view = random_view(rng, f"v{n}", relations, "calculated" if scheduler else "1h")
        views.append(view)
        relations[view.name] = view.columns()
    if immediate:
        for view in views:
            view.mode = view.mode.replace("DIFFERENTIAL", "IMMEDIATE")
    writer = Writer(rng, tables, views, scheduler)
    setup = [writer.insert(0, t, 6) for t in tables for _ in range(rng.randint(0, 3))]
    steps = writer.steps(rng.choice([12, 25, 50]))
    if not scheduler and rng.random() < 0.25:
        steps.insert(rng.randrange(max(len(steps) // 2, 1)), Create(rng.choice([0, 1]), views[-1].name))
    if alters:
        change_queries(random.Random(-seed), tables, views, steps)
    return Case(seed, tables, setup, views, steps, scheduler)


def change_queries(rng, tables, views, steps):
    """Other queries for the views, at random places of the history."""
    for _ in range(rng.randint(1, 4)):
        n = rng.randrange(len(views))
        relations = {t.name: [Available(c.name, c.type, False, c.moves) for c in t.columns] for t in tables}
        relations |= {v.name: v.columns() for v in views[:n]}
        to = random_view(rng, views[n].name, relations, views[n].schedule)
        if any(degree([*views[:n], to, *views[n + 1:]], t.name) > MOST_DEGREES for t in tables):
            continue
        to.mode = rng.choice(["DIFFERENTIAL", "AUTO", "FULL", "IMMEDIATE"])
        steps.insert(rng.randrange(len(steps) + 1), Alter(rng.choice([0, 1]), to))


class Bench:
    """Databases with the extension; a fresh one after each failure."""

    def __init__(self, dsn, name="fuzz"):
        self.dsn, self.base, self.name, self.count = dsn, f"{name}_{os.getpid()}", None, 0

    def connect(self, name=None):
        return psycopg.connect(f"{self.dsn} dbname={name or self.name}", autocommit=True)

    def renew(self):
        self.drop()
        self.count += 1
        self.name = f"{self.base}_{self.count}"
        with self.connect("postgres") as c:
            c.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
            c.execute(f"CREATE DATABASE {self.name}")
        with self.connect() as c:
            c.execute("CREATE EXTENSION pg_trickle")

    def drop(self):
        if self.name:
            with self.connect("postgres") as c:
                c.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
            self.name = None

    def wait(self):
        """Until the server answers again after a crash."""
        for _ in range(100):
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                time.sleep(0.2)

    def attempt(self, case, tally=None):
        """The failure of the case, or None."""
        try:
            if not self.name:
                self.renew()
            run = (ManyRun if case.many else Run)(self.connect, case, tally)
        except psycopg.OperationalError as e:
            self.name = None
            self.wait()
            return Failure("crash", str(e))
        try:
            run.run()
            return None
        except Failure as failure:
            run.close()
            if failure.kind == "crash":
                self.wait()
            if failure.kind in ("crash", "leak", "error"):
                self.renew()
            else:
                self.clean()
            return failure
        finally:
            run.close()

    def clean(self):
        """Drop what a failed case left; a database that cannot be cleaned is thrown away."""
        try:
            with self.connect() as c:
                c.execute("SET lock_timeout = '5s'")
                for (name,) in c.execute("SELECT relid::regclass::text FROM pgtrickle.stream_table ORDER BY id DESC").fetchall():
                    c.execute("SELECT pgtrickle.drop_stream_table(%s, true)", [name])
        except psycopg.Error:
            self.renew()


def report(case, failure, small, small_failure):
    return (f"-- {failure.kind} {small_failure.sqlstate} {small_failure.view}: seed {case.seed}{' (scheduler)' if case.scheduler else ''}\n"
            + "".join(f"-- {line}\n" for line in small_failure.detail.splitlines()) + script(small))


def leave_no_choice(case):
    """AUTO views, told at each refresh to recompute or to follow changes, back and forth."""
    rng = random.Random(case.seed)
    for view in case.views:
        view.mode = view.mode.replace("DIFFERENTIAL", "AUTO")
    for step in case.steps:
        if isinstance(step, Tick):
            step.recomputed = {name: rng.choice([0, 1, 1, 8, 64]) for name in step.views if rng.random() < 0.5}
    return case


def one(bench, seed, scheduler, tally, shrink_seconds, many=False, immediate=False, alters=False, choose=False):
    """Runs a seed; the text of its failure, or None."""
    case = make_many(seed) if many else make(seed, scheduler, immediate, alters)
    case = leave_no_choice(case) if choose else case
    failure = bench.attempt(case, tally)
    tally.cases += 1
    if not failure:
        return None
    small, small_failure = (shrink(case, failure, bench.attempt, shrink_seconds) if shrink_seconds else (case, failure))
    return report(case, failure, small, small_failure)


def seeds(args):
    if args.seed is not None:
        return iter(range(args.seed, args.seed + args.cases))
    start = random.SystemRandom().randrange(1 << 30)
    return (start + n for n in range(1 << 60))


def main(args, dsn):
    if args.print:
        print(script(make_many(args.seed) if args.many else make(args.seed, args.scheduler, args.immediate, args.alter)))
        return 0
    bench, tally, failed = Bench(dsn), ManyTally() if args.many else Tally(), 0
    began = time.monotonic()
    known = set()
    try:
        for seed in seeds(args):
            if args.seconds and time.monotonic() - began > args.seconds:
                break
            text = one(bench, seed, args.scheduler, tally, 0 if args.no_shrink else 90, args.many, args.immediate, args.alter, args.choose)
            if text:
                failed += 1
                name = hashlib.sha1(text.encode()).hexdigest()[:8]
                if args.keep_going and name not in known:
                    known.add(name)
                    os.makedirs(args.keep_going, exist_ok=True)
                    with open(os.path.join(args.keep_going, f"{seed}.sql"), "w") as f:
                        f.write(text)
                    print(f"seed {seed}: {text.splitlines()[0]} | {text.splitlines()[1][:200]}", flush=True)
                else:
                    print(text, flush=True)
                if not args.keep_going and not args.cases > 1:
                    break
    except KeyboardInterrupt:
        pass
    finally:
        bench.drop()
    if args.many:
        print(tally)
    print(f"{tally.cases} cases, {tally.views} views ({tally.refused} refused and made AUTO), {tally.altered} altered, {tally.ticks} ticks ({', '.join(f'{count} {mode}' for mode, count in tally.refreshes.most_common())}), {tally.statements} statements, "
          f"{time.monotonic() - began:.0f} s: {failed} failed")
    return 1 if failed else 0
