"""Mask2Former Swin-L (IN-22K) on ADE20K instance: 34.9 AP.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-160k_ade20k-instance-640x640.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l-200q.py",
    "../_base_/models/mask2former_instance.py",
    "../_base_/datasets/ade20k_instance_640x640.py",
    "../_base_/schedules/schedule_160k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(_base_.panoptic, num_things_classes=100)
train_dataloader = dict(batch_size=1)
