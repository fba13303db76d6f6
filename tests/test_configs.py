"""Every config builds, trains a step and predicts; recipes are the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_maskformer.adapters.build import build_maskformer

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
LEAVES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.py")
    if "_base_" not in path.parts
)
ADE = Config.fromfile(CONFIGS / "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py")


def build(config):
    init_default_scope("mmseg")
    config.model.backbone.init_cfg = None
    return MODELS.build(config.model)


def trainable(module):
    return sum(x.numel() for x in module.parameters() if x.requires_grad)


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_config_builds_steps_and_predicts(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    num_classes = config.model.decode_head.num_classes
    model = build(config).train()
    meta = dict(
        img_shape=(64, 96), pad_shape=(64, 96), ori_shape=(50, 75), img_path="x"
    )
    samples = [SegDataSample(metainfo=dict(meta)) for _ in range(2)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.randint(num_classes, (1, 64, 96)))
    images = torch.randn(2, 3, 64, 96)
    losses = model.loss(images, samples)
    total = sum(value for name, value in losses.items() if "loss" in name)
    total.backward()
    assert torch.isfinite(total)
    with torch.no_grad():
        result = model.eval().predict(images, samples)
    for sample in result:
        labels = sample.pred_sem_seg.data
        assert labels.shape == (1, 50, 75)
        assert 0 <= labels.min() <= labels.max() < num_classes


def test_parameters_of_r50_are_those_of_the_paper():
    model = build(ADE.copy())
    assert trainable(model.backbone) == 23_454_912
    assert trainable(model.decode_head) == 17_799_831
    assert trainable(model) == 41_254_743


def test_parameters_of_the_encoder_variant_are_those_of_the_paper():
    encoder = dict(type="TransformerEncoder", num_layers=6)
    network = build_maskformer(
        in_channels=[256, 512, 1024, 2048],
        num_classes=133,
        pixel_decoder=dict(type="FPNPixelDecoder", encoder=encoder),
        transformer_decoder=dict(type="TransformerDecoder"),
    )
    assert trainable(network) == 21_557_126


def test_recipe_of_ade20k():
    # spec: AdamW 1e-4 / 1e-4, backbone a tenth, clip 0.01, 160k, poly 0.9, batch 16
    wrapper = ADE.optim_wrapper
    assert wrapper.optimizer.lr == wrapper.optimizer.weight_decay == 1e-4
    assert wrapper.paramwise_cfg.backbone_lr_mult == 0.1
    assert wrapper.clip_grad.max_norm == 0.01
    assert ADE.train_cfg.max_iters == 160_000
    assert ADE.param_scheduler[0].power == 0.9
    assert ADE.train_dataloader.batch_size * 8 == ADE.auto_scale_lr.base_batch_size
    assert ADE.model.backbone.norm_cfg == dict(type="BN", requires_grad=False)
    sides = [scale[1] for scale in ADE.train_pipeline[2].scales]
    assert sides == [
        *(256, 307, 358, 409, 460, 512, 563, 614),
        *(665, 716, 768, 819, 870, 921, 972, 1024),
    ]
