"""Every semantic config trains a step and predicts; sizes are the paper's."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmseg_maskformer.adapters.build import build_network
from mmseg_maskformer.engine import config_files
from tests.helpers.configs import (
    ADE,
    CONFIGS,
    LEAVES,
    assert_leaf_trains_and_predicts,
    build,
    trainable,
    without_values,
)

# Trainable parameters with 150 classes; a class more or less is 257: one row
# of the class head and its bias.
PARAMETERS = {
    "r50": 41_254_743,
    "r101": 60_194_647,
    "r101c": 60_318_039,
    "swin-t": 41_757_009,
    "swin-s": 63_074_913,
    "swin-b-in1k": 101_829_391,
    "swin-b-in22k": 101_829_391,
    "swin-l-in22k": 211_575_627,
}
ROWS = [
    x
    for x in LEAVES
    if x.parts[0] == "maskformer" and x.stem.split("_")[1] in PARAMETERS
]


@pytest.mark.parametrize("leaf", ROWS, ids=lambda leaf: leaf.stem)
def test_parameters_are_those_of_the_paper(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    classes = config.model.decode_head.num_classes
    expected = PARAMETERS[leaf.stem.split("_")[1]] + 257 * (classes - 150)
    with without_values():
        assert trainable(build(config)) == expected


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.stem)
def test_config_trains_a_step_and_predicts(leaf):
    assert_leaf_trains_and_predicts(leaf)


def test_every_config_is_read_without_a_word(monkeypatch, capsys):
    """One preprocessor beside the model would take its place under hosts' ``--tta``."""
    monkeypatch.setattr(
        config_files, "config_of_file", cache(config_files.config_of_file)
    )
    leaves = [path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts]
    assert len(leaves) > len(LEAVES)
    for path in leaves:
        assert "data_preprocessor" not in config_files.read_config(str(path), {}), path
    assert capsys.readouterr().err == ""


def test_parameters_of_r50_are_split_as_in_the_paper():
    with without_values():
        model = build(ADE.copy())
    assert trainable(model.backbone) == 23_454_912
    assert trainable(model.decode_head) == 17_799_831


def test_r101c_has_the_deep_stem_and_the_dilations_of_the_paper():
    config = Config.fromfile(
        CONFIGS / "maskformer/maskformer_r101c_8xb2-160k_ade20k-512x512.py"
    )
    model = build(config).eval()
    backbone = model.backbone
    kernels = [x.weight.shape for x in backbone.stem if isinstance(x, nn.Conv2d)]
    assert kernels == [(64, 3, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3)]
    assert backbone.layer1[0].conv1.weight.shape == (64, 128, 1, 1)
    assert [x.shape[-1] for x in backbone(torch.zeros(1, 3, 64, 64))] == [16, 8, 4, 2]
    # Last stage, by its input's cells: the second and third block see 2 and 4 cells of
    # stride 2 to each side, the first one cell: 2 * (2 + 4) + 1 = 13 to each side.
    x = torch.randn(1, 1024, 40, 40, requires_grad=True)
    backbone.layer4(x)[0, :, 10, 10].sum().backward()
    rows, cols = x.grad[0].abs().sum(0).nonzero().unbind(1)
    assert (rows.min(), rows.max()) == (cols.min(), cols.max()) == (20 - 13, 20 + 13)


def test_parameters_of_the_encoder_variant_are_those_of_the_paper():
    encoder = dict(type="TransformerEncoder", num_layers=6)
    config = dict(
        type="MaskFormer",
        pixel_decoder=dict(type="FPNPixelDecoder", encoder=encoder),
        transformer_decoder=dict(type="TransformerDecoder"),
    )
    widths = [256, 512, 1024, 2048]
    with without_values():
        network = build_network(config, in_channels=widths, num_classes=133)
    assert trainable(network) == 21_557_126
