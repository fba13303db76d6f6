"""60,000 iterations of batch 32: the recipe of the paper for COCO-Stuff-10K."""

_base_ = "schedule_160k.py"

param_scheduler = [
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=60001, by_epoch=False)
]
train_cfg = dict(max_iters=60000)
auto_scale_lr = dict(base_batch_size=32)
