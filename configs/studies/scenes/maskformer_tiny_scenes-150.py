"""MaskFormer on scenes of 150 classes, 100 queries: paper Table 2, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny_scenes-150.py
"""

_base_ = [
    "../../_base_/models/maskformer_tiny.py",
    "../../_base_/datasets/scenes_150.py",
    "../../_base_/schedules/schedule_3k.py",
    "../../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    decode_head=dict(
        num_classes=_base_.num_classes,
        network=dict(transformer_decoder=dict(num_queries=100)),
    ),
)
