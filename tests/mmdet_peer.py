"""The one door to the peers of the panoptic half: mmdet's models as shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmdet
import mmdet.models  # noqa: F401  (fills the registry)
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

CONFIG = "configs/maskformer/maskformer_r50_ms-16xb1-75e_coco.py"
MASK2FORMER = "configs/mask2former/mask2former_{}_8xb2-lsj-50e_coco-panoptic.py"


def shipped_model(path: str = CONFIG) -> Any:
    """The model of a configuration of mmdet's, without weights to download."""
    config = Config.fromfile(Path(mmdet.__file__).parent / ".mim" / path).model
    config.backbone.init_cfg = None
    return config


def build_detector() -> nn.Module:
    """Mmdet's panoptic MaskFormer R50, six encoder layers, 80 things and 53 stuff."""
    init_default_scope("mmdet")
    return MODELS.build(shipped_model())


def build_mask2former(backbone: str = "r50") -> nn.Module:
    """Mmdet's panoptic Mask2Former, R50 or Swin-T, 80 things and 53 stuff."""
    name = {"r50": "r50", "swin-t": "swin-t-p4-w7-224"}[backbone]
    init_default_scope("mmdet")
    return MODELS.build(shipped_model(MASK2FORMER.format(name)))


def build_fusion(num_things: int, num_stuff: int, **test_cfg: Any) -> nn.Module:
    """Mmdet's post-processing of panoptic and instance results."""
    config = dict(type="MaskFormerFusionHead", test_cfg=test_cfg)
    init_default_scope("mmdet")
    return MODELS.build(
        dict(**config, num_things_classes=num_things, num_stuff_classes=num_stuff)
    )


def build_pixel_decoder(**settings: Any) -> nn.Module:
    """Mmdet's MSDeformAttnPixelDecoder in evaluation."""
    with DefaultScope.overwrite_default_scope("mmdet"):
        return MODELS.build(
            ConfigDict(type="MSDeformAttnPixelDecoder", **settings)
        ).eval()
