"""Mask2Former Swin-L (IN-22K) on Cityscapes instance: 43.7 AP, 71.4 AP50.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
configs/mask2former/mask2former_swin-l-in22k_16xb1-90k_cityscapes-instance-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l-200q.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/cityscapes_instance_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(_base_.panoptic, num_things_classes=8)
train_dataloader = dict(batch_size=1)
