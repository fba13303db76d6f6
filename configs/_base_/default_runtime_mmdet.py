"""What every panoptic and instance config shares: MMDetection's scope."""

_base_ = "default_runtime.py"

default_scope = "mmdet"
visualizer = dict(type="mmseg_maskformer.PanopticVisualizer")
env_cfg = dict(cudnn_benchmark=False)  # inputs have many sizes
