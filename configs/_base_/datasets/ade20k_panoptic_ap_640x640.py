"""ADE20K panoptic, evaluated in AP too: of instances as ade20k_instance.py has them."""

_base_ = "ade20k_panoptic_640x640.py"

instances = f"{_base_.dataset.data_root}/ade20k_instance_val.json"
mask_ap = dict(_base_.mask_ap, ann_file=instances)
val_evaluator = [_base_.panoptic_quality, mask_ap, _base_.mean_iou]
test_evaluator = val_evaluator
