"""50 epochs of COCO, 368,750 iterations of batch 16: the recipe of Mask2Former.

A tenth of the learning rate from 8/9 of the training on, a hundredth from 26/27 on.
"""

_base_ = "schedule_160k_mask2former.py"

steps = dict(type="MultiStepLR", gamma=0.1, by_epoch=False)
train_cfg = dict(max_iters=368750)
param_scheduler = [dict(steps, milestones=[327778, 355092], end=368750)]
