"""docs/readers/*.md tell the truth: what they show runs, and says what PostgreSQL says."""

import os
import re
import subprocess
import sys

import pytest

from box import REPO, Database
from engines import Spark, Trino
from lakes import Lake

FIRST, NOW, BILL = 100, 90, sum(range(1, 101)) - sum(range(10, 101, 10))


def blocks(page: str, kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```$", (REPO / "docs" / "readers" / f"{page}.md").read_text(), re.S | re.M)
    assert found, page
    return found


def statements(blocks: list[str]) -> list[str]:
    return [statement for block in blocks for statement in re.split(r";\n", block) if statement.strip()]


@pytest.fixture(scope="module")
def shop(box):
    """What docs/readers/README.md supposes: orders, published, deleted from and updated."""
    box.start()
    db = Database(box, "shop")
    db.query("CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2)); INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i; "
             "COMMENT ON TABLE orders IS 'what was sold'; COMMENT ON COLUMN orders.total IS 'with taxes'")
    lake = Lake(db, options='{"iceberg": "each commit"}')
    lake.publish("orders")
    for change in ("SELECT", "DELETE FROM orders WHERE id % 10 = 0", "UPDATE orders SET total = total + 1 WHERE id = 1"):
        db.query(change)
        version = lake.publish_now()
    assert version == 3
    with pytest.MonkeyPatch.context() as environment:
        for name, value in box.env.items():
            environment.setenv(name, value)
        yield lake
    box.start()
    db.drop()


def test_duckdb(shop):
    import duckdb

    reader = duckdb.connect(config={"extension_directory": str(shop.db.box.duckdb_extensions)})
    *_, count, snapshots, first, changes, tables, columns = [reader.execute(statement).fetchall() for statement in statements(blocks("duckdb", "sql duckdb"))]
    assert count == [(NOW, BILL + 1)] and [row[0] for row in snapshots] == [0, 1, 2, 3] and first == [(FIRST,)]
    assert changes == [("delete", 10), ("update_postimage", 1), ("update_preimage", 1)]
    assert tables == [("orders", "what was sold", None)] and columns == [("total", "with taxes")]


def test_psql(shop):
    done = shop.db.box.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", database="shop", input="\n".join(blocks("psql", "sql")))
    assert re.search(rf"^ +{NOW} \| +{BILL + 1}\.00$", done.stdout, re.M) and re.search(rf"^ gone_since *\n-+\n +{FIRST - NOW}$", done.stdout, re.M)
    assert re.search(r"^ +Files Pruned: 2$", done.stdout, re.M)
    assert re.search(r"^ orders +\| ACTIVE +\| +90 \| +\d+ \| +3 \| +3 \|", done.stdout, re.M)


def test_pyiceberg(shop):
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks("pyiceberg", "python pyiceberg"))], check=True, capture_output=True, text=True)
    many, *versions = done.stdout.split("\n")[:4]
    assert many == "81" and [(line.split()[0], line.split()[2]) for line in versions] == [("1", "100"), ("2", "90"), ("3", "90")]


@pytest.mark.engines
def test_spark(shop, scratch_directory):
    """The jars are those that were fetched, in the place of those that it would fetch."""
    part = os.environ["ONEBOX_SPARK"]
    jars = ",".join(sorted(os.path.join(part, "lake", jar) for jar in os.listdir(os.path.join(part, "lake")) if jar.endswith(".jar")))
    script = re.sub(r'"spark.jars.packages", "[^"]*"', f'"spark.jars", "{jars}"', "\n".join(blocks("spark", "python spark")))
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | Spark.environment(None) | {"PYTHONPATH": part}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.findall(r"^\| *([0-9.]+)\|(?: *([0-9.]+)\|)?$", done.stdout, re.M) == [("90", f"{BILL + 1}.00"), ("100", "")]


@pytest.mark.engines
def test_trino(shop, scratch_directory):
    (file,) = blocks("trino", "properties")
    properties = dict(line.split("=", 1) for line in re.sub(r"\$\{ENV:(\w+)\}", lambda name: os.environ[name[1]], file).splitlines())
    assert properties.pop("connector.name") == "iceberg"
    trino = Trino(scratch_directory / "trino_page.log")
    try:
        trino.ask({"catalog": "company_lake", "properties": properties})
        trino.catalogs.add("company_lake")
        count, snapshots, first = [trino.query(shop, statement) for statement in statements(blocks("trino", "sql trino"))]
    finally:
        trino.stop()
    assert count == [(NOW, BILL + 1)] and [row[0] for row in snapshots] == [1, 2, 3] and first == [(FIRST,)]
