"""Mask2Former R50 on Cityscapes: 79.4 mIoU.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_r50_8xb2-90k_cityscapes-512x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_r50-syncbn.py",
    "../_base_/datasets/cityscapes_512x1024.py",
    "../_base_/schedules/schedule_90k_mask2former.py",
    "../_base_/default_runtime.py",
]

model = dict(decode_head=dict(num_classes=19))
