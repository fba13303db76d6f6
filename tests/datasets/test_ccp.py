"""Clothing Co-Parsing: labels merged when they are read."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.ccp import LABELS, CCPDataset, merged
from mmseg_maskformer.engine.results.label_maps import LabelValues

LOAD = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadLabelMap"),
]


def dataset(root, split="val", **kwargs):
    prefix = dict(img_path=f"images/{split}", seg_map_path=f"annotations/{split}")
    with DefaultScope.overwrite_default_scope("mmseg"):
        return CCPDataset(data_root=str(root), data_prefix=prefix, **kwargs)


@pytest.fixture
def root(tmp_path):
    """One image whose labels are background, blazer, hair, skin, clogs and 60."""
    for kind in ("images", "annotations"):
        (tmp_path / kind / "val").mkdir(parents=True)
    Image.new("RGB", (6, 1)).save(tmp_path / "images/val/a.jpg")
    labels = Image.fromarray(np.uint8([[0, 4, 19, 41, 12, 60]]))
    labels.save(tmp_path / "annotations/val/a.png")
    return tmp_path


@pytest.mark.parametrize(
    ("num_classes", "expected"),
    [
        # The 12th label, clogs, does not occur: those after it move up by one, and
        # from the 23rd on by two; it is void itself.
        (55, [0, 4, 18, 38, 255, 60]),
        (22, [0, 4, 13, 20, 10, 60]),  # clogs are shoes
        (9, [0, 2, 6, 8, 4, 60]),
        (3, [0, 1, 2, 2, 1, 60]),
    ],
)
def test_labels_become_classes_and_what_is_no_label_stays(root, num_classes, expected):
    found = dataset(root, num_classes=num_classes, pipeline=LOAD)
    assert found[0]["gt_seg_map"].tolist() == [expected]
    assert len(found.metainfo["classes"]) == num_classes
    assert len({tuple(x) for x in found.metainfo["palette"]}) == num_classes


@pytest.mark.parametrize(
    ("num_classes", "values"),
    [(55, [0, 11, 13, 58]), (22, [0, 11, 12, 255]), (3, [0, 255, 255, 255])],
)
def test_values_of_results_are_labels_and_of_merged_ones_classes(num_classes, values):
    """Of 55 classes the 12th is label 13, since label 12 does not occur."""
    found = LabelValues.of(dataset("", num_classes=num_classes, lazy_init=True))
    assert found.encode(np.array([0, 11, 12, 54])).tolist() == values


def test_names_follow_their_labels():
    names, new = merged(55)
    for row in LABELS:
        label = new[int(row["index"])]
        assert label == 255 or names[label] == row["name"]
    assert [x for x, label in new.items() if label == 255] == [12, 23, 30, 50]
    assert merged(3)[0] == ["background", "clothes", "body"]


def test_another_number_of_classes_is_refused(root):
    with pytest.raises(ValueError, match="num_classes=30: .* 55, 22, 9 or 3 classes"):
        dataset(root, num_classes=30)


@pytest.mark.parametrize("num_classes", [22, 9, 3])
def test_merges_are_those_of_the_data(shared_data, num_classes):
    with (shared_data / f"ccp/merge_{num_classes}.tsv").open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    names, new = merged(num_classes)
    assert new == {int(x["index"]): int(x["merged index"]) for x in rows}
    assert all(names[int(x["merged index"])] == x["merged name"] for x in rows)


def test_real_data_have_the_stated_files_and_frequencies(shared_data):
    assert len(dataset(shared_data / "ccp")) == 200
    found = dataset(shared_data / "ccp", "train", pipeline=LOAD[1:])
    assert len(found) == 804
    counts = np.zeros(55, dtype=int)
    for info in map(found.get_data_info, range(804)):
        with Image.open(info["seg_map_path"]) as labels:
            seen = np.unique(np.asarray(labels)).tolist()
        counts[[found.label_map[label] for label in seen]] += 1
    assert tuple(counts) == found.metainfo["train_images"]
    assert round(counts.sum() / 804, 2) == 8.25  # classes of an image
