"""Panoptic MaskFormer with ResNet-101 and six encoder layers in the pixel decoder."""

_base_ = "maskformer_r50-6enc_panoptic.py"

model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint="torchvision://resnet101"))
)
