"""The demo and the pictures, end to end but tiny."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import REPOSITORY

SMALL = (
    "train_cfg.max_iters=3",
    "train_cfg.val_interval=3",
    "train_dataloader.dataset.scene.size=(64, 64)",
    "val_dataloader.dataset.scene.size=(64, 64)",
    "val_dataloader.dataset.num_images=8",
    "default_hooks.logger.interval=1",
)


def run(*command):
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY))
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """Work directory and output of two runs of the demo."""
    folders = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    done = [
        run("tools/demo.py", "--work-dir", folder, "--num=2", "--cfg-options", *SMALL)
        for folder in folders
    ]
    return [(folder, process) for folder, process in zip(folders, done, strict=True)]


def test_demo_shows_progress_table_and_picture(demos):
    folder, process = demos[0]
    lines = process.stdout.splitlines()
    assert lines[0] == "Training MaskFormer on rendered scenes"
    assert [line.split()[1] for line in lines[1:4]] == ["1/3", "2/3", "3/3"]
    assert sum(line.startswith("|") for line in lines) == 1 + 12  # header, classes
    assert lines[-1] == f"Image, truth and prediction: {folder / 'predictions.png'}"
    with Image.open(folder / "predictions.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1] == 3 * 192 + 2 * 4
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


def test_demo_gives_the_same_numbers_twice(demos):
    (first, one), (second, other) = demos
    results = [
        [line for line in process.stdout.splitlines() if line.startswith(("|", "Held"))]
        for process in (one, other)
    ]
    assert results[0] == results[1]
    assert len(results[0]) == 14
    weights = [
        torch.load(folder / "iter_3.pth", weights_only=False)["state_dict"]
        for folder in (first, second)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_sheet_and_curve_of_a_finished_training(demos, tmp_path):
    folder, _ = demos[0]
    sheet, curve = tmp_path / "sheet.png", tmp_path / "curve.png"
    config = folder / "maskformer_tiny_scenes.py"
    run(
        *("tools/analysis/prediction_sheet.py", config, folder / "iter_3.pth"),
        *("--num=2", "--width=192", "--out", sheet),
    )
    with Image.open(sheet) as ours, Image.open(folder / "predictions.png") as demo:
        assert np.array_equal(np.asarray(ours), np.asarray(demo))
    run("tools/analysis/training_curve.py", folder, "--out", curve)
    with Image.open(curve) as picture:
        assert picture.size == (900, 320)


def test_curve_of_no_training_is_a_sentence(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run("tools/analysis/training_curve.py", tmp_path)
    assert "name the --work-dir of a training" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
