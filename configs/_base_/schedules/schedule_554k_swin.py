"""554,400 iterations of batch 64: the recipe of the paper for COCO with a Swin."""

_base_ = "schedule_160k_swin.py"

train_cfg = dict(max_iters=554400)
param_scheduler = [
    _base_.param_scheduler[0],  # warm-up
    dict(
        type="MultiStepLR",
        milestones=[369600],
        gamma=0.1,
        end=train_cfg["max_iters"],
        by_epoch=False,
    ),
]
auto_scale_lr = dict(base_batch_size=64)
