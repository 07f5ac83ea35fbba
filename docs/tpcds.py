#!/usr/bin/env python3
"""Prints docs/tpcds.md: makes a stream table of each of TPC-DS's queries in an empty database, and says how it is maintained.

    eval "$(./onebox env)" && createdb tpcds && psql tpcds -c 'CREATE EXTENSION pg_trickle'
    PGDATABASE=tpcds "$ONEBOX_PYTHON" docs/tpcds.py > docs/tpcds.md
"""

import sys
from pathlib import Path

import psycopg

sys.path.append(str(Path(__file__).parent.parent / "bench"))

from standard import create, tpcds    # noqa: E402

if __name__ == "__main__":
    with psycopg.connect(autocommit=True) as conn:
        sys.stdout.write(tpcds.page(create(conn, tpcds.fill(conn))))
