"""4,000 iterations of batch 4, for small data sets and backbones without weights.

AdamW, one learning rate for all, no decay of norms and embeddings, gradients clipped
to a norm of 1, lr(t) = 3e-4 * (1 - t / 4000) ** 0.9.
"""

_base_ = "schedule_160k.py"

optim_wrapper = dict(
    paramwise_cfg=dict(backbone_lr_mult=1.0),
    optimizer=dict(lr=3e-4),
    clip_grad=dict(max_norm=1.0),
)
train_cfg = dict(max_iters=4000, val_interval=500)
param_scheduler = [dict(_base_.param_scheduler[-1], end=train_cfg["max_iters"] + 1)]
default_hooks = dict(checkpoint=dict(interval=500))
auto_scale_lr = dict(base_batch_size=4)
