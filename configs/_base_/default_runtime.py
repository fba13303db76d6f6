"""What every config shares: scope, environment, checks, log and pictures."""

default_scope = "mmseg"
# Lets the hosts' own tools import their models where mmcv has no compiled operators.
custom_imports = dict(imports=["mmseg_maskformer"], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
custom_hooks = [
    dict(type="mmseg_maskformer.CheckClassesHook"),
    dict(type="mmseg_maskformer.CheckLossHook"),
    dict(type="mmseg_maskformer.CheckLabelsHook"),
    dict(type="mmseg_maskformer.CheckMetricFilesHook"),
    dict(type="mmseg_maskformer.SeenLabelsHook"),
]
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
