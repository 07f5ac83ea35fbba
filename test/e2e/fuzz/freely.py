"""Writers that run freely in threads while others refresh and compare.

A refresh and the comparison after it share one REPEATABLE READ transaction, so they see
one snapshot however much is written meanwhile: what differs then is a change that the
refresh took twice, or not at all.  IMMEDIATE views are compared by the writers too, in the middle of their transactions.
"""

import random
import threading
import time

import psycopg
from psycopg.pq import TransactionStatus

from .case import Copy, Insert, script
from .run import EXPECTED, SCHEMA, Failure, Run
from .writes import Writer


class Freely:
    def __init__(self, connect, case, seconds, writers=3, tickers=1):
        self.connect, self.case, self.seconds = connect, case, seconds
        self.writers, self.tickers = writers, tickers
        self.failures = []
        self.counts = {"transactions": 0, "ticks": 0, "retried": 0}
        self.lock = threading.Lock()
        self.stop = threading.Event()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fail(self, failure):
        self.failures.append(failure)
        self.stop.set()

    def run(self):
        run = Run(self.connect, self.case)
        self.case.steps = []
        run.prepare()
        views = [v for v in self.case.views if v.name in run.alive]
        self.immediate = [v for v in views if run.mode[v.name] == "IMMEDIATE"]
        threads = [threading.Thread(target=self.write, args=(n,)) for n in range(self.writers)]
        threads += [threading.Thread(target=self.tick, args=(n, views)) for n in range(self.tickers)]
        for t in threads:
            t.start()
        self.stop.wait(self.seconds)
        self.stop.set()
        for t in threads:
            t.join()
        if not self.failures:
            self.rest(run.conns[0], views)
            run.finish()
        run.close()
        if self.failures:
            raise self.failures[0]
        return self.counts

    def session(self):
        c = self.connect()
        c.execute(f"SET search_path = {SCHEMA}, public; SET lock_timeout = '2s'; SET statement_timeout = '60s'; SET timezone = 'Europe/Berlin'")
        return c

    def write(self, n):
        writer = Writer(random.Random(self.case.seed * 100 + n), self.case.tables, self.case.views)
        c = self.session()
        run = Run.__new__(Run)
        run.step = -1
        try:
            while not self.stop.is_set():
                for s in writer.transaction(0):
                    try:
                        if isinstance(s, Copy):
                            with c.cursor() as cur, cur.copy(s.sql()) as copy:
                                copy.write(s.data())
                        else:
                            c.execute(s.sql())
                    except psycopg.Error as e:
                        if c.broken or e.sqlstate not in EXPECTED:
                            self.fail(Failure("crash" if c.broken else "error", f"{s.sql()}: {e}", sqlstate=e.sqlstate or ""))
                            return
                    if c.info.transaction_status == TransactionStatus.INTRANS and writer.rng.random() < 0.3:
                        for v in self.immediate:
                            run.compare(c, v)
                            self.count("ticks")
                self.count("transactions")
                time.sleep(writer.rng.choice([0, 0, 0.001, 0.01]))
        except Failure as failure:
            self.fail(failure)
        finally:
            c.close()

    def tick(self, n, views):
        rng = random.Random(self.case.seed * 1000 + n)
        c = self.session()
        run = Run.__new__(Run)
        run.step = -1
        try:
            while not self.stop.is_set():
                # In the order they were made: a stream table before those that read it.
                some = [v for v in views if rng.random() < 0.7] or views[:1]
                try:
                    c.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    for v in some:
                        c.execute("SELECT pgtrickle.refresh_stream_table(%s)", [v.name])
                        run.compare(c, v)
                    c.execute("COMMIT" if rng.random() < 0.9 else "ROLLBACK")
                    self.count("ticks")
                except psycopg.Error as e:
                    if c.broken or e.sqlstate not in ("40001", "40P01", "55P03"):
                        self.fail(Failure("crash" if c.broken else "error", str(e), sqlstate=e.sqlstate or ""))
                        return
                    self.count("retried")
                    c.execute("ROLLBACK")
                time.sleep(rng.choice([0, 0.002, 0.02]))
        except Failure as failure:
            self.fail(failure)
        finally:
            c.close()

    def rest(self, c, views):
        """All quiet: bring every view up to date and compare once more."""
        run = Run.__new__(Run)
        run.step = -1
        c.execute("SET lock_timeout = '30s'")
        try:
            c.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            for v in views:
                c.execute("SELECT pgtrickle.refresh_stream_table(%s)", [v.name])
                run.compare(c, v)
            c.execute("COMMIT")
        except Failure as failure:
            self.failures.append(failure)
