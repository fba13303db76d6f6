"""Mask2Former Swin-B (IN-22K) on COCO instance: paper Table 2, 48.1 AP.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-b-in22k_8xb2-lsj-50e_coco-instance.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-b.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/coco_instance_lsj.py",
    "../_base_/schedules/schedule_50e_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
