"""Parameters and multiply-adds: closed forms by part, totals of the paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmseg_maskformer.engine.complexity import measure_complexity

CONFIGS = Path(__file__).parents[2] / "configs" / "maskformer"


def complexity(name):
    init_default_scope("mmseg")
    model = Config.fromfile(
        CONFIGS / f"maskformer_{name}_8xb2-160k_ade20k-512x512.py"
    ).model
    model.backbone.init_cfg = None
    return measure_complexity(MODELS.build(model), (512, 512))


def test_every_part_of_r50_is_its_closed_form():
    found = complexity("r50")
    parts = found.multiply_adds
    # grids of 128, 64, 32 and 16 cells a side; 3 x 3 kernels of 256 x 256
    kernel = 9 * 256 * 256
    coarse = 16**2 * 9 * 2048 * 256
    laterals = 256 * (32**2 * 1024 + 64**2 * 512 + 128**2 * 256)
    outputs = kernel * (32**2 + 64**2 + 128**2)
    masks = kernel * 128**2
    assert parts["pixel decoder"] == coarse + laterals + outputs + masks
    # a layer: four projections of 100 queries twice, keys and values of 256 cells
    # instead of 100 in cross-attention, the products of attention, the feed-forward
    square = 256 * 256
    self_attention = 4 * 100 * square + 2 * 100 * 100 * 256
    cross_attention = (2 * 100 + 2 * 256) * square + 2 * 100 * 256 * 256
    layer = self_attention + cross_attention + 2 * 100 * 256 * 2048
    assert parts["transformer decoder"] == 256 * 2048 * 256 + 6 * layer
    assert parts["class head"] == 6 * 100 * 256 * 151
    assert parts["mask head"] == 6 * 100 * 3 * square
    assert parts["masks"] == 100 * 256 * 128**2
    assert parts["semantic inference"] == 150 * 100 * 512**2
    assert found.parameters == 41_254_743
    assert found.total == pytest.approx(53e9, rel=0.02)  # the paper's table


def test_swin_t_is_within_two_percent_of_the_paper():
    found = complexity("swin-t")
    assert found.parameters == 41_757_009
    assert found.total == pytest.approx(55e9, rel=0.02)


def test_a_model_of_another_head_is_a_sentence():
    model = nn.ModuleDict(dict(backbone=nn.Identity(), decode_head=nn.Linear(1, 1)))
    model.decode_head = model["decode_head"]
    with pytest.raises(ValueError, match="Linear is not a head of mmseg_maskformer"):
        measure_complexity(model, (8, 8))
