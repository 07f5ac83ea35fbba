"""The front door: boxes side by side, started and stopped at will, that leave nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import time

import psycopg
import pytest

from box import ONEBOX, REPO, Box, command_of, is_alive, processes


def onebox(root, *arguments, env=None) -> subprocess.CompletedProcess:
    return subprocess.run([ONEBOX, "--root", root, *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_up_is_idempotent(own_box):
    server = own_box.server_process
    own_box.start()
    assert own_box.server_process == server


def test_data_outlives_down(own_box):
    own_box.query("CREATE TABLE kept AS SELECT 42 AS answer")
    own_box.restart()
    assert own_box.query("TABLE kept") == [(42,)]


def test_a_killed_server_recovers(own_box):
    own_box.query("CREATE TABLE kept AS SELECT 42 AS answer")
    own_box.kill9()
    own_box.start()
    assert own_box.query("TABLE kept") == [(42,)]


def test_boxes_are_strangers_to_each_other(box, own_box):
    box.start()
    assert box.port != own_box.port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=own_box.host, port=own_box.port, user=own_box.user, password=box.password, dbname=own_box.database)


def test_only_loopback_is_listened_on(box):
    box.start()
    assert box.query("SHOW listen_addresses") == [("127.0.0.1",)]
    assert (box.root / "box.env").stat().st_mode & 0o077 == 0


def test_the_environment_is_enough_for_psql(box):
    box.start()
    done = subprocess.run(["psql", "-Atc", "SELECT current_database()"], env=box.env, capture_output=True, text=True)
    assert done.stdout == f"{box.database}\n"
    assert onebox(box.root, "psql", "SELECT 6 * 7 AS answer").stdout.split()[:3] == ["answer", "--------", "42"]


def test_duckdb_has_the_database_attached(box):
    box.start()
    box.query("CREATE TABLE seen AS SELECT 42 AS answer")
    assert "42" in onebox(box.root, "duckdb", "SELECT answer FROM pg.public.seen").stdout
    box.query("DROP TABLE seen")


def test_duckdb_has_the_lake_of_the_database_that_is_named(box, db):
    db.query("CREATE TABLE seen AS SELECT 42 AS answer")
    db.query(f"SELECT pgtrickle.create_lake('l', '{box.lake}/{db.name}'), pgtrickle.publish('seen', 'l')")
    db.query("SELECT pgtrickle.publish_now()")
    named = box.env | {"PGDATABASE": db.name}
    assert "42" in onebox(box.root, "duckdb", "SELECT answer FROM company_lake.seen JOIN pg.public.seen USING (answer)", env=named).stdout
    elsewhere = named | {"PGPORT": "1"}
    assert "onebox" in onebox(box.root, "psql", "SELECT current_database()", env=elsewhere).stdout


def test_status_tells_what_runs(own_box):
    assert f"127.0.0.1:{own_box.port}" in onebox(own_box.root, "status").stdout
    own_box.stop()
    assert "stopped" in onebox(own_box.root, "status").stdout


def test_a_port_in_use_is_refused_and_nothing_else_changes(own_box):
    server = own_box.server_process
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = onebox(own_box.root, "up", "--port", str(taken.getsockname()[1]))
    assert done.returncode != 0 and "is in use" in done.stderr
    assert own_box.server_process == server


@pytest.mark.parametrize("port", ["0", "65536", "abc", ""])
def test_a_port_that_cannot_be_is_refused_and_nothing_else_changes(own_box, port):
    server = own_box.server_process
    assert "port" in onebox(own_box.root, "up", "--port", port).stderr
    assert own_box.server_process == server


@pytest.mark.parametrize("wrong", [("down", "now"), ("clean", "other"), ("env", "x"), ("up", "--prot", "1"), ("demo", "--rows", "0"), ("demo", "--row=x"),
                                   ("bench", "nonesuch"), ("bench", "--rows", "x"), ("test", "nonesuch")])
def test_a_wrong_argument_is_refused_before_anything_is_done(tmp_path, wrong):
    (tmp_path / "other").mkdir()
    done = onebox(tmp_path / "box", *wrong)
    assert done.returncode != 0 and (wrong[-1] in done.stderr or wrong[0] in done.stderr)
    assert "Creating a cluster" not in done.stderr and (tmp_path / "other").exists() and not (tmp_path / "box").exists()


def test_a_directory_that_is_no_box_is_left_alone(tmp_path):
    (tmp_path / "precious").touch()
    assert "neither a box nor empty" in onebox(tmp_path, "up").stderr
    assert "is not a box" in onebox(tmp_path, "clean").stderr
    assert (tmp_path / "precious").exists()


def test_without_a_box_the_next_step_is_told(tmp_path):
    assert f"./onebox --root {tmp_path}/none up" in onebox(tmp_path / "none", "psql", "SELECT 1").stderr


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.1, 0.4, 0.8, 1.2, 1.6])
def test_an_interrupted_up_leaves_nothing_running(scratch_directory, moment):
    root = scratch_directory / f"interrupted{moment}"
    starting = subprocess.Popen([ONEBOX, "--root", root, "up"], start_new_session=True, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    os.killpg(starting.pid, signal.SIGINT)
    # It may have been faster than the interrupt; then the box is up, as it should be.
    if starting.wait() != 0:
        assert not [process for process in processes() if is_alive(process) and str(root) in command_of(process)]
    Box(root).remove()


def test_a_clone_may_have_a_space_in_its_name(scratch_directory):
    clone, beside = scratch_directory / "a clone", scratch_directory / "a"
    (clone / ".onebox").mkdir(parents=True)
    beside.mkdir()
    shutil.copy(ONEBOX, clone)
    for part in ("scripts", "demo", "parts", ".onebox/parts", ".onebox/venv"):
        (clone / part).symlink_to((REPO / part).resolve())
    done = subprocess.run([clone / "onebox", "demo", "--seconds", "1", "--rows", "500"], env=os.environ | {"ONEBOX_BUILT": "yes"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert beside.exists() and not list((clone / ".onebox" / "scratch").iterdir())
    assert not [process for process in processes() if is_alive(process) and str(clone) in command_of(process)]


@pytest.mark.slow
@pytest.mark.parametrize("command, moment", [(("demo", "--rows", "5000"), 5), (("test", "test_bad_input"), 8)])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_nothing(command, moment, by):
    # What is started in the background is deaf to interrupts; whether these tests are must not matter.
    hearing = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL if by == signal.SIGINT else signal.SIG_IGN)
    started = subprocess.Popen([ONEBOX, *command], start_new_session=True, preexec_fn=hearing, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    owners = (REPO / ".onebox" / "scratch").glob("*/owner")
    scratch = next(owner.parent.resolve() for owner in owners if owner.read_text().strip() == str(started.pid))
    os.kill(started.pid, by)
    assert started.wait() == 128 + by
    assert not scratch.exists()
    assert not [process for process in processes() if is_alive(process) and str(scratch) in command_of(process)]
