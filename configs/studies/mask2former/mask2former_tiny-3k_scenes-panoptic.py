"""Mask2Former on scenes for 3,000 iterations: what its ablations start from.

Strides 4, 8, 16 and 32, unlike the demo: the three memories have 4, 8 and 16
cells on a side, so that it matters which of them are read.

python tools/train.py configs/studies/mask2former/mask2former_tiny-3k_scenes-panoptic.py
"""

_base_ = "../../mask2former/mask2former_tiny_scenes-panoptic.py"

model = dict(backbone=dict(strides=(1, 2, 2, 2)))
train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
