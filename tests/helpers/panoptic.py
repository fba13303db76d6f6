"""A small detector and its annotated image."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks

from tests import cases
from tests.checkpoints import models

SIZE = (64, 96)
LABELS = torch.tensor([0, 4, 2, 0, 3, 1])  # things 0..2, stuff 3..4
THINGS = LABELS < 3


def detector(layers=1, **changes):
    """A narrow model of three thing and two stuff classes."""
    init_default_scope("mmdet")
    config = Config.fromfile(
        models.CONFIGS / "_base_/models/maskformer_r18-6enc_panoptic.py"
    )
    narrow = dict(num_layers=1, embed_dim=32, num_heads=2, ffn_dim=64, dropout=0.0)
    small = dict(
        num_things_classes=3,
        num_stuff_classes=2,
        decode_head=dict(
            network=dict(
                pixel_decoder=dict(out_channels=32, mask_channels=32, encoder=narrow),
                transformer_decoder=dict(narrow, num_queries=12, num_layers=layers),
            ),
            criterion=dict(loss_dice=dict(weight=1.0)),
        ),
    )
    config.merge_from_dict(dict(model=small | changes))
    torch.manual_seed(0)
    return MODELS.build(config.model)


def numbers():
    """A map (H, W) of segment numbers 1..6, 0 where void."""
    return cases.label_map(6, SIZE, seed=3, void=True) + 1


def compact(is_thing=THINGS, labels=LABELS):
    """A sample as PackPanopticInputs packs it."""
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=(50, 70), img_path="a.jpg")
    )
    sample.gt_segment_map = PixelData(data=numbers()[None].to(torch.uint8))
    sample.gt_segments = InstanceData(
        ids=torch.arange(1, 7), labels=labels, is_thing=is_thing
    )
    return sample


def of_the_host(kept=range(6)):
    """The same segments as the host packs them."""
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=(50, 70), img_path="a.jpg")
    )
    masks = numbers() == torch.arange(1, 7)[:, None, None]
    things = [i for i in kept if THINGS[i]]
    sample.gt_instances = InstanceData(
        labels=LABELS[things],
        masks=BitmapMasks(masks[things].numpy().astype("uint8"), *SIZE),
    )
    stuff = torch.full(SIZE, 255)
    for i in kept:
        stuff[masks[i]] = LABELS[i]
    sample.gt_sem_seg = PixelData(sem_seg=stuff[None])
    return sample


def image(size=SIZE):
    """A batch of one image of noise."""
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))


def losses(model, sample, size=SIZE):
    """Losses of that image with this sample."""
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval().loss(image(size), [sample])


def assert_same(found, expected):
    """The same losses, but for rounding."""
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-7)
