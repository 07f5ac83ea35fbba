"""The box as the demo sees it: a database, a place for the lake, and the two shells that read them.

All of it comes from the environment that `eval "$(./onebox env)"` sets: PG*, ONEBOX_LAKE, ONEBOX_DUCKDB and
ONEBOX_DUCKDB_EXTENSIONS; for a lake on S3 ONEBOX_S3_BUCKET and AWS_*.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

import psycopg
from psycopg import sql
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

    def create_lake(self, conn) -> None:
        options = {}
        if self.on_s3:
            for statement in self.s3_server("company_s3"):
                conn.execute(statement)
            options["server"] = "company_s3"
        conn.execute("SELECT pgtrickle.create_lake(%s, %s, options => %s)", [LAKE, self.data_path, json.dumps(options)])

    def s3_server(self, name: str) -> list[sql.Composed]:
        """Where PostgreSQL keeps the keys of the object store: in a user mapping."""
        scheme, endpoint = os.environ["AWS_ENDPOINT_URL"].split("://")
        return [
            sql.SQL("CREATE SERVER {} FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint {}, region {}, scheme {}, path_style 'true')")
            .format(sql.Identifier(name), endpoint, os.environ["AWS_REGION"], scheme),
            sql.SQL("CREATE USER MAPPING FOR CURRENT_USER SERVER {} OPTIONS (access_key_id {}, secret_access_key {})")
            .format(sql.Identifier(name), os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
        ]

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(autocommit=True, row_factory=namedtuple_row, application_name="demo")

    # DuckDB: the lake attached as company_lake, the database as pg.

    def duckdb(self, query: str, *flags: str) -> str:
        quietly = ["-cmd", ".output /dev/null", "-cmd", self.duckdb_preamble(), "-cmd", ".output"]
        return shell([os.environ.get("ONEBOX_DUCKDB", "duckdb"), "-no-init", "-no-stdin", "-bail", *flags, *quietly, "-c", query])

    def duckdb_rows(self, query: str) -> list[dict]:
        return json.loads(self.duckdb(query, "-json") or "[]")

    def duckdb_preamble(self) -> str:
        lines = ["LOAD ducklake;", "LOAD postgres_scanner;"]
        if extensions := os.environ.get("ONEBOX_DUCKDB_EXTENSIONS"):
            lines.insert(0, f"SET extension_directory = {quoted(extensions)};")
        if self.on_s3:
            lines += ["LOAD httpfs;", self.s3_secret()]
        return "\n".join(lines + [f"ATTACH 'ducklake:postgres:' AS {LAKE};", "ATTACH '' AS pg (TYPE postgres, READ_ONLY);"])

    def s3_secret(self) -> str:
        scheme, endpoint = os.environ["AWS_ENDPOINT_URL"].split("://")
        return (f"CREATE SECRET (TYPE s3, PROVIDER config, KEY_ID {quoted(os.environ['AWS_ACCESS_KEY_ID'])}, "
                f"SECRET {quoted(os.environ['AWS_SECRET_ACCESS_KEY'])}, REGION {quoted(os.environ['AWS_REGION'])}, "
                f"ENDPOINT {quoted(endpoint)}, URL_STYLE 'path', USE_SSL {str(scheme == 'https').lower()});")

    # psql

    def psql(self, query: str) -> str:
        return shell(["psql", "-X", "-q", "-P", "linestyle=unicode", "-v", "ON_ERROR_STOP=1", "-c", query])


def shell(command: list[str]) -> str:
    """The standard output of a command that must succeed; otherwise what it said is the error."""
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])}: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
