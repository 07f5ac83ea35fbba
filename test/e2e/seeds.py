"""Random cases of a test, one for each seed, until its time is over."""

import os
import time


def run_cases(db, case, first: int, seconds: float):
    """case(seed, connection) from seed FUZZ_SEED on, else the first, for FUZZ_SECONDS, else so many seconds."""
    seed, end = int(os.environ.get("FUZZ_SEED") or first), time.monotonic() + float(os.environ.get("FUZZ_SECONDS") or seconds)
    with db.connect() as conn:
        conn.execute("SET client_min_messages = warning")
        while time.monotonic() < end:
            case(seed, conn)
            seed += 1
    print(f"cases up to FUZZ_SEED={seed - 1}")
