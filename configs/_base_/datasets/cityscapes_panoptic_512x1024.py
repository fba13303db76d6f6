"""Cityscapes panoptic, 8 things and 11 stuff, crops of 512 x 1024.

The folder is found at MASKFORMER_DATA/cityscapes, by default under data, with
leftImg8bit, and in gtFine what createPanopticImgs of the Cityscapes scripts writes. The
paper trains no such model; scales, crops and colours are those of its semantic ones.
No crop is smaller than 512 x 1024, so nothing is padded.
"""

_base_ = "ade20k_panoptic_640x640.py"

crop_size = (512, 1024)
*steps, pad, pack = _base_.train_pipeline
train_pipeline = [*steps, pack]
train_pipeline[2].update(scales=[(4096, int(1024 * 0.1 * j)) for j in range(5, 21)])
train_pipeline[3].update(crop_size=(1024, 512))  # MMDetection's order
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(2048, 1024))
dataset = dict(
    type="mmseg_maskformer.CityscapesPanopticDataset",
    data_root="{{$MASKFORMER_DATA:data}}/cityscapes",
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="gtFine/cityscapes_panoptic_train.json",
        data_prefix=dict(
            img="leftImg8bit/train", seg="gtFine/cityscapes_panoptic_train"
        ),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="gtFine/cityscapes_panoptic_val.json",
        data_prefix=dict(img="leftImg8bit/val", seg="gtFine/cityscapes_panoptic_val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
