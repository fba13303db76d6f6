"""Predictions as labels: instances that our data set and pycocotools read."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("mmdet")
from pycocotools.coco import COCO

from mmseg_maskformer.engine.results.coco import instance_annotations
from mmseg_maskformer.engine.results.files import ResultFiles
from tests.datasets.panoptic_files import build, write_set

pytestmark = pytest.mark.mmdet
INSTANCES = "mmseg_maskformer.CocoInstanceDataset"
THINGS = dict(classes=("cell", "fibre"), thing_classes=("cell", "fibre"))
SCORES = torch.tensor([0.9, 0.7, 0.5, 0.4])
LABELS = torch.tensor([1, 0, 0, 1])
LOAD = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
]


def noise(seed):
    """Four masks (4, 2, 4) with holes; the second has no pixel."""
    masks = torch.rand((4, 2, 4), generator=torch.Generator().manual_seed(seed)) < 0.6
    masks[1] = False
    return masks


def test_predictions_are_labels(tmp_path):
    """Objects of 0.5 with pixels, two of each image, equal to the last pixel."""
    write_set(tmp_path)
    options = dict(metainfo=THINGS, pipeline=LOAD)
    dataset = build(tmp_path, INSTANCES, lazy_init=True, **options)
    names = {
        str(tmp_path / f"images/{name}.jpg"): noise(i) for i, name in enumerate("ab")
    }
    files = ResultFiles(tmp_path / "out", dataset, list(names), score_thr=0.5)
    for path, masks in names.items():
        found = dict(labels=LABELS, scores=SCORES, masks=masks)
        sample = dict(img_path=path, ori_shape=(2, 4), pred_instances=found)
        files.process(None, [sample])
    files.evaluate(2)

    ann_file = str(tmp_path / "out/annotations.json")
    read = COCO(ann_file)
    rows = list(read.anns.values())
    assert [x["id"] for x in rows] == [1, 2, 3, 4]
    assert [x["category_id"] for x in rows] == [2, 1, 2, 1]  # 0 would be none in CVAT
    assert len(read.loadRes(str(tmp_path / "out/instances.json")).anns) == 8
    labels = build(tmp_path, INSTANCES, ann_file=ann_file, **options)
    for place, (path, masks) in enumerate(names.items()):
        kept, own = masks[[0, 2]], rows[2 * place : 2 * place + 2]
        assert [x["area"] for x in own] == kept.flatten(1).sum(dim=1).tolist()
        decoded = torch.stack([torch.tensor(read.annToMask(x)) for x in own])
        assert torch.equal(decoded.bool(), kept)
        entry = labels[place]
        assert entry["img_path"] == path
        assert entry["gt_bboxes_labels"].tolist() == [1, 0]
        loaded = torch.tensor(entry["gt_masks"].to_ndarray())
        assert torch.equal(loaded.bool(), kept)


def test_boxes_without_masks_are_annotations():
    row = dict(image_id=1, category_id=9, score=0.5, bbox=[1.0, 2.0, 3.0, 6.5])
    kept = dict(id=1, image_id=1, category_id=9, iscrowd=0, area=19.5)
    assert instance_annotations([row], 0.5) == [kept | dict(bbox=row["bbox"])]
    assert instance_annotations([row], 0.6) == []
