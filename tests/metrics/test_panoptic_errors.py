"""Kinds of errors and confused classes of two images, counted by hand."""

from __future__ import annotations

import csv

import pytest
from mmengine.evaluator import Evaluator

from tests.helpers.quality import FOUR_CLASSES, images_of_known_quality, labelled_sample


def read(path):
    with path.open() as file:
        return list(csv.reader(file))


def test_kinds_confusion_and_worst_images(tmp_path):
    """First image: road with an IoU of 1/2. Second: car, 4 pixels, on 3 of road."""
    metric = dict(type="mmseg_maskformer.PanopticErrors", out=str(tmp_path / "out"))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = FOUR_CLASSES
    right = [[0, 0, 0, 0], [0, 1, 1, 1]]
    evaluator.process([labelled_sample(right, right), *images_of_known_quality()])
    assert evaluator.evaluate(3) == {
        "inaccurate (true)": 1,
        "inaccurate (predicted)": 1,
        "wrong class (true)": 1,
        "wrong class (predicted)": 1,
    }
    assert read(tmp_path / "out/errors.csv")[1:] == [
        ["road", "wrong class", "small", "1", "0"],
        ["road", "inaccurate", "small", "1", "1"],
        ["car", "wrong class", "small", "0", "1"],
    ]
    header, *rows = read(tmp_path / "out/confusion.csv")
    assert header[1:] == ["sky", "road", "car", "tree", "void"]
    assert {row[0]: list(map(int, row[1:])) for row in rows} == {
        "sky": [7 + 5, 1, 1, 0, 0],  # the third image is right: 5 and 3 pixels
        "road": [0, 1 + 3, 3, 0, 0],
        "car": [0, 0, 1, 0, 0],
        "tree": [0, 0, 0, 0, 0],
        "void": [0, 0, 2, 0, 0],
    }
    assert [row[:2] for row in read(tmp_path / "out/images.csv")[1:]] == [
        ["2", "1"],
        ["2", "2"],
        ["0", "0"],
    ]


@pytest.mark.parametrize(
    ("meta", "result"),
    [({}, "pred_sem_seg"), (dict(thing_classes=("sky",)), "gt_segment_map")],
)
def test_a_sample_without_a_map_is_refused_in_the_name_of_the_metric(meta, result):
    evaluator = Evaluator(dict(type="mmseg_maskformer.PanopticErrors"))
    evaluator.dataset_meta = FOUR_CLASSES | meta
    image = labelled_sample([[0]], [[0]])
    del image.pred_sem_seg
    with pytest.raises(KeyError, match=rf"PanopticErrors needs {result} .* a\.jpg"):
        evaluator.process([image])
