"""60,000 iterations of batch 32: the recipe of the paper for COCO-Stuff-10K."""

_base_ = "schedule_160k.py"

iterations = 60000
param_scheduler = [dict(**_base_.poly, end=iterations + 1)]
train_cfg = dict(max_iters=iterations)
auto_scale_lr = dict(base_batch_size=32)
