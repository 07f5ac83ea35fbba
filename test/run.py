#!/usr/bin/env python3
"""Every test there is; `./onebox test` runs this. Closes with one line, 'N passed, N failed'.

    unit/*.cpp           pure C++, GoogleTest                      no server
    sql/*.sql            pg_regress, answers in expected/          a database each
    isolation/*.spec     isolationtester, answers in expected/     a database each
    e2e/test_*.py        pytest                                    see e2e/conftest.py

The first three run a second time under the sanitizers (sanitizers.py). Each suite has a box of its own, which is gone
at the end; that nothing is left is the last test.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from box import Box, command_of, is_alive, processes
from sanitizers import Ordinary, Sanitized

TEST = Path(__file__).resolve().parent
HOME = Path(sys.prefix).parent
SCRATCH = Path(os.environ["ONEBOX_SCRATCH"])
USUAL, FAST, ENGINES = "not long and not engines", "not slow and not long and not engines", "not long"


class Suite:
    """Counts what it runs. A test belongs to the run if its folder is, or its file's name holds, a name asked for."""

    name: str
    files: str

    def __init__(self, options: argparse.Namespace, on: Ordinary = Ordinary()):
        self.options, self.on, self.passed, self.failed = options, on, 0, 0
        self.name = on.prefix + self.name

    def tests(self) -> list[Path]:
        return [file for file in sorted(TEST.glob(self.files)) if self.is_wanted(file)]

    def is_wanted(self, file: Path) -> bool:
        return not self.options.names or any(name in file.stem or name == file.parent.name for name in self.options.names)

    def run(self) -> None:
        if not self.tests():
            return
        print(f"\n{self.name}", flush=True)
        start = time.monotonic()
        try:
            with self.on:
                self.run_tests(self.tests())
                self.count_reports()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self.count(False, self.name, str(error))
        print(f"  {self.passed} passed, {self.failed} failed in {time.monotonic() - start:.1f} s", flush=True)

    def run_tests(self, tests: list[Path]) -> None:
        raise NotImplementedError

    def count_reports(self) -> None:
        if reports := self.on.take_reports():
            self.count(False, f"{self.name}: no report", reports)

    def count(self, passed: bool, test: str, why: str = "") -> None:
        self.passed += passed
        self.failed += not passed
        if not passed:
            lines = why.rstrip().splitlines()
            shown = lines if len(lines) <= 80 else [*lines[:80], f"… and {len(lines) - 80} more lines"]
            print(f"  FAILED {test}", *(f"    | {line}" for line in shown), sep="\n", flush=True)


class Unit(Suite):
    name = "Unit tests"
    files = "unit/*.cpp"

    def run_tests(self, tests: list[Path]) -> None:
        program = Path(os.environ["ONEBOX_BUILD"]) / "test" / "unit"
        if not program.exists():
            raise RuntimeError("the unit tests were not built; is GoogleTest (libgtest-dev) installed?")
        chosen = [f"{suite['name']}.{test['name']}" for suite, test in self.report(program, "--gtest_list_tests") if Path(test["file"]).name in {t.name for t in tests}]
        for suite, test in self.report(program, f"--gtest_filter={':'.join(chosen)}"):
            if test["status"] == "RUN":
                failures = [failure["failure"] for failure in test.get("failures", [])]
                self.count(not failures, f"{suite['name']}.{test['name']}", "\n".join(failures))

    @staticmethod
    def report(program: Path, option: str) -> list[tuple[dict, dict]]:
        report = SCRATCH / "unit.json"
        done = subprocess.run([program, option, f"--gtest_output=json:{report}"], capture_output=True, text=True)
        if not report.exists():
            raise RuntimeError(f"the unit tests ended with status {done.returncode}\n{done.stdout}{done.stderr}")
        suites = json.loads(report.read_text())["testsuites"]
        report.unlink()
        return [(suite, test) for suite in suites for test in suite["testsuite"]]


