"""Sums of floats are exact, whatever came and went in which order: after every tick they are Python's fsum, to the last bit.

Statistics of floats are what exact sums make of fractions, but for the last bits.
"""

import math
import os
import random
from fractions import Fraction

import pytest

QUERIES = {
    "plain": "SELECT g, sum(f) AS a, avg(f) AS b, sum(s) AS c, avg(s) AS d, count(*) AS n, max(f) AS m, sum(f) FILTER (WHERE id % 2 = 0) AS even FROM t GROUP BY g",
    "whole": "SELECT sum(f) AS s, avg(f) AS a FROM t",
    "above": "SELECT max(a.s) AS m, sum(a.s) AS s FROM (SELECT g, sum(f) AS s FROM t GROUP BY g) a",
    "beside": "SELECT g, sum(f) AS f, array_agg(DISTINCT s) AS s, count(DISTINCT f) AS n, string_agg(id::text, ',' ORDER BY id) AS ids FROM t GROUP BY g HAVING sum(f) IS NOT NULL",
    "spread": "SELECT g, stddev(s) AS a, var_pop(f) AS b, variance(f) FILTER (WHERE id % 2 = 0) AS c, corr(f, s) AS d, regr_slope(s, id::float8) AS e, regr_intercept(s, id::float8) AS h, "
              "regr_r2(s, id) AS i, covar_samp(f, s) AS j, regr_avgx(f, s) AS k, regr_sxx(s, f) AS l, regr_count(f, s) AS n, sum(f) AS p, stddev_pop(f - 1) AS o FROM near GROUP BY g",
    "joined": "SELECT t.g, sum(t.f * u.f) AS s FROM t JOIN t u ON u.g = t.g AND u.id % 7 = t.id % 7 GROUP BY t.g",
}


def number(r):
    what = r.random()
    if what < 0.04:
        return r.choice(["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7e308", "-1.7e308"])
    return repr(math.ldexp(r.uniform(-1, 1), r.randrange(-1000, 100))) if what < 0.1 else repr(r.uniform(-1e6, 1e6)) if what < 0.7 else repr(round(r.uniform(-99, 99), 2))


def single(r):
    return repr(round(r.uniform(-1e4, 1e4), 3))


def row(r):
    return f"({r.randrange(3)}, {'NULL' if r.random() < 0.05 else repr(number(r))}, {'NULL' if r.random() < 0.05 else single(r)})"


def change(r):
    some = r.choice([1, 1, 2, 30])
    these = f"id IN (SELECT id FROM t ORDER BY {r.choice(['random()', 'f', 'abs(f) DESC'])} LIMIT {some})"
    return r.choice([f"INSERT INTO t (g, f, s) VALUES {', '.join(row(r) for _ in range(some))}", f"DELETE FROM t WHERE {these}", f"UPDATE t SET f = '{number(r)}' WHERE {these}",
                     f"UPDATE t SET g = (g + 1) % 3, s = {single(r)} WHERE {these}", f"UPDATE t SET f = -f WHERE {these}", "DELETE FROM t WHERE g = 1" if r.random() < 0.2 else "SELECT 1"])


def exact(numbers):
    """The sum that SQL shows: NULL of none, NaN where the infinities meet, or None where it is out of range."""
    numbers = [x for x in numbers if x is not None]
    if not numbers:
        return "NULL"
    if any(math.isnan(x) for x in numbers) or {math.inf, -math.inf} <= set(numbers):
        return math.nan
    infinite = [x for x in numbers if math.isinf(x)]
    return infinite[0] if infinite else math.fsum(numbers)


def same(shown, wanted):
    return wanted == "NULL" if shown is None else wanted != "NULL" and (shown == wanted or (math.isnan(shown) and math.isnan(wanted)))


