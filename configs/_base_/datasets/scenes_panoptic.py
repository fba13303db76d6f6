"""Scenes drawn on the fly, 6 thing and 6 stuff classes, every thing told apart."""

_base_ = "scenes.py"

test_pipeline = tta_pipeline = None  # of semantic maps only
pipeline = [dict(type="mmseg_maskformer.PackPanopticInputs")]
train_dataloader = dict(
    dataset=dict(type="mmseg_maskformer.PanopticScenesDataset", pipeline=pipeline)
)
val_pipeline = [
    dict(type="mmseg_maskformer.PackPanopticInputs", with_host_targets=True)
]
val_dataloader = dict(
    dataset=dict(type="mmseg_maskformer.PanopticScenesDataset", pipeline=val_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="SemSegMetric", iou_metrics=["mIoU"]),
    dict(type="mmseg_maskformer.PanopticQuality"),
]
test_evaluator = val_evaluator
