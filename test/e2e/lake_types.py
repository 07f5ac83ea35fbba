"""Values of every type a lake holds, each with what every reader must find: one value as SQL, and as canonical() makes it of Arrow's.

Nothing here asks PostgreSQL what a value is: what is written and what is read are told apart from the two sides.
"""

from __future__ import annotations

import collections
import datetime
import itertools
import json
import struct
import uuid
from decimal import Decimal

EPOCH = datetime.date(1970, 1, 1)
CHOICES = {"interval": "struct", "timetz": "text", "numeric": "text", "other": "text"}
TYPES = """CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TYPE pair AS (a int, "b c" text); CREATE TYPE deep AS (p pair, list int[], n numeric(8,3), at timestamp, took interval, f float8, pairs pair[]);
    CREATE DOMAIN grid AS int[][]"""
ISO = "SET intervalstyle = 'iso_8601'; SET timezone = 'UTC'; SET datestyle = 'ISO'"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - EPOCH).days


def micros(text: str) -> int:
    return (datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


def clock(text: str) -> int:
    of = datetime.time.fromisoformat(text)
    return ((of.hour * 60 + of.minute) * 60 + of.second) * 1_000_000 + of.microsecond


def number(value: float):
    return "nan" if value != value else struct.pack("<d", value)


def same(*texts: str) -> list:
    return [(quoted(text), text) for text in texts]


def parsed(parse, *texts: str) -> list:
    return [(quoted(text), parse(text)) for text in texts]


def span(text: str, months: int, days: int, micros: int):
    return quoted(text), (("months", months), ("days", days), ("microseconds", micros))


TEXTS = ["", "x", "a,b", '"q"', "back\\slash", "{br}(p)", "héllo 🌍", "NULL", " blank ", "it's"]
# By column: its type, and values with what they are in the lake.
PLAIN = {
    "b": ("bool", [("true", True), ("false", False)]),
    "i2": ("int2", parsed(int, "-32768", "32767", "0")),
    "i4": ("int", parsed(int, "-2147483648", "2147483647", "7")),
    "i8": ("int8", parsed(int, "-9223372036854775808", "9223372036854775807", "1")),
    "f4": ("real", parsed(lambda t: number(struct.unpack("<f", struct.pack("<f", float(t)))[0]), "3.4e38", "-0", "NaN", "Infinity", "-Infinity", "1e-40")),
    "f8": ("float8", parsed(lambda t: number(float(t)), "1.7e308", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "0.1")),
    "n": ("numeric(12,3)", parsed(Decimal, "999999999.999", "-999999999.999", "0.000")),
    "wide": ("numeric(38,10)", parsed(Decimal, "9999999999999999999999999999.9999999999", "-0.0000000001")),
    "odd": ("numeric(3,5)", parsed(Decimal, "0.00999", "-0.00001")),
    "tens": ("numeric(3,-2)", parsed(Decimal, "99900", "-100")),
    "free": ("numeric", same("123456789012345678901234567890.123456789012345678901234567890", "NaN", "Infinity", "-Infinity", "0.00")),
    "huge": ("numeric(60,20)", same("1234567890123456789012345678901234567890.12345678901234567890", "NaN")),
    "t": ("text", same(*TEXTS)),
    "c": ("char(4)", [("'ab'", "ab  ")]),
    "e": ("mood", same("sad", "happy")),
    "dom": ("positive", parsed(int, "1")),
    "bytes": ("bytea", [("'\\x00ff10'", b"\0\xff\x10"), ("''", b"")]),
    "u": ("uuid", parsed(uuid.UUID, "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000")),
    "j": ("json", same('{"a": [1, 2]}', "[]", "null")),
    "jb": ("jsonb", same('{"b": null}', '"x"')),
    "d": ("date", parsed(day, "0001-01-01", "9999-12-31", "1969-12-31", "1582-10-04")),
    "ti": ("time", parsed(clock, "00:00:00", "23:59:59.999999")),
    "ts": ("timestamp", parsed(micros, "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.500000")),
    "tz": ("timestamptz", [(quoted(text + "+00"), micros(text)) for text in ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")]),
    "iv": ("interval", [span("1 mon -1 day 00:00:00.000001", 1, -1, 1), span("-178000000 years", -2136000000, 0, 0), span("0", 0, 0, 0), span("-14 mons 3 days -04:05:06.7", -14, 3, -14706700000),
                        span("2562047788:00:54.775807", 0, 0, 9223372036854775807)]),
    "tt": ("timetz", same("12:00:00+02", "23:59:59.999999-15:59", "00:00:00+00")),
    "r": ("int4range", same("[1,5)", "empty", "(,)", "[3,)", "(,-2147483648)")),
    "mr": ("nummultirange", same("{}", "{[1.5,2.50]}", "{(,1),[2,3),(5,)}")),
    "tr": ("tstzrange", same('["2024-01-01 00:00:00+00",infinity)', "empty")),
    "net": ("inet", [("'10.0.0.1'", "10.0.0.1/32"), *same("::1/64")]),
    "bits": ("bit varying", same("", "0101")),
    "mac": ("macaddr", same("08:00:2b:01:02:03")),
    "tsv": ("tsvector", same("'a':1 'b':2")),
    "pt": ("point", same("(1.5,-0)")),
}


def listed(of: list, type: str, dimensions: int = 1):
    """Lists of such values, with NULL among them, and the empty one."""
    values = [*of, ("NULL", None)]
    if dimensions == 1:
        return [(f"'{{}}'::{type}", ()), (f"ARRAY[{', '.join(sql for sql, _ in values)}]::{type}", tuple(value for _, value in values)), (f"ARRAY[NULL]::{type}", (None,))]
    row = lambda shift: [values[(i + shift) % len(values)] for i in range(2)]  # noqa: E731
    rows = [row(0), row(1), row(2)]
    return [(f"'{{}}'::{type}", ()), (f"ARRAY[{', '.join('[' + ', '.join(sql for sql, _ in of) + ']' for of in rows)}]::{type}", tuple(tuple(value for _, value in of) for of in rows))]


def composite(type: str, names: list[str], columns: list[list]):
    """One of the values of each field in each place, and NULL in all."""
    size = max(map(len, columns))
    rows = [[column[i % len(column)] for column in columns] for i in range(size)] + [[("NULL", None)] * len(columns)]
    return [(f"ROW({', '.join(sql for sql, _ in row)})::{type}", tuple(zip(names, (value for _, value in row)))) for row in rows]


PAIRS = composite("pair", ["a", "b c"], [PLAIN["i4"][1], [*PLAIN["t"][1], ("NULL", None)]])
NESTED = {
    "ints": ("int[]", listed(PLAIN["i4"][1], "int[]")),
    "texts": ("text[]", listed(PLAIN["t"][1], "text[]")),
    "nums": ("numeric(12,3)[]", listed(PLAIN["n"][1], "numeric(12,3)[]")),
    "stamps": ("timestamp[]", listed(PLAIN["ts"][1], "timestamp[]")),
    "spans": ("interval[]", listed(PLAIN["iv"][1], "interval[]")),
    "ranges": ("int4range[]", listed(PLAIN["r"][1], "int4range[]")),
    "matrix": ("int[][]", listed(PLAIN["i4"][1], "int[]", 2)),
    "cube": ("text[][]", listed(PLAIN["t"][1], "text[]", 2)),
    "gr": ("grid", listed(PLAIN["i4"][1], "int[]", 2)),
    "p": ("pair", PAIRS),
    "ps": ("pair[]", listed(PAIRS, "pair[]")),
    "dp": ("deep", composite("deep", ["p", "list", "n", "at", "took", "f", "pairs"], [[*PAIRS, ("NULL", None)], listed(PLAIN["i4"][1], "int[]"), [("1.500", Decimal("1.500"))],
                     PLAIN["ts"][1], PLAIN["iv"][1], PLAIN["f8"][1], [*listed(PAIRS[:3], "pair[]"), ("NULL", None)]])),
    "h": ("hstore", [(quoted('"a"=>"1", "b c"=>NULL, "q\\"\\\\"=>""'), (("a", "1"), ("b c", None), ('q"\\', ""))), ("''", ())]),
}
COLUMNS = PLAIN | NESTED


def create(table: str, columns=COLUMNS) -> str:
    return f"CREATE TABLE {table} (id int PRIMARY KEY, {', '.join(f'{name} {type}' for name, (type, _) in columns.items())})"


def rows(random, ids, columns=COLUMNS):
    """(INSERT's values, what must be read), each value now and then NULL."""
    for id in ids:
        chosen = [("NULL", None) if random.random() < 0.15 else random.choice(values) for _, values in columns.values()]
        yield f"({id}, {', '.join(sql for sql, _ in chosen)})", (id, *(value for _, value in chosen))


def every_value(first: int, columns=COLUMNS):
    """Rows in which each value of each column is, and one of NULLs."""
    for i in range(max(len(values) for _, values in columns.values())):
        chosen = [values[i % len(values)] for _, values in columns.values()]
        yield f"({first + i}, {', '.join(sql for sql, _ in chosen)})", (first + i, *(value for _, value in chosen))
    yield f"({first - 1}{', NULL' * len(columns)})", (first - 1, *([None] * len(columns)))


def canonical(data) -> collections.Counter:
    """The rows of an Arrow table, as the values above are."""
    columns = [list(itertools.chain.from_iterable(values(chunk) for chunk in column.chunks)) for column in data.columns]
    return collections.Counter(zip(*columns)) if columns else collections.Counter()


def values(array) -> list:
    import pyarrow as pa

    type = array.type
    if isinstance(type, pa.BaseExtensionType):
        return values(array.storage) if not pa.types.is_fixed_size_binary(type.storage_type) else [None if v is None else uuid.UUID(bytes=v) for v in array.storage.to_pylist()]
    valid = array.is_valid().to_pylist()
    if pa.types.is_map(type):
        keys, items, ends = values(array.keys), values(array.items), array.offsets.to_pylist()
        base = ends[0] if len(array.keys) < ends[-1] else 0
        return [tuple(sorted(zip(keys[a - base:b - base], items[a - base:b - base]))) if is_valid else None for is_valid, a, b in zip(valid, ends, ends[1:])]
    if pa.types.is_list(type) or pa.types.is_large_list(type):
        inner, ends = values(array.values), array.offsets.to_pylist()
        return [tuple(inner[a:b]) if is_valid else None for is_valid, a, b in zip(valid, ends, ends[1:])]
    if pa.types.is_struct(type):
        parts = [values(array.field(i)) for i in range(type.num_fields)]
        return [tuple((type.field(i).name, part[row]) for i, part in enumerate(parts)) if is_valid else None for row, is_valid in enumerate(valid)]
    if pa.types.is_timestamp(type) or pa.types.is_date(type) or pa.types.is_time(type):
        assert not pa.types.is_timestamp(type) or type.unit == "us"
        return array.cast(pa.int32() if pa.types.is_date(type) else pa.int64()).to_pylist()
    if pa.types.is_floating(type):
        return [None if value is None else number(value) for value in array.to_pylist()]
    return array.to_pylist()


def of_engine(value):
    """A value of engines.Program.rows as the values above are."""
    if isinstance(value, datetime.date):
        return (value - EPOCH).days
    if isinstance(value, datetime.time):
        return clock(value.isoformat())
    if isinstance(value, float):
        return number(value)
    return tuple(map(of_engine, value)) if isinstance(value, tuple) else value
