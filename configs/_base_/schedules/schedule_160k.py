"""160,000 iterations of batch 16: the recipe of the paper for ADE20K with a ResNet.

AdamW, backbone at a tenth of the learning rate, no decay of norms and embeddings,
gradients clipped to a norm of 0.01, lr(t) = lr * (1 - t / 160000) ** 0.9.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="mmseg_maskformer.ModulewiseOptimWrapperConstructor",
    paramwise_cfg=dict(backbone_lr_mult=0.1),
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=1e-4, fused=True),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160000, val_interval=5000)
param_scheduler = [  # PolyLR reaches eta_min one step before `end`
    dict(
        type="PolyLR",
        power=0.9,
        eta_min=0.0,
        begin=0,
        end=train_cfg["max_iters"] + 1,
        by_epoch=False,
    )
]
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="CheckpointHook", by_epoch=False, interval=5000, max_keep_ckpts=3
    ),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="mmseg_maskformer.VisualizationHook"),  # paints if asked to
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
