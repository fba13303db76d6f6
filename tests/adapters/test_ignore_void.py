"""``ignore_void`` of the detector: what takes part in neither matching nor losses."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import InstanceData

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks

from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.adapters.segment_targets import segment_targets
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.losses import BCEMaskLoss
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from tests import cases
from tests.helpers.panoptic import (
    LABELS,
    SIZE,
    THINGS,
    assert_same,
    compact,
    detector,
    losses,
    numbers,
    of_the_host,
)
from tests.helpers.points import predictions_of

pytestmark = pytest.mark.mmdet

INPUT = (80, 128)
CROWD = 2  # place of the segment that is a crowd, of a thing's class


def with_a_crowd(form):
    """Six segments, one of them a crowd, in the form of either pipeline."""
    if form == "masks":
        return of_the_host([i for i in range(6) if i != CROWD])
    is_thing = THINGS.clone()
    is_thing[CROWD] = False
    return compact(is_thing)


def target(sample, num_stuff=2, **options):
    return segment_targets([sample], INPUT, 3, num_stuff, **options)[0]


@pytest.mark.parametrize("form", ["map", "masks"])
def test_void_and_crowds_and_padding_of_panoptic_images_are_left_out(form):
    found = target(with_a_crowd(form), ignore_void=True).valid
    kept = (numbers() > 0) & (numbers() != CROWD + 1)
    assert torch.equal(found[: SIZE[0], : SIZE[1]], kept)
    assert found.sum() == kept.sum()
    assert target(with_a_crowd(form)).valid is None


def instances(form):
    """Two objects and a crowd that covers a part of the first, no stuff."""
    masks = torch.zeros(3, *SIZE, dtype=torch.bool)
    masks[0, 5:30, 10:40] = masks[1, 40:60, 60:90] = masks[2, 20:50, 20:60] = True
    meta = dict(img_shape=SIZE, img_path="a.jpg")
    sample = DetDataSample(metainfo=meta)
    labels = torch.tensor([0, 2, 1])
    if form == "map":
        ids = torch.tensor([1, 2, 3])
        sample = compact()
        sample.gt_segments = InstanceData(
            ids=ids, labels=labels, is_thing=torch.tensor([True, True, False])
        )
        drawn = torch.zeros(SIZE, dtype=torch.uint8)
        for place in (2, 1, 0):  # objects over the crowd
            drawn[masks[place]] = place + 1
        sample.gt_segment_map.data = drawn[None]
        return sample, masks
    host = [BitmapMasks(x.numpy().astype("uint8"), *SIZE) for x in masks.split([2, 1])]
    sample.gt_instances = InstanceData(labels=labels[:2], masks=host[0])
    sample.ignored_instances = InstanceData(labels=labels[2:], masks=host[1])
    return sample, masks


@pytest.mark.parametrize("form", ["map", "masks"])
def test_without_stuff_the_rest_is_background_and_crowds_are_void(form):
    sample, masks = instances(form)
    found = target(sample, num_stuff=0, ignore_void=True).valid
    kept = ~masks[2] | masks[0] | masks[1]  # what an object covers is known
    assert torch.equal(found[: SIZE[0], : SIZE[1]], kept)
    assert found.sum() == kept.sum()  # nothing of the padding


def test_instances_without_ignored_ones_count_everywhere():
    sample, _ = instances("masks")
    del sample.ignored_instances
    found = target(sample, num_stuff=0, ignore_void=True).valid
    assert found.sum() == SIZE[0] * SIZE[1]
    nothing = DetDataSample(metainfo=dict(img_shape=SIZE))
    nothing.gt_instances = InstanceData(labels=LABELS[:0], masks=BitmapMasks([], *SIZE))
    assert torch.equal(target(nothing, num_stuff=0, ignore_void=True).valid, found)


def test_a_detector_trains_alike_on_either_form():
    model = detector()
    everywhere = losses(model, with_a_crowd("map"), INPUT)
    model.decode_head.ignore_void = True
    found = [losses(model, with_a_crowd(x), INPUT) for x in ("map", "masks")]
    assert_same(*found)
    assert abs(found[0]["loss_dice"] / everywhere["loss_dice"] - 1) > 0.01


def test_the_head_of_a_detector_says_it():
    options = dict(in_channels=[8, 16, 32], num_classes=5, ignore_void=True)
    assert PredictionHead(**options).ignore_void


@pytest.mark.parametrize("masks", [DenseMasks(), PointMasks(60)])
@pytest.mark.parametrize("ignore_void", [True, False])
def test_what_is_predicted_in_void_costs_nothing(masks, ignore_void):
    """Neither the matching nor a loss changes, whatever the masks are there."""
    sample = compact()
    wide = sample.gt_segment_map.data.clone()
    wide[..., 48:] = 0  # the right half is void
    sample.gt_segment_map.data = wide
    one = segment_targets([sample], SIZE, 3, 2, ignore_void)[0]
    predictions = predictions_of(cases.random_case([6], num_classes=5, size=SIZE))
    criterion = SetCriterion(loss_mask=BCEMaskLoss(), masks=masks)
    found = []
    for value in (0.0, 30.0):
        features = predictions.mask_features.detach().clone()
        features[..., 14:] += value  # cells of 4 pixels, two behind the edge
        torch.manual_seed(0)
        values = criterion(predictions._replace(mask_features=features), [one])
        found.append(torch.stack([*values.values()]))
    gap = (found[0] - found[1]).abs().max() / found[0].abs().max()
    assert gap < 1e-12 if ignore_void else gap > 0.1
