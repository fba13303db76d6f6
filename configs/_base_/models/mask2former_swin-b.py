"""Mask2Former with Swin-B, windows of 12, pretrained on ImageNet-22K."""

_base_ = ["maskformer_swin-b.py", "mask2former.py"]

model = _base_.mask2former
