"""The tool that paints predictions: training images as evaluation shows them."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from tests.helpers.inference import PANOPTIC, SCENES, write_weights
from tests.scripts import run_script

TOOL = "analysis/prediction_sheet.py"
HEADER, GAP = 14, 4  # pixels


def one_scene(leaf, folder, **changes):
    """A config with one scene; training has it twice, mirrored, three times over."""
    config = Config.fromfile(leaf)
    shown = config.val_dataloader.dataset
    shown.update(num_images=1, scene=dict(shown.scene, size=(64, 64)))
    pipeline = config.train_dataloader.dataset.pipeline
    mirrored = dict(shown, pipeline=[dict(type="RandomFlip", prob=1.0), *pipeline])
    joined = dict(type="ConcatDataset", datasets=[mirrored, mirrored])
    repeated = dict(type="RepeatDataset", times=3, dataset=joined)
    config.train_dataloader.dataset = repeated
    config.update(changes)
    config.dump(folder / leaf.name)
    return folder / leaf.name


@pytest.mark.parametrize(
    "leaf", [SCENES, pytest.param(PANOPTIC, marks=pytest.mark.mmdet)]
)
def test_training_images_are_not_mirrored(leaf, monkeypatch, tmp_path):
    config = one_scene(leaf, tmp_path)
    command = (monkeypatch, TOOL, config, write_weights(tmp_path, config))
    sheets = []
    for split in ("val", "train"):
        out = tmp_path / f"{split}.png"
        run_script(*command, "--split", split, "--width", 64, "--out", out)
        sheets.append(np.asarray(Image.open(out)))
    validated, trained = sheets
    top, row = HEADER + GAP, 64 + GAP
    shown = validated[top : top + row]
    assert len(np.unique(shown[:64, -64:].reshape(-1, 3), axis=0)) > 1  # a prediction
    assert np.array_equal(trained[top : top + 2 * row], np.vstack([shown, shown]))


def test_a_config_without_validation_is_a_sentence(monkeypatch, tmp_path):
    config = one_scene(SCENES, tmp_path, val_dataloader=None)
    message = r"scenes\.py has no val_dataloader, which --split train needs: write one"
    with pytest.raises(SystemExit, match=message):
        run_script(
            *(monkeypatch, TOOL, config, write_weights(tmp_path), "--split", "train"),
            *("--out", tmp_path / "sheet.png"),
        )
