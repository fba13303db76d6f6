"""Mask2Former with ResNet-50 whose batch norms train, over all GPUs together."""

_base_ = "mask2former_r50.py"

norms = dict(norm_cfg=dict(type="SyncBN", requires_grad=True), norm_eval=False)
model = dict(backbone=norms)
