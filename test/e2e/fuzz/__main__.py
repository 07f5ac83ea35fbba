"""python -m fuzz: one seed, a number of seconds, or on and on (--soak)."""

import argparse
import os
import sys

from . import soak

parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
parser.add_argument("--dsn", default="", help="connection string without dbname (default: the environment)")
parser.add_argument("--seed", type=int, help="run this seed only, or start from it")
parser.add_argument("--cases", type=int, default=1, help="how many seeds from there on")
parser.add_argument("--seconds", type=float, help="run random seeds for so long")
parser.add_argument("--soak", action="store_true", help="until a case fails, or Ctrl-C")
parser.add_argument("--keep-going", metavar="DIR", help="write failures to DIR and go on")
parser.add_argument("--many", action="store_true", help="many queries of the grammar on each history")
parser.add_argument("--scheduler", action="store_true", help="'calculated' views, refreshed by the scheduler")
parser.add_argument("--immediate", action="store_true", help="IMMEDIATE views, compared after every statement")
parser.add_argument("--alter", action="store_true", help="views get other queries and modes in the middle of the history")
parser.add_argument("--choose", action="store_true", help="AUTO views, told at each refresh to recompute or to follow changes")
parser.add_argument("--no-shrink", action="store_true")
parser.add_argument("--print", action="store_true", help="print the script of --seed without running it")
args = parser.parse_args()
sys.exit(soak.main(args, args.dsn or os.environ.get("FUZZ_DSN", "")))
