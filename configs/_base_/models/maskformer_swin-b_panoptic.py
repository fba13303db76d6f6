"""Panoptic MaskFormer with Swin-B, the network of its semantic twin."""

_base_ = ["maskformer_swin-b.py", "detector.py"]

model = dict(
    _delete_=True,
    **_base_.detector,
    backbone=dict(_base_.model.backbone, type="mmseg.SwinTransformer"),
    in_channels=_base_.model.decode_head.in_channels,
    pixel_decoder=_base_.model.decode_head.pixel_decoder,
    transformer_decoder=_base_.model.decode_head.transformer_decoder,
    criterion=_base_.model.decode_head.criterion,
)
