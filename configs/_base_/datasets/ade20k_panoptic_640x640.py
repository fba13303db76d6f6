"""ADE20K panoptic, 100 things and 50 stuff, crops of 640, short sides 320 to 1280.

The folder is found at MASKFORMER_DATA/ade/ADEChallengeData2016, by default under data,
after tools/dataset_converters/ade20k_panoptic.py has written into it. The colours are
changed by MMSegmentation's transform: MMDetection's also swaps channels.
"""

_base_ = "coco_panoptic.py"

crop_size = (640, 640)
colours = dict(type="mmseg.PhotoMetricDistortion")
train_pipeline = [
    *_base_.load,
    dict(**_base_.resize, scales=[(2560, 64 * j) for j in range(5, 21)]),
    dict(type="RandomCrop", crop_size=crop_size),
    colours,
    _base_.flip,
    dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=0)),
    _base_.pack,
]
test_resize = dict(_base_.test_resize, scale=(2560, 640))
test_pipeline = [_base_.test_load, test_resize, *_base_.test_pack]
dataset = dict(
    type="mmseg_maskformer.ADE20KPanopticDataset",
    data_root="{{$MASKFORMER_DATA:data}}/ade/ADEChallengeData2016",
)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        **dataset,
        ann_file="ade20k_panoptic_train.json",
        data_prefix=dict(img="images/training", seg="ade20k_panoptic_train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="ade20k_panoptic_val.json",
        data_prefix=dict(img="images/validation", seg="ade20k_panoptic_val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [_base_.panoptic_quality, _base_.mean_iou]
test_evaluator = val_evaluator
