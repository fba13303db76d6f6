"""Polygons inside others, which some tools write as holes, are counted."""

from __future__ import annotations

import pytest

pytest.importorskip("mmdet")
from mmseg_maskformer.datasets.coco import files as coco_files
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.objects import prepare_objects
from tests.perfect import instances

pytestmark = pytest.mark.mmdet


def square(x, y, side):
    return [x, y, x + side, y, x + side, y + side, x, y + side]


BOX, SHIFTED, INSIDE = square(10, 10, 10), square(15, 10, 10), square(12, 12, 2)
MANY = [square(x, y, 2) for x in range(0, 140, 4) for y in range(0, 90, 10)]


@pytest.mark.parametrize(
    ("parts", "others", "levels"),
    [
        ([BOX, INSIDE], 0, [30]),
        ([BOX, INSIDE], 100, [20]),  # one in 101
        ([BOX, SHIFTED], 0, []),  # they overlap, and each adds something
        ([SHIFTED, BOX, BOX], 0, [30]),
        (MANY, 0, []),  # 315 that do not touch
        ([*MANY, MANY[0]], 0, [30]),
    ],
)
def test_polygons_that_add_nothing_are_counted(monkeypatch, parts, others, levels):
    said = []
    monkeypatch.setattr(coco_files, "print_log", lambda *given: said.append(given))
    content = instances()
    row = content["annotations"][0]
    rows = [parts, *others * [[BOX]]]
    content["annotations"] = [dict(row, segmentation=x) for x in rows]
    prepare_objects(CocoFile(content, "a.json"))
    found = [level for text, _, level in said if "polygon inside another" in text]
    assert found == levels
