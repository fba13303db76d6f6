"""What every panoptic and instance config shares: MMDetection's scope."""

_base_ = "default_runtime.py"

default_scope = "mmdet"
visualizer = dict(type="mmseg_maskformer.PanopticVisualizer")
custom_hooks = [dict(type="mmseg_maskformer.CheckClassesHook")]
