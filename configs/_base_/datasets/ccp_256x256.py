"""Clothing Co-Parsing, 55 classes, random 256 x 256 crops; whole images in evaluation.

mIoU is the mean over the classes that occur in the validation images, and beside it
over those that are frequent, common and rare in training. 22, 9 or 3 classes, which are
unions of these: num_classes of the data sets and of the model (docs/evidence.md).
The folder is found at MASKFORMER_DATA/ccp, by default data/ccp.
"""

_base_ = "camvid_256x256.py"

train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(_base_.train_pipeline[2], scale=(384, 264)),  # the size of the images
    *_base_.train_pipeline[3:],
]
dataset = dict(
    type="mmseg_maskformer.CCPDataset",
    data_root="{{$MASKFORMER_DATA:data}}/ccp",
    num_classes=55,
)
train_dataloader = dict(
    batch_size=8, dataset=dict(**dataset, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
val_evaluator = dict(type="mmseg_maskformer.IoUMetric")
test_evaluator = val_evaluator
