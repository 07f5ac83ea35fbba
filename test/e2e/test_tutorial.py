"""docs/tutorial.md tells the truth: its statements run, in its order, on an empty database, and mean what the text says.

A fenced block is `sql` (psql), `sql duckdb`, `sql grafana` (psql, macros expanded) or `sh run`; other blocks are only shown.
"""

import re
import subprocess
import sys

import duckdb
import pytest

from box import REPO

sys.path.append(str(REPO / "demo"))
import queries    # noqa: E402

TUTORIAL = (REPO / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(sql|sql duckdb|sql grafana|sh run)\n(.*?)^```$", TUTORIAL, re.S | re.M)


def statements(script: str) -> list[str]:
    """Without comments and white space."""
    squeezed = (" ".join(re.sub(r"--[^\n]*", "", statement).split()) for statement in re.split(r";\n", script + "\n"))
    return [statement for statement in squeezed if statement]


def statements_of(kind: str) -> list[str]:
    return [statement for found, block in BLOCKS if found == kind for statement in statements(block)]


def test_demo_runs_the_tutorial():
    """The demo's files hold the tutorial's statements, so that neither can drift."""
    for file in ("schema.sql", "views.sql"):
        assert set(statements((REPO / "demo" / file).read_text())) <= set(statements_of("sql"))
    assert [statement for _, sql in queries.panels() for statement in statements(sql)] == statements_of("sql grafana")
    assert statements(queries.LIVE_AND_HISTORICAL.replace("''", "'dbname=shop'"))[0] in statements_of("sql duckdb")


@pytest.fixture(scope="module")
def told(box):
    """The whole tutorial, carried out: what psql printed, by block, and its database."""
    box.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in box.env.items():
            environment.setenv(name, value)
        yield list(carry_out(box)), box
    box.query("DROP DATABASE shop WITH (FORCE)")


def carry_out(box):
    reader = duckdb.connect(config={"extension_directory": str(box.duckdb_extensions)})
    for kind, block in BLOCKS:
        if kind == "sh run":
            yield block, subprocess.run(["bash", "-euc", block], cwd=REPO, env=box.env, check=True, capture_output=True, text=True).stdout
        elif kind == "sql duckdb":
            yield block, str(reader.execute(block).fetchall())
        else:
            script = queries.over_last_30_days(block) if kind == "sql grafana" else block
            done = box.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", database="shop", input=script, check=False)
            assert done.returncode == 0, f"{done.stderr}\n{block}"
            yield block, done.stdout


def printed_by(told, words: str) -> str:
    return next(output for block, output in told[0] if words in block)


def test_every_statement_runs(told):
    assert len(told[0]) == len(BLOCKS) > 15


def test_the_order_is_seen_at_once(told):
    units = re.search(r"^ +(\d+) \|", printed_by(told, "wait_for"), re.M)
    assert units and int(units[1]) >= 3


def test_verify_finds_no_difference(told):
    assert re.search(r"^ +0 \| +0$", printed_by(told, "verify"), re.M)


def test_lake_has_the_orders(told):
    assert re.search(r"orders_archive +\| +1\d{5} ", printed_by(told, "lake_status"))


def test_the_two_halves_make_one_answer(told):
    """Eight categories, each seen on every day of the history."""
    rows = eval(printed_by(told, "historical"), {"Decimal": float})
    assert len(rows) == 8 and all(days in (75, 76, 77) for _, _, days in rows)


def test_stream_tables_are_still_exact(told):
    box = told[1]
    for view in ("revenue_by_day", "customer_lifetime_value", "inventory_health", "product_performance"):
        assert box.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{view}')", "shop") == [(0, 0)]
