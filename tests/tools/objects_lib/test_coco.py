"""COCO's instances: overlaps, crowds, and the stuff of label maps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as mask_api

from tests.tools.objects_lib.files import (
    content,
    panoptic_map,
    segments,
    write_image,
    write_map,
)

CELL, DUST = 4, 9
CATEGORIES = [dict(id=DUST, name="dust"), dict(id=CELL, name="cell")]


def code(*places):
    """An uncompressed run-length code of (4, 6) pixels, 1 in these rows and columns."""
    mask = np.zeros((4, 6), int)
    for rows, columns in places:
        mask[rows, columns] = 1
    pixels = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels, prepend=0, append=pixels[-1]))
    counts = np.diff(edges, prepend=0, append=24).tolist()
    return dict(size=[4, 6], counts=counts)


def objects():
    """Five objects of an image; the numbers are their order in the file, from 1."""
    return [
        dict(category_id=CELL, segmentation=[[0, 0, 4, 0, 4, 4, 0, 4]]),  # 16 pixels
        dict(category_id=DUST, segmentation=code((slice(2), slice(3, 5)))),
        dict(category_id=DUST, segmentation=code((slice(1, 3), slice(4, 6)))),
        dict(category_id=CELL, segmentation=code((slice(1, 3), slice(4, 6)))),
        dict(category_id=CELL, segmentation=code((3, slice(6))), iscrowd=1),
    ]


PAINTED = [
    [1, 1, 1, 2, 2, 0],  # dust is smaller than the cell
    [1, 1, 1, 2, 4, 4],  # object 4 is as large as 2 and 3, and later
    [1, 1, 1, 1, 4, 4],
    [1, 1, 1, 1, 5, 5],  # a crowd is below, though it is smaller
]


def write_coco(root, name="all.json", images=("a.jpg", "b.jpg"), folder="images"):
    rows = [
        dict(id=place, file_name=x, height=4, width=6)
        for place, x in enumerate(images, start=11)
    ]
    found = [dict(x, image_id=image["id"]) for image in rows for x in objects()]
    for place, row in enumerate(found):
        row["id"] = 900_100_000_000 + place
    text = json.dumps(dict(images=rows, annotations=found, categories=CATEGORIES))
    (root / name).write_text(text)
    for image in images:
        write_image(root / folder / image, (4, 6))


@pytest.fixture
def root(tmp_path):
    """Two images in one folder, listed by one file, and their label maps.

    Stuff is 5; of the three pixels of the thing 3 two are of the object 4, a cell.
    """
    write_coco(tmp_path)
    labels = np.full((4, 6), 5)
    labels[1, 3:] = 3
    for name in ("a.png", "b.png"):
        write_map(tmp_path / "annotations" / name, labels)
    return tmp_path


ONE_FILE = ("--coco", "all.json", "--val-share", "0.5")
LABELLED = ("--label-maps", "annotations", "--stuff", "5=glass", "--things")


def test_overlaps_are_settled_in_the_map_and_kept_in_the_file(root, convert):
    text = convert(root, *ONE_FILE, "--background", "background")
    assert segments(root) == {
        1: (CELL, 14, [0, 0, 4, 4], 0),
        2: (DUST, 3, [3, 0, 2, 2], 0),
        4: (CELL, 4, [4, 1, 2, 2], 0),
        5: (CELL, 2, [4, 3, 2, 1], 1),
        6: (10, 1, [5, 0, 1, 1], 0),  # 3 is an object, though it is covered
    }
    name = content(root, "panoptic")["annotations"][0]["file_name"]
    ids = panoptic_map(root, name)
    assert np.where(ids == 6, 0, ids).tolist() == PAINTED
    rows = content(root, "instances")["annotations"]
    assert [x["area"] for x in rows] == [16, 4, 4, 4, 6]
    assert [x["iscrowd"] for x in rows] == [0, 0, 0, 0, 1]
    assert mask_api.decode(rows[1]["segmentation"]).tolist() == [
        [0, 0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1, 0],
        [0] * 6,
        [0] * 6,
    ]
    assert content(root, "instances")["categories"] == CATEGORIES
    assert [x["id"] for x in content(root, "panoptic")["categories"]] == [9, 4, 10]
    assert "5 objects, 1 of them crowds; at most 5 in an image" in text
    assert text.count("1 objects are covered altogether by others") == 2


def test_label_maps_say_the_stuff(root, convert):
    text = convert(root, *ONE_FILE, *LABELLED, "3=dust")
    assert segments(root)[6] == (10, 1, [5, 0, 1, 1], 0)
    # 23 pixels lie in objects; (1, 3) is dust and labelled so
    assert "22 pixels (91.67 %) lie in objects and have a label of another" in text
    assert "no object" not in text
    for name in ("a.png", "b.png"):
        write_map(root / "annotations" / name, np.full((4, 6), 3))
    text = convert(root, *ONE_FILE, *LABELLED, "3=dust", "--force")
    assert sorted(segments(root)) == [1, 2, 4, 5]
    assert "1 pixels (4.17 %) have the label of a thing and no object" in text
    assert "Void: 4.17 %" in text


def test_two_files_are_the_splits(tmp_path, convert, refused):
    write_coco(tmp_path, "one.json", ["a.jpg"], "images/train")
    write_coco(tmp_path, "two.json", ["b.jpg"], "images/val")
    write_image(tmp_path / "images/test/c.jpg", (4, 6))
    text = convert(tmp_path, "--coco", "one.json", "two.json")
    assert content(tmp_path, "panoptic", "val")["images"][0]["file_name"] == "b.jpg"
    assert content(tmp_path, "panoptic", "val")["images"][0]["id"] == 11
    assert f"1 images are not converted: {tmp_path / 'images/test/c.jpg'}." in text
    text = (tmp_path / "two.json").read_text().replace('"cell"', '"fly"')
    (tmp_path / "two.json").write_text(text)
    message = r"one.json and .*two.json have different categories, dust, cell and dust"
    refused(message, tmp_path, "--force", "--coco", "one.json", "two.json")


def test_a_group_of_categories_is_no_class(root, convert):
    given = json.loads((root / "all.json").read_text())
    grouped = [dict(x, supercategory="all") for x in CATEGORIES]
    given["categories"] = [
        dict(id=0, name="all", supercategory="none"),
        dict(id=1, name="dust", supercategory="none"),  # a group, as all is
        *(dict(x, supercategory=x["name"]) for x in CATEGORIES[:1]),
        *grouped[1:],
        dict(id=77, name="fly", supercategory="fly"),  # has no object either
        dict(id=78, name="moth", supercategory="cell"),  # which has objects
    ]
    (root / "all.json").write_text(json.dumps(given))
    text = convert(root, *ONE_FILE)
    assert "Categories that only group others are no classes: all." in text
    found = content(root, "instances")["categories"]
    assert found == [*CATEGORIES, dict(id=77, name="fly"), dict(id=78, name="moth")]
    labels = ("--label-maps", "annotations", "--stuff", "5=glass")
    things = ("--things", "3=dust", "7=all")  # that of a class is one
    convert(root, *ONE_FILE, *labels, *things, "--force")
    found = content(root, "instances")["categories"]
    assert [x["name"] for x in found] == ["all", "dust", "cell", "fly", "moth"]


def test_the_files_size_may_be_absent(root, convert):
    path = root / "all.json"
    text = path.read_text().replace('"height": 4, "width": 6', '"height": null')
    path.write_text(text)
    convert(root, *ONE_FILE)
    image = content(root, "panoptic")["images"][0]
    assert (image["height"], image["width"]) == (4, 6)


def test_images_that_the_file_names_wrongly_are_named(root, refused):
    text = (root / "all.json").read_text()
    write_image(root / "images/b.png", (4, 6))
    for name, message in {
        "c.jpg": r"all\.json lists 1 of 2 images that are not below .*images: c\.jpg",
        "../a.jpg": r"all\.json lists 1 of 2 images .*images: \.\./a\.jpg",
        "b.png": r"all\.json has .*b\.png and .*b\.jpg, of the same name but",
        "b.jpg": r"all\.json lists the image .*b\.jpg twice: give its annotations the",
    }.items():
        (root / "all.json").write_text(text.replace("a.jpg", name))
        refused(message, root, *ONE_FILE)
    (root / "all.json").write_text(text)
    write_image(root / "images/a.jpg", (6, 4))
    message = r"The entry 11 of COCO's instances has 4 x 6 pix.*a\.jpg has 6 x 4.*EXIF"
    refused(message, root, *ONE_FILE)


def test_classes_that_do_not_fit_the_file_are_named(root, refused):
    for message, options in {
        "--things fly: .* have the categories dust, cell,": (*LABELLED, "3=fly"),
        "cell has no value of the label maps": ("--things", "cell"),
        "dust is a class of things and one of stuff": ("--background", "dust"),
    }.items():
        refused(message, root, *ONE_FILE, *options)
    (root / "annotations/a.png").unlink()
    message = r"1 of 2 images have no label map of their name in .*tions: .*a\.jpg"
    refused(message, root, *ONE_FILE, *LABELLED, "3=dust")
