"""Jobs side by side: all are done, in the order given, and stop together."""

from __future__ import annotations

import dataclasses
import os

import pytest

from comparison import work as module
from comparison.plan import Comparison
from comparison.work import work
from tests.conftest import REPOSITORY
from tests.helpers.comparison import comparison_options

# A job that waits until as many have begun as it is told, and writes when it began.
MEETING = """
import os, pathlib, sys, time
from comparison import jobs
folder = pathlib.Path(sys.argv[2])
began = folder.parents[1]
(began / f"{{folder.parent.name}}.began").write_text(os.environ["OMP_NUM_THREADS"])
while len(list(began.glob("*.began"))) < {together}:
    time.sleep(0.01)
print("here")
job = jobs.read_job(folder)
for name in job.parts:
    jobs.store_part(folder, job, name, dict(miou=40.0))
"""


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tools"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def build(script, **changes):
        path = tmp_path / "script.py"
        path.write_text(script)
        asked = comparison_options(
            tmp_path / "out", script=path, train=True, costs=False
        )
        return Comparison(dataclasses.replace(asked, **changes))

    return build


def test_two_jobs_run_at_the_same_time_in_one_thread_each(comparison, capsys):
    both = comparison(MEETING.format(together=2))
    assert work([(both, task) for task in both.tasks], jobs=2)
    out = both.options.out
    assert [x.read_text() for x in out.glob("*.began")] == ["1", "1"]
    for task in both.tasks:  # not on the screen, where they would mix
        assert (task.folder / "progress.txt").read_text() == "here\n"
    assert "here" not in capsys.readouterr().out
    assert [row.single for row in both.rows] == [[dict(miou=40.0)]] * 2
    assert (out / "comparison.csv").read_text().count(",1,40.0,0.0,") == 2


def test_what_is_stopped_stops_its_jobs(comparison, monkeypatch):
    """The first job waits for ever; the second one's start is interrupted."""
    both = comparison(MEETING.format(together=9))
    started = []
    start = module.start

    def interrupted(*args):
        if started:
            raise KeyboardInterrupt
        started.append(start(*args))
        return started[0]

    monkeypatch.setattr(module, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work([(both, task) for task in both.tasks], jobs=2)
    assert started[0].returncode == -15
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_some_configs_are_trained_once_and_each_seed_is_adjusted(comparison):
    def adjust(config, seed):
        config.load_from = f"first-{seed}.pth"

    name = "mmseg-upernet_tiny_scenes"
    found = comparison("", seeds=(0, 1), once=(name,), adjust=adjust)
    places = [(x.row.about.method, x.what, x.config.load_from) for x in found.tasks]
    assert places == [
        ("MaskFormer", "seed 0", "first-0.pth"),
        ("MaskFormer", "seed 1", "first-1.pth"),
        ("UperNet", "seed 0", "first-0.pth"),
    ]
    assert [row.seeds for row in found.rows] == [2, 1]
    assert len({task.job.identity for task in found.tasks}) == 3
