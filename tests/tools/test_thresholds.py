"""Thresholds are scored on halves as an evaluation of each half alone scores them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS

from mmseg_maskformer.engine.runners import evaluating_runner
from tests.conftest import REPOSITORY
from tests.helpers.scenes import few_scenes
from tests.scripts import run_script

CONFIG = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes-panoptic.py"
LOADER = "val_dataloader"
FEW = {f"{LOADER}.num_workers": 0, f"{LOADER}.persistent_workers": False}
RULE = "model.test_cfg.panoptic_rule"


@METRICS.register_module()
class PixelsWithSegment(BaseMetric):
    """A score of weights as they are drawn: pixels that are not void, or that are.

    Of the first image the former, of the second the latter, so that halves differ.
    """

    def process(self, data_batch, data_samples):
        void = len(self.dataset_meta["classes"])
        for sample in data_samples:
            labels = sample["pred_panoptic_seg"]["sem_seg"] % 1000
            first = sample["img_path"].endswith("000000.png")
            self.results.append(int(((labels != void) == first).sum()))

    def compute_metrics(self, results):
        return dict(pixels=sum(results))


@pytest.mark.slow
@pytest.mark.mmdet
def test_each_half_is_scored_alone_with_each_pair(monkeypatch, tmp_path, capsys):
    """Of two images each is a half; thresholds of 0 keep what 0.9 throws away."""
    file, weights = few_scenes(CONFIG, tmp_path, test_cfg=dict(object_mask_thr=0.9))
    with open(file, "a") as opened:
        others = "dict(type='mmdet.SemSegMetric', iou_metrics=['mIoU'])"  # left out
        opened.write(f"\nval_evaluator = [dict(type='PixelsWithSegment'), {others}]\n")
        opened.write("val_dataloader = {{_base_.test_dataloader}}\n")
        opened.write("test_dataloader = test_evaluator = None  # are not looked at\n")
    options = [f"{key}={value}" for key, value in FEW.items()]
    options += [f"{LOADER}.dataset.num_images=2", f"{RULE}=mask2former"]
    options += ["randomness.seed=1"]  # the config has no randomness
    out = tmp_path / "out"
    rest = ("--out", out, "--work-dir", tmp_path / "work", "--cfg-options", *options)
    pairs = ("--object-mask-thr", "0.0", "0.1", "--iou-thr", "0.0")
    rest = ("--metric", "pixels", *rest)
    run_script(monkeypatch, "analysis/thresholds.py", file, weights, *pairs, *rest)
    with (out / "thresholds.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    keys = ("object_mask_thr", "iou_thr")
    assert [tuple(float(row[key]) for key in keys) for row in rows] == [
        (0.9, 0.8),  # the config's own
        (0.0, 0.0),
        (0.1, 0.0),
    ]
    config = Config.fromfile(file)
    few = {f"{LOADER}.dataset.num_images": 1, RULE: "mask2former"}
    config.merge_from_dict(FEW | few)
    config.work_dir = str(tmp_path / "alone")
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    runner = evaluating_runner(config, str(weights))
    for row in rows:
        found = {key: float(row[key]) for key in keys}
        runner.model.test_cfg = dict(runner.model.test_cfg, **found)
        assert runner.test()["pixels"] == float(row["half 0"])
    assert float(rows[1]["half 0"]) > float(rows[0]["half 0"]) == 0.0
    written = Config.fromfile(out / "config.py")
    best = written.model.test_cfg
    assert written.val_dataloader.dataset.num_images == 2
    assert written.randomness == dict(seed=1)
    high, other = (
        max(rows, key=lambda row: float(row[half])) for half in ("half 0", "half 1")
    )
    assert high != other
    assert best == config.model.test_cfg | {key: float(high[key]) for key in keys}


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("evaluator", "asked", "message", "most"),
    [
        (
            "mmseg_maskformer.PanopticQuality",
            ["--metric", "PX"],
            "PX: the .* PQ, SQ",
            1,
        ),
        ("mmdet.SemSegMetric", [], "No metric of val_evaluator is of panoptic", 0),
        ("mmseg_maskformer.PanopticQuality", ["--task", "instance"], "score_thr ne", 0),
        (
            "PixelsWithSegment",
            ["--task", "instance", "--metric", "PQ"],
            "leave it o",
            0,
        ),
    ],
)
def test_what_cannot_work_is_refused_before_the_evaluation(
    monkeypatch, tmp_path, evaluator, asked, message, most
):
    """The name of a metric after the first image."""
    from mmseg_maskformer.adapters.panoptic import MaskFormerDetector

    file, weights = few_scenes(CONFIG, tmp_path)
    with open(file, "a") as opened:
        opened.write(f"\nval_evaluator = [dict(type={evaluator!r})]\n")
        opened.write("val_dataloader = {{_base_.test_dataloader}}\n")
    predicted = []
    given = MaskFormerDetector.test_step
    monkeypatch.setattr(
        MaskFormerDetector,
        "test_step",
        lambda self, data: predicted.append(data) or given(self, data),
    )
    options = [f"{key}={value}" for key, value in FEW.items()]
    options += [f"{LOADER}.dataset.num_images=2"]
    folders = ("--out", tmp_path / "out", "--work-dir", tmp_path / "work")
    few = ("--object-mask-thr", "0.5", "--iou-thr", "0.5", "--cfg-options", *options)
    asked = (file, weights, *asked, *folders, *few)
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, "analysis/thresholds.py", *asked)
    assert len(predicted) == most


@pytest.mark.mmdet
def test_score_thr_of_instances_is_chosen_on_one_half(monkeypatch, tmp_path, capsys):
    """Of one object in each image two of three, then one of two instances match."""
    from query_lib import score_curve
    from query_lib.score_curve import Matches

    halves = [
        Matches(np.array([0.9, 0.505, 0.3]), np.array([True, True, False]), 2),
        Matches(np.array([0.7, 0.1]), np.array([True, False]), 1),
    ]
    monkeypatch.setattr(score_curve, "matches_of_halves", lambda runner: halves)
    stuff = dict(num_things_classes=12, num_stuff_classes=0)  # thus instances
    file, weights = few_scenes(CONFIG, tmp_path, **stuff)
    out = tmp_path / "out"
    folders = ("--out", out, "--work-dir", tmp_path / "work")
    run_script(monkeypatch, "analysis/thresholds.py", file, weights, *folders)
    # half 0: 2 * 2 / (3 + 2) of all, 4 / 4 from 0.31 on; half 1: 2 / (2 + 1), 2 / 2
    told = capsys.readouterr().out
    assert "| best of half 0 | 0.31 | 100.00 | 100.00 |" in told
    assert "| best of half 1 | 0.11 | 80.00 | 100.00 |" in told
    assert "| the config's | 0.0 | 80.00 | 66.67 |" in told
    assert Config.fromfile(out / "config.py").model.test_cfg.score_thr == 0.31
    with (out / "thresholds.csv").open() as opened:
        row = list(csv.DictReader(opened))[51]
    assert float(row["score_thr"]) == 0.51
    assert float(row["recall of half 0"]) == 50.0
    assert (out / "thresholds.png").is_file()
    asked = ("analysis/thresholds.py", file, weights, *folders, "--task", "panoptic")
    with pytest.raises(SystemExit, match=r"has no stuff.*leave --task panoptic out"):
        run_script(monkeypatch, *asked)


@pytest.mark.parametrize("name", ["config.py", "mine.py"])
def test_a_config_does_not_come_to_inherit_itself(monkeypatch, tmp_path, name):
    (tmp_path / "config.py").write_text(f"_base_ = {str(CONFIG)!r}\n")
    (tmp_path / "mine.py").write_text("_base_ = './config.py'\n")
    asked = (tmp_path / name, "none.pth", "--out", tmp_path)
    with pytest.raises(SystemExit, match=rf"/config\.py is read by .*/{name}, and wou"):
        run_script(monkeypatch, "analysis/thresholds.py", *asked)
