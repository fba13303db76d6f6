"""COCO panoptic to label maps: classes in the order of the ids of the categories."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dataset_converters.coco_semantic import contiguous, prepare_coco_semantic
from tests.scripts import run_script

TOOL = "dataset_converters/coco_semantic.py"
# Ids: 7 of category 200, 7 + 256 of category 1 (a crowd), 65536 of category 92; 0 void.
COLOURS = [[[7, 0, 0], [7, 1, 0]], [[0, 0, 1], [0, 0, 0]]]


@pytest.fixture
def root(tmp_path):
    """A validation split of one image."""
    rows = [(7, 200, 0), (7 + 256, 1, 1), (65536, 92, 0)]
    segments = [dict(id=x, category_id=y, iscrowd=z) for x, y, z in rows]
    content = dict(
        images=[dict(id=1, file_name="a.jpg")],
        annotations=[dict(image_id=1, file_name="a.png", segments_info=segments)],
        categories=[dict(id=x) for x in (92, 1, 200)],
    )
    (tmp_path / "annotations").mkdir()
    (tmp_path / "panoptic_val2017").mkdir()
    path = tmp_path / "annotations/panoptic_val2017.json"
    path.write_text(json.dumps(content))
    Image.fromarray(np.uint8(COLOURS)).save(tmp_path / "panoptic_val2017/a.png")
    return tmp_path


def test_every_segment_gets_its_class(root, monkeypatch, capsys):
    run_script(monkeypatch, TOOL, root)
    assert "1 label maps of 3 classes." in capsys.readouterr().out
    labels = Image.open(root / "panoptic_semseg_val2017/a.png")
    assert np.asarray(labels).tolist() == [[2, 0], [1, 255]]
    assert not (root / "panoptic_semseg_train2017").exists()


def test_repetition_does_only_what_is_missing(root, capsys):
    prepare_coco_semantic(root)
    prepare_coco_semantic(root)
    assert "val2017: converting 0 maps, 1 are finished" in capsys.readouterr().out


def test_an_id_that_is_not_listed_is_named(root):
    path = root / "panoptic_val2017/a.png"
    Image.fromarray(np.uint8(COLOURS) + np.uint8(1)).save(path)
    with pytest.raises(ValueError, match=f"Pixels of {path} have the id 65793, which"):
        prepare_coco_semantic(root)


def test_missing_annotations_are_named(tmp_path):
    with pytest.raises(OSError, match=r"panoptic_val2017.json does not exist"):
        prepare_coco_semantic(tmp_path)


def test_too_many_categories_are_refused(tmp_path):
    with pytest.raises(ValueError, match="lists 256 categories; label maps of 8 bits"):
        contiguous(tmp_path, [dict(id=x) for x in range(256)])
