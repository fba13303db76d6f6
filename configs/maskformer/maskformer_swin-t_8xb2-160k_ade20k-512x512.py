"""MaskFormer Swin-T on ADE20K: paper Table 1, 46.7 mIoU, 48.8 multi-scale.

The paper mentions neither the warm-up nor the drop path of 0.3; its code has both.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-t_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-t.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k_swin.py",
    "../_base_/default_runtime.py",
]
