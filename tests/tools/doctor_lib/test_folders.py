"""The doctor finds images, label maps and splits in folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor_lib.checks import findings
from doctor_lib.folders import of_folder
from doctor_lib.report import report
from doctor_lib.scan import Facts


def found(folder, names):
    """What a folder with these files holds: (split, image, label map) of each item."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    source = of_folder(folder)
    paths = [(x.split, x.image, x.labels) for x in source.items]
    short = [
        tuple(Path(y).relative_to(folder).as_posix() if "/" in y else y for y in x)
        for x in paths
    ]
    return source, short


@pytest.mark.parametrize("labels", ["labels", "annotations", "masks"])
def test_splits_may_be_the_outer_folders(labels, tmp_path):
    source, items = found(
        tmp_path,
        [f"{s}/{x}/0.png" for s in ("train", "valid") for x in ("images", labels)],
    )
    assert items == [
        ("train", "train/images/0.png", f"train/{labels}/0.png"),
        ("val", "valid/images/0.png", f"valid/{labels}/0.png"),
    ]
    assert source.unpaired == []


def test_a_split_of_another_layout_is_named_and_hidden_folders_are_not(tmp_path):
    names = ["train/images/a.png", "train/masks/a.png", "val/b.png"]
    source, items = found(tmp_path, [*names, ".cache/images/c.png"])
    assert items == [("train", "train/images/a.png", "train/masks/a.png")]
    (warning,) = source.warnings
    assert warning.startswith(f"{tmp_path / 'val'} holds images and is left out")


def test_images_may_lie_beside_the_folder_of_label_maps(tmp_path):
    _, items = found(tmp_path, ["a.png", "train/b.png", "masks/a.png"])
    assert items == [("all", "a.png", "masks/a.png"), ("train", "train/b.png", "")]


def test_a_folder_of_json_alone_holds_no_label_maps(tmp_path):
    """COCO's annotations; label maps may lie in another folder, or in none."""
    source, items = found(tmp_path, ["images/train/0.png", "annotations/train.json"])
    assert (items, source.unpaired) == ([("train", "images/train/0.png", "")], [])
    facts = [Facts(item) for item in source.items]
    (told,) = findings(source, facts)
    assert told.text == "There are no label maps: images alone were looked over."
    source, items = found(tmp_path, ["masks/train/0.png"])
    assert items == [("train", "images/train/0.png", "masks/train/0.png")]
    assert source.unpaired == []


def test_an_empty_folder_of_label_maps_is_one(tmp_path):
    (tmp_path / "annotations").mkdir()
    source, _ = found(tmp_path, ["images/train/0.png"])
    assert source.unpaired == [str(tmp_path / "images/train/0.png")]


def test_label_maps_of_one_name_and_other_suffixes_are_told(tmp_path):
    names = ["images/0.png", "images/1.gif", "images/Thumbs", "labels/0.png"]
    source, items = found(tmp_path, [*names, "labels/0.bmp"])
    assert items == [("all", "images/0.png", "labels/0.bmp")]
    facts = [Facts(x) for x in source.items]
    (double,) = findings(source, facts)
    assert double.level == "error"
    assert double.text.startswith("1 label map(s) have the name of another one")
    assert double.files == (str(tmp_path / "labels/0.png"),)
    row = "| files | .png: 1, .gif (not read): 1, without suffix (not read): 1 |"
    assert row in report(source, facts, [], [])
