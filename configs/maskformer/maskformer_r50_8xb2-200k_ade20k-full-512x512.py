"""MaskFormer R50 on ADE20K-Full: 16.0 mIoU.

The paper once says 874 classes; there are 847.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50_8xb2-200k_ade20k-full-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50.py",
    "../_base_/datasets/ade20k-full_512x512.py",
    "../_base_/schedules/schedule_200k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(seg_pad_val=65535),
    decode_head=dict(num_classes=847, ignore_index=65535),
)
