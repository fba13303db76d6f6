"""Mapillary Vistas v1.2, 65 classes; label 65, unlabeled, is void.

The folder is found at MASKFORMER_DATA/mapillary_vistas, by default under data. Crops
of 1280 from short sides 1024 to 4096; evaluation at a long side of 2048.
"""

_base_ = "ade20k_512x512.py"

crop_size = (1280, 1280)
scales = [(8192, int(2048 * 0.1 * j)) for j in range(5, 21)]
resize = dict(_base_.resize, scales=scales)
crop = dict(_base_.crop, crop_size=crop_size)
pad = dict(_base_.pad, size=crop_size, pad_val=dict(img=128, seg=65))
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    resize,
    crop,
    *_base_.colours_and_flip,
    pad,
    _base_.pack,
]
test_pipeline = [
    _base_.test_load,
    dict(**_base_.resize_once, scale=(2048, 2048)),
    _base_.load_labels,
    _base_.pack,
]
tta_scales = [(side, side) for side in (1024, 2048, 3072)]
tta_pipeline = [
    _base_.load_image,
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(**_base_.resize_once, scale=scale) for scale in tta_scales],
            *_base_.after_resize,
        ],
    ),
]
dataset = dict(
    type="mmseg_maskformer.MapillaryVistasDataset",
    data_root="{{$MASKFORMER_DATA:data}}/mapillary_vistas",
    reduce_zero_label=False,
)
train_prefix = dict(img_path="training/images", seg_map_path="training/labels")
val_prefix = dict(img_path="validation/images", seg_map_path="validation/labels")
train_dataloader = dict(
    dataset=dict(**dataset, data_prefix=train_prefix, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(**dataset, data_prefix=val_prefix, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = dict(ignore_index=65)
test_evaluator = val_evaluator
