"""Mask2Former with ResNet-50 and frozen batch norms."""

_base_ = ["maskformer_r50.py", "mask2former.py"]

model = _base_.mask2former
