"""Mask2Former Swin-B (IN-22K) on Cityscapes instance: 42.0 AP, 68.8 AP50.

bash tools/dist_train.sh \
configs/mask2former/mask2former_swin-b-in22k_8xb2-90k_cityscapes-instance-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-b.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/cityscapes_instance_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(_base_.panoptic, num_things_classes=8)
