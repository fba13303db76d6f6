"""100 epochs of COCO, 737,500 iterations of batch 16: Mask2Former with Swin-L."""

_base_ = "schedule_50e_mask2former.py"

train_cfg = dict(max_iters=737500)
param_scheduler = [dict(_base_.steps, milestones=[655556, 710184], end=737500)]
