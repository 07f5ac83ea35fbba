"""The demo as a user starts it, its generator, and the dashboard that it provisions."""

import json
import re
import subprocess
import sys

import pytest

from box import REPO, Database

DEMO = REPO / "demo"
sys.path.append(str(DEMO))
import checks    # noqa: E402

TABLES = ("customers", "products", "orders")


def generate(box, database: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, DEMO / "generator.py", "--dsn", f"dbname={database}", *arguments],
                          env=box.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def shop(db):
    db.query((DEMO / "schema.sql").read_text())
    return db


def contents(db: Database) -> list:
    return [db.query(f"SELECT count(*), md5(string_agg(t::text, ';' ORDER BY id)) FROM {table} t") for table in TABLES]


def test_demo_holds_its_promises(box):
    box.start()
    box.query("CREATE DATABASE demo")
    try:
        done = subprocess.run([sys.executable, DEMO / "run.py", "--seconds", "6", "--rows", "5000", "--rate", "100"],
                              env=box.env | {"PGDATABASE": "demo"}, capture_output=True, text=True)
    finally:
        box.query("DROP DATABASE demo WITH (FORCE)")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"All \d+ checks held", done.stdout) and "FAILED" not in done.stdout
    assert not done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_check_that_cannot_be_made_has_failed():
    assert checks.outcome("promise", lambda: (True, "as it should be")).held
    assert not checks.outcome("promise", lambda: (False, "1 missing")).held
    assert not checks.outcome("promise", lambda: 1 / 0).held


def test_history_repeats_from_its_seed(box, shop):
    options = ("--rows", "3000", "--seed", "7", "--until", "2026-03-01T12:00:00+00:00")
    generate(box, shop.name, *options)
    first = contents(shop)
    shop.query(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")
    generate(box, shop.name, *options)
    assert contents(shop) == first
    assert shop.query("SELECT count(*), max(ordered_at) <= '2026-03-01 12:00+00', min(ordered_at) >= '2025-12-16 00:00+00' FROM orders") == [(3000, True, True)]


def test_business_does_all_a_shop_does(box, shop):
    generate(box, shop.name, "--rows", "2000")
    said = generate(box, shop.name, "--rate", "300", "--seconds", "5", "--ship-after", "1")
    for what in ("orders", "shipped", "cancelled", "customers", "restocked", "repriced", "plans changed", "deleted", "declined"):
        assert re.search(rf"[1-9][\d,]* {what}", said), said
    assert shop.query("SELECT count(*) FROM orders WHERE quantity = 99") == [(0,)], "a declined card left an order behind"


def test_business_needs_a_filled_shop(box, shop):
    done = subprocess.run([sys.executable, DEMO / "generator.py", "--dsn", f"dbname={shop.name}", "--rate", "1"],
                          env=box.env, capture_output=True, text=True)
    assert done.returncode != 0 and "--rows" in done.stderr and "Traceback" not in done.stderr


def test_dashboard_fits_its_data_source():
    provisioning = DEMO / "grafana" / "provisioning"
    dashboard = json.loads((DEMO / "grafana" / "dashboards" / "one-box.json").read_text())
    source = (provisioning / "datasources" / "one-box.yaml").read_text()
    for panel in dashboard["panels"]:
        for user in (panel, *panel["targets"]):
            assert f"uid: {user['datasource']['uid']}" in source and f"type: {user['datasource']['type']}" in source
    assert "$ONE_BOX_DASHBOARDS" in (provisioning / "dashboards" / "one-box.yaml").read_text()
