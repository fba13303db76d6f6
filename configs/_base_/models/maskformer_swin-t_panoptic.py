"""Panoptic MaskFormer with Swin-T, the network of its semantic twin.

The backbone is MMSegmentation's: MMDetection's does not load the same weights.
"""

_base_ = ["maskformer_swin-t.py", "detector.py"]

model = dict(
    _delete_=True,
    **_base_.detector,
    backbone=dict(_base_.model.backbone, type="mmseg.SwinTransformer"),
    in_channels=_base_.model.decode_head.in_channels,
    pixel_decoder=_base_.model.decode_head.pixel_decoder,
    transformer_decoder=_base_.model.decode_head.transformer_decoder,
    criterion=_base_.model.decode_head.criterion,
)
