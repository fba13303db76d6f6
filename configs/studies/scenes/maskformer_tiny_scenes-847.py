"""MaskFormer on scenes of 847 classes, 100 queries: paper Table 2, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny_scenes-847.py
"""

_base_ = [
    "../../_base_/models/maskformer_tiny.py",
    "../../_base_/datasets/scenes_847.py",
    "../../_base_/schedules/schedule_3k.py",
    "../../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    data_preprocessor=dict(seg_pad_val=65535),
    decode_head=dict(
        num_classes=_base_.num_classes,
        ignore_index=65535,
        network=dict(transformer_decoder=dict(num_queries=100)),
    ),
)
