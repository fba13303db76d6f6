"""ADE20K instance: from the two-channel maps of the release to COCO's format."""

from __future__ import annotations

import json

import pytest
from mmengine.registry import DATASETS, DefaultScope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from dataset_converters.ade20k_instance import prepare_ade20k_instance
from tests.helpers.ade20k import CATEGORY_OF_OBJECT, OBJECT_MAP, SEMANTIC_MAP, add_image
from tests.scripts import run_script

pytestmark = pytest.mark.mmdet
TOOL = "dataset_converters/ade20k_instance.py"


@pytest.fixture
def root(tmp_path):
    """A release with an image for training and one without an object."""
    add_image(tmp_path, "training", "ADE_train_00000001", SEMANTIC_MAP, OBJECT_MAP)
    add_image(tmp_path, "validation", "ADE_val_00000001", SEMANTIC_MAP, OBJECT_MAP)
    add_image(tmp_path, "validation", "ADE_val_00000002", [[0, 8]], [[0, 0]])
    return tmp_path


def test_release_becomes_objects(root, monkeypatch, capsys):
    run_script(monkeypatch, TOOL, root)
    assert "2 images, 3 objects of 2 of the 100 classes." in capsys.readouterr().out
    content = json.loads((root / "ade20k_instance_val.json").read_text())
    assert [x["id"] for x in content["images"]] == [f"ADE_val_0000000{x}" for x in "12"]
    image = dict(file_name="ADE_val_00000001.jpg", height=4, width=6)
    assert content["images"][0] == dict(id="ADE_val_00000001", **image)
    keys = ("id", "image_id", "category_id", "area", "bbox", "iscrowd")
    assert [tuple(x[key] for key in keys) for x in content["annotations"]] == [
        (1, "ADE_val_00000001", 7, 5, [3, 0, 3, 2], 0),
        (2, "ADE_val_00000001", 7, 1, [2, 1, 1, 1], 0),
        (3, "ADE_val_00000001", 12, 4, [3, 2, 2, 2], 0),
    ]
    ids = [x["id"] for x in content["categories"]]
    assert (len(ids), ids[0], ids[-1]) == (100, 7, 149)
    assert content["categories"][3] == dict(id=12, name="person")


def test_samples_of_the_data_set(root):
    """Classes are contiguous in training: bed is 0, person 3."""
    prepare_ade20k_instance(root)
    config = dict(
        type="mmseg_maskformer.ADE20KInstanceDataset",
        data_root=str(root),
        ann_file="ade20k_instance_train.json",
        data_prefix=dict(img="images/training"),
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            dict(type="PackDetInputs"),
        ],
    )
    with DefaultScope.overwrite_default_scope("mmdet"):
        (sample,) = DATASETS.build(config)
    found = sample["data_samples"].gt_instances
    assert found.labels.tolist() == [0, 0, 3]
    assert found.masks.masks[0].tolist() == [
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 1, 0],
        [0] * 6,
        [0] * 6,
    ]


def test_maps_that_break_the_format_are_named(root):
    add_image(
        root,
        "training",
        "ADE_train_00000001",
        SEMANTIC_MAP,
        OBJECT_MAP,
        0 * CATEGORY_OF_OBJECT,
    )
    message = "ADE_train_00000001.png gives object 1 the category 0"
    with pytest.raises(ValueError, match=message):
        prepare_ade20k_instance(root)
