"""ADE20K for the larger Swin transformers: crops of 640, short sides 320 to 1280."""

_base_ = "ade20k_512x512.py"

crop_size = (640, 640)
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(scales=[(2560, 64 * j) for j in range(5, 21)])
train_pipeline[3].update(crop_size=crop_size)
train_pipeline[6].update(size=crop_size)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(2560, 640))
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[0] = [
    dict(**_base_.tta_resize, scale=(4480, side))
    for side in (320, 480, 640, 800, 960, 1120)
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
