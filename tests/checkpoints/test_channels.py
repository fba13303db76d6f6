"""Weights for colours in models for images of other channels."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from mmengine.runner import load_checkpoint
from timm.layers import SpaceToDepth
from torch import nn

from mmseg_maskformer.checkpoints.channels import (
    adapted,
    first_convolution,
    with_channels,
)
from mmseg_maskformer.checkpoints.convert import OPENMMLAB, from_ours
from tests.checkpoints import models
from tests.scripts import run_script

CAMVID = "maskformer_r18_1xb4-4k_camvid-256x256"
REMEDY = (
    r"first convolution takes images of 3 channels, that of the backbone {0} "
    r"\(backbone\.in_channels\).*image_channels\.py FILE NEW --channels {0}"
)


def build(channels):
    settings = {"backbone.in_channels": channels}
    if channels != 3:
        kind = dict(type="mmseg_maskformer.SegPreprocessor")
        settings["data_preprocessor"] = dict(kind, mean=[120.0], std=[60.0])
    return models.ours(CAMVID, **settings)


def test_copies_share_the_weights_of_their_colour():
    weight = torch.tensor([2.0, 4.0, 6.0]).view(1, 3, 1, 1)
    expected = {
        1: [12],  # 2 + 4 + 6
        2: [6, 6],
        4: [1, 4, 6, 1],
        5: [1, 2, 6, 1, 2],
        6: [1, 2, 3, 1, 2, 3],
        7: [2 / 3, 2, 3, 2 / 3, 2, 3, 2 / 3],
    }
    for channels, values in expected.items():
        found = with_channels(weight, channels).flatten()
        torch.testing.assert_close(found, torch.tensor(values, dtype=torch.float32))


def test_a_convolution_of_rearranged_pixels_does_not_tell():
    yolox = pytest.importorskip("mmdet.models").CSPDarknet()
    assert first_convolution(yolox) is None  # Focus: 12 channels of 3
    tresnet = nn.Sequential(SpaceToDepth(4), nn.Conv2d(48, 8, 3))
    assert first_convolution(tresnet) is None
    assert first_convolution(tresnet[1:]) == ("1", tresnet[1])


@pytest.mark.parametrize("layout", ["ours", "OpenMMLab", "the backbone's"])
def test_other_channels_are_refused_wherever_weights_are_loaded(tmp_path, layout):
    state = build(3).state_dict()
    path, target = str(tmp_path / "in.pth"), build(4)
    if layout == "OpenMMLab":
        state = from_ours(state, OPENMMLAB)
    if layout == "the backbone's":
        target = target.backbone
        parts = [x for x in state if x.startswith("backbone.")]
        state = {name.removeprefix("backbone."): state[name] for name in parts}
    torch.save(dict(state_dict=state), path)
    with pytest.raises(ValueError, match=REMEDY.format(4)):
        load_checkpoint(target, path)


@pytest.mark.parametrize("layout", ["ours", "OpenMMLab"])
def test_the_tool_makes_them_fit(monkeypatch, tmp_path, layout):
    source, target = models.randomise(build(3)), build(4)
    state = source.state_dict()
    theirs = from_ours(state, OPENMMLAB) if layout == "OpenMMLab" else state
    torch.save(dict(state_dict=theirs), tmp_path / "in.pth")
    tool = partial(run_script, monkeypatch, "image_channels.py")
    tool(tmp_path / "in.pth", tmp_path / "out.pth", "--channels", 4)
    load_checkpoint(target, str(tmp_path / "out.pth"), strict=True)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = source.extract_feat(image)
        found = target.extract_feat(image[:, [0, 1, 2, 0]])
    for ours, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_a_file_without_such_weights_is_refused():
    with pytest.raises(ValueError, match=r"0 of the 1 tensors are convolutions of thr"):
        adapted(dict(weight=torch.zeros(2, 4, 1, 1)), 6)
