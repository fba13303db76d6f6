"""COCO panoptic with training images of at most 1,000 pixels a side, for Swin-L."""

_base_ = "coco_panoptic.py"

train_pipeline = _base_.train_pipeline
train_pipeline[4].update(scales=[(1000, side) for side in range(480, 801, 32)])
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
