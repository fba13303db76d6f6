"""Mask2Former with Swin-B, windows of 12, pretrained on ImageNet-22K."""

_base_ = ["maskformer_swin-b.py", "mask2former.py"]

# Also in MMDetection, whose own does not load the same weights.
model = dict(_base_.mask2former, backbone=dict(type="mmseg.SwinTransformer"))
