"""The comparison tool: its sentences, what it measures, and one tiny run of it."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys

import pytest
from mmengine.registry import DefaultScope

from comparison.config import comparable_config, prepare
from comparison.work import compare
from tests.conftest import REPOSITORY
from tests.helpers.comparison import DEMO, SCRIPT, SMALL, UPERNET, comparison_options

CAMVID = str(
    REPOSITORY / "configs/peers/mmseg-deeplabv3plus_r18_1xb4-4k_camvid-256x256.py"
)


@pytest.fixture
def costs(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    from comparison import costs as module

    with DefaultScope.overwrite_default_scope("mmseg"):
        yield module


def test_costs_of_the_demo(costs):
    found = costs.measure_costs(comparable_config(DEMO), repeats=2)
    assert found["parameters"] == 1_093_133  # docs/demo.md
    assert found["multiply_adds"] == 339_382_784
    assert found["test_size"] == [128, 128]
    assert len(found["seconds"]) == 2
    # the gradients alone are 4 bytes a parameter; no graph is kept at inference
    assert found["training_bytes"] > 4 * 1_093_133
    assert found["inference_bytes"] < found["training_bytes"] / 4
    assert found["precision"] == ""


@pytest.mark.mmdet
def test_costs_of_the_panoptic_demo(costs):
    pytest.importorskip("mmdet")
    overrides = {**SMALL, "val_dataloader.dataset.scene.size": (64, 96)}
    path = DEMO.replace("_scenes.py", "_scenes-panoptic.py")
    found = costs.measure_costs(comparable_config(path, overrides), repeats=1)
    assert found["flops_images"] == 6
    assert found["test_size"] == [64, 96]
    head = 20 * 12 * 64 * 96  # the sum over 20 queries of 12 classes, see the parts
    assert found["multiply_adds"] > 10 * head
    assert found["training_bytes"] > 4 * found["parameters"]


def test_training_memory_grows_with_the_batch(costs):
    """At the peak there are activations, hardly a gradient yet: twice the images."""
    found = []
    for batch in (4, 8):
        options = {**SMALL, "train_dataloader.batch_size": batch}
        config = comparable_config(UPERNET, options)
        found.append(costs.measure_costs(config, repeats=1)["training_bytes"])
    assert found[1] / found[0] == pytest.approx(2, rel=0.05)


def test_the_size_is_the_crop_where_the_data_are_not(costs):
    missing = {"val_dataloader.dataset.data_root": "no/such/folder"}
    config = comparable_config(CAMVID, missing)
    for kind in (config.val_dataloader.dataset.type, "PascalVOCDataset"):
        dataset = config.val_dataloader.dataset
        dataset.type = kind
        if kind == "PascalVOCDataset":  # which asserts that its list of files is there
            dataset.ann_file = "val.txt"
        batch = costs.test_batch(config, (256, 320))
        assert batch["inputs"][0].shape == (3, 256, 320)


def test_precision_of_training_is_stated(costs):
    config = comparable_config(UPERNET)
    assert costs.training_precision(config) is None
    config.optim_wrapper.type = "mmseg_maskformer.BFloat16OptimWrapper"
    assert costs.training_precision(config) == costs.torch.bfloat16
    config.optim_wrapper.type = "AmpOptimWrapper"
    assert costs.training_precision(config) == costs.torch.float16
    config.optim_wrapper.dtype = "bfloat16"
    assert costs.training_precision(config) == costs.torch.bfloat16


def test_training_labels_are_nine_regions_or_as_many_as_classes(costs):
    config = comparable_config(UPERNET)
    for classes, expected in ((12, 9), (3, 3)):
        config.model.decode_head.num_classes = classes
        batch = costs.training_batch(config, (128, 128))
        labels = [x.gt_sem_seg.data.unique().tolist() for x in batch["data_samples"]]
        assert len(labels) == config.train_dataloader.batch_size
        for found in labels:
            assert set(found) <= {*range(classes), 255}
            assert expected - 1 <= len(set(found) - {255}) <= expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(configs=(DEMO, DEMO)), "Two configs are called maskformer_tiny_scenes"),
        (dict(checkpoints=(DEMO,), train=True), "Give --train or --checkpoints"),
        (dict(checkpoints=(DEMO,)), "1 files for 2 configs; give one for each"),
        (dict(checkpoints=("a", "b")), "There is no checkpoint file a"),
        (dict(seeds=(1, 1)), r"--seeds \(1, 1\) names one twice"),
        (
            dict(checkpoints=(DEMO, DEMO), amp=True, train=False),
            "--checkpoints trains nothing",
        ),
        (
            dict(checkpoints=(DEMO, DEMO), seeds=(0, 1), train=False),
            "--checkpoints trains nothing",
        ),
        (dict(configs=(DEMO, CAMVID), overrides={}), "A comparison needs one data set"),
        (dict(configs=("none.py",)), "There is no config file none.py"),
    ],
)
def test_options_that_do_not_fit_start_nothing(changes, message, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        compare(comparison_options(tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_failures_and_budgets_are_below_the_table(tmp_path, capsys):
    """A script that fails stands for every reason why a job may end."""
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('no memory left')")
    wider = {**SMALL, "default_hooks.logger.interval": 1}
    asked = comparison_options(tmp_path, script=script, train=True, overrides=wider)
    assert not compare(asked)
    name = "mmseg-upernet_tiny_scenes"
    log = tmp_path / name / "seed0" / "log.txt"
    table = (tmp_path / "comparison.md").read_text()
    assert f"- {name}: seed 0 failed: no memory left (see {log})" in table
    assert table.count(" failed: no memory left") == 4
    assert "| UperNet | ResNet-18 (16 channels) | 64 x 64 | - |" in table
    printed = capsys.readouterr().out
    assert f"[4/4] {name}: seed 0\n    failed: no memory left" in printed
    assert "No picture: no config has scores yet." in printed


SCORES = """
import pathlib, sys
from comparison import jobs
folder = pathlib.Path(sys.argv[2])
job = jobs.read_job(folder)
about = dict(parameters=1, test_size=(64, 64), seconds=[1.0], machine="", precision="")
for name in job.parts:
    jobs.store_part(folder, job, name, about if name == "costs" else dict(miou=40.0))
