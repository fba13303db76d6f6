"""A checkpoint of version 0.1.0 still loads, and predicts what it did.

`data/maskformer_0.1.0.pth` was written by a training of three iterations, before the
network got its own key in configs.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS

FILE = Path(__file__).parent / "data/maskformer_0.1.0.pth"
MODEL = dict(
    type="mmseg_maskformer.MaskFormerSegmentor",
    backbone=dict(type="ResNet", depth=18, base_channels=2, stem_channels=2),
    decode_head=dict(
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=[2, 4, 8, 16],
        num_classes=5,
        network=dict(
            type="MaskFormer",
            pixel_decoder=dict(
                type="FPNPixelDecoder",
                out_channels=8,
                mask_channels=8,
                num_groups=2,
                encoder=dict(
                    type="TransformerEncoder",
                    num_layers=1,
                    embed_dim=8,
                    num_heads=2,
                    ffn_dim=16,
                ),
            ),
            transformer_decoder=dict(
                type="TransformerDecoder",
                num_queries=6,
                num_layers=2,
                embed_dim=16,
                num_heads=2,
                ffn_dim=16,
            ),
        ),
    ),
)


def test_a_checkpoint_of_0_1_0_gives_the_outputs_of_0_1_0():
    init_default_scope("mmseg")
    model = MODELS.build(MODEL).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_checkpoint(model, str(FILE), strict=True)
    assert found["meta"]["iter"] == 3
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.decode_head(model.extract_feat(image))
    classes = [-0.5662278, 1.0200491, 0.8178662, 0.0413624, 1.1822065, -0.4459905]
    masks = [-0.9801956, -1.0031621, -1.0075982, -0.9910314, -1.0374169, -0.9691046]
    assert found.class_logits[-1, 0, 0].tolist() == pytest.approx(classes, abs=1e-5)
    assert found.mask_logits()[0, :, 8, 12].tolist() == pytest.approx(masks, abs=1e-5)
    # over both layers, all queries, and all cells
    assert float(found.class_logits.abs().sum()) == pytest.approx(41.3757, rel=1e-5)
    assert float(found.mask_logits().abs().sum()) == pytest.approx(1872.745, rel=1e-5)
