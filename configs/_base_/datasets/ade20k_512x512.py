"""ADE20K, 150 classes, with the scales, crops and colours of the paper's code.

The folder is found at MASKFORMER_DATA/ade/ADEChallengeData2016, by default under data.
Images are resized by Pillow, which averages when it shrinks; label maps take the
nearest label by the rule of the paper's code.
"""

data_root = "{{$MASKFORMER_DATA:data}}/ade/ADEChallengeData2016"
crop_size = (512, 512)
train_pipeline = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadLabelMap"),
    dict(
        type="RandomChoiceResize",
        scales=[(2048, int(512 * 0.1 * j)) for j in range(5, 21)],
        resize_type="mmseg_maskformer.ResizeWithLabels",
        keep_ratio=True,
    ),
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=255)),
    dict(type="PackSegInputs"),
]
test_pipeline = [  # the host's inference looks for this name; it is our LoadImage
    dict(type="LoadImageFromFile", _scope_="mmseg_maskformer"),
    dict(type="mmseg_maskformer.ResizeWithLabels", scale=(2048, 512), keep_ratio=True),
    dict(type="mmseg_maskformer.LoadLabelMap"),
    dict(type="PackSegInputs"),
]
tta_resize = dict(type="mmseg_maskformer.ResizeWithLabels", keep_ratio=True)
tta_pipeline = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [
                dict(**tta_resize, scale=(3584, side))
                for side in (256, 384, 512, 640, 768, 896)
            ],
            [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
            [dict(type="mmseg_maskformer.LoadLabelMap")],
            [dict(type="PackSegInputs")],
        ],
    ),
]
dataset = dict(type="ADE20KDataset", data_root=data_root, reduce_zero_label=True)
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        **dataset,
        data_prefix=dict(
            img_path="images/training", seg_map_path="annotations/training"
        ),
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
        data_prefix=dict(
            img_path="images/validation", seg_map_path="annotations/validation"
        ),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