"""


def test_a_call_that_stops_early_leaves_the_scores_of_earlier_ones(
    tmp_path, monkeypatch
):
    script = tmp_path / "script.py"
    script.write_text(SCORES)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tools"))
    asked = comparison_options(tmp_path, script=script, train=True)
    assert compare(asked)
    before = (tmp_path / "comparison.csv").read_text()
    assert before.count(",1,40.0,0.0,") == 2  # seeds, mIoU and its spread

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("comparison.work.start", stop)
    with pytest.raises(KeyboardInterrupt):
        compare(dataclasses.replace(asked, seeds=(0, 1)))
    assert (tmp_path / "comparison.csv").read_text() == before
    table = (tmp_path / "comparison.md").read_text()
    assert table.count("scores of 1 of 2 seeds so far") == 2


def run_tool(out, *arguments):
    """The tool in a process of its own, on small scenes."""
    overrides = [f"{key}={value}" for key, value in SMALL.items()]
    command = [SCRIPT, DEMO, UPERNET, "--out", out, "--train", "--iterations", 2]
    done = subprocess.run(
        [
            sys.executable,
            *map(str, (*command, *arguments)),
            "--cfg-options",
            *overrides,
        ],
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def validations(folder):
    """Scores of the evaluations in the course of a training, by iteration."""
    files = sorted(folder.glob("*/vis_data/scalars.json"))
    records = [json.loads(line) for path in files for line in path.open()]
    return {x["step"]: x["mIoU"] for x in records if "mIoU" in x}


@pytest.mark.slow
def test_two_methods_are_trained_compared_and_resumed(tmp_path, capsys):
    printed = run_tool(tmp_path)
    assert "training 2/2" in printed
    table = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [row["method"] for row in table] == ["MaskFormer", "UperNet"]
    assert [row["parameters"] for row in table] == ["1093133", "1266584"]
    names = [row["name"] for row in table]
    for row, name in zip(table, names, strict=True):
        # the last evaluation of the training had the same weights and images
        scores = validations(tmp_path / name / "seed0")
        assert float(row["miou"]) == pytest.approx(scores[2], abs=1e-6)
    assert (tmp_path / "comparison.png").stat().st_size > 5000

    # a training of two iterations that was stopped after the first one
    stopped = tmp_path / names[1] / "seed0"
    (stopped / "result.json").unlink()
    (stopped / "iter_2.pth").unlink()
    (stopped / "last_checkpoint").write_text(str(stopped / "iter_1.pth"))
    untouched = (tmp_path / names[0] / "seed0/result.json").stat().st_mtime_ns
    again = comparison_options(tmp_path, train=True, iterations=2)
    assert compare(again)
    printed = capsys.readouterr().out
    assert printed.count("done before") == 3
    assert "seed 0\n    going on where it stopped\n" in printed
    assert (tmp_path / names[0] / "seed0/result.json").stat().st_mtime_ns == untouched
    logs = "".join(path.read_text() for path in sorted(stopped.glob("*/*.log")))
    assert logs.count("resumed epoch: 0, iter: 1") == 1
    assert len(list(csv.DictReader((tmp_path / "comparison.csv").open()))) == 2


def test_budgets_that_differ_are_said(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('nothing')")
    longer = tmp_path / "longer.py"
    longer.write_text(
        f"_base_ = {UPERNET!r}\ntrain_dataloader = dict(batch_size=2)\n"
        "train_cfg = dict(max_iters=1400)\n"
    )
    asked = comparison_options(tmp_path, configs=(DEMO, str(longer)), script=script)
    compare(asked)
    table = (tmp_path / "comparison.md").read_text()
    assert "- longer: batch 2, but 4 in maskformer_tiny_scenes\n" in table
    assert "- longer: iterations 1400, but 1500 in" in table


def test_the_same_budget_is_given_to_all():
    budgets = []
    for path in (DEMO, UPERNET):
        config = comparable_config(path)
        prepare(config, seed=3, iterations=90)
        budgets.append((config.train_cfg.max_iters, config.param_scheduler[1].end))
        assert config.randomness.seed == 3
    assert budgets == [(90, 91), (90, 91)]
