"""MaskFormer with EfficientNet-Lite0 and ImageNet weights."""

_base_ = ["maskformer_r50.py", "efficientnet-lite0.py"]

model = dict(
    data_preprocessor=_base_.centred,
    backbone=_base_.efficientnet_lite0,
    decode_head=dict(in_channels=_base_.widths),
)
