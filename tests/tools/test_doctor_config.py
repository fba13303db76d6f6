"""The doctor compares a config with its data; files may be too large for it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from doctor_lib.pictures import write_sheet
from doctor_lib.sources import Source
from tests.conftest import REPOSITORY
from tests.datasets.panoptic_files import METAINFO, content, write_set
from tests.helpers.doctor import examine
from tests.helpers.pages import python_blocks
from tests.scripts import run_script

CLASSES = ("car", "person", "dog")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The page's config of instances, with three images a split, an object in each."""
    monkeypatch.chdir(tmp_path)
    for split, seed in (("train", 0), ("val", 3)):
        folder = tmp_path / "data/mine/images" / split
        folder.mkdir(parents=True)
        images, rows = [], []
        for k in range(3):
            rng = np.random.default_rng(seed + k)
            pixels = rng.integers(0, 256, (256, 352, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{k}.png")
            images.append(dict(id=k, file_name=f"{k}.png", height=256, width=352))
            square = [[40, 40, 140, 40, 140, 140, 40, 140]]
            row = dict(id=k + 1, image_id=k, category_id=k + 1, iscrowd=0)
            rows.append(
                dict(row, area=1e4, bbox=[40, 40, 100, 100], segmentation=square)
            )
        categories = [dict(id=k, name=x) for k, x in enumerate(CLASSES, start=1)]
        content = dict(images=images, annotations=rows, categories=categories)
        (folder.parents[1] / f"instances_{split}.json").write_text(json.dumps(content))
    path = tmp_path / "mine.py"
    _, text = python_blocks("docs/few_images.md", "Images of your own")
    path.write_text(text.replace("configs/", f"{REPOSITORY}/configs/"))
    return path


@pytest.mark.mmdet
def test_instances_by_the_page_are_sound(config, monkeypatch, capsys):
    status, found, report = examine(
        monkeypatch, capsys, config, config.parent / "out", "--pictures", "0"
    )
    assert (status, found) == (0, [])
    assert "Instances data: 3 train, 3 val. Nothing to report." in report


class ManyClasses(list):
    metainfo = dict(classes=["x"] * 1000)


def test_more_classes_than_a_picture_can_tell_from_objects_get_none(tmp_path):
    source = Source("many", datasets=dict(train=ManyClasses([None])))
    assert write_sheet(source, tmp_path / "sheet.png", 1) == ""
    assert not source.problems  # the image was not asked for


def test_joined_data_sets_are_read_each_by_its_own_rule(tmp_path, monkeypatch, capsys):
    """Zero is void in one and a class in the other, each with a stripe of a class."""
    parts = []
    for name, first in (("one", 1), ("two", 0)):
        rng = np.random.default_rng(first)
        pixels = rng.integers(0, 256, (24, 48, 3), dtype=np.uint8)
        stripes = np.arange(first, first + 3, dtype=np.uint8).repeat(8)
        for folder, values in (("x", pixels), ("y", stripes[:, None].repeat(48, 1))):
            (tmp_path / name / folder).mkdir(parents=True)
            Image.fromarray(values).save(tmp_path / name / folder / "0.png")
        parts.append(
            f"dict(type='mmseg_maskformer.LabelMapDataset', pipeline=[], data_prefix="
            f"dict(img_path='x', seg_map_path='y'), data_root='{tmp_path / name}', "
            f"metainfo=dict(classes={CLASSES}), img_suffix='.png', "
            f"reduce_zero_label={bool(first)})"
        )
    path = tmp_path / "mine.py"
    path.write_text(
        "train_dataloader = dict(dataset=dict(type='ConcatDataset', "
        "ignore_keys=['reduce_zero_label'], datasets="
        f"[{', '.join(parts)}]))\n"
    )
    status, found, report = examine(
        monkeypatch, capsys, path, tmp_path / "out", "--pictures", "0"
    )
    assert (status, found) == (0, [])
    for name in CLASSES:
        assert f"| {name} | 2 | 33.3333 |" in report


@pytest.mark.mmdet
def test_another_number_of_classes_is_an_error(config, monkeypatch, capsys):
    options = ("--pictures", "0", "--cfg-options", "model.num_things_classes=1")
    status, found, _ = examine(
        monkeypatch, capsys, config, config.parent / "out", *options
    )
    assert (status, len(found)) == (1, 2)
    for split, line in zip(("train", "val"), found, strict=True):
        file = f"data/mine/instances_{split}.json"
        assert line.startswith(
            "error: The model has num_things_classes=1 and num_stuff_classes=0, but "
            f"metainfo of the {split} data set {file} has 3 things and 0 stuff classes."
        )


@pytest.mark.mmdet
def test_indices_of_another_data_set_are_an_error(config, monkeypatch, capsys):
    text = config.read_text()
    config.write_text(text.replace("-instance.py", "-instance-50.py"))
    status, found, _ = examine(
        monkeypatch, capsys, config, config.parent / "out", "--pictures", "0"
    )
    assert status == 1
    for split, line in zip(("train", "val"), found, strict=True):
        assert line == (
            f"error: {split}: indices of the data set ask for images that it lacks; "
            "write indices=None for all of them."
        )


SPLIT = """
default_scope = "mmdet"
train_dataloader = dict(
    dataset=dict(
        type="{}.CocoPanopticDataset",
        data_root={!r},
        ann_file="all.json",
        data_prefix=dict(img="images", seg="maps"),
        metainfo={!r},
        pipeline=[dict(type="{}"), dict(type="{}")],
    )
)
"""


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("scope", "steps", "kinds"),
    [
        ("mmdet", ("LoadImageFromFile", "LoadAnnotations"), []),
        (
            "mmseg_maskformer",
            ("mmseg_maskformer.LoadImageFromFile", "mmseg_maskformer.LoadPanopticMap"),
            ["panoptic map(s) that contradict", "image(s) of another size"],
        ),
    ],
)
def test_files_are_judged_by_the_loading_of_the_config(
    tmp_path, monkeypatch, capsys, scope, steps, kinds
):
    """An image of another size than the file says, and an id that it does not list."""
    made = content()
    made["images"][1]["height"] = 3
    del made["annotations"][0]["segments_info"][2]
    write_set(tmp_path, made)
    Image.new("RGB", (4, 2)).save(tmp_path / "images/b.jpg")
    for ours, theirs in (("first", "a"), ("second", "b")):  # MMDetection's names
        shutil.copy(tmp_path / f"maps/{ours}.png", tmp_path / f"maps/{theirs}.png")
    path = tmp_path / "mine.py"
    path.write_text(SPLIT.format(scope, str(tmp_path), METAINFO, *steps))
    _, found, _ = examine(
        monkeypatch, capsys, path, tmp_path / "out", "--pictures", "0"
    )
    errors = [x.removeprefix("error: 1 ") for x in found if x.startswith("error")]
    assert len(errors) == len(kinds)
    assert all(x.startswith(y) for x, y in zip(errors, kinds, strict=True)), errors


def test_a_config_without_data_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "none.py").write_text("model = dict()")
    with pytest.raises(SystemExit, match=r"none\.py has no train_dataloader and no"):
        run_script(
            monkeypatch, "doctor.py", tmp_path / "none.py", "--out", tmp_path / "out"
        )


def test_files_of_too_many_pixels_are_not_called_broken(tmp_path, monkeypatch, capsys):
    """Of 20 x 30 pixels, where Pillow opens twice 299."""
    for kind in ("images", "annotations"):
        (tmp_path / kind).mkdir()
        Image.new("L", (30, 20)).save(tmp_path / kind / "large.png")
        Image.new("L", (3, 2)).save(tmp_path / kind / "small.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 299)
    status, found, report = examine(monkeypatch, capsys, tmp_path, tmp_path / "out")
    assert status == 1
    assert found[0].startswith(
        "error: 2 file(s) are sound, but have more pixels than are opened. Cut images"
    )
    assert not any("cannot be read" in line for line in found)
    assert (
        "annotations/large.png: Image size (600 pixels) exceeds limit of 598" in report
    )
