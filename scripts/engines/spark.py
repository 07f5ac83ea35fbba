#!/usr/bin/env python3
"""Spark behind a pipe, for tests and the demo: a JSON object a line, answered by one.

    {}                                          {"version": …} once Spark is there
    {"catalog": name, "properties": {…}}        spark.sql.catalog.<name> and what follows it
    {"sql": …}                                  {"rows": [[…], …]}, values as test/engines.py takes them; or {"error": …}

Runs with the pyspark and the jars that ./onebox fetched: spark.py PART.
"""

import json
import os
import sys

part = sys.argv[1]
sys.path[:0] = [part, os.path.join(part, "deps")]
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what Spark prints is not an answer

from pyspark.sql import SparkSession, functions  # noqa: E402
from pyspark.sql.types import ArrayType, BinaryType, DateType, DecimalType, DoubleType, FloatType, MapType, StructType, TimestampNTZType, TimestampType  # noqa: E402

TAGS = {DateType: "date", DecimalType: "decimal", FloatType: "float", DoubleType: "float", BinaryType: "binary", TimestampType: "timestamp", TimestampNTZType: "timestamp"}


def start() -> SparkSession:
    jars = os.path.join(part, "lake")
    return (SparkSession.builder.master("local[2]").appName("pg_trickle")
            .config("spark.jars", ",".join(os.path.join(jars, jar) for jar in sorted(os.listdir(jars)) if jar.endswith(".jar")))
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .config("spark.sql.session.timeZone", "UTC").config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
            .config("spark.driver.memory", "1g").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .getOrCreate())


def plain(column, type):
    """Times as numbers: Python has none after the year 9999, and a time zone of its own."""
    if isinstance(type, DateType):
        return functions.unix_date(column)
    if isinstance(type, (TimestampType, TimestampNTZType)):
        return functions.unix_micros(column.cast(TimestampType()))
    if isinstance(type, ArrayType):
        return functions.transform(column, lambda element: plain(element, type.elementType))
    if isinstance(type, MapType):
        return functions.transform_values(column, lambda _, value: plain(value, type.valueType))
    if isinstance(type, StructType):
        return functions.when(column.isNotNull(), functions.struct(*(plain(column.getField(field.name), field.dataType).alias(field.name) for field in type)))
    return column


def tagged(value, type):
    if value is None:
        return None
    if isinstance(type, ArrayType):
        return [tagged(element, type.elementType) for element in value]
    if isinstance(type, MapType):
        return {"map": [[tagged(key, type.keyType), tagged(of, type.valueType)] for key, of in value.items()]}
    if isinstance(type, StructType):
        return {"struct": [[field.name, tagged(of, field.dataType)] for field, of in zip(type, value)]}
    tag = TAGS.get(type.__class__)
    if tag is None:
        return value
    return {tag: value.hex() if tag == "binary" else str(value) if tag in ("decimal", "float") else value}


def answer(spark: SparkSession, question: dict) -> dict:
    if "catalog" in question:
        name = f"spark.sql.catalog.{question['catalog']}"
        spark.conf.set(name, "org.apache.iceberg.spark.SparkCatalog")
        for key, value in question["properties"].items():
            spark.conf.set(f"{name}.{key}", value)
        return {}
    if "sql" in question:
        found = spark.sql(question["sql"])
        types = [field.dataType for field in found.schema]
        if types:  # by place: names need not be different
            found = found.toDF(*(f"c{i}" for i in range(len(types))))
        rows = found.select(*(plain(functions.col(f"c{i}"), type).alias(f"c{i}") for i, type in enumerate(types))).collect() if types else []
        return {"rows": [[tagged(value, type) for value, type in zip(row, types)] for row in rows]}
    return {"version": spark.version}


def main() -> None:
    spark = start()
    spark.sparkContext.setLogLevel("WARN")
    for line in sys.stdin:
        try:
            said = answer(spark, json.loads(line))
        except Exception as error:  # for whoever asked
            said = {"error": str(error).split("\n\nJVM stacktrace")[0]}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
    spark.stop()


main()
