"""Mask2Former Swin-L (IN-22K) on COCO panoptic: paper Table 1, 57.8 PQ.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-lsj-100e_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l-200q.py",
    "../_base_/models/mask2former_panoptic.py",
    "../_base_/datasets/coco_panoptic_lsj.py",
    "../_base_/schedules/schedule_100e_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
train_dataloader = dict(batch_size=1)
