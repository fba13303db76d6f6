"""The host's masks as targets: one map of numbers where none overlaps another."""

from __future__ import annotations

import pytest
import torch

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmseg_maskformer.adapters.segment_targets import segment_targets
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.losses import BCEMaskLoss
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases
from tests.helpers.panoptic import SIZE, of_the_host
from tests.helpers.points import predictions_of

pytestmark = pytest.mark.mmdet


def host_sample(overlap):
    """A sample, and the masks (G, H, W) of its things and stuff."""
    sample = of_the_host()
    things = sample.gt_instances.masks.masks
    stuff = sample.gt_sem_seg.sem_seg == torch.tensor([3, 4])[:, None, None]
    if overlap == "things":
        things[0] |= things[1]
    elif overlap == "stuff":
        things[0] |= stuff[0].numpy()
    return sample, torch.cat([torch.from_numpy(things).bool(), stuff])


def losses_and_gradients(target, masks):
    case = cases.random_case([6], num_classes=5, size=SIZE)
    predictions = predictions_of(case, torch.float32)
    criterion = SetCriterion(loss_mask=BCEMaskLoss(), masks=masks)
    torch.manual_seed(0)
    values = torch.stack([*criterion(predictions, [target]).values()])
    values.sum().backward()
    return [values, predictions.mask_embed.grad, predictions.mask_features.grad]


@pytest.mark.parametrize("masks", [DenseMasks(), PointMasks(60)])
@pytest.mark.parametrize("overlap", [None, "things", "stuff"])
def test_masks_that_do_not_overlap_become_one_map_that_trains_alike(overlap, masks):
    sample, wanted = host_sample(overlap)
    (found,) = segment_targets([sample], SIZE, 3, 2)
    assert found.segment_map.shape == (wanted.shape if overlap else SIZE)
    dense = SegmentTargets.from_masks(found.labels, wanted)
    for ours, theirs in zip(
        losses_and_gradients(found, masks),
        losses_and_gradients(dense, masks),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    assert torch.equal(found.masks(torch.arange(6)), wanted)


def test_overlapping_bitmaps_are_not_copied():
    sample, _ = host_sample("things")
    (found,) = segment_targets([sample], SIZE, 3, 0, ignore_void=True)
    bitmaps = sample.gt_instances.masks.masks
    assert found.segment_map.data_ptr() == bitmaps.ctypes.data
    assert found.valid.dtype == torch.bool
