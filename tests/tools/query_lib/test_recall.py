"""Average recall of proposals, in closed form and as pycocotools has it."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.tiling import Placement
from query_lib.analysis import QueryError
from query_lib.recall import (
    ProposalRecall,
    found_objects,
    object_masks,
    placement,
    proposal_overlaps,
)
from query_lib.trained import load_masks

WHOLE = Placement.whole((4, 4))


def test_each_proposal_takes_one_free_object():
    """0.62 reaches 0.50, 0.55 and 0.60; 0.5 only the first; 0.9 is not free."""
    overlaps = np.array([[0.95, 0.0], [0.9, 0.5], [0.3, 0.62]])
    assert found_objects(overlaps).tolist() == [2, 2, 2] + [1] * 7
    # at 0.50 the second proposal takes the second object, whatever comes after
    assert found_objects(overlaps[:2]).tolist() == [2] + [1] * 9


def test_overlaps_of_the_surest_masks_come_first():
    """Left half and upper half of 4 x 4 share a quarter: 4 / 12."""
    left, upper = (torch.full((4, 4), -1.0) for _ in range(2))
    left[:, :2] = upper[:2] = 1.0
    classes = torch.tensor([[0.0, 0, 9], [5, 0, 0]])  # "no object" does not count
    objects = left[None] > 0
    found = proposal_overlaps(classes, torch.stack([left, upper]), objects, WHOLE)
    assert found[:, 0].tolist() == pytest.approx([1 / 3, 1])


def segments(labels, is_thing):
    """A map of quarters 1 to 4 of 4 x 4."""
    numbers = torch.tensor([[1, 2], [3, 4]]).repeat_interleave(2, 0)
    numbers = numbers.repeat_interleave(2, 1)
    return BaseDataElement(
        metainfo=dict(img_shape=(4, 4), ori_shape=(4, 4)),
        gt_segment_map=SimpleNamespace(data=numbers[None]),
        gt_segments=SimpleNamespace(
            ids=torch.arange(1, 5), is_thing=torch.tensor(is_thing)
        ),
    )


def test_objects_are_things_or_all_segments():
    things = object_masks(segments([0] * 4, [True, False, False, True]), 1, 255)
    assert things.sum(dim=(1, 2)).tolist() == [4, 4]
    assert things[0, :2, :2].all()
    assert len(object_masks(segments([0] * 4, [False] * 4), 1, 255)) == 0
    assert len(object_masks(segments([0] * 4, [False] * 4), 0, 255)) == 4
    masks = torch.arange(8).view(2, 2, 2) % 3 == 0
    instances = BaseDataElement(gt_instances=BaseDataElement(masks=masks))
    assert torch.equal(object_masks(instances, 1, 255), masks)
    with pytest.raises(
        QueryError, match="an unnamed image has no masks of its objects"
    ):
        object_masks(BaseDataElement(), 1, 255)
    labels = torch.tensor([[0, 255], [2, 2]])
    sample = BaseDataElement(gt_sem_seg=SimpleNamespace(data=labels[None]))
    assert object_masks(sample, 0, 255).tolist() == [
        [[True, False], [False, False]],
        [[False, False], [True, True]],
    ]


def test_recall_by_layer():
    """Layer 0 finds nothing; layer 1 a quarter exactly, and one with IoU 4 / 6."""
    features = torch.eye(16).view(1, 1, 16, 4, 4)
    embed = torch.full((2, 1, 2, 16), -1.0)
    embed.view(2, 2, 4, 4)[1, 0, :2, :2] = 1.0
    embed.view(2, 2, 4, 4)[1, 1, 2:, 1:] = 1.0
    found = Predictions(torch.zeros(2, 1, 2, 3), embed, features)
    recall = ProposalRecall(num_things=1)
    for _ in range(2):
        sample = segments([0] * 4, [True, False, False, True])
        recall.look(found, [sample], (4, 4))
    assert recall.average() == pytest.approx([0, (100 * 4 + 50 * 6) / 10])


def test_recall_is_that_of_pycocotools():
    pytest.importorskip("pycocotools")
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(6, 1, 8, 8, generator=generator) > 0.5
    noise = torch.rand(9, 6, 8, 8, generator=generator) > 0.85
    masks = (true[:, 0] ^ noise).flatten(0, 1)  # 54 of falling score
    classes = torch.linspace(5, 0, 54)[:, None] * torch.tensor([[1.0, 0]])
    objects = true[:, 0]
    place = Placement.whole((8, 8))
    overlaps = proposal_overlaps(classes, masks.float() - 0.5, objects, place)
    average = 100 * found_objects(overlaps).mean() / 6
    assert average == pytest.approx(100 * reference(masks, objects), abs=1e-9)
    assert 10 < average < 90


def reference(masks, objects):
    from pycocotools import mask as codes
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(found):
        for place, mask in enumerate(found, start=1):
            code = codes.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
            area = int(mask.sum())
            yield dict(
                id=place,
                image_id=1,
                category_id=1,
                segmentation=code,
                area=area,
                iscrowd=0,
                bbox=codes.toBbox(code).tolist(),
                score=1 - place / 100,
            )

    apis = []
    for found in (objects, masks):
        api = COCO()
        api.dataset = dict(
            images=[dict(id=1, height=8, width=8)],
            categories=[dict(id=1, name="any")],
            annotations=list(rows(found)),
        )
        api.createIndex()
        apis.append(api)
    evaluation = COCOeval(*apis, "segm")
    evaluation.params.useCats = 0
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["recall"][:, 0, 0, -1].mean()


def test_placement_of_either_host():
    meta = dict(img_shape=(4, 6), ori_shape=(8, 12))
    assert placement(meta, (8, 8)) == Placement((8, 8), (0, 4, 0, 6), (8, 12))


def test_pipelines_of_instances_load_masks():
    boxes = dict(type="LoadAnnotations", with_bbox=True)
    others = [
        dict(type="mmseg_maskformer.LoadPanopticMap"),
        dict(type="LoadAnnotations"),
    ]
    pipeline = [boxes, *map(dict, others)]
    other = copy.deepcopy(pipeline)
    parts = [dict(type="CocoDataset", pipeline=x) for x in (pipeline, other)]
    load_masks(dict(type="ConcatDataset", datasets=parts))
    assert other == pipeline
    assert pipeline == [dict(boxes, with_mask=True), *others]
