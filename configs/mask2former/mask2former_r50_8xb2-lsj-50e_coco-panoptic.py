"""Mask2Former R50 on COCO panoptic: paper Table 1, 51.9 PQ.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/mask2former_r50.py",
    "../_base_/models/mask2former_panoptic.py",
    "../_base_/datasets/coco_panoptic_lsj.py",
    "../_base_/schedules/schedule_50e_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
