"""Cityscapes, 19 classes, crops of 512 x 1024, short sides 512 to 2048.

The folder is found at MASKFORMER_DATA/cityscapes, by default under data. No crop is
smaller than 512 x 1024, so nothing is padded.
"""

_base_ = "ade20k_512x512.py"

crop_size = (512, 1024)
scales = [(4096, int(1024 * 0.1 * j)) for j in range(5, 21)]
resize = dict(_base_.resize, scales=scales)
crop = dict(_base_.crop, crop_size=crop_size)
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    resize,
    crop,
    *_base_.colours_and_flip,
    _base_.pack,
]
test_pipeline = [
    _base_.test_load,
    dict(**_base_.resize_once, scale=(2048, 1024)),
    _base_.load_labels,
    _base_.pack,
]
tta_scales = [(4096, side) for side in (512, 768, 1024, 1280, 1536, 1792)]
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
    type="CityscapesDataset",
    data_root="{{$MASKFORMER_DATA:data}}/cityscapes",
    reduce_zero_label=False,
)
train_prefix = dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train")
val_prefix = dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val")
train_dataloader = dict(
    dataset=dict(**dataset, data_prefix=train_prefix, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(**dataset, data_prefix=val_prefix, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
