#!/usr/bin/env python3
"""The tutorial from nothing to a lake query, on an empty database, with a shop at work and every promise checked.

`./onebox demo` starts a fresh box and runs this in it, with the environment of `./onebox env`.  Exits 0 only if every
check held.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import psycopg

import checks
import generator
import queries
from screen import BOLD, DIM, PLAIN, Board, duration, say, step, table, title, verdict
from shells import LAKE, Box

HERE = Path(__file__).parent
ARCHIVES = {"orders": "orders_archive", "revenue_by_day": "revenue_archive"}
PUBLISH_EVERY = "5s"


def main() -> int:
    args = parse_arguments()
    if args.check:
        return 0
    box = Box.of_environment(args.s3, args.lake)
    with box.connect() as conn:
        prepare(box, conn, args)
        shop = generator.Shop(rate=args.rate, clerks=args.connections, seed=args.seed)
        refreshes = do_business(conn, shop, args.seconds)
        show_refreshes(refreshes)
        ask_the_lake(box)
        ask_the_dashboard(box)
        held = check(box, conn, refreshes, checks.readers(box) if args.engines else [])
    say()
    say(f"{BOLD}All {len(held)} checks held.{PLAIN}" if all(held)
        else f"{BOLD}{held.count(False)} of {len(held)} checks FAILED.{PLAIN}")
    return 0 if all(held) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./onebox demo", description=__doc__.split("\n")[0])
    parser.add_argument("--s3", action="store_true", help="put the lake into the box's S3 server")
    parser.add_argument("--engines", action="store_true", help="let Spark, Trino and pyiceberg read the lake too")
    parser.add_argument("--lake", help="put the lake there: a folder that the server can write, or s3://bucket/prefix/")
    parser.add_argument("--seconds", type=positive(float), default=30, help="how long the shop is open (default %(default)s)")
    parser.add_argument("--rows", type=positive(int), default=100_000, help="orders of history (default %(default)s)")
    parser.add_argument("--rate", type=positive(float), default=200, help="transactions a second (default %(default)s)")
    parser.add_argument("--connections", type=positive(int), default=4, help="connections that write (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the same history (default %(default)s)")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)    # only of the other options
    return parser.parse_args()


def positive(kind):
    def parse(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value
    parse.__name__ = kind.__name__
    return parse


# --- before the shop opens ---------------------------------------------------------------------------------------


def prepare(box: Box, conn, args) -> None:
    title("From an empty database")
    with step("extension") as note:
        conn.execute("CREATE EXTENSION pg_trickle")
        server = conn.execute("SHOW server_version").fetchone()[0]
        note.text = f"pg_trickle {conn.execute('SELECT pgtrickle.version()').fetchone()[0]} on PostgreSQL {server}"
    with step("schema") as note:
        conn.execute((HERE / "schema.sql").read_text())
        note.text = "customers, products, orders, as in the tutorial"
    with step("history") as note:
        generator.fill(conn, args.rows, seed=args.seed)
        conn.execute("ANALYZE")
        note.text = ", ".join(f"{count(conn, name):,} {name}" for name in ("orders", "customers", "products"))
    for view in queries.stream_tables():
        with step(view.name) as note:
            conn.execute(view.statement)
            schedule = conn.execute("SELECT schedule FROM pgtrickle.stream_tables_info WHERE name = %s", [view.name]).fetchone()[0]
            note.text = f"{count(conn, view.name):,} rows; refreshed " + how_often(schedule)
    with step(LAKE) as note:
        box.create_lake(conn)
        note.text = f"catalog in this database, Parquet in {shortened(box.data_path, 27)}"
    for source, archive in ARCHIVES.items():
        with step(archive) as note:
            conn.execute("SELECT pgtrickle.publish(%s::regclass, %s, %s, schedule => %s)", [source, LAKE, archive, PUBLISH_EVERY])
            note.text = f"mirror of {source}; published " + how_often(PUBLISH_EVERY)
    with step("first lake snapshot") as note:
        conn.execute("SELECT pgtrickle.publish_now(%s)", [LAKE])
        note.text = ", ".join(f"{row.rows:,} rows in {row.table_name}" for row in lake_tables(conn))


def shortened(path: str, length: int) -> str:
    return path if len(path) <= length else "…" + path[1 - length:]


def how_often(schedule: str) -> str:
    return "on commit" if schedule == "calculated" else f"every {schedule}"


def count(conn, relation: str) -> int:
    return conn.execute(f"SELECT count(*) FROM {relation}").fetchone()[0]


# --- while it is open --------------------------------------------------------------------------------------------


class Refreshes:
    """All of them since the shop opened, by view: the history itself remembers only the last thousand or so."""

    def __init__(self):
        self.last = self.failed = 0
        self.of: dict[str, list] = {view.name: [] for view in queries.stream_tables()}

    def look(self, conn) -> None:
        for row in conn.execute("""
                SELECT i.name, h.refresh_id, h.mode, h.milliseconds / 1000 AS seconds, h.rows_in, h.rows_out
                FROM pgtrickle.refresh_history h JOIN pgtrickle.stream_tables_info i USING (id)
                WHERE h.refresh_id > %s AND h.mode <> 'INITIAL' ORDER BY h.refresh_id""", [self.last]):
            self.last = row.refresh_id
            if row.mode == "ERROR":
                self.failed += 1
            else:
                self.of[row.name].append(row)

    def total(self) -> int:
        return self.failed + sum(map(len, self.of.values()))


def do_business(conn, shop: generator.Shop, seconds: float) -> Refreshes:
    title(f"The shop is open: {shop.rate:g} transactions a second over {shop.clerks} connections, for {seconds:g} s")
    board, refreshes, started = Board(), Refreshes(), time.monotonic()
    shop.open()
    try:
        while (past := time.monotonic() - started) < seconds:
            shop.check()
            board.draw(board_lines(conn, shop, refreshes, past))
            time.sleep(min(0.5, max(seconds - past, 0)))
    finally:
        shop.close()
    board.draw(board_lines(conn, shop, refreshes, time.monotonic() - started), last=True)
    return refreshes


def board_lines(conn, shop: generator.Shop, refreshes: Refreshes, past: float) -> list[str]:
    refreshes.look(conn)
    done = shop.counts()
    what = ("orders", "shipped", "cancelled", "customers", "deleted", "declined")
    lines = [f"  {past:3.0f} s   {done['transactions']:,} transactions: " + ", ".join(f"{done[key]:,} {key}" for key in what)]
    lines += table([[row.name, how_often(row.schedule), freshness(row.behind, row.status), *last_of(refreshes.of[row.name]), row.last_error]
                    for row in view_states(conn)],
                   [f"{'stream table':<23}", "refreshed", "  behind by", "refreshes", "last took", "changes in → out", ""], left=2)
    lines += [""] + table([[row.table_name, how_often(PUBLISH_EVERY), freshness(row.lag), f"{row.rows:,}", row.files, row.snapshot_id,
                            row.last_error] for row in lake_tables(conn)],
                          [f"{'lake table':<23}", "published", "  behind by", "     rows", "    files", "        snapshot", ""], left=2)
    return lines


def last_of(refreshes: list) -> list[str]:
    if not refreshes:
        return ["0", "–", ""]
    last = refreshes[-1]
    return [f"{len(refreshes):,}", duration(last.seconds), f"{last.rows_in:,} → {last.rows_out:,}"]


def freshness(behind: float | None, status: str = "ACTIVE") -> str:
    return status.lower() if status != "ACTIVE" else "up to date" if behind == 0 else duration(behind)


def view_states(conn):
    return conn.execute("""
        SELECT name, schedule, status, extract(epoch FROM staleness)::float8 AS behind, last_error
        FROM pgtrickle.stream_tables_info ORDER BY id""").fetchall()


def lake_tables(conn):
    return conn.execute("""
        SELECT table_name, rows, files, snapshot_id, extract(epoch FROM lag)::float8 AS lag, last_error
        FROM pgtrickle.lake_status() ORDER BY table_name""").fetchall()


# --- after it has closed -----------------------------------------------------------------------------------------


def show_refreshes(refreshes: Refreshes) -> None:
    title("What the refreshes took")
    rows = [[name, f"{len(some):,}", f"{sum(one.rows_in for one in some):,}", f"{sum(one.rows_out for one in some):,}",
             duration(statistics.median(one.seconds for one in some)), duration(max(one.seconds for one in some))]
            for name, some in refreshes.of.items() if some]
    say("\n".join(table(rows, [f"{'stream table':<23}", "refreshes", "changes in", "changes out", "median", "longest"])))


def check(box: Box, conn, refreshes: Refreshes, readers) -> list[bool]:
    """Nobody writes any more, so the lake's newest snapshot and the database must agree row by row."""
    title("Checks")
    held = []
    for outcome in checks.all_of(box, conn, [view.name for view in queries.stream_tables()], refreshes, ARCHIVES, readers):
        held.append(outcome.held)
        say(f"  {verdict(outcome.held)}  {outcome.promise:<64} {DIM}{outcome.evidence}{PLAIN}")
    return held


def ask_the_lake(box: Box) -> None:
    title("DuckDB: the lake's history and the live stream table in one query (tutorial, step 4)")
    started = time.monotonic()
    show(box.duckdb(queries.LIVE_AND_HISTORICAL, "-box"), started)


def ask_the_dashboard(box: Box) -> None:
    for name, sql in queries.panels():
        title(f"psql: {name} (tutorial, step 5, as Grafana sends it)")
        started = time.monotonic()
        show(box.psql(queries.over_last_30_days(sql)), started)


def show(output: str, started: float, at_most: int = 13) -> None:
    lines = output.rstrip().splitlines()
    if len(lines) > at_most + 2:
        lines = lines[:at_most - 2] + ["…", lines[-1]]
    say("\n".join(f"  {line}" for line in lines))
    say(f"  {DIM}{duration(time.monotonic() - started)}, start of the shell included{PLAIN}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (psycopg.Error, RuntimeError) as error:
        said = getattr(error, "diag", None)
        lines = [said.message_primary, said.message_detail, said.message_hint] if said and said.message_primary else [str(error)]
        say(f"\n{BOLD}The demo stopped:{PLAIN} " + "\n  ".join(line for line in lines if line))
        sys.exit(1)
