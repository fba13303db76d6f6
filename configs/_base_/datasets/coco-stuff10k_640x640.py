"""COCO-Stuff-10K, 171 classes, as tools/dataset_converters/coco_stuff10k.py writes it.

The folder is found at MASKFORMER_DATA/coco/coco_stuff_10k, by default under data.
"""

_base_ = "ade20k_640x640.py"

resize = dict(_base_.resize, scales=[(2560, 64 * j) for j in range(5, 16)])
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    resize,
    _base_.crop,
    *_base_.colours_and_flip,
    _base_.pad,
    _base_.pack,
]
dataset = dict(
    type="COCOStuffDataset",
    data_root="{{$MASKFORMER_DATA:data}}/coco/coco_stuff_10k",
    seg_map_suffix=".png",
    reduce_zero_label=False,
)
train_prefix = dict(
    img_path="images_detectron2/train", seg_map_path="annotations_detectron2/train"
)
val_prefix = dict(
    img_path="images_detectron2/test", seg_map_path="annotations_detectron2/test"
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(**dataset, data_prefix=train_prefix, pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(**dataset, data_prefix=val_prefix))
test_dataloader = val_dataloader
