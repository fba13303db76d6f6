"""2,000 iterations of batch 4, for small data sets and backbones with weights.

As schedule_4k.py, the learning rate of the backbone times 0.1.
"""

_base_ = "schedule_4k.py"

optim_wrapper = dict(paramwise_cfg=dict(backbone_lr_mult=0.1))
train_cfg = dict(max_iters=2000)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
