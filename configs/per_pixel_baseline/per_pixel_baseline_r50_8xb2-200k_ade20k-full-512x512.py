"""PerPixelBaseline R50 on ADE20K-Full: 12.4 mIoU (paper Table 2).

The paper once says 874 classes; there are 847.

bash tools/dist_train.sh \
    configs/per_pixel_baseline/per_pixel_baseline_r50_8xb2-200k_ade20k-full-512x512.py 8
"""

_base_ = [
    "../_base_/models/per_pixel_baseline_r50.py",
    "../_base_/datasets/ade20k-full_512x512.py",
    "../_base_/schedules/schedule_200k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(seg_pad_val=65535),
    decode_head=dict(num_classes=847, ignore_index=65535),
)
