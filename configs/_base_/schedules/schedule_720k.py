"""720,000 iterations of batch 16: the recipe of the paper for ADE20K panoptic."""

_base_ = "schedule_160k.py"

iterations = 720000
param_scheduler = [dict(**_base_.poly, end=iterations + 1)]
train_cfg = dict(max_iters=iterations)
