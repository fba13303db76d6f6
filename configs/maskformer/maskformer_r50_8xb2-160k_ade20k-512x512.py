"""MaskFormer R50 on ADE20K, paper Table 1: 44.5 mIoU, 46.7 with multi-scale and flip.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k.py",
    "../_base_/default_runtime.py",
]
