"""PerPixelBaseline R50 on ADE20K: 39.2 mIoU (paper Table 2), 40.9 multi-scale.

bash tools/dist_train.sh \
    configs/per_pixel_baseline/per_pixel_baseline_r50_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/per_pixel_baseline_r50.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k.py",
    "../_base_/default_runtime.py",
]
