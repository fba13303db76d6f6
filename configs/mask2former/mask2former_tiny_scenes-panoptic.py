"""A small panoptic Mask2Former on rendered scenes, beside MaskFormer's demo.

Backbone, scenes and schedule are the demo's.

python tools/train.py configs/mask2former/mask2former_tiny_scenes-panoptic.py
"""

_base_ = [
    "../demo/maskformer_tiny_scenes-panoptic.py",
    "../_base_/models/mask2former_tiny.py",
]

model = dict(_base_.mask2former, test_cfg=dict(panoptic_rule="mask2former"))
