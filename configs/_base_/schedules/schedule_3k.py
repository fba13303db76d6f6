"""3,000 iterations of batch 4, for studies on scenes; otherwise that of the demos."""

_base_ = "schedule_1500.py"

train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
