"""TPC-H: all 22 queries are maintained by their changes and exact after every refresh set, all ticked together (see bench/standard/tpch.py)."""

import pytest

from standard import contents, create, differences, tick, tpch


@pytest.fixture
def conn(db, monkeypatch):
    monkeypatch.setenv("ONEBOX_DUCKDB_EXTENSIONS", str(db.box.duckdb_extensions))
    with db.connect() as conn:
        tpch.fill(conn, 0.01)
        yield conn


@pytest.mark.slow
def test_tpch_is_exact_after_every_refresh_set(conn):
    assert set(create(conn, tpch.QUERIES).values()) == {"DIFFERENTIAL"}
    assert not differences(conn, tpch.QUERIES)
    changes = tpch.Changes(conn, orders=150)
    before, unchanged = contents(conn, tpch.QUERIES), set(tpch.QUERIES)
    for cycle in range(7):
        for change in (changes.insert, changes.delete, changes.update):
            change()
            tick(conn, tpch.QUERIES)
            wrong = differences(conn, tpch.QUERIES)
            assert not wrong, f"after {change.__name__} number {cycle}: {wrong}"
        now = contents(conn, tpch.QUERIES)
        unchanged -= {name for name in tpch.QUERIES if now[name] != before[name]}
    assert not unchanged, "nothing has reached these queries, so nothing was tested"


@pytest.mark.slow
def test_tpch_is_exact_after_each_single_row(conn):
    create(conn, tpch.QUERIES)
    changes = tpch.Changes(conn, orders=1, seed=2)
    for n in range(12):
        for change in (changes.insert, changes.update, changes.one_lineitem, changes.delete):
            change()
        tick(conn, tpch.QUERIES)
        wrong = differences(conn, tpch.QUERIES)
        assert not wrong, f"after round {n}: {wrong}"
