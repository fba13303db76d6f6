"""A small Mask2Former on rendered scenes, 12 classes, beside MaskFormer's demo.

Backbone, scenes and schedule are the demo's.

python tools/train.py configs/mask2former/mask2former_tiny_scenes.py
"""

_base_ = [
    "../demo/maskformer_tiny_scenes.py",
    "../_base_/models/mask2former_tiny.py",
]

model = _base_.mask2former
