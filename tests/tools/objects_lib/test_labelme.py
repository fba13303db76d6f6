"""LabelMe's files, by the code of docs/data.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.pages import python_blocks
from tests.tools.objects_lib.files import content, write_image

_, CODE = python_blocks("docs/data.md", "Your own objects")


def corners(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def shape(label, points, kind="polygon", group=None):
    return dict(label=label, points=points, shape_type=kind, group_id=group, flags={})


def write(root, name, shapes):
    """An image of 10 x 20 pixels and LabelMe's file."""
    write_image(root / "images" / f"{name}.jpg", (10, 20))
    file = dict(imagePath=f"..\\images\\{name}.jpg", shapes=shapes)  # of Windows
    (root / "images" / f"{name}.json").write_text(json.dumps(file))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder that the code of the page reads."""
    monkeypatch.chdir(tmp_path)
    return Path("data/mine")


def test_shapes_become_objects(root, convert):
    write(
        root,
        "a",
        [
            shape("dust", [[19, 9], [16, 7]], "rectangle"),  # its corners in any order
            shape("cell", corners(1, 1, 5, 4)),
            shape("cell", corners(8, 0, 10, 2), group=1),
            shape("cell", corners(12, 0, 14, 3), group=1),
        ],
    )
    write(root, "b", [shape("cell", corners(0, 0, 3, 3), group=1)])
    exec(CODE, {})
    Path("val.txt").write_text("b")
    convert(root, "--coco", "instances.json", "--val-list", Path("val.txt").resolve())
    found = content(root, "instances")
    assert [x["name"] for x in found["categories"]] == ["cell", "dust"]
    cell, dust = (x["id"] for x in found["categories"])
    rows = [(x["category_id"], x["area"]) for x in found["annotations"]]
    # 3 x 2; 4 x 3; the two parts of group 1, 2 x 2 and 2 x 3
    assert rows == [(dust, 6), (cell, 12), (cell, 10)]
    other = content(root, "instances", "val")["annotations"]
    assert [x["area"] for x in other] == [9]  # group 1 of another image


@pytest.mark.parametrize("kind", ["line", "polygon"])
def test_shapes_without_an_area_are_named(root, kind):
    write(root, "a", [shape("cell", [[1, 1], [5, 4]], kind)])
    with pytest.raises(ValueError, match=rf"a\.json: a {kind} of 2 points is no area"):
        exec(CODE, {})
