"""Every panoptic study config has the parts that its name says."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.registry import init_default_scope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.registry import MODELS

from tests.test_study_configs import STUDIES, read

NAMES = sorted(name for name in STUDIES if "panoptic" in name)
pytestmark = pytest.mark.mmdet


def build(name):
    config = read(name)
    init_default_scope("mmdet")
    config.model.backbone.init_cfg = None
    with torch.device("meta"):
        return MODELS.build(config.model)


@pytest.fixture(scope="module")
def models():
    """Each model once, without values."""
    return {name: build(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_decoder_layers_are_those_of_the_name(name, models):
    decoder = models[name].decode_head.network.transformer_decoder
    numbers = re.findall(r"-(\d)dec", name)
    usual = 2 if "tiny" in name else 6
    assert len(decoder.layers) == int((numbers or [usual])[0])
    without = [layer.self_attention is None for layer in decoder.layers]
    assert without == ["noself" in name] * len(decoder.layers)


@pytest.mark.parametrize("name", NAMES)
def test_matching_is_that_of_the_name(name, models):
    """By a class and two box costs, or by a class and two mask costs."""
    head = models[name].decode_head
    boxes = "boxes" in name
    assigner = head.criterion.assigner
    found = [assigner.class_costs, assigner.box_costs, assigner.mask_costs]
    assert [len(costs) for costs in found] == [1, 2 * boxes, 2 * (not boxes)]
    assert (head.network.box_head is not None) == boxes
    if boxes:  # the weights of DETR
        assert [cost.weight for cost in assigner.box_costs] == [5.0, 2.0]


def test_box_head_by_arithmetic(models):
    """256 -> 256 -> 256 -> 4 with biases, beside 45,016,407 of the released model."""
    model = models["maskformer_r50-6enc-boxes_8xb2-720k_ade20k-panoptic-640x640"]
    found = sum(x.numel() for x in model.parameters() if x.requires_grad)
    assert found - 45_016_407 == 2 * (256 * 256 + 256) + (256 * 4 + 4)
