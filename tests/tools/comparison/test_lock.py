"""Two commands with one --out: a folder is left to the process that works in it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from comparison import jobs, work
from comparison.lock import require_free
from comparison.plan import Comparison
from tests.conftest import REPOSITORY
from tests.helpers.comparison import comparison_options
from tests.scripts import run_script

BUSY = """
import pathlib, sys, time
from comparison.lock import working_in
with working_in(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""
SCORES = """
import pathlib, sys
from comparison import jobs
folder = pathlib.Path(sys.argv[2])
job = jobs.read_job(folder)
jobs.store_part(folder, job, "single", dict(miou=40.0))
"""


@pytest.fixture
def occupy(monkeypatch):
    """Start a process that works in a folder; until it is killed."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tools"))
    started = []

    def start(folder):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", BUSY, str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"locked\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("identity", [None, "other settings"])
def test_a_folder_in_use_is_left_alone_and_the_others_are_done(
    tmp_path, occupy, capsys, identity
):
    script = tmp_path / "script.py"
    script.write_text(SCORES)
    asked = comparison_options(tmp_path / "out", script=script, train=True, costs=False)
    comparison = Comparison(asked)
    first, second = comparison.tasks
    process = occupy(first.folder)
    (first.folder / "iter_9.pth").write_text("weights")
    job = dict(kind="scores", identity=identity or first.job.identity)
    jobs.write_json(first.folder / "job.json", job)
    before = sorted(first.folder.parent.rglob("*"))
    pairs = [(comparison, task) for task in comparison.tasks]
    assert not work.work(pairs)
    assert sorted(first.folder.parent.rglob("*")) == before
    sentence = f"failed: another process works in {first.folder}; once it has ended, "
    assert f"    {sentence}" in capsys.readouterr().out
    assert f"seed 0 {sentence}" in (asked.out / "comparison.md").read_text()
    assert set(jobs.valid_parts(second.folder, second.job)) == {"single"}

    process.kill()
    process.wait()
    assert work.work(pairs)
    assert set(jobs.valid_parts(first.folder, first.job)) == {"single"}
    kept = first.folder.with_name("seed0-old1")
    assert kept.exists() == (identity is not None)


def test_the_lock_of_a_copied_folder_is_not_copied(tmp_path, occupy):
    occupy(tmp_path / "seed0")
    with pytest.raises(BlockingIOError, match="another process works in .*seed0; "):
        require_free(tmp_path / "seed0")
    shutil.copytree(tmp_path / "seed0", tmp_path / "copy")
    assert require_free(tmp_path / "copy") is None


def test_a_job_does_not_begin_where_another_one_works(tmp_path, occupy, monkeypatch):
    """Two commands found the folder free in the same moment."""
    jobs.write_json(tmp_path / "job.json", dict(kind="scores", identity="a"))
    occupy(tmp_path)
    with pytest.raises(BlockingIOError, match="another process works in "):
        run_script(monkeypatch, "compare.py", "--job", tmp_path)
