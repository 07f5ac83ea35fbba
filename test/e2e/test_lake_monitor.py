"""The lake is watched through its own catalog: stream tables over DuckLake's tables, made by one call and exact like any other."""

from lakes import Lake


def test_views_of_the_catalog_follow_every_commit(db):
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int)")
    lake = Lake(db)
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', 'off')")  # nothing is committed between a refresh and what it is compared with
    views = [name for (name,) in db.query("SELECT pgtrickle.create_lake_views(schedule => 'calculated')::text")]
    assert views == [f"lake_monitor.{name}" for name in ("tables", "deletes", "growth", "snapshots", "catalog")]
    assert db.query("SELECT count(*) FROM pgtrickle.pgt_status() WHERE refresh_mode = 'DIFFERENTIAL' OR refresh_mode = 'AUTO'") == [(5,)]
    lake.publish("sale")
    for i in range(5):
        db.query(f"INSERT INTO sale SELECT i, 0 FROM generate_series({100 * i}, {100 * i + 99}) i; UPDATE sale SET n = n + 1 WHERE id % 50 = {i}")
        lake.publish_now()
        if i == 3:
            db.query("SELECT pgtrickle.set_lake_policy(NULL, 'merge_small_files', '2')")
            assert db.query("SELECT pgtrickle.lake_upkeep_now()") > [(0,)]
        for view in views:
            db.query(f"SELECT pgtrickle.refresh_stream_table('{view}')")
            assert db.query(f"SELECT missing, unexpected FROM pgtrickle.verify('{view}')") == [(0, 0)], view
    status = lake.status("sale")
    assert db.query("SELECT t.files, t.bytes + coalesce((SELECT sum(d.file_size_bytes) FROM lake.ducklake_delete_file d JOIN lake.ducklake_data_file f USING (data_file_id) "
                    "WHERE f.end_snapshot IS NULL), 0), coalesce(d.delete_files, 0) "
                    "FROM lake_monitor.tables t LEFT JOIN lake_monitor.deletes d USING (table_id)") == [(status["files"], status["bytes"], status["delete_files"])]
    assert db.query("SELECT sum(snapshots) FROM lake_monitor.snapshots") == db.query("SELECT count(*) FROM lake.ducklake_snapshot")
