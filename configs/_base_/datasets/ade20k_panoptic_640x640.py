"""ADE20K panoptic, 100 things and 50 stuff, crops of 640, short sides 320 to 1280.

The folder is found at MASKFORMER_DATA/ade/ADEChallengeData2016, by default under data,
after tools/dataset_converters/ade20k_panoptic.py has written into it. The colours are
changed by MMSegmentation's transform: MMDetection's also swaps channels.
"""

_base_ = "coco_panoptic.py"

crop_size = (640, 640)
train_pipeline = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadPanopticMap"),
    dict(**_base_.resize, scales=[(2560, 64 * j) for j in range(5, 21)]),
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="mmseg.PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=0)),
    dict(type="mmseg_maskformer.PackPanopticInputs"),
]
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(2560, 640))
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
val_evaluator = [
    dict(type="mmseg_maskformer.PanopticQuality"),
    dict(type="SemSegMetric", iou_metrics=["mIoU"]),
]
test_evaluator = val_evaluator
