"""The one door to the peer that parity is tested against: mmseg's MaskFormerHead.

The head is built from the configuration that mmseg ships, made small where asked, with
dropout off. On the CPU its focal loss is plain PyTorch, so no compiled operator is
needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmseg
import mmseg.models  # noqa: F401  (fills the registry)
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmseg.registry import MODELS
from torch import Tensor, nn

import mmseg_maskformer  # noqa: F401  (mmcv without compiled operators)

CONFIG = "configs/maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py"


def shipped_config() -> Config:
    """Mmseg's own R50 configuration."""
    return Config.fromfile(Path(mmseg.__file__).parent / ".mim" / CONFIG)


def build_head(num_classes: int, num_queries: int = 100, width: int = 256) -> nn.Module:
    """Mmseg's MaskFormerHead; `width` replaces the 256 channels of every part."""
    config = shipped_config().model.decode_head
    config.update(num_classes=num_classes, num_queries=num_queries)
    config.loss_cls.class_weight = [1.0] * num_classes + [0.1]
    if width != 256:
        _shrink(config, width)
    with DefaultScope.overwrite_default_scope("mmseg"):  # mmdet has one of that name
        head = MODELS.build(config)
    for module in head.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return head


def _shrink(config: Any, width: int) -> None:
    """Make every part of a head's configuration `width` channels wide."""
    config.update(feat_channels=width, out_channels=width)
    config.in_channels = [width, 2 * width, 4 * width, 8 * width]
    config.pixel_decoder.norm_cfg.num_groups = width // 8
    config.positional_encoding.num_feats = width // 2
    decoder = config.transformer_decoder
    decoder.num_layers = 2
    for part in ("self_attn_cfg", "cross_attn_cfg", "ffn_cfg"):
        decoder.layer_cfg[part].embed_dims = width
    decoder.layer_cfg.ffn_cfg.feedforward_channels = 2 * width


def counted_masks(targets: list[tuple[Tensor, Tensor]]) -> int:
    """How many masks the peer divides by: an image without segments counts as one."""
    return sum(max(1, len(labels)) for labels, _ in targets)


def losses(
    class_logits: Tensor, mask_logits: Tensor, targets: list[tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """The peer's weighted losses of given logits.

    Shapes: class_logits (L, B, Q, K+1), mask_logits (L, B, Q, h, w); a target is
    `(labels (G,), masks (G, H, W))`.
    """
    num_queries, num_outputs = class_logits.shape[2:]
    head = build_head(num_outputs - 1, num_queries, width=32)
    instances = [
        InstanceData(labels=labels, masks=masks.long()) for labels, masks in targets
    ]
    metas: list[dict] = [{} for _ in targets]
    return head.loss_by_feat(class_logits, mask_logits, instances, metas)
