"""554,400 iterations of batch 64: the recipe of the paper for COCO with a ResNet.

About 300 epochs, as DETR; a tenth of the learning rate from iteration 369,600 on.
"""

_base_ = "schedule_160k.py"

train_cfg = dict(max_iters=554400)
param_scheduler = [
    dict(
        type="MultiStepLR",
        milestones=[369600],
        gamma=0.1,
        end=train_cfg["max_iters"],
        by_epoch=False,
    )
]
auto_scale_lr = dict(base_batch_size=64)
