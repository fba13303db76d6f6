"""MaskFormer on scenes of 20 classes, 50 queries: paper Table 2, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny_scenes-20.py
"""

_base_ = [
    "../../_base_/models/maskformer_tiny.py",
    "../../_base_/datasets/scenes_20.py",
    "../../_base_/schedules/schedule_3k.py",
    "../../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    decode_head=dict(
        num_classes=_base_.num_classes,
        network=dict(transformer_decoder=dict(num_queries=50)),
    ),
)
