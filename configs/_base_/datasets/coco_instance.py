"""COCO instance, 80 classes, with the random scales and crops of DETR.

The folder is found at MASKFORMER_DATA/coco, by default under data, with the folders
train2017, val2017 and annotations. Images without an object are left out, and objects
that are cropped away removed.
"""

_base_ = "coco_panoptic.py"

load = [  # by the names that analyze_results of the host looks for
    _base_.test_load,
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
]
large = [(_base_.unlimited, side) for side in (400, 500, 600)]
crop = dict(type="RandomCrop", crop_type="absolute_range", crop_size=(384, 600))
keep_visible = dict(
    type="FilterAnnotations", by_box=False, by_mask=True, keep_empty=False
)
pack_objects = dict(type="PackDetInputs")
train_pipeline = [
    *load,
    _base_.flip,
    dict(
        type="RandomApply",
        prob=0.5,
        transforms=[dict(**_base_.resize, scales=large), crop],
    ),
    dict(**_base_.resize, scales=[(1333, side) for side in range(480, 801, 32)]),
    keep_visible,
    pack_objects,
]
test_objects = [dict(type="LoadAnnotations", with_bbox=True), pack_objects]
test_pipeline = [_base_.test_load, _base_.test_resize, *test_objects]
dataset = dict(
    _delete_=True,
    type="mmseg_maskformer.CocoInstanceDataset",
    data_root=_base_.data_root,
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="annotations/instances_train2017.json",
        data_prefix=dict(img="train2017"),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="annotations/instances_val2017.json",
        data_prefix=dict(img="val2017"),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [_base_.mask_ap]
test_evaluator = val_evaluator
