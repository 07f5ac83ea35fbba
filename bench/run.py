#!/usr/bin/env python3
"""The figures we promise, as ratios within one run.  `./onebox bench` runs this in a fresh box.

    ./onebox bench                    all of them, 1 M orders
    ./onebox bench writers            those whose name has 'writers' in it
    ./onebox bench tpch               TPC-H at scale factor 1, which takes minutes; only when it is asked for; so are archive (a lake at two sizes) and others
    ./onebox bench --full             one-row changes at four times the size too; choosing_first with all queries of TPC-H
    ./onebox bench --rows 4000 --seconds 1      does it run?  (says little about speed)
    ./onebox bench --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import psycopg

import refresh      # noqa: F401  each registers its figures, in this order
import windows      # noqa: F401
import choosing     # noqa: F401
import creating     # noqa: F401
import recursion    # noqa: F401
import writers      # noqa: F401
import resources    # noqa: F401
import lake         # noqa: F401
import archive      # noqa: F401
import tpch         # noqa: F401
from figure import FIGURES, Figure
from shop import Shop


def main() -> int:
    args = parse_arguments()
    chosen = {name: measure for name, measure in FIGURES.items() if args.name in name and (args.name or not measure.alone)}
    if not chosen:
        sys.exit(f"no figure has '{args.name}' in its name; there are: {', '.join(FIGURES)}")
    if args.check:
        return 0
    say = (lambda text: None) if args.json else (lambda text: print(text, flush=True))
    started = time.monotonic()
    shop = Shop(args.rows)
    try:
        if not all(measure.alone for measure in chosen.values()):
            shop.open()
            say(f"{shop.rows:,} orders, {shop.customers:,} customers, {shop.products:,} products\n")
        say(line("figure", "reached", "ratio", "goal", "met"))
        figures = []
        for name, measure in chosen.items():
            for found in results(name, measure, shop, args):
                figures.append(found)
                say(line(found.name, found.reached, found.ratio, found.goal, {True: "yes", False: "NO", None: "–"}[found.met]))
    finally:
        shop.close()
    goals = [found for found in figures if found.goal or found.met is not None]
    say(f"\n{sum(found.met is True for found in goals)} of {len(goals)} goals met, in {time.monotonic() - started:.0f} s")
    if args.json:
        print(json.dumps({"orders": args.rows, "figures": [found.as_json() for found in figures]}, indent=2))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./onebox bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="", help=f"one of, or part of: {', '.join(FIGURES)}")
    parser.add_argument("--rows", type=int, default=1_000_000, help="orders (default %(default)s)")
    parser.add_argument("--scale", type=float, default=1, help="scale factor of TPC-H (default %(default)s)")
    parser.add_argument("--full", action="store_true", help="one-row changes with four times the orders too; all queries where some are taken otherwise")
    parser.add_argument("--seconds", type=int, default=5, help="length of one timed run (default %(default)s); some take a few of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)    # only of the other options
    return parser.parse_args()


def results(name: str, measure, shop: Shop, options):
    """What cannot be measured is a figure that is not met, and does not stop the others."""
    try:
        yield from measure(shop, options)
    except (psycopg.Error, RuntimeError, OSError) as error:
        shop.drop_copies()
        yield Figure(name, "", f"failed: {str(error).strip().splitlines()[0]}", "", False, {"error": str(error)})


def line(name: str, reached: str, ratio: str, goal: str, met: str) -> str:
    return f"{name:<66} {reached:>26} {ratio:>10}   {goal:<30} {met}"


if __name__ == "__main__":
    sys.exit(main())
