"""The lake on S3: the same rows, and the same patience when the server is down."""

import json
import os
import signal

import psycopg
import pytest

from box import Box, Database, wait_until
from engines import PyIceberg
from lakes import Lake, bag, source_rows

pytestmark = pytest.mark.engines


@pytest.fixture
def s3_lake(scratch_directory):
    box = Box(scratch_directory / "s3box", s3=True)
    db = Database(box, "s3")
    endpoint, key, secret = box.env["ONEBOX_S3_ENDPOINT"], box.env["AWS_ACCESS_KEY_ID"], box.env["AWS_SECRET_ACCESS_KEY"]
    db.query(f"CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint '{endpoint}', scheme 'http', path_style 'true')")
    db.query(f"CREATE USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (access_key_id '{key}', secret_access_key '{secret}')")
    lake = Lake.__new__(Lake)
    lake.db, lake.name, lake.schema = db, "company_lake", "lake"
    options = json.dumps({"server": "store"})
    db.query(f"SELECT pgtrickle.create_lake('company_lake', 's3://{box.env['ONEBOX_S3_BUCKET']}/a/b', 'lake', '{options}')")
    yield lake
    box.remove()


def test_rows_and_patience(s3_lake):
    db, lake = s3_lake.db, s3_lake
    db.query("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT i, 'x' || i FROM generate_series(1, 200000) i")
    lake.publish("t", schedule="1s")
    lake.publish_now()
    for i in range(3):
        db.query(f"UPDATE t SET x = 'y{i}' WHERE id % 1000 = {i}; DELETE FROM t WHERE id % 777 = {i}; INSERT INTO t VALUES (-{i} - 1, 'new')")
        lake.publish_now()
        assert lake.rows("t") == bag(PyIceberg().rows(lake, "t")) == source_rows(db, "t")
        db.query("DROP FOREIGN TABLE IF EXISTS lake_t; SELECT pgtrickle.create_lake_table('lake_t', table_name => 't')")
        assert source_rows(db, "lake_t") == source_rows(db, "t")

    server = int((db.box.root / "run" / "minio.pid").read_text())
    os.kill(server, signal.SIGSTOP)
    db.query("DELETE FROM t WHERE id < 100")
    wait_until(lambda: lake.status("t")["status"] == "ERROR", "the silence of the server to be noticed", 90)
    os.kill(server, signal.SIGCONT)
    wait_until(lambda: lake.status("t")["status"] == "ACTIVE", "the next try", 90)
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '30s')") == [(True,)]
    assert lake.rows("t") == source_rows(db, "t")
    assert lake.status("t")["last_error"] is None


def test_a_wrong_key_is_told(s3_lake):
    db, lake = s3_lake.db, s3_lake
    db.query("ALTER USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (SET secret_access_key 'wrong'); CREATE TABLE t (id int)")
    db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trickle-lake'")
    lake.publish("t")
    db.query("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.Error, match="SIGNATURE|Signature|ACCESS_DENIED|Forbidden"):
        lake.publish_now()
