"""Panoptic MaskFormer with ResNet-18 from scratch: trainable batch norms."""

_base_ = "maskformer_r50-6enc_panoptic.py"

model = dict(
    backbone=dict(
        depth=18,
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    in_channels=[64, 128, 256, 512],
)
