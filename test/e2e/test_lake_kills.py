"""PostgreSQL, trickle-lake and the S3 server killed at random while the lake is written: no row is lost or doubled, nothing is left over.

Ten kills; for as many as you like: LAKE_KILLS=100 ./onebox test --engines lake_kills
"""

import json
import os
import random
import signal
import time

import pytest

from box import Box, Database, is_alive, wait_until
from engines import PyIceberg
from lakes import Lake, Writer, bag, source_rows

KILLS = int(os.environ.get("LAKE_KILLS", "10"))
pytestmark = pytest.mark.timeout(300 + 40 * KILLS)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.engines)])
def lake(request, scratch_directory):
    box = Box(scratch_directory / f"kills_{request.param}", s3=request.param == "s3")
    db = Database(box, "kills")
    if request.param == "local":
        yield Lake(db)
    else:
        db.query("CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint '{ONEBOX_S3_ENDPOINT}', scheme 'http', path_style 'true'); "
                 "CREATE USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (access_key_id '{AWS_ACCESS_KEY_ID}', secret_access_key '{AWS_SECRET_ACCESS_KEY}')".format(**box.env))
        lake = Lake.__new__(Lake)
        lake.db, lake.name, lake.schema, lake.path = db, "company_lake", "lake", None
        db.query(f"SELECT pgtrickle.create_lake('company_lake', 's3://{box.env['ONEBOX_S3_BUCKET']}/kills', 'lake', '{json.dumps({'server': 'store'})}')")
        yield lake
    box.remove()


def kill_one(lake, pick) -> str:
    box = lake.db.box
    victims = ["trickle-lake", "trickle-lake", "PostgreSQL"] + ["MinIO"] * (lake.path is None)
    victim = pick.choice(victims)
    if victim == "trickle-lake":
        for process in box.lake_processes():
            os.kill(process, signal.SIGKILL)
    elif victim == "PostgreSQL":
        box.kill9()
        box.start()
    else:
        server = int((box.root / "run" / "minio.pid").read_text())
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not is_alive(server), "MinIO to end")
        time.sleep(pick.uniform(0, 2))
        box.start()
    return victim


class SaleWriter(Writer):
    def statement(self) -> str:
        id = self.pick.randint(1, 3000)
        return self.pick.choice([
            f"UPDATE sale SET n = n + 1 WHERE id % 97 = {id % 97}",
            f"DELETE FROM sale WHERE id BETWEEN {id} AND {id + 3}",
            f"INSERT INTO sale SELECT i, 0, 'new' FROM generate_series({id}, {id + 5}) i ON CONFLICT DO NOTHING",
            f"UPDATE sale SET id = id + 5000 WHERE id = {id} AND NOT EXISTS (SELECT FROM sale WHERE id = {id} + 5000)",
            f"INSERT INTO heap VALUES ({id % 5}, 'x'), ({id % 5}, 'x')",
            "DELETE FROM heap WHERE ctid = ANY (ARRAY(SELECT ctid FROM heap LIMIT 2))",
        ])


def test_killed_at_random(lake):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    pick, db = random.Random(seed), lake.db
    db.query("CREATE TABLE sale (id int PRIMARY KEY, n int, note text); INSERT INTO sale SELECT i, 0, 'old' FROM generate_series(1, 3000) i; CREATE TABLE heap (a int, b text)")
    db.query("SELECT pgtrickle.set_lake_policy(NULL, 'upkeep_every', '1 second'), pgtrickle.set_lake_policy(NULL, 'merge_small_files', '4')")
    lake.publish("sale", schedule="100ms", iceberg="200ms")
    lake.publish("heap", schedule="100ms", iceberg="each commit")
    db.query("SELECT pgtrickle.create_stream_table('by_n', 'SELECT n, count(*) FROM sale GROUP BY n')")
    writer = SaleWriter(db, seed, pause=0.01)
    writer.start()
    try:
        for _ in range(KILLS):
            time.sleep(pick.uniform(0.1, 2.5))
            print(kill_one(lake, pick))
    finally:
        writer.over.set()
        writer.join()
    assert db.query("SELECT pgtrickle.wait_for_lake(timeout => '180s')") == [(True,)]
    lake.publish_now()
    for table in ("sale", "heap"):
        assert lake.rows(table) == source_rows(db, table)
        assert bag(PyIceberg().rows(lake, table)) == source_rows(db, table)
    assert db.query("SELECT pgtrickle.wait_for('by_n', timeout => '60s')") == [(True,)]
    assert db.query("SELECT missing, unexpected FROM pgtrickle.verify('by_n')") == [(0, 0)]
    wait_until(lambda: db.query("SELECT * FROM pgtrickle.lake_upload") == [], "what was left behind to be removed", 60)
    if lake.path is not None:
        assert lake.files() == lake.listed_files()
