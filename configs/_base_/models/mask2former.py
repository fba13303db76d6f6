"""Turns a MaskFormer model into Mask2Former: another network, another loss.

Deformable attention over three levels, nine masked decoder layers, mask losses on
12,544 points. A config names this file beside a MaskFormer model and merges it into the
model: model = _base_.mask2former. The losses alone serve MaskFormer, too.
"""

point_losses = dict(
    _delete_=True,
    type="SetCriterion",
    loss_cls=dict(type="ClassificationLoss", weight=2.0, no_object_weight=0.1),
    loss_mask=dict(type="BCEMaskLoss", weight=5.0),
    loss_dice=dict(type="DiceLoss", weight=5.0),
    masks=dict(type="PointMasks", num_points=12544),
)
mask2former = dict(
    decode_head=dict(
        network=dict(
            _delete_=True,
            type="MaskFormer",
            pixel_decoder=dict(type="MSDeformAttnPixelDecoder"),
            transformer_decoder=dict(type="MaskedTransformerDecoder", num_queries=100),
        ),
        criterion=point_losses,
    ),
)
