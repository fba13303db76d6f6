"""ADE20K panoptic: from two maps of the release to samples of the data set."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.datasets import ADE20KInstanceDataset, ADE20KSegDataset

from dataset_converters.ade20k_panoptic import (
    prepare_ade20k_panoptic,
)
from mmseg_maskformer.datasets.ade20k_panoptic_classes import STUFF, THINGS
from mmseg_maskformer.datasets.class_orders import CLASS_ORDERS
from tests.helpers.ade20k import CATEGORY_OF_OBJECT, OBJECT_MAP, SEMANTIC_MAP, add_image
from tests.scripts import run_script

TOOL = "dataset_converters/ade20k_panoptic.py"

pytestmark = pytest.mark.mmdet


@pytest.fixture
def root(tmp_path):
    """A release with two images for training and one for validation."""
    add_image(tmp_path, "training", "ADE_train_00000001", SEMANTIC_MAP, OBJECT_MAP)
    add_image(tmp_path, "training", "ADE_train_00000002", [[0, 8]], [[0, 0]])
    add_image(tmp_path, "validation", "ADE_val_00000001", [[7, 49, 7]], [[0, 0, 0]])
    return tmp_path


def dataset(root, split, folder):
    config = dict(
        type="mmseg_maskformer.ADE20KPanopticDataset",
        data_root=str(root),
        ann_file=f"ade20k_panoptic_{split}.json",
        data_prefix=dict(img=f"images/{folder}", seg=f"ade20k_panoptic_{split}"),
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="mmseg_maskformer.LoadPanopticMap"),
            dict(type="mmseg_maskformer.PackPanopticInputs", with_host_targets=True),
        ],
    )
    with DefaultScope.overwrite_default_scope("mmdet"):
        return DATASETS.build(config)


def test_release_becomes_samples_of_the_data_set(root, monkeypatch, capsys):
    run_script(monkeypatch, TOOL, root, "--workers", 2)
    printed = capsys.readouterr().out
    assert "training: converting 2 images, 0 are finished" in printed
    assert "6 segments of 5 of the 150" in printed  # wall, sky, ceiling, bed, person
    assert "2 segments of 2 of the 150 classes." in printed
    first, second = dataset(root, "train", "training")
    sample = first["data_samples"]
    # Of the 100 things, bed is 0 and person 3; wall is stuff 0, sky 2, ceiling 5.
    assert sample.gt_segments.labels.tolist() == [100, 102, 105, 0, 0, 3]
    assert sample.gt_segments.is_thing.tolist() == [False] * 3 + [True] * 3
    assert sample.gt_segment_map.data[0].tolist() == [
        [1, 1, 1, 4, 4, 4],  # the object hides the ceiling, segment 3
        [1, 1, 5, 4, 4, 0],  # the bed without an object is void
        [2, 2, 0, 6, 6, 0],
        [2, 2, 0, 6, 6, 0],
    ]
    boxes = sample.gt_instances.bboxes.tolist()
    assert boxes == [[3, 0, 6, 2], [2, 1, 3, 2], [3, 2, 5, 4]]
    assert second["data_samples"].gt_segments.labels.tolist() == []


def test_annotations_measure_whole_segments(root):
    prepare_ade20k_panoptic(root)
    content = json.loads((root / "ade20k_panoptic_train.json").read_text())
    image = dict(file_name="ADE_train_00000001.jpg", height=4, width=6)
    assert content["images"][0] == dict(id="ADE_train_00000001", **image)
    annotation = content["annotations"][0]
    assert annotation["image_id"] == "ADE_train_00000001"
    assert annotation["file_name"] == "ADE_train_00000001.png"
    found = [
        (x["category_id"], x["area"], x["bbox"]) for x in annotation["segments_info"]
    ]
    assert found == [
        (0, 6, [0, 0, 3, 2]),  # one pixel of the wall is behind a bed
        (2, 4, [0, 2, 2, 2]),
        (5, 1, [5, 0, 1, 1]),  # all of it is behind a bed
        (7, 5, [3, 0, 3, 2]),
        (7, 1, [2, 1, 1, 1]),
        (12, 4, [3, 2, 2, 2]),
    ]
    assert [x["iscrowd"] for x in annotation["segments_info"]] == [0] * 6


def test_colours_are_those_of_the_classes_and_distinct(root):
    prepare_ade20k_panoptic(root)
    path = root / "ade20k_panoptic_train" / "ADE_train_00000001.png"
    colours = np.asarray(Image.open(path)).astype(int)
    assert colours[0, 0].tolist() == [120, 120, 120]
    assert colours[0, 3].tolist() == [204, 5, 255]  # the first bed
    assert 0 < np.abs(colours[1, 2] - colours[0, 3]).max() <= 30  # the second
    assert colours[1, 5].tolist() == [0, 0, 0]
    # Road and skyscraper share a colour; their segments must not share an id.
    (sample,) = dataset(root, "val", "validation")
    assert sample["data_samples"].gt_segment_map.data[0].tolist() == [[1, 2, 1]]


def test_repetition_does_only_what_is_missing(root, capsys):
    prepare_ade20k_panoptic(root)
    maps = sorted(root.glob("ade20k_panoptic_*/*.png"))
    content = [path.read_bytes() for path in maps]
    times = [path.stat().st_mtime_ns for path in maps]
    maps[1].unlink()
    capsys.readouterr()
    prepare_ade20k_panoptic(root)
    assert "training: converting 1 images, 1 are finished" in capsys.readouterr().out
    assert [path.read_bytes() for path in maps] == content
    kept = [path.stat().st_mtime_ns for path in maps]
    assert [x == y for x, y in zip(kept, times, strict=True)] == [True, False, True]


def test_categories_are_the_classes_of_the_data_set(root):
    assert (len(THINGS), len(STUFF)) == (100, 50)
    assert sorted(CLASS_ORDERS["ade20k"]) == list(range(150))
    names = ADE20KSegDataset.METAINFO["classes"]  # in the order of the semantic classes
    things = ADE20KInstanceDataset.METAINFO["classes"]
    assert [names[x].strip() for x in THINGS] == list(things)
    prepare_ade20k_panoptic(root)
    info = dataset(root, "val", "validation").metainfo
    content = json.loads((root / "ade20k_panoptic_val.json").read_text())
    assert [x["id"] for x in content["categories"]] == CLASS_ORDERS["ade20k"]
    assert [x["name"] for x in content["categories"]] == list(info["classes"])
    assert [x["isthing"] for x in content["categories"]] == [1] * 100 + [0] * 50
    assert info["palette"][:100] == ADE20KInstanceDataset.METAINFO["palette"]


def test_categories_of_other_tools_may_have_any_order(root):
    """The paper's code writes them in the order of the semantic classes."""
    prepare_ade20k_panoptic(root)
    path = root / "ade20k_panoptic_train.json"
    content = json.loads(path.read_text())
    content["categories"].sort(key=lambda category: category["id"])
    path.write_text(json.dumps(content))
    sample = dataset(root, "train", "training")[0]["data_samples"]
    assert sample.gt_segments.labels.tolist() == [100, 102, 105, 0, 0, 3]