class Regress(Suite):
    """Runs one file at a time with one of the server's own test drivers, which compares what psql or the tester print."""

    driver: str
    answers: Path

    def run_tests(self, tests: list[Path]) -> None:
        box = Box(SCRATCH / (self.on.place + self.driver))
        try:
            driver = self.find_driver(box)
            for test in tests:
                self.run_file(box, driver, test)
        finally:
            keep_log(box, self.failed > 0)
            box.remove()

    def run_file(self, box: Box, driver: Path, test: Path) -> None:
        output = box.root / "output" / test.name
        output.mkdir(parents=True)
        try:
            done = subprocess.run(
                [driver, f"--bindir={box.bindir}", f"--host={box.host}", f"--port={box.port}", f"--user={box.user}",
                 "--dbname=regress", "--load-extension=pg_trickle", f"--inputdir={self.input()}", f"--outputdir={output}",
                 f"--expecteddir={self.answers.parent}", test.stem],
                cwd=output, env=box.env, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired as late:
            done = subprocess.CompletedProcess(late.cmd, 1, "", str(late))
        box.wait_for_recovery()
        box.query("DROP DATABASE IF EXISTS regress WITH (FORCE)", "postgres")
        printed = output / "results" / f"{test.stem}.out"
        if self.options.accept and printed.exists():
            self.answers.mkdir(exist_ok=True)
            shutil.copy(printed, self.answers)
        else:
            reports = self.on.take_reports()
            self.count(done.returncode == 0 and not reports, test.name, reports + (self.complaint(output, printed) or done.stdout + done.stderr))

    def complaint(self, output: Path, printed: Path) -> str:
        differences = output / "regression.diffs"
        if differences.exists():
            return differences.read_text(errors="replace")
        answer = self.answers / printed.name
        if printed.exists() and not answer.exists():
            return f"{answer} is missing; look at what the test prints and, if it is right, run with --accept\n{printed.read_text(errors='replace')}"
        return ""

    def find_driver(self, box: Box) -> Path:
        pgxs = Path(box.run("pg_config", "--pgxs").stdout.strip())
        found = sorted((pgxs.parent.parent / "test").glob(f"*/{self.driver}"))
        if not found:
            raise RuntimeError(f"this server comes without {self.driver}; leave ONEBOX_PG_CONFIG out to test with the one that has it")
        return found[0]

    def input(self) -> Path:
        return TEST


class Sql(Regress):
    name = "SQL tests"
    files = "sql/*.sql"
    driver = "pg_regress"
    answers = TEST / "expected"


class Isolation(Regress):
    name = "Isolation tests"
    files = "isolation/*.spec"
    driver = "pg_isolation_regress"
    answers = TEST / "isolation" / "expected"

    def input(self) -> Path:
        # The driver insists on a folder named specs, with the answers beside it.
        folder = SCRATCH / "isolation"
        if not folder.exists():
            folder.mkdir()
            (folder / "specs").symlink_to(TEST / "isolation")
            (folder / "expected").symlink_to(self.answers)
        return folder


class EndToEnd(Suite):
    """Runs two at a time, in a box each; whoever is done first takes over what the other has left."""

    name = "End-to-end tests"
    files = "e2e/test_*.py"

    def run_tests(self, tests: list[Path]) -> None:
        report = SCRATCH / "e2e.xml"
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-n2", "--dist=worksteal", "-c", TEST / "pytest.ini", f"--junitxml={report}", "-m", self.options.markers, *tests])
        if not report.exists():
            raise RuntimeError("pytest ended without a report")
        for case in xml.parse(report).iter("testcase"):
            if case.find("skipped") is None:
                # What failed was printed by pytest.
                self.count(case.find("failure") is None and case.find("error") is None, f"{case.get('classname')}.{case.get('name')}")


class Leftovers(Suite):
    """No box, and no process that was started in one or told of one, outlives the tests."""

    name = "Nothing is left"

    def tests(self) -> list[Path]:
        return [SCRATCH]

    def run_tests(self, tests: list[Path]) -> None:
        left = [f"process {process}: {command_of(process)}" for process in processes() if is_alive(process) and self.is_ours(process)]
        left += [f"box {data.parent}" for data in SCRATCH.rglob("data/PG_VERSION")]
        self.count(not left, "leftovers", "\n".join(left))

    @staticmethod
    def is_ours(process: int) -> bool:
        try:
            return process != os.getpid() and (str(SCRATCH) in os.readlink(f"/proc/{process}/cwd") or str(SCRATCH) in command_of(process))
        except OSError:
            return False


def keep_log(box: Box, wanted: bool) -> None:
    if wanted:
        kept = HOME / "log" / f"test-{box.root.name}.log"
        shutil.copy(box.log, kept)
        print(f"  the server's log is kept in {kept}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./onebox test")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only the folder NAME or the files whose names contain it")
    parser.add_argument("--fast", dest="markers", action="store_const", const=FAST, default=USUAL, help="leave out the slow ones")
    parser.add_argument("--engines", dest="markers", action="store_const", const=ENGINES, help="also those that read with Spark and Trino or write to an S3 server")
    parser.add_argument("--all", dest="markers", action="store_const", const="", help="also those, and what takes minutes")
    parser.add_argument("--sanitize", action="store_true", help="under the sanitizers; those of e2e/ only by name")
    parser.add_argument("--accept", action="store_true", help="take what the SQL and isolation tests print as the right answers, without a verdict")
    options = parser.parse_args()
    options.names = [re.sub(r"\.(sql|spec|py|cpp)$", "", os.path.basename(name)) for name in options.names]
    return options


def chosen_suites(options: argparse.Namespace) -> list[Suite]:
    ordinary = [suite(options) for suite in (Unit, Sql, Isolation, EndToEnd)]
    sanitized = [suite(options, Sanitized(SCRATCH / "reports")) for suite in (Unit, Sql, Isolation, EndToEnd)]
    if options.sanitize:
        return sanitized if options.names else sanitized[:3]
    everything = not options.names and options.markers != FAST and not options.accept
    return ordinary + sanitized[:3] if everything else ordinary


def main() -> int:
    options = parse_arguments()
    suites = chosen_suites(options)
    if not any(suite.tests() for suite in suites):
        sys.exit(f"no test is called {' or '.join(options.names) or 'anything yet'}; the files are in {TEST}")
    suites.append(Leftovers(options))
    for suite in suites:
        suite.run()
    passed, failed = sum(suite.passed for suite in suites), sum(suite.failed for suite in suites)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
