"""Nuclei of the Data Science Bowl 2018 as instances, by the host's own pipeline.

Scales, crops and folders are those of the panoptic layout; masks and boxes come from
instances_{train,val}.json and go through MMDetection's transforms.
"""

_base_ = "dsb2018_panoptic.py"

load = [  # by the names that analyze_results of the host looks for
    _base_.test_load,
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
]
resize = dict(
    type="RandomResize", scale=_base_.scale, ratio_range=(0.7, 1.4), keep_ratio=True
)
train_pipeline = [
    *load,
    resize,
    *_base_.crop_flip_colours,
    dict(type="FilterAnnotations", by_box=False, by_mask=True),  # cropped away
    dict(type="PackDetInputs"),
]
test_pipeline = [
    _base_.test_load,
    dict(type="mmseg_maskformer.CheckArray"),
    dict(type="Resize", scale=_base_.test_scale, keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs"),
]
dataset = dict(
    _delete_=True,
    type="mmseg_maskformer.CocoInstanceDataset",
    data_root=_base_.data_root,
    metainfo=dict(classes=("nucleus",)),
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="instances_train.json",
        data_prefix=dict(img="images/train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="instances_val.json",
        data_prefix=dict(img="images/val"),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [_base_.mask_ap]
test_evaluator = val_evaluator
