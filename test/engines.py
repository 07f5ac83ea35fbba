"""The engines that read a lake through Iceberg, each behind `rows`, values in the form in which lakes.py compares them.

    PyIceberg   in this process              Spark, Trino   a program each, parts/*/, told what to do line by line

A lake's JDBC catalog is called as the lake, so engines that stay for a whole module need lakes of different names.
"""

from __future__ import annotations

import collections
import datetime
import json
import os
import subprocess
import threading
import uuid
from decimal import Decimal
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
EPOCH = datetime.date(1970, 1, 1).toordinal()


class PyIceberg:
    name = "pyiceberg"

    def __init__(self, log: Path | None = None):
        pass

    def catalog(self, lake):
        if not hasattr(lake, "pyiceberg"):
            lake.pyiceberg = self.open(lake)
        return lake.pyiceberg

    def open(self, lake):
        from pyiceberg.catalog.sql import SqlCatalog

        box = lake.db.box
        return SqlCatalog(lake.name, **s3(box.env, "s3.endpoint", "s3.access-key-id", "s3.secret-access-key", "s3.region"), init_catalog_tables="false",
                          uri=f"postgresql+psycopg://{box.user}:{box.password}@{box.host}:{box.port}/{lake.db.name}?options=-csearch_path%3D{lake.schema}")

    def table(self, lake, table: str):
        return self.catalog(lake).load_table(("main", table))

    def versions(self, lake, table: str) -> list[int]:
        return [snapshot.snapshot_id for snapshot in self.table(lake, table).metadata.snapshots]

    def rows(self, lake, table: str, version: int | None = None, where: str | None = None, columns=("*",)) -> list[tuple]:
        scan = self.table(lake, table).scan(row_filter=where or "true", selected_fields=columns, snapshot_id=version)
        data = scan.to_arrow()
        return list(zip(*(column_values(column) for column in data.columns))) if data.num_columns else []

    def stop(self) -> None:
        pass


def column_values(column) -> list:
    """pyarrow's values; timestamps as microseconds, because Python's end at the year 9999."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)) and pa.types.is_timestamp(column.type.value_type):
        column = column.cast(pa.list_(pa.int64()))
    return column.to_pylist()


def s3(env: dict, endpoint: str, key: str, secret: str, region: str) -> dict:
    if "ONEBOX_S3_ENDPOINT" not in env:
        return {}
    return {endpoint: env["AWS_ENDPOINT_URL"], key: env["AWS_ACCESS_KEY_ID"], secret: env["AWS_SECRET_ACCESS_KEY"], region: env["AWS_REGION"]}


class Program:
    """An engine in a process of its own: a JSON object a line to it, and one back."""

    name: str

    def __init__(self, log: Path):
        self.log = open(log, "w")
        self.catalogs: set[str] = set()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | self.environment())
        self.ask({}, 300)

    def ask(self, question: dict, seconds: float = 120) -> dict:
        """A JVM that hangs is ended, so that a test fails and does not wait."""
        watch = threading.Timer(seconds, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        finally:
            watch.cancel()
        if not answer:
            raise RuntimeError(f"{self.name} ended or took longer than {seconds:g} s; see {self.log.name}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def attach(self, lake) -> None:
        if lake.name not in self.catalogs:
            self.ask({"catalog": lake.name, "properties": self.properties(lake)})
            self.catalogs.add(lake.name)

    def query(self, lake, sql: str) -> list[tuple]:
        self.attach(lake)
        return [tuple(map(untag, row)) for row in self.ask({"sql": sql})["rows"]]

    def versions(self, lake, table: str) -> list[int]:
        return sorted(version for (version,) in self.query(lake, f"SELECT snapshot_id FROM {self.snapshots(lake, table)}"))

    def rows(self, lake, table: str, version: int | None = None, where: str | None = None, columns=("*",)) -> list[tuple]:
        at = "" if version is None else self.at(version)
        return self.query(lake, f"SELECT {', '.join(columns)} FROM {lake.name}.main.{self.quoted(table)}{at}{f' WHERE {where}' if where else ''}")

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def jdbc(lake) -> str:
    return f"jdbc:postgresql://{lake.db.box.host}:{lake.db.box.port}/{lake.db.name}?currentSchema={lake.schema}"


def untag(value):
    if isinstance(value, list):
        return tuple(map(untag, value))
    if not isinstance(value, dict):
        return value
    ((tag, of),) = value.items()
    return {"decimal": Decimal, "float": lambda v: float(v), "binary": bytes.fromhex, "date": lambda v: datetime.date.fromordinal(v + EPOCH),
            "timestamp": int, "time": time_of, "uuid": uuid.UUID, "struct": lambda v: tuple((name, untag(part)) for name, part in v),
            "map": lambda v: tuple(sorted((untag(key), untag(part)) for key, part in v))}[tag](of)


def time_of(micros: int) -> datetime.time:
    return (datetime.datetime.min + datetime.timedelta(microseconds=micros)).time()


def types_of(db, relation: str) -> list[str]:
    return [type for (type,) in db.query(f"SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")]


def alike(rows, types: list[str]) -> collections.Counter:
    """As lakes.bag, but with uuid, which Spark has as text, as UUID; types: PostgreSQL's, of the columns."""
    from lakes import bag

    places = [i for i, type in enumerate(types) if type == "uuid"]
    return bag([tuple(uuid.UUID(value) if i in places and isinstance(value, str) else value for i, value in enumerate(row)) for row in rows])


