"""Tools that measure a model: calibration and memory, tiny."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import run_script

LEAF = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


def test_calibration_of_scenes(monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(LEAF).model)
    weights, picture = tmp_path / "weights.pth", tmp_path / "reliability.png"
    torch.save(dict(state_dict=model.state_dict()), weights)
    command = (LEAF, weights, "--out", picture, "--work-dir", tmp_path / "work")
    options = ["val_dataloader.dataset.num_images=2", "val_dataloader.batch_size=2"]
    run_script(
        monkeypatch, "analysis/calibration.py", *command, "--cfg-options", *options
    )
    pattern = r"ECE ([\d.]+) %  mean_confidence ([\d.]+) %  right_pixels ([\d.]+) %"
    error, confidence, right = map(
        float, re.findall(pattern, capsys.readouterr().out)[0]
    )
    # an untrained model is not sure of one of 12 classes, 1/12 = 8.3 %; by the triangle
    # inequality the error is no less than the distance of the means
    assert 8.3 < confidence < 50
    assert error >= abs(confidence - right) - 0.01  # two decimals
    with Image.open(picture) as opened:
        assert opened.size == (900, 360)


def test_memory_of_a_prediction(monkeypatch, capsys):
    run_script(
        monkeypatch, "analysis/prediction_memory.py", LEAF, "--size", "2048x2048"
    )
    pattern = r"2048x2048: ([\d,]+) MiB, \d+ s, \d+ CPU s, \d+ thread"
    (found,) = re.findall(pattern, capsys.readouterr().out)
    # not less than the float image, 48 MiB, and its labels, 32 MiB
    assert int(found.replace(",", "")) >= 80
