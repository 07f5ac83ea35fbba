"""Fixtures of the end-to-end tests: `box` is a whole box, `db` a fresh database in it with the extension."""

import itertools
import os
import tempfile
from pathlib import Path

import pytest

from box import Box, Database

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def scratch_directory():
    """Below the directory that ./onebox removes at the end, if it is ./onebox that runs the tests."""
    with tempfile.TemporaryDirectory(prefix="e2e.", dir=os.environ.get("ONEBOX_SCRATCH"), ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture(scope="session")
def box(scratch_directory):
    """A started box, shared by all tests. A test that stops or kills it may leave it so."""
    box = Box(scratch_directory / "box")
    yield box
    box.remove()


@pytest.fixture
def own_box(scratch_directory):
    """A started box for one test alone, for those that change its settings or fill its disk."""
    box = Box(scratch_directory / f"box{next(numbers)}")
    yield box
    box.remove()


@pytest.fixture
def db(box):
    """A fresh database with the extension: db.connect(), db.query(sql), db.duckdb(lake); dropped afterwards."""
    box.start()
    database = Database(box, f"test_{next(numbers)}")
    yield database
    box.start()
    database.drop()
