"""Panoptic MaskFormer with ResNet-50 and six encoder layers in the pixel decoder."""

_base_ = ["maskformer_r50.py", "detector.py"]

model = dict(
    _delete_=True,
    **_base_.detector,
    backbone=_base_.model.backbone,
    in_channels=_base_.model.decode_head.in_channels,
    pixel_decoder=dict(
        **_base_.model.decode_head.pixel_decoder,
        encoder=dict(type="TransformerEncoder", num_layers=6),
    ),
    transformer_decoder=_base_.model.decode_head.transformer_decoder,
    criterion=_base_.model.decode_head.criterion,
)
