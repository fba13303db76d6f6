"""Mask2Former with Swin-T, windows of 7."""

_base_ = ["maskformer_swin-t.py", "mask2former.py"]

model = _base_.mask2former
