"""720,000 iterations of batch 16: the recipe of the paper for ADE20K panoptic."""

_base_ = "schedule_160k.py"

param_scheduler = [
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=720001, by_epoch=False)
]
train_cfg = dict(max_iters=720000)
