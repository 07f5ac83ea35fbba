"""Exact: after every tick each view equals its query, whatever was done (see fuzz/).

The seed is printed; FUZZ_SEED=N starts from it, FUZZ_SECONDS=N runs longer.
A failure prints the smallest script found for it.
"""

import os
import random
import time

import pytest

from fuzz.case import script
from fuzz.freely import Freely
from fuzz.run import Failure, Tally
from fuzz.soak import Bench, make, one

FIRST = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1 << 30))


@pytest.fixture
def bench(box):
    box.start()
    bench = Bench(f"host={box.host} port={box.port} user={box.user} password={box.password}", "fuzz")
    yield bench
    box.start()
    bench.drop()


def seeds(seconds):
    """Seeds from the first on, for as long as there is time; at least one."""
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS") or seconds)
    seed = FIRST
    print(f"FUZZ_SEED={FIRST}")
    yield seed
    while time.monotonic() < end:
        seed += 1
        yield seed


def run(bench, seconds, scheduler=False):
    tally = Tally()
    for seed in seeds(seconds):
        failed = one(bench, seed, scheduler, tally, 60)
        assert not failed, f"\nFUZZ_SEED={seed} fails; the smallest script found:\n\n{failed}"
    print(tally)
    assert tally.ticks


def test_some_random_transactions(bench):
    run(bench, 15)


@pytest.mark.slow
def test_random_transactions(bench):
    run(bench, 120)


@pytest.mark.slow
def test_random_transactions_under_the_scheduler(bench):
    run(bench, 40, scheduler=True)


@pytest.mark.slow
def test_writers_running_freely(bench):
    for seed in seeds(40):
        case = make(seed)
        bench.renew()
        text = script(case)
        try:
            print(seed, Freely(bench.connect, case, 4).run())
        except Failure as failure:
            pytest.fail(f"FUZZ_SEED={seed} fails: {failure}\n\n{text}")


@pytest.mark.long
def test_many_random_transactions(bench):
    run(bench, 1200)
