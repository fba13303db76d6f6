"""Cityscapes instance, 8 classes, crops of 512 x 1024.

The folder is found at MASKFORMER_DATA/cityscapes, by default under data, with
leftImg8bit, and in annotations what cityscapes.py of MMDetection's dataset_converters
writes. AP is COCO's; that of the paper is by the scripts of Cityscapes, which
MMDetection's CityScapesMetric runs. Objects that are cropped away stay, with empty
masks.
"""

_base_ = "ade20k_instance_640x640.py"

scales = [(4096, int(1024 * 0.1 * j)) for j in range(5, 21)]
train_pipeline = [
    *_base_.load,
    dict(**_base_.resize, scales=scales),
    _base_.colours,
    _base_.flip,
    dict(type="mmseg_maskformer.RandomWindow", size=(512, 1024)),
    _base_.pack_objects,
]
test_resize = dict(_base_.test_resize, scale=(2048, 1024))
test_pipeline = [_base_.test_load, test_resize, *_base_.test_objects]
data_root = "{{$MASKFORMER_DATA:data}}/cityscapes"
dataset = dict(type="mmseg_maskformer.CityscapesInstanceDataset", data_root=data_root)
files = "annotations/instancesonly_filtered_gtFine"
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file=f"{files}_train.json",
        data_prefix=dict(img="leftImg8bit/train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file=f"{files}_val.json",
        data_prefix=dict(img="leftImg8bit/val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
mask_ap = dict(_base_.mask_ap, ann_file=f"{data_root}/{files}_val.json")
val_evaluator = [mask_ap]
test_evaluator = val_evaluator
