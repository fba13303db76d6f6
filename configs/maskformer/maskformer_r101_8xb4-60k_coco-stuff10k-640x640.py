"""MaskFormer R101 on COCO-Stuff-10K: 38.1 mIoU, 39.8 multi-scale.

The paper jitters scales by 0.5 to 2; its code and this file by 0.5 to 1.5.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101_8xb4-60k_coco-stuff10k-640x640.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101.py",
    "../_base_/datasets/coco-stuff10k_640x640.py",
    "../_base_/schedules/schedule_60k.py",
    "../_base_/default_runtime.py",
]

model = dict(decode_head=dict(num_classes=171))
