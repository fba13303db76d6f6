"""3,000 iterations of batch 8, otherwise as schedule_2k_pretrained.py."""

_base_ = "schedule_2k_pretrained.py"

train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
auto_scale_lr = dict(base_batch_size=8)
