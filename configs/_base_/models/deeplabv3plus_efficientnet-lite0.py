"""DeepLabV3+ of MMSegmentation on the EfficientNet-Lite0 of MaskFormer.

The backbone keeps its own output stride, 32, where the paper has 16: crops of 256 have
8 cells, and the rates are 2, 3 and 4.
"""

_base_ = ["deeplabv3plus_r18.py", "efficientnet-lite0.py"]

model = dict(
    data_preprocessor=_base_.centred,
    backbone=_base_.efficientnet_lite0,
    decode_head=dict(
        in_channels=_base_.widths[3],
        c1_in_channels=_base_.widths[0],
        dilations=(1, 2, 3, 4),
    ),
    auxiliary_head=dict(in_channels=_base_.widths[2]),
)