def test_a_map_that_is_not_the_tools_is_refused(root):
    prepare_ade20k_panoptic(root)
    path = root / "ade20k_panoptic_val" / "ADE_val_00000001.png"
    Image.new("RGB", (3, 1), (1, 2, 3)).save(path)
    with pytest.raises(ValueError, match=f"{path} does not hold .* delete it and run"):
        prepare_ade20k_panoptic(root)


BAD = {
    "gives object 9 the category 0": dict(categories=0 * CATEGORY_OF_OBJECT),
    "gives object 9 the category 101": dict(categories=CATEGORY_OF_OBJECT // 4 * 101),
    "is no map of 8 bits with the values 0..150": dict(semantic=[[151] * 6] * 4),
    "has 1 x 6 pixels, but its image .* has 4 x 6": dict(semantic=[[1] * 6]),
}


@pytest.mark.parametrize("message", BAD)
def test_maps_that_break_the_format_are_named(root, message):
    case = dict(semantic=SEMANTIC_MAP, objects=OBJECT_MAP) | BAD[message]
    if "9" in message:
        case["objects"] = np.array(OBJECT_MAP) // 9 * 9  # object 9 alone
    add_image(root, "training", "ADE_train_00000001", **case)
    with pytest.raises(ValueError, match=f"ADE_train_00000001.png {message}"):
        prepare_ade20k_panoptic(root)


def test_object_of_two_categories_is_refused(root):
    path = root / "annotations_instance" / "training" / "ADE_train_00000001.png"
    instances = np.asarray(Image.open(path)).copy()
    instances[0, 3, 0] = 4
    Image.fromarray(instances).save(path)
    with pytest.raises(ValueError, match=f"{path} gives object 1 the category 4"):
        prepare_ade20k_panoptic(root)


def test_missing_files_are_a_sentence(root, tmp_path, monkeypatch):
    path = root / "annotations_instance" / "validation" / "ADE_val_00000001.png"
    path.unlink()
    with pytest.raises(SystemExit, match=f"{path} does not exist. Unpack the data set"):
        run_script(monkeypatch, TOOL, root)
    with pytest.raises(SystemExit, match=r"training does not exist: it is images of"):
        run_script(monkeypatch, TOOL, tmp_path / "images")
