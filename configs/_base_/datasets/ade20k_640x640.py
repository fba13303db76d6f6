"""ADE20K for the larger Swin transformers: crops of 640, short sides 320 to 1280."""

_base_ = "ade20k_512x512.py"

crop_size = (640, 640)
resize = dict(_base_.resize, scales=[(2560, 64 * j) for j in range(5, 21)])
crop = dict(_base_.crop, crop_size=crop_size)
pad = dict(_base_.pad, size=crop_size)
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    resize,
    crop,
    *_base_.colours_and_flip,
    pad,
    _base_.pack,
]
test_pipeline = [
    _base_.test_load,
    dict(**_base_.resize_once, scale=(2560, 640)),
    _base_.load_labels,
    _base_.pack,
]
tta_scales = [(4480, side) for side in (320, 480, 640, 800, 960, 1120)]
tta_pipeline = [
    _base_.load_image,
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(**_base_.resize_once, scale=scale) for scale in tta_scales],
            *_base_.after_resize,
        ],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
