"""The builds that a suite can run on: the ordinary one, and the one with AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from box import ONEBOX


class Ordinary:
    prefix = place = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_) -> None:
        pass

    def take_reports(self) -> str:
        return ""


class Sanitized(Ordinary):
    """While it is entered, what is started takes the sanitized build (scripts/onebox.d/sanitize.sh).

    The first report aborts a process, which is a crash to the server. AddressSanitizer takes every abort and writes the
    stack to a file of that process; the words for undefined behaviour are in its output only, the server's in the log.
    """

    prefix, place = "Sanitized: ", "sanitized_"

    def __init__(self, reports: Path):
        self.reports = reports

    def __enter__(self) -> None:
        self.before = dict(os.environ)
        self.build()
        self.reports.mkdir(exist_ok=True)
        # The server is another user's.
        self.reports.chmod(0o777)
        os.environ["ONEBOX_BUILD"] = os.environ["ONEBOX_SANITIZED"] = f"{os.environ['ONEBOX_BUILD']}-sanitized"
        # Of two runtimes in a process the second decides on the file for both.
        both = f"abort_on_error=1:log_path={self.reports}/report"
        # The server leaves memory to be freed by its end, and jumps out of frames without returning from them.
        os.environ["ASAN_OPTIONS"] = f"{both}:handle_abort=1:detect_leaks=0:detect_stack_use_after_return=0"
        os.environ["UBSAN_OPTIONS"] = f"{both}:halt_on_error=1:print_stacktrace=1"

    def __exit__(self, *_) -> None:
        os.environ.clear()
        os.environ.update(self.before)

    @staticmethod
    def build() -> None:
        env = {name: value for name, value in os.environ.items() if name != "ONEBOX_BUILT"}
        done = subprocess.run([ONEBOX, "build", "--sanitize"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def take_reports(self) -> str:
        """What was reported since it was asked the last time."""
        files = sorted(self.reports.iterdir())
        text = "".join(f"{file.name}\n{file.read_text(errors='replace')}\n" for file in files)
        for file in files:
            file.unlink()
        return text
