"""The semantic configs, their models and what an optimizer does to these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
LEAVES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.py")
    if not {"_base_", "mask2former"} & set(path.parts)
    and not re.search("panoptic|instance", path.stem)
)
ADE = Config.fromfile(CONFIGS / "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py")


def offline(config):
    """The config, whose backbone begins with no weights of others."""
    config.model.backbone.init_cfg = None
    if "pretrained" in config.model.backbone:
        config.model.backbone.pretrained = False
    return config


def build(config):
    """The model of a config, without downloads."""
    init_default_scope("mmseg")
    return MODELS.build(offline(config).model)


@contextmanager
def without_values() -> Iterator[None]:
    """Models that are built here have parameters without values, in no time."""
    on_cpu = partial(torch.linspace, device="cpu")  # Swin asks for its values
    with patch.object(torch, "linspace", on_cpu), torch.device("meta"):
        yield


def trainable(module):
    """Number of parameters that training changes."""
    return sum(x.numel() for x in module.parameters() if x.requires_grad)


def shallow(config):
    """The config with few blocks and no downloads; every width stays."""
    backbone = offline(config).model.backbone
    if "depths" in backbone:
        backbone.depths = (2, 2, 2, 2)
    if backbone.get("depth") == 101:
        backbone.depth = 50
    return config


PASSED: set[str] = set()


def once(check, config):
    """Check a config unless it passed for another with this model and optimizer."""
    key = repr((check.__module__, config.model, config.optim_wrapper))
    if key not in PASSED:
        check(config)
        PASSED.add(key)


def batch(classes):
    """What a data loader gives: two images of 64 x 96 that had 50 x 75."""
    meta = dict(img_shape=(64, 96), ori_shape=(50, 75), img_path="x")
    samples = [SegDataSample(metainfo=dict(meta)) for _ in range(2)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.randint(classes, (1, 64, 96)))
    images = [torch.randint(256, (3, 64, 96), dtype=torch.uint8) for _ in samples]
    return dict(inputs=images, data_samples=samples)


def step_length(before, group):
    """How far the first step of AdamW took a group, beside its decay."""
    # lr * g / (|g| + 1e-8): the learning rate where the gradient is not tiny
    kept = 1 - group["lr"] * group["weight_decay"]
    return max((x.detach() - kept * before[x]).abs().max() for x in group["params"])


NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def assert_groups(model, groups, wrapper):
    """Every trainable parameter has the learning rate and decay of its place."""
    free = {
        x
        for owner in model.modules()
        for name, x in owner.named_parameters(recurse=False)
        if isinstance(owner, (*NORMS, nn.Embedding)) or name.endswith("bias_table")
    }
    found = {x: (g["lr"], g["weight_decay"]) for g in groups for x in g["params"]}
    lr, decay = wrapper.optimizer.lr, wrapper.optimizer.weight_decay
    assert found == {
        x: (
            lr * wrapper.paramwise_cfg.backbone_lr_mult ** name.startswith("backbone."),
            0 if x in free else decay,
        )
        for name, x in model.named_parameters()
        if x.requires_grad
    }


def assert_trains_a_step(model, settings, batches):
    """The optimizer of these settings has its groups, and steps as long as they say.

    Args:
        model: changed in place.
        settings: optim_wrapper of a config.
        batches: makes what a data loader gives.
    """
    wrapper = build_optim_wrapper(model.train(), settings)
    before = {x: x.detach().clone() for x in model.parameters()}
    for _ in range(settings.get("accumulative_counts", 1)):
        losses = model.train_step(batches(), wrapper)
    assert torch.isfinite(losses["loss"])
    assert_groups(model, wrapper.optimizer.param_groups, settings)
    for group in wrapper.optimizer.param_groups:
        assert 0.5 < step_length(before, group) / group["lr"] < 1.02


def assert_trains_and_predicts(config):
    torch.manual_seed(0)
    classes = config.model.decode_head.num_classes
    model = build(config)
    assert_trains_a_step(model, config.optim_wrapper, partial(batch, classes))
    void = {255} if "semantic_rule" in config.model.test_cfg else set()
    for sample in model.eval().test_step(batch(classes)):
        labels = sample.pred_sem_seg.data
        assert labels.shape == (1, 50, 75)
        assert set(labels.unique().tolist()) <= {*range(classes), *void}


def assert_leaf_trains_and_predicts(leaf):
    """With few blocks, and of configs with one model and optimizer the first."""
    config = shallow(Config.fromfile(CONFIGS / leaf))
    if config.model.decode_head.type == "MaskFormerHead":  # mmseg's own
        pytest.importorskip("mmdet")
    once(assert_trains_and_predicts, config)
