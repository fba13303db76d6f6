"""ADE20K instance, 100 classes, crops of 640, short sides 320 to 1280.

The folder is found at MASKFORMER_DATA/ade/ADEChallengeData2016, by default under data,
after tools/dataset_converters/ade20k_instance.py has written into it. Objects that are
cropped away stay, with empty masks.
"""

_base_ = "coco_instance.py"

colours = dict(type="mmseg.PhotoMetricDistortion")
train_pipeline = [
    *_base_.load,
    dict(**_base_.resize, scales=[(2560, 64 * j) for j in range(5, 21)]),
    colours,
    _base_.flip,
    dict(type="mmseg_maskformer.RandomWindow", size=(640, 640)),
    _base_.pack_objects,
]
test_resize = dict(_base_.test_resize, scale=(2560, 640))
test_pipeline = [_base_.test_load, test_resize, *_base_.test_objects]
data_root = "{{$MASKFORMER_DATA:data}}/ade/ADEChallengeData2016"
dataset = dict(type="mmseg_maskformer.ADE20KInstanceDataset", data_root=data_root)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        **dataset,
        ann_file="ade20k_instance_train.json",
        data_prefix=dict(img="images/training"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="ade20k_instance_val.json",
        data_prefix=dict(img="images/validation"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
mask_ap = dict(_base_.mask_ap, ann_file=f"{data_root}/ade20k_instance_val.json")
val_evaluator = [mask_ap]
test_evaluator = val_evaluator
