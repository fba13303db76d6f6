"""Id maps, alone and with label maps: closed forms of what is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api

from tests.conftest import REPOSITORY
from tests.tools.objects_lib.files import (
    IDS,
    LABELS,
    add,
    content,
    names,
    panoptic_map,
    segments,
    write_map,
)

NUCLEI = ("--things", "nucleus", "--background", "background")
LABEL_MAPS = ("--label-maps", "annotations")


@pytest.fixture
def root(tmp_path):
    """Image a for training and image b for validation, in folders."""
    add(tmp_path, "train/a", "val/b", labels=LABELS)
    return tmp_path


def areas(root):
    """Category and area of each segment."""
    return {x: row[:2] for x, row in segments(root).items()}


def test_objects_and_background(root, convert):
    add(root, "train/deep/er", ids=np.zeros((2, 3)))
    text = convert(root, *NUCLEI, "--workers", "2")
    assert segments(root) == {
        1: (2, 10, [0, 0, 5, 4], 0),  # the first id that is free
        3: (1, 2, [0, 1, 5, 3], 0),  # both its parts
        7: (1, 8, [1, 0, 3, 3], 0),  # 9 pixels less the hole
    }
    assert panoptic_map(root).tolist() == np.where(np.equal(IDS, 0), 1, IDS).tolist()
    assert segments(root, place=1) == {1: (2, 6, [0, 0, 3, 2], 0)}
    assert panoptic_map(root, "deep/er.png").tolist() == [[1] * 3] * 2
    files = content(root, "panoptic"), content(root, "instances")
    images = [
        dict(id=1, file_name="a.jpg", height=4, width=5),
        dict(id=2, file_name="deep/er.jpg", height=2, width=3),
    ]
    assert [file["images"] for file in files] == [images, images]
    assert files[0]["categories"] == [
        dict(id=1, name="nucleus", isthing=1),
        dict(id=2, name="background", isthing=0),
    ]
    assert files[1]["categories"] == [dict(id=1, name="nucleus")]
    for row, number in zip(files[1]["annotations"], (3, 7), strict=True):
        mask = mask_api.decode(row["segmentation"])
        assert mask.tolist() == np.equal(IDS, number).tolist()
        assert row["area"] == mask.sum()
    assert [x["id"] for x in files[1]["annotations"]] == [1, 2]
    assert "train: 2 images, 1 of them without an object; 2 objects, 0 of" in text
    assert "At most 3 segments in an image; 0 images have more than 100" in text
    # 10 of 26 pixels
    assert re.search(r"\| +nucleus +\| thing \| +2 +\| +1 +\| 38\.46 % \|", text)


def test_without_a_background_the_rest_is_void(root, convert):
    write_map(root / "id_maps/val/b.png", np.not_equal(IDS, 0) * 255)  # a mask
    text = convert(root, "--things", "nucleus")
    assert sorted(segments(root)) == [3, 7]
    assert panoptic_map(root).tolist() == IDS
    assert text.count("Void: 50.00 % of the pixels.") == 2
    assert text.count("No image has more than one object: if maps are masks") == 1


@pytest.mark.parametrize(
    ("suffix", "kind", "step"),
    [
        (".png", "uint16", 9_000),
        (".tif", "uint8", 1),
        (".tif", "int32", 2_000_000),
        (".tif", "uint32", 2_000_000),
        (".npy", "int64", 2_000_000),
        ("palette", "", 1),
    ],
)
def test_every_integer_file_keeps_its_ids(root, convert, suffix, kind, step):
    path, ids = root / "id_maps/train/a.png", step * np.array(IDS)
    path.unlink()
    if suffix == "palette":
        indices = Image.fromarray(np.uint8(ids))
        indices.putpalette([5, 5, 5] * 256)  # of one colour
        indices.save(path)
    else:
        write_map(path.with_suffix(suffix), ids, kind)
    convert(root, "--things", "nucleus")
    assert panoptic_map(root).tolist() == ids.tolist()
    assert areas(root) == {3 * step: (1, 2), 7 * step: (1, 8)}


def test_ids_are_colours_or_void_where_it_is_said(root, convert):
    for path in root.glob("id_maps/*/*.png"):
        red_blue = np.stack([np.array(IDS), 0 * np.array(IDS), np.array(IDS)], axis=-1)
        Image.fromarray(red_blue.astype(np.uint8)).save(path)
    # 3 + 65536 * 3 and 7 + 65536 * 7
    convert(root, *NUCLEI, "--id-colours", "--void-id", "458759")
    assert areas(root) == {1: (2, 10), 196_611: (1, 2)}
    assert (panoptic_map(root) == 0).sum() == 8


def test_label_maps_say_classes_and_stuff(root, convert):
    things = root / "things.txt"
    things.write_text("1=living cell\n\n2=dust\n", encoding="utf-8-sig")
    text = convert(root, *LABEL_MAPS, "--things", f"@{things}", "--stuff", "5=glass")
    assert segments(root) == {
        1: (3, 6, [0, 0, 5, 4], 0),  # glass outside of objects
        3: (2, 2, [0, 1, 5, 3], 0),  # dust
        7: (1, 8, [1, 0, 3, 3], 0),  # cell, by 6 of its 8 pixels
    }
    categories = content(root, "panoptic")["categories"]
    assert [x["name"] for x in categories] == ["living cell", "dust", "glass"]
    path = root / "id_maps/train/a.png"
    assert (
        f"1 objects have pixels of several classes of things and got that of the "
        f"majority: 7 of {path}." in text
    )
    # of object 7 one pixel is dust and one is glass
    assert "2 pixels (10.00 %) lie in objects and have a label of another" in text
    # the hole, labelled cell, and two of dust
    assert "3 pixels (15.00 %) have the label of a thing and no object" in text
    assert "Void: 20.00 % of the pixels." in text  # these and one of 255


def test_values_may_share_a_name(root, convert):
    things = ("--things", "1=cell", "2=cell", "--stuff", "5=glass", "255=glass")
    text = convert(root, *LABEL_MAPS, *things)
    assert areas(root) == {1: (2, 7), 3: (1, 2), 7: (1, 8)}
    assert "several classes" not in text


def test_objects_may_have_one_class_on_labelled_stuff(root, convert):
    stuff = ("--stuff", "1=water", "2=sand", "5=glass")
    text = convert(root, *LABEL_MAPS, "--things", "cell", *stuff)
    # the hole is water, two pixels are sand
    assert areas(root) == {
        1: (2, 1),
        2: (3, 2),
        3: (1, 2),
        4: (4, 6),
        7: (1, 8),
    }
    assert "10 pixels (50.00 %) lie in objects" in text


def test_the_config_of_the_page_is_printed(tmp_path, monkeypatch, convert):
    root = Path("data/mine")
    monkeypatch.chdir(tmp_path)
    add(root, *"abcde", labels=np.where(np.equal(LABELS, 5), 0, LABELS))
    page = (REPOSITORY / "docs/data.md").read_text()
    command = re.findall(r"to_panoptic\.py data/mine (.*?)\n(?=#|`)", page, re.S)[1]
    text = convert(root, *command.replace("\\\n", "").split())
    code = re.search(r"```python\n(_base_ = .*?)```", page, re.S)[1]
    assert text.split("A config:\n\n")[1] == code
    assert "train: 4 images" in text


def test_a_share_is_drawn_by_the_seed(tmp_path, convert):
    add(tmp_path, *"abcdefghij")
    found = []
    for seed in (0, 0, 1):
        options = ("--things", "nucleus", "--val-share", "0.3", "--seed", seed)
        convert(tmp_path, *options, "--force")
        both = [*names(tmp_path, "val"), *names(tmp_path, "train")]
        assert sorted(both) == [f"{x}.jpg" for x in "abcdefghij"]
        found.append(names(tmp_path, "val"))
    assert [len(x) for x in found] == [3, 3, 3]
    assert found[0] == found[1] != found[2]


def test_a_list_names_the_images_of_validation(tmp_path, convert):
    add(tmp_path, "a", "b.1", "c")
    (tmp_path / "val.txt").write_text("\ufeffb.1\n\nc.jpg\n", encoding="utf-8")
    convert(tmp_path, "--things", "nucleus", "--val-list", "val.txt")
    assert names(tmp_path, "train") == ["a.jpg"]
    assert names(tmp_path, "val") == ["b.1.jpg", "c.jpg"]
