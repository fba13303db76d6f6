"""Mask2Former with Swin-B, windows of 12, pretrained on ImageNet-1K."""

_base_ = "mask2former_swin-b.py"

weights = f"{_base_.pretrained}swin_base_patch4_window12_384_20220317-55b0104a.pth"
model = dict(backbone=dict(init_cfg=dict(checkpoint=weights)))
