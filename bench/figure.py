"""A figure: what was measured, what was wished for, and what it is a ratio to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Callable, Iterator

FIGURES: dict[str, Callable] = {}


@dataclass
class Figure:
    name: str
    goal: str
    reached: str
    ratio: str           # to what the same run measured without us; empty where there is nothing to compare
    met: bool | None     # None: there is no goal, or it could not be measured
    values: dict         # the numbers behind the texts, for --json

    def as_json(self) -> dict:
        return asdict(self)


def figure(name: str, alone: bool = False):
    """Registers a function that yields figures; `./onebox bench NAME` picks by part of this name.

    alone: it takes minutes and has data of its own, so it runs only if it is asked for, without the shop's.
    """
    def register(measure: Callable[..., Iterator[Figure]]):
        measure.alone = alone
        FIGURES[name] = measure
        return measure
    return register
