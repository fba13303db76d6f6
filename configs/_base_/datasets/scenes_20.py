"""Scenes of 10 thing and 10 stuff classes, for studies: mIoU and PQ of every class."""

_base_ = "scenes.py"

scene = dict(num_things=10, num_stuff=10)
num_classes = scene["num_things"] + scene["num_stuff"]
train_dataloader = dict(dataset=dict(scene=scene))
val_dataloader = dict(dataset=dict(scene=scene))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="IoUMetric", iou_metrics=["mIoU"]),
    dict(type="mmseg_maskformer.PanopticQuality"),
]
test_evaluator = val_evaluator
