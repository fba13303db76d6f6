"""Mapillary Vistas v1.2 panoptic, 37 things and 28 stuff, crops of 1024.

The folder is found at MASKFORMER_DATA/mapillary_vistas, by default under data, as
released: panoptic_2018.json lies in {training,validation}/panoptic, beside the maps.
"""

_base_ = "ade20k_panoptic_640x640.py"

crop_size = (1024, 1024)
scales = [(8192, int(2048 * 0.1 * j)) for j in range(5, 21)]
train_pipeline = [
    *_base_.load,
    dict(**_base_.resize, scales=scales),
    dict(type="RandomCrop", crop_size=crop_size),
    _base_.colours,
    _base_.flip,
    dict(type="Pad", size=crop_size, pad_val=dict(img=128, seg=0)),
    _base_.pack,
]
test_resize = dict(_base_.test_resize, scale=(2048, 2048))
test_pipeline = [_base_.test_load, test_resize, *_base_.test_pack]
dataset = dict(
    type="mmseg_maskformer.MapillaryPanopticDataset",
    data_root="{{$MASKFORMER_DATA:data}}/mapillary_vistas",
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="training/panoptic/panoptic_2018.json",
        data_prefix=dict(img="training/images", seg="training/panoptic"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="validation/panoptic/panoptic_2018.json",
        data_prefix=dict(img="validation/images", seg="validation/panoptic"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
