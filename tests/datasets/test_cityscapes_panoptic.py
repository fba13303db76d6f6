"""Cityscapes panoptic in the layout that the Cityscapes scripts write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import InstanceData, PixelData
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


def built(root):
    """The data set of the one frame, and its sample."""
    config = Config.fromfile(CONFIG).val_dataloader.dataset
    config.data_root = str(root)
    config.pipeline[1].scale = (4, 2)
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = DATASETS.build(config)
        (packed,) = dataset
    return dataset, packed["data_samples"]


def test_frames_become_samples_with_things_first(root):
    dataset, sample = built(root)
    assert sample.img_path.endswith(f"val/aachen/{FRAME}_leftImg8bit.png")
    # road is class 8, the first stuff; a car is thing 2; persons in a group are thing 0
    assert sample.gt_segments.labels.tolist() == [8, 2, 2, 0]
    assert sample.gt_segments.is_thing.tolist() == [False, True, True, False]
    assert sample.gt_segment_map.data[0].tolist() == [[1, 1, 2, 3], [1, 4, 4, 0]]
    names = dataset.metainfo
    assert names["classes"] == (*THINGS.values(), *STUFF.values())
    assert names["thing_classes"] == tuple(THINGS.values())
    assert names["palette"][8] == (128, 64, 128)


def test_one_evaluation_gives_pq_ap_and_miou(root):
    """The first car is found, the second is called road; persons are a crowd, ignored.

    AP of cars, at any IoU: one of two, of 101 points of recall 51 at a precision of 1.
    PQ of road is 3 / 4, that of cars 1 / (1 + 1 / 2). Classes of the pixels: road has
    an IoU of 3 / 4, cars of 1 / 2, and persons, who are a crowd, of 1.
    """
    dataset, sample = built(root)
    labels = torch.tensor([[8, 8, 2, 8], [8, 0, 0, 0]])
    sample.pred_sem_seg = PixelData(sem_seg=labels[None])
    encoded = torch.tensor([[8, 8, 1002, 8], [8, 1000, 1000, 19]])
    sample.pred_panoptic_seg = PixelData(sem_seg=encoded[None])
    car = encoded == 1002
    sample.pred_instances = InstanceData(
        bboxes=torch.zeros(1, 4),
        labels=torch.tensor([2]),
        scores=torch.tensor([0.9]),
        masks=car[None],
    )
    with DefaultScope.overwrite_default_scope("mmdet"):
        evaluator = Evaluator(list(Config.fromfile(CONFIG).test_evaluator))
    evaluator.dataset_meta = dataset.metainfo
    evaluator.process([sample])
    found = evaluator.evaluate(1)
    assert found["coco/segm_mAP"] == pytest.approx(51 / 101, abs=1e-3)
    assert found["PQ"] == pytest.approx(100 * (3 / 4 + 2 / 3) / 2, abs=0.01)
    assert found["mIoU"] == pytest.approx(100 * (3 / 4 + 1 / 2 + 1) / 3, abs=0.01)
