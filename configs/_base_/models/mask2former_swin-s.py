"""Mask2Former with Swin-S, windows of 7."""

_base_ = ["maskformer_swin-s.py", "mask2former.py"]

model = _base_.mask2former
