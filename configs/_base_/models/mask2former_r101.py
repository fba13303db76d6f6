"""Mask2Former with ResNet-101 and frozen batch norms."""

_base_ = ["maskformer_r101.py", "mask2former.py"]

model = _base_.mask2former
