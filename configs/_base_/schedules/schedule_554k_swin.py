"""554,400 iterations of batch 64: the recipe of the paper for COCO with a Swin."""

_base_ = "schedule_160k_swin.py"

iterations = 554400
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(
        type="MultiStepLR",
        milestones=[369600],
        gamma=0.1,
        end=iterations,
        by_epoch=False,
    ),
]
train_cfg = dict(max_iters=iterations)
auto_scale_lr = dict(base_batch_size=64)
