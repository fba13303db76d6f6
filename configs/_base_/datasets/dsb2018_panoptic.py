"""Nuclei of the Data Science Bowl 2018, panoptic: one thing class and background.

Random 256 x 256 crops of images whose shorter side is about 384; whole images in
evaluation, their shorter side 256: queries learn where things are in an input, so its
size must not change. The folder is found at MASKFORMER_DATA/dsb2018, by default
data/dsb2018.
"""

_base_ = "coco_panoptic.py"

data_root = "{{$MASKFORMER_DATA:data}}/dsb2018"
crop_size = (256, 256)
scale = (512, 384)
test_scale = (352, 256)
crop_flip_colours = [
    dict(type="RandomCrop", crop_size=crop_size),
    dict(
        type="RandomFlip",
        prob=[0.25, 0.25, 0.25],
        direction=["horizontal", "vertical", "diagonal"],
    ),
    dict(type="PhotoMetricDistortion"),
]
train_pipeline = [
    *_base_.load,
    dict(
        type="RandomResize",
        scale=scale,
        ratio_range=(0.7, 1.4),
        resize_type="mmseg_maskformer.ResizeWithLabels",
        keep_ratio=True,
    ),
    *crop_flip_colours,
    dict(_base_.pack, keep_empty=False),
]
test_resize = dict(_base_.test_resize, scale=test_scale)
test_pipeline = [_base_.test_load, test_resize, *_base_.test_pack]
dataset = dict(
    data_root=data_root,
    metainfo=dict(
        classes=("nucleus", "background"),
        thing_classes=("nucleus",),
        stuff_classes=("background",),
    ),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    dataset=dict(
        **dataset,
        ann_file="panoptic_train.json",
        data_prefix=dict(img="images/train", seg="panoptic_train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="panoptic_val.json",
        data_prefix=dict(img="images/val", seg="panoptic_val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
mask_ap = dict(_base_.mask_ap, ann_file=f"{data_root}/instances_val.json")
val_evaluator = [_base_.panoptic_quality, mask_ap, _base_.mean_iou]
test_evaluator = val_evaluator