class Spark(Program):
    """Spark cannot read a table that has a column of type time, whatever of it is asked for."""

    name = "spark"

    def command(self) -> list[str]:
        return [os.environ["ONEBOX_PYTHON"], REPO / "scripts" / "engines" / "spark.py", os.environ["ONEBOX_SPARK"]]

    def environment(self) -> dict:
        return {"JAVA_HOME": os.environ["ONEBOX_JAVA_17"], "PYSPARK_PYTHON": os.environ["ONEBOX_PYTHON"], "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_HOME": os.path.join(os.environ["ONEBOX_SPARK"], "pyspark")}

    def properties(self, lake) -> dict:
        box = lake.db.box
        return {"type": "jdbc", "uri": jdbc(lake), "jdbc.user": box.user, "jdbc.password": box.password, "jdbc.schema-version": "V1", "jdbc.init-catalog-tables": "false",
                "warehouse": str(lake.path), "cache-enabled": "false", "io-impl": "org.apache.iceberg.io.ResolvingFileIO",
                **s3(box.env, "s3.endpoint", "s3.access-key-id", "s3.secret-access-key", "client.region"), **({"s3.path-style-access": "true"} if "ONEBOX_S3_ENDPOINT" in box.env else {})}

    def at(self, version: int) -> str:
        return f" VERSION AS OF {version}"

    def snapshots(self, lake, table: str) -> str:
        return f"{lake.name}.main.{self.quoted(table)}.snapshots"

    def quoted(self, name: str) -> str:
        return f"`{name}`"


class Trino(Program):
    name = "trino"

    def command(self) -> list[str]:
        return [os.path.join(os.environ["ONEBOX_JAVA_25"], "bin", "java"), "--add-modules=jdk.incubator.vector", "--sun-misc-unsafe-memory-access=allow", "-Xmx1500m",
                "-Duser.timezone=UTC", "-cp", os.path.join(os.environ["ONEBOX_TRINO"], "*"), REPO / "scripts" / "engines" / "Trino.java"]

    def environment(self) -> dict:
        return {}

    def properties(self, lake) -> dict:
        box = lake.db.box
        return {"iceberg.catalog.type": "jdbc", "iceberg.jdbc-catalog.driver-class": "org.postgresql.Driver", "iceberg.jdbc-catalog.connection-url": jdbc(lake),
                "iceberg.jdbc-catalog.connection-user": box.user, "iceberg.jdbc-catalog.connection-password": box.password, "iceberg.jdbc-catalog.catalog-name": lake.name,
                "iceberg.jdbc-catalog.default-warehouse-dir": str(lake.path), "iceberg.jdbc-catalog.schema-version": "V1",
                **({"fs.s3.enabled": "true", "s3.path-style-access": "true", **s3(box.env, "s3.endpoint", "s3.aws-access-key", "s3.aws-secret-key", "s3.region")}
                   if "ONEBOX_S3_ENDPOINT" in box.env else {"fs.local.enabled": "true", "local.location": "/"})}

    def at(self, version: int) -> str:
        return f" FOR VERSION AS OF BIGINT '{version}'"

    def snapshots(self, lake, table: str) -> str:
        return f'{lake.name}.main."{table}$snapshots"'

    def quoted(self, name: str) -> str:
        return f'"{name}"'
