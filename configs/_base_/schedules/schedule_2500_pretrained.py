"""2,500 iterations of batch 4, the learning rate of the backbone times 0.1.

Otherwise as schedule_5k.py, the warm-up included.
"""

_base_ = "schedule_5k.py"

optim_wrapper = dict(paramwise_cfg=dict(backbone_lr_mult=0.1))
train_cfg = dict(max_iters=2500, val_interval=500)
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
