"""Mask2Former Swin-L (IN-22K) on COCO instance: paper Table 2, 50.1 AP.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-lsj-100e_coco-instance.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l-200q.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/coco_instance_lsj.py",
    "../_base_/schedules/schedule_100e_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
train_dataloader = dict(batch_size=1)
