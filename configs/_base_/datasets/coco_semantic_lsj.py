"""COCO semantic, 133 classes, with large-scale jitter, two images a GPU; colours stay.

The folder is found at MASKFORMER_DATA/coco, by default under data; label maps are those
that tools/dataset_converters/coco_semantic.py writes. Images are evaluated at the size
of the panoptic recipe.
"""

_base_ = "ade20k_512x512.py"

jitter = dict(
    type="mmseg_maskformer.LargeScaleJitter", size=(1024, 1024), scales=(0.1, 2.0)
)
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    dict(type="RandomFlip", prob=0.5),
    jitter,
    _base_.pack,
]
test_pipeline = [
    _base_.test_load,
    dict(**_base_.resize_once, scale=(1333, 800)),
    _base_.load_labels,
    _base_.pack,
]
tta_pipeline = None  # the paper has no scales for it
dataset = dict(
    type="mmseg_maskformer.COCOSemanticDataset",
    data_root="{{$MASKFORMER_DATA:data}}/coco",
    reduce_zero_label=False,
)
train_prefix = dict(img_path="train2017", seg_map_path="panoptic_semseg_train2017")
val_prefix = dict(img_path="val2017", seg_map_path="panoptic_semseg_val2017")
train_dataloader = dict(
    dataset=dict(**dataset, data_prefix=train_prefix, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(**dataset, data_prefix=val_prefix, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
