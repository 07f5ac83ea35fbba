"""A box for tests and benchmarks: started, reached, killed and removed from Python, through `./onebox --root`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psycopg

REPO = Path(__file__).resolve().parent.parent
ONEBOX = REPO / "onebox"


class Box:
    """A running box in a directory of its own.

    root     the directory            data   the cluster's files        log    the server's log
    bindir   psql, pgbench, …         lake   where the server may put Parquet files
    host, port, user, password, database     how to connect            socket  directory of the Unix socket
    duckdb_cli, duckdb_extensions     the DuckDB that reads the lake
    env      the environment to start programs with, libpq's variables in it
    """

    def __init__(self, root: Path, *, s3: bool = False):
        self.root = Path(root)
        self.options = ["--s3"] if s3 else []
        self.start()

    def start(self) -> None:
        """Starts the server unless it runs; after a crash this is recovery."""
        self.onebox("up", *self.options)
        self.env = self._environment()
        self.host, self.port = self.env["PGHOST"], int(self.env["PGPORT"])
        self.user, self.password, self.database = self.env["PGUSER"], self.env["PGPASSWORD"], self.env["PGDATABASE"]
        self.bindir, self.lake = Path(self.env["ONEBOX_PG_BIN"]), Path(self.env["ONEBOX_LAKE"])
        self.socket = Path(self.env["ONEBOX_SOCKET"])
        self.data, self.log = self.root / "data", self.root / "log" / "postgres.log"
        self.duckdb_cli = Path(self.env["ONEBOX_DUCKDB"])
        self.duckdb_extensions = Path(self.env["ONEBOX_DUCKDB_EXTENSIONS"])

    def stop(self) -> None:
        self.onebox("down")

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill9(self) -> None:
        """Kills the server as the kernel would, and returns when nothing of it is left; start() recovers."""
        server = self.server_process
        everyone = [server, *descendants(server)]
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, everyone)), "the killed server's processes to end")

    def wait_for_recovery(self) -> None:
        """Returns once the server takes connections again, should one of its processes have crashed."""
        wait_until(lambda: self.run("pg_isready", check=False).returncode == 0, "the server to recover")

    def remove(self) -> None:
        self.onebox("clean")

    @property
    def server_process(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def lake_processes(self) -> list[int]:
        """The trickle-lake processes that this server started."""
        return [process for process in descendants(self.server_process) if command_of(process).startswith("trickle-lake")]

    def onebox(self, *arguments: str) -> str:
        """Runs ./onebox on this box; raises with what it said if it fails."""
        done = subprocess.run([ONEBOX, "--root", self.root, *arguments], env=os.environ | {"ONEBOX_BUILT": "yes"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"./onebox {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def connect(self, database: str | None = None, **options) -> psycopg.Connection:
        options.setdefault("autocommit", True)
        return psycopg.connect(host=self.host, port=self.port, user=self.user, password=self.password,
                               dbname=database or self.database, **options)

    def query(self, sql: str, database: str | None = None) -> list[tuple]:
        with self.connect(database) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.pgresult.status == psycopg.pq.ExecStatus.TUPLES_OK else []

    def run(self, program: str, *arguments: str, database: str | None = None, **options) -> subprocess.CompletedProcess:
        """Runs one of the server's programs (psql, pgbench, pg_dump, …) against a database."""
        env = self.env | {"PGDATABASE": database or self.database}
        options = {"check": True, "capture_output": True, "text": True} | options
        return subprocess.run([self.bindir / program, *arguments], env=env, **options)

    def duckdb(self, database: str | None = None, lake: str | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB with the database attached as pg and, given its metadata schema, the lake as company_lake."""
        connection = duckdb.connect(config={"extension_directory": str(self.duckdb_extensions)})
        for extension in ("postgres_scanner", "ducklake", "httpfs"):
            connection.execute(f"LOAD {extension}")
        if "ONEBOX_S3_ENDPOINT" in self.env:
            connection.execute("CREATE SECRET (TYPE s3, PROVIDER config, KEY_ID '{AWS_ACCESS_KEY_ID}', SECRET '{AWS_SECRET_ACCESS_KEY}', "
                               "REGION '{AWS_REGION}', ENDPOINT '{ONEBOX_S3_ENDPOINT}', URL_STYLE 'path', USE_SSL false)".format(**self.env))
        where = self.conninfo(database)
        connection.execute(f"ATTACH '{where}' AS pg (TYPE postgres)")
        if lake is not None:
            connection.execute(f"ATTACH 'ducklake:postgres:{where}' AS company_lake (METADATA_SCHEMA '{lake}')")
        return connection

    def conninfo(self, database: str | None = None) -> str:
        return f"host={self.host} port={self.port} user={self.user} password={self.password} dbname={database or self.database}"

    def _environment(self) -> dict[str, str]:
        show = self.onebox("env") + '\n"$0" -c "import json, os; print(json.dumps(dict(os.environ)))"'
        return json.loads(subprocess.run(["bash", "-c", show, sys.executable], check=True, capture_output=True, text=True).stdout)


class Database:
    """A database of its own with the extension in it."""

    def __init__(self, box: Box, name: str, options: str = ""):
        self.box, self.name = box, name
        box.query(f'CREATE DATABASE "{name}" {options}')
        self.query("CREATE EXTENSION pg_trickle")

    def connect(self, **options) -> psycopg.Connection:
        return self.box.connect(self.name, **options)

    def query(self, sql: str) -> list[tuple]:
        return self.box.query(sql, self.name)

    def duckdb(self, lake: str | None = None) -> duckdb.DuckDBPyConnection:
        return self.box.duckdb(self.name, lake)

    def drop(self) -> None:
        self.box.query(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def wait_until(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


# Processes, as /proc tells them.


def descendants(process: int) -> list[int]:
    children = [child for child in processes() if parent_of(child) == process]
    return [one for child in children for one in (child, *descendants(child))]


def processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def is_alive(process: int) -> bool:
    return _stat(process)[:1] not in ([], ["Z"], ["X"])


def parent_of(process: int) -> int:
    return int((_stat(process) + ["0", "0"])[1])


def command_of(process: int) -> str:
    """The arguments it was started with, the program by its bare name."""
    program, *arguments = _read(process, "cmdline").rstrip("\0").split("\0")
    return " ".join([os.path.basename(program), *arguments])


def _stat(process: int) -> list[str]:
    # The second field is the program's name in parentheses, which may hold anything.
    return _read(process, "stat").rpartition(")")[2].split()


def _read(process: int, file: str) -> str:
    try:
        return Path(f"/proc/{process}/{file}").read_text(errors="replace")
    except OSError:
        return ""
