"""Mask2Former R101 on Cityscapes instance: 38.5 AP, 63.9 AP50.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_r101_8xb2-90k_cityscapes-instance-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_r101-syncbn.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/cityscapes_instance_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(_base_.panoptic, num_things_classes=8)
