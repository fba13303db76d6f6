"""3,200 iterations of batch 4, a step after every fourth: 800 steps of 16 images.

For some dozens of images and a backbone with weights (docs/few_images.md). As
schedule_2k_pretrained.py, with a warm-up over the first 50 steps. Evaluated is the
moving average of the weights, over the last tenth of the training so far and at most 50
steps. The best checkpoint is kept, and the training ends after four evaluations without
a better one. Another score than mIoU is named in both save_best and monitor.
"""

_base_ = "schedule_2k_pretrained.py"

accumulated = 4  # iterations to a step; all other numbers are iterations
optim_wrapper = dict(accumulative_counts=accumulated)
train_cfg = dict(max_iters=3200, val_interval=400)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=200, by_epoch=False),
    dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1),
]
average = dict(
    type="EMAHook",
    ema_type="MomentumAnnealingEMA",
    interval=accumulated,
    gamma=10 * accumulated,
    momentum=1 / 50,
    update_buffers=True,  # the statistics of batch norms, too
)
early_stopping = dict(
    type="EarlyStoppingHook",
    monitor="mIoU",
    rule="greater",
    min_delta=0.1,
    patience=4,
    strict=True,
)
custom_hooks = [average, early_stopping]
default_hooks = dict(
    checkpoint=dict(interval=400, max_keep_ckpts=2, save_best="mIoU", rule="greater")
)
