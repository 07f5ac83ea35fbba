#!/usr/bin/env python3
"""The tables of docs/scale.md: python3 docs/scale.py prints them.  What is measured stands first; change it, or the prices, to yours."""

KB, MB, GB, TB, PB = 1e3, 1e6, 1e9, 1e12, 1e15
DAY = 86_400

# Measured: a table of ten columns, 200 commits of 100 changed and 100 new rows each.
SNAPSHOT = 450           # bytes in PostgreSQL of a lake snapshot: ducklake_snapshot, _changes
DATA_FILE = 205 + 1_210  # of a data file: ducklake_data_file, statistics of ten columns
DELETE_FILE = 290        # of a delete file
WAITING = 470            # of a file that waits for its removal
ICEBERG_FILE = 1_950     # of a data file in what Iceberg was told last; merged ones go
POSITION = 68            # of a row that a mirror, or history's newest version of it, may have to find again
SMALL_FILE = 4_000       # bytes in the store of a file of a hundred rows: mostly the Parquet footer
EVENT = 60               # bytes in the store of an event, in large files

# Assumed: per month and GB, per 1,000 PUTs and GETs; a rented machine of 2 cores and 8 GB with 200 GB of disk.
STORE, PUT, GET, MACHINE = 0.023, 0.005, 0.0004, 90.0
TARGET = 128 * MB


def size(bytes_: float) -> str:
    for unit, name in ((PB, "PB"), (TB, "TB"), (GB, "GB"), (MB, "MB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:,.1f} {name}"
    return f"{bytes_ / KB:,.0f} kB"


def a_day(events: float, tables: int, period: float, kept_days: int = 7, store_days: int = 365) -> list[str]:
    """events a day in `tables` tables, each published every `period` seconds."""
    commits = min(DAY / period, events / tables) * tables
    snapshots = min(DAY / period, events) * kept_days          # tables that are due together share them
    stored = events * EVENT * store_days
    large = stored / TARGET
    live_small = tables * 40                                    # files on their way through the tiers, at most
    waiting = commits * 2 * 1                                   # merged away, and kept for a day
    catalog = snapshots * SNAPSHOT + (large + live_small) * (DATA_FILE + DELETE_FILE + ICEBERG_FILE) + waiting * WAITING
    puts = commits * 2 * 1.15 + tables * DAY / 60 * 5           # data and delete file, merges; Iceberg once a minute
    month = stored / GB * STORE + 30 * puts / 1000 * PUT + MACHINE
    return [f"{events:,.0f}", f"{tables}", f"{period:g} s", f"{commits:,.0f}", f"{large + live_small:,.0f}", size(stored), size(catalog), f"{puts:,.0f}", f"{month:,.0f}"]


def archive(bytes_: float, target: float, columns: int = 10) -> list[str]:
    files = bytes_ / target
    catalog = files * (DATA_FILE + ICEBERG_FILE)
    return [size(bytes_), f"{bytes_ / EVENT:.1e}", size(target), f"{files:,.0f}", size(catalog), f"{bytes_ / GB * STORE:,.0f}"]


def table(head: list[str], rows: list[list[str]]) -> None:
    for row in (head, ["---:"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    print()


if __name__ == "__main__":
    table(["events a day", "tables", "every", "commits a day", "live files after a year", "in the store", "catalog", "PUTs a day", "$ a month"],
          [a_day(1e6, 5, 10), a_day(1e7, 5, 10), a_day(1e7, 5, 1), a_day(1e7, 50, 10), a_day(1e8, 50, 10)])
    table(["archive", "events", "file size", "files", "catalog", "$ a month"],
          [archive(TB, 128 * MB), archive(100 * TB, 128 * MB), archive(100 * TB, 512 * MB), archive(PB, 512 * MB), archive(PB, GB)])
