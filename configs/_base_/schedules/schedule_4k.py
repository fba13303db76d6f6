"""4,000 iterations of batch 4, for small data sets and backbones without weights.

AdamW, one learning rate for all, no decay of norms and embeddings, gradients clipped
to a norm of 1, lr(t) = 3e-4 * (1 - t / 4000) ** 0.9.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="mmseg_maskformer.ModulewiseOptimWrapperConstructor",
    paramwise_cfg=dict(backbone_lr_mult=1.0),
    optimizer=dict(type="AdamW", lr=3e-4, weight_decay=1e-4, fused=True),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
# PolyLR reaches eta_min one step before `end`, hence max_iters + 1.
param_scheduler = [
    dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=4001, by_epoch=False)
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=4000, val_interval=500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(enable=False, base_batch_size=4)
