"""Folders of jobs: what is done again, what goes on, what a failure leaves."""

from __future__ import annotations

import dataclasses
import json

import pytest
from mmengine.config import Config

from comparison import jobs

JOB = jobs.Job("scores", "weights 1", {"single": "a"})
SCRIPT = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[2])
assert sys.argv[1] == "--job"
job = json.loads((folder / "job.json").read_text())
if job["identity"] == "broken":
    print("Traceback", file=sys.stderr)
    sys.exit("ValueError: 3 is not 4.")
part = dict(settings=job["parts"]["single"], values=dict(miou=40.0))
(folder / "result.json").write_text(json.dumps(dict(single=part)))
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "method" / "seed0"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def begin(folder, job=JOB):
    folder.mkdir(parents=True)
    jobs.write_json(folder / "job.json", dataclasses.asdict(job))


def test_a_job_is_done_once_its_parts_are_there(folder):
    assert jobs.decide(folder, JOB) == "start"
    begin(folder)
    assert jobs.decide(folder, JOB) == "resume"
    jobs.store_part(folder, JOB, "single", dict(miou=41.5))
    assert jobs.decide(folder, JOB) == "done"
    assert jobs.valid_parts(folder, JOB) == dict(single=dict(miou=41.5))


@pytest.mark.parametrize("parts", [{"single": "b"}, {"single": "a", "multi": "c"}])
def test_another_evaluation_needs_no_training(folder, parts):
    begin(folder)
    jobs.store_part(folder, JOB, "single", dict(miou=41.5))
    asked = dataclasses.replace(JOB, parts=parts)
    assert jobs.decide(folder, asked) == "evaluate"
    assert set(jobs.valid_parts(folder, asked)) == set(parts) - {"multi"} - (
        {"single"} if parts["single"] == "b" else set()
    )


def test_weights_of_other_settings_are_stale(folder):
    begin(folder)
    jobs.store_part(folder, JOB, "single", dict(miou=41.5))
    other = dataclasses.replace(JOB, identity="weights 2")
    assert jobs.decide(folder, other) == "stale"
    assert jobs.valid_parts(folder, other) == {}


def test_old_weights_are_kept_under_another_name(folder):
    for number in (1, 2):
        begin(folder)
        (folder / "iter_9.pth").write_text(f"weights {number}")
        kept = jobs.set_aside(folder)
        assert kept == folder.with_name(f"seed0-old{number}")
        assert (kept / "iter_9.pth").read_text() == f"weights {number}"
        assert not folder.exists()


def test_scores_are_kept_without_their_weights(folder):
    begin(folder)
    jobs.store_part(folder, JOB, "single", dict(miou=41.5))
    kept = jobs.set_aside(folder)
    assert jobs.valid_parts(kept, JOB) == dict(single=dict(miou=41.5))


def test_what_was_set_aside_comes_back_for_its_own_settings(folder):
    """A slip in the settings, and the right ones again: the training goes on."""
    begin(folder)
    (folder / "iter_9.pth").write_text("weights")
    jobs.set_aside(folder)
    slip = dataclasses.replace(JOB, identity="slip")
    assert not jobs.take_back(folder, slip)
    begin(folder, slip)
    assert jobs.set_aside(folder) is None  # it has nothing
    assert jobs.take_back(folder, JOB)
    assert (folder / "iter_9.pth").read_text() == "weights"
    assert jobs.decide(folder, JOB) == "resume"


def test_a_folder_without_weights_and_scores_is_deleted(folder):
    begin(folder)
    assert jobs.set_aside(folder) is None
    assert list(folder.parent.iterdir()) == []


def carried_out(folder, job, config, script):
    return jobs.outcome(folder, jobs.start(folder, job, config, script).wait())


def test_a_job_gets_its_config_and_leaves_its_result(folder, script):
    config = Config(dict(crop_size=(8, 9)))
    assert carried_out(folder, JOB, config, script) is None
    assert jobs.read_job(folder) == JOB
    assert Config.fromfile(folder / "config.py").crop_size == (8, 9)
    assert jobs.valid_parts(folder, JOB) == dict(single=dict(miou=40.0))


def test_a_failure_is_its_last_line_and_the_log(folder, script):
    broken = dataclasses.replace(JOB, identity="broken")
    found = carried_out(folder, broken, Config(), script)
    assert found == f"ValueError: 3 is not 4. (see {folder / 'log.txt'})"
    assert jobs.decide(folder, broken) == "resume"
    silent = folder.parent / "silent.py"
    silent.write_text("raise SystemExit(3)")
    found = carried_out(folder, broken, Config(), silent)
    assert found.startswith("it ended with status 3 ")
    silent.write_text("import os; os.kill(os.getpid(), 9)")
    found = carried_out(folder, broken, Config(), silent)
    assert found.startswith("stopped by signal 9; ")


def test_parts_are_added_to_each_other(folder):
    job = dataclasses.replace(JOB, parts={"single": "a", "multi": "b"})
    begin(folder, job)
    jobs.store_part(folder, job, "single", dict(miou=1.0))
    jobs.store_part(folder, job, "multi", dict(miou=2.0), dict(cores=2))
    assert json.loads((folder / "result.json").read_text()) == dict(
        single=dict(settings="a", values=dict(miou=1.0), environment=None),
        multi=dict(settings="b", values=dict(miou=2.0), environment=dict(cores=2)),
    )
