"""ADE20K-Full, 847 classes, as tools/dataset_converters/ade20k_full.py writes it.

The folder is found at MASKFORMER_DATA/ADE20K_2021_17_01, by default under data. Labels
have 16 bits; 65535 is void.
"""

_base_ = "ade20k_512x512.py"

pad = dict(_base_.pad, pad_val=dict(img=128, seg=65535))
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    _base_.resize,
    _base_.crop,
    *_base_.colours_and_flip,
    pad,
    _base_.pack,
]
dataset = dict(
    type="mmseg_maskformer.ADE20KFullDataset",
    data_root="{{$MASKFORMER_DATA:data}}/ADE20K_2021_17_01",
    reduce_zero_label=False,
)
train_prefix = dict(
    img_path="images_detectron2/training",
    seg_map_path="annotations_detectron2/training",
)
val_prefix = dict(
    img_path="images_detectron2/validation",
    seg_map_path="annotations_detectron2/validation",
)
train_dataloader = dict(
    dataset=dict(**dataset, data_prefix=train_prefix, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(**dataset, data_prefix=val_prefix))
test_dataloader = val_dataloader
val_evaluator = dict(ignore_index=65535)
test_evaluator = val_evaluator
