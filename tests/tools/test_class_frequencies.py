"""Classes of an image and their frequencies, counted by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import run_script

TOOL = "analysis/class_frequencies.py"
DEMO = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


def write(folder, *maps):
    folder.mkdir(exist_ok=True)
    for index, labels in enumerate(maps):
        pixels = np.array(labels, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def test_classes_of_a_folder_are_counted(monkeypatch, tmp_path, capsys):
    folder = write(tmp_path / "maps", [[0, 0, 7], [7, 7, 255]], [[7, 7, 7], [7, 2, 3]])
    table = tmp_path / "classes.csv"
    run_script(monkeypatch, TOOL, folder, "--csv", table)
    printed = capsys.readouterr().out
    assert "2.50 classes in the mean image (median 2.5, 2 to 3), 4 of 4" in printed
    rows = {row["label"]: row for row in csv.DictReader(table.open())}
    assert list(rows) == ["7", "0", "2", "3"]  # the most frequent first
    assert rows["7"]["images"] == "2"
    assert rows["7"]["pixels_percent"] == "63.6364"  # 7 of 11 that are not void
    assert rows["0"]["images_percent"] == "50.0"
    run_script(monkeypatch, TOOL, folder, "--void", "7")
    assert "2.00 classes in the mean image" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["", pytest.param("-panoptic", marks=pytest.mark.mmdet)]
)
def test_semantic_and_panoptic_scenes_have_the_same_classes(
    name, monkeypatch, tmp_path, capsys
):
    config = DEMO.with_stem(f"{DEMO.stem}{name}")
    options = ["train_dataloader.dataset.num_images=5"]
    run_script(monkeypatch, TOOL, config, "--cfg-options", *options)
    printed = capsys.readouterr().out
    assert "6.00 classes in the mean image (median 6, 5 to 8)" in printed
    assert "12 of 12 classes occur, 5 images" in printed


def test_what_cannot_be_counted_is_an_error(monkeypatch, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SystemExit, match=r"no label maps \(\.png.*\) in .*empty"):
        run_script(monkeypatch, TOOL, empty)
    colours = write(tmp_path / "colours", np.zeros((2, 2, 3)))
    with pytest.raises(
        SystemExit, match=r"0\.png has shape \(2, 2, 3\) and type uint8"
    ):
        run_script(monkeypatch, TOOL, colours)
