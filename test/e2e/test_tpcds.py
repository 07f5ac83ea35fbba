"""TPC-DS: each of the 99 queries becomes a stream table, and is exact after random changes (see bench/standard/tpcds.py)."""

import pytest

from box import REPO
from standard import contents, create, differences, tick, tpcds


@pytest.mark.slow
def test_tpcds_is_exact(db, monkeypatch):
    monkeypatch.setenv("ONEBOX_DUCKDB_EXTENSIONS", str(db.box.duckdb_extensions))
    with db.connect() as conn:
        queries = tpcds.fill(conn)
        assert len(queries) == 99
        modes = create(conn, queries)
        lost = [name for name in tpcds.kept_by_changes((REPO / "docs" / "tpcds.md").read_text()) if modes[name] != "DIFFERENTIAL"]
        assert not lost, "docs/tpcds.md says that these are maintained by their changes"
        assert not differences(conn, queries)
        before, changes = contents(conn, queries), tpcds.Changes(conn)
        for change in (changes.delete_and_insert, changes.update, changes.delete_and_insert):
            change()
            tick(conn, queries)
            wrong = differences(conn, queries)
            assert not wrong, f"after {change.__name__}: {wrong}"
        now = contents(conn, queries)
        assert sum(now[name] != before[name] for name in queries) > 30
