"""Mask2Former R101 on Cityscapes panoptic: 62.4 PQ.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_r101_8xb2-90k_cityscapes-panoptic-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_r101-syncbn.py",
    "../_base_/models/mask2former_panoptic.py",
    "../_base_/datasets/cityscapes_panoptic_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(_base_.panoptic, num_things_classes=8, num_stuff_classes=11)
