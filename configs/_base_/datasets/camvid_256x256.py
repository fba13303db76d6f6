"""CamVid, 11 classes, random 256 x 256 crops; whole 480 x 360 images in evaluation.

The folder is found at MASKFORMER_DATA/camvid, by default data/camvid.
"""

data_root = "{{$MASKFORMER_DATA:data}}/camvid"
crop_size = (256, 256)
train_pipeline = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadLabelMap"),
    dict(
        type="RandomResize", scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=255)),
    dict(type="PackSegInputs"),
]
test_pipeline = [  # the host's inference looks for this name; it is our LoadImage
    dict(type="LoadImageFromFile", _scope_="mmseg_maskformer"),
    dict(type="mmseg_maskformer.LoadLabelMap"),
    dict(type="PackSegInputs"),
]
tta_resize = dict(type="mmseg_maskformer.ResizeWithLabels", keep_ratio=True)
tta_views = dict(
    type="TestTimeAug",
    transforms=[
        [
            dict(**tta_resize, scale_factor=factor)
            for factor in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
        ],
        [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
        [dict(type="mmseg_maskformer.LoadLabelMap")],
        [dict(type="PackSegInputs")],
    ],
)
tta_pipeline = [dict(type="mmseg_maskformer.LoadImage"), tta_views]
dataset = dict(type="mmseg_maskformer.CamVidDataset", data_root=data_root)
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        **dataset,
        data_prefix=dict(img_path="images/train", seg_map_path="annotations/train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        **dataset,
        data_prefix=dict(img_path="images/val", seg_map_path="annotations/val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
