"""3,000 iterations of batch 4, for studies on scenes; otherwise that of the demos."""

_base_ = "schedule_1500.py"

param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=3001, by_epoch=False),
]
train_cfg = dict(max_iters=3000, val_interval=1000)
