"""Exact: after every tick each view equals its query, whatever was done (see fuzz/).

The seed is printed; FUZZ_SEED=N starts from it, FUZZ_SEED=random from anywhere, FUZZ_SECONDS=N runs longer.
Without it each test starts from a seed of its own, always the same, so that its outcome depends on
the change and not on luck; new seeds are for the soak (python -m fuzz --soak).
A failure prints the smallest script found for it.
"""

import os
import random
import time

import pytest

from fuzz.case import script
from fuzz.freely import Freely
from fuzz.many import ManyTally
from fuzz.run import Failure, Tally
from fuzz.soak import Bench, make, one


def first_seed(usual):
    asked = os.environ.get("FUZZ_SEED")
    if asked == "random":
        return random.SystemRandom().randrange(1 << 30)
    return int(asked) if asked else usual


@pytest.fixture
def bench(box):
    box.start()
    bench = Bench(f"host={box.host} port={box.port} user={box.user} password={box.password}", "fuzz")
    yield bench
    box.start()
    bench.drop()


def seeds(seconds, usual):
    """Seeds from the first on, for as long as there is time; at least one."""
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS") or seconds)
    seed = first_seed(usual)
    print(f"FUZZ_SEED={seed}")
    yield seed
    while time.monotonic() < end:
        seed += 1
        yield seed


def run(bench, seconds, usual, **kinds):
    tally = Tally()
    for seed in seeds(seconds, usual):
        failed = one(bench, seed, kinds.get("scheduler", False), tally, 60, **{k: v for k, v in kinds.items() if k != "scheduler"})
        assert not failed, f"\nFUZZ_SEED={seed} fails; the smallest script found:\n\n{failed}"
    print(tally)
    assert tally.ticks


def test_some_random_transactions(bench):
    run(bench, 15, 9000)


@pytest.mark.slow
def test_thousands_of_queries(bench):
    """Each pair is a query of the grammar and a history, compared after every tick."""
    tally = ManyTally()
    for seed in seeds(600, 40000):
        failed = one(bench, seed, False, tally, 60, many=True)
        assert not failed, f"\nFUZZ_SEED={seed} fails; the smallest script found:\n\n{failed}"
        if tally.pairs >= 2000 and "FUZZ_SECONDS" not in os.environ:
            break
    print(tally)
    assert tally.pairs >= 2000 and tally.invalid < tally.pairs / 50


@pytest.mark.slow
def test_random_transactions(bench):
    run(bench, 120, 5000)


@pytest.mark.slow
def test_immediate_after_every_statement(bench):
    run(bench, 40, 7000, immediate=True)


@pytest.mark.slow
def test_queries_that_change(bench):
    run(bench, 40, 11000, alters=True)


@pytest.mark.slow
@pytest.mark.parametrize("many", [False, True])
def test_recomputed_and_followed_in_turns(bench, many):
    """AUTO gives up its state and fills it again, at any point of a history."""
    tally = ManyTally() if many else Tally()
    for seed in seeds(25, 13000):
        failed = one(bench, seed, False, tally, 60, many=many, choose=True)
        assert not failed, f"\nFUZZ_SEED={seed} fails; the smallest script found:\n\n{failed}"
    print(tally)
    assert min(tally.refreshes[mode] for mode in ("DIFFERENTIAL", "FULL")) > 10
    assert many or tally.refreshes["REBUILD"] > 0


@pytest.mark.slow
def test_random_transactions_under_the_scheduler(bench):
    run(bench, 40, 1, scheduler=True)


@pytest.mark.slow
@pytest.mark.parametrize("immediate", [False, True])
def test_writers_running_freely(bench, immediate):
    for seed in seeds(40, 1):
        case = make(seed, immediate=immediate)
        bench.renew()
        text = script(case)
        try:
            print(seed, Freely(bench.connect, case, 4).run())
        except Failure as failure:
            pytest.fail(f"FUZZ_SEED={seed} fails: {failure}\n\n{text}")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_random_transactions(bench):
    run(bench, 1200, first_seed(random.SystemRandom().randrange(1 << 30)))
