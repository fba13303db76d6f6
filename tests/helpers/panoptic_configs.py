"""Panoptic and instance models of configs: a step of training and a prediction."""

from __future__ import annotations

from functools import partial

import numpy as np
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

from tests.helpers.configs import CONFIGS, assert_trains_a_step, once, shallow


def build_panoptic(config):
    init_default_scope("mmdet")
    config.model.backbone.init_cfg = None
    return MODELS.build(config.model)


def assert_trains_and_predicts(config):
    torch.manual_seed(0)
    model = build_panoptic(config)
    batches = partial(panoptic_batch, model)
    assert_trains_a_step(model, config.optim_wrapper, batches)
    with torch.no_grad():
        samples = model.eval().test_step(panoptic_batch(model))
    for sample in samples:
        assert_results(sample, model)


def panoptic_batch(model):
    """What a data loader gives: two images of 64 x 96 that had 50 x 75."""
    meta = dict(img_shape=(64, 96), ori_shape=(50, 75), img_path="x")
    samples = [DetDataSample(metainfo=dict(meta)) for _ in range(2)]
    for sample in samples:
        if model.num_stuff_classes:
            add_segments(sample, model.num_classes)
        else:
            add_instances(sample, model.num_things_classes)
    images = [torch.randint(256, (3, 64, 96), dtype=torch.uint8) for _ in samples]
    return dict(inputs=images, data_samples=samples)


def add_segments(sample, num_classes):
    """Three segments, one of them cropped away."""
    numbers = torch.randint(3, (1, 64, 96), dtype=torch.uint8)
    sample.gt_segment_map = PixelData(data=numbers)
    sample.gt_segments = InstanceData(
        ids=torch.tensor([1, 2, 3]),
        labels=torch.randint(num_classes, (3,)),
        is_thing=torch.ones(3, dtype=torch.bool),
    )


def add_instances(sample, num_classes):
    """Two objects, as the host packs them."""
    masks = np.random.default_rng(0).integers(2, size=(2, 64, 96), dtype=np.uint8)
    sample.gt_instances = InstanceData(
        labels=torch.randint(num_classes, (2,)), masks=BitmapMasks(masks, 64, 96)
    )


def assert_results(sample, model):
    """Those that are on, at the original size, and no others."""
    options = model.prediction_options()
    kinds = {"panoptic": "pred_panoptic_seg", "semantic": "pred_sem_seg"}
    for kind, key in kinds.items():
        assert (key in sample) == getattr(options, f"{kind}_on")
        if key in sample:
            labels = sample.get(key).sem_seg % 1000
            assert labels.shape == (1, 50, 75)
            assert 0 <= labels.min() <= labels.max() <= model.num_classes
    assert ("pred_instances" in sample) == options.instance_on
    if "pred_instances" in sample:
        found = sample.pred_instances
        assert found.masks.shape == (len(found.labels), 50, 75)
        assert len(found.labels) <= 100
        assert (found.labels < model.num_things_classes).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()


def assert_leaf_trains_and_predicts(leaf):
    """With few blocks, and of configs with one model and optimizer the first."""
    once(assert_trains_and_predicts, shallow(Config.fromfile(CONFIGS / leaf)))
