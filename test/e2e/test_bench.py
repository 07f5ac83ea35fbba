"""The bench runs, at a size that says nothing about speed."""

import json
import subprocess
import sys

import pytest

from box import REPO


@pytest.mark.slow
def test_bench_yields_every_figure(box):
    box.start()
    done = subprocess.run([sys.executable, REPO / "bench" / "run.py", "--rows", "4000", "--seconds", "1", "--json"], env=box.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    failed = [figure for figure in figures if "error" in figure["values"]]
    assert not failed
    assert len(figures) > 25 and all(figure["reached"] for figure in figures)


@pytest.mark.slow
def test_bench_compares_each_query_of_tpch(box):
    box.start()
    done = subprocess.run([sys.executable, REPO / "bench" / "run.py", "tpch", "--scale", "0.01", "--json"], env=box.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert len(figures) == 22 * 2 + 17 + 4 and not [figure for figure in figures if "NOT EXACT" in figure["goal"] or "error" in figure["values"]]


def test_bench_names_its_figures(box):
    done = subprocess.run([sys.executable, REPO / "bench" / "run.py", "nonesuch"], env=box.env, capture_output=True, text=True)
    assert done.returncode != 0 and "writers" in done.stderr
