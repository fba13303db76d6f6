"""Panoptic study configs match by boxes."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.registry import MODELS

from tests.helpers.study_configs import STUDIES, read_study

NAMES = sorted(name for name in STUDIES if "panoptic" in name)
pytestmark = pytest.mark.mmdet


def build(name):
    config = read_study(name)
    init_default_scope("mmdet")
    config.model.backbone.init_cfg = None
    with torch.device("meta"):
        return MODELS.build(config.model)


@pytest.fixture(scope="module")
def models():
    """Each model once, without values."""
    return {name: build(name) for name in NAMES}


def test_every_config_is_known():
    assert NAMES == [
        "maskformer_r50-6enc-boxes_64xb1-554k_coco-panoptic",
        "maskformer_r50-6enc-boxes_8xb2-720k_ade20k-panoptic-640x640",
        "maskformer_tiny-boxes_scenes-panoptic",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_matching_is_by_boxes(name, models):
    """By a class and two box costs, with the weights of DETR."""
    head = models[name].decode_head
    assigner = head.criterion.assigner
    found = [assigner.class_costs, assigner.box_costs, assigner.mask_costs]
    assert [len(costs) for costs in found] == [1, 2, 0]
    assert head.network.box_head is not None
    assert [cost.weight for cost in assigner.box_costs] == [5.0, 2.0]


def test_box_head_by_arithmetic(models):
    """256 -> 256 -> 256 -> 4 with biases, beside 45,016,407 of the released model."""
    model = models["maskformer_r50-6enc-boxes_8xb2-720k_ade20k-panoptic-640x640"]
    found = sum(x.numel() for x in model.parameters() if x.requires_grad)
    assert found - 45_016_407 == 2 * (256 * 256 + 256) + (256 * 4 + 4)
