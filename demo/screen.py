"""What the demo shows: steps with their time, tables, and a table that is redrawn in place on a terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

ON_TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
BOLD, DIM, GREEN, RED, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m") if ON_TERMINAL else ("",) * 5
BACK = "\r" if ON_TERMINAL else ""


def say(text: str = "") -> None:
    print(text, flush=True)


def title(text: str) -> None:
    say(f"\n{BOLD}{text}{PLAIN}")


@contextmanager
def step(text: str):
    """The line of one step, with its time once it has ended; yields where to put what came of it."""
    note, started = SimpleNamespace(text=""), time.monotonic()
    if ON_TERMINAL:
        print(f"  {text}", end="", flush=True)
    try:
        yield note
    except BaseException:
        say(f"{BACK}  {text}")
        raise
    say(f"{BACK}  {text:<24} {note.text:<64} {DIM}{time.monotonic() - started:6.1f} s{PLAIN}")


def table(rows: list[list], headings: list[str], left: int = 1) -> list[str]:
    """Lines of a table; the first `left` columns are aligned left, the others right."""
    cells = [headings] + [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]

    def line(row):
        return "  " + "   ".join(cell.ljust(width) if i < left else cell.rjust(width)
                                 for i, (cell, width) in enumerate(zip(row, widths))).rstrip()

    return [f"{DIM}{line(cells[0])}{PLAIN}"] + [line(row) for row in cells[1:]]


class Board:
    """A block of lines, drawn over its last drawing on a terminal; elsewhere as plain lines, now and then."""

    def __init__(self, plain_every: float = 10):
        self.drawn = 0
        self.plain_every = plain_every
        self.next_plain = time.monotonic() + plain_every / 2

    def draw(self, lines: list[str], last: bool = False) -> None:
        if ON_TERMINAL:
            width = os.get_terminal_size().columns
            erase = f"\x1b[{self.drawn}F\x1b[J" if self.drawn else ""
            sys.stdout.write(erase + "".join(clip(line, width) + "\n" for line in lines))
            sys.stdout.flush()
            self.drawn = len(lines)
        elif last or time.monotonic() >= self.next_plain:
            self.next_plain = time.monotonic() + self.plain_every
            say("\n".join(lines) + ("" if last else "\n"))


def clip(line: str, width: int) -> str:
    """A line that would wrap would spoil the count of lines to draw over."""
    visible = re.sub("\x1b\\[\\d*m", "", line)
    return line if len(visible) < width else visible[:width - 2] + "…"


def duration(seconds: float | None) -> str:
    """How long, in the unit that a person would choose."""
    if seconds is None:
        return "–"
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"


def verdict(held: bool) -> str:
    return f"{GREEN}held  {PLAIN}" if held else f"{RED}FAILED{PLAIN}"
