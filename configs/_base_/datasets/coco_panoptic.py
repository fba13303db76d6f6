"""COCO panoptic, 80 things and 53 stuff, with the random scales and crops of DETR.

The folder is found at MASKFORMER_DATA/coco, by default under data, with the folders
train2017, val2017, panoptic_train2017 and panoptic_val2017, and annotations with the
JSON files of the panoptic and the instance task.

Half of the training images are enlarged by a crop: they are brought to a short side of
400, 500 or 600 and cut to a height and a width between 384 and 600. Colours stay.
"""

data_root = "{{$MASKFORMER_DATA:data}}/coco"
resize = dict(
    type="RandomChoiceResize",
    resize_type="mmseg_maskformer.ResizeWithLabels",
    keep_ratio=True,
)
unlimited = 1_000_000  # pixels of the long side
load = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadPanopticMap"),
]
flip = dict(type="RandomFlip", prob=0.5)
enlarge = dict(
    type="RandomApply",
    prob=0.5,
    transforms=[
        dict(**resize, scales=[(unlimited, side) for side in (400, 500, 600)]),
        dict(type="RandomCrop", crop_type="absolute_range", crop_size=(384, 600)),
    ],
)
pack = dict(type="mmseg_maskformer.PackPanopticInputs")
train_pipeline = [
    *load,
    flip,
    enlarge,
    dict(**resize, scales=[(1333, side) for side in range(480, 801, 32)]),
    pack,
]
# The host's inference looks for this name; it is our LoadImage.
test_load = dict(type="LoadImageFromFile", _scope_="mmseg_maskformer")
test_resize = dict(
    type="mmseg_maskformer.ResizeWithLabels", scale=(1333, 800), keep_ratio=True
)
test_pack = [
    dict(type="mmseg_maskformer.LoadPanopticMap"),
    dict(type="mmseg_maskformer.PackPanopticInputs", with_host_targets=True),
]
test_pipeline = [test_load, test_resize, *test_pack]
dataset = dict(type="mmseg_maskformer.CocoPanopticDataset", data_root=data_root)
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        **dataset,
        ann_file="annotations/panoptic_train2017.json",
        data_prefix=dict(img="train2017", seg="panoptic_train2017"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        **dataset,
        ann_file="annotations/panoptic_val2017.json",
        data_prefix=dict(img="val2017", seg="panoptic_val2017"),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
panoptic_quality = dict(type="mmseg_maskformer.PanopticQuality")
mask_ap = dict(
    type="mmseg_maskformer.CocoMetric",
    ann_file=f"{data_root}/annotations/instances_val2017.json",
    metric="segm",
)
mean_iou = dict(type="SemSegMetric", iou_metrics=["mIoU"])
val_evaluator = [panoptic_quality, mask_ap, mean_iou]
test_evaluator = val_evaluator
