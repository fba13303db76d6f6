"""MaskFormer R101c on ADE20K: paper Table 1, 46.0 mIoU, 48.1 multi-scale.

The dilations of the last stage (1, 2, 4) are in the code, not in the paper.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101c_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101c.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k.py",
    "../_base_/default_runtime.py",
]
