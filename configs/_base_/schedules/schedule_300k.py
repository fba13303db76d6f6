"""300,000 iterations of batch 16: the recipe of the paper for Mapillary Vistas."""

_base_ = "schedule_160k.py"

iterations = 300000
param_scheduler = [dict(**_base_.poly, end=iterations + 1)]
train_cfg = dict(max_iters=iterations)
