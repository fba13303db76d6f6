"""1,500 iterations of batch 4, for the demos; otherwise as the schedule of 4,000.

lr(t) = 5e-4 * (1 - t / 1500) ** 0.9, times a linear warm-up over the first 50 steps.
"""

_base_ = "schedule_4k.py"

optim_wrapper = dict(optimizer=dict(lr=5e-4))
train_cfg = dict(max_iters=1500)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
