"""5,000 iterations of batch 4, otherwise as the schedule of 4,000.

lr(t) = 2e-4 * (1 - t / 5000) ** 0.9, times a linear warm-up over the first 100 steps.
Queries collapse into one at 4e-4.
"""

_base_ = "schedule_4k.py"

optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(max_iters=5000, val_interval=1000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
