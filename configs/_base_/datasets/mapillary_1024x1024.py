"""Mapillary Vistas v1.2 with crops of 1024; otherwise as mapillary_1280x1280.py."""

_base_ = "mapillary_1280x1280.py"

crop_size = (1024, 1024)
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    _base_.resize,
    dict(_base_.crop, crop_size=crop_size),
    *_base_.colours_and_flip,
    dict(_base_.pad, size=crop_size),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
