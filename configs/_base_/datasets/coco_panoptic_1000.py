"""COCO panoptic with training images of at most 1,000 pixels a side, for Swin-L."""

_base_ = "coco_panoptic.py"

train_pipeline = [
    *_base_.load,
    _base_.flip,
    _base_.enlarge,
    dict(**_base_.resize, scales=[(1000, side) for side in range(480, 801, 32)]),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
