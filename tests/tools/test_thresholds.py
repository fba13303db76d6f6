"""Thresholds are scored on halves as an evaluation of each half alone scores them."""

from __future__ import annotations

import csv

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


@pytest.mark.parametrize("name", ["config.py", "mine.py"])
def test_a_config_does_not_come_to_inherit_itself(monkeypatch, tmp_path, name):
    (tmp_path / "config.py").write_text(f"_base_ = {str(CONFIG)!r}\n")
    (tmp_path / "mine.py").write_text("_base_ = './config.py'\n")
    asked = (tmp_path / name, "none.pth", "--out", tmp_path)
    with pytest.raises(SystemExit, match=rf"/config\.py is read by .*/{name}, and wou"):
        run_script(monkeypatch, "analysis/thresholds.py", *asked)