def check_spread(conn, seed):
    groups = {}
    for g, f, s in conn.execute("SELECT g, f, s::float8 FROM near").fetchall():
        groups.setdefault(g, []).append((f, s))
    for g, deviation, population, covariance in conn.execute("SELECT g, a, b, j FROM spread").fetchall():
        f, s = ([Fraction(x) for x in column if x is not None] for column in zip(*groups[g]))
        both = [(Fraction(x), Fraction(y)) for x, y in groups[g] if x is not None and y is not None]
        spread = lambda pairs: sum(x * y for x, y in pairs) - sum(x for x, _ in pairs) * sum(y for _, y in pairs) / len(pairs)
        near = lambda shown, wanted: shown == pytest.approx(float(wanted), rel=1e-15, abs=0)
        assert deviation is None if len(s) < 2 else near(deviation, math.sqrt(spread(list(zip(s, s))) / (len(s) - 1))), (seed, g)
        assert population is None if not f else near(population, spread(list(zip(f, f))) / len(f)), (seed, g)
        assert covariance is None if len(both) < 2 else near(covariance, spread(both) / (len(both) - 1)), (seed, g)


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "IMMEDIATE", "AUTO"])
def test_sums_of_floats_are_exact(db, mode):
    for seed in range(int(os.environ.get("FUZZ_SEED") or 1), int(os.environ.get("FUZZ_SEED") or 1) + 6):
        r = random.Random(seed)
        with db.connect() as conn:
            conn.execute("SET client_min_messages = warning; DROP SCHEMA IF EXISTS x CASCADE; CREATE SCHEMA x; SET search_path = x, public")
            conn.execute("SELECT setseed(0.5)")
            # Sums that no float can hold are an error for the server, too.
            conn.execute("CREATE TABLE t (id serial PRIMARY KEY, g int, f float8 CHECK (abs(f) < 1e300 OR f IN ('NaN', 'Infinity', '-Infinity')), s float4)")
            conn.execute("CREATE VIEW near AS SELECT id, g, CASE WHEN abs(f) BETWEEN 1e-100 AND 1e7 THEN f END AS f, s FROM t")
            legal = lambda sql: sql.replace("1.7e308", "1e290")
            conn.execute(legal(f"INSERT INTO t (g, f, s) VALUES {', '.join(row(r) for _ in range(40))}"))
            names = [n for n in QUERIES if n != "joined" or seed % 2]
            for name in names:
                conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1h', %s)", [name, QUERIES[name] if name != "joined" else QUERIES[name].replace("t.f * u.f", "t.s * u.s"), mode])
            for _ in range(12):
                conn.execute(legal(change(r)))
                groups = {}
                for g, f, s in conn.execute("SELECT g, f, s::float8 FROM t").fetchall():
                    groups.setdefault(g, []).append((f, s))
                for name in names:
                    if mode != "IMMEDIATE":
                        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
                    assert not any(conn.execute("SELECT missing, unexpected FROM pgtrickle.verify(%s)", [name]).fetchone()), (seed, name)
                shown = {g: rest for g, *rest in conn.execute("SELECT g, a, b, c, d FROM plain").fetchall()}
                assert set(shown) == set(groups), seed
                for g, rows in groups.items():
                    floats, singles = [f for f, _ in rows], [s for _, s in rows]
                    total, count = exact(floats), sum(f is not None for f in floats)
                    assert same(shown[g][0], total), (seed, g, shown[g][0], total)
                    assert same(shown[g][1], total if total == "NULL" else total / count), (seed, g)
                    of_singles = exact(singles)
                    assert same(shown[g][3], of_singles if of_singles == "NULL" else of_singles / sum(s is not None for s in singles)), (seed, g)
                check_spread(conn, seed)
                whole = conn.execute("SELECT * FROM whole").fetchone()[0]
                assert same(whole, exact([f for rows in groups.values() for f, _ in rows])), seed


def test_a_sum_beyond_all_floats_is_an_error(db):
    with db.connect() as conn:
        conn.execute("SET client_min_messages = warning; CREATE TABLE most (id int, f float8); INSERT INTO most VALUES (1, 1e308)")
        conn.execute("SELECT pgtrickle.create_stream_table('of_most', 'SELECT sum(f) AS f FROM most', '1h', 'DIFFERENTIAL')")
        conn.execute("INSERT INTO most VALUES (2, 1e308)")
        with pytest.raises(Exception, match="value out of range: overflow"):
            conn.execute("SELECT pgtrickle.refresh_stream_table('of_most')")
        conn.execute("DELETE FROM most WHERE id = 1")
        conn.execute("SELECT pgtrickle.refresh_stream_table('of_most')")
        assert conn.execute("TABLE of_most").fetchone()[0] == 1e308
