"""Clocks, percentiles and what the kernel knows about a process."""

from __future__ import annotations

import itertools
import os
import threading
import time
from contextlib import contextmanager
from statistics import median
from types import SimpleNamespace

__all__ = ["median", "percentile", "milliseconds", "timed", "processes", "descendants", "cpu_seconds", "PeakMemory"]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@contextmanager
def timed():
    """Yields what holds .seconds once the block has ended."""
    clock, started = SimpleNamespace(seconds=0.0), time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - started


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def processes() -> dict[int, tuple[int, str]]:
    """Process → its parent and its name, of all on this machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    text = stat.read()
            except OSError:
                continue    # it ended while we looked
            name = text[text.index("(") + 1:text.rindex(")")]
            found[int(entry)] = (int(text[text.rindex(")") + 2:].split()[1]), name)
    return found


def descendants(root: int) -> list[int]:
    everyone = processes()
    found = [root]
    for process in found:
        found += [child for child, (parent, _) in everyone.items() if parent == process]
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of a process and all that it started and that still runs."""
    ticks = 0
    for process in descendants(root):
        try:
            with open(f"/proc/{process}/stat") as stat:
                text = stat.read()
        except OSError:
            continue
        ticks += sum(int(field) for field in text[text.rindex(")") + 2:].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """Samples the private memory of processes while a block runs.

    Counts anonymous pages: shared buffers, touched by every backend, are not a process's own.
    """

    def __init__(self, find):
        self.find = find    # () → {label: process}
        self.peak: dict[str, int] = {}

    def __enter__(self):
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def watch(self):
        for turn in itertools.count():
            if turn % 10 == 0:
                found = self.find()
            for label, process in found.items():
                self.peak[label] = max(self.peak.get(label, 0), anonymous_bytes(process))
            if self.done.wait(0.03):
                return


def anonymous_bytes(process: int) -> int:
    try:
        with open(f"/proc/{process}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
