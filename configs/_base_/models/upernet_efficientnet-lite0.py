"""UperNet of MMSegmentation on the EfficientNet-Lite0 of MaskFormer."""

_base_ = ["upernet_r18.py", "efficientnet-lite0.py"]

model = dict(
    data_preprocessor=_base_.centred,
    backbone=_base_.efficientnet_lite0,
    decode_head=dict(in_channels=_base_.widths),
    auxiliary_head=dict(in_channels=_base_.widths[2]),
)
