"""What every config shares: scope, checks, environment, log and pictures."""

default_scope = "mmseg"
# Lets the hosts' own tools import their models where mmcv has no compiled operators,
# and checks every run: classes, labels, loss and schedule.
custom_imports = dict(imports=["mmseg_maskformer.checks"], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
log_processor = dict(by_epoch=False)
log_level = "INFO"
tta_model = dict(type="mmseg_maskformer.MaskFormerTTA")
vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(
    type="mmseg_maskformer.SemanticVisualizer",
    vis_backends=vis_backends,
    name="visualizer",
)
load_from = None
resume = False
