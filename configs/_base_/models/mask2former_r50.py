"""Mask2Former with ResNet-50: deformable attention, nine masked decoder layers.

Losses of the masks on 12,544 points; the backbone is MaskFormer's.
"""

_base_ = "maskformer_r50.py"

model = dict(
    decode_head=dict(
        _delete_=True,
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=[256, 512, 1024, 2048],
        num_classes=150,
        network=dict(
            type="MaskFormer",
            pixel_decoder=dict(type="MSDeformAttnPixelDecoder"),
            transformer_decoder=dict(type="MaskedTransformerDecoder", num_queries=100),
        ),
        criterion=dict(
            type="SetCriterion",
            loss_cls=dict(type="ClassificationLoss", weight=2.0, no_object_weight=0.1),
            loss_mask=dict(type="BCEMaskLoss", weight=5.0),
            loss_dice=dict(type="DiceLoss", weight=5.0),
            masks=dict(type="PointMasks", num_points=12544),
        ),
    ),
)
