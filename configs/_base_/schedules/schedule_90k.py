"""90,000 iterations of batch 16: the recipe of the paper for Cityscapes."""

_base_ = "schedule_160k.py"

train_cfg = dict(max_iters=90000)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
