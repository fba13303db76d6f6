"""The recipe of the paper for a Swin transformer: one learning rate for all of it.

lr(t) = 6e-5 * (1 - t / 160000) ** 0.9, times a linear warm-up from 1e-6 to 1 over the
first 1,500 iterations; weight decay 0.01.
"""

_base_ = "schedule_160k.py"

optim_wrapper = dict(
    paramwise_cfg=dict(backbone_lr_mult=1.0), optimizer=dict(lr=6e-5, weight_decay=0.01)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    _base_.param_scheduler[0],
]
