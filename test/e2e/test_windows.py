"""Window functions of all frames over partitions of some hundred rows, where little changes at a time: after every tick each is what its query says.

Beside ties stand only functions that do not tell them apart.  FUZZ_SEED=N starts from that seed, FUZZ_SECONDS=N runs longer.
"""

import random

import pytest

from seeds import run_cases

COLUMNS = {"k": "int", "a": "int", "b": "numeric(8,2)", "d": "date", "t": "timestamptz NOT NULL", "x": "bigint NOT NULL", "s": "text",
           "n": "numeric", "i": "int", "l": "bigint NOT NULL", "m": "timestamp", "f": "date", "q": "smallint",
           "g": "float8", "h": "real", "o": "time", "y": "interval"}
# Ends of their types stand among the values of these.
ENDS = {"n": ["'NaN'", "'Infinity'", "'-Infinity'", "1e30"], "i": ["2147483647", "-2147483648", "2147483645", "-2147483646"],
        "l": ["9223372036854775807", "-9223372036854775808", "9223372036854775800"], "q": ["32767", "-32768", "32765"],
        "g": ["'NaN'", "'Infinity'", "'-Infinity'", "1e308", "-1.7e308", "1e-310", "0.1"], "h": ["'NaN'", "'Infinity'", "'-Infinity'", "3e38", "0.1"],
        "o": ["'00:00'", "'24:00'", "'23:59'"], "y": ["'infinity'", "'-infinity'", "'1 month 0.5 s'", "'-1 month 20 days 0.5 s'"],
        "m": ["'infinity'", "'-infinity'", "'2026-02-28'", "'2026-03-31'"],
        "f": ["'infinity'", "'-infinity'", "'2026-02-28'", "'2024-02-29'"]}
ROWS, PARTITIONS = 240, 3


def value(rng, column):
    if not COLUMNS[column].endswith("NOT NULL") and rng.random() < 0.1:
        return "NULL"
    if column in ENDS and rng.random() < 0.15:
        return rng.choice(ENDS[column])
    return {"n": lambda: f"{rng.randrange(-60, 60) / 4}", "i": lambda: str(rng.randrange(50)), "l": lambda: str(rng.randrange(-40, 40)), "q": lambda: str(rng.randrange(40)),
            "m": lambda: f"timestamp '2026-01-20' + interval '{rng.randrange(90) * 13} hours'", "f": lambda: f"date '2026-01-20' + {rng.randrange(90)}", "k": lambda: str(rng.randrange(PARTITIONS)), "a": lambda: str(rng.randrange(30)), "b": lambda: f"{rng.randrange(-800, 800) / 4:.2f}",
            "d": lambda: f"date '2026-01-20' + {rng.randrange(60)}", "t": lambda: f"timestamptz '2026-03-28 00:00+00' + interval '{rng.randrange(90) * 37} minutes'",
            "g": lambda: f"{rng.randrange(-90, 90)}::float8 / 30", "h": lambda: f"{rng.randrange(-90, 90)}::real / 30", "o": lambda: f"time '00:00' + interval '{rng.randrange(96) * 15} minutes'",
            "y": lambda: f"interval '{rng.randrange(-40, 40)} days {rng.randrange(24)} hours'",
            "x": lambda: str(rng.randrange(60)), "s": lambda: f"'{rng.choice('abcdefgh')}'"}[column]()


def row(rng):
    return "(" + ", ".join(value(rng, c) for c in COLUMNS) + ")"


DISTANCES = {"a": ["1", "3", "0"], "x": ["2", "5", "0"], "b": ["0.25", "10", "7.5"], "d": ["interval '5 days'", "interval '1 month'"],
             "t": ["interval '90 minutes'", "interval '1 day'", "interval '1 month'", "interval '0'"], "n": ["0.25", "3", "2e31", "'Infinity'"],
             "i": ["2", "4::bigint", "2147483647"], "l": ["3", "9223372036854775807", "2::smallint"], "q": ["1", "3::bigint", "40000::int"],
             "m": ["interval '5 days'", "interval '1 month'", "interval '1 month 2 days 3 hours'", "interval '40 years'", "interval '1 month -3 days'"],
             "g": ["0.1", "1", "1e-300", "1e17"], "h": ["0.1", "1", "0.3"], "o": ["interval '1 hour'", "interval '30 minutes 5 days'", "interval '25 hours'"],
             "y": ["interval '3 days'", "interval '1 month'", "interval '20 hours'"], "f": ["interval '3 days'", "interval '1 month'", "interval '10 hours'", "interval '1 year'"]}


