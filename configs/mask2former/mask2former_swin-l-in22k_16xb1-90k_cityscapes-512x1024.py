"""Mask2Former Swin-L (IN-22K) on Cityscapes: 83.3 mIoU.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-90k_cityscapes-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l.py",
    "../_base_/datasets/cityscapes_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime.py",
]

model = dict(decode_head=dict(num_classes=19))
train_dataloader = dict(batch_size=1)
