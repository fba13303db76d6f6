"""A plain vision transformer, whose maps have one stride, and a neck for it."""

from __future__ import annotations

VIT = dict(
    type="mmseg.TIMMBackbone",
    model_name="vit_tiny_patch16_224",
    features_only=True,
    pretrained=False,
    out_indices=(0, 1, 2, 3),
    dynamic_img_size=True,
    depth=4,
    embed_dim=24,
)
PYRAMID = dict(
    type="mmseg.Feature2Pyramid",
    embed_dim=24,
    rescales=[4, 2, 1, 0.5],
    norm_cfg=dict(type="BN", requires_grad=True),
)