def between(rng, distances):
    """Bounds of a frame, the second not before the first."""
    ends = [f"{n} PRECEDING" for n in reversed(distances)] + ["CURRENT ROW"] + [f"{n} FOLLOWING" for n in distances]
    first, last = sorted(rng.choices(range(len(ends)), k=2))
    return f"BETWEEN {ends[first]} AND {ends[last]}"


def function(rng, columns, partition, order, total):
    """One function over these, with the frame."""
    of = f"PARTITION BY {partition} " if partition else ""
    direction = {c: rng.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) for c in columns}
    every = [c + direction[c] for c in order]
    complete = every + [c for c in columns if c not in order] if not total else every + ["id"]
    argument, numbers = rng.choice(list(COLUMNS)), rng.choice(["a", "b", "x", "n", "l"])
    calls = ["count(*)", f"count({argument})", f"sum({numbers})", f"avg({numbers})", f"min({argument})", f"max({argument})", f"bool_and({numbers} > 3)",
             f"sum({numbers}) FILTER (WHERE x > 20)", f"count(*) FILTER (WHERE s > 'd')"]
    kind = rng.choice(["running", "running", "rank", "row", "rows", "groups", "range", "running_rows", "whole"])
    if kind == "rank":
        return f"{rng.choice(['rank()', 'dense_rank()'])} OVER ({of}ORDER BY {', '.join(every)})"
    if kind == "row":
        call = rng.choice(["row_number()", f"lag({argument})", f"lead({argument}, 2)", f"first_value({argument})", f"last_value({argument})", f"lag({argument}, 3)"])
        end = rng.choice(["", "", "CURRENT ROW", "2 PRECEDING", "1 FOLLOWING"])
        unit = rng.choice(["ROWS", "GROUPS"]) if end else ""
        frames = {"first": f" {unit} BETWEEN {end} AND UNBOUNDED FOLLOWING", "last_": f" {unit} BETWEEN UNBOUNDED PRECEDING AND {end}"} if end else {}
        return f"{call} OVER ({of}ORDER BY {', '.join(complete)}{frames.get(call[:5], '')})"
    if kind == "whole":
        call = rng.choice(["ntile(4)", f"nth_value({argument}, 3)", "sum(x)"])
        return f"{call} OVER ({of}ORDER BY {', '.join(complete)}{'' if call != 'sum(x)' else ' ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING'})"
    if kind in ("running", "running_rows"):
        rows = kind == "running_rows"
        call = rng.choice(calls + rows * [f"first_value({argument})"])
        frame = rng.choice([" ROWS UNBOUNDED PRECEDING", " ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING"]) if rows else \
            rng.choice(["", "", " RANGE UNBOUNDED PRECEDING", " GROUPS UNBOUNDED PRECEDING", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP"])
        return f"{call} OVER ({of}ORDER BY {', '.join(complete if rows else every)}{frame})"
    call = rng.choice(calls)
    if kind == "groups" and rng.random() < 0.5:
        call = rng.choice(calls + [f"nth_value({argument}, 2)", f"first_value({argument})", f"last_value({argument})"])
    if kind == "rows":
        exclude = rng.choice(["", "", "", " EXCLUDE CURRENT ROW"])
        return f"{rng.choice(calls + [f'last_value({argument})', f'first_value({argument})'])} OVER ({of}ORDER BY {', '.join(complete)} ROWS {between(rng, ['1', '3'])}{exclude})"
    exclude = rng.choice(["", "", "", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES"])
    places = call.startswith(("nth_value", "first_value", "last_value"))
    if places:      # only where no rows are alike in the order
        return f"{call} OVER ({of}ORDER BY {', '.join(complete)} GROUPS {between(rng, ['1', '2', '5'])}{exclude})"
    if exclude == " EXCLUDE CURRENT ROW" or exclude == " EXCLUDE TIES":
        call = "count(*)"
    if kind == "groups":
        return f"{call} OVER ({of}ORDER BY {', '.join(every)} GROUPS {between(rng, ['1', '2', '4'])}{exclude})"
    if rng.random() < 0.1:
        return f"{call} OVER ({of}ORDER BY {', '.join(every)} RANGE BETWEEN CURRENT ROW AND CURRENT ROW{exclude})"
    by = rng.choice([c for c in columns if c in DISTANCES])
    return f"{call} OVER ({of}ORDER BY {by}{direction[by]} RANGE {between(rng, DISTANCES[by][:1] if rng.random() < 0.5 else [rng.choice(DISTANCES[by])])}{exclude})"


def query(rng, table):
    columns = list(COLUMNS)
    partition = rng.choice(["", "k", "k", "k, s"])
    order = rng.sample([c for c in columns if c not in ("k", "s")], rng.choice([1, 1, 2]))
    total = table == "keyed"
    functions = [function(rng, columns, partition, order, total)]
    # Functions that tell equal rows apart may do so in another way each.
    while total and rng.random() < 0.6 and len(functions) < 4:
        functions.append(function(rng, columns, partition, order, total))
    shown = rng.sample(columns, rng.randint(1, 4)) if not total else ["id"] + rng.sample(columns, 2)
    return f"SELECT {', '.join(shown)}, {', '.join(f'{f} AS f{i}' for i, f in enumerate(functions))} FROM {table}"


def change(rng, table):
    columns = list(COLUMNS)
    # Of one row, mostly; also the first or last of all in some order.
    some = rng.choice([1, 1, 1, 2, 4, 70 if rng.random() < 0.2 else 1])
    by = rng.choice(["random()", rng.choice(columns), rng.choice(columns) + " DESC"])
    these = f"ctid = ANY (ARRAY(SELECT ctid FROM {table} ORDER BY {by} LIMIT {some}))"
    what = rng.random()
    if what < 0.3:
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join(row(rng) for _ in range(some))}"
    if what < 0.4:
        return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {table} WHERE {these}"
    if what < 0.6:
        return f"DELETE FROM {table} WHERE {these}"
    return f"UPDATE {table} SET {', '.join(f'{c} = {value(rng, c)}' for c in rng.sample(columns, rng.choice([1, 1, 2])))} WHERE {these}"


def fill(rng, conn):
    columns = ", ".join(f"{c} {t}" for c, t in COLUMNS.items())
    conn.execute(f"DROP SCHEMA IF EXISTS w CASCADE; CREATE SCHEMA w; SET search_path = w, public; CREATE TABLE keyed (id serial PRIMARY KEY, {columns}); CREATE TABLE bare ({columns})")
    conn.execute("SELECT setseed(%s), set_config('TimeZone', %s, false)", [rng.random(), rng.choice(["Europe/Berlin", "Europe/Berlin", "America/New_York", "UTC"])])
    for table in ("keyed", "bare"):
        conn.execute(f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES {', '.join(row(rng) for _ in range(ROWS))}")


def case(seed, conn):
    rng, done = random.Random(seed), []
    fill(rng, conn)
    views = {f"v{i}": query(rng, rng.choice(["keyed", "keyed", "bare"])) for i in range(8)}
    for name, text in views.items():
        conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1h', 'DIFFERENTIAL')", [name, text])
    for _ in range(8):
        for _ in range(rng.choice([1, 1, 2])):
            done.append(change(rng, rng.choice(["keyed", "bare"])))
            conn.execute(done[-1])
        for name, text in views.items():
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
            shown = "x::text" if text.endswith("keyed") else "x.*"     # of rows without a key equal ones stand for each other: -6.5 and -6.50
            wrong = conn.execute(f"WITH q AS MATERIALIZED (SELECT {shown} FROM ({text}) x), v AS MATERIALIZED (SELECT {shown} FROM {name} x) "
                                 "(SELECT 'missing', * FROM (SELECT * FROM q EXCEPT ALL SELECT * FROM v) m) UNION ALL "
                                 "(SELECT 'unexpected', * FROM (SELECT * FROM v EXCEPT ALL SELECT * FROM q) u) LIMIT 10").fetchall()
            assert not wrong, f"\nFUZZ_SEED={seed}\n{text}\nafter\n" + ";\n".join(done) + f"\n{wrong}"
    for name in views:
        assert not any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [name]).fetchone()), f"FUZZ_SEED={seed} {name}: {views[name]}"
        conn.execute("SELECT pgtrickle.drop_stream_table(%s)", [name])


@pytest.mark.slow
def test_windows_are_exact(db):
    run_cases(db, case, 7000, 60)
