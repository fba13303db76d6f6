"""Instances are matched once, surest first, and a threshold leaves some of them out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mmdet")
from pycocotools import mask as codes
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from query_lib.score_curve import _recorded

pytestmark = pytest.mark.mmdet


def square(column, width=4, **values):
    """An object in 4 rows of the picture, of class 1."""
    mask = np.zeros((4, 40), np.uint8, order="F")
    mask[:, column : column + width] = 1
    found = dict(image_id=1, category_id=1, segmentation=codes.encode(mask), iscrowd=0)
    return found | dict(area=4 * width) | values


def index(objects):
    content = dict(images=[dict(id=1, height=4, width=40)], annotations=objects)
    found = COCO()
    found.dataset = content | dict(categories=[dict(id=1), dict(id=2)])
    for number, row in enumerate(objects, start=1):
        row["id"] = number
    found.createIndex()
    return found


@pytest.mark.parametrize(
    ("score_thr", "right", "found"),
    [(0.0, 2, 4), (0.45, 2, 4), (0.55, 2, 3), (0.6, 2, 3), (0.65, 1, 2), (0.95, 0, 0)],
)
def test_what_scores_from_a_threshold_on_find(score_thr, right, found):
    """Three objects and a crowd.

    Instances: one that equals the first object, one that equals it too and comes late,
    one in the crowd, which counts as nothing, one that is half of the second object,
    and one of another class than the third object.
    """
    truth = index([square(0), square(10), square(20), square(30, iscrowd=1)])
    surest = [(square(0), 0.9), (square(0), 0.8), (square(31, 2), 0.7)]
    others = [(square(10, 2), 0.6), (square(20, category_id=2), 0.5)]
    rows = [row | dict(score=score) for row, score in [*surest, *others]]
    evaluation = COCOeval(truth, index(rows), "segm")
    evaluation.params.iouThrs = np.array([0.5])
    with _recorded() as matches:
        evaluation.evaluate()
    assert matches[0].objects == 3
    values = matches[0].at(score_thr)
    wanted = dict(recall=100 * right / 3, F1=200 * right / (found + 3))
    wanted["precision"] = 100 * right / found if found else np.nan
    assert values == pytest.approx(wanted, nan_ok=True)
