"""Small panoptic MaskFormer with EfficientNet-Lite0 and ImageNet weights.

Decoder and losses are those of maskformer_r18-6enc_panoptic.py, and so are the strides,
4, 8, 16, 16: the last stage dilates, which keeps its weights.
"""

_base_ = ["maskformer_r18-6enc_panoptic.py", "efficientnet-lite0.py"]

model = dict(
    data_preprocessor=_base_.centred,
    backbone=dict(_base_.efficientnet_lite0, output_stride=16),
    decode_head=dict(in_channels=_base_.widths),
)
