"""Cityscapes panoptic, 8 things and 11 stuff, crops of 512 x 1024.

The folder is found at MASKFORMER_DATA/cityscapes, by default under data, with
leftImg8bit, and in gtFine what createPanopticImgs of the Cityscapes scripts writes.
Scales, crops and colours are those of the semantic models. No crop is smaller than
512 x 1024, so nothing is padded. AP is COCO's, of the things of the panoptic maps; that
of the paper is by the scripts of Cityscapes.
"""

_base_ = "ade20k_panoptic_640x640.py"

crop_size = (512, 1024)
scales = [(4096, int(1024 * 0.1 * j)) for j in range(5, 21)]
train_pipeline = [
    *_base_.load,
    dict(**_base_.resize, scales=scales),
    dict(type="RandomCrop", crop_size=(1024, 512)),  # MMDetection's order
    _base_.colours,
    _base_.flip,
    _base_.pack,
]
test_resize = dict(_base_.test_resize, scale=(2048, 1024))
test_pipeline = [_base_.test_load, test_resize, *_base_.test_pack]
dataset = dict(
    type="mmseg_maskformer.CityscapesPanopticDataset",
    data_root="{{$MASKFORMER_DATA:data}}/cityscapes",
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="gtFine/cityscapes_panoptic_train.json",
        data_prefix=dict(
            img="leftImg8bit/train", seg="gtFine/cityscapes_panoptic_train"
        ),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="gtFine/cityscapes_panoptic_val.json",
        data_prefix=dict(img="leftImg8bit/val", seg="gtFine/cityscapes_panoptic_val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    _base_.panoptic_quality,
    dict(type="mmseg_maskformer.ThingAP"),
    _base_.mean_iou,
]
test_evaluator = val_evaluator
