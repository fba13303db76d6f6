"""1,500 iterations of batch 4, for the demos; otherwise as the schedule of 4,000.

lr(t) = 5e-4 * (1 - t / 1500) ** 0.9, times a linear warm-up over the first 50 steps.
"""

_base_ = "schedule_4k.py"

optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=1501, by_epoch=False),
]
train_cfg = dict(max_iters=1500)
