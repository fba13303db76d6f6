"""ADE20K, 150 classes, with the scales, crops and colours of the paper's code.

The folder is found at MASKFORMER_DATA/ade/ADEChallengeData2016, by default under data.
Images are resized by Pillow, which averages when it shrinks; label maps take the
nearest label by the rule of the paper's code.
"""

data_root = "{{$MASKFORMER_DATA:data}}/ade/ADEChallengeData2016"
crop_size = (512, 512)
load_image = dict(type="mmseg_maskformer.LoadImage")
load_labels = dict(type="mmseg_maskformer.LoadLabelMap")
pack = dict(type="PackSegInputs")
resize = dict(
    type="RandomChoiceResize",
    scales=[(2048, int(512 * 0.1 * j)) for j in range(5, 21)],
    resize_type="mmseg_maskformer.ResizeWithLabels",
    keep_ratio=True,
)
crop = dict(type="RandomCrop", crop_size=crop_size)
colours_and_flip = [
    dict(type="PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
]
pad = dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=255))
train_pipeline = [
    load_image,
    load_labels,
    resize,
    crop,
    *colours_and_flip,
    pad,
    pack,
]
# The host's inference looks for this name; it is our LoadImage.
test_load = dict(type="LoadImageFromFile", _scope_="mmseg_maskformer")
resize_once = dict(type="mmseg_maskformer.ResizeWithLabels", keep_ratio=True)
test_pipeline = [
    test_load,
    dict(**resize_once, scale=(2048, 512)),
    load_labels,
    pack,
]
flips = [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)]
after_resize = [flips, [load_labels], [pack]]
tta_scales = [(3584, side) for side in (256, 384, 512, 640, 768, 896)]
tta_pipeline = [
    load_image,
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(**resize_once, scale=scale) for scale in tta_scales],
            *after_resize,
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
