"""Cityscapes panoptic in the layout that the Cityscapes scripts write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

pytest.importorskip("mmdet")

CONFIG = (
    Path(__file__).parents[2]
    / "configs/_base_/datasets/cityscapes_panoptic_512x1024.py"
)
FRAME = "aachen_000000_000019"
# Ids of the labels; the scripts list them in this order, things last.
STUFF = {7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole"}
STUFF |= {19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain"}
STUFF |= {23: "sky"}
THINGS = {24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train"}
THINGS |= {32: "motorcycle", 33: "bicycle"}
# Road, two cars, a group of persons, void; objects are 1000 * label + number.
IDS = [[7, 7, 26000, 26001], [7, 24, 24, 0]]

pytestmark = pytest.mark.mmdet


def segment(label, box, crowd=0):
    """An entry of segments_info; ids of stuff and of groups are the label's."""
    area = box[2] * box[3]
    return dict(id=label, category_id=label, area=area, bbox=box, iscrowd=crowd)


@pytest.fixture
def root(tmp_path):
    """A data set of one frame."""
    colours = np.array(IDS)[..., None] // [1, 256, 65536] % 256
    folder = tmp_path / "gtFine/cityscapes_panoptic_val"
    folder.mkdir(parents=True)
    Image.fromarray(np.uint8(colours)).save(folder / f"{FRAME}_gtFine_panoptic.png")
    images = tmp_path / "leftImg8bit/val/aachen"
    images.mkdir(parents=True)
    Image.new("RGB", (4, 2)).save(images / f"{FRAME}_leftImg8bit.png")
    segments = [
        segment(7, [0, 0, 2, 2]),
        segment(26, [2, 0, 1, 1]) | dict(id=26000),
        segment(26, [3, 0, 1, 1]) | dict(id=26001),
        segment(24, [1, 1, 2, 1], crowd=1),
    ]
    image = dict(id=FRAME, width=4, height=2)
    content = dict(
        images=[image | dict(file_name=f"{FRAME}_gtFine_leftImg8bit.png")],
        annotations=[
            dict(
                image_id=FRAME,
                file_name=f"{FRAME}_gtFine_panoptic.png",
                segments_info=segments,
            )
        ],
        categories=[
            dict(id=label, name=name, isthing=int(label in THINGS))
            for label, name in (STUFF | THINGS).items()
        ],
    )
    (tmp_path / "gtFine/cityscapes_panoptic_val.json").write_text(json.dumps(content))
    return tmp_path


def test_frames_become_samples_with_things_first(root):
    config = Config.fromfile(CONFIG).val_dataloader.dataset
    config.data_root = str(root)
    config.pipeline[1].scale = (4, 2)
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = DATASETS.build(config)
        (packed,) = dataset
    sample = packed["data_samples"]
    assert sample.img_path.endswith(f"val/aachen/{FRAME}_leftImg8bit.png")
    # road is class 8, the first stuff; a car is thing 2; persons in a group are thing 0
    assert sample.gt_segments.labels.tolist() == [8, 2, 2, 0]
    assert sample.gt_segments.is_thing.tolist() == [False, True, True, False]
    assert sample.gt_segment_map.data[0].tolist() == [[1, 1, 2, 3], [1, 4, 4, 0]]
    names = dataset.metainfo
    assert names["classes"] == (*THINGS.values(), *STUFF.values())
    assert names["thing_classes"] == tuple(THINGS.values())
    assert names["palette"][8] == (128, 64, 128)
