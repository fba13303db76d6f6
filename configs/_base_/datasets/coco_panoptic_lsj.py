"""COCO panoptic with large-scale jitter, two images a GPU; colours stay."""

_base_ = "coco_panoptic.py"

jitter = dict(
    type="mmseg_maskformer.LargeScaleJitter", size=(1024, 1024), scales=(0.1, 2.0)
)
train_pipeline = [*_base_.load, _base_.flip, jitter, _base_.pack]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
