"""Mask2Former Swin-B (IN-22K) on ADE20K: paper Table 3, 53.9 mIoU.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-b-in22k_8xb2-160k_ade20k-640x640.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-b.py",
    "../_base_/datasets/ade20k_640x640.py",
    "../_base_/schedules/schedule_160k_mask2former.py",
    "../_base_/default_runtime.py",
]
