"""docs/reference.md says what the catalog says."""

import subprocess
import sys

from box import REPO


def test_reference_is_the_catalogs(box, db):
    program = REPO / "docs" / "reference.py"
    made = subprocess.run([sys.executable, program], env=box.env | {"PGDATABASE": db.name}, check=True, capture_output=True, text=True).stdout
    assert made == (REPO / "docs" / "reference.md").read_text(), f"a comment in sql/ has changed; {program} says how to make the reference again"
