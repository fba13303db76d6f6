"""MaskFormer Swin-L (IN-22K) on ADE20K: paper Table 1, 54.1 mIoU, 55.6 multi-scale.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-l-in22k_8xb2-160k_ade20k-640x640.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-l.py",
    "../_base_/datasets/ade20k_640x640.py",
    "../_base_/schedules/schedule_160k_swin.py",
    "../_base_/default_runtime.py",
]
