"""The demo and the pictures, end to end but tiny."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import run_script, run_tool

SMALL = (
    "train_cfg.max_iters=3",
    "train_cfg.val_interval=3",
    "param_scheduler.1.end=4",
    "train_dataloader.dataset.scene.size=(64, 64)",
    "val_dataloader.dataset.scene.size=(64, 64)",
    "val_dataloader.dataset.num_images=8",
    "default_hooks.logger.interval=1",
)


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """Work directory and output of two runs of the demo."""
    folders = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    done = [
        run_tool(
            "tools/demo.py", "--work-dir", folder, "--num=2", "--cfg-options", *SMALL
        )
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


def test_sheet_and_curve_of_a_finished_training(demos, tmp_path, monkeypatch):
    folder, _ = demos[0]
    sheet, curve = tmp_path / "sheet.png", tmp_path / "curve.png"
    config = folder / "maskformer_tiny_scenes.py"
    run_script(
        *(monkeypatch, "analysis/prediction_sheet.py", config, folder / "iter_3.pth"),
        *("--num=2", "--width=192", "--out", sheet),
    )
    with Image.open(sheet) as ours, Image.open(folder / "predictions.png") as demo:
        assert np.array_equal(np.asarray(ours), np.asarray(demo))
    run_script(monkeypatch, "analysis/training_curve.py", folder, "--out", curve)
    with Image.open(curve) as picture:
        assert picture.size == (900, 320)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scope", "first"),
    [
        ("mmseg", "test_000000.png_1.png"),
        pytest.param("mmdet", "test_img_000000_1.png", marks=pytest.mark.mmdet),
    ],
)
def test_every_prediction_is_painted(scope, first, request, tmp_path):
    """By the visualizer of the host, although scenes are no files."""
    fixture = "panoptic_demo" if scope == "mmdet" else "demos"
    folder, _ = request.getfixturevalue(fixture)[0]
    (config,) = folder.glob("maskformer_tiny_scenes*.py")
    run_tool(
        *("tools/test.py", config, folder / "iter_3.pth", "--show-dir", tmp_path),
        *("--work-dir", tmp_path, "--cfg-options"),
        "test_dataloader.dataset.num_images=3",
    )
    pictures = sorted(tmp_path.rglob("vis_image/*.png"))
    assert len(pictures) == 3
    assert pictures[0].name == first
    with Image.open(pictures[0]) as picture:
        side = 128 if scope == "mmseg" else 384  # enlarged for its texts
        assert picture.size == (2 * side, side)  # truth and prediction


@pytest.fixture(scope="module")
def panoptic_demo(tmp_path_factory):
    """Work directory and output of a run of the panoptic demo."""
    pytest.importorskip("mmdet")
    folder = tmp_path_factory.mktemp("panoptic")
    command = ("tools/demo.py", "--panoptic", "--work-dir", folder, "--num=2")
    return [(folder, run_tool(*command, "--cfg-options", *SMALL))]


@pytest.mark.mmdet
def test_panoptic_demo_shows_quality_and_picture(panoptic_demo):
    folder, process = panoptic_demo[0]
    lines = process.stdout.splitlines()
    rows = [line.split("|") for line in lines if line.startswith("|")]
    assert [row[2].strip() for row in rows[:1]] == ["PQ"]
    assert len(rows) == 1 + 12
    assert any(line.startswith("Held-out PQ ") for line in lines)
    with Image.open(folder / "predictions.png") as sheet:
        assert sheet.width == 3 * 384 + 2 * 4


@pytest.mark.parametrize("name", ["panoptic", "mask2former"])
def test_a_variant_is_a_config_of_its_own(name, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    import demo

    monkeypatch.setattr(sys, "argv", ["demo.py", f"--{name}"])
    config = Path(demo.parse_args().config)
    assert config.is_file()
    assert config.stem.endswith("tiny_scenes-panoptic")
    assert config.stem.startswith("mask2former") == (name == "mask2former")
    monkeypatch.setattr(sys, "argv", ["demo.py", *(f"--{x}" for x in demo.VARIANTS)])
    with pytest.raises(SystemExit):
        demo.parse_args()


@pytest.mark.slow
@pytest.mark.mmdet
def test_mask2former_demo_says_what_it_trains(tmp_path):
    pytest.importorskip("mmdet")
    command = ("tools/demo.py", "--mask2former", "--work-dir", tmp_path, "--num=1")
    process = run_tool(*command, "--cfg-options", *SMALL)
    lines = process.stdout.splitlines()
    assert lines[0] == "Training Mask2Former on rendered scenes"
    assert any(line.startswith("Held-out PQ ") for line in lines)
    assert (tmp_path / "predictions.png").is_file()


@pytest.mark.mmdet
def test_sheet_of_a_panoptic_model_is_that_of_its_demo(
    panoptic_demo, tmp_path, monkeypatch
):
    folder, _ = panoptic_demo[0]
    sheet = tmp_path / "sheet.png"
    config = folder / "maskformer_tiny_scenes-panoptic.py"
    run_script(
        *(monkeypatch, "analysis/prediction_sheet.py", config, folder / "iter_3.pth"),
        *("--num=2", "--width=384", "--out", sheet),
    )
    with Image.open(sheet) as ours, Image.open(folder / "predictions.png") as demo:
        assert np.array_equal(np.asarray(ours), np.asarray(demo))


@pytest.mark.slow
@pytest.mark.mmdet
def test_results_of_a_panoptic_model_are_written(panoptic_demo, tmp_path, monkeypatch):
    folder, _ = panoptic_demo[0]
    config = folder / "maskformer_tiny_scenes-panoptic.py"
    command = ("test.py", config, folder / "iter_3.pth", "--out", tmp_path)
    command += ("--work-dir", tmp_path / "work")
    options = ("model.test_cfg.instance_on=True", "model.test_cfg.iou_thr=0.1")
    few = ("test_dataloader.dataset.num_images=3", "model.test_cfg.object_mask_thr=0.0")
    run_script(monkeypatch, *command, "--cfg-options", *options, *few)
    content = json.loads((tmp_path / "panoptic.json").read_text())
    assert [x["id"] for x in content["images"]] == [0, 1, 2]
    assert [x["isthing"] for x in content["categories"]] == [1] * 6 + [0] * 6
    for row in content["annotations"]:
        colours = np.asarray(Image.open(tmp_path / "panoptic" / row["file_name"]))
        ids = np.unique(colours.astype(int) @ [1, 256, 65536])
        assert [x["id"] for x in row["segments_info"]] == ids[ids > 0].tolist() != []
    found = json.loads((tmp_path / "instances.json").read_text())
    counts = Counter(x["image_id"] for x in found)
    assert counts.keys() == {0, 1, 2}
    assert max(counts.values()) <= 100  # the best pairs of query and class: the things
    assert {x["category_id"] for x in found} <= set(range(1, 7))
    assert len(list((tmp_path / "semantic").iterdir())) == 3


def test_curve_of_a_score_that_was_not_measured_is_a_sentence(tmp_path, monkeypatch):
    scalars = tmp_path / "1/vis_data/scalars.json"
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"lr": 0.1, "loss": 2.0, "step": 1}\n{"PQ": 3.0, "step": 1}\n')
    with pytest.raises(SystemExit, match=r"has no mIoU; --metric of its logs: PQ\."):
        run_script(monkeypatch, "analysis/training_curve.py", tmp_path)


def test_curve_of_no_training_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="name the --work-dir of a training"):
        run_script(monkeypatch, "analysis/training_curve.py", tmp_path)
