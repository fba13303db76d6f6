"""90,000 iterations of batch 16: the recipe of Mask2Former for Cityscapes."""

_base_ = "schedule_160k_mask2former.py"

train_cfg = dict(max_iters=90000)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
