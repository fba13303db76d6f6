"""5,000 iterations of batch 4, otherwise as the schedule of 4,000."""

_base_ = "schedule_4k.py"

param_scheduler = [
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=5001, by_epoch=False)
]
train_cfg = dict(max_iters=5000, val_interval=1000)
