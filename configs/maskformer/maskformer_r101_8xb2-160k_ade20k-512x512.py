"""MaskFormer R101 on ADE20K: paper Table 1, 45.5 mIoU, 47.2 multi-scale.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k.py",
    "../_base_/default_runtime.py",
]
