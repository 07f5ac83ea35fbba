"""The box as the demo sees it: a database, a place for the lake, and the two shells that read them.

All of it comes from the environment that `eval "$(./onebox env)"` sets: PG*, ONEBOX_LAKE, ONEBOX_DUCKDB and
ONEBOX_DUCKDB_EXTENSIONS; for a lake on S3 ONEBOX_S3_BUCKET and AWS_*.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass

import psycopg
from psycopg.rows import namedtuple_row

LAKE = "company_lake"


@dataclass
class Box:
    data_path: str

    @classmethod
    def of_environment(cls, s3: bool, data_path: str | None = None) -> Box:
        need = "ONEBOX_S3_BUCKET" if s3 else "ONEBOX_LAKE"
        place = os.environ.get(need)
        if not data_path and not place:
            raise SystemExit(f'{need} is not set: eval "$(./onebox env)" sets it, or use --lake')
        return cls(data_path or (f"s3://{place}/{LAKE}/" if s3 else f"{place}/{LAKE}/"))

    @property
    def on_s3(self) -> bool:
        return self.data_path.startswith("s3://")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(autocommit=True, row_factory=namedtuple_row, application_name="demo")

    # DuckDB: the lake attached as company_lake, the database as pg.

    def duckdb(self, sql: str, *flags: str) -> str:
        script = f"{self.duckdb_preamble()}\n{sql}"
        return shell([os.environ.get("ONEBOX_DUCKDB", "duckdb"), "-no-init", "-no-stdin", "-bail", *flags, "-c", script])

    def duckdb_rows(self, sql: str) -> list[dict]:
        return json.loads(self.duckdb(sql, "-json") or "[]")

    def duckdb_preamble(self) -> str:
        lines = ["LOAD ducklake;", "LOAD postgres_scanner;"]
        if extensions := os.environ.get("ONEBOX_DUCKDB_EXTENSIONS"):
            lines.insert(0, f"SET extension_directory = {quoted(extensions)};")
        if self.on_s3:
            lines += ["LOAD httpfs;", self.s3_secret()]
        return "\n".join(lines + [f"ATTACH 'ducklake:postgres:' AS {LAKE};", "ATTACH '' AS pg (TYPE postgres, READ_ONLY);"])

    def s3_secret(self) -> str:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        options = {"key_id": os.environ["AWS_ACCESS_KEY_ID"], "secret": os.environ["AWS_SECRET_ACCESS_KEY"],
                   "region": os.environ.get("AWS_REGION", "us-east-1")}
        if endpoint:
            options |= {"endpoint": re.sub("^https?://", "", endpoint), "url_style": "path"}
        given = "".join(f", {key} {quoted(value)}" for key, value in options.items())
        return f"CREATE SECRET (TYPE s3{given}, use_ssl {str(not endpoint.startswith('http://')).lower()});"

    # psql

    def psql(self, sql: str) -> str:
        return shell(["psql", "-X", "-q", "-P", "linestyle=unicode", "-v", "ON_ERROR_STOP=1", "-c", sql])


def shell(command: list[str]) -> str:
    """The standard output of a command that must succeed; otherwise what it said is the error."""
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])}: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
