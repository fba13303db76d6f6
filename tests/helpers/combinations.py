"""Heads with parts of MaskFormer and Mask2Former in any combination."""

from __future__ import annotations

from tests.helpers.semantic import (
    PIXEL_DECODER,
    TRANSFORMER_DECODER,
    build_head,
    network_of,
)

PYRAMID = dict(PIXEL_DECODER, multi_scale_memory=True)
WITH_ENCODER = dict(
    PYRAMID,
    encoder=dict(
        type="TransformerEncoder", num_layers=1, embed_dim=16, num_heads=4, ffn_dim=32
    ),
)
DEFORMABLE = dict(
    type="MSDeformAttnPixelDecoder",
    embed_dim=16,
    mask_channels=16,
    num_layers=1,
    num_heads=4,
    ffn_dim=32,
    num_groups=4,
)
MASKED = dict(
    TRANSFORMER_DECODER, type="MaskedTransformerDecoder", num_layers=3, dropout=0.0
)
POINTS = dict(type="PointMasks", num_points=30, importance_ratio=0.0)
DENSE = dict(type="DenseMasks")
# pixel decoder, query decoder, and where masks are matched and compared
COMBINATIONS = {
    "Mask2Former": (DEFORMABLE, MASKED, POINTS, POINTS),
    "with every pixel": (DEFORMABLE, MASKED, DENSE, DENSE),
    "with every pixel in matching": (DEFORMABLE, MASKED, DENSE, POINTS),
    "with every pixel in losses": (DEFORMABLE, MASKED, POINTS, DENSE),
    "with a pyramid": (PYRAMID, MASKED, POINTS, POINTS),
    "with a pyramid and an encoder": (WITH_ENCODER, MASKED, POINTS, POINTS),
    "with MaskFormer's decoder": (DEFORMABLE, TRANSFORMER_DECODER, POINTS, POINTS),
    "MaskFormer at points": (PIXEL_DECODER, TRANSFORMER_DECODER, POINTS, POINTS),
}


def combined_head(name):
    pixels, queries, matched, compared = COMBINATIONS[name]
    criterion = dict(
        type="SetCriterion",
        loss_cls=dict(type="ClassificationLoss", weight=2.0),
        loss_mask=dict(type="BCEMaskLoss", weight=5.0),
        loss_dice=dict(type="DiceLoss", weight=5.0),
        masks=compared,
    )
    if matched is not compared:  # its costs are those of the losses
        criterion["assigner"] = dict(type="HungarianAssigner", masks=matched)
    parts = network_of(pixel_decoder=pixels, transformer_decoder=queries)
    return build_head(**parts, criterion=criterion)
