"""60,000 iterations of batch 32: the recipe of the paper for COCO-Stuff-10K."""

_base_ = "schedule_160k.py"

train_cfg = dict(max_iters=60000)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
auto_scale_lr = dict(base_batch_size=32)
