"""Scenes drawn on the fly, 6 thing and 6 stuff classes; evaluation on another seed."""

scene = dict(num_things=6, num_stuff=6, size=(128, 128), noise=0.03)
pipeline = [dict(type="PackSegInputs")]
test_pipeline = [  # of image files; the loader's name as in camvid_256x256.py
    dict(type="LoadImageFromFile", _scope_="mmseg_maskformer"),
    dict(type="PackSegInputs"),
]
tta_resize = dict(type="mmseg_maskformer.ResizeWithLabels", keep_ratio=True)
tta_pipeline = [
    dict(
        type="TestTimeAug",
        transforms=[
            [  # the first view is the scene itself: its label map is evaluated
                dict(**tta_resize, scale_factor=factor)
                for factor in (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)
            ],
            [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
            [dict(type="PackSegInputs")],
        ],
    ),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmseg_maskformer.ScenesDataset",
        num_images=20000,
        seed=0,
        scene=scene,
        pipeline=pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmseg_maskformer.ScenesDataset",
        num_images=200,
        seed=1,
        scene=scene,
        pipeline=pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
