"""Percentiles and modes of groups of some hundred values, where little changes at a time, or much: after every tick each is what its query says.

FUZZ_SEED=N starts from that seed, FUZZ_SECONDS=N runs longer.
"""

import random

import pytest

from seeds import run_cases

VALUES = {
    "i": ("int", lambda r: str(r.randrange(r.choice([5, 300])))),
    "f": ("float8", lambda r: f"'{r.choice(['NaN', 'Infinity', '-Infinity', '0', '-0', '1e308', '-1e308'])}'" if r.random() < 0.1 else str(r.randrange(-400, 400) / 8)),
    "n": ("numeric", lambda r: f"{r.randrange(-30, 30) / 4:.{r.randrange(2, 4)}f}"),
    "s": ("text", lambda r: f"'{r.choice('abcdefgh') * r.choice([1, 2, 40])}'"),
    "d": ("date", lambda r: f"date '2026-01-01' + {r.randrange(90)}"),
    "v": ("interval", lambda r: f"interval '{r.randrange(40)} days' + interval '{r.choice([0, 24, 720])} hours'"),
}
FRACTIONS = ["0", "0.01", "0.25", "0.5", "0.5", "0.9", "0.95", "0.999", "1"]


def row(r):
    return "(" + ", ".join([str(r.choice([0, 0, 0, 1]))] + ["NULL" if r.random() < 0.05 else make(r) for _, make in VALUES.values()]) + ")"


def aggregate(r):
    column, which = r.choice(list(VALUES)), r.random()
    of = f"WITHIN GROUP (ORDER BY {column}{r.choice(['', ' DESC', ' NULLS FIRST'])})" + r.choice(["", "", " FILTER (WHERE id % 3 > 0)"])
    fraction = r.choice(FRACTIONS) if r.random() < 0.7 else f"ARRAY[{', '.join(r.sample(FRACTIONS, r.choice([1, 3])))}]"
    if which < 0.2 and column in "isd":
        return f"mode() {of}"
    if which < 0.6 and column in "ifnv":
        return f"percentile_cont({fraction}) {of}"
    return f"percentile_disc({fraction}) {of}"


def query(r):
    by = r.choice(["g", "g", ""])
    columns = [aggregate(r) for _ in range(r.choice([1, 2, 4]))] + r.choice([[], ["count(*)"], ["max(f)", "count(DISTINCT i)"]])
    return "SELECT " + ", ".join([c for c in [by] if c] + [f"{c} AS c{n}" for n, c in enumerate(columns)]) + " FROM q.t" + (f" GROUP BY {by}" if by else "")


def change(r):
    some = r.choice([1, 1, 1, 3, 20, 150])
    by = r.choice(["random()", r.choice(list(VALUES)), r.choice(list(VALUES)) + " DESC"])
    these = f"id IN (SELECT id FROM q.t ORDER BY {by} LIMIT {some})"
    what = r.random()
    if what < 0.35:
        return f"INSERT INTO q.t (g, {', '.join(VALUES)}) VALUES {', '.join(row(r) for _ in range(some))}"
    if what < 0.55:
        return f"DELETE FROM q.t WHERE {these}"
    if what < 0.58:
        return r.choice(["DELETE FROM q.t", "TRUNCATE q.t", "DELETE FROM q.t WHERE g = 0"])
    if what < 0.65:
        return f"UPDATE q.t SET g = 1 - g WHERE {these}"
    return f"UPDATE q.t SET {', '.join(f'{c} = {VALUES[c][1](r)}' for c in r.sample(list(VALUES), 2))} WHERE {these}"


def case(seed, conn):
    r, done = random.Random(seed), []
    conn.execute(f"DROP SCHEMA IF EXISTS q CASCADE; CREATE SCHEMA q; CREATE TABLE q.t (id serial PRIMARY KEY, g int, {', '.join(f'{c} {t}' for c, (t, _) in VALUES.items())})")
    conn.execute("SELECT setseed(%s)", [r.random()])
    conn.execute(f"INSERT INTO q.t (g, {', '.join(VALUES)}) VALUES {', '.join(row(r) for _ in range(r.choice([1, 40, 300])))}")
    views = {f"q.v{n}": query(r) for n in range(6)}
    for name, text in views.items():
        conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1h', 'DIFFERENTIAL')", [name, text])
    for _ in range(10):
        done.append(change(r))
        conn.execute(done[-1])
        for name, text in views.items():
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
            # Equal values of several looks are one: rows are compared, not how they look.
            wrong = conn.execute(f"(SELECT 'missing', x.*::text FROM ({text} EXCEPT ALL TABLE {name}) x) UNION ALL (SELECT 'unexpected', x.*::text FROM (TABLE {name} EXCEPT ALL {text}) x)").fetchall()
            assert not wrong, f"\nFUZZ_SEED={seed}\n{text}\nafter\n" + ";\n".join(done) + f"\n{wrong}"
    for name in views:
        assert not any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [name]).fetchone()), f"FUZZ_SEED={seed} {name}: {views[name]}"


@pytest.mark.slow
def test_quantiles_are_exact(db):
    run_cases(db, case, 4000, 30)
