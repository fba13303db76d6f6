"""3,000 iterations of batch 4, for studies on scenes; otherwise that of the demos."""

_base_ = "schedule_1500.py"

iterations = 3000
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(**_base_.poly, end=iterations + 1),
]
train_cfg = dict(max_iters=iterations, val_interval=1000)
