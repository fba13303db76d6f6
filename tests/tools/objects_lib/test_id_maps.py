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
    add_both,
    content,
    converted,
    panoptic_map,
    segments,
    write_image,
    write_map,
)

NUCLEI = ("--things", "nucleus", "--background", "background")
LABELLED = (
    *("--label-maps", "annotations", "--things", "1=cell", "2=dust"),
    *("--stuff", "5=glass"),
)


def test_objects_and_background(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    text = converted(monkeypatch, capsys, tmp_path, *NUCLEI)
    assert segments(tmp_path) == {
        1: (2, 10, [0, 0, 5, 4], 0),  # the first id that is free
        3: (1, 2, [0, 1, 5, 3], 0),  # both its parts
        7: (1, 8, [1, 0, 3, 3], 0),  # 9 pixels less the hole
    }
    assert (
        panoptic_map(tmp_path, "a.png").tolist()
        == np.where(np.array(IDS) == 0, 1, IDS).tolist()
    )
    files = content(tmp_path, "panoptic"), content(tmp_path, "instances")
    image = dict(id=1, file_name="a.jpg", height=4, width=5)
    assert [file["images"] for file in files] == [[image], [image]]
    assert files[0]["categories"] == [
        dict(id=1, name="nucleus", isthing=1),
        dict(id=2, name="background", isthing=0),
    ]
    assert files[1]["categories"] == [dict(id=1, name="nucleus")]
    for row, number in zip(files[1]["annotations"], (3, 7), strict=True):
        mask = mask_api.decode(row["segmentation"])
        assert mask.tolist() == (np.array(IDS) == number).tolist()
        assert row["area"] == mask.sum()
    assert [x["id"] for x in files[1]["annotations"]] == [1, 2]
    assert "train: 1 images, 0 of them without an object; 2 objects, 0 of" in text
    assert "At most 3 segments in an image; 0 images have more than 100" in text
    # 10 of 20 pixels
    assert "  nucleus     thing         2       1   50.00 %" in text


def test_without_a_background_the_rest_is_void(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    text = converted(monkeypatch, capsys, tmp_path, "--things", "nucleus")
    assert sorted(segments(tmp_path)) == [3, 7]
    assert panoptic_map(tmp_path, "a.png").tolist() == IDS
    assert text.count("Void: 50.00 % of the pixels.") == 2


@pytest.mark.parametrize(
    ("suffix", "kind", "step"),
    [
        (".png", "uint16", 9_000),
        (".tif", "uint8", 1),
        (".tif", "uint16", 9_000),
        (".tif", "int32", 2_000_000),
        (".tif", "uint32", 2_000_000),
        (".npy", "int64", 2_000_000),
    ],
)
def test_every_integer_file_keeps_its_ids(
    tmp_path, monkeypatch, capsys, suffix, kind, step
):
    for name in ("train/a", "val/b"):
        write_image(tmp_path / f"images/{name}.png", (4, 5))
        ids = step * np.array(IDS)
        write_map(tmp_path / f"id_maps/{name}{suffix}", ids, kind)
    converted(monkeypatch, capsys, tmp_path, "--things", "nucleus")
    assert panoptic_map(tmp_path, "a.png").tolist() == (step * np.array(IDS)).tolist()
    areas = {number: row[1] for number, row in segments(tmp_path).items()}
    assert areas == {3 * step: 2, 7 * step: 8}


def test_of_a_palette_the_indices_are_ids(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    indices = Image.fromarray(np.uint8(IDS))
    indices.putpalette([5, 5, 5] * 256)  # of one colour
    indices.save(tmp_path / "id_maps/train/a.png")
    converted(monkeypatch, capsys, tmp_path, "--things", "nucleus")
    assert panoptic_map(tmp_path, "a.png").tolist() == IDS


def test_colours_are_ids_where_it_is_said(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    for path in tmp_path.glob("id_maps/*/*.png"):
        red_blue = np.stack([np.array(IDS), 0 * np.array(IDS), np.array(IDS)], axis=-1)
        Image.fromarray(red_blue.astype(np.uint8)).save(path)
    converted(monkeypatch, capsys, tmp_path, "--things", "nucleus", "--id-colours")
    # 7 + 65536 * 7 and 3 + 65536 * 3
    assert sorted(segments(tmp_path)) == [196_611, 458_759]


def test_void_ids_are_neither_object_nor_background(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    converted(monkeypatch, capsys, tmp_path, *NUCLEI, "--void-id", "7")
    assert {x: row[1] for x, row in segments(tmp_path).items()} == {1: 10, 3: 2}
    assert (panoptic_map(tmp_path, "a.png") == 0).sum() == 8


def test_label_maps_say_classes_and_stuff(tmp_path, monkeypatch, capsys):
    add_both(tmp_path, labels=LABELS)
    text = converted(monkeypatch, capsys, tmp_path, *LABELLED)
    assert segments(tmp_path) == {
        1: (3, 6, [0, 0, 5, 4], 0),  # glass outside of objects
        3: (2, 2, [0, 1, 5, 3], 0),  # dust
        7: (1, 8, [1, 0, 3, 3], 0),  # cell, by 6 of its 8 pixels
    }
    names = [x["name"] for x in content(tmp_path, "panoptic")["categories"]]
    assert names == ["cell", "dust", "glass"]
    path = tmp_path / "id_maps/train/a.png"
    assert (
        f"1 objects have pixels of several classes of things and got that of the "
        f"majority: 7 of {path}." in text
    )
    # of object 7 one pixel is dust and one is glass
    assert "2 pixels (10.00 %) lie in objects and have a label of another" in text
    # the hole, labelled cell, and two of dust
    assert "3 pixels (15.00 %) have the label of a thing and no object" in text
    assert "Void: 20.00 % of the pixels." in text  # these and one of 255


def test_the_config_of_the_page_is_printed(tmp_path, monkeypatch, capsys):
    root = Path("data/mine")
    monkeypatch.chdir(tmp_path)
    for name in "abcde":
        add(root, name, labels=np.where(np.equal(LABELS, 5), 0, LABELS))
    page = (REPOSITORY / "docs/data.md").read_text()
    command = re.findall(r"to_panoptic\.py data/mine (.*?)\n(?=#|`)", page, re.S)[1]
    options = command.replace("\\\n", "").split()
    text = converted(monkeypatch, capsys, root, *options)
    code = re.search(r"```python\n(_base_ = .*?)```", page, re.S)[1]
    assert text.split("A config:\n\n")[1] == code
    assert "train: 4 images" in text


def test_one_class_of_objects_on_labelled_stuff(tmp_path, monkeypatch, capsys):
    add_both(tmp_path, labels=np.full((4, 5), 5))
    text = converted(
        monkeypatch,
        capsys,
        tmp_path,
        *("--label-maps", "annotations", "--things", "cell", "--stuff", "5=glass"),
    )
    assert {x: row[:2] for x, row in segments(tmp_path).items()} == {
        1: (2, 10),
        3: (1, 2),
        7: (1, 8),
    }
    assert "10 pixels (50.00 %) lie in objects" in text


def test_values_may_share_a_name(tmp_path, monkeypatch, capsys):
    add_both(tmp_path, labels=LABELS)
    things = ("--things", "1=cell", "2=cell", "--stuff", "5=glass", "255=glass")
    text = converted(
        monkeypatch, capsys, tmp_path, "--label-maps", "annotations", *things
    )
    assert {x: row[:2] for x, row in segments(tmp_path).items()} == {
        1: (2, 7),
        3: (1, 2),
        7: (1, 8),
    }
    assert "several classes" not in text


def test_classes_may_stand_in_a_file(tmp_path, monkeypatch, capsys):
    add_both(tmp_path, labels=LABELS)
    listing = tmp_path / "things.txt"
    listing.write_text("1=living cell\n2=dust\n")
    options = ("--label-maps", "annotations", "--things", f"@{listing}", "--stuff")
    converted(monkeypatch, capsys, tmp_path, *options, "5=glass")
    names = [x["name"] for x in content(tmp_path, "instances")["categories"]]
    assert names == ["living cell", "dust"]


def test_an_image_without_objects_stays(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    add(tmp_path, "train/deep/er", ids=np.zeros((2, 3)))
    text = converted(monkeypatch, capsys, tmp_path, *NUCLEI, "--workers", "2")
    assert segments(tmp_path, place=1) == {1: (2, 6, [0, 0, 3, 2], 0)}
    assert panoptic_map(tmp_path, "deep/er.png").tolist() == [[1] * 3] * 2
    images = content(tmp_path, "instances")["images"]
    assert [x["file_name"] for x in images] == ["a.jpg", "deep/er.jpg"]
    assert "train: 2 images, 1 of them without an object" in text


def test_masks_that_are_taken_for_ids_are_noticed(tmp_path, monkeypatch, capsys):
    add_both(tmp_path, ids=(np.array(IDS) > 0) * 255)
    text = converted(monkeypatch, capsys, tmp_path, *NUCLEI)
    assert text.count("No image has more than one object: if maps are masks") == 2
