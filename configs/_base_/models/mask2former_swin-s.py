"""Mask2Former with Swin-S, windows of 7."""

_base_ = ["maskformer_swin-s.py", "mask2former.py"]

# Also in MMDetection, whose own does not load the same weights.
model = dict(_base_.mask2former, backbone=dict(type="mmseg.SwinTransformer"))
