"""Mask2Former Swin-L (IN-22K) on ADE20K: paper Table 3, 56.1 mIoU.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-160k_ade20k-640x640.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l.py",
    "../_base_/datasets/ade20k_640x640.py",
    "../_base_/schedules/schedule_160k_mask2former.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=1)
