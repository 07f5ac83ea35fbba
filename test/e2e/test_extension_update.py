"""ALTER EXTENSION pg_trickle UPDATE: what an older version made is followed and exact, and the database has what CREATE EXTENSION makes."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from box import Database

spec = importlib.util.spec_from_file_location("update_script", Path(__file__).parents[2] / "scripts" / "update_script.py")
update_script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(update_script)

VIEWS = {
    "grouped": "SELECT g, count(*) AS n, count(DISTINCT x) AS d FROM t GROUP BY g",
    "joined": "SELECT a.id, b.id AS other FROM t a JOIN t b ON a.x = b.g",
    "ranked": "SELECT id, row_number() OVER (PARTITION BY g ORDER BY x, id) AS r FROM t",
}
# Objects of the extension as the catalogs tell of them, whatever their numbers.
MEMBERS = """
    SELECT pg_identify_object(d.classid, d.objid, 0)::text, obj_description(d.objid, d.classid::regclass::name),
           CASE d.classid WHEN 'pg_proc'::regclass THEN (SELECT (p.proacl, CASE p.prokind WHEN 'f' THEN pg_get_functiondef(p.oid) END)::text FROM pg_proc p WHERE p.oid = d.objid)
                          WHEN 'pg_class'::regclass THEN (SELECT (c.relacl, CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)::text FROM pg_class c WHERE c.oid = d.objid) END
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE e.extname = 'pg_trickle' AND d.deptype = 'e' AND pg_identify_object(d.classid, d.objid, 0)::text !~ 'pgtrickle_state\\.' ORDER BY 1"""


@pytest.fixture
def versions(box):
    """What lets a session find a version that lacks this and that of today's, and the way from there to today's."""
    box.start()
    directory = box.root / "versions"
    (directory / "extension").mkdir(parents=True)
    installed = Path(box.run("pg_config", "--sharedir").stdout.strip()) / "extension"
    control = (installed / "pg_trickle.control").read_text()
    today = (installed / "pg_trickle--0.1.0.sql").read_text()
    old = "".join(s + "\n" for s in update_script.statements(today) if "pgtrickle.lake_workers" not in s and "_covers(pg_snapshot, pg_snapshot) IS" not in s)
    old = old.replace("'the scheduler of this database is running'", "'the scheduler is there'")
    update, by_hand = update_script.difference(update_script.statements(old), update_script.statements(today))
    assert by_hand == [] and 3 < len(update) < 10
    (directory / "extension" / "pg_trickle.control").write_text(control)
    (directory / "extension" / "pg_trickle--0.0.1.sql").write_text(old)
    (directory / "extension" / "pg_trickle--0.0.1--0.1.0.sql").write_text("\n".join(update))
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield f"SET extension_control_path = '{directory}:$system'"
    shutil.rmtree(directory)


def test_stream_tables_go_on_after_an_update(box, versions, db):
    older = Database(box, f"{db.name}_older")
    try:
        with older.connect() as connection:
            connection.execute("DROP EXTENSION pg_trickle")
            connection.execute(versions)
            connection.execute("CREATE EXTENSION pg_trickle VERSION '0.0.1'")
            connection.execute("CREATE TABLE t (id int PRIMARY KEY, g int, x int)")
            connection.execute("INSERT INTO t SELECT i, i % 7, i % 11 FROM generate_series(1, 200) i")
            for name, query in VIEWS.items():
                connection.execute(f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '1h', 'DIFFERENTIAL')")
            # Logged by the old version, read by the new one.
            connection.execute("UPDATE t SET g = g + 1 WHERE id % 3 = 0")
            connection.execute("ALTER EXTENSION pg_trickle UPDATE")
        assert older.query("SELECT extversion FROM pg_extension WHERE extname = 'pg_trickle'") == [("0.1.0",)]
        assert older.query(MEMBERS) == db.query(MEMBERS)
        for change in ("SELECT", "DELETE FROM t WHERE id % 5 = 0", "INSERT INTO t SELECT i, i % 3, i FROM generate_series(500, 550) i"):
            older.query(change)
            for name in VIEWS:
                [(mode,)] = older.query(f"SELECT mode FROM pgtrickle.refresh_stream_table('{name}')")
                assert mode == "DIFFERENTIAL"
                assert older.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{name}')") == [(0, 0)]
    finally:
        box.query(f'DROP DATABASE "{older.name}" WITH (FORCE)')
