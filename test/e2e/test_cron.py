"""A stream table with a cron line is refreshed at its times; what was missed while the box was down runs once at its start."""

import pytest

from box import wait_until


def runs(db):
    return [mode for (mode,) in db.query("SELECT mode FROM pgtrickle.get_refresh_history('v', 100) ORDER BY refresh_id")]


def test_a_missed_run_runs_once_at_the_start(box, db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '@yearly')")
    db.query("INSERT INTO t VALUES (1), (2)")
    # As if the last run had been three years ago, and the box down since.
    db.query("UPDATE pgtrickle.consumer SET ticked_at = ticked_at - interval '3 years'")
    box.restart()
    wait_until(lambda: db.query("SELECT n FROM v") == [(2,)], "the missed run")
    assert runs(db) == ["INITIAL", "DIFFERENTIAL"]
    assert db.query("SELECT next_run > now() FROM pgtrickle.pgt_status()") == [(True,)]
    db.query("INSERT INTO t VALUES (3)")
    box.restart()
    db.query("SELECT pgtrickle.create_stream_table('follows', 'SELECT count(*) AS n FROM t')")
    db.query("INSERT INTO t VALUES (4)")
    assert db.query("SELECT pgtrickle.wait_for('follows')") == [(True,)]
    assert db.query("SELECT n FROM v") == [(2,)]


@pytest.mark.slow
def test_a_line_for_every_minute_runs_at_the_minute(db):
    db.query("CREATE TABLE t (x int)")
    db.query("SELECT pgtrickle.create_stream_table('v', 'SELECT count(*) AS n FROM t', '* * * * *')")
    [(next_run,)] = db.query("SELECT next_run FROM pgtrickle.pgt_status()")
    db.query("INSERT INTO t VALUES (1)")
    wait_until(lambda: db.query("SELECT n FROM v") == [(1,)], "the next minute", 75)
    [(ran,)] = db.query("SELECT ticked_at FROM pgtrickle.consumer WHERE kind = 'view'")
    assert next_run <= ran
