"""Mask2Former Swin-T on ADE20K: paper Table 3, 47.7 mIoU.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-t_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-t.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k_mask2former.py",
    "../_base_/default_runtime.py",
]
