"""A small MaskFormer on rendered scenes, 12 classes, from scratch in minutes on a CPU.

python tools/demo.py
"""

_base_ = [
    "../_base_/models/maskformer_tiny.py",
    "../_base_/datasets/scenes.py",
    "../_base_/schedules/schedule_1500.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(decode_head=dict(num_classes=12))
