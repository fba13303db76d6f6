"""MMDetection's models in configs/peers are those that they are compared with."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.registry import MODELS

from tests.conftest import REPOSITORY
from tests.helpers.configs import without_values

pytestmark = pytest.mark.mmdet
LOSSES = ("loss_cls", "loss_mask", "loss_dice")


def num_parameters(config):
    init_default_scope("mmdet")
    with without_values():
        return sum(x.numel() for x in MODELS.build(config.model).parameters())


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("maskformer", "maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic"),
        (
            "maskformer",
            "maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-panoptic",
        ),
        ("mask2former", "mask2former_tiny_scenes-panoptic"),
        (
            "mask2former",
            "mask2former_efficientnet-lite0_1xb4-2500_dsb2018-panoptic",
        ),
    ],
)
def test_the_model_has_our_size_and_our_weights_of_losses(family, name):
    """As many parameters; the same weights in losses and in matching."""
    ours, theirs = (
        Config.fromfile(REPOSITORY / "configs" / path)
        for path in (f"{family}/{name}.py", f"peers/mmdet-{name}.py")
    )
    assert num_parameters(ours) == num_parameters(theirs)
    criterion, head = ours.model.decode_head.criterion, theirs.model.panoptic_head
    weights = [criterion[x].weight for x in LOSSES]
    costs = [x.weight for x in theirs.model.train_cfg.assigner.match_costs]
    assert weights == [head[x].loss_weight for x in LOSSES] == costs
