"""Clothing Co-Parsing, 55 classes, random crops of 256 x 192; whole images to evaluate.

Images of 384 x 264 are resized by 0.6 to 1.4, so that a crop holds most of a person.
mIoU is the mean over the classes that occur in the validation images, and beside it
over those that are frequent, common and rare in training. 22, 9 or 3 classes, which are
unions of these: num_classes of the data sets and of the model (docs/evidence.md).
The folder is found at MASKFORMER_DATA/ccp, by default data/ccp.
"""

_base_ = "camvid_256x256.py"

crop_size = (256, 192)
load, labels, resize, crop, flip, colours, pad, pack = _base_.train_pipeline
train_pipeline = [
    *(load, labels),
    dict(resize, scale=(384, 264), ratio_range=(0.6, 1.4)),
    dict(crop, crop_size=crop_size),
    *(flip, colours),
    dict(pad, size=crop_size[::-1]),  # width, height
    pack,
]
dataset = dict(
    type="mmseg_maskformer.CCPDataset",
    data_root="{{$MASKFORMER_DATA:data}}/ccp",
    num_classes=55,
)
train_dataloader = dict(batch_size=8, dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
val_evaluator = dict(type="mmseg_maskformer.IoUMetric")
test_evaluator = val_evaluator
